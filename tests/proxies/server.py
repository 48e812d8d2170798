"""Tools that last, behind a proxy. Run as `python server.py PORT [VARIANT]`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import Mount

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore

mcp = FastMCP("behind")
gate = asyncio.Event()


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


@mcp.tool
async def at_the_gate(ctx: Context) -> str:
    """Tells that it is there, and again when somebody has opened."""
    await ctx.report_progress(1, 2)
    await gate.wait()
    gate.clear()
    await ctx.report_progress(2, 2)
    return "through"


@mcp.tool
async def open_the_gate() -> None:
    """Lets the one at the gate through."""
    gate.set()


@mcp.tool
async def grow(name: str) -> None:
    """Adds a tool, which the server tells its clients."""
    mcp.tool(lambda: name, name=name)


class Looking(BaseHTTPMiddleware):
    """Passes everything on, as the middleware of many an application does."""

    async def dispatch(self, request: Request, call_next: Any) -> Any:
        """Adds a header."""
        response = await call_next(request)
        response.headers["x-looked"] = "yes"
        return response


app = mcp.http_app(event_store=EventStore(), retry_interval=100)
wrapped = mcp.http_app(middleware=[Middleware(Looking), Middleware(GZipMiddleware, minimum_size=1)])
old_and_new = mcp.http_app(legacy_sse=True)
VARIANTS: dict[str, Any] = {
    "alone": app,
    "at /api": Starlette(routes=[Mount("/api", app)], lifespan=app.lifespan),
    "at /": Starlette(routes=[Mount("/", app)], lifespan=app.lifespan),
    "wrapped": wrapped,
    "json": mcp.http_app(json_response=True),
    "sse": old_and_new,
    "sse wrapped": mcp.http_app(
        legacy_sse=True,
        middleware=[Middleware(Looking), Middleware(GZipMiddleware, minimum_size=1)],
    ),
}

if __name__ == "__main__":
    import uvicorn

    [port, variant] = [*sys.argv[1:], "alone"][:2]
    uvicorn.run(VARIANTS[variant], host="127.0.0.1", port=int(port), log_level="warning")
