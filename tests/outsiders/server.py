"""The server that the outsiders talk to: `python server.py PORT`. Public FastMCP API alone."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from fastmcp import Context, FastMCP, exceptions
from fastmcp.exceptions import ToolError

mcp = FastMCP("outsiders", version="1.2.3", instructions="Talk to me.")


VIEWS = [{"const": "s", "title": "Sea"}, {"const": "g", "title": "Garden"}]


class Person(BaseModel):
    name: str
    age: int


class Extras(BaseModel):
    meals: list[Literal["breakfast", "lunch"]] = ["lunch"]
    view: Annotated[str, WithJsonSchema({"type": "string", "oneOf": VIEWS})] = "s"
    floor: Literal[1, 2] = 1
    note: str | None = None


@mcp.tool
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool
def person(name: Annotated[str, Field(description="Who")], age: int = 40) -> Person:
    """A structured answer, from a synchronous function."""
    return Person(name=name, age=age)


@mcp.tool
def fail() -> str:
    """Always fails."""
    raise ToolError("it broke on purpose")


@mcp.tool
async def count(ctx: Context, to: int = 3) -> str:
    """Reports its progress."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to, f"step {step}")
    return f"counted to {to}"


@mcp.tool
async def talk(ctx: Context) -> str:
    """Logs."""
    await ctx.info("hello from the tool", logger_name="talk")
    await ctx.warning("careful")
    return "talked"


@mcp.tool
async def ask(ctx: Context) -> str:
    """Asks the user who they are."""
    answer = await ctx.elicit("Who are you?", Person)
    if answer.action != "accept":
        return f"no answer: {answer.action}"
    return f"{answer.data.name} is {answer.data.age}"


@mcp.tool
async def think(ctx: Context, prompt: str) -> str:
    """Lets the client's model answer."""
    answer = await ctx.sample(prompt, max_tokens=50)
    return f"the model says: {answer.text}"


@mcp.tool
async def where(ctx: Context) -> str:
    """Names the client's roots."""
    return ", ".join(str(root.uri) for root in await ctx.list_roots())


@mcp.tool
async def survey(ctx: Context) -> list[str]:
    """Asks for choices, for a page, and of the model for a number, with a tool."""
    extras = await ctx.elicit("What else?", Extras)
    page = await ctx.elicit_url("Pay, please", "https://example.com/pay", "pay-1")
    await ctx.send_elicit_complete("pay-1")

    def price(nights: int) -> int:
        return 100 * nights

    total = await ctx.sample("What does it cost?", tools=[price], result_type=int)
    return [str(getattr(extras, "data", extras.action)), page.action, str(total.result)]


@mcp.tool
async def locked() -> str:
    """Needs the user on a page first."""
    # Named when it is raised: FastMCP 4 serves this file too, and has no such error.
    page = {"message": "Log in", "url": "https://example.com/login"}
    raise exceptions.URLElicitationRequiredError([page])


@mcp.tool
async def wait(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "waited"


@mcp.resource("data://greeting", mime_type="text/plain")
def greeting() -> str:
    """A text."""
    return "Hello, Ωutsider!"


@mcp.resource("data://users/{name}")
def user(name: str) -> dict[str, str]:
    """One of many."""
    return {"user": name}


@mcp.resource("data://bytes", mime_type="application/octet-stream")
def blob() -> bytes:
    """Not a text."""
    return bytes(range(256))


@mcp.prompt
def review(code: str) -> str:
    """A prompt with an argument."""
    return f"Please review: {code}"


if __name__ == "__main__":
    mcp.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
