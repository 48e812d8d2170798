"""Where a run took place, and who took part."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.servers import CORES, SECOND_CORE, Target


def _cpu() -> str:
    """The model, as the kernel calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def described(targets: Iterable[Target], **more: Any) -> dict[str, Any]:
    """All that one must know of a run to make it again."""
    return {
        "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{_cpu()}, {CORES} cores",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "cores": os.cpu_count(),
        "targets": {target.name: target.version for target in targets},
        **more,
    }


ONE_CORE = "One core: servers and load share it, so throughput says little; look at CPU time."
TWO_CORES = (
    "Two cores, one of them the load's: both workers of the row of two workers share a core, and "
    "their throughput counts double. What that leaves out is only what workers would wait for each "
    "other."
)


def note(cores: int) -> str:
    """What so few cores mean for the figures; nothing where there are enough."""
    return ONE_CORE if cores == 1 else TWO_CORES if cores <= SECOND_CORE else ""
