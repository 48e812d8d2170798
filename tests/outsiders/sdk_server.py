"""A server made with the official Python SDK: `sdk_server.py PORT`, or `sdk_server.py stdio`.

Runs in the SDK's own environment.
"""

from __future__ import annotations

import sys

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel

mcp = MCPServer("sdk", version="9.9.9", instructions="An outsider.")


class Person(BaseModel):
    name: str
    age: int


@mcp.tool()
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool()
async def count(ctx: Context, to: int = 3) -> str:
    """Reports its progress."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to, f"step {step}")
    return f"counted to {to}"


@mcp.tool()
async def ask(ctx: Context) -> str:
    """Asks the user who they are."""
    answer = await ctx.elicit("Who are you?", Person)
    return f"{answer.data.name} is {answer.data.age}"


@mcp.tool()
async def fail() -> str:
    """Always fails."""
    raise ToolError("it broke on purpose")


@mcp.resource("data://greeting")
def greeting() -> str:
    """A text."""
    return "Hello!"


@mcp.prompt()
def review(code: str) -> str:
    """A prompt with an argument."""
    return f"Please review: {code}"


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        mcp.run("stdio")
    else:
        mcp.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
