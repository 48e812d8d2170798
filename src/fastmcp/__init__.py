"""FastMCP, streamlined: Model Context Protocol servers and clients.

    from fastmcp import FastMCP

    mcp = FastMCP("MyServer")

    @mcp.tool
    def hello(name: str) -> str:
        return f"Hello, {name}!"

    mcp.run(transport="http", port=8000)

Importing the package loads nothing; each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmcp.client.client import Client as Client
    from fastmcp.exceptions import FastMCPDeprecationWarning as FastMCPDeprecationWarning
    from fastmcp.server.context import Context as Context
    from fastmcp.server.server import FastMCP as FastMCP
    from fastmcp.settings import settings as settings

__all__ = ["Client", "Context", "FastMCP", "FastMCPDeprecationWarning", "settings"]

_WHERE = {
    "Client": "fastmcp.client.client",
    "Context": "fastmcp.server.context",
    "FastMCP": "fastmcp.server.server",
    "FastMCPDeprecationWarning": "fastmcp.exceptions",
}


def __getattr__(name: str) -> Any:
    # `fastmcp.settings` is the instance, although `fastmcp/settings.py` is the class's module:
    # users read `fastmcp.settings.port`.
    if name == "settings":
        return importlib.import_module("fastmcp.settings").get_settings()
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("fastmcp-streamline")
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in ("client", "server"):
        return importlib.import_module(f"fastmcp.{name}")
    raise AttributeError(f"module 'fastmcp' has no attribute {name!r}")
