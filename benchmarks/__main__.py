"""`python -m benchmarks`: measures all of `workloads.py`, in one run, interleaved.

Every target is a server process on core 0; the load comes from this process on core 1, where Redis
is too. A round visits every target under every workload before the next round begins, see `run.py`.
The floor is a bare ASGI echo on the same HTTP server: it says what part of the cost is ours to
answer for, and, by how busy the load is when it meets the floor, that it is not what was measured.
What is to be reached stands in `goals.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import machine, page, report
from benchmarks.goals import GOALS
from benchmarks.run import Run
from benchmarks.servers import FASTMCP_4, FLOOR, LOAD_CORE, OURS, Servers, pin, targets
from benchmarks.workloads import EVERYONE, QUICK, WORKLOADS

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "latest.json"


def arguments() -> argparse.Namespace:
    """The command line."""
    names = list(dict.fromkeys(workload.name.partition("/")[0] for workload in WORKLOADS))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="default: 21, quick: 5")
    parser.add_argument("--seconds", type=float, help="of one cell; default: 0.3, quick: 0.2")
    parser.add_argument("--quick", action="store_true", help="the main rows, in two minutes")
    parser.add_argument(
        "--only", choices=EVERYONE, action="append", help="beside the floor; may be repeated"
    )
    parser.add_argument("--workload", choices=names, action="append", help="may be repeated")
    parser.add_argument("--in-flight", type=int, help="only what has so many calls at once")
    parser.add_argument("--python", help="interpreter that runs our own server")
    parser.add_argument("--sessions", type=int, default=2_000, help="idle ones, for memory")
    parser.add_argument("--streams", type=int, default=500, help="open ones, for memory")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures are written")
    parser.add_argument(
        "--write-docs", action="store_true", help="measure nothing: make the page of those figures"
    )
    options = parser.parse_args()
    if options.quick:
        options.only = options.only or [OURS, FASTMCP_4]
    options.rounds = options.rounds or (5 if options.quick else 21)
    options.seconds = options.seconds or (0.2 if options.quick else 0.3)
    return options


def prepared(options: argparse.Namespace, stack: ExitStack) -> Run:
    """What is to be measured, of whom."""
    workloads = [
        workload
        for workload in WORKLOADS
        if (not options.workload or workload.name.partition("/")[0] in options.workload)
        and (options.workload or not options.quick or workload.name in QUICK)
        and options.in_flight in (None, workload.in_flight)
    ]
    wanted = {FLOOR, *(options.only or EVERYONE)}
    wanted &= {name for workload in workloads for name in workload.who}
    stores = any("redis" in workload.name for workload in workloads)
    servers = Servers(stack, targets(wanted, options.python, stores))
    return Run(servers, workloads, options.seconds, options.sessions, options.streams)


def main() -> None:
    """Measures, prints, writes."""
    options = arguments()
    if options.write_docs:
        page.write(json.loads(options.out.read_text()))
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends its servers then, too
    pin(os.getpid(), LOAD_CORE)  # and so Redis, which inherits it
    # Ten thousand connections are as many files, here and in servers, which inherit it.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        run = prepared(options, stack)
        uvloop.run(run.rounds(options.rounds))
        about = machine.described(
            run.servers.targets.values(), rounds=options.rounds, seconds=options.seconds
        )
    goals = [goal.measured(run) for goal in GOALS]
    results: dict[str, Any] = {
        "run": about,
        "rows": report.rows(run),
        "goals": goals,
        "failed": [
            {"workload": workload, "target": target, "why": why}
            for (workload, target), why in run.failed.items()
        ],
    }
    print(report.text(results))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1))
    print(f"\nwritten: {options.out}")
    if any(target == OURS for _, target in run.failed):
        raise SystemExit("ours failed")


if __name__ == "__main__":
    main()
