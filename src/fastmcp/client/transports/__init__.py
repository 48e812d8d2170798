"""What a client can be connected through; see `base.py` for the idea."""

from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.config import MCPConfigTransport
from fastmcp.client.transports.http import StreamableHTTPTransport, StreamableHttpTransport
from fastmcp.client.transports.inference import infer_transport
from fastmcp.client.transports.memory import FastMCPTransport
from fastmcp.client.transports.sse import SSETransport
from fastmcp.client.transports.stdio import (
    FastMCPStdioTransport,
    NodeStdioTransport,
    NpxStdioTransport,
    PythonStdioTransport,
    StdioTransport,
    UvStdioTransport,
    UvxStdioTransport,
)

__all__ = [
    "ClientTransport",
    "FastMCPStdioTransport",
    "FastMCPTransport",
    "MCPConfigTransport",
    "NodeStdioTransport",
    "NpxStdioTransport",
    "PythonStdioTransport",
    "SSETransport",
    "StdioTransport",
    "StreamableHTTPTransport",
    "StreamableHttpTransport",
    "UvStdioTransport",
    "UvxStdioTransport",
    "infer_transport",
]
