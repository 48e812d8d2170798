"""A server of FastMCP 2, 3 or 4, whichever runs it. What the three have, under the same names."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import os
import sys
from typing import Any

from pydantic import BaseModel
from serving import serve

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

MAJOR = int(importlib.metadata.version("fastmcp").split(".")[0])
types: Any = importlib.import_module("mcp_types" if MAJOR > 3 else "mcp.types")

mcp = FastMCP("stranger", version="9.9.9", instructions="An outsider.")
journal: list[str] = []


class Person(BaseModel):
    name: str
    age: int


@mcp.tool
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool
def person(name: str, age: int = 40) -> Person:
    """A structured answer."""
    return Person(name=name, age=age)


@mcp.tool
async def count(ctx: Context, to: int = 3) -> str:
    """Reports its progress."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to, f"step {step}")
    return f"counted to {to}"


@mcp.tool
async def talk(ctx: Context) -> str:
    """Logs."""
    await ctx.info("hello from the tool")
    await ctx.warning("careful")
    return "talked"


@mcp.tool
async def fail() -> str:
    """Always fails."""
    raise ToolError("it broke on purpose")


@mcp.tool
async def ask(ctx: Context) -> str:
    """Asks the user who they are."""
    answer: Any = await ctx.elicit("Who are you?", Person)
    return f"{answer.data.name} is {answer.data.age}" if answer.action == "accept" else "nobody"


if MAJOR < 4:

    @mcp.tool
    async def think(ctx: Context, prompt: str) -> str:
        """Lets the client's model answer."""
        return f"the model says: {(await ctx.sample(prompt, max_tokens=50)).text}"

    @mcp.tool
    async def where(ctx: Context) -> list[str]:
        """Names the client's roots."""
        return [str(root.uri) for root in await ctx.list_roots()]

else:

    @mcp.tool
    async def interview(ctx: Context) -> Any:
        """Asks in its result, as the stateless era does."""
        given = ctx.input_responses
        if given is None:
            schema = Person.model_json_schema()
            form = types.ElicitRequestFormParams(message="Who are you?", requested_schema=schema)
            return types.InputRequiredResult(
                input_requests={"who": types.ElicitRequest(params=form)}, request_state="once"
            )
        content = given["who"].content
        return f"{content['name']} is {content['age']} ({ctx.request_state})"

    @mcp.completion
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        """Languages."""
        return [word for word in ("python", "perl", "rust") if word.startswith(argument.value)]


@mcp.tool
async def wait(tag: str) -> str:
    """Takes a minute, and notes when that is taken back."""
    journal.append(f"{tag} begins")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        journal.append(f"{tag} cancelled")
        raise
    return "waited"


@mcp.tool
async def noted() -> str:
    """What `wait` noted."""
    return "\n".join(journal)


@mcp.tool
async def large(size: int) -> str:
    """As many letters."""
    return "x" * size


@mcp.tool
async def grow(ctx: Context) -> str:
    """Adds a tool, and says so."""
    mcp.tool(_grown)
    if MAJOR == 2:
        await ctx.send_tool_list_changed()
    else:
        await ctx.send_notification(types.ToolListChangedNotification())
    return "grown"


def _grown() -> str:
    return "grown"


@mcp.tool
async def process() -> int:
    """The id of this process."""
    return os.getpid()


@mcp.resource("data://greeting", mime_type="text/plain")
def greeting() -> str:
    """A text."""
    return "Hello, Ωutsider!"


@mcp.resource("data://bytes", mime_type="application/octet-stream")
def blob() -> bytes:
    """Not a text."""
    return bytes(range(256))


@mcp.resource("data://users/{name}", mime_type="text/plain")
def user(name: str) -> str:
    """One of many."""
    return f"user {name}"


@mcp.prompt
def review(code: str) -> str:
    """A prompt with an argument."""
    return f"Please review: {code}"


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        mcp.run(transport="stdio", show_banner=False)
    else:
        serve(mcp.http_app(), mcp.http_app(transport="sse"), int(sys.argv[1]))
