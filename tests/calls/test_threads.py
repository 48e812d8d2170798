"""Slow calls beside quick ones, over real sockets: nobody waits for somebody else's tool."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import Server, serve, until, uvicorn
from tests.support.wire import STATELESS, Wire

ERAS = ("2025-11-25", STATELESS)
QUICK = 1.0
"""Seconds, on a busy machine. Whoever waits for a slow call waits longer than this."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("calls") / "journal") as server:
        yield server


def served(journal: Path, name: str = "stateful", **settings: str) -> Any:
    env = {**os.environ, "FASTMCP_JOURNAL": str(journal), **settings}
    return serve(uvicorn(f"tests.calls.server:{name}"), env=env)


async def opened(wire: Wire) -> None:
    if not wire.stateless:
        await wire.initialize()


async def promptly(awaitable: Awaitable[Any], what: str) -> Any:
    began = time.monotonic()
    value = await awaitable
    took = time.monotonic() - began
    assert took < QUICK, f"{what} took {took:.2f} s"
    return value


async def answers_promptly(wire: Wire) -> None:
    """Everything that is quick, is."""
    for _ in range(3):
        assert (await promptly(wire.call("add_async", {"a": 1, "b": 2}), "an async tool")).text
        assert (await promptly(wire.call("add", {"a": 1, "b": 2}), "a sync tool")).text == "3"
        assert (await promptly(wire.request("tools/list"), "tools/list")).result["tools"]
        if not wire.stateless:
            assert (await promptly(wire.request("ping"), "ping")).result == {}
            async with Wire(wire.url) as newcomer:
                await promptly(newcomer.initialize(), "initialize")


@pytest.mark.parametrize("version", ERAS)
async def test_t11_blocking_calls_run_side_by_side(server: Server, version: str):
    async with Wire(server.url, version) as wire:
        await opened(wire)
        began = time.monotonic()
        answers = await asyncio.gather(*(wire.call("block", {"seconds": 0.5}) for _ in range(10)))
        assert time.monotonic() - began < 2  # one after the other: 5
        assert {answer.text for answer in answers} == {"blocked"}


@pytest.mark.parametrize("version", ERAS)
async def test_t11_quick_calls_beside_sixty_blocking_ones(server: Server, version: str):
    async with Wire(server.url, version) as wire:
        await opened(wire)
        slow = [asyncio.create_task(wire.call("block", {"seconds": 2})) for _ in range(60)]
        await answers_promptly(wire)
        answers = await asyncio.gather(*slow)
        assert {answer.text for answer in answers} == {"blocked"}


@pytest.mark.parametrize("version", ERAS)
async def test_t11_quick_calls_when_all_threads_are_wanted(tmp_path: Path, version: str):
    """Eight threads and sixty blocking calls of two tools: a third one's still finds a thread."""
    with served(tmp_path / "journal", FASTMCP_MAX_THREADS="8") as server:
        async with Wire(server.url, version) as wire:
            await opened(wire)
            slow = [
                asyncio.create_task(wire.call(tool, {"seconds": 0.2}))
                for tool in ("block",) * 50 + ("two_threads",) * 10
            ]
            await answers_promptly(wire)
            assert not all(task.done() for task in slow)
            await asyncio.gather(*slow)


@pytest.mark.parametrize("tool", ["two", "two_threads"])
async def test_t11_a_limit_of_one_tool(server: Server, tool: str):
    async with Wire(server.url) as wire:
        await wire.initialize()
        began = time.monotonic()
        slow = [asyncio.create_task(wire.call(tool, {"seconds": 0.3})) for _ in range(6)]
        await answers_promptly(wire)
        await asyncio.gather(*slow)
        assert time.monotonic() - began >= 0.9


async def test_t11_who_gives_up_leaves_the_queue(tmp_path: Path):
    journal = tmp_path / "journal"

    def begun() -> int:
        return journal.read_text().count("two begins") if journal.exists() else 0

    with served(journal) as server:
        async with Wire(server.url, STATELESS) as wire:
            first = [asyncio.create_task(wire.call("two", {"seconds": 1})) for _ in range(2)]
            await until(lambda: begun() == 2, "both begin")
            running = int((await wire.call("tasks")).text)
            given_up = [asyncio.create_task(wire.call("two", {"seconds": 0})) for _ in range(5)]
            async with asyncio.timeout(10):
                while int((await wire.call("tasks")).text) < running + 5:
                    pass  # they are not there yet
            for task in given_up:
                task.cancel()
            await asyncio.gather(*given_up, return_exceptions=True)
            await asyncio.gather(*first)
            assert (await wire.call("two", {"seconds": 0})).text == "done"
        assert begun() == 3


@pytest.mark.parametrize("version", ERAS)
async def test_t11_what_a_thread_sees_of_its_call(server: Server, version: str):
    async with Wire(server.url, version) as wire:
        await opened(wire)
        asked = [
            wire.call("surroundings", id=f"r{n}", headers={"x-user": f"user {n}"})
            for n in range(20)
        ]
        for n, answer in enumerate(await asyncio.gather(*asked)):
            assert answer.result["structuredContent"] == {
                "user": f"user {n}",
                "header": f"user {n}",
                "request": f"r{n}",
                "main": False,
            }
