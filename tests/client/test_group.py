"""Clients side by side, in one group."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastmcp import Client, ClientGroup, FastMCP
from fastmcp.client.group import ToolRoute
from tests.client.test_composite import CHILD


def _says(where: str) -> Any:
    def say(text: str) -> str:
        return f"{where}: {text}"

    return say


def group(**tools: list[str]) -> ClientGroup:
    clients: dict[str, Client[Any]] = {}
    for name, listed in tools.items():
        mcp = FastMCP(name)
        for tool in listed:
            mcp.tool(_says(name), name=tool)
        clients[name] = Client(mcp, mode="legacy" if name == "old" else "auto")
    return ClientGroup(clients)


async def test_tools_of_all() -> None:
    both = group(old=["say"], new=["say", "sing"])
    async with both, both:
        assert both.protocol_versions == {"old": "2025-11-25", "new": "2026-07-28"}
        assert (await both.call_tool("new_sing", {"text": "la"})).data == "new: la"
        assert [t.name for t in await both.list_tools()] == ["old_say", "new_say", "new_sing"]
        route = await both.resolve_tool("old_say")
        assert route == ToolRoute("old", both.clients["old"], "say")
        result = await both.call_tool_mcp("old_say", {"text": "hm"})
        assert result.structured_content == {"result": "old: hm"}
        with pytest.raises(KeyError, match="Unknown tool: 'say'"):
            await both.call_tool("say")
    assert both.protocol_versions == {"old": None, "new": None}
    with pytest.raises(RuntimeError, match="not connected: old, new"):
        await both.list_tools()


def test_one_event_loop_after_another() -> None:
    both = group(a=["say"], b=["say"])

    async def use() -> str:
        async with both:
            return (await both.call_tool("b_say", {"text": "hm"})).data

    async def many() -> list[str]:  # so that they wait for one another
        return await asyncio.gather(use(), use(), use())

    for _ in range(2):
        assert asyncio.run(many()) == ["b: hm"] * 3
    asyncio.run(both.__aenter__())  # and nobody leaves: the loop ends what runs
    assert asyncio.run(many()) == ["b: hm"] * 3


async def test_names_that_collide() -> None:
    both = group(a=["b_x"], a_b=["x"])
    async with both:
        with pytest.raises(ValueError, match="Tool name collision: 'a_b_x'"):
            await both.list_tools()


async def test_one_that_cannot_be_reached_leaves_none_connected() -> None:
    config = {"a": CHILD, "b": {"command": "no-such-command"}}
    clients = ClientGroup.from_config(config)
    with pytest.raises(RuntimeError, match="no-such-command"):
        async with clients:
            pass
    assert not any(client.is_connected() for client in clients.clients.values())
    await asyncio.gather(*(client.close() for client in clients.clients.values()))


def test_each_server_has_its_mode() -> None:
    clients = ClientGroup.from_config(
        {"a": CHILD, "b": {**CHILD, "mode": "legacy"}}, default_mode="2026-07-28"
    ).clients
    assert {name: client.mode for name, client in clients.items()} == {
        "a": "2026-07-28",
        "b": "legacy",
    }
    with pytest.raises(TypeError, match="'a'"):
        ClientGroup.from_config({"a": {**CHILD, "mode": 1}})


def test_a_server_that_is_disabled_is_left_out() -> None:
    config = {"a": CHILD, "b": {**CHILD, "disabled": True}}
    assert list(ClientGroup.from_config(config).clients) == ["a"]


def test_an_empty_group() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ClientGroup({})
