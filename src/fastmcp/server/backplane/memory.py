"""The backplane of one process: nobody else is there, and what is noted is kept in a dict."""

from __future__ import annotations

import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from fastmcp.server.backplane.base import ENDED, Facts, Message, Receive
from fastmcp.server.backplane.feed import Feed
from fastmcp.server.bus import Bus, Change

__all__ = ["MemoryBackplane", "Notes", "end_of"]


class Notes:
    """Facts by session, of a bounded number of sessions: the least recently noted go first, and
    those of sessions that are over.

    A session that was pushed out is served on; it forgets its log level and the like.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._facts: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._ends: dict[str, float] = {}

    def update(self, session: str, facts: Facts, ends: float | None = None) -> None:
        """Take facts of a session.

        Args:
            session: its name.
            facts: the changed ones; None forgets one.
            ends: when it is over whatever happens, in seconds since the epoch; None where it never
                is, or where that is known already.
        """
        known = self._facts.setdefault(session, {})
        if facts.get(ENDED) is not None:
            known.clear()
        for name, value in facts.items():
            if value is None:
                known.pop(name, None)
            else:
                known[name] = value
        if not known:
            self._forget(session)
            return
        self._facts.move_to_end(session)
        if ends is not None:
            self._ends[session] = ends
        self._make_room()

    def _make_room(self) -> None:
        """From the front alone: sessions last equally long, so what is noted last ends last, or
        not much earlier."""
        now = time.time()
        while self._facts:
            oldest = next(iter(self._facts))
            if len(self._facts) <= self._limit and self._ends.get(oldest, math.inf) > now:
                return
            self._forget(oldest)

    def _forget(self, session: str) -> None:
        del self._facts[session]
        self._ends.pop(session, None)

    def get(self, session: str) -> Facts:
        return self._facts.get(session, {})

    def all(self) -> list[tuple[str, dict[str, str], float | None]]:
        """Everything that is known, and when each session ends; the least recently noted first."""
        return [(name, facts, self._ends.get(name)) for name, facts in self._facts.items()]


def end_of(ttl: float | None) -> float | None:
    """When something is over that lasts so many seconds from now, in seconds since the epoch."""
    return None if ttl is None else time.time() + ttl


class MemoryBackplane:
    """One process alone.

    Args:
        bus: where this process's changes are published.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._notes = Notes()
        self._unsubscribe: Callable[[], None] | None = None
        self.worker = ""
        self.feed = Feed("")

    @property
    def alone(self) -> bool:
        return True

    async def start(self, receive: Receive) -> None:
        self.worker = secrets.token_hex(4)
        self.feed = Feed(self.worker)
        self._unsubscribe = self._bus.subscribe(self._published)

    async def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _published(self, change: Change) -> None:
        """Something changed in this process."""
        self.feed.append(change)

    async def send(self, worker: str, message: Message) -> bool:
        return False

    async def broadcast(self, message: Message) -> None:
        return

    async def note(self, session: str, facts: Facts, ttl: float | None) -> None:
        self._notes.update(session, facts, end_of(ttl))

    async def notes(self, session: str) -> Facts:
        return self._notes.get(session)

    async def fact(self, session: str, name: str) -> str | None:
        return self._notes.get(session).get(name)

    async def ready(self) -> bool:
        return True
