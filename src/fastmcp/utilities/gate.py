"""So many at a time, the others in order: what limits the concurrency of an asynchronous function.

(A synchronous one is limited where its threads are, see `utilities/threads`: a call that was
given up still counts there for as long as its thread runs.)
"""

from __future__ import annotations

import asyncio
import weakref

__all__ = ["Gate"]


class Gate:
    """A limit that survives its event loop: each loop counts its own calls.

    Args:
        limit: how many may be inside at the same time, at least 1.
    """

    __slots__ = ("_limit", "_semaphores")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._semaphores: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, asyncio.Semaphore
        ] = weakref.WeakKeyDictionary()

    def here(self) -> asyncio.Semaphore:
        """The semaphore of the running loop: it wakes in order, and forgets who was cancelled."""
        loop = asyncio.get_running_loop()
        semaphore = self._semaphores.get(loop)
        if semaphore is None:
            semaphore = self._semaphores[loop] = asyncio.Semaphore(self._limit)
        return semaphore
