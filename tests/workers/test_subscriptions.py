"""What changes at one worker is heard at every other, in both eras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support.process import Server, serve, until, uvicorn
from tests.support.wire import STATELESS, Wire
from tests.workers.conftest import HERE, Workers, environment, workers

URI = "thing://7"
FILTER = {"toolsListChanged": True, "promptsListChanged": True, "resourceSubscriptions": [URI]}
STATELESS_HTTP = {"EVENTS": "", "RETRY": "", "FASTMCP_STATELESS_HTTP": "true"}
CHANGES = [
    ("update", {"uri": URI}, "notifications/resources/updated"),
    ("publish", {"uri": URI}, "notifications/resources/updated"),
    ("grow", {}, "notifications/tools/list_changed"),
    ("change", {}, "notifications/prompts/list_changed"),
]


@pytest.fixture(scope="module", params=["redis", "one machine"])
def stateless(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    """Two workers that keep no sessions."""
    folder = tmp_path_factory.mktemp("listening")
    shared = request.param == "redis"
    with workers(folder, 2, shared=shared, **STATELESS_HTTP) as running:
        yield running


@asynccontextmanager
async def standalone(url: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """A session's own stream; its messages."""
    async with Wire(url) as wire:
        await wire.initialize()
        await wire.request("resources/subscribe", {"uri": URI})
        async with wire.listen() as events:
            await anext(events)  # it is open
            yield (event.message async for event in events if event.message is not None)


async def one_change(at: str, tool: str, arguments: dict[str, Any], version: str) -> None:
    async with Wire(at, version) as wire:
        if version != STATELESS:
            await wire.initialize()
        answer = await wire.call(tool, arguments)
        assert not answer.result.get("isError"), answer.body


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_one_change_reaches_both_eras_at_other_workers(three: Workers, version: str):
    first, second, third = three.urls
    async with (
        standalone(second) as session,
        Wire(third, STATELESS) as wire,
        wire.subscribe(FILTER) as subscription,
    ):
        for tool, arguments, method in CHANGES:
            await one_change(first, tool, arguments, version)
            async with asyncio.timeout(10):
                for heard in (session, subscription):
                    message = await anext(heard)
                    assert message["method"] == method
                    assert message.get("params", {}).get("uri") == arguments.get("uri")
        await one_change(first, "update", {"uri": "thing://8"}, version)
        await one_change(first, "grow", {}, version)
        async with asyncio.timeout(10):
            assert (await anext(subscription))["method"] == "notifications/tools/list_changed"


async def test_so_it_is_where_no_sessions_are_kept(stateless: Workers):
    here, there = stateless.urls
    async with Wire(there, STATELESS) as wire, wire.subscribe(FILTER) as subscription:
        for tool, arguments, method in CHANGES:
            await one_change(here, tool, arguments, STATELESS)
            async with asyncio.timeout(10):
                assert (await anext(subscription))["method"] == method


def stats(server: Server) -> dict[str, int]:
    with urlopen(server.url.removesuffix("/mcp") + "/stats", timeout=10) as answer:
        return json.load(answer)


async def test_many_subscriptions_leave_nothing_behind(tmp_path: Path):
    env = environment(tmp_path, None, **STATELESS_HTTP)
    with serve(uvicorn("server:app", "--log-level", "warning"), cwd=HERE, env=env) as server:
        await one_change(server.url, "grow", {}, STATELESS)
        before = await asyncio.to_thread(stats, server)
        async with AsyncExitStack() as stack:
            heard: list[AsyncIterator[dict[str, Any]]] = []
            for _ in range(10):
                wire = await stack.enter_async_context(Wire(server.url, STATELESS))
                opened = [stack.enter_async_context(wire.subscribe(FILTER)) for _ in range(50)]
                heard += [await one for one in opened]
            during = await asyncio.to_thread(stats, server)
            assert during["files"] >= before["files"] + 500
            await one_change(server.url, "grow", {}, STATELESS)
            async with asyncio.timeout(20):
                for one in heard:
                    assert (await anext(one))["method"] == "notifications/tools/list_changed"

        async def gone() -> bool:
            after = await asyncio.to_thread(stats, server)
            return all(after[name] <= before[name] + 1 for name in ("tasks", "files"))

        await until(gone, "nothing is left")
