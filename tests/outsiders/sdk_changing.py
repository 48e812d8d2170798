"""A server of the official Python SDK whose lists and resources change: `sdk_changing.py PORT`."""

from __future__ import annotations

import sys

from mcp.server.mcpserver import Context, MCPServer

mcp = MCPServer("changing")


@mcp.tool()
async def grow(name: str, ctx: Context) -> str:
    """Adds a tool, and says so."""

    def added() -> str:
        return name

    mcp.add_tool(added, name=name)
    await ctx.notify_tools_changed()
    return name


@mcp.tool()
async def touch(uri: str, ctx: Context) -> str:
    """Says that a resource changed."""
    await ctx.notify_resource_updated(uri)
    return uri


if __name__ == "__main__":
    mcp.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
