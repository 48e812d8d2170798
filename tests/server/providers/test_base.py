"""Providers on the wire: what a server does not have itself, it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fastmcp import FastMCP
from fastmcp.exceptions import NotFoundError
from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate, TextResource
from fastmcp.server.bus import ToolsChanged
from fastmcp.server.middleware import Middleware
from fastmcp.server.providers import Provider
from fastmcp.tools import Tool
from fastmcp.utilities.versions import VersionSpec
from tests.support.asgi import STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)


def tool(name: str, says: str, version: str | None = None) -> Tool:
    return Tool.from_function(lambda: says, name=name, version=version, tags={says})


class Shop(Provider):
    """One of everything; the base class finds it in the lists."""

    def __init__(self, says: str = "shop") -> None:  # the base's __init__ need not be called
        self.says = says

    async def _list_tools(self) -> Sequence[Tool]:
        return [tool("buy", self.says, "1"), tool("buy", f"{self.says} 2", "2")]

    async def _list_resources(self) -> Sequence[Resource]:
        return [TextResource(uri="shop://sign", name="sign", text=self.says)]

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        def item(id: str) -> str:
            return f"{self.says} {id}"

        return [ResourceTemplate.from_function(item, "shop://items/{id}")]

    async def _list_prompts(self) -> Sequence[Prompt]:
        return [Prompt.from_function(lambda: self.says, name="greet")]


class Counting(Shop):
    """Counts what it is asked."""

    asked = 0

    async def get_tool(self, name: str, version: Any = None) -> Tool | None:
        self.asked += 1
        return await super().get_tool(name, version)


class Broken(Provider):
    async def _list_tools(self) -> Sequence[Tool]:
        raise RuntimeError("the database is away")


async def opened(mcp: FastMCP, version: str) -> Peer:
    return await Peer(mcp.http_app(), version).open()


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("middleware", [[], [Middleware()]])
async def test_everything_a_provider_has(version: str, middleware: list[Middleware]):
    mcp = FastMCP("s", providers=[Shop()], middleware=middleware)
    mcp.tool(lambda: "own", name="own")
    peer = await opened(mcp, version)
    listed = (await peer.request("tools/list")).result["tools"]
    assert [(t["name"], t["_meta"]["fastmcp"].get("version")) for t in listed] == [
        ("own", None),
        ("buy", "2"),
    ]
    assert (await peer.call("buy")).text == "shop 2"
    older = await peer.call("buy", meta={"fastmcp": {"version": "1"}})
    assert older.text == "shop"
    assert (await peer.call("own")).text == "own"
    resources = (await peer.request("resources/list")).result["resources"]
    assert [r["uri"] for r in resources] == ["shop://sign"]
    templates = (await peer.request("resources/templates/list")).result["resourceTemplates"]
    assert [t["uriTemplate"] for t in templates] == ["shop://items/{id}"]
    for uri, text in (("shop://sign", "shop"), ("shop://items/7", "shop 7")):
        read = await peer.request("resources/read", {"uri": uri})
        assert read.result["contents"][0]["text"] == text
    assert [p["name"] for p in (await peer.request("prompts/list")).result["prompts"]] == ["greet"]
    got = await peer.request("prompts/get", {"name": "greet"})
    assert got.result["messages"][0]["content"]["text"] == "shop"


@pytest.mark.parametrize("version", ERAS)
async def test_what_nobody_has(version: str):
    peer = await opened(FastMCP("s", providers=[Shop()]), version)
    unknown = await peer.call("nope")
    if version == STATELESS:
        assert unknown.error["code"] == -32602
    else:
        assert "Unknown tool" in unknown.text
    missing = -32602 if version == STATELESS else -32002
    assert (await peer.request("resources/read", {"uri": "shop://x"})).error["code"] == missing
    assert (await peer.request("prompts/get", {"name": "nope"})).error["code"] == -32602


async def test_the_servers_own_come_first_and_ask_nobody():
    counting = Counting()
    mcp = FastMCP("s", providers=[counting])
    mcp.tool(lambda: "own", name="buy")
    peer = await opened(mcp, STATELESS)
    assert (await peer.call("buy")).text == "own"
    assert counting.asked == 0
    assert [t["name"] for t in (await peer.request("tools/list")).result["tools"]] == ["buy"]


async def test_the_first_provider_with_a_name_answers():
    mcp = FastMCP("s", providers=[Shop("first")])
    mcp.add_provider(Shop("second"))
    peer = await opened(mcp, STATELESS)
    assert (await peer.call("buy")).text == "first 2"
    assert [t["name"] for t in (await peer.request("tools/list")).result["tools"]] == ["buy"]
    assert [p.says for p in mcp.providers if isinstance(p, Shop)] == ["first", "second"]


async def test_what_is_disabled_is_not_there():
    mcp = FastMCP("s", providers=[Shop()])
    mcp.disable(names={"buy"}).disable(names={"shop://sign"})
    mcp.disable(components={"template", "prompt"})
    peer = await opened(mcp, STATELESS)
    assert (await peer.request("tools/list")).result["tools"] == []
    assert (await peer.call("buy")).error["code"] == -32602
    assert (await peer.request("resources/list")).result["resources"] == []
    for uri in ("shop://sign", "shop://items/7"):
        assert (await peer.request("resources/read", {"uri": uri})).error["code"] == -32602
    assert (await peer.request("prompts/get", {"name": "greet"})).error["code"] == -32602


async def test_a_list_leaves_out_a_provider_that_fails(caplog: pytest.LogCaptureFixture):
    peer = await opened(FastMCP("s", providers=[Broken(), Shop()]), STATELESS)
    assert [t["name"] for t in (await peer.request("tools/list")).result["tools"]] == ["buy"]
    assert "Broken() could not be listed" in caplog.text
    # Who knows whether it has it: this is an error, and not an unknown tool.
    assert "the database is away" in (await peer.call("buy")).text


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_pages_go_over_both(size: int):
    mcp = FastMCP("s", providers=[Shop()], list_page_size=size)
    for number in range(3):
        mcp.tool(lambda: 1, name=f"t{number}")
    peer = await opened(mcp, STATELESS)
    names: list[str] = []
    cursor = None
    while cursor is not None or not names:
        page = (await peer.request("tools/list", {"cursor": cursor} if cursor else {})).result
        names += [t["name"] for t in page["tools"]]
        cursor = page.get("nextCursor")
    assert names == ["t0", "t1", "t2", "buy"]


async def test_a_change_of_a_provider_is_told():
    shop = Shop()
    peer = await opened(FastMCP("s", providers=[shop]), "2025-11-25")
    stream = peer.listen()
    await stream.until(lambda s: s.status == 200)
    shop._changed(ToolsChanged())
    await stream.until(lambda s: s.sent("notifications/tools/list_changed"))
    stream.leave()
    await stream.done()


async def test_a_provider_added_while_clients_are_there_is_told():
    mcp = FastMCP("s")
    peer = await opened(mcp, "2025-11-25")
    stream = peer.listen()
    await stream.until(lambda s: s.status == 200)
    mcp.add_provider(Shop())
    await stream.until(lambda s: s.sent("notifications/prompts/list_changed"))
    assert (await peer.call("buy")).text == "shop 2"
    stream.leave()
    await stream.done()


async def test_from_the_program():
    mcp = FastMCP("s", providers=[Shop()])
    assert [t.name for t in await mcp.list_tools()] == ["buy", "buy"]
    found = await mcp.get_tool("buy", VersionSpec(lt="2"))
    assert found is not None
    assert found.version == "1"
    assert await mcp.get_tool("buy", "3") is None
    assert (await mcp.get_resource("shop://sign")) is not None
    template = await mcp.get_resource_template("shop://items/7")
    assert template is not None
    assert await mcp.get_resource_template(template.uri_template) is not None
    assert (await mcp.get_prompt("greet")) is not None
    assert (await mcp.read_resource("shop://items/7")).contents[0].content == "shop 7"
    assert (await Provider().get_resource_template("x://y")) is None


async def test_a_namespace():
    mcp = FastMCP("s")
    mcp.add_provider(Shop(), namespace="a")
    assert [tool.name for tool in await mcp.list_tools()] == ["a_buy", "a_buy"]
    assert (await mcp.call_tool("a_buy", version="1")).content[0].text == "shop"
    assert (await mcp.read_resource("shop://a/items/7")).contents[0].content == "shop 7"
    assert [resource.uri for resource in await mcp.list_resources()] == ["shop://a/sign"]
    assert await mcp.get_prompt("a_greet") is not None
    assert await mcp.get_prompt("greet") is None
    with pytest.raises(NotFoundError):
        await mcp.read_resource("shop://items/7")
