"""`python -m benchmarks`: measures `tools/call` of everyone, in one run, interleaved.

Every target is a server process on core 0, all with the same uvicorn options; the load comes from
this process on core 1. A round visits every target before the next round begins, so a slow moment
of the machine hits all alike, and figures are compared within a round. The floor is a bare ASGI
echo on the same server: it says what part of the cost is ours to answer for, and, by how busy the
generator is when it loads the floor, that the generator is not what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop
from tests.support import venvs
from tests.support.process import Server, serve

from benchmarks.load import WORKLOADS, measure
from benchmarks.report import FLOOR, Results, plot, table

HERE = Path(__file__).parent
TARGETS = HERE / "targets"
OURS = "ours"


def pin(pid: int, core: int) -> None:
    """Binds a process to a core, where the machine has more than one and can do that."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def start(stack: ExitStack, python: Path | str, script: str, kind: str, body: str) -> Server:
    """A server process, pinned to core 0, ended with the stack."""
    server = stack.enter_context(
        serve(
            lambda port: [python, TARGETS / script, str(port), kind, body],
            env=venvs.environment(),
            clean=False,
        )
    )
    pin(server.process.pid, 0)
    return server


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one cell in one round")
    parser.add_argument("--only", choices=["ours", "floor"], help="leave out the peers")
    parser.add_argument("--workload", choices=[w.name for w in WORKLOADS], action="append")
    parser.add_argument("--concurrency", type=int, action="append", help="default: 1 and 16")
    parser.add_argument(
        "--json-peers", action="store_true", help="measure peers with json_response=True instead"
    )
    parser.add_argument("--python", help="interpreter that runs our own server")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    return parser.parse_args()


async def run(options: argparse.Namespace, stack: ExitStack) -> Results:
    """Starts what is to be measured, and measures it."""
    workloads = [w for w in WORKLOADS if not options.workload or w.name in options.workload]
    concurrencies = options.concurrency or [1, 16]
    kinds = {workload.server for workload in workloads}
    servers: dict[tuple[str, str], Server] = {}
    floor = start(stack, sys.executable, "echo_server.py", "-", "-")
    servers |= {(FLOOR, kind): floor for kind in kinds}
    pythons: dict[str, tuple[Path | str, str]] = {}
    if options.only != "floor":
        pythons[OURS] = (options.python or sys.executable, "fastmcp_server.py")
    if options.only is None:
        pythons["fastmcp-4"] = (venvs.python_of("fastmcp-4", venvs.FASTMCP_4), "fastmcp_server.py")
        pythons["mcp-sdk"] = (venvs.python_of("mcp-sdk", venvs.MCP_SDK), "sdk_server.py")
    for target, (python, script) in pythons.items():
        body = "json" if options.json_peers and target != OURS else "default"
        for kind in kinds:
            servers[target, kind] = start(stack, python, script, kind, body)
    results = Results()
    targets = [*pythons, FLOOR]
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for workload in workloads:
            for concurrency in concurrencies:
                # Everyone has every place in the order once.
                turn = number % len(targets)
                for target in targets[turn:] + targets[:turn]:
                    server = servers[target, workload.server]
                    sample = await measure(
                        server.port,
                        workload,
                        concurrency,
                        options.seconds,
                        check_value=target != FLOOR,
                    )
                    results.add(target, workload, concurrency, sample)
    return results


def main() -> None:
    """Measures, prints, writes."""
    options = arguments()
    pin(0, 1)
    with ExitStack() as stack:
        results = uvloop.run(run(options, stack))
    rows = results.rows()
    print(table(rows))
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    (options.out / "latest.json").write_text(json.dumps({"run": machine, "rows": rows}, indent=1))
    (options.out / "latest.svg").write_text(plot(rows))
    print(f"\nwritten: {options.out / 'latest.json'}, {options.out / 'latest.svg'}")


if __name__ == "__main__":
    main()
