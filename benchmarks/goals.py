"""What is to be reached: each goal a figure of one measurement over the same of another.

Of one run, and within a round: the ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.run import Run
from benchmarks.servers import FASTMCP_4, FLOOR, MCP_SDK, OURS

Cell = tuple[str, str]
"""A workload's name and a target's."""


@dataclass(frozen=True)
class Goal:
    """One figure, and how much or how little it is to be."""

    title: str
    of: Cell
    over: Cell | None
    """None where the figure itself is the goal."""
    at_least: float | None = None
    at_most: float | None = None
    figure: str = "rate"

    def measured(self, run: Run) -> dict[str, Any]:
        """A row: the ratio, the same by CPU time where that is comparable, and whether it is
        reached."""
        value = (
            run.median(*self.of, self.figure)
            if self.over is None
            else run.ratio(self.of, self.over, self.figure)
        )
        by_cpu = None
        if self.over is not None and self.figure in ("rate", "scaled"):
            by_cpu = run.ratio(self.over, self.of, "cpu")
        if self.figure == "scaled" and by_cpu is not None:
            by_cpu *= 2
        reached = None
        if value is not None:
            reached = value >= self.at_least if self.at_least is not None else value <= self.limit
        bound, sign = (self.at_least, "≥") if self.at_least is not None else (self.at_most, "≤")
        return {
            "title": self.title,
            "of": self.of,
            "over": self.over,
            "figure": self.figure,
            "value": value,
            "by_cpu": by_cpu,
            "goal": f"{sign} {bound:g}",
            "at_least": self.at_least,
            "at_most": self.at_most,
            "reached": reached,
        }

    @property
    def limit(self) -> float:
        """What the figure is to be at most."""
        assert self.at_most is not None
        return self.at_most


def _to(title: str, workload: str, other: str, at_least: float) -> Goal:
    """Our throughput over another's under the same workload."""
    return Goal(f"{title}, to {other}", (workload, OURS), (workload, other), at_least)


def _share(title: str, workload: str, of: str, at_least: float, figure: str = "rate") -> Goal:
    """Our throughput under one workload over our own under another."""
    return Goal(title, (workload, OURS), (of, OURS), at_least, figure=figure)


def _within(title: str, workload: str, other: str, figure: str, at_most: float) -> Goal:
    """Our time or memory over another's."""
    return Goal(f"{title}, to {other}", (workload, OURS), (workload, other), None, at_most, figure)


GOALS = (
    _to("session", "session/16", FLOOR, 0.65),
    _to("session", "session/16", FASTMCP_4, 15),
    _to("session, JSON asked of all", "session-json/16", FASTMCP_4, 15),
    _to("2026-07-28", "stateless-2026/16", FLOOR, 0.65),
    _to("2026-07-28", "stateless-2026/16", FASTMCP_4, 20),
    _to("2026-07-28", "stateless-2026/16", MCP_SDK, 8),
    _to("stateless_http", "stateless-2025/16", FLOOR, 0.65),
    _to("stateless_http", "stateless-2025/16", FASTMCP_4, 25),
    _to("sync tool in its thread", "thread/16", FASTMCP_4, 4),
    _within("p99 latency at half the throughput", "latency/16", FLOOR, "p99", 2),
    _share("1,000 tools, to one tool", "thousand-tools/16", "one-tool/16", 0.97),
    _to("ten progress events", "progress/16", FASTMCP_4, 8),
    _to("the same, event store in memory", "progress-memory/16", FASTMCP_4, 10),
    _to("the same, event store on Redis", "progress-redis/16", FASTMCP_4, 5),
    _within("10 MB result, time", "large-result/1", FLOOR, "p50", 1.5),
    _within("10 MB argument, time", "large-argument/1", FLOOR, "p50", 1.5),
    _share("five user middlewares, to none", "middlewares/16", "session/16", 0.85),
    _share("session with a JWT, to without", "protected/16", "session/16", 0.85),
    _share("2026-07-28 with a JWT, to without", "protected-2026/16", "stateless-2026/16", 0.85),
    _share("two workers, to one", "two-workers/16", "one-worker/16", 1.8, "scaled"),
    _to("client, 2026-07-28, 16 in flight", "client/16", FASTMCP_4, 5),
    _to("client, 2025-11-25, 16 in flight", "client-session/16", FASTMCP_4, 5),
    _to("client in memory", "client-memory/1", FASTMCP_4, 20),
    _within("FastMCP(), from the import on", "server", FASTMCP_4, "seconds", 0.3),
    _within("stdio, from spawn to answer", "stdio", FASTMCP_4, "seconds", 0.3),
    _within("memory of a started server", "memory", FASTMCP_4, "started", 0.6),
    _within("memory of an open GET stream", "memory", FASTMCP_4, "stream", 0.3),
    Goal("KiB of an idle session", ("memory", OURS), None, None, 0.05, "session"),
)
