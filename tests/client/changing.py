"""A server whose lists and resources change, for tests of the client: `python changing.py PORT`, or
without one on stdio."""

from __future__ import annotations

import os
import sys

from mcp_types import ResourceUpdatedNotification, ResourceUpdatedNotificationParams

from fastmcp import Context, FastMCP

mcp = FastMCP("changing", cache_ttl=60)
reads = 0


@mcp.tool
async def grow(name: str) -> str:
    """Adds a tool."""
    mcp.tool(lambda: name, name=name)
    return name


@mcp.tool
async def touch(ctx: Context, uri: str) -> str:
    """Says that a resource changed."""
    params = ResourceUpdatedNotificationParams(uri=uri)
    await ctx.send_notification(ResourceUpdatedNotification(params=params))
    return uri


@mcp.tool
async def die() -> None:
    """Ends the process."""
    os._exit(3)


@mcp.resource("data://reads")
async def count() -> str:
    """How often this was read."""
    global reads
    reads += 1
    return str(reads)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        mcp.run(transport="http", port=int(sys.argv[1]), show_banner=False)
    else:
        mcp.run(show_banner=False)
