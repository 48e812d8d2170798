"""How long a request may take, and when one that failed is sent again.

Two questions that belong together, because what is sent again has no more time than what was sent
first. *Whether* a request may be sent again is no question of time: what never reached the server
may, and so may what does no harm when it is done twice (`session.py` decides). *When* is decided
here: after pauses that double, not before the server wants to be asked (`Retry-After`, RFC 9110,
10.2.3), and only as long as it can still be answered in time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Final

__all__ = ["LONGEST_WISH", "Patience", "Term"]

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
LONGEST_WISH: Final = 60.0
"""Seconds that a server may ask to wait: in all for a request without a time-out, each time for a
stream. One that is back is heard within them, whatever it said when it went."""


class Term:
    """The time-out of one request, which may be sent several times and set anew by progress.

    Args:
        seconds: that it may take.
        within: the time-out of something larger, in which it runs.
    """

    def __init__(self, seconds: float, within: Term | None = None) -> None:
        self.seconds = seconds
        self._within = within
        self.until = asyncio.get_running_loop().time() + seconds
        self._running: asyncio.Timeout | None = None

    def start(self) -> asyncio.Timeout:
        """A context manager that ends its block when the time is over."""
        self._running = asyncio.timeout_at(self.until)
        return self._running

    @contextmanager
    def held(self) -> Generator[None]:
        """For the length of a block the time stands still: a person takes it, and no server."""
        loop, running = asyncio.get_running_loop(), self._running
        with nullcontext() if self._within is None else self._within.held():
            if running is None or running.when() is None or running.expired():
                yield
                return
            began = loop.time()
            running.reschedule(None)
            try:
                yield
            finally:
                self.until += loop.time() - began
                running.reschedule(self.until)

    def begin_anew(self) -> None:
        """The server is at work: its time begins anew."""
        self.until = asyncio.get_running_loop().time() + self.seconds
        running = self._running
        if running is not None and running.when() is not None and not running.expired():
            running.reschedule(self.until)


class Patience:
    """The pauses of one request that is sent again.

    Args:
        term: of the request, None where it has no time-out.
        seconds: for which a server that is away is asked again.
    """

    def __init__(self, term: Term | None, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._term = term
        now = self._loop.time()
        self._until = now + seconds
        self._wishes_until = now + LONGEST_WISH if term is None else None
        self._pause = _FIRST_PAUSE

    def pause(self, wish: float | None) -> float | None:
        """The seconds to wait now; None where waiting has no use.

        Args:
            wish: what the server asks for, None if it asks for nothing.
        """
        now = self._loop.time()
        end = None if self._term is None else self._term.until
        if wish is not None and wish > _FIRST_PAUSE:
            # Who names a time will be there then: it counts for more than our own patience. But who
            # is not there, and names another and another, is not waited for without end.
            if end is None and now >= self._until:
                return None
            latest = end if self._wishes_until is None else self._wishes_until
            assert latest is not None
            if now + wish >= latest:
                return None
            return min(wish * random.uniform(1.0, 1.1), latest - now)  # noqa: S311
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        pause *= random.uniform(0.8, 1.2)  # noqa: S311  (spreads clients out, hides nothing)
        latest = self._until if end is None else min(self._until, end)
        return None if now + pause >= latest else pause
