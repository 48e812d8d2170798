"""A server that changes while clients listen: `python changing.py PORT`. Public API alone."""

from __future__ import annotations

import os
import signal
import sys

import mcp_types

from fastmcp import Context, FastMCP

mcp = FastMCP("changing")


@mcp.resource("data://one")
def one() -> str:
    """A resource."""
    return "one"


@mcp.tool
async def grow() -> str:
    """Adds a tool."""
    mcp.add_tool(grown)
    return "grown"


def grown() -> str:
    """A tool."""
    return "grown"


@mcp.tool
async def touch(ctx: Context, uri: str) -> str:
    """Says that a resource was updated."""
    params = mcp_types.ResourceUpdatedNotificationParams(uri=uri)
    await ctx.send_notification(mcp_types.ResourceUpdatedNotification(params=params))
    return "touched"


@mcp.tool
async def leave() -> str:
    """Stops the server."""
    os.kill(os.getpid(), signal.SIGTERM)
    return "leaving"


if __name__ == "__main__":
    mcp.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
