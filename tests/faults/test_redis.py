"""A Redis that hangs, is slow, is full, or forgets. One that is gone and comes back is in
`tests/workers/test_failures.py`."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.faults.conftest import Log
from tests.support.process import Server, serve, until, uvicorn
from tests.support.redis import redis
from tests.support.wire import Answer, Wire
from tests.workers.conftest import HERE, environment
from tests.workers.test_failures import Cut

QUICK = 2.0
"""Seconds; whoever waits for a Redis that hangs waits for three."""


@dataclass
class Stage:
    """Two workers and their Redis. The last test ends one."""

    one: Server
    two: Server
    store: Server
    journal: Path

    def ended(self, tag: str) -> bool:
        """Whether the tool that was called with this tag has."""
        lines = [line.split() for line in self.journal.read_text().splitlines()]
        return any((line[0], line[1], line[3]) == ("ticking", "ends", tag) for line in lines)


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        store = stack.enter_context(redis())
        env = environment(folder, store, FASTMCP_HTTP_HEALTH="1", LEASE="2")
        app = uvicorn("server:app", "--log-level", "warning")
        one, two = (stack.enter_context(serve(app, cwd=HERE, env=env)) for _ in range(2))
        yield Stage(one, two, store, folder / "journal")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("redis")) as running:
        yield running


@asynccontextmanager
async def control(stage: Stage) -> AsyncIterator[Redis]:
    """The Redis, as its operator has it."""
    client = Redis(port=stage.store.port)
    try:
        yield client
    finally:
        await client.aclose()


async def promptly(answer: Any) -> Answer:
    async with asyncio.timeout(QUICK):
        return await answer


async def is_ready(server: Server) -> bool:
    url = server.url.removesuffix("/mcp") + "/readyz"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return response.status == 200


async def ping(wire: Wire, server: Server) -> Answer:
    return await wire.send(
        "POST", message=wire.message("ping"), headers=wire.standard_headers(), url=server.url
    )


async def test_one_that_hangs(stage: Stage):
    """Once somebody was kept waiting, nobody is: a call says many things, and waits for each to be
    written. What ended meanwhile can be heard when it answers again."""
    async with Wire(stage.one.url) as wire:
        await wire.initialize()
        assert (await wire.call("remember", {"value": "kept"})).text == "remembered kept"
        away, there = (Cut(wire, "ticking", n=40, pause=0.01, tag=tag) for tag in ("away", "there"))
        reading = asyncio.create_task(there.begin(stage.one.url, 1000))
        await until(lambda: len(there.events) > 2, "progress")
        await away.begin(stage.one.url, 2)
        log = Log(stage.one)
        stage.store.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        await reading
        await until(lambda: stage.ended("away"), "the call that nobody hears ends")
        assert time.monotonic() - began < 12  # three for each of many would be a minute
        assert there.steps == list(range(1, 41))
        assert there.answer["result"]["content"][0]["text"] == "ticked there"
        assert (await promptly(wire.call("add", {"a": 1, "b": 2}))).text == "3"
        failed = await promptly(wire.call("remember", {"value": "lost"}))
        assert "Redis cannot be reached now; try again in a moment" in failed.text
        assert (await promptly(wire.delete())).status == 503
        await until(lambda: "does not answer" in stage.one.log, "it is said")
        assert not await is_ready(stage.one)
        stage.store.process.send_signal(signal.SIGCONT)
        await until(lambda: is_ready(stage.one), "it is ready again")
        assert (await wire.call("recall")).text == "kept"
        await away.resume(stage.two.url)
        assert away.answer["result"]["content"][0]["text"] == "ticked away"
        assert (await wire.call("remember", {"value": "new"})).text == "remembered new"
        assert len(log.lines) <= 6, log.lines


async def test_one_that_is_slow(stage: Stage):
    """What needs it takes as long, and nothing fails; what does not need it is as quick as ever."""
    async with Wire(stage.one.url) as wire, control(stage) as store:
        await wire.initialize()
        await wire.call("remember", {"value": "x"})
        logs = Log(stage.one), Log(stage.two)
        await store.client_pause(1500, all=True)
        began = time.monotonic()
        needy = asyncio.create_task(wire.call("remember", {"value": "late"}))
        elsewhere = asyncio.create_task(ping(wire, stage.two))
        for _ in range(5):
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
        assert time.monotonic() - began < 1
        assert (await needy).text == "remembered late"
        assert (await elsewhere).status == 200
        assert [log.lines for log in logs] == [[], []]


async def test_one_that_is_full(stage: Stage):
    """Nothing that changes can be kept, and it is said so, whose trouble that is, and once. Nothing
    is half done: what could not be ended goes on, with all it had."""
    async with Wire(stage.one.url) as wire, control(stage) as store:
        await wire.initialize()
        await wire.call("remember", {"value": "kept"})
        assert (await ping(wire, stage.two)).status == 200
        call = Cut(wire, "ticking", n=30, pause=0.02, tag="full")
        await call.begin(stage.one.url, 2)
        late = asyncio.create_task(call.resume(stage.two.url))
        log = Log(stage.one)
        await store.config_set("maxmemory", 1)
        for _ in range(3):
            assert (await promptly(wire.call("add", {"a": 1, "b": 2}))).text == "3"
            failed = await promptly(wire.call("remember", {"value": "lost"}))
            assert "Redis takes nothing now" in failed.text
            ended = await promptly(wire.delete())
            assert (ended.status, ended.headers["retry-after"]) == (503, "1")
            told = await promptly(
                wire.call("ticking", {"n": 3, "pause": 0}, meta={"progressToken": 1})
            )
            assert told.text == "ticked "
        assert not await is_ready(stage.one)
        await until(lambda: stage.ended("full"), "the call ends")
        [line] = log.saying("Redis refuses")
        assert "maxmemory" in line
        assert len(log.lines) == 2, log.lines
        await store.config_set("maxmemory", 0)
        await until(lambda: is_ready(stage.one), "it is ready again")
        for server in (stage.one, stage.two):
            wire.url = server.url
            assert (await wire.call("recall")).text == "kept"
        await late
        if "result" not in str(call.messages[-1:]):
            await call.resume(stage.two.url)
        assert call.answer["result"]["content"][0]["text"] == "ticked full"
        await until(lambda: bool(log.saying("Redis takes everything again")), "it is said")
        assert (await wire.delete()).status == 200
        assert len(log.lines) == 4, log.lines


async def test_one_that_forgets(tmp_path: Path):
    """Is warned of. What it forgot is lost, and the sessions are not: they are in their ids."""
    with redis() as store:
        async with Redis(port=store.port) as operator:
            await operator.config_set("maxmemory-policy", "allkeys-lru")
            used = (await operator.info("memory"))["used_memory"]
            await operator.config_set("maxmemory", used + 2**21)
            env = environment(tmp_path, store, LEASE="2")
            with serve(
                uvicorn("server:app", "--log-level", "warning"), cwd=HERE, env=env
            ) as server:
                [line] = server.log.splitlines()
                assert "maxmemory-policy allkeys-lru" in line
                assert "noeviction" in line
                async with Wire(server.url) as wire:
                    await wire.initialize()
                    await wire.call("remember", {"value": "forgotten"})
                    call = Cut(wire, "ticking", n=20, pause=0.05, tag="through")
                    running = asyncio.create_task(call.begin(server.url, 1000))
                    key = "fastmcp:session:*"
                    while [one async for one in operator.scan_iter(key)]:
                        async with operator.pipeline(transaction=False) as pipe:
                            for number in range(200):
                                pipe.set(f"junk:{time.monotonic()}:{number}", b"x" * 4096)
                            await pipe.execute()
                    assert (await operator.info("stats"))["evicted_keys"]
                    await running
                    assert call.steps == list(range(1, 21))
                    assert call.answer["result"]["content"][0]["text"] == "ticked through"
                    assert (await wire.call("recall")).text == "None"
                    assert (await wire.call("remember", {"value": "a"})).text == "remembered a"
                assert len(server.log.splitlines()) == 1


async def test_the_server_stops_while_it_hangs(stage: Stage):
    async with Wire(stage.one.url) as wire:
        await wire.initialize()
        stage.store.process.send_signal(signal.SIGSTOP)
        try:
            assert await asyncio.to_thread(stage.one.stop) == 0
        finally:
            stage.store.process.send_signal(signal.SIGCONT)
