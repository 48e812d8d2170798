"""A clock that is set while the server runs, far forwards and far back, as when the time server is
heard for the first time: nobody who is at work notices.

libfaketime stands between the process and the system's clock; the monotonic clock goes its way, as
it does then.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from tests.faults.conftest import ERAS, Log, opened, serves, serving
from tests.support.process import Server
from tests.support.wire import Wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libfaketime is preloaded")

IDLE = 600.0
HOUR = 3600
JUMPS = (12 * HOUR, -24 * HOUR)
"""Seconds; less than a session may last."""


class Clock:
    """The clock of one process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.ahead(0)

    def ahead(self, seconds: int) -> None:
        """Set it so far ahead of ours."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        library = resources.files("libfaketime") / "vendor/libfaketime/src/libfaketime.so.1"
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture(scope="module")
def set_clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock") / "ahead")


@pytest.fixture(scope="module")
def server(set_clock: Clock) -> Iterator[Server]:
    idle = {"FASTMCP_HTTP_SESSION_IDLE_TIMEOUT": str(IDLE)}
    with serving(EVENTS="1", **idle, **set_clock.environment) as running:
        yield running


async def reads(wire: Wire) -> float:
    """How far the server's clock is ahead of ours."""
    return float((await wire.call("clock")).text) - time.time()


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("version", ERAS)
async def test_calls_and_streams_go_on(server: Server, set_clock: Clock, version: str, jump: int):
    """A call that runs, a stream that is open, a time-out that is short: none of them ends."""
    set_clock.ahead(0)
    async with Wire(server.url, version) as wire:
        await opened(wire)
        meta: dict[str, Any] = {"progressToken": "p"}
        call = asyncio.create_task(wire.call("steps", {"n": 20}, meta=meta))
        await serves(wire)
        set_clock.ahead(jump)
        assert abs(await reads(wire) - jump) < 60
        answer = await call
        assert answer.text == "stepped"
        assert len(answer.notifications("notifications/progress")) == 20
        began = time.monotonic()
        assert "timed out after 0.3s" in (await wire.call("block_within")).text
        assert time.monotonic() - began < 5
        set_clock.ahead(0)
        await serves(wire)


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_session_is_not_idle_because_the_clock_was_set(
    server: Server, set_clock: Clock, jump: int
):
    """Neither one that is used, nor one with an open stream; and it is said once."""
    set_clock.ahead(0)
    async with Wire(server.url) as wire, Wire(server.url) as other:
        await opened(wire)
        await opened(other)
        await serves(wire)
        log = Log(server)
        for ahead in (jump, 0):
            set_clock.ahead(ahead)
            for one in (wire, other):
                await serves(one)
        assert len(log.saying("The clock was set")) == 2


@pytest.mark.parametrize("jump", [HOUR // 2, -24 * HOUR])
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_question_can_be_answered_afterwards(
    server: Server, set_clock: Clock, mode: str, jump: int
):
    """What the client carries between the rounds is worth something for an hour."""
    set_clock.ahead(0)

    async def answer(message: str, response_type: Any, params: Any, context: Any) -> Any:
        set_clock.ahead(jump)
        return ElicitResult(action="accept", content={"value": "me"})

    async with Client(server.url, mode=mode, elicitation_handler=answer) as client:
        assert (await client.call_tool("ask")).data == "me"
    set_clock.ahead(0)


async def test_a_question_that_seems_to_be_too_old_is_said_to_be(server: Server, set_clock: Clock):
    set_clock.ahead(0)

    async def answer(message: str, response_type: Any, params: Any, context: Any) -> Any:
        set_clock.ahead(2 * HOUR)
        return ElicitResult(action="accept", content={"value": "me"})

    async with Client(server.url, elicitation_handler=answer) as client:
        with pytest.raises(Exception, match=r"(?i)expired|too old"):
            await client.call_tool("ask")
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
    set_clock.ahead(0)
