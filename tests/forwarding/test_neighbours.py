"""A server behind that is away, slow or wrong harms nobody else, nor itself for ever."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from fastmcp import Client, FastMCP
from fastmcp.exceptions import McpError, ToolError
from fastmcp.server import create_proxy
from fastmcp.server.forwarding import provider
from tests.forwarding.rough import Answer, rough
from tests.support.asgi import STATELESS, Peer
from tests.support.process import free_port


def near() -> FastMCP:
    near = FastMCP("near")

    @near.tool
    async def add(a: int, b: int) -> int:
        return a + b

    return near


async def test_anyone_is_told_that_the_server_behind_is_away(caplog: pytest.LogCaptureFixture):
    address = f"127.0.0.1:{free_port()}"
    gate = FastMCP("gate")
    gate.mount(create_proxy(f"http://{address}/mcp"))
    gate.mount(near())
    for server in (create_proxy(f"http://{address}/mcp"), gate):
        async with server.engine.lifespan.use():
            peer = Peer(server.http_app(), STATELESS)
            called = await peer.call("far")
            assert address in str(called.response), called.response
            listed = await peer.request("tools/list")
            if server is gate:
                assert [tool["name"] for tool in listed.result["tools"]] == ["add"]
                summed = await peer.call("add", {"a": 1, "b": 2})
                assert summed.result["structuredContent"] == {"result": 3}
            else:
                assert address in listed.error["message"]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("wrong", ["an error", "no list"])
async def test_a_wrong_list_is_no_neighbours_matter(wrong: str, caplog: pytest.LogCaptureFixture):
    async def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        if method == "tools/list":
            if wrong == "an error":
                raise McpError(-32603, "out of order")
            return {"tools": 5}
        return None

    async with rough(answer) as server:
        gate = FastMCP("gate")
        gate.mount(create_proxy(server.url))
        gate.mount(near())
        async with Client(gate) as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
            assert [tool.name for tool in await client.list_tools()] == ["add"]
            said = "out of order" if wrong == "an error" else "Unknown tool"
            with pytest.raises((ToolError, McpError), match=said):
                await client.call_tool("nowhere")
        async with Client(create_proxy(server.url)) as client:
            if wrong == "an error":
                with pytest.raises(McpError, match="out of order"):
                    await client.list_tools()
            else:
                assert await client.list_tools() == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def hanging_once() -> Answer:
    """Never answers the first request for its tools."""
    asked = 0

    async def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        nonlocal asked
        if method == "tools/list":
            asked += 1
            if asked == 1:
                await asyncio.Event().wait()
        return None

    return answer


async def test_a_list_that_hangs_is_given_up_with_who_wanted_it():
    async with (
        rough(hanging_once()) as server,
        Client(create_proxy(server.url), mode="legacy") as client,
    ):
        with pytest.raises(McpError):
            await client.session.request("tools/list", timeout=0.5)
        async with asyncio.timeout(10):
            while "notifications/cancelled" not in server.heard:
                await client.ping()
            assert [tool.name for tool in await client.list_tools()] == ["rough"]


async def test_a_list_that_hangs_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(provider, "_SHARED_SECONDS", 0.5)
    async with rough(hanging_once()) as server:
        gate = FastMCP("gate")
        gate.mount(create_proxy(server.url), "far")
        async with Client(gate) as client, asyncio.timeout(20):
            assert await client.list_tools() == []
            assert [tool.name for tool in await client.list_tools()] == ["far_rough"]
            assert (await client.call_tool("far_rough")).content[0].text == "done"


async def test_a_list_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(provider, "_LIST_SECONDS", 0.5)
    async with rough(hanging_once()) as server, Client(create_proxy(server.url)) as client:
        with pytest.raises(McpError, match="does not answer in time"):
            await client.list_tools()
        assert [tool.name for tool in await client.list_tools()] == ["rough"]


@pytest.mark.parametrize("endless", ["in a circle", "in many entries", "in large pages"])
async def test_pages_without_end_have_one(endless: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(provider, "_MOST_BYTES", 1_000_000)
    monkeypatch.setattr(provider, "_MOST_ENTRIES", 10_000)
    asked = 0

    async def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        nonlocal asked
        if method != "tools/list":
            return None
        asked += 1
        entry = {"name": f"t{asked}", "inputSchema": {"type": "object"}}
        if endless == "in a circle":
            return {"tools": [entry], "nextCursor": str(asked % 2)}
        if endless == "in many entries":
            return {"tools": [entry] * 3_000, "nextCursor": str(asked)}
        return {"tools": [{**entry, "description": "x" * 200_000}], "nextCursor": str(asked)}

    async with rough(answer) as server, Client(create_proxy(server.url)) as client:
        listed = await client.session.request("tools/list", timeout=20)
        assert listed["tools"]
        assert asked <= 5


async def test_a_refused_subscription_is_refused_each_time():
    async def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        if method == "resources/subscribe":
            if params["uri"] == "data://private":
                raise McpError(-32602, "not for you")
            return {}
        return None

    async with rough(answer) as server:
        async with Client(create_proxy(server.url), mode="legacy") as client:
            for _ in range(2):
                with pytest.raises(McpError, match="not for you"):
                    await client.session.request("resources/subscribe", {"uri": "data://private"})
            await client.session.request("resources/subscribe", {"uri": "data://open"})
        assert server.heard.count("resources/subscribe") == 3


async def test_a_neighbour_that_is_away_keeps_nobody_from_subscribing():
    async def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        if method == "resources/list":
            return {"resources": [{"name": "open", "uri": "data://open"}]}
        return {} if method == "resources/subscribe" else None

    async with rough(answer) as server:
        gate = FastMCP("gate")
        gate.mount(create_proxy(f"http://127.0.0.1:{free_port()}/mcp"))
        gate.mount(create_proxy(server.url))
        async with Client(gate, mode="legacy") as client:
            await client.session.request("resources/subscribe", {"uri": "data://open"})
        assert "resources/subscribe" in server.heard
