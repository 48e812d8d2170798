"""One soak: warm up, rest, load, rest; what was seen, and what is wrong with it.

What a server holds while it works goes up and down, so it is judged by its slope. What it holds
while it rests is judged exactly: there must be as much after the load as before it. Its answers are
judged by the clients, its refusals by their number, and its log by what may stand there.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.soak.ledger import Ledger
from tests.soak.stages import Figures, Stage, Times, stages
from tests.soak.trend import Trend, trend

EXACT = frozenset(
    {
        "tasks",
        "threads",
        "files",
        "open sessions",
        "facts",
        "streams",
        "subscriptions",
        "HTTP+SSE streams",
        "running calls",
        "rounds",
        "rounds held",
        "background tasks",
        "events written",
        "events kept",
        "channels",
        "keys",
    }
)
"""What must be at rest as it was before."""
BOUNDED = {"records": 512, "pool threads": 64, "redis connections": 64}
"""What is kept for the next time, and how much of it there may be."""

TOLERANCE = {
    "rss": 100.0,
    "anonymous": 100.0,
    "memory": 30.0,
    "blocks": 300.0,
    "objects": 100.0,
}
"""How much a figure may grow in a minute; memory in KiB. The load gives a server thousands of
requests in that time, so what is left behind by each of one kind of them is above it."""
SMALL = 0.5
"""The same for what is counted one by one."""
PART = 0.02
"""What part of itself a figure may grow besides that is judged exactly at rest: what is kept for a
time is as many as came in that time, and a machine with less to do serves more of them."""
KIND_GROWTH = (100, 0.02)
"""How many objects of a type there may be more at rest, and what part of them besides."""

STILL = 5.0
"""Seconds after which a machine that did nothing stood still: what timed out then tells nothing of
the servers."""
EXPECTED_LOG: tuple[tuple[str, tuple[str, ...] | None], ...] = (
    (r"HTTP\+SSE, the transport of 2024-11-05, is deprecated", None),
    (r"Invalid HTTP request received", ("no HTTP",)),
    (r"Error calling tool 'fail'", ("ToolError of a tool", "ValueError of a tool")),
    (r"Invalid arguments for tool 'add'", ("wrong arguments",)),
    (r"Invalid arguments for tool 'double'", ("wrong arguments in memory",)),
    (r"Misdirected Request: Host 'evil.example'", ("421",)),
)
"""What logs may hold, and what clients have provoked when it is there, as often as it is; None
where it is said once, or of some of them alone."""


@dataclass(frozen=True)
class Plan:
    """How long, how much.

    Attributes:
        seconds: of the load that is judged.
        warm_up: seconds of load before it.
        settle: seconds of the judged load that are left out of slopes: it begins from rest.
        every: seconds between samples.
        clients: of each server.
        pause: seconds between two things that one of them does, at most.
        times: how long servers keep things.
        slopes: judge slopes, and what there is of each type.
    """

    seconds: float
    warm_up: float
    settle: float
    every: float
    clients: int
    pause: float
    times: Times
    slopes: bool

    @property
    def rest(self) -> float:
        """Seconds after which everything must have gone that goes by time, with a margin for a
        machine that has other things to do."""
        return max(self.times.session if self.slopes else 0, self.times.kept, 5) + 20


@dataclass
class Found:
    """What was seen.

    Attributes:
        plan: of the run.
        samples: by process and figure, pairs of seconds and value.
        idle: what each process held at rest, before the load and after it.
        grown: by process, types of which there are more at rest than before.
        ledger: what the clients did.
        problems: what is wrong, a sentence each.
        trends: slopes in a minute.
        tell: is told what goes on.
        pauses: when the machine stood still, and for how many seconds.
    """

    plan: Plan
    tell: Callable[[str], None]
    samples: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    idle: dict[str, tuple[Figures, Figures]] = field(default_factory=dict)
    grown: dict[str, dict[str, int]] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    problems: list[str] = field(default_factory=list)
    trends: dict[str, dict[str, Trend]] = field(default_factory=dict)
    pauses: list[tuple[float, float]] = field(default_factory=list)

    def sample(self, who: str, figures: Figures, at: float) -> None:
        """Take a sample."""
        for name, value in figures.items():
            self.samples.setdefault(who, {}).setdefault(name, []).append((at, value))


async def soak(plan: Plan, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Found:
    """Do it.

    Args:
        plan: how long, how much.
        folder: for what the workers share.
        tell: is told what goes on.
    """
    found = Found(plan, tell)
    work = {"clients": plan.clients, "pause": plan.pause, "every": plan.every}
    watching = asyncio.ensure_future(_watch(found))
    async with stages(plan.times, folder, **work) as running:
        ledgers = await asyncio.gather(*(_soak(stage, found) for stage in running))
        watching.cancel()
        _judge(found)
        for stage, ledger in zip(running, ledgers, strict=True):
            logs = [stage.clients.log]
            for server in stage.servers:
                await asyncio.to_thread(server.stop)  # what it says in the end counts too
                logs.append(server.log)
            found.problems += unexpected(stage.name, "\n".join(logs), ledger)
    return found


async def _watch(found: Found) -> None:
    """Note when this process, and so perhaps the whole machine, stood still."""
    began = before = time.monotonic()
    while True:
        await asyncio.sleep(1)
        now = time.monotonic()
        if now - before > STILL:
            found.pauses.append((before - began, now - before))
        before = now


async def _soak(stage: Stage, found: Found) -> Ledger:
    plan = found.plan
    ledger = Ledger()
    if plan.slopes:
        for what in ("each", "fill"):
            found.tell(f"{stage.name}: {what}")
            ledger.add(await stage.clients.do(what))
        found.tell(f"{stage.name}: warm up for {plan.warm_up:.0f} s")
        ledger.add(await stage.clients.do("run", seconds=plan.warm_up))
        found.tell(f"{stage.name}: rest")
        before = await _at_rest(stage, plan, None)
        kinds = await _kinds(stage)
    else:
        before, kinds = await _everything(stage), {}

    began = time.monotonic()
    stage.clients.heard = lambda figures: found.sample(
        f"{stage.name} clients", figures, time.monotonic() - began
    )
    found.tell(f"{stage.name}: load for {plan.seconds:.0f} s")
    sampling = asyncio.ensure_future(_sample(stage, found, began))
    if not plan.slopes:
        ledger.add(await stage.clients.do("each"))
    ledger.add(await stage.clients.do("run", seconds=plan.seconds))
    sampling.cancel()
    await asyncio.wait([sampling])
    if not sampling.cancelled():
        sampling.result()

    found.tell(f"{stage.name}: rest")
    after = await _at_rest(stage, plan, before)
    for who, figures in after.items():
        found.idle[who] = (before[who], figures)
    if plan.slopes:
        for who, now in (await _kinds(stage)).items():
            found.grown[who] = _more(kinds[who], now)
    found.problems += await _miscounted(stage, ledger)
    found.ledger.add(ledger)
    return ledger


async def _sample(stage: Stage, found: Found, began: float) -> None:
    while True:
        for who, figures in (await stage.figures()).items():
            found.sample(who, figures, time.monotonic() - began)
        await asyncio.sleep(found.plan.every)


async def _everything(stage: Stage) -> dict[str, Figures]:
    clients = (await stage.clients.do("kinds"))["vitals"]
    return {**await stage.figures(), f"{stage.name} clients": clients}


async def _kinds(stage: Stage) -> dict[str, Figures]:
    found = {
        f"{stage.name} {number}": await stage.ask(server, "kinds")
        for number, server in enumerate(stage.servers, 1)
    }
    return {**found, f"{stage.name} clients": (await stage.clients.do("kinds"))["kinds"]}


async def _at_rest(
    stage: Stage, plan: Plan, before: dict[str, Figures] | None
) -> dict[str, Figures]:
    """What the processes hold once nothing happens any more: when it is as it was before, or where
    that is not known, when it has not changed for as long as anything is kept. Else what is there
    when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + plan.rest + (20 if before is None else 0)
    now = await _everything(stage)
    still = loop.time()
    while loop.time() < deadline:
        await asyncio.sleep(0.5)
        earlier, now = now, await _everything(stage)
        if before is not None:
            if not different(before, now, plan):
                break
        elif different(earlier, now, plan):
            still = loop.time()
        elif loop.time() - still > plan.rest - 20 + 1:
            break
    return now


def different(
    before: dict[str, Figures], after: dict[str, Figures], plan: Plan
) -> list[tuple[str, str, int, int]]:
    """What is to be the same and is not: process, figure, and both values."""
    return [
        (who, name, before[who].get(name, 0), figures.get(name, 0))
        for who, figures in after.items()
        for name in sorted({*before[who], *figures})
        if _exact(name, plan) and before[who].get(name, 0) != figures.get(name, 0)
    ]


def _exact(name: str, plan: Plan) -> bool:
    if plan.slopes:
        return name in EXACT or name.startswith("keys: ")
    # In a short run sessions live on, what is known of them does, and the first change is new.
    return (name in EXACT and name not in ("keys", "facts")) or (
        name.startswith("keys: ") and name not in ("keys: session", "keys: changes")
    )


def _more(before: Figures, after: Figures) -> dict[str, int]:
    """Types of which there are clearly more, and how many."""
    least, part = KIND_GROWTH
    return {
        kind: count - before.get(kind, 0)
        for kind, count in sorted(after.items(), key=lambda item: -item[1])
        if count - before.get(kind, 0) > least + part * before.get(kind, 0)
    }


async def _miscounted(stage: Stage, ledger: Ledger) -> list[str]:
    """Refusals that no client provoked, or that are missing; calls that neither ended nor were
    cancelled."""
    statuses: Counter[str] = Counter()
    waits: Counter[str] = Counter()
    for server in stage.servers:
        counts = await stage.ask(server, "counts")
        statuses += Counter(counts["statuses"])
        waits += Counter(counts["waits"])
    problems: list[str] = []
    for status in sorted({*statuses, *ledger.provoked}):
        if not status.isdigit() or status < "400":
            continue
        if statuses[status] != ledger.provoked[status]:
            problems.append(
                f"{stage.name} answered {status} {statuses[status]} times, and clients provoked "
                f"that {ledger.provoked[status]} times"
            )
    if waits["begun"] != waits["cancelled"] or waits["cancelled"] != ledger.provoked["cancelled"]:
        problems.append(
            f"{stage.name}: {ledger.provoked['cancelled']} calls were cancelled, and of those "
            f"that began {dict(waits)}"
        )
    return problems


def unexpected(stage: str, log: str, ledger: Ledger) -> list[str]:
    """Records of a stage's logs that nobody provoked, and missing ones."""
    lines = [line for line in log.splitlines() if line.strip()]
    problems: list[str] = []
    for known, provoked in EXPECTED_LOG:
        these = [line for line in lines if re.search(known, line)]
        lines = [line for line in lines if line not in set(these)]
        wanted = len(these) if provoked is None else sum(ledger.provoked[one] for one in provoked)
        if len(these) != wanted:
            problems.append(f"The logs of {stage} say {len(these)} times {known!r}, not {wanted}")
    messages = Counter(_said(line) for line in lines)
    return problems + [
        f"The logs of {stage} say {count} times: {message}" for message, count in messages.items()
    ]


def _said(line: str) -> str:
    """A record without its time."""
    if not line.startswith("{"):
        return line
    record = json.loads(line)
    return f"{record['message']} {record.get('exception', '')}".strip()


def _judge(found: Found) -> None:
    plan, problems = found.plan, found.problems
    for name, count in sorted(found.ledger.failures.items()):
        problems.append(f"{name} went wrong {count} times")
    before = {who: pair[0] for who, pair in found.idle.items()}
    after = {who: pair[1] for who, pair in found.idle.items()}
    for who, name, was, now in different(before, after, plan):
        problems.append(f"{who} at rest: {name} {was} before the load and {now} after it")
    for who, figures in after.items():
        for name, most in BOUNDED.items():
            if figures.get(name, 0) > most:
                problems.append(f"{who} at rest: {name} {figures[name]}, and {most} at most")
    if not plan.slopes:
        return
    for who, kinds in found.grown.items():
        for kind, more in kinds.items():
            problems.append(f"{who} at rest: {more} objects more of {kind}")
    for who, figures in found.samples.items():
        for name, every in figures.items():
            taken = [(at / 60, value) for at, value in every if at >= plan.settle]
            if len(taken) < 10:
                continue
            times, values = zip(*taken, strict=True)
            slope = found.trends.setdefault(who, {})[name] = trend(times, values)
            if slope.grows(tolerance := tolerated(name, values)):
                problems.append(
                    f"{who} under load: {name} grows by {slope.slope:.2f} a minute "
                    f"(surely more than {slope.low:.2f}, and {tolerance:g} is tolerated)"
                )


def tolerated(name: str, values: Sequence[float]) -> float:
    """How much a figure of which these are samples may grow in a minute."""
    if name in EXACT or name.startswith("keys: "):
        return SMALL + PART * median(values)
    return TOLERANCE.get(name, SMALL)


def as_json(found: Found) -> dict[str, Any]:
    """All of it."""
    return {
        "plan": {"seconds": found.plan.seconds, "clients": found.plan.clients},
        "problems": found.problems,
        "pauses": found.pauses,
        "ledger": found.ledger.encode(),
        "idle": found.idle,
        "grown": found.grown,
        "trends": {
            who: {name: vars(one) for name, one in figures.items()}
            for who, figures in found.trends.items()
        },
        "samples": found.samples,
    }
