"""An event loop that stands still: the log names who keeps it, and a server that is to stop stops.

An `async def` that computes, or waits without `await`, keeps everybody on its loop waiting, and
nothing on the loop can say so. So a thread looks at each loop that serves, and the loop counts its
own turns for it. Looks are counted, and no seconds: a process that was halted has not looked.
Nothing of this is on the path of a request.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final
from weakref import WeakKeyDictionary, ref

import uvicorn

__all__ = ["is_standing_still", "watch_loop"]

_logger: Final = logging.getLogger("fastmcp.server.http")
_frames: Final = sys._current_frames  # pyright: ignore[reportPrivateUsage]  (documented, and the only way)
_PAUSE: Final = 0.25
"""Seconds between two looks, and between two turns that are counted."""
_SHOWN: Final = 2
"""Functions that are named beside the author's."""

_NOT_THE_AUTHORS: Final = (
    str(Path(__file__).parents[2]),
    *(str(Path(module.__file__ or "").parent) for module in (asyncio, uvicorn)),
)
"""Folders of what calls an author's functions."""

_watches: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch]] = WeakKeyDictionary()


def watch_loop(after: float, kept: Callable[[], None]) -> Callable[[], None]:
    """Have the loop of this thread looked after from now on.

    Args:
        after: seconds that it may stand still; 0 looks after nothing.
        kept: called on another thread at each look, as long as it stands still beyond that.
    Returns:
        The function that ends it.
    """
    if not after:
        return lambda: None
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = _Watch(loop, after)
    watch.users.append(kept)

    def end() -> None:
        watch.users.remove(kept)
        if not watch.users:
            watch.end()
            _watches.pop(loop, None)

    return end


def is_standing_still() -> bool:
    """Whether the loop of the main thread does, where signal handlers run all the same."""
    thread = threading.main_thread().ident
    return any(watch.thread == thread and watch.still for watch in list(_watches.values()))


class _Watch:
    """One loop that is looked after.

    Attributes:
        thread: on which it runs.
        still: whether it stands still beyond its time, as far as has been seen.
        users: called while it does.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, after: float) -> None:
        self.thread = threading.get_ident()
        self.still = False
        self.users: list[Callable[[], None]] = []
        self._loop = ref(loop)
        self._after = after
        self._turns = 0
        self._over = threading.Event()
        self._timer = loop.call_later(_PAUSE, self._turn, loop)
        threading.Thread(target=self._look, name="fastmcp-loop-watch", daemon=True).start()

    def end(self) -> None:
        self._timer.cancel()
        self._over.set()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._turns += 1
        self.still = False
        self._timer = loop.call_later(_PAUSE, self._turn, loop)

    def _is_running(self) -> bool | None:
        """Whether the loop does; None where it never will again."""
        loop = self._loop()
        return None if loop is None or loop.is_closed() else loop.is_running()

    def _look(self) -> None:
        seen, looks, told = self._turns, 0, False
        while not self._over.wait(_PAUSE):
            running = self._is_running()
            if running is None:
                return
            if self._turns != seen or not running:
                if told:
                    _logger.warning("The event loop goes on, after %.1f s", looks * _PAUSE)
                seen, looks, told = self._turns, 0, False
                continue
            looks += 1
            if looks * _PAUSE < self._after:
                continue
            self.still = True
            if not told:
                told = True
                _logger.warning(
                    "The event loop has stood still for %.1f s, and nobody is served: it is in %s. "
                    "Write that as a plain `def`, which runs in a thread, or await what takes long",
                    looks * _PAUSE,
                    _named(_frames().get(self.thread)),
                )
            for kept in list(self.users):
                kept()


def _named(frame: FrameType | None) -> str:
    """The functions at work, from the innermost to the author's, whom the package called."""
    names: list[str] = []
    while frame is not None:
        code = frame.f_code
        name = f"{code.co_qualname} ({code.co_filename}, line {frame.f_lineno})"
        if names and code.co_filename.startswith(_NOT_THE_AUTHORS):
            break
        names.append(name)
        frame = frame.f_back
    if len(names) > _SHOWN + 1:
        names[_SHOWN:-1] = ["..."]
    return ", called by ".join(names) or "code that cannot be seen"
