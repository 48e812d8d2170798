"""How long a start takes, ours and FastMCP 4's, each in a process of its own.

Three times are taken: of an import in a fresh process, without the interpreter's own start; of a
server with one tool on a pipe, from the moment that its process is started to its first answer
(`initialize`); and to the answer of the first call, which is the third. The modules are compiled in
the first round, so the median is that of whoever starts a server for the second time.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from tests.support import venvs

from benchmarks.run import Figures, Run, Workload
from benchmarks.servers import SERVER_CORE, TARGETS, pin

_TIMED = "import time; began = time.perf_counter()\n{}\nprint(time.perf_counter() - began)"
_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
_CALL = {"name": "add", "arguments": {"a": 1, "b": 2}}


def _process(command: list[Any]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=venvs.environment(),
    )
    pin(process.pid, SERVER_CORE)
    return process


@dataclass(frozen=True)
class Import(Workload):
    """The `seconds` of some lines, taken by themselves."""

    lines: str = ""

    async def measure(self, run: Run, target: str) -> Figures:
        """One process."""
        python = run.servers.targets[target].run
        with _process([python, "-c", _TIMED.format(self.lines)]) as process:
            out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"it ended with {process.returncode}")
        return {"seconds": float(out)}


@dataclass(frozen=True)
class Stdio(Workload):
    """The `seconds` to the first answer on a pipe, and to that of the first `call`."""

    async def measure(self, run: Run, target: str) -> Figures:
        """One process."""
        began = time.perf_counter()
        python = run.servers.targets[target].run
        with _process([python, TARGETS / "stdio_server.py"]) as process:
            try:
                _ask(process, "initialize", _INITIALIZE)
                first = time.perf_counter() - began
                _say(process, {"method": "notifications/initialized"})
                _ask(process, "tools/list", {})
                answer = _ask(process, "tools/call", _CALL)
                called = time.perf_counter() - began
            finally:
                process.kill()
        if answer["content"] != [{"type": "text", "text": "3"}]:
            raise RuntimeError(f"a wrong answer: {answer}")
        return {"seconds": first, "call": called}


def _say(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    """Sends a message."""
    assert process.stdin is not None
    process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    process.stdin.flush()


def _ask(process: subprocess.Popen[bytes], method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Sends a request and waits for its result; nothing else is said meanwhile."""
    _say(process, {"id": 1, "method": method, "params": params})
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the server ended")
    return json.loads(line)["result"]
