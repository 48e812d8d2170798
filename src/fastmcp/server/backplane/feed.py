"""What changed lately: a ring that every open stream reads with a cursor of its own.

Being live is reading at the end; coming back is reading from where one was. A reader costs a
cursor and no queue, so a client that does not read costs nothing more, and what is published is
kept once however many read it. A reader that comes back too late learns that it missed
something, and tells its client to look at everything again: no change is ever lost silently.
"""

from __future__ import annotations

import asyncio
from collections import deque

from fastmcp.protocol.subscriptions import Event
from fastmcp.server.bus import Change

__all__ = ["Feed", "FeedReader", "events_of"]


class Feed:
    """The latest changes. It belongs to one event loop.

    Args:
        name: what its positions belong to; a cursor of a feed with another name means nothing.
        limit: how many changes are kept.
    """

    def __init__(self, name: str, limit: int = 1000) -> None:
        self.name = name
        self._entries: deque[tuple[int, Change]] = deque(maxlen=limit)
        self._forgotten = 0
        self._readers: set[FeedReader] = set()

    @property
    def position(self) -> int:
        """Of the newest change, or of the gap behind it."""
        return max(self._entries[-1][0] if self._entries else 0, self._forgotten)

    def append(self, change: Change, position: int | None = None) -> None:
        """Take the next change.

        Args:
            change: what happened.
            position: where it stands, above all before; the next number by default.
        """
        if len(self._entries) == self._entries.maxlen:
            self._forgotten = max(self._forgotten, self._entries[0][0])
        self._entries.append((self.position + 1 if position is None else position, change))
        self._wake()

    def forget_before(self, position: int) -> None:
        """What came up to this position is not here, though it may have been elsewhere.

        A position above the newest leaves a gap, which every reader learns of.
        """
        self._forgotten = max(self._forgotten, position)
        self._wake()

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()

    def after(self, position: int) -> list[tuple[int, Change]] | None:
        """The changes behind a position; None where some of them are not kept any more."""
        if position < self._forgotten:
            return None
        found: list[tuple[int, Change]] = []
        for entry in reversed(self._entries):
            if entry[0] <= position:
                break
            found.append(entry)
        found.reverse()
        return found

    def open(self, position: int | None = None) -> FeedReader:
        """Read from behind a position; from now on by default."""
        reader = FeedReader(self, self.position if position is None else position)
        self._readers.add(reader)
        return reader

    def close(self, reader: FeedReader) -> None:
        """Wake this one no more."""
        self._readers.discard(reader)


class FeedReader:
    """One reader's place in a feed. Each open stream has one, so it is small: an `asyncio.Event`
    alone would take six times its room.

    Attributes:
        position: of the last change it has taken.
        ready: there may be something to take.
    """

    __slots__ = ("_feed", "_waiter", "position", "ready")

    def __init__(self, feed: Feed, position: int) -> None:
        self.position = position
        self.ready = True  # what is there already
        self._feed = feed
        self._waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """There may be something to take. Whoever else has something for the same stream may say
        so too."""
        self.ready = True
        if self._waiter is not None:
            _settle(self._waiter)

    def take(self) -> list[tuple[int, Change]] | None:
        """What came since the last time; None, once, where some of it is lost."""
        found = self._feed.after(self.position)
        if found is None:
            self.position = self._feed.position
            return None
        if found:
            self.position = found[-1][0]
        return found

    async def wait(self, seconds: float) -> bool:
        """Wait until there may be something to take; False when the time is over first.

        Args:
            seconds: 0 for no limit.
        """
        if not self.ready:
            loop = asyncio.get_running_loop()
            waiter = self._waiter = loop.create_future()
            timer = loop.call_later(seconds, _settle, waiter) if seconds else None
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        woken, self.ready = self.ready, False
        return woken

    def close(self) -> None:
        """Read no more."""
        self._feed.close(self)


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def events_of(changes: list[tuple[int, Change]] | None, audience: str) -> list[Event] | None:
    """What a reader took, as the notifications it is; None where some of it is lost.

    Args:
        audience: who reads; what concerns others is left out.
    """
    if changes is None:
        return None
    return [
        (change.method, change.params or None) for _, change in changes if change.is_for(audience)
    ]
