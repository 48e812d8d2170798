"""The client's face: `Client` and the transports, imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fastmcp.client.auth import BearerAuth
    from fastmcp.client.client import Client
    from fastmcp.client.transports import (
        ClientTransport,
        FastMCPStdioTransport,
        FastMCPTransport,
        MCPConfigTransport,
        NodeStdioTransport,
        NpxStdioTransport,
        PythonStdioTransport,
        StdioTransport,
        StreamableHTTPTransport,
        StreamableHttpTransport,
        UvStdioTransport,
        UvxStdioTransport,
    )

__all__ = [
    "BearerAuth",
    "Client",
    "ClientTransport",
    "FastMCPStdioTransport",
    "FastMCPTransport",
    "MCPConfigTransport",
    "NodeStdioTransport",
    "NpxStdioTransport",
    "PythonStdioTransport",
    "StdioTransport",
    "StreamableHTTPTransport",
    "StreamableHttpTransport",
    "UvStdioTransport",
    "UvxStdioTransport",
]

_HOMES: Final = {
    "BearerAuth": "fastmcp.client.auth",
    "Client": "fastmcp.client.client",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "fastmcp.client.transports")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
