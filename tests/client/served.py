"""The server that client tests run as a process: `python served.py PORT` or `python served.py`
for stdio."""

from __future__ import annotations

import asyncio
import datetime
import os
import sys
from dataclasses import dataclass
from typing import Literal

from fastmcp import Context, FastMCP
from fastmcp.exceptions import URLElicitationRequiredError

mcp = FastMCP("served", instructions="Be gentle.")


@dataclass
class Person:
    name: str
    born: datetime.datetime
    lucky: set[int]


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
async def person() -> Person:
    return Person("Ada", datetime.datetime(1815, 12, 10), {3, 7})


@mcp.tool
async def fail() -> str:
    raise ValueError("out of luck")


@mcp.tool
async def sleep(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


@mcp.tool
async def doze(seconds: float, ctx: Context) -> str:
    await ctx.report_progress(0)
    return await sleep(seconds)


@mcp.tool
async def long_text(size: int) -> str:
    return "x" * size


@mcp.tool
async def length(text: str) -> int:
    return len(text)


@mcp.tool
async def tell(ctx: Context) -> str:
    for step in range(3):
        await ctx.report_progress(step, 3, f"step {step}")
        await ctx.info(f"told {step}")
    return "told"


@mcp.tool
async def environment(name: str) -> str:
    return os.environ.get(name, "")


@mcp.tool
async def die() -> str:
    os._exit(3)


@mcp.tool
async def pid() -> int:
    return os.getpid()


@dataclass
class Trip:
    where: str
    how: Literal["train", "ship"] = "train"
    day: datetime.date = datetime.date(2026, 7, 28)


@mcp.tool
async def plan(ctx: Context) -> list[str]:
    """Asks for everything a client can be asked for."""
    trip = await ctx.elicit("Where to?", Trip)
    extras = await ctx.elicit(
        "What else?", [{"b": {"title": "Breakfast"}, "l": {"title": "Lunch"}}]
    )
    page = await ctx.elicit_url("Pay, please", "https://example.com/pay", "pay-1")
    await ctx.send_elicit_complete("pay-1")
    roots = [str(root.uri) for root in await ctx.list_roots()]

    def price(nights: int) -> int:
        """What a stay costs."""
        return 100 * nights

    offer = await ctx.sample("What does it cost?", tools=[price], tool_concurrency=0)
    total = await ctx.sample([*offer.history, "As a number."], result_type=int)
    return [*map(str, (trip, extras, page, roots, offer.result, total.result))]


@mcp.tool
async def locked() -> str:
    raise URLElicitationRequiredError([{"message": "Log in", "url": "https://example.com/login"}])


@mcp.resource("data://greeting")
async def greeting() -> str:
    return "hello"


@mcp.resource("data://{name}/note")
async def note(name: str) -> str:
    return f"note of {name}"


@mcp.prompt
async def plead(for_what: str, times: int) -> str:
    return f"Please, {for_what}! " * times


if __name__ == "__main__":
    if len(sys.argv) > 1:
        mcp.run(transport="http", port=int(sys.argv[1]), show_banner=False)
    else:
        mcp.run(show_banner=False)
