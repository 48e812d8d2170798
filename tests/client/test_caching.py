"""Answers that are kept: for how long, for whom, and what makes them be asked for again."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from key_value.aio.stores.memory import MemoryStore

from fastmcp import Client, FastMCP
from fastmcp.client.caching import (
    CacheConfig,
    CacheEntry,
    CacheKey,
    InMemoryResponseCacheStore,
    KeyValueResponseCacheStore,
)
from fastmcp.client.transports import (
    FastMCPTransport,
    MCPConfigTransport,
    StreamableHttpTransport,
)
from fastmcp.client.transports.composite import CompositeTransport, Member
from fastmcp.exceptions import McpError
from tests.client.changing import mcp
from tests.client.ears import Ears, listening
from tests.client.site import Site, answer, discovered, error, handshake, site

Answers = Callable[[dict[str, Any]], dict[str, Any]]


def numbered(**hints: Any) -> Answers:
    """Every answer another: what came from the server cannot be taken for what was kept."""
    numbers = itertools.count(1)

    def made(message: dict[str, Any]) -> dict[str, Any]:
        name = f"n{next(numbers)}"
        if message["method"] == "resources/read":
            contents = [{"uri": message["params"]["uri"], "text": name}]
            return {"resultType": "complete", "contents": contents, **hints}
        tool = {"name": name, "inputSchema": {"type": "object"}}
        return {"resultType": "complete", "tools": [tool], **hints}

    return made


@asynccontextmanager
async def serving(answers: Answers) -> AsyncGenerator[Site]:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "server/discover":
            return answer(message, discovered())
        return answer(message, answers(message))

    async with site(post) as seen:
        yield seen


async def names(client: Client[Any], **given: Any) -> list[str]:
    return [tool.name for tool in await client.list_tools(**given)]


async def read(client: Client[Any], uri: str = "data://a", **given: Any) -> str:
    [contents] = await client.read_resource(uri, **given)
    return contents.text  # type: ignore[union-attr]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_by_default_nothing_is_kept() -> None:
    async with serving(numbered(ttlMs=60000, cacheScope="public")) as seen:
        for cache in (None, False):
            async with Client(seen.url, cache=cache) as client:
                assert await names(client) != await names(client)


async def test_an_answer_is_kept_for_its_time() -> None:
    clock = Clock()
    async with (
        serving(numbered(ttlMs=5000, cacheScope="private")) as seen,
        Client(seen.url, cache=CacheConfig(clock=clock)) as client,
    ):
        assert await names(client) == ["n1"]
        assert await read(client) == "n2"
        clock.now += 4.999
        assert (await names(client), await read(client)) == (["n1"], "n2")
        assert await read(client, "data://b") == "n3"
        clock.now += 0.001
        assert await names(client) == ["n4"]


async def test_what_one_does_with_an_answer_is_not_kept() -> None:
    async with serving(numbered(ttlMs=5000)) as seen, Client(seen.url, cache=True) as client:
        (await client.list_tools())[0].input_schema["type"] = "changed"
        assert (await client.list_tools())[0].input_schema == {"type": "object"}


async def test_the_modes_of_a_call() -> None:
    async with serving(numbered(ttlMs=5000)) as seen, Client(seen.url, cache=True) as client:
        assert await names(client) == ["n1"]
        assert await names(client, cache_mode="bypass") == ["n2"]
        assert await names(client) == ["n1"]
        assert await names(client, cache_mode="refresh") == ["n3"]
        assert await names(client) == ["n3"]


async def test_a_read_that_says_more_reaches_the_server() -> None:
    async with serving(numbered(ttlMs=5000)) as seen, Client(seen.url, cache=True) as client:
        assert await read(client) == "n1"
        assert await read(client, version="1") == "n2"
        assert await read(client, meta={"user": "u"}) == "n3"
        assert await read(client) == "n1"


@pytest.mark.parametrize("ttl", [0, -1, "60000", True, None, [5000]])
async def test_a_time_that_is_none_keeps_nothing(ttl: Any) -> None:
    async with serving(numbered(ttlMs=ttl)) as seen, Client(seen.url, cache=True) as client:
        assert (await names(client), await names(client)) == (["n1"], ["n2"])


async def test_no_time_is_longer_than_a_day() -> None:
    clock = Clock()
    config = CacheConfig(clock=clock)
    async with serving(numbered(ttlMs=1e300)) as seen, Client(seen.url, cache=config) as client:
        await names(client)
        clock.now += 24 * 3600 - 1
        assert await names(client) == ["n1"]
        clock.now += 1
        assert await names(client) == ["n2"]


async def test_errors_are_not_kept() -> None:
    fails = True

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "server/discover":
            return answer(message, discovered())
        if fails:
            return error(message, -32603, "out of order")
        return answer(message, {"tools": [], "ttlMs": 5000, "resultType": "complete"})

    async with site(post) as seen, Client(seen.url, cache=True) as client:
        with pytest.raises(McpError):
            await names(client)
        fails = False
        assert await names(client) == []


async def test_what_was_asked_on_the_way_is_not_kept() -> None:
    """2026-07-28, caching, "Cache Key": what a retry brings depends on the answers."""
    numbers = itertools.count(1)

    def answers(message: dict[str, Any]) -> dict[str, Any]:
        if "requestState" not in message["params"]:
            return {"resultType": "input_required", "requestState": "s"}
        contents = [{"uri": "data://a", "text": str(next(numbers))}]
        return {"resultType": "complete", "contents": contents, "ttlMs": 5000}

    async with serving(answers) as seen:
        config = CacheConfig(default_ttl_ms=60000)
        async with Client(seen.url, cache=config) as client:
            assert (await read(client), await read(client)) == ("1", "2")


async def test_the_handshake_era_has_no_times_but_the_clients() -> None:
    made = numbered(ttlMs=60000)

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        result = made(message)
        del result["ttlMs"]
        return answer(message, result)

    async with site(handshake(call)) as seen:
        async with Client(seen.url, mode="legacy", cache=True) as client:
            assert await names(client) != await names(client)
        async with Client(
            seen.url, mode="legacy", cache=CacheConfig(default_ttl_ms=60000)
        ) as client:
            assert await names(client) == await names(client)


# --- pages ----------------------------------------------------------------------------------------


def paged(pages: int, *, ttl: int = 60000) -> tuple[Answers, list[str]]:
    """A listing of several pages, every telling of it another; and the cursors asked for."""
    asked: list[str] = []
    telling = 0

    def answers(message: dict[str, Any]) -> dict[str, Any]:
        nonlocal telling
        cursor = message["params"].get("cursor", "")
        asked.append(cursor)
        number = int(cursor or 1)
        telling += number == 1
        tool = {"name": f"t{telling}.{number}", "inputSchema": {"type": "object"}}
        result = {"resultType": "complete", "tools": [tool], "ttlMs": ttl}
        return result | ({"nextCursor": str(number + 1)} if number < pages else {})

    return answers, asked


async def test_pages_are_kept_with_the_listing_they_belong_to() -> None:
    answers, asked = paged(3)
    async with serving(answers) as seen, Client(seen.url, cache=True) as client:
        assert await names(client) == ["t1.1", "t1.2", "t1.3"]
        assert await names(client) == ["t1.1", "t1.2", "t1.3"]
        assert asked == ["", "2", "3"]
        await client.list_tools_mcp(cache_mode="refresh")
        assert await names(client) == ["t2.1", "t2.2", "t2.3"]


async def test_a_cursor_that_is_refused_begins_the_listing_again() -> None:
    answers, _ = paged(2)
    good = True

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        nonlocal good
        if message["method"] == "server/discover":
            return answer(message, discovered())
        if "cursor" in message["params"] and not good:
            good = True
            return error(message, -32602, "no such cursor")
        return answer(message, answers(message))

    async with site(post) as seen, Client(seen.url, cache=True) as client:
        await client.list_tools_mcp()
        good = False
        assert await names(client) == ["t2.1", "t2.2"]


# --- changes --------------------------------------------------------------------------------------


async def test_a_change_makes_a_listing_be_asked_for_again(mode: str) -> None:
    ears = Ears()
    config = CacheConfig(default_ttl_ms=60000)
    async with Client(mcp, mode=mode, cache=config, message_handler=ears) as client:
        assert "grown" not in await names(client)
        await client.call_tool("grow", {"name": "grown"})
        await ears.until("tools")
        assert "grown" in await names(client)
        mcp.local_provider.remove_tool("grown")


async def test_a_resource_that_was_subscribed_to_is_read_again_when_it_changed(mode: str) -> None:
    ears = Ears()
    config = CacheConfig(default_ttl_ms=60000)
    async with Client(mcp, mode=mode, cache=config, message_handler=ears) as client:
        await client.subscribe_resource("data://reads")
        first = await read(client, "data://reads")
        assert await read(client, "data://reads") == first
        await client.call_tool("touch", {"uri": "data://reads"})
        await ears.until("data://reads")
        assert await read(client, "data://reads") != first


async def test_what_is_kept_is_listened_to_and_forgotten_when_the_stream_ends() -> None:
    made = numbered(ttlMs=60000)

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return answer(message, made(message))

    async with listening(call) as (seen, listened), Client(seen.url, cache=True) as client:
        assert listened.asked == []
        assert await names(client) == ["n1"]
        await seen.until(lambda: listened.asked)
        assert listened.asked == [{"toolsListChanged": True}]
        assert await names(client) == ["n1"]
        await seen.until(lambda: listened.streams)
        await listened.end(politely=True)
        await seen.until(lambda: len(listened.asked) == 2)
        assert await names(client) != ["n1"]


async def test_in_the_handshake_era_what_is_kept_is_forgotten_with_the_stream_too() -> None:
    made = numbered()
    gone = asyncio.Event()

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return answer(message, made(message))

    async def get(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await gone.wait()
        return stream

    async with (
        site(handshake(call), get=get) as seen,
        Client(seen.url, mode="legacy", cache=CacheConfig(default_ttl_ms=60000)) as client,
    ):
        await seen.until(lambda: seen.gets)
        assert (await names(client), await names(client)) == (["n1"], ["n1"])
        gone.set()
        await seen.until(lambda: len(seen.gets) == 2)
        assert await names(client) == ["n2"]


async def test_what_changes_while_it_is_asked_for_is_not_kept() -> None:
    changed = asyncio.Event()
    made = numbered(ttlMs=60000)

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        result = made(message)
        if not changed.is_set():
            await listened.say("notifications/tools/list_changed")
            await changed.wait()
        return answer(message, result)

    class Hears(Ears):
        async def on_tool_list_changed(self, message: Any) -> None:
            changed.set()

    async with (
        listening(call) as (seen, listened),
        Client(seen.url, cache=True, message_handler=Hears()) as client,
    ):
        assert await names(client) == ["n1"]
        assert await names(client) == ["n2"]
        assert await names(client) == ["n2"]


# --- for whom -------------------------------------------------------------------------------------


class Shared(InMemoryResponseCacheStore):
    """A store that several clients use."""


async def test_private_answers_are_not_shared_between_principals() -> None:
    store = Shared()
    async with serving(numbered(ttlMs=60000, cacheScope="private")) as seen:

        async def ask(partition: str) -> list[str]:
            config = CacheConfig(store=store, partition=partition, share_public=True)
            async with Client(seen.url, cache=config) as client:
                return await names(client)

        assert await ask("ada") == ["n1"]
        assert await ask("ada") == ["n1"]
        assert await ask("bob") == ["n2"]


async def test_public_answers_are_shared_where_the_program_says_so() -> None:
    for share, expected in ((False, ["n2"]), (True, ["n1"])):
        store = Shared()
        async with serving(numbered(ttlMs=60000, cacheScope="public")) as seen:
            for partition in ("ada", "bob"):
                config = CacheConfig(store=store, partition=partition, share_public=share)
                async with Client(seen.url, cache=config) as client:
                    found = await names(client)
            assert found == expected


async def test_servers_are_told_apart() -> None:
    store = Shared()
    config = CacheConfig(store=store, partition="ada")
    async with serving(numbered(ttlMs=60000)) as one, serving(numbered(ttlMs=60000)) as two:
        async with Client(one.url, cache=config) as client:
            assert await names(client, cache_mode="bypass") == ["n1"]
            assert await names(client) == ["n2"]
        async with Client(two.url, cache=config) as client:
            assert await names(client) == ["n1"]


async def test_another_token_is_another_principal() -> None:
    async with serving(numbered(ttlMs=60000)) as seen:
        client = Client(seen.url, auth="ada", cache=True)
        async with client:
            assert (await names(client), await names(client)) == (["n1"], ["n1"])
        client.transport.set_auth("bob")
        async with client:
            assert await names(client) == ["n2"]
        client.transport.set_auth("ada")
        async with client:
            assert await names(client) == ["n1"]


async def test_where_nobody_can_say_whose_answers_they_are_they_are_not_kept() -> None:
    users = itertools.cycle(["ada", "bob"])
    async with serving(numbered(ttlMs=60000)) as seen:
        transport = StreamableHttpTransport(seen.url, headers=lambda: {"X-User": next(users)})
        async with Client(transport, cache=True) as client:
            assert (await names(client), await names(client)) == (["n1"], ["n2"])


# --- several servers ------------------------------------------------------------------------------


def several(*sites: Site, **said: Any) -> dict[str, Any]:
    """A configuration of these; `said` are further members of each entry."""
    return {"mcpServers": {f"s{i}": {"url": at.url, **said} for i, at in enumerate(sites)}}


async def test_what_several_servers_list_is_kept_until_one_of_them_changes() -> None:
    ears = Ears()
    sun = FastMCP("sun", cache_ttl=60)
    both = CompositeTransport(
        {"a": Member(FastMCPTransport(mcp)), "b": Member(FastMCPTransport(sun))}
    )
    async with Client(both, cache=True, message_handler=ears) as client:
        before = await names(client)
        sun.add_tool(grown)  # by nobody who tells
        assert await names(client) == before
        assert len(await names(client, cache_mode="bypass")) == len(before) + 1
        await client.call_tool("a_grow", {"name": "more"})
        await ears.until("tools")
        assert {"a_more", "b_grown"} <= set(await names(client))
        mcp.local_provider.remove_tool("more")

        await client.subscribe_resource("data://a/reads")
        first = await read(client, "data://a/reads")
        assert await read(client, "data://a/reads") == first
        await client.call_tool("a_touch", {"uri": "data://reads"})
        await ears.until("data://a/reads")
        assert await read(client, "data://a/reads") != first


def grown() -> None: ...


async def test_what_was_missed_behind_is_forgotten_in_front() -> None:
    """A stream of one server ended: of that the client in front has to hear."""
    ears = Ears()
    made = numbered(ttlMs=60000, cacheScope="private")

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return answer(message, made(message))

    async with (
        listening(call) as (one, listened),
        serving(numbered(ttlMs=60000)) as two,
        Client(several(one, two), cache=True, message_handler=ears) as client,
    ):
        assert listened.asked == [{"toolsListChanged": True}]
        assert await names(client) == ["s0_n1", "s1_n1"]
        assert await names(client) == ["s0_n1", "s1_n1"]
        assert ears.heard == []
        await listened.end(politely=False)
        await ears.until("tools")  # it listens again
        assert await names(client) == ["s0_n2", "s1_n2"]


@pytest.mark.parametrize("count", [1, 2])
async def test_another_token_for_one_of_several_is_another_principal(count: int) -> None:
    async with serving(numbered(ttlMs=60000)) as one, serving(numbered(ttlMs=60000)) as two:
        client = Client(several(*(one, two)[:count], auth="ada"), cache=True)
        made = client.transport.transport
        last = made if count == 1 else made.members["s1"].transport
        async with client:
            first = await names(client)
            assert await names(client) == first
        last.set_auth("bob")
        async with client:
            assert await names(client) != first
        last.set_auth("ada")
        async with client:
            assert await names(client) == first
        last.headers = lambda: {"X-User": "somebody"}
        async with client:
            assert await names(client) != await names(client)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_shared_store_holds_answers_of_several_servers(count: int) -> None:
    store = Shared()
    async with serving(numbered(ttlMs=60000)) as one, serving(numbered(ttlMs=60000)) as two:
        sites = (one, two)[:count]

        async def ask(partition: str, config: Any, **given: Any) -> list[str]:
            cache = CacheConfig(store=store, partition=partition, **given)
            async with Client(config, cache=cache) as client:
                return await names(client)

        first = await ask("ada", several(*sites))
        assert await ask("ada", several(*sites)) == first
        assert await ask("bob", several(*sites)) != first
        assert await ask("ada", several(*sites)) == first
        if count == 2:  # other names, other servers
            assert await ask("ada", several(two, one)) != first
            unprefixed = MCPConfigTransport(several(*sites), name_as_prefix=False)
            assert await ask("ada", unprefixed) != first

        changed = several(*sites, tools={"n1": {"enabled": False}})
        with pytest.raises(ValueError, match="target_id"):
            await ask("ada", changed)
        assert await ask("ada", changed, target_id="changed") != first


async def test_a_client_made_from_another_keeps_its_own() -> None:
    async with serving(numbered(ttlMs=60000)) as seen:
        client = Client(seen.url, cache=True)
        async with client:
            assert await names(client) == ["n1"]
        async with client.new() as other:
            assert await names(other) == ["n2"]


# --- stores ---------------------------------------------------------------------------------------


async def test_a_key_value_store_is_shared_between_clients() -> None:
    storage = MemoryStore()
    async with serving(numbered(ttlMs=60000)) as seen:
        for _ in range(2):
            store = KeyValueResponseCacheStore(storage, collection="answers")
            config = CacheConfig(store=store, partition="ada")
            async with Client(seen.url, cache=config) as client:
                assert await names(client) == ["n1"]
        await store.clear()
        async with Client(seen.url, cache=config) as client:
            assert await names(client) == ["n2"]


class Broken(InMemoryResponseCacheStore):
    """Fails where it is told to."""

    fails: tuple[str, ...] = ("get", "set", "delete")

    async def get(self, key: CacheKey) -> CacheEntry | None:
        self._check("get")
        return await super().get(key)

    async def set(self, key: CacheKey, entry: CacheEntry) -> None:
        self._check("set")
        await super().set(key, entry)

    async def delete(self, key: CacheKey) -> None:
        self._check("delete")
        await super().delete(key)

    def _check(self, name: str) -> None:
        if name in self.fails:
            raise OSError("the disk is on fire")


async def test_a_store_that_fails_is_a_miss(caplog: pytest.LogCaptureFixture) -> None:
    config = CacheConfig(store=Broken(), partition="ada")
    async with serving(numbered(ttlMs=60000)) as seen, Client(seen.url, cache=config) as client:
        with caplog.at_level(logging.WARNING, "fastmcp.client"):
            assert (await names(client), await names(client)) == (["n1"], ["n2"])
    assert len([record for record in caplog.records if "store" in record.message]) == 1


async def test_what_cannot_be_deleted_is_not_given() -> None:
    store = Broken()
    store.fails = ()
    ears = Ears()
    config = CacheConfig(store=store, partition="ada", target_id="changing", default_ttl_ms=60000)
    async with Client(mcp, cache=config, message_handler=ears) as client:
        await names(client)
        store.fails = ("delete",)
        await client.call_tool("grow", {"name": "stubborn"})
        await ears.until("tools")
        assert "stubborn" in await names(client)
        mcp.local_provider.remove_tool("stubborn")


@pytest.mark.parametrize(
    "value", [None, [], {"result": 5, "telling": "x"}, {"result": {}}, "text", {"telling": 1}]
)
async def test_nonsense_in_a_store_is_a_miss(value: Any) -> None:
    class Nonsense(InMemoryResponseCacheStore):
        async def get(self, key: CacheKey) -> Any:
            return CacheEntry(value, "private", 1e12)

    config = CacheConfig(store=Nonsense(), partition="ada")
    async with serving(numbered(ttlMs=60000)) as seen, Client(seen.url, cache=config) as client:
        assert await names(client) == ["n1"]


def test_what_a_configuration_has_to_say() -> None:
    with pytest.raises(ValueError, match="partition"):
        CacheConfig(store=Shared())
    with pytest.raises(ValueError, match="target_id"):
        CacheConfig(target_id="")
    with pytest.raises(ValueError, match="default_ttl_ms"):
        CacheConfig(default_ttl_ms=-1)
    with pytest.raises(ValueError, match="target_id"):
        Client(mcp, cache=CacheConfig(store=Shared(), partition="ada"))


async def test_a_store_in_memory_is_bounded() -> None:
    store = InMemoryResponseCacheStore(max_entries=3, max_bytes=4000)

    async def put(name: str, size: int) -> None:
        await store.set(CacheKey(name), CacheEntry("x" * size, "private", 1e12))

    async def held() -> list[str]:
        return [name for name in "abcd" if await store.get(CacheKey(name)) is not None]

    for name in "abc":
        await put(name, 10)
    await store.get(CacheKey("a"))
    await put("d", 10)
    assert await held() == ["a", "c", "d"]
    await put("a", 2000)  # too large for what else there should be room for
    assert await held() == ["c", "d"]
    for name in "abc":
        await put(name, 900)
    await put("d", 900)
    assert await held() == ["b", "c", "d"]
    await store.clear()
    assert await held() == []
