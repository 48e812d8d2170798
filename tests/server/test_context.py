"""What a handler holds of its call, in both eras and from the program."""

from __future__ import annotations

from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_context
from tests.support.asgi import META, STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)


def build() -> FastMCP:
    mcp = FastMCP("context")

    @mcp.tool
    async def facts(ctx: Context) -> dict[str, Any]:
        rc = ctx.request_context
        assert (rc.request_id, rc.protocol_version) == (ctx.request_id, ctx.protocol_version)
        return {
            "id": ctx.request_id,
            "client": ctx.client_info.get("name"),
            "client_id": ctx.client_id,
            "transport": ctx.transport,
            "version": ctx.protocol_version,
            "extension": ctx.client_extension_settings("x/y"),
            "supports": [ctx.client_supports_extension("x/y"), ctx.client_supports_extension("z")],
            "session": ctx.session_id,
            "task": [ctx.is_background_task, ctx.task_id, ctx.origin_request_id],
        }

    @mcp.tool
    async def say(ctx: Context, level: str) -> None:
        await ctx.log("hello", level)

    @mcp.tool
    async def all_levels(ctx: Context) -> None:
        for speak in (ctx.debug, ctx.info, ctx.warning, ctx.error):
            await speak("x")

    @mcp.resource("r://{x}")
    async def resource(x: str, ctx: Context) -> str:
        return f"{x} {ctx.request_id}"

    @mcp.prompt
    async def prompt(x: str) -> str:
        return x

    @mcp.tool
    async def inside(ctx: Context) -> list[str]:
        read = await ctx.read_resource("r://7")
        got = await ctx.get_prompt("prompt", {"x": "y"})
        return [
            str(read.contents[0].content),
            got.messages[0].content.text,  # type: ignore[union-attr]
            *(tool.name for tool in await ctx.list_tools()),
            *(prompt.name for prompt in await ctx.list_prompts()),
        ]

    @mcp.tool
    async def hide(ctx: Context) -> None:
        await ctx.disable_components(names={"say"})

    @mcp.tool
    async def show(ctx: Context) -> None:
        await ctx.reset_visibility()

    return mcp


@pytest.mark.parametrize("version", ERAS)
async def test_facts(version: str):
    capabilities = {"extensions": {"x/y": {"a": 1}}}
    peer = await Peer(build().http_app(), version, capabilities=capabilities).open()
    live = await peer.call("facts", id="the-id", meta={"client_id": "me"})
    facts = live.result["structuredContent"]
    session = facts.pop("session")
    assert facts == {
        "id": "the-id",
        "client": "peer",
        "client_id": "me",
        "transport": "streamable-http",
        "version": version,
        "extension": {"a": 1},
        "supports": [True, False],
        "task": [False, None, "the-id"],
    }
    if peer.stateless:
        assert session != (await peer.call("facts")).result["structuredContent"]["session"]
    else:
        assert session == peer.session_id


@pytest.mark.parametrize(
    "level", ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
)
async def test_every_level(level: str):
    peer = await Peer(build().http_app()).open()
    [sent] = (await peer.call("say", {"level": level})).sent("notifications/message")
    assert sent["params"]["level"] == level


async def test_levels_by_name():
    peer = await Peer(build().http_app()).open()
    sent = (await peer.call("all_levels")).sent("notifications/message")
    assert [m["params"]["level"] for m in sent] == ["debug", "info", "warning", "error"]
    live = await peer.call("say", {"level": "loud"})
    assert live.result["isError"]


async def test_the_servers_own_level():
    mcp = build()
    mcp._engine.client_log_level = "error"
    peer = await Peer(mcp.http_app()).open()
    assert len((await peer.call("all_levels")).sent("notifications/message")) == 1


@pytest.mark.parametrize("version", ERAS)
async def test_the_servers_own_components(version: str):
    peer = await Peer(build().http_app(), version).open()
    live = await peer.call("inside", id="q")
    assert live.result["structuredContent"]["result"][:2] == ["7 q", "y"]


async def test_from_the_program():
    mcp = build()
    facts = (await mcp.call_tool("facts")).structured_content
    assert facts is not None
    assert (facts["transport"], facts["client"]) == (None, None)
    await mcp.call_tool("all_levels")


async def test_a_session_may_hide_components_from_itself():
    app = build().http_app()
    one, two = await Peer(app).open(), await Peer(app).open()
    live = await one.call("hide")
    assert live.sent("notifications/tools/list_changed")

    async def names(peer: Peer) -> set[str]:
        return {tool["name"] for tool in (await peer.request("tools/list")).result["tools"]}

    assert "say" not in await names(one)
    assert "say" in await names(two)
    assert (await one.call("say", {"level": "info"})).text == "Unknown tool: 'say'"
    await one.call("show")
    assert "say" in await names(one)
    # A request without a session has only itself.
    peer = Peer(app, STATELESS)
    assert not (await peer.call("hide")).result["isError"]
    assert "say" in await names(peer)


async def test_a_context_of_the_programs_own():
    mcp = FastMCP("own")
    async with Context(fastmcp=mcp) as context:
        assert get_context() is context
        async with Context(fastmcp=mcp) as inner, inner:
            assert get_context() is inner
        assert get_context() is context
        await context.set_state("k", 1)
        assert await context.get_state("k") == 1
        await context.info("nobody hears it")
    with pytest.raises(RuntimeError):
        get_context()


async def test_without_a_session_visibility_lasts_for_the_request():
    mcp = FastMCP("request")

    @mcp.tool
    async def hide(ctx: Context) -> list[str]:
        await ctx.disable_components(names={"other"})
        return [tool.name for tool in await ctx.list_tools()]

    mcp.tool(lambda: 1, name="other")
    peer = Peer(mcp.http_app(), STATELESS)
    assert (await peer.call("hide")).result["structuredContent"]["result"] == ["hide"]
    assert len((await peer.request("tools/list")).result["tools"]) == 2


async def test_the_server_bounds_what_a_stateless_request_is_told():
    mcp = FastMCP("bound", client_log_level="error")

    @mcp.tool
    async def say(ctx: Context) -> None:
        await ctx.info("low")
        await ctx.error("high")

    peer = Peer(mcp.http_app(), STATELESS)
    live = await peer.call("say", meta={META + "logLevel": "debug"})
    assert [n["params"]["level"] for n in live.sent("notifications/message")] == ["error"]
