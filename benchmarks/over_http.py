"""What servers are asked over HTTP: calls as fast as they are answered, calls at a fixed rate, and
calls that two workers share."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.call import Call
from benchmarks.load import measure
from benchmarks.run import Figures, Run, Workload
from benchmarks.servers import CORES, FLOOR, OURS, SECOND_CORE


@dataclass(frozen=True)
class Calls(Workload):
    """A closed loop."""

    kind: str = "stateful"
    """Of the server, see `servers.py`."""
    call: Call = field(default_factory=Call)

    async def measure(self, run: Run, target: str) -> Figures:
        """One cell."""
        server = run.servers.server(target, self.kind)
        assert self.in_flight is not None
        return await measure(
            server, self.call, self.in_flight, run.seconds, check_value=target != FLOOR
        )


@dataclass(frozen=True)
class Latency(Calls):
    """An open loop, for everyone at half of the calls that ours answered in the same round."""

    of: str = ""
    """The workload that says how many it answered."""

    async def measure(self, run: Run, target: str) -> Figures:
        """One cell, twice as long, for of its latencies the longest hundredth is wanted."""
        server = run.servers.server(target, self.kind)
        assert self.in_flight is not None
        figures = run.latest(self.of) or await measure(
            run.servers.server(OURS, self.kind), self.call, self.in_flight, run.seconds
        )
        return await measure(
            server,
            self.call,
            self.in_flight,
            2 * run.seconds,
            rate=figures["rate"] / 2,
            check_value=target != FLOOR,
        )


@dataclass(frozen=True)
class Workers(Calls):
    """Workers of one server. `scaled` is their throughput with a core for each.

    Where there are only two cores, one is the load's: both workers share the other, and what each
    does in its half of the time counts double. What that hides is only what workers would wait for
    each other.
    """

    async def measure(self, run: Run, target: str) -> Figures:
        """One cell."""
        figures = await super().measure(run, target)
        shared = self.kind == "two-workers" and CORES <= SECOND_CORE
        return figures | {"scaled": figures["rate"] * (2 if shared else 1)}
