"""An `async def` that keeps the event loop: the log says who it is, and the server still stops."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from tests.faults.conftest import ERAS, Log, opened, serves, serving
from tests.support.process import Server, until
from tests.support.wire import Wire

STILL = "The event loop has stood still"
FOREVER = 3600.0


async def standing_still(log: Log) -> str:
    """The line that says so."""

    async def said() -> bool:
        return bool(log.saying(STILL))

    await until(said, "the log says that the loop stands still")
    (line,) = log.saying(STILL)
    return line


async def test_the_log_names_who_keeps_the_loop(server: Server):
    async with Wire(server.url) as wire:
        await opened(wire)
        log = Log(server)
        call = asyncio.create_task(wire.call("hog", {"seconds": 2}))
        line = await standing_still(log)
        assert "it is in hog (" in line
        assert "server.py, line " in line
        assert "plain `def`" in line
        assert (await call).text == "hogged"
        await serves(wire)

        async def said() -> bool:
            return bool(log.saying("The event loop goes on, after "))

        await until(said, "the log says that it goes on")
        assert len(log.lines) == 2


async def test_a_process_that_was_halted_has_kept_nobody(server: Server):
    async with Wire(server.url) as wire:
        await opened(wire)
        log = Log(server)
        server.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(1.5)  # that time passes is the fault
        server.process.send_signal(signal.SIGCONT)
        await serves(wire)
        await wire.call("hog", {"seconds": 2})
        await standing_still(log)  # one line, and not two


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("tool", "arguments", "names"),
    [
        ("hog", {"seconds": FOREVER}, ("in hog (",)),
        ("spin", {}, ("in turn (", ", called by spin (")),
    ],
)
async def test_a_server_whose_loop_is_kept_for_ever_stops(
    version: str, tool: str, arguments: dict[str, Any], names: tuple[str, ...]
):
    """When the time is over that calls have; whoever waits for that one is told."""
    with serving() as server:
        async with Wire(server.url, version) as wire:
            await opened(wire)
            call = asyncio.create_task(wire.call(tool, arguments))
            line = await standing_still(Log.whole(server))
            assert all(name in line for name in names)
            assert await asyncio.to_thread(server.stop) == 0
            error = (await call).error
            assert "The server stopped before the call was done" in error["message"]


async def test_a_second_ctrl_c_means_at_once():
    """Whatever time calls have."""
    with serving(FASTMCP_HTTP_SHUTDOWN_GRACE=f"{FOREVER:g}") as server:
        async with Wire(server.url) as wire:
            await opened(wire)
            call = asyncio.create_task(wire.call("hog", {"seconds": FOREVER}))
            await standing_still(Log.whole(server))
            server.process.send_signal(signal.SIGINT)
            await asyncio.to_thread(server.stop, signal.SIGINT)
            call.cancel()


async def test_nobody_looks_where_that_is_switched_off():
    with serving(FASTMCP_HTTP_STALL_AFTER="0") as server:
        async with Wire(server.url) as wire:
            await opened(wire)
            await wire.call("hog", {"seconds": 1.5})
            await serves(wire)
        assert STILL not in server.log
