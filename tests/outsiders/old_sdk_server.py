"""A server of the official Python SDK 1.x over HTTP+SSE: `old_sdk_server.py PORT`.

Runs in the SDK's own environment. Release 1.9 finds a context by its annotation, which must not be
a string.
"""

import sys

from mcp.server.fastmcp import Context, FastMCP

mcp = FastMCP("old sdk", instructions="An outsider.", host="127.0.0.1", port=int(sys.argv[1]))


@mcp.tool()
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool()
async def count(ctx: Context, to: int = 3) -> str:
    """Reports its progress."""
    for step in range(1, to + 1):
        await ctx.report_progress(step, to)
    return f"counted to {to}"


if __name__ == "__main__":
    mcp.run("sse")
