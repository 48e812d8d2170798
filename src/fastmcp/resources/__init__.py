"""Resources: what a client may read by URI, one by one or by the form of their URIs."""

from fastmcp.resources.base import Resource, ResourceContent, ResourceResult
from fastmcp.resources.function_resource import FunctionResource, resource
from fastmcp.resources.security import ResourceSecurity
from fastmcp.resources.template import ResourceTemplate
from fastmcp.resources.types import (
    BinaryResource,
    DirectoryResource,
    FileResource,
    HttpResource,
    TextResource,
)

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
