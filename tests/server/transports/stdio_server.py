"""A server on standard streams, for `test_stdio`. Its journal is the file named in argv."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastmcp import Context, FastMCP

journal = Path(sys.argv[1])


def note(line: str) -> None:
    with journal.open("a") as file:
        file.write(line + "\n")


async def lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
    note("enter")
    yield {}
    note("exit")


mcp = FastMCP("stdio", lifespan=lifespan)


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
def shout() -> str:
    print("this is not the protocol")
    sys.stdout.write("nor is this\n")
    sys.stdout.flush()
    print("unflushed", end="")
    return "quiet"


@mcp.tool
async def slow(seconds: float) -> str:
    note("slow begins")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        note("slow cancelled")
        raise
    return "slept"


@mcp.tool
def block(seconds: float) -> str:
    note("block begins")
    time.sleep(seconds)
    return "blocked"


@mcp.tool
async def transport(ctx: Context) -> str:
    return str(ctx.transport)


@mcp.tool
async def grow() -> str:
    mcp.tool(lambda: "grown", name="grown")
    return "grown"


if __name__ == "__main__":
    mcp.run(show_banner="banner" in sys.argv)
    note("returned")
