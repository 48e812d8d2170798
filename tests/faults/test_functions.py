"""Functions of the author that leave by no ordinary way, never end, say too much, or return what
has no form: their call fails and says why, and nobody else notices."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.faults.conftest import ERAS, Log, opened, serves, serving, stats
from tests.support.process import Server, until
from tests.support.wire import Wire

SAID = {
    "exit": "SystemExit(3)",
    "panic": "Panic('index out of bounds')",
    "cancel": "CancelledError('of something else')",
}
QUICK = 2.0
"""Seconds, on a busy machine. Whoever waits for what never ends waits longer."""


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("how", SAID)
async def test_what_no_except_sees_ends_the_call_alone(server: Server, version: str, how: str):
    """The model is told, the log has one line, and the client no trace of the code."""
    async with Wire(server.url, version) as wire:
        await opened(wire)
        for tool in ("leave_async", "leave_sync"):
            log = Log(server)
            answer = await wire.call(tool, {"how": how})
            assert answer.status == 200
            assert answer.result["isError"] is True
            assert answer.text == f"Error calling tool {tool!r}: it raised {SAID[how]}"
            assert len(log.lines) == 1
            assert SAID[how] in log.lines[0]
        for method, params in (
            ("resources/read", {"uri": f"leave://{how}"}),
            ("prompts/get", {"name": "leave_prompt", "arguments": {"how": how}}),
        ):
            log = Log(server)
            answer = await wire.request(method, params)
            assert answer.error["code"] == -32603
            assert "log" in answer.error["message"]
            assert len(log.lines) == 1
            assert SAID[how] in log.lines[0]
        await serves(wire)


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("what", ["itself", "deep", "no text", "no unicode"])
async def test_what_has_no_form(server: Server, version: str, what: str):
    """It is the author's fault: the model hears so and the log in one line."""
    async with Wire(server.url, version) as wire:
        await opened(wire)
        for tool in ("give", "promise"):
            if (tool, what) == ("promise", "no unicode"):
                continue  # pydantic has a form for it, where a dict was promised
            log = Log(server)
            answer = await wire.call(tool, {"what": what})
            assert answer.result["isError"] is True
            assert answer.text.startswith(f"Could not serialize the return value of tool {tool!r}")
            assert "Return something JSON can carry" in answer.text
            assert ("output_schema=None" in answer.text) is (tool == "promise")
            assert len(log.lines) == 1
        await serves(wire)


async def test_what_has_a_text_alone(server: Server):
    """Is given as that where nothing else was promised."""
    async with Wire(server.url) as wire:
        await opened(wire)
        assert "lock" in (await wire.call("give", {"what": "lock"})).text
        answer = await wire.call("promise", {"what": "lock"})
        assert "Unable to serialize unknown type" in answer.text


@pytest.mark.parametrize("version", ERAS)
async def test_calls_that_never_end_in_their_threads(version: str):
    """More of them than there are threads: others are served, the server stops, and those who
    wait are told so."""
    with serving(FASTMCP_MAX_THREADS="8") as server:
        async with Wire(server.url, version) as wire:
            await opened(wire)
            stuck = [asyncio.create_task(wire.call("block")) for _ in range(20)]
            within = await wire.call("block_within")
            assert "timed out after 0.3s" in within.text
            for _ in range(5):
                began = time.monotonic()
                await serves(wire)
                assert time.monotonic() - began < QUICK
            assert (await stats(server))["threads"] <= 2 + 8  # its own, and who looks at the loop
            began = time.monotonic()
            assert await asyncio.to_thread(server.stop) == 0
            assert time.monotonic() - began < 6
            for call in await asyncio.gather(*stuck):
                assert "The server stopped before the call was done" in call.error["message"]


@pytest.mark.parametrize("version", ERAS)
async def test_a_call_that_blocks_the_loop(server: Server, version: str):
    """Nobody is served meanwhile, and everybody afterwards: nothing is lost."""
    async with Wire(server.url, version) as wire, Wire(server.url, version) as other:
        await opened(wire)
        await opened(other)
        hog = asyncio.create_task(wire.call("hog", {"seconds": 1}))
        calls = [asyncio.create_task(other.call("add", {"a": n, "b": 0})) for n in range(20)]
        assert [(await call).text for call in calls] == [str(n) for n in range(20)]
        assert (await hog).text == "hogged"


@pytest.mark.parametrize("version", ERAS)
async def test_a_call_that_reports_without_end(server: Server, version: str):
    """All of it arrives, in order; the calls of others come in between; nothing is left."""
    async with Wire(server.url, version, validate=False) as wire, Wire(server.url) as other:
        await opened(wire)
        await opened(other)
        before = await stats(server)
        many, size = 3000, 1000
        token: dict[str, Any] = {"progressToken": "p"}
        call = asyncio.create_task(wire.call("flood", {"n": many, "size": size}, meta=token))
        slowest = 0.0
        while not call.done():
            began = time.monotonic()
            await serves(other)
            slowest = max(slowest, time.monotonic() - began)
        answer = await call
        assert answer.text == "flooded"
        told = answer.notifications("notifications/progress")
        assert [one["progress"] for one in told] == list(range(1, many + 1))
        assert slowest < QUICK

        async def as_before() -> bool:
            now = await stats(server)
            return now["tasks"] <= before["tasks"] and now["rss"] < before["rss"] + 16 * 1024

        await until(as_before, "nothing is left of it")


async def test_reports_that_nobody_asked_for_cost_nothing(server: Server):
    async with Wire(server.url) as wire:
        await opened(wire)
        answer = await wire.call("flood", {"n": 10_000})
        assert answer.text == "flooded"
        assert not answer.is_stream
