"""What becomes of a call whose client leaves, or takes it back, over real sockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fastmcp import Client
from tests.support.process import Server, serve, until, uvicorn
from tests.support.wire import BOTH, STATELESS, Wire

SOON = 5.0
"""Seconds. On a quiet machine it is half a second; a tool runs for thirty."""


class Served:
    """A server process and its journal."""

    def __init__(self, server: Server, journal: Path) -> None:
        self.server = server
        self.journal = journal

    @property
    def lines(self) -> list[str]:
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    async def noted(self, line: str, seconds: float = 10) -> None:
        await until(lambda: line in self.lines, repr(line), seconds)

    def forget(self) -> None:
        self.journal.write_text("")


@contextmanager
def served(journal: Path, name: str, **settings: str) -> Iterator[Served]:
    env = {**os.environ, "FASTMCP_JOURNAL": str(journal), **settings}
    with serve(uvicorn(f"tests.calls.server:{name}"), env=env) as server:
        yield Served(server, journal)


async def leave(
    served: Served, wire: Wire, tool: str, accept: str = BOTH, seconds: float = 30
) -> None:
    """Begin a call and close its connection."""
    served.forget()
    call = asyncio.create_task(wire.call(tool, {"seconds": seconds}, headers={"Accept": accept}))
    await served.noted("begins")
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


async def is_cancelled(served: Served) -> None:
    await served.noted("cancelled True", SOON)
    await served.noted("middleware left", SOON)
    assert "ends" not in served.lines


async def goes_on(served: Served) -> None:
    await served.noted("ends")
    await served.noted("middleware left")
    assert not any(line.startswith("cancelled") for line in served.lines)


TOOLS = ("wait", "say_and_wait", "poll")


@pytest.mark.parametrize(
    "name", ["cancels", "cancels_stateless", "cancels_json", "cancels_resumable"]
)
async def test_t13_a_server_that_cancels(tmp_path: Path, name: str):
    with served(tmp_path / "journal", name) as running:
        async with Wire(running.server.url) as wire:
            await wire.initialize()
            for tool, accept in (
                *((tool, BOTH) for tool in TOOLS),
                ("wait", "application/json"),
                ("poll", "text/event-stream"),
            ):
                await leave(running, wire, tool, accept)
                await is_cancelled(running)
            await leave(running, wire, "wait_continue", seconds=1)
            await goes_on(running)
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"


async def test_t13_the_setting_and_a_call_that_would_be_json_for_long(tmp_path: Path):
    """A client that leaves is seen long before the answer would have become a stream."""
    settings = {"FASTMCP_ON_DISCONNECT": "Cancel", "FASTMCP_HTTP_STREAM_AFTER": "60"}
    with served(tmp_path / "journal", "stateful", **settings) as running:
        async with Wire(running.server.url) as wire:
            await wire.initialize()
            await leave(running, wire, "wait")
            await is_cancelled(running)


async def test_t13_a_server_that_goes_on(tmp_path: Path):
    """The default; a tool may say otherwise."""
    with served(tmp_path / "journal", "stateful") as running:
        async with Wire(running.server.url) as wire:
            await wire.initialize()
            for tool, accept in (("wait", "application/json"), ("say_and_wait", BOTH)):
                await leave(running, wire, tool, accept, 1)
                await goes_on(running)
            for tool in TOOLS:
                await leave(running, wire, f"{tool}_cancel")
                await is_cancelled(running)
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"


async def test_t13_the_stateless_era_always_cancels(tmp_path: Path):
    """There, leaving is how a client cancels, whatever server or tool would like."""
    with served(tmp_path / "journal", "stateful") as running:
        async with Wire(running.server.url, STATELESS) as wire:
            for accept in (BOTH, "application/json"):
                for tool in ("say_and_wait", "wait_continue", "poll_continue"):
                    await leave(running, wire, tool, accept)
                    await is_cancelled(running)


@pytest.mark.parametrize("name", ["stateful", "cancels_json", "cancels_resumable"])
async def test_t13_a_call_that_is_taken_back_answers_nothing_more(tmp_path: Path, name: str):
    with served(tmp_path / "journal", name) as running:
        async with Wire(running.server.url) as wire:
            await wire.initialize()
            for tool in TOOLS:
                running.forget()
                request = wire.message("tools/call", {"name": tool, "arguments": {}}, id=tool)
                call = asyncio.create_task(
                    wire.send("POST", message=request, headers=wire.standard_headers("tools/call"))
                )
                await running.noted("begins")
                await wire.notify("notifications/cancelled", {"requestId": tool, "reason": "x"})
                async with asyncio.timeout(SOON):
                    answer = await call
                await is_cancelled(running)
                assert not [message for message in answer.messages if "id" in message]
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("tool", ["wait", "poll"])
async def test_t13_fifty_calls_given_up_leave_no_task(tmp_path: Path, mode: str, tool: str):
    """Neither with the client nor on the server, and the session goes on."""
    with served(tmp_path / "journal", "stateful") as running:
        async with Client(running.server.url, mode=mode) as client:

            async def tasks() -> int:
                return (await client.call_tool("tasks")).data

            await asyncio.gather(*(tasks() for _ in range(10)))
            on_server, here = await tasks(), len(asyncio.all_tasks())
            calls = [asyncio.create_task(client.call_tool(tool)) for _ in range(50)]
            await until(lambda: running.lines.count("begins") == 50, "all of them begin", 20)
            for call in calls:
                call.cancel()  # as a time-out does
            await asyncio.wait(calls)
            assert all(call.cancelled() for call in calls)
            await until(
                lambda: running.lines.count("cancelled True") == running.lines.count("begins"),
                "the tools are cancelled",
            )
            assert running.lines.count("begins") == 50
            async with asyncio.timeout(10):
                while await tasks() > on_server or len(asyncio.all_tasks()) > here:
                    pass  # they are ending
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
