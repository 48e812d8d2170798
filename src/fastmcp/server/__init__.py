"""The server side's face. `create_proxy` is loaded when asked for: it brings the client with it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fastmcp.server.context import Context
from fastmcp.server.server import FastMCP

if TYPE_CHECKING:
    from fastmcp.proxy import create_proxy as create_proxy

__all__ = ["Context", "FastMCP", "create_proxy"]


def __getattr__(name: str) -> Any:
    if name == "create_proxy":
        return importlib.import_module("fastmcp.proxy").create_proxy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
