"""Resources: what a client may read by URI, one by one or by the form of their URIs.

Those that need no function are loaded when they are asked for: few servers have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmcp.resources.base import Resource, ResourceContent, ResourceResult
from fastmcp.resources.function_resource import FunctionResource, resource
from fastmcp.resources.security import ResourceSecurity
from fastmcp.resources.template import ResourceTemplate
from fastmcp.utilities.lazy import later

if TYPE_CHECKING:
    from fastmcp.resources.types import (
        BinaryResource,
        DirectoryResource,
        FileResource,
        HttpResource,
        TextResource,
    )
else:
    _types = later("fastmcp.resources.types")

    def __getattr__(name: str) -> Any:
        if name in __all__:
            return getattr(_types, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "BinaryResource",
    "DirectoryResource",
    "FileResource",
    "FunctionResource",
    "HttpResource",
    "Resource",
    "ResourceContent",
    "ResourceResult",
    "ResourceSecurity",
    "ResourceTemplate",
    "TextResource",
    "resource",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
