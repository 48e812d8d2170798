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
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fastmcp.aliases import install

if TYPE_CHECKING:
    from fastmcp.client.client import Client as Client
    from fastmcp.client.group import ClientGroup as ClientGroup
    from fastmcp.exceptions import FastMCPDeprecationWarning as FastMCPDeprecationWarning
    from fastmcp.server.context import Context as Context
    from fastmcp.server.server import FastMCP as FastMCP
    from fastmcp.settings import settings as settings

__all__ = ["Client", "ClientGroup", "Context", "FastMCP", "FastMCPDeprecationWarning", "settings"]

install()


class _Package(ModuleType):
    """`fastmcp.settings` is the instance, although `fastmcp/settings.py` is its class's module.

    Users read `fastmcp.settings.port`. Importing the submodule would put the module itself
    under that name, so the name is a property that the import system cannot overwrite.
    """

    @property
    def settings(self) -> Any:
        return __getattr__("settings")

    @settings.setter
    def settings(self, value: object) -> None:
        """Ignores the import system."""


sys.modules[__name__].__class__ = _Package

_WHERE = {
    "Client": "fastmcp.client.client",
    "ClientGroup": "fastmcp.client.group",
    "Context": "fastmcp.server.context",
    "FastMCP": "fastmcp.server.server",
    "FastMCPDeprecationWarning": "fastmcp.exceptions",
}


def __getattr__(name: str) -> Any:
    if name == "settings":
        return importlib.import_module("fastmcp.settings").get_settings()
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("fastmcp-streamline")
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in ("client", "server"):
        return importlib.import_module(f"fastmcp.{name}")
    raise AttributeError(f"module 'fastmcp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
