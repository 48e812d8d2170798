"""The server behind a network that fails: `python fragile.py PORT`. It counts what it carries out,
and tells the count where the network is whole."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from starlette.requests import Request
from starlette.responses import JSONResponse

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore

mcp = FastMCP("fragile")
carried_out: Counter[str] = Counter()


@mcp.tool
async def once(key: str) -> str:
    carried_out[key] += 1
    return key


@mcp.tool(annotations={"idempotentHint": True})
async def again(key: str) -> str:
    carried_out[key] += 1
    return key


@mcp.tool
async def told(key: str, ctx: Context) -> str:
    carried_out[key] += 1
    for step in range(4):
        await ctx.report_progress(step, 4, "x" * 200)
        await asyncio.sleep(0.01)
    return key


@mcp.tool
async def long(key: str) -> str:
    carried_out[key] += 1
    return key + "x" * 20_000


@mcp.custom_route("/counts", methods=["GET"])
async def counts(request: Request) -> JSONResponse:
    return JSONResponse(carried_out)


if __name__ == "__main__":
    mcp.run(
        transport="http",
        port=int(sys.argv[1]),
        show_banner=False,
        event_store=EventStore(),
        retry_interval=50,
    )
