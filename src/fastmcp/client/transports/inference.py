"""Which transport a value means: an address, a script, a server object."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import AnyUrl

from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.http import HttpTransport, StreamableHttpTransport
from fastmcp.client.transports.memory import FastMCPTransport
from fastmcp.client.transports.orders import ORDERS, Order
from fastmcp.client.transports.sse import SSETransport
from fastmcp.client.transports.stdio import PythonStdioTransport
from fastmcp.exceptions import FastMCPDeprecationWarning
from fastmcp.protocol.link import InProcessServer

__all__ = ["http_transport", "infer_transport"]

_SSE_PATH: Final = re.compile(r"/sse(/|\?|&|$)")


def infer_transport(transport: Any) -> ClientTransport:
    """The transport that a value means.

    Args:
        transport: a `ClientTransport` (itself), a server object (in process), an http(s) URL
            (Streamable HTTP, or HTTP+SSE where the path says `/sse`; the other one where the server
            does not speak that), the path of a `.py` script (a subprocess).
    Raises:
        ValueError: none of these, or a kind that is not supported yet.
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
            warnings.warn(
                f"Write Client(Path({transport!r})) for a script: a plain string will mean a URL.",
                FastMCPDeprecationWarning,
                stacklevel=4,
            )
            return _script_transport(path)
    if isinstance(transport, Mapping) or type(transport).__name__ == "MCPConfig":
        raise ValueError(
            "MCP configurations are not supported yet: give the client one server, by URL, path "
            "or transport."
        )
    raise ValueError(f"Could not infer a valid transport from: {transport}")


def http_transport(url: str, order: Order | None = None, **options: Any) -> HttpTransport:
    """The transport for an address of a server.

    Args:
        url: http or https.
        order: of the transports that are tried; by default HTTP+SSE comes first where the path
            says `/sse`, and Streamable HTTP elsewhere.
        options: further arguments of the transport.
    """
    if order is None:
        order = "sse-first" if _SSE_PATH.search(urlsplit(url).path) else "http-first"
    kind = SSETransport if ORDERS[order][0] == "sse" else StreamableHttpTransport
    return kind(url, order=order, **options)


def _script_transport(path: Path) -> ClientTransport:
    if path.suffix == ".py":
        return PythonStdioTransport(path)
    if path.suffix == ".js":
        raise ValueError(
            "Node scripts are not inferred yet: pass StdioTransport('node', [path]) instead."
        )
    raise ValueError(f"Unsupported script type: {path}; .py is supported.")
