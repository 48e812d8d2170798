"""`--clients`: what a client costs, ours and FastMCP 4's, at the same server.

The clients are on core 0, one at work at a time; the server, ours, is on core 1 and faster than
either, so that what is measured is the client. While one call is made at a time, client and server
never work at the same time, and the server is on core 0 as well: else what is measured is how long
the machine takes to wake another core, which on a virtual one may be longer than the call, and
another time in each round. Both take turns within a round and are compared within it. Beside it
stands the time that `from fastmcp import Client` takes in a fresh process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.support import venvs

from benchmarks.report import FASTMCP_4, OURS
from benchmarks.servers import HERE, Target, ours, peers, pin, start

ERAS = (("legacy", "2025-11-25, session"), ("auto", "2026-07-28"))
_IMPORT = """
import time
began = time.perf_counter()
from fastmcp import Client
print(time.perf_counter() - began)
"""


class _Load:
    """A client's process."""

    def __init__(self, stack: ExitStack, python: Path | str, url: str, mode: str) -> None:
        self._process = stack.enter_context(
            subprocess.Popen(
                [str(python), str(HERE / "targets" / "client_load.py"), url, mode],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=venvs.environment(),
            )
        )
        pin(self._process.pid, 0)
        stack.callback(self._process.kill)
        self.version: str = self._answer()["version"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the client ended")
        return json.loads(line)

    def measure(self, in_flight: int, seconds: float) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{in_flight} {seconds}\n")
        self._process.stdin.flush()
        return self._answer()


def _import_seconds(python: Path | str) -> float:
    """The wall time of the import alone, in a process of its own."""
    done = subprocess.run(
        [str(python), "-c", _IMPORT],
        capture_output=True,
        text=True,
        check=True,
        env=venvs.environment(),
    )
    return float(done.stdout)


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each path and client: calls per second (or seconds, for the import), and the
    median over the rounds of the ratio to FastMCP 4."""
    mine = ours(options.python)
    targets: list[Target] = [mine]
    if options.only != "ours":
        targets += [target for target in peers() if target.name == FASTMCP_4]
    rounds: dict[tuple[str, int | str, str], list[float]] = {}
    busy: dict[tuple[str, int | str, str], list[float]] = {}
    with ExitStack() as stack:
        server = start(stack, mine, "stateful")
        loads = {
            (target.name, mode): _Load(stack, target.python, server.url, mode)
            for target in targets
            for mode, _ in ERAS
        }
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
            turn = number % len(targets)
            in_order = targets[turn:] + targets[:turn]
            for mode, _ in ERAS:
                for in_flight in options.concurrency or [1, 16]:
                    pin(server.process.pid, 0 if in_flight == 1 else 1)
                    for target in in_order:
                        found = loads[target.name, mode].measure(in_flight, options.seconds)
                        key = (mode, in_flight, target.name)
                        rounds.setdefault(key, []).append(found["calls"] / found["seconds"])
                        busy.setdefault(key, []).append(found["busy"])
            for target in in_order:
                key = ("import", "", target.name)
                rounds.setdefault(key, []).append(_import_seconds(target.python))
    titles = dict(ERAS) | {"import": "from fastmcp import Client, seconds"}
    rows: list[dict[str, Any]] = []
    for (path, in_flight, name), values in rounds.items():
        other = rounds.get((path, in_flight, FASTMCP_4))
        ratio = (
            None
            if other is None
            else statistics.median(a / b for a, b in zip(values, other, strict=True))
        )
        rows.append(
            {
                "path": titles[path],
                "in flight": in_flight,
                "client": name,
                "median": statistics.median(values),
                "ratio to FastMCP 4": ratio,
                "busy": statistics.median(busy[path, in_flight, name])
                if path != "import"
                else None,
            }
        )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| path | in flight | client | calls/s | ratio | client busy |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row["path"], str(row["in flight"]), row["client"])):
        median = f"{row['median']:.3f} s" if row["busy"] is None else f"{row['median']:.0f}"
        ratio = "" if row["ratio to FastMCP 4"] is None else f"{row['ratio to FastMCP 4']:.2f}"
        load = "" if row["busy"] is None else f"{row['busy']:.0%}"
        name = f"**{row['client']}**" if row["client"] == OURS else row["client"]
        lines.append(
            f"| {row['path']} | {row['in flight']} | {name} | {median} | {ratio} | {load} |"
        )
    return "\n".join(lines)
