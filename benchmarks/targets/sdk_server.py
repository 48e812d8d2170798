"""The tools on the official SDK's own server class, in the SDK's environment."""

from __future__ import annotations

import gc
import sys

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from starlette.requests import Request
from starlette.responses import Response

mcp = MCPServer("bench", log_level="ERROR")


@mcp.tool()
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool()
def add_in_thread(a: int, b: int) -> int:
    """Adds two numbers, without being async."""
    return a + b


@mcp.tool()
async def steps(a: int, b: int, ctx: Context) -> int:
    """Adds two numbers in ten steps."""
    for step in range(1, 11):
        await ctx.report_progress(step, 10)
    return a + b


@mcp.custom_route("/collect", methods=["POST"])
async def collect(request: Request) -> Response:
    """Drops garbage, before memory is measured."""
    gc.collect()
    return Response(status_code=204)


if __name__ == "__main__":
    port, kind, body, _ = sys.argv[1:]
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
