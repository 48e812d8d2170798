"""What several requests need at once is asked for once.

Whoever comes while it is under way waits for it. One that leaves ends it for nobody: the work is a
task of its own, and its answer is kept by whatever does it. A task belongs to its event loop, so
each loop has its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["Flights"]

_Key = TypeVar("_Key", bound=Hashable)
_Answer = TypeVar("_Answer")


class Flights(Generic[_Key, _Answer]):
    """What is under way."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[asyncio.AbstractEventLoop, _Key], asyncio.Task[_Answer]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def running(self, key: _Key) -> asyncio.Task[_Answer] | None:
        """What is under way in this loop; None for nothing."""
        return self._tasks.get((asyncio.get_running_loop(), key))

    async def answer(self, key: _Key, work: Callable[[], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """Wait for what is under way, or begin it.

        Args:
            key: what is asked for.
            work: asks.
        """
        return await asyncio.shield(self.begin(key, work))

    def begin(
        self, key: _Key, work: Callable[[], Coroutine[Any, Any, _Answer]]
    ) -> asyncio.Task[_Answer]:
        """Begin it, if it is not under way, and wait for nothing."""
        loop, task = asyncio.get_running_loop(), self.running(key)
        if task is None:
            task = self._tasks[loop, key] = loop.create_task(work())
            task.add_done_callback(lambda task: self._ended(loop, key, task))
        return task

    def _ended(
        self, loop: asyncio.AbstractEventLoop, key: _Key, task: asyncio.Task[_Answer]
    ) -> None:
        del self._tasks[loop, key]
        if not task.cancelled():
            task.exception()  # whoever waited may have left
