"""Where the events of resumable streams are kept: the seam, this process's memory, and any
`AsyncKeyValue` store. Redis has a log of its own (`server/redis_log`).

A log is written at its end and read forward from a position. An event costs one write and nothing
is ever rewritten. Beside its events a stream has a head, which says who writes it: so a reader can
tell a writer that is busy from one that is gone.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Final, Protocol

import msgspec

from fastmcp.protocol.jsonrpc import UNREADABLE
from fastmcp.server.state import StateBackend

__all__ = ["Entry", "EventLog", "Head", "KeyValueLog", "MemoryLog", "Waiters"]

_COLLECTION: Final = "fastmcp_events"


class Entry(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        position: its place in the stream.
        message: the JSON-RPC message, or None for an event without one.
        final: whether the stream ends with it.
    """

    position: int
    message: bytes | None
    final: bool = False


class Head(msgspec.Struct, frozen=True):
    """Whose stream it is.

    Attributes:
        writer: the name of the writer's lease.
        request: the JSON-RPC id of the request that the stream answers.
    """

    writer: str
    request: str | int | None = None


class EventLog(Protocol):
    """Keeps streams.

    Attributes:
        look: seconds after which a waiting reader looks again by itself.
    """

    look: float

    async def begin(self, stream: str, head: Head) -> None:
        """Write event 0, which carries nothing, and the head."""
        ...

    async def keep(self, stream: str, head: Head) -> None:
        """Keep the head for as long again."""
        ...

    async def append(self, stream: str, entry: Entry) -> bool:
        """Write the next event; False where another writer was first."""
        ...

    async def at(self, stream: str, position: int) -> Entry | None:
        """The event at this position; None where it is not kept."""
        ...

    async def after(self, stream: str, position: int) -> Sequence[Entry]:
        """The events behind a position that are there now, some of them at least."""
        ...

    async def head(self, stream: str) -> Head | None:
        """Who writes it; None where nobody knows."""
        ...

    def listen(self, stream: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set whenever something may have been appended."""
        ...

    async def renew(self, writer: str, seconds: float) -> None:
        """The writer lives, for so long at least."""
        ...

    async def lives(self, writer: str) -> bool:
        """Whether the writer's lease still runs."""
        ...


class Waiters:
    """Readers of this process by stream, and how they are woken."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def listen(self, stream: str) -> Generator[asyncio.Event]:
        woken = asyncio.Event()
        self._waiting.setdefault(stream, set()).add(woken)
        try:
            yield woken
        finally:
            waiting = self._waiting[stream]
            waiting.discard(woken)
            if not waiting:
                del self._waiting[stream]

    @asynccontextmanager
    async def listen_async(self, stream: str) -> AsyncGenerator[asyncio.Event]:
        with self.listen(stream) as woken:
            yield woken

    def count(self, stream: str) -> int:
        """How many wait for it."""
        return len(self._waiting.get(stream, ()))

    def wake(self, stream: str) -> None:
        for woken in self._waiting.get(stream, ()):
            woken.set()


class _Kept(msgspec.Struct):
    head: Head
    entries: deque[Entry]
    expires: float
    size: int = 0


class MemoryLog:
    """This process's memory: the writer lives as long as the log.

    Args:
        most: events kept of a stream.
        ttl: seconds that a stream is kept after its last event, None for ever.
        limit: events kept in all; the streams longest silent go first.
        most_bytes: of the messages kept in all, likewise; the newest stream is kept whatever it
            takes.

    Attributes:
        count: events kept now.
        size: bytes of their messages.
    """

    look: float = 60.0

    def __init__(
        self,
        most: int,
        ttl: float | None,
        limit: int = 100_000,
        most_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._most = most
        self._ttl = ttl
        self._limit = limit
        self._most_bytes = most_bytes
        self._streams: OrderedDict[str, _Kept] = OrderedDict()
        self.count = 0
        self.size = 0
        self._waiters = Waiters()

    async def begin(self, stream: str, head: Head) -> None:
        self._purge()
        kept = _Kept(head, deque([Entry(0, None)], self._most), 0.0)
        self._streams[stream] = kept
        self.count += 1
        self._touch(kept)

    async def keep(self, stream: str, head: Head) -> None:
        kept = self._streams.get(stream)
        if kept is not None:
            self._streams.move_to_end(stream)
            self._touch(kept)

    async def append(self, stream: str, entry: Entry) -> bool:
        kept = self._streams.get(stream)
        if kept is None or kept.entries[-1].final:
            return False
        more = len(entry.message or b"")
        if len(kept.entries) < self._most:
            self.count += 1
        else:
            more -= len(kept.entries[0].message or b"")
        kept.entries.append(entry)
        kept.size += more
        self.size += more
        self._streams.move_to_end(stream)
        self._touch(kept)
        self._purge()
        self._waiters.wake(stream)
        return True

    def _touch(self, kept: _Kept) -> None:
        if self._ttl is not None:
            kept.expires = time.monotonic() + self._ttl

    def _purge(self) -> None:
        now = time.monotonic()
        while self._streams:
            stream, kept = next(iter(self._streams.items()))
            expired = self._ttl is not None and kept.expires <= now
            full = self.count >= self._limit or self.size > self._most_bytes
            if not expired and (not full or len(self._streams) == 1):
                return
            del self._streams[stream]
            self.count -= len(kept.entries)
            self.size -= kept.size

    def _kept(self, stream: str) -> _Kept | None:
        self._purge()
        return self._streams.get(stream)

    async def at(self, stream: str, position: int) -> Entry | None:
        kept = self._kept(stream)
        if kept is None:
            return None
        first, last = kept.entries[0].position, kept.entries[-1].position
        return kept.entries[position - first] if first <= position <= last else None

    async def after(self, stream: str, position: int) -> Sequence[Entry]:
        kept = self._kept(stream)
        if kept is None:
            return ()
        # Positions have no gaps, so a position is a place.
        first = max(0, position + 1 - kept.entries[0].position)
        return [kept.entries[at] for at in range(first, len(kept.entries))]

    async def head(self, stream: str) -> Head | None:
        kept = self._kept(stream)
        return None if kept is None else kept.head

    def listen(self, stream: str) -> AbstractAsyncContextManager[asyncio.Event]:
        return self._waiters.listen_async(stream)

    async def renew(self, writer: str, seconds: float) -> None:
        return

    async def lives(self, writer: str) -> bool:
        return True


class _Record(msgspec.Struct):
    """What a store keeps of an event."""

    message: str | None = None
    final: bool = False


class KeyValueLog:
    """Any `AsyncKeyValue` store.

    Such stores tell nobody of a write, so a reader in the process that writes is woken, and one
    in another process looks again every quarter of a second.

    Args:
        storage: the store.
        most: events kept of a stream.
        ttl: seconds that an event is kept, None for ever.
    """

    look: float = 0.25

    def __init__(self, storage: StateBackend, most: int, ttl: float | None) -> None:
        self._storage = storage
        self._most = most
        self._ttl = ttl
        self._waiters = Waiters()

    async def begin(self, stream: str, head: Head) -> None:
        await self.keep(stream, head)
        await self.append(stream, Entry(0, None))

    async def keep(self, stream: str, head: Head) -> None:
        await self._put(f"{stream}.head", msgspec.to_builtins(head))

    async def append(self, stream: str, entry: Entry) -> bool:
        value: dict[str, Any] = {"final": entry.final}
        if entry.message is not None:
            value["message"] = entry.message.decode()
        await self._put(f"{stream}.{entry.position}", value)
        if entry.position >= self._most:
            gone = f"{stream}.{entry.position - self._most}"
            await self._storage.delete(gone, collection=_COLLECTION)
        self._waiters.wake(stream)
        return True

    async def _put(self, key: str, value: dict[str, Any]) -> None:
        await self._storage.put(key, value, collection=_COLLECTION, ttl=self._ttl)

    async def _get(self, key: str) -> dict[str, Any] | None:
        return await self._storage.get(key, collection=_COLLECTION)

    async def at(self, stream: str, position: int) -> Entry | None:
        value = await self._get(f"{stream}.{position}")
        if value is None:
            return None
        try:
            record = msgspec.convert(value, _Record)
            message = None if record.message is None else record.message.encode()
        except UNREADABLE:  # who kept it knows something else under this name
            return None
        return Entry(position, message, record.final)

    async def after(self, stream: str, position: int) -> Sequence[Entry]:
        following = await self.at(stream, position + 1)
        return () if following is None else (following,)

    async def head(self, stream: str) -> Head | None:
        value = await self._get(f"{stream}.head")
        try:
            return None if value is None else msgspec.convert(value, Head)
        except UNREADABLE:
            return None

    def listen(self, stream: str) -> AbstractAsyncContextManager[asyncio.Event]:
        return self._waiters.listen_async(stream)

    async def renew(self, writer: str, seconds: float) -> None:
        lease: dict[str, Any] = {"seconds": seconds}
        await self._storage.put(f"writer.{writer}", lease, collection=_COLLECTION, ttl=seconds)

    async def lives(self, writer: str) -> bool:
        return await self._get(f"writer.{writer}") is not None
