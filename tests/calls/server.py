"""Servers whose calls take long, for uvicorn. FASTMCP_JOURNAL names a file they write to."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import time
from pathlib import Path
from typing import Any

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_http_headers
from fastmcp.server.event_store import EventStore
from fastmcp.server.middleware import Middleware

user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


def note(line: str) -> None:
    with Path(os.environ["FASTMCP_JOURNAL"]).open("a") as file:
        file.write(line + "\n")


class Around(Middleware):
    """Sets a context variable, and notes that it is left."""

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        user.set(get_http_headers().get("x-user", "nobody"))
        try:
            return await call_next(context)
        finally:
            note("middleware left")


def build(**options: Any) -> FastMCP:
    mcp = FastMCP("calls", middleware=[Around()], **options)

    @mcp.tool
    def block(seconds: float) -> str:
        time.sleep(seconds)
        return "blocked"

    @mcp.tool
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    async def add_async(a: int, b: int) -> int:
        return a + b

    @mcp.tool(max_concurrency=2)
    def two_threads(seconds: float) -> str:
        time.sleep(seconds)
        return "done"

    @mcp.tool(max_concurrency=2)
    async def two(seconds: float) -> str:
        note("two begins")
        await asyncio.sleep(seconds)
        return "done"

    @mcp.tool
    def surroundings(ctx: Context) -> dict[str, Any]:
        return {
            "user": user.get(),
            "header": get_http_headers()["x-user"],
            "request": ctx.request_id,
            "main": threading.current_thread() is threading.main_thread(),
        }

    async def wait(ctx: Context, seconds: float = 30) -> str:
        note("begins")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            note(f"cancelled {ctx.cancelled}")
            raise
        note("ends")
        return "waited"

    async def say_and_wait(ctx: Context, seconds: float = 30) -> str:
        await ctx.info("hello")
        return await wait(ctx, seconds)

    def poll(ctx: Context, seconds: float = 30) -> str:
        note("begins")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ctx.cancelled:
                note("cancelled True")
                raise ValueError("nobody hears this")
            time.sleep(0.005)
        note("ends")
        return "polled"

    for fn in (wait, say_and_wait, poll):
        mcp.tool(fn)
        mcp.tool(fn, name=f"{fn.__name__}_cancel", on_disconnect="cancel")
        mcp.tool(fn, name=f"{fn.__name__}_continue", on_disconnect="continue")

    @mcp.tool
    async def tasks() -> int:
        return len(asyncio.all_tasks())

    return mcp


mcp = build()
stateful = mcp.http_app()
cancelling = build(on_disconnect="cancel")
cancels = cancelling.http_app()
cancels_stateless = cancelling.http_app(stateless_http=True)
cancels_json = cancelling.http_app(json_response=True)
cancels_resumable = cancelling.http_app(event_store=EventStore())
