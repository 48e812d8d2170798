import asyncio

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore

mcp = FastMCP("MyServer")


@mcp.tool
async def long(ctx: Context) -> str:
    for step in range(6):
        await ctx.report_progress(step + 1, 6)
        if step == 2:
            await ctx.close_sse_stream()
        await asyncio.sleep(0.05)
    return "done"


event_store = EventStore()
app = mcp.http_app(event_store=event_store, retry_interval=2000)
