"""What a tool can do while it runs: log, report progress, ask the user, get dependencies.

fastmcp run examples/context.py --transport http
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastmcp import Context, FastMCP
from fastmcp.dependencies import Depends

mcp = FastMCP("Context")


@mcp.tool
async def count(to: int, ctx: Context) -> str:
    """Count slowly, saying so."""
    await ctx.info(f"Counting to {to}")
    for number in range(1, to + 1):
        await ctx.report_progress(number, to, f"at {number}")
        await asyncio.sleep(0.01)
    return f"Counted to {to}"


@dataclass
class Booking:
    """What the user is asked for."""

    date: str
    guests: int = 2


@mcp.tool
async def book(restaurant: str, ctx: Context) -> str:
    """Book a table; the rest is asked of the user."""
    answer = await ctx.elicit(f"A table at {restaurant}: when, for how many?", Booking)
    if answer.action != "accept":
        return "Nothing booked."
    return f"{restaurant}, {answer.data.date}, {answer.data.guests} guests"


class Database:
    """Stands for a connection that must be given back."""

    async def names(self) -> list[str]:
        """All rows."""
        return ["Ada", "Grace"]


@asynccontextmanager
async def database() -> AsyncIterator[Database]:
    """Opened for a call, closed after it."""
    yield Database()


@mcp.tool
async def names(db: Database = Depends(database)) -> list[str]:  # noqa: B008
    """The client neither sees nor sends `db`."""
    return await db.names()


@mcp.tool
async def visits(ctx: Context) -> int:
    """Count the calls of this session; a connection without sessions begins anew each time."""
    number = (await ctx.get_state("visits") or 0) + 1
    await ctx.set_state("visits", number)
    return number


if __name__ == "__main__":
    mcp.run(transport="http")
