"""A server of HTTP+SSE, run as a process: `python old_served.py PORT [sse|both]`."""

from __future__ import annotations

import asyncio
import os
import sys
import warnings

from fastmcp import Context, FastMCP, FastMCPDeprecationWarning
from fastmcp.server.dependencies import get_http_headers

mcp = FastMCP("old", instructions="Be patient.")


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
async def header(name: str) -> str:
    async def later() -> str:
        await asyncio.sleep(0.01)
        return get_http_headers(include_all=True).get(name, "")

    task = asyncio.create_task(later())
    return await task


@mcp.tool
def header_in_thread(name: str) -> str:
    return get_http_headers(include_all=True).get(name, "")


@mcp.tool
async def sleep(ctx: Context, seconds: float) -> str:
    await ctx.info("sleeping")
    await asyncio.sleep(seconds)
    return "slept"


@mcp.tool
async def long_text(size: int) -> str:
    return "x" * size


@mcp.tool
async def tell(ctx: Context, times: int = 3) -> str:
    for step in range(times):
        await ctx.report_progress(step, times, f"step {step}")
        await ctx.info(f"told {step}")
    return "told"


@mcp.tool
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("Your name?", str)
    thought = await ctx.sample(f"Greet {getattr(answer, 'data', answer.action)}")
    roots = await ctx.list_roots()
    return f"{thought.text} at {roots[0].uri}"


@mcp.tool
async def grow() -> None:
    mcp.tool(lambda: "new", name="new")


@mcp.tool
async def die() -> None:
    os._exit(3)


@mcp.resource("data://greeting")
async def greeting() -> str:
    return "hello"


if __name__ == "__main__":
    warnings.simplefilter("ignore", FastMCPDeprecationWarning)
    port, what = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "both"
    if what == "sse":
        mcp.run(transport="sse", port=port, show_banner=False)
    else:
        mcp.run(transport="http", port=port, show_banner=False, legacy_sse=True)
