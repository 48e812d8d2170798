"""The server side's face."""

from fastmcp.server.context import Context
from fastmcp.server.server import FastMCP

__all__ = ["Context", "FastMCP"]
