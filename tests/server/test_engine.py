"""One request in, one response out: errors of every origin, and who is in which context."""

from __future__ import annotations

import asyncio

import pytest

from fastmcp import Client, Context, FastMCP
from fastmcp.exceptions import McpError, NotFoundError, ToolError
from tests.support.asgi import HANDSHAKE, STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)


def build(**options: bool) -> FastMCP:
    mcp = FastMCP("engine", **options)  # type: ignore[arg-type]

    @mcp.tool
    async def fail(kind: str) -> str:
        raise {
            "tool": ToolError("as it is"),
            "value": ValueError("secret"),
            "mcp": McpError(-5, "code"),
            "missing": NotFoundError("inner thing"),
        }[kind]

    @mcp.tool(timeout=0.01)
    async def slow() -> None:
        await asyncio.Event().wait()

    @mcp.tool
    async def nested(ctx: Context) -> str:
        inner = await ctx.fastmcp.call_tool("fail", {"kind": "tool"})
        return str(inner)

    @mcp.resource("r://bad")
    async def bad_resource() -> str:
        raise ValueError("secret")

    @mcp.prompt
    async def bad_prompt() -> str:
        raise ValueError("secret")

    return mcp


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("kind", "plain", "masked"),
    [
        ("tool", "as it is", "as it is"),
        ("value", "Error calling tool 'fail': secret", "Error calling tool 'fail'"),
        ("mcp", "Error calling tool 'fail': code", "Error calling tool 'fail'"),
    ],
)
async def test_tool_errors(version: str, kind: str, plain: str, masked: str):
    for mask, text in ((False, plain), (True, masked)):
        peer = await Peer(build(mask_error_details=mask).http_app(), version).open()
        live = await peer.call("fail", {"kind": kind})
        assert live.status == 200
        assert live.result["isError"]
        assert live.text == text


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("mask", [False, True])
async def test_resource_and_prompt_errors(version: str, mask: bool):
    peer = await Peer(build(mask_error_details=mask).http_app(), version).open()
    for live, text in (
        (
            await peer.request("resources/read", {"uri": "r://bad"}),
            "Error reading resource 'r://bad'",
        ),
        (
            await peer.request("prompts/get", {"name": "bad_prompt"}),
            "Error rendering prompt 'bad_prompt'",
        ),
    ):
        assert live.error["code"] == -32603
        assert live.error["message"] == (text if mask else f"{text}: secret")


@pytest.mark.parametrize("version", ERAS)
async def test_timeouts_and_nesting(version: str):
    peer = await Peer(build().http_app(), version).open()
    assert "timed out after 0.01s" in (await peer.call("slow")).text
    assert (await peer.call("nested")).text == "as it is"


async def test_no_context_is_left_behind():
    assert Context.current() is None
    peer = await Peer(build().http_app()).open()
    await peer.call("fail", {"kind": "value"})
    assert Context.current() is None
    with pytest.raises(ToolError):
        await build().call_tool("fail", {"kind": "tool"})
    assert Context.current() is None


@pytest.mark.parametrize("version", ERAS)
async def test_what_was_cancelled_inside_is_an_error_of_its_author(version: str):
    """Nobody took the request back, and the server does not stop."""
    mcp = FastMCP("cancelling")

    async def wait_for_nothing() -> str:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task
        return ""

    def raise_it() -> str:
        raise asyncio.CancelledError

    mcp.tool(wait_for_nothing)
    mcp.tool(raise_it)
    mcp.resource("r://x")(wait_for_nothing)
    peer = await Peer(mcp.http_app(), version).open()
    async with Client(mcp, mode="legacy" if version in HANDSHAKE else "auto") as client:
        for tool in ("wait_for_nothing", "raise_it"):
            live = await peer.call(tool)
            assert live.result["isError"] is True
            assert live.text == f"Error calling tool {tool!r}: it raised CancelledError()"
            with pytest.raises(ToolError, match="it raised CancelledError"):
                await client.call_tool(tool)
    live = await peer.request("resources/read", {"uri": "r://x"})
    assert live.error["code"] == -32603
    assert "server stopped" not in live.error["message"]
