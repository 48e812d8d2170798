import asyncio

from key_value.aio.stores.redis import RedisStore

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore

mcp = FastMCP("MyServer")


@mcp.tool
async def long(ctx: Context) -> str:
    for step in range(10):
        await ctx.report_progress(step + 1, 10)
        await asyncio.sleep(0.1)
    return "done"


redis_store = RedisStore(url="redis://localhost:6379")
event_store = EventStore(storage=redis_store, ttl=3600)
app = mcp.http_app(event_store=event_store)
