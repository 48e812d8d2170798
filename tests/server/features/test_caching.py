"""How long a client may keep what it was told, and with whom it may share it.

2026-07-28, server/utilities/caching.
"""

from __future__ import annotations

from typing import Any

import pytest

from fastmcp import FastMCP
from fastmcp.resources import Resource, ResourceContent, ResourceResult
from fastmcp.server.middleware import Middleware
from tests.support.asgi import STATELESS, Peer

CACHEABLE = (
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
)


class Nothing(Middleware):
    async def on_message(self, context: Any, call_next: Any) -> Any:
        return await call_next(context)

    async def on_discover(self, context: Any, call_next: Any) -> Any:
        return await call_next(context)


def build(**options: Any) -> FastMCP:
    mcp = FastMCP("cached", **options)
    mcp.tool(lambda: 1, name="t")

    @mcp.resource("r://plain")
    async def plain() -> str:
        return "plain"

    @mcp.resource("r://own", cache_ttl=0.5, cache_scope="public")
    async def own() -> str:
        return "own"

    @mcp.resource("r://never", cache_ttl=0)
    async def never() -> str:
        return "never"

    @mcp.resource("r://users/{name}", cache_ttl=60, cache_scope="private")
    async def user(name: str) -> ResourceResult | str:
        if name == "said":
            return ResourceResult([ResourceContent("x")], {"a": 1}, cache_ttl=7)
        return name

    return mcp


async def hints(peer: Peer, method: str, uri: str | None = None) -> tuple[Any, Any]:
    result = (await peer.request(method, None if uri is None else {"uri": uri})).result
    return result["ttlMs"], result["cacheScope"]


@pytest.mark.parametrize("middleware", [[], [Nothing()]], ids=["plain", "middleware"])
async def test_without_a_word_nothing_is_cached(middleware: list[Middleware]):
    peer = Peer(build(middleware=middleware).http_app(), STATELESS)
    for method in CACHEABLE:
        assert await hints(peer, method) == (0, "private")
    assert await hints(peer, "resources/read", "r://plain") == (0, "private")


@pytest.mark.parametrize("middleware", [[], [Nothing()]], ids=["plain", "middleware"])
async def test_the_servers_word_is_in_seconds(middleware: list[Middleware]):
    mcp = build(cache_ttl=5, cache_scope="public", middleware=middleware)
    peer = Peer(mcp.http_app(), STATELESS)
    for method in CACHEABLE:
        assert await hints(peer, method) == (5000, "public")
    assert await hints(peer, "resources/read", "r://plain") == (5000, "public")
    assert "ttlMs" not in (await peer.call("t")).result


@pytest.mark.parametrize("middleware", [[], [Nothing()]], ids=["plain", "middleware"])
@pytest.mark.parametrize(
    ("uri", "alone", "in_a_server_that_caches"),
    [
        ("r://own", (500, "public"), (500, "public")),
        ("r://never", (0, "private"), (0, "public")),
        ("r://users/me", (60_000, "private"), (60_000, "private")),
        ("r://users/said", (7000, "private"), (7000, "private")),
    ],
)
async def test_a_resource_may_say_otherwise(
    middleware: list[Middleware], uri: str, alone: Any, in_a_server_that_caches: Any
):
    peer = Peer(build(middleware=middleware).http_app(), STATELESS)
    assert await hints(peer, "resources/read", uri) == alone
    caching = build(cache_ttl=5, cache_scope="public", middleware=middleware)
    peer = Peer(caching.http_app(), STATELESS)
    assert await hints(peer, "resources/read", uri) == in_a_server_that_caches


async def test_the_handshake_era_knows_no_hints():
    peer = await Peer(build(cache_ttl=5).http_app()).open()
    read = (await peer.request("resources/read", {"uri": "r://own"})).result
    assert not {"ttlMs", "cacheScope"} & read.keys()
    assert read["contents"][0]["text"] == "own"


async def test_a_class_of_the_authors_own():
    class Note(Resource):
        async def read(self) -> Any:
            return "note"

    mcp = FastMCP("own")
    mcp.add_resource(Note(uri="r://n", cache_ttl=2, cache_scope="public"))
    assert await hints(Peer(mcp.http_app(), STATELESS), "resources/read", "r://n") == (
        2000,
        "public",
    )


async def test_what_one_caller_sees_is_not_for_others():
    class Hide(Middleware):
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            await context.fastmcp_context.disable_components(names={"t"})
            return await call_next(context)

    mcp = build(cache_ttl=5, cache_scope="public", middleware=[Hide()], list_page_size=1)
    mcp.tool(lambda: 1, name="a")
    mcp.tool(lambda: 1, name="b")
    peer = Peer(mcp.http_app(), STATELESS)
    page = (await peer.request("tools/list")).result
    assert [tool["name"] for tool in page["tools"]] == ["a"]
    assert (page["ttlMs"], page["cacheScope"]) == (5000, "private")
    # every page of a list has the same scope
    page = (await peer.request("tools/list", {"cursor": page["nextCursor"]})).result
    assert page["cacheScope"] == "private"
    assert await hints(peer, "prompts/list") == (5000, "public")


@pytest.mark.parametrize("ttl", [-1, -0.1, float("inf"), float("nan")])
def test_times_that_are_none(ttl: float):
    with pytest.raises(ValueError, match="cache_ttl"):
        FastMCP("x", cache_ttl=ttl)
    with pytest.raises(ValueError, match="cache_ttl"):
        ResourceResult("x", cache_ttl=ttl)
    with pytest.raises(ValueError, match="cache_ttl"):
        FastMCP("x").resource("r://x", name="x", cache_ttl=ttl)(lambda: "x")


def test_scopes_that_are_none():
    wrong: Any = "everyone"
    with pytest.raises(ValueError, match="cache_scope"):
        FastMCP("x", cache_ttl=1, cache_scope=wrong)
    with pytest.raises(ValueError, match="cache_scope"):
        ResourceResult("x", cache_scope=wrong)
    with pytest.raises(ValueError, match="cache_scope"):
        FastMCP("x").resource("r://x", name="x", cache_scope=wrong)(lambda: "x")
    with pytest.raises(ValueError, match="cache_scope needs cache_ttl"):
        FastMCP("x", cache_scope="public")
