"""A server of the official Python SDK, 1.x or 2.x, whichever runs it, with the tools of
`fastmcp_server.py` under the same names."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel
from serving import serve

if TYPE_CHECKING or importlib.metadata.version("mcp").startswith("2."):
    import mcp_types as types
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.server.mcpserver.resolve import Elicit, Resolve

    mcp = MCPServer("stranger", version="9.9.9", instructions="An outsider.")
    STATELESS = True
else:
    from mcp import types
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as MCPServer
    from mcp.server.fastmcp.exceptions import ToolError

    mcp = MCPServer("stranger", instructions="An outsider.")
    STATELESS = False

journal: list[str] = []


class Person(BaseModel):
    name: str
    age: int


@mcp.tool()
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool()
def person(name: str, age: int = 40) -> Person:
    """A structured answer."""
    return Person(name=name, age=age)


@mcp.tool()
async def count(ctx: Context, to: int = 3) -> str:
    """Reports its progress."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to, f"step {step}")
    return f"counted to {to}"


@mcp.tool()
async def talk(ctx: Context) -> str:
    """Logs."""
    await ctx.info("hello from the tool")
    await ctx.warning("careful")
    return "talked"


@mcp.tool()
async def fail() -> str:
    """Always fails."""
    raise ToolError("it broke on purpose")


@mcp.tool()
async def ask(ctx: Context) -> str:
    """Asks the user who they are."""
    answer: Any = await ctx.elicit("Who are you?", Person)
    return f"{answer.data.name} is {answer.data.age}" if answer.action == "accept" else "nobody"


@mcp.tool()
async def think(ctx: Context, prompt: str) -> str:
    """Lets the client's model answer. Not on the call's own stream, as no call is named."""
    text = types.TextContent(type="text", text=prompt)
    message = types.SamplingMessage(role="user", content=text)
    answer: Any = await ctx.session.create_message([message], max_tokens=50)
    return f"the model says: {answer.content.text}"


@mcp.tool()
async def where(ctx: Context) -> list[str]:
    """Names the client's roots."""
    return [str(root.uri) for root in (await ctx.session.list_roots()).roots]


if STATELESS:

    def _who(ctx: Context) -> Any:
        return Elicit("Who are you?", Person)

    @mcp.tool()
    async def interview(who: Annotated[Person, Resolve(_who)]) -> str:
        """Asks in its result, as the stateless era does."""
        return f"{who.name} is {who.age}"


@mcp.completion()
async def complete(ref: Any, argument: Any, context: Any) -> Any:
    """Languages."""
    words = [word for word in ("python", "perl", "rust") if word.startswith(argument.value)]
    return types.Completion(values=words)


@mcp.tool()
async def wait(tag: str) -> str:
    """Takes a minute, and notes when that is taken back."""
    journal.append(f"{tag} begins")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        journal.append(f"{tag} cancelled")
        raise
    return "waited"


@mcp.tool()
async def noted() -> str:
    """What `wait` noted."""
    return "\n".join(journal)


@mcp.tool()
async def large(size: int) -> str:
    """As many letters."""
    return "x" * size


@mcp.tool()
async def grow(ctx: Context) -> str:
    """Adds a tool, and says so."""
    mcp.add_tool(_grown)
    await ctx.session.send_tool_list_changed()
    return "grown"


def _grown() -> str:
    return "grown"


@mcp.tool()
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


@mcp.prompt()
def review(code: str) -> str:
    """A prompt with an argument."""
    return f"Please review: {code}"


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        mcp.run("stdio")
    else:
        serve(mcp.streamable_http_app(), mcp.sse_app(), int(sys.argv[1]))
