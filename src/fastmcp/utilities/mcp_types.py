"""The protocol's models, `mcp_types`, loaded when the first of them is used.

Importing them builds some two hundred pydantic models, which takes as long as all else that a
server needs to start; and a server whose tools give text and JSON never holds one. So whatever a
server imports takes them from here:

    from fastmcp.utilities import mcp_types

and asks `is_loaded` before it looks for one: no value is of a class that nobody has loaded. A
request that takes them awaits `load` first, so that others need not wait for that.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fastmcp.utilities import camelcase, lazy
from fastmcp.utilities.lazy import later

if TYPE_CHECKING:
    # Every name of it, for whoever reads types; nothing is imported.
    from mcp_types import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
else:
    _models = later("mcp_types")

    def __getattr__(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(_models, name)
        camelcase.install(sys.modules["mcp_types"])
        return value


def is_loaded() -> bool:
    """Whether somebody has loaded them: all, for who waits for the rest holds up the loop."""
    return hasattr(sys.modules.get("mcp_types"), "__all__")


async def load() -> None:
    """Load them while the loop goes on."""
    await lazy.load("mcp_types")


if is_loaded():
    camelcase.install(sys.modules["mcp_types"])
