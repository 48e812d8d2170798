"""How long a process has computed, in nanoseconds, where the kernel counts them.

Throughput is a noisy figure on a noisy machine; the CPU time that a call costs its server is a
steadier one. `/proc/TID/schedstat` begins with the nanoseconds that a thread ran.
"""

from __future__ import annotations

from pathlib import Path


def threads(pid: int) -> list[int]:
    """The threads of a process and of its children."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found.append(int(thread.name))
        for child in (thread / "children").read_text().split():
            found += threads(int(child))
    return found


def spent(pid: int) -> float | None:
    """The CPU seconds of those threads; None where the machine does not tell."""
    try:
        times = [Path(f"/proc/{tid}/schedstat").read_text().split()[0] for tid in threads(pid)]
    except (OSError, IndexError):
        return None
    return sum(map(int, times)) / 1e9
