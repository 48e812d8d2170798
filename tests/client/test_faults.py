"""Whatever the network does, a call has exactly one outcome, and has it in time.

Five hundred networks that fail, each in its own way, which is the same at every run: the message of
a failure names the seed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fastmcp import Client
from fastmcp.exceptions import McpError
from tests.support.faults import Fault, failing, some_faults
from tests.support.process import Server, script, serve

FRAGILE = Path(__file__).with_name("fragile.py")
BLOCKS = [range(first, first + 50) for first in range(0, 500, 50)]
TIMEOUT = 1.0
INIT_TIMEOUT = 2.0
SLACK = 4.0
"""Seconds by which a busy machine may be late; what hangs is later than that."""


@pytest.fixture(scope="module")
def fragile() -> Iterator[Server]:
    with serve(script(FRAGILE)) as server:
        yield server


class Run:
    """One client on one failing network."""

    def __init__(self, seed: int, server: Server) -> None:
        self.seed = seed
        self.server = server
        self.faults = some_faults(seed)
        self.mode = ("legacy", "auto")[seed % 2]
        self.outcomes: dict[str, Any] = {}
        self.progress_after: list[str] = []

    def key(self, name: str) -> str:
        return f"{name}-{self.seed}"

    def wrong(self, what: str) -> AssertionError:
        return AssertionError(f"seed {self.seed} ({self.mode}), {self.faults}: {what}")

    async def play(self) -> None:
        async with failing(self.server.port, self.faults) as network:
            client = Client(network.url, mode=self.mode, timeout=TIMEOUT, init_timeout=INIT_TIMEOUT)
            began = time.monotonic()
            try:
                await client.__aenter__()
            except (RuntimeError, McpError):
                if time.monotonic() - began > INIT_TIMEOUT + SLACK:
                    raise self.wrong("connecting failed too late") from None
                return
            try:
                await asyncio.gather(*(self.call(client, name) for name in CALLS))
                await self.call(client, "list")
            finally:
                began = time.monotonic()
                await client.__aexit__()
                if time.monotonic() - began > SLACK:
                    raise self.wrong("leaving took too long")

    async def call(self, client: Client[Any], name: str) -> None:
        """One call, its outcome, and that it came in time."""
        began = time.monotonic()

        async def progress(done: float, total: float | None, message: str | None) -> None:
            if name in self.outcomes:
                self.progress_after.append(name)

        async def work() -> Any:
            if name == "list":
                return await client.list_tools()
            result = await client.call_tool(
                name, {"key": self.key(name)}, progress_handler=progress
            )
            return result.content[0].text

        try:
            outcome = await asyncio.wait_for(work(), TIMEOUT * 4 + SLACK)
        except McpError as exc:
            outcome = exc
        except TimeoutError:
            raise self.wrong(f"{name} hangs") from None
        except Exception as exc:
            raise self.wrong(f"{name} raised {exc!r}") from exc
        # A call with a structured result asks for the tool's schema too, within the same time.
        if time.monotonic() - began > 2 * TIMEOUT + SLACK:
            raise self.wrong(f"{name} came to its end too late")
        self.outcomes[name] = outcome

    def judge(self, counts: dict[str, int]) -> None:
        """Whether what the client was told is what happened."""
        doubled = any(f.kind == "duplicate" and f.direction == "to server" for f in self.faults)
        for name in CALLS:
            if name not in self.outcomes:
                continue
            outcome, count = self.outcomes[name], counts.get(self.key(name), 0)
            if not isinstance(outcome, McpError):
                if not outcome.startswith(self.key(name)):
                    raise self.wrong(f"{name} was answered {outcome[:100]!r}")
                if count < 1:
                    raise self.wrong(f"{name} has a result and was never carried out")
            if name != "again" and count > 1 and not doubled:
                raise self.wrong(f"{name} was carried out {count} times")
        if self.progress_after:
            raise self.wrong(f"progress after the outcome of {self.progress_after}")


CALLS = ("once", "again", "told", "long")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seeds", BLOCKS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_every_call_has_one_outcome_in_time(fragile: Server, seeds: range) -> None:
    before = asyncio.all_tasks()
    runs = [Run(seed, fragile) for seed in seeds]
    turn = asyncio.Semaphore(10)

    async def play(run: Run) -> None:
        async with turn:
            await run.play()

    await asyncio.gather(*(play(run) for run in runs))
    async with aiohttp.ClientSession() as whole:
        counts = await (await whole.get(f"http://127.0.0.1:{fragile.port}/counts")).json()
    for run in runs:
        run.judge(counts)
    assert asyncio.all_tasks() == before
    # The networks did fail, and a good part of the calls came through all the same.
    struck = [fault for run in runs for fault in run.faults if fault.struck]
    assert len(struck) > len(runs) / 4
    outcomes = [outcome for run in runs for outcome in run.outcomes.values()]
    good = [outcome for outcome in outcomes if not isinstance(outcome, McpError)]
    assert len(outcomes) > 2 * len(runs)
    assert len(good) > len(outcomes) / 2


async def test_a_fault_strikes_once_and_the_rest_passes(fragile: Server) -> None:
    """What the network of these tests does when it does no harm: nothing."""
    fault = Fault(connection=0, direction="to client", at=10_000, kind="delay", seconds=0.05)
    async with failing(fragile.port, [fault]) as network, Client(network.url) as client:
        for n in range(3):
            result = await client.call_tool("long", {"key": f"whole-{n}"})
            assert result.content[0].text == f"whole-{n}" + "x" * 20_000
    assert fault.struck
