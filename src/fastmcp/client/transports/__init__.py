"""What a client can be connected through; see `base.py` for the idea."""

from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.http import StreamableHTTPTransport, StreamableHttpTransport
from fastmcp.client.transports.inference import infer_transport
from fastmcp.client.transports.memory import FastMCPTransport
from fastmcp.client.transports.stdio import StdioTransport
from fastmcp.client.transports.stdio_forms import (
    FastMCPStdioTransport,
    NodeStdioTransport,
    NpxStdioTransport,
    PythonStdioTransport,
    UvStdioTransport,
    UvxStdioTransport,
)

__all__ = [
    "ClientTransport",
    "FastMCPStdioTransport",
    "FastMCPTransport",
    "NodeStdioTransport",
    "NpxStdioTransport",
    "PythonStdioTransport",
    "StdioTransport",
    "StreamableHTTPTransport",
    "StreamableHttpTransport",
    "UvStdioTransport",
    "UvxStdioTransport",
    "infer_transport",
]
