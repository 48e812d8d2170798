"""Where tests keep what they fetched, and the lock that lets one process build it at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository's root."""

CACHE = ROOT / ".cache"
"""Ignored by git; `make clean` removes it."""


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Holds the exclusive lock of `target` (a file beside it), across processes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_name(target.name + ".lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
