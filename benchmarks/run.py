"""A run: rounds in which every workload meets every target, so that all have the same moments.

A slow moment of the machine hits neighbours in one round alike. So figures are compared within a
round, workloads that are compared with each other follow one another there, and what is told is the
median of the rounds.
"""

from __future__ import annotations

import statistics
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.servers import OURS, Servers

Figures = dict[str, float]
"""What one measurement found; rates are calls per second, times milliseconds but for `cpu`
(microseconds a call) and `seconds`, memory is KiB."""

SELDOM_ROUNDS = 5


@dataclass(frozen=True)
class Workload(ABC):
    """What is measured of several."""

    name: str
    title: str
    who: tuple[str, ...]
    """The targets that can do it."""
    in_flight: int | None = None
    """Calls at the same time."""
    beside: str | None = field(default=None, kw_only=True)
    """The name of another, if it is told as a part of what that finds of the same target."""

    seldom: ClassVar[bool] = False
    """Whether the first five rounds are enough, because it takes long and varies little."""

    @abstractmethod
    async def measure(self, run: Run, target: str) -> Figures:
        """Measures it once, of that target."""


@dataclass
class Run:
    """All of a run.

    Attributes:
        servers: those that are measured.
        workloads: what is measured of them.
        seconds: of one measurement under load.
        sessions: idle ones, whose memory is measured.
        streams: open ones, the same.
        results: for a workload's and a target's name, the figures of each round.
        failed: what could not be measured, and why.
    """

    servers: Servers
    workloads: Sequence[Workload]
    seconds: float
    sessions: int
    streams: int
    results: dict[tuple[str, str], list[Figures]] = field(default_factory=dict)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)

    async def rounds(self, count: int) -> None:
        """Measures everything, so many times."""
        for number in range(count):
            print(f"round {number + 1} of {count}", file=sys.stderr, flush=True)
            for group in self._groups():
                workloads = [w for w in group if not w.seldom or number < SELDOM_ROUNDS]
                if number % 2:  # whatever comes first comes last in the next round
                    workloads.reverse()
                able = [n for n in self.servers.targets if any(n in w.who for w in workloads)]
                # Everyone has every place in the order once.
                turn = number % max(len(able), 1)
                for target in able[turn:] + able[:turn]:
                    for workload in workloads:
                        if target in workload.who:
                            await self._measure(workload, target)

    def _groups(self) -> list[list[Workload]]:
        """What is measured of one target before the next has its turn: a workload, and those that
        are compared with it. Where seconds lie between two, the machine may be another."""
        groups = {workload.name: [workload] for workload in self.workloads}
        for workload in self.workloads:
            if workload.beside in groups:
                groups[workload.beside] += groups.pop(workload.name)
        return list(groups.values())

    async def _measure(self, workload: Workload, target: str) -> None:
        key = (workload.name, target)
        if key in self.failed:
            return
        try:
            figures = await workload.measure(self, target)
        except Exception as error:
            print(f"{workload.name} of {target} failed: {error}", file=sys.stderr, flush=True)
            self.failed[key] = f"{type(error).__name__}: {error}"[:300]
            self.results.pop(key, None)
            return
        self.results.setdefault(key, []).append(figures)

    def latest(self, workload: str) -> Figures | None:
        """Our own figures of this round, where they are measured."""
        every = self.results.get((workload, OURS))
        return every[-1] if every else None

    def median(self, workload: str, target: str, figure: str) -> float | None:
        """Over all rounds; None where it was not measured."""
        every = self.results.get((workload, target), [])
        values = [figures[figure] for figures in every if figure in figures]
        return statistics.median(values) if values else None

    def ratio(self, of: tuple[str, str], over: tuple[str, str], figure: str) -> float | None:
        """The median over the rounds of one figure through another's, each a workload's and a
        target's; None where one was not measured."""
        pairs = zip(self.results.get(of, []), self.results.get(over, []), strict=False)
        values = [
            mine[figure] / theirs[figure]
            for mine, theirs in pairs
            if figure in mine and theirs.get(figure)
        ]
        return statistics.median(values) if values else None
