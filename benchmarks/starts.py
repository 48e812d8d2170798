"""`--start`: how long a server takes to be there, ours and FastMCP 4's.

Three times are taken: of `from fastmcp import FastMCP; FastMCP()` in a fresh process, without the
interpreter's own start; of a server with one tool on a pipe, from the moment that its process is
started to its first answer (`initialize`); and to the answer of the first call, which is the third.
All run on core 0, one after the other, and take turns within a round: a round is compared with
itself. The modules are compiled before the first round, as they are for whoever starts a server for
the second time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import venvs

from benchmarks.report import FASTMCP_4, OURS
from benchmarks.servers import HERE, ours, peers, pin

_MADE = """
import time
began = time.perf_counter()
from fastmcp import FastMCP
FastMCP()
print(time.perf_counter() - began)
"""
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
_CALL = {"name": "add", "arguments": {"a": 1, "b": 2}}


def _made(python: Path | str) -> dict[str, float]:
    done = subprocess.run(
        [str(python), "-c", _MADE],
        capture_output=True,
        text=True,
        check=True,
        env=venvs.environment(),
    )
    return {"import and FastMCP()": float(done.stdout)}


def _answered(python: Path | str) -> dict[str, float]:
    began = time.perf_counter()
    with subprocess.Popen(
        [str(python), str(HERE / "targets" / "stdio_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=venvs.environment(),
    ) as process:
        try:
            ask(process, "initialize", _INITIALIZE)
            first = time.perf_counter() - began
            say(process, {"method": "notifications/initialized"})
            ask(process, "tools/list", {})
            answer = ask(process, "tools/call", _CALL)
            called = time.perf_counter() - began
        finally:
            process.kill()
    if answer["content"] != [{"type": "text", "text": "3"}]:
        raise RuntimeError(f"a wrong answer: {answer}")
    return {"stdio, to the first answer": first, "stdio, to the first call's": called}


def say(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    """Send a message."""
    assert process.stdin is not None
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    process.stdin.flush()


def ask(process: subprocess.Popen[bytes], method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Send a request and wait for its result; nothing else is said meanwhile."""
    say(process, {"id": 1, "method": method, "params": params})
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the server ended")
    return json.loads(line)["result"]


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each time and package: the median in seconds, and the median over the rounds of
    the ratio to FastMCP 4."""
    targets = [ours(options.python)]
    if options.only != "ours":
        targets += [target for target in peers() if target.name == FASTMCP_4]
    takes: list[Callable[[Path | str], dict[str, float]]] = [_made, _answered]
    pin(os.getpid(), 0)  # and so what it starts
    for target in targets:
        for take in takes:
            take(target.python)
    rounds: dict[tuple[str, str], list[float]] = {}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        turn = number % len(targets)
        for take in takes:
            for target in targets[turn:] + targets[:turn]:
                for what, seconds in take(target.python).items():
                    rounds.setdefault((what, target.name), []).append(seconds)
    rows: list[dict[str, Any]] = []
    for (what, name), values in rounds.items():
        others = rounds.get((what, FASTMCP_4))
        ratios = None if others is None else [a / b for a, b in zip(values, others, strict=True)]
        rows.append(
            {
                "what": what,
                "server": name,
                "median": statistics.median(values),
                "ratio to FastMCP 4": None if ratios is None else statistics.median(ratios),
            }
        )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| start | server | seconds | ratio |", "|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: (row["what"], row["server"])):
        ratio = "" if row["ratio to FastMCP 4"] is None else f"{row['ratio to FastMCP 4']:.2f}"
        name = f"**{row['server']}**" if row["server"] == OURS else row["server"]
        lines.append(f"| {row['what']} | {name} | {row['median']:.3f} | {ratio} |")
    return "\n".join(lines)
