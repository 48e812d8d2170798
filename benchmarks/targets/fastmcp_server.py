"""`add` on FastMCP's API: run by this package, and by FastMCP 4 in its own environment."""

from __future__ import annotations

import sys

import uvicorn

from fastmcp import FastMCP

mcp = FastMCP("bench")


@mcp.tool
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


if __name__ == "__main__":
    port, kind, body = sys.argv[1:]
    app = mcp.http_app(stateless_http=kind == "stateless", json_response=body == "json")
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )
