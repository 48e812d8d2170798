"""Tools that last, behind a proxy. Run as `python server.py PORT`."""

from __future__ import annotations

import asyncio
import sys

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore

mcp = FastMCP("behind")


@mcp.tool
async def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


@mcp.tool
async def silent(seconds: float) -> str:
    """Says nothing for a while."""
    await asyncio.sleep(seconds)
    return "done"


@mcp.tool
async def steps(ctx: Context, count: int, pause: float) -> str:
    """Tells of each step."""
    for step in range(count):
        await ctx.report_progress(step + 1, count)
        await asyncio.sleep(pause)
    return "counted"


app = mcp.http_app(event_store=EventStore(), retry_interval=100)

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
