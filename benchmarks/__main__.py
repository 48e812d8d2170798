"""`python -m benchmarks`: measures `tools/call` of everyone, in one run, interleaved.

Every target is a server process on core 0, all with the same uvicorn options; the load comes from
this process on core 1, where Redis is too. A round visits every target before the next round
begins, so a slow moment of the machine hits all alike, and figures are compared within a round.
The floor is a bare ASGI echo on the same server: it says what part of the cost is ours to answer
for, and, by how busy the generator is when it loads the floor, that the generator is not what was
measured.

`--memory` measures what sessions and streams cost instead, see `memory.py`; `--clients` what a
client costs, see `clients.py`; `--start` how long a server takes to be there, see `starts.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop
from tests.support.process import Server
from tests.support.redis import redis

from benchmarks import clients, memory, starts
from benchmarks.load import WORKLOADS, measure
from benchmarks.report import FLOOR, OURS, Results, plot, table
from benchmarks.servers import Target, floor, ours, peers, pin, start
from benchmarks.tokens import token

HERE = Path(__file__).parent


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one cell in one round")
    parser.add_argument("--only", choices=["ours", "floor"], help="leave out the peers")
    parser.add_argument("--workload", choices=[w.name for w in WORKLOADS], action="append")
    parser.add_argument("--concurrency", type=int, action="append", help="default: 1 and 16")
    parser.add_argument(
        "--json-peers",
        action="store_true",
        help="measure peers with json_response=True instead, where no progress is to come",
    )
    parser.add_argument("--python", help="interpreter that runs our own server")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    parser.add_argument("--clients", action="store_true", help="measure clients instead")
    parser.add_argument("--start", action="store_true", help="measure the start instead")
    parser.add_argument("--sessions", type=int, default=10_000, help="idle ones, with --memory")
    parser.add_argument("--streams", type=int, default=1_000, help="open ones, with --memory")
    options = parser.parse_args()
    if options.json_peers and options.workload:
        streamed = {workload.name for workload in WORKLOADS if workload.progress}
        if not streamed.isdisjoint(options.workload):
            parser.error("a JSON answer has no progress: leave out --json-peers or that workload")
    return options


def contestants(options: argparse.Namespace) -> list[Target]:
    """Everyone but the floor."""
    if options.only == "floor":
        return []
    mine = ours(options.python)
    return [mine] if options.only == "ours" else [mine, *peers()]


async def calls(options: argparse.Namespace, stack: ExitStack) -> Results:
    """Starts what is to be measured, and measures it."""
    workloads = [
        workload
        for workload in WORKLOADS
        if (not options.workload or workload.name in options.workload)
        and not (options.json_peers and workload.progress)
    ]
    concurrencies = options.concurrency or [1, 16]
    kinds = {workload.server for workload in workloads}
    if "protected" in kinds:
        token()  # the servers inherit its key
    url = "-"
    if "redis" in kinds:
        url = f"redis://127.0.0.1:{stack.enter_context(redis()).port}"
    bare = floor()
    process = start(stack, bare, "-")
    servers: dict[tuple[Target, str], Server] = {(bare, kind): process for kind in kinds}
    others = contestants(options)
    for target in others:
        body = "json" if options.json_peers and target.name != OURS else "default"
        for kind in sorted(kinds & target.kinds):
            servers[target, kind] = start(stack, target, kind, body, url)
    results = Results()
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for workload in workloads:
            able = [target for target in [*others, bare] if workload.server in target.kinds]
            for concurrency in concurrencies:
                # Everyone has every place in the order once.
                turn = number % len(able)
                for target in able[turn:] + able[:turn]:
                    sample = await measure(
                        servers[target, workload.server].port,
                        workload,
                        concurrency,
                        options.seconds,
                        check_value=target.name != FLOOR,
                    )
                    results.add(target.name, workload, concurrency, sample)
    return results


async def footprints(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The memory of everyone, one after the other."""
    rows: list[dict[str, Any]] = []
    for target in contestants(options):
        print(f"memory of {target.name}", file=sys.stderr, flush=True)
        rows.append(await memory.footprint(target, options.sessions, options.streams))
    return rows


def write(options: argparse.Namespace, name: str, rows: list[dict[str, Any]], **run: Any) -> Path:
    """The rows and what ran where, as JSON; returns the file."""
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **run,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / name
    file.write_text(json.dumps({"run": machine, "rows": rows}, indent=1))
    return file


def main() -> None:
    """Measures, prints, writes."""
    options = arguments()
    pin(0, 1)  # and so Redis, which inherits it
    if options.memory:
        # Servers inherit it.
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        rows = uvloop.run(footprints(options))
        print(memory.table(rows))
        print(f"\nwritten: {write(options, 'memory.json', rows)}")
        return
    if options.clients:
        rows = clients.measure(options)
        print(clients.table(rows))
        print(f"\nwritten: {write(options, 'clients.json', rows, rounds=options.rounds)}")
        return
    if options.start:
        rows = starts.measure(options)
        print(starts.table(rows))
        print(f"\nwritten: {write(options, 'start.json', rows, rounds=options.rounds)}")
        return
    with ExitStack() as stack:
        results = uvloop.run(calls(options, stack))
    rows = results.rows()
    print(table(rows))
    for line in results.costs():
        print(line)
    file = write(options, "latest.json", rows, rounds=options.rounds, seconds=options.seconds)
    picture = options.out / "latest.svg"
    picture.write_text(plot(rows))
    print(f"\nwritten: {file}, {picture}")


if __name__ == "__main__":
    main()
