"""What a client costs, ours and FastMCP 4's, at the same server, and at one in its own process.

The clients are on core 0, one at work at a time; the server, ours, is on core 1 and faster than
either, so that what is measured is the client. While one call is made at a time, client and server
never work at the same time, and the server is on core 0 as well: else what is measured is how long
the machine takes to wake another core, which on a virtual one may be longer than the call, and
another time in each round.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import venvs

from benchmarks.run import Figures, Run, Workload
from benchmarks.servers import LOAD_CORE, OURS, SERVER_CORE, TARGETS, pin


class _Client:
    """A client's process."""

    def __init__(self, stack: ExitStack, python: Path | str, url: str, mode: str) -> None:
        self._process = stack.enter_context(
            subprocess.Popen(
                [str(python), str(TARGETS / "client_load.py"), url, mode],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=venvs.environment(),
            )
        )
        stack.callback(self._process.kill)
        pin(self._process.pid, SERVER_CORE)
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the client ended")
        return json.loads(line)

    def measure(self, in_flight: int, seconds: float) -> Figures:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{in_flight} {seconds}\n")
        self._process.stdin.flush()
        return self._answer()


@dataclass(frozen=True)
class ClientCalls(Workload):
    """Calls of a client. Its figures are as those of a server, and all CPU time is the client's."""

    mode: str = "auto"
    """Of `Client`: which era."""
    in_memory: bool = False
    """Whether the server is an object in the client's process."""

    async def measure(self, run: Run, target: str) -> Figures:
        """One cell."""
        url = "memory"
        if not self.in_memory:
            server = run.servers.server(OURS, "clients")
            pin(server.process.pid, SERVER_CORE if self.in_flight == 1 else LOAD_CORE)
            url = server.url
        python = run.servers.targets[target].run
        client = run.servers.keep(
            (target, url, self.mode), lambda stack: _Client(stack, python, url, self.mode)
        )
        found = client.measure(self.in_flight, run.seconds)
        return {
            "rate": found["calls"] / found["seconds"],
            "busy": found["busy"],
            "cpu": found["busy"] * found["seconds"] / found["calls"] * 1e6,
        }
