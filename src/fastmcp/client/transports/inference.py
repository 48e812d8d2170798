"""Which transport a value means: an address, a script, a server object."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import AnyUrl

from fastmcp import mcp_config
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.config import MCPConfigTransport
from fastmcp.client.transports.memory import FastMCPTransport
from fastmcp.client.transports.remote import http_transport
from fastmcp.client.transports.stdio import NodeStdioTransport, PythonStdioTransport
from fastmcp.protocol.link import InProcessServer
from fastmcp.utilities.deprecation import deprecated

__all__ = ["infer_transport"]


def infer_transport(transport: Any) -> ClientTransport:
    """The transport that a value means.

    Args:
        transport: a `ClientTransport` (itself), a server object (in process), an http(s) URL
            (Streamable HTTP, or HTTP+SSE where the path says `/sse`; the other one where the server
            does not speak that), the path of a `.py` or `.js` script (a subprocess), an `MCPConfig`
            or the data of one.
    Raises:
        ValueError: none of these, or a configuration that is not right.
    """
    if isinstance(transport, ClientTransport):
        return transport
    if isinstance(transport, InProcessServer):
        return FastMCPTransport(transport)
    if isinstance(transport, Path):
        return _script_transport(transport)
    if isinstance(transport, AnyUrl) or (
        isinstance(transport, str) and transport.startswith("http")
    ):
        return http_transport(str(transport))
    if isinstance(transport, str):
        path = Path(transport)
        if path.suffix in (".py", ".js") and path.exists():
            deprecated(
                f"Write Client(Path({transport!r})) for a script: a plain string will mean a URL."
            )
            return _script_transport(path)
    if isinstance(transport, (Mapping, mcp_config.MCPConfig)):
        return MCPConfigTransport(cast("mcp_config.MCPConfig | Mapping[str, Any]", transport))
    raise ValueError(
        f"Could not infer a valid transport from: {str(transport)[:200]}. Give a URL, the Path of "
        "a .py or .js script that is there, a server object, an MCP configuration or a transport."
    )


def _script_transport(path: Path) -> ClientTransport:
    if path.suffix == ".py":
        return PythonStdioTransport(path)
    if path.suffix == ".js":
        return NodeStdioTransport(path)
    raise ValueError(f"Unsupported script type: {path}; .py and .js are supported.")
