"""The server behind, for the tests of this folder: `python backend.py PORT`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import mcp_types

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_http_headers
from fastmcp.tools import ToolResult

mcp = FastMCP("behind", version="7.1", instructions="Mind the step.")
stopped: list[str] = []


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
async def session(ctx: Context) -> str:
    """The name of the session, which is nobody else's."""
    return ctx.session_id[-24:]


@mcp.tool
async def headers() -> dict[str, str]:
    """What came with the request, after a while in which others come."""
    await asyncio.sleep(0.01)
    return get_http_headers(include_all=True)


@mcp.tool
async def meta(ctx: Context) -> dict[str, Any]:
    return {"meta": dict(ctx.request_context.meta)}


@mcp.tool
async def ask(ctx: Context, question: str = "Who?") -> str:
    await ctx.report_progress(1, 2, "asking")
    await ctx.info(f"about to ask {question}")
    answer = await ctx.elicit(question, str)
    return f"{answer.action}: {getattr(answer, 'data', None)}"


@mcp.tool
async def page(ctx: Context) -> str:
    return (await ctx.elicit_url("Look", "https://example.com/look")).action


@mcp.tool
async def think(ctx: Context) -> str:
    return str((await ctx.sample("Say it", max_tokens=9)).text)


@mcp.tool
async def where(ctx: Context) -> str:
    return ",".join(str(root.uri) for root in await ctx.list_roots())


@mcp.tool
async def say(ctx: Context) -> str:
    await ctx.debug("quiet")
    await ctx.warning("loud", logger_name="mouth", extra={"n": 1})
    return "said"


@mcp.tool
async def fail() -> str:
    raise ToolError("no luck today")


@mcp.tool
async def rich() -> ToolResult:
    blocks = [
        mcp_types.TextContent(type="text", text="seen", _meta={"k": 1}),
        mcp_types.ImageContent(type="image", data="AAAA", mime_type="image/png"),
    ]
    return ToolResult(blocks, {"deep": {"list": [1, None, "x"]}}, {"example.com/m": [1]})


@mcp.tool
async def wait(tag: str, ctx: Context) -> str:
    """Until it is cancelled."""
    try:
        await ctx.report_progress(0, 1)
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        stopped.append(tag)
        raise
    return "waited"


@mcp.tool
async def was_stopped() -> list[str]:
    return stopped


@mcp.tool
async def grow(ctx: Context) -> str:
    """One more tool, and one changed resource."""

    def grown() -> str:
        return "grown"

    mcp.tool(grown)
    await ctx.send_notification(
        mcp_types.ResourceUpdatedNotification(
            params=mcp_types.ResourceUpdatedNotificationParams(uri="data://here")
        )
    )
    return "more"


@mcp.resource("data://here", mime_type="text/plain")
async def here() -> str:
    return "here it is"


@mcp.resource("data://bytes")
async def bytes_() -> bytes:
    return bytes(range(8))


@mcp.resource("data://people/{name}")
async def person(name: str) -> dict[str, str]:
    return {"name": name}


@mcp.prompt
async def greet(who: str) -> str:
    """Says hello."""
    return f"Hello, {who}!"


@mcp.completion
async def complete(ref: Any, argument: Any, context: Any) -> list[str]:
    return [argument.value + "da", argument.value + "lan"]


if __name__ == "__main__":
    mcp.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
