"""`add` on the official SDK's own server class, in the SDK's environment."""

from __future__ import annotations

import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

mcp = MCPServer("bench", log_level="ERROR")


@mcp.tool()
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


if __name__ == "__main__":
    port, kind, body = sys.argv[1:]
    app = mcp.streamable_http_app(stateless_http=kind == "stateless", json_response=body == "json")
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )
