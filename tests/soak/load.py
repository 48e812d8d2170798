"""`python -m tests.soak.load`: the clients of one server, in a process of their own.

It is told what to do in lines of JSON on stdin, and answers in such lines on stdout: its figures
every few seconds while it works, and in the end of each piece of work what was done.

Each client does one thing after another, chosen by chance, with a pause between them: the load
stays the same, whatever the server does.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import msgspec
from yarl import URL

from fastmcp.utilities.logging import configure_logging
from tests.soak import broken, clients, handshake, old, stateless
from tests.soak.ground import Ground
from tests.soak.ledger import Ledger
from tests.soak.vitals import kinds, vitals

Scenario = Callable[[Ground], Awaitable[None]]

FAMILIES: tuple[tuple[float, Any], ...] = (
    (0.28, handshake),
    (0.28, stateless),
    (0.18, clients),
    (0.10, old),
    (0.16, broken),
)
"""What part of the load each of them is."""
PATIENCE = 30.0
"""Seconds that one scenario may take."""
AT_ONCE = 48
"""More than the clients ever do at once: a server is warm when it has served so many."""


class Work(msgspec.Struct):
    """What a process is told.

    Attributes:
        url: the endpoint, at whichever worker.
        workers: that of each worker.
        private_key: signs tokens; "" where none are needed.
        clients: how many there are.
        pause: seconds between two things that one of them does, at most.
        every: seconds between two reports of the figures.
        seed: of the chance.
    """

    url: str
    workers: list[str]
    private_key: str
    clients: int
    pause: float
    every: float
    seed: int


@dataclass
class Load:
    """The clients of one process."""

    work: Work

    def __post_init__(self) -> None:
        self.chance = random.Random(self.work.seed)

    def _ground(self, ledger: Ledger) -> Ground:
        work = self.work
        chance = random.Random(self.chance.random())
        return Ground(work.url, work.workers, work.private_key, ledger, chance)

    async def run(self, seconds: float) -> Ledger:
        """Mixed load for so long."""
        ledger = Ledger()
        end = asyncio.get_running_loop().time() + seconds
        await asyncio.gather(*(self._client(ledger, end) for _ in range(self.work.clients)))
        return ledger

    async def each(self) -> Ledger:
        """Every scenario once."""
        ledger = Ledger()
        left = [
            (family, scenario) for _, family in FAMILIES for scenario in dict.fromkeys(family.ALL)
        ]
        self.chance.shuffle(left)

        async def client() -> None:
            ground = self._ground(ledger)
            while left:
                ground.somebody()
                await attempt(*left.pop(), ground)

        await asyncio.gather(*(client() for _ in range(self.work.clients)))
        return ledger

    async def fill(self) -> Ledger:
        """What is bounded is brought to its bounds, so that it grows no more: the sessions that
        are remembered, the ring of changes, threads and connections that are kept; and here the
        addresses that yarl and urllib remember, of which each session of HTTP+SSE has its own."""
        ledger = Ledger()
        base = URL(self.work.url)
        for number in range(2000):
            address = f"/messages/?session_id={number:0300}"
            url = base.join(URL(address, encoded=True))
            assert url.origin().port == base.port
            assert URL(urljoin(self.work.url, address)) == url
            assert url.raw_path_qs.endswith(str(number))
        ground = self._ground(ledger)
        ground.somebody()
        for url in self.work.workers:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._burst(url, ground))
        return ledger

    async def _burst(self, url: str, ground: Ground) -> None:
        async with ground.latest() as wire:
            wire.url = url
            for _ in range(14):
                await wire.initialize()
            await wire.call("sleepy", {"seconds": 0.5})
            await wire.call("steps", {"n": 5, "pause": 0.01}, meta={"progressToken": "p"})
            await wire.call("publish", {"uri": "data://fill", "times": 30})

    async def _client(self, ledger: Ledger, end: float) -> None:
        loop = asyncio.get_running_loop()
        ground = self._ground(ledger)
        weights = [weight for weight, _ in FAMILIES]
        while loop.time() < end:
            [(_, family)] = ground.chance.choices(FAMILIES, weights)
            ground.somebody()
            await attempt(family, ground.chance.choice(family.ALL), ground)
            await asyncio.sleep(ground.chance.random() * self.work.pause)


async def attempt(family: Any, scenario: Scenario, ground: Ground) -> None:
    """Do one thing, and note what came of it."""
    name = f"{family.__name__.rpartition('.')[2]}.{scenario.__name__}"
    try:
        async with asyncio.timeout(PATIENCE):
            await scenario(ground)
    except Exception as error:
        ground.ledger.failed(name, error)
    else:
        ground.ledger.done[name] += 1


def say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


async def report(every: float) -> None:
    """Tell the figures, again and again."""
    while True:
        await asyncio.sleep(every)
        say(vitals=vitals())


async def main() -> None:
    configure_logging()
    lines = asyncio.StreamReader(limit=2**20)
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    load = Load(msgspec.json.decode(await lines.readline(), type=Work))
    while line := await lines.readline():
        what = json.loads(line)
        if what["do"] == "kinds":
            say(kinds=kinds(), vitals=vitals())
            continue
        reporting = asyncio.ensure_future(report(load.work.every))
        if what["do"] == "run":
            ledger = await load.run(what["seconds"])
        else:
            ledger = await (load.fill() if what["do"] == "fill" else load.each())
        reporting.cancel()
        say(done=ledger.encode())


if __name__ == "__main__":
    asyncio.run(main())
