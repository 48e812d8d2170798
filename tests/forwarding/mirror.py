"""One of two servers that stand in front of each other: `python mirror.py PORT NAME OTHER ERA`."""

from __future__ import annotations

import sys
from collections import Counter

from fastmcp import FastMCP
from fastmcp.server.bus import Change
from fastmcp.server.lifespan import lifespan
from fastmcp.server.providers.proxy import ProxyClient, ProxyProvider

port, name, other, era = sys.argv[1:]
published: Counter[str] = Counter()


@lifespan
async def counted(server: FastMCP):
    def count(change: Change) -> None:
        published[change.method] += 1

    end = server.engine.bus.subscribe(count)
    yield {}
    end()


mcp = FastMCP(name, lifespan=counted)


@mcp.tool
async def who() -> str:
    return name


@mcp.tool
async def change() -> str:
    """Adds a tool, or the same again, which all who listen are told of."""
    mcp.add_tool(who)
    return "changed"


@mcp.tool
async def changes() -> int:
    return published["notifications/tools/list_changed"]


if __name__ == "__main__":
    url = f"http://127.0.0.1:{other}/mcp"
    mcp.add_provider(ProxyProvider(lambda: ProxyClient(url, mode=era)), namespace="other")
    mcp.run(transport="http", port=int(port), show_banner=False)
