"""How long a start takes, in a process of its own each time."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from tests.support import venvs

from benchmarks.run import Figures, Run, Workload
from benchmarks.servers import SERVER_CORE, pin

_TIMED = "import time; began = time.perf_counter()\n{}\nprint(time.perf_counter() - began)"


@dataclass(frozen=True)
class Start(Workload):
    """The wall time of some lines, from within."""

    lines: str = ""

    async def measure(self, run: Run, target: str) -> Figures:
        """One process."""
        with subprocess.Popen(  # noqa: ASYNC220  (nothing else runs meanwhile)
            [run.servers.targets[target].run, "-c", _TIMED.format(self.lines)],
            stdout=subprocess.PIPE,
            text=True,
            env=venvs.environment(),
        ) as process:
            pin(process.pid, SERVER_CORE)
            out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"it ended with {process.returncode}")
        return {"seconds": float(out)}
