"""What a process holds, told by itself: memory, objects, tasks, threads, descriptors.

Garbage is collected first, so what is counted is what somebody holds. RSS is what the kernel says
and moves with the allocator; what of it is `anonymous` is in no file, and not other processes' too.
`blocks` are the pieces that Python's own allocator has given out, which a leak of any Python object
shows, however small.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections import Counter
from pathlib import Path

POOL_THREAD = "fastmcp"
"""The name of the threads that synchronous tools run in; those that idle are kept."""


def vitals() -> dict[str, int]:
    """The figures of this process, by name; memory in KiB."""
    gc.collect()
    threads = [thread.name for thread in threading.enumerate()]
    return {
        **_memory(),
        "blocks": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
        "tasks": len(asyncio.all_tasks()),
        "threads": len([name for name in threads if name != POOL_THREAD]),
        "pool threads": threads.count(POOL_THREAD),
        "files": len(os.listdir("/proc/self/fd")) - 1,  # without the one that lists them
    }


def kinds() -> dict[str, int]:
    """How many objects of each type there are, of those that the garbage collector knows."""
    gc.collect()
    return Counter(
        f"{type(value).__module__}.{type(value).__qualname__}" for value in gc.get_objects()
    )


def _memory() -> dict[str, int]:
    found = dict(
        line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    )
    return {name.lower(): int(found[name].split()[0]) for name in ("Rss", "Anonymous")}
