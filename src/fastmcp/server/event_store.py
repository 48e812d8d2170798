"""What was said on a stream, kept so that a client whose connection broke can hear the rest.

A resumable stream is a log with a cursor: an event is written once, under its stream and its
position, and reading goes forward from a position; being live is reading at the end. Nothing
is ever rewritten, so an event costs one write whatever the stream's length.

Any `AsyncKeyValue` store holds the log. Such stores tell nobody of a write, so a reader in the
process that writes is woken, and one in another process looks again every quarter of a second.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final, cast

import msgspec

from fastmcp.protocol.events import EventId, read_event_id
from fastmcp.server.state import StateBackend

__all__ = ["Entry", "EventStore", "UnknownEvent"]

_COLLECTION: Final = "fastmcp_events"
_LOOK_AGAIN: Final = 0.25
"""Seconds after which a reader looks for what another process wrote."""


class UnknownEvent(Exception):
    """No such event: it never was, it is older than the log, or it belongs to another session."""


class Entry(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        position: its place in the stream.
        message: the JSON-RPC message, or None for a priming event.
        final: whether the stream ends with it.
    """

    position: int
    message: bytes | None
    final: bool = False


def _in_memory() -> StateBackend:
    # 0.2 s that most servers never need; now, and not while the first stream is open.
    from key_value.aio.stores.memory import MemoryStore

    return cast("StateBackend", MemoryStore(max_entries_per_collection=100_000))


class EventStore:
    """The log of resumable streams.

    Args:
        storage: any `AsyncKeyValue` store; this process's memory by default. A store that is
            shared lets a client resume on another worker and after a restart.
        max_events_per_stream: how many events of a stream are kept; the oldest go first.
        ttl: seconds that an event is kept, None for ever.
    """

    def __init__(
        self,
        storage: StateBackend | None = None,
        max_events_per_stream: int = 100,
        ttl: int | None = 3600,
    ) -> None:
        if max_events_per_stream < 1:
            raise ValueError("max_events_per_stream must be at least 1")
        self.ttl = ttl
        self._storage = _in_memory() if storage is None else storage
        self._most = max_events_per_stream
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._next: dict[str, int] = {}

    # the log

    async def append(self, stream: str, entry: Entry) -> None:
        """Write the next event of a stream; one writer a stream counts its positions."""
        value: dict[str, Any] = {"final": entry.final}
        if entry.message is not None:
            value["message"] = entry.message.decode()
        await self._storage.put(
            f"{stream}.{entry.position}", value, collection=_COLLECTION, ttl=self.ttl
        )
        if entry.position >= self._most:
            await self._storage.delete(
                f"{stream}.{entry.position - self._most}", collection=_COLLECTION
            )
        for waiting in self._waiting.get(stream, ()):
            waiting.set()

    async def read(self, stream: str, position: int) -> Entry | None:
        """One event, or None where there is none (yet, or any more)."""
        value = await self._storage.get(f"{stream}.{position}", collection=_COLLECTION)
        if value is None:
            return None
        message = cast("str | None", value.get("message"))
        return Entry(
            position,
            message.encode() if message is not None else None,
            bool(value.get("final", False)),
        )

    async def after(self, stream: str, position: int) -> AsyncGenerator[Entry | None]:
        """Every event behind a position: those that were, then those that come.

        Args:
            stream: the stream's key.
            position: of the last event the reader has.
        Returns:
            The events; None each time there was nothing for a moment, so that the reader can
            do other things. It ends with the stream's last event.
        Raises:
            UnknownEvent: there is no event at this position, so what follows it is not known.
        """
        if await self.read(stream, position) is None:
            raise UnknownEvent(f"{stream}.{position}")
        woken = asyncio.Event()
        self._waiting.setdefault(stream, set()).add(woken)
        try:
            while True:
                woken.clear()
                entry = await self.read(stream, position + 1)
                if entry is not None:
                    position = entry.position
                    yield entry
                    if entry.final:
                        return
                elif not await _wait(woken, _LOOK_AGAIN):
                    yield None
        finally:
            waiting = self._waiting[stream]
            waiting.discard(woken)
            if not waiting:
                del self._waiting[stream]

    # FastMCP's face of it

    async def store_event(self, stream_id: str, message: Any = None) -> str:
        """Write an event of a stream that this process alone writes.

        Args:
            stream_id: the stream.
            message: a JSON-RPC message (a pydantic model or bytes), None for a priming event.
        Returns:
            The event's id.
        """
        position = self._next.get(stream_id, 0)
        self._next[stream_id] = position + 1
        if message is not None and not isinstance(message, bytes):
            message = cast(
                "str", message.model_dump_json(by_alias=True, exclude_none=True)
            ).encode()
        await self.append(stream_id, Entry(position, message))
        return str(EventId(stream_id, position))

    async def replay_events_after(
        self, last_event_id: str, send_callback: Callable[[Any], Awaitable[None]]
    ) -> str | None:
        """Send every event behind one, as `(message, event id)` with the message as bytes.

        Returns:
            The stream's id, or None where the event is not known.
        """
        cursor = read_event_id(last_event_id)
        if cursor is None or await self.read(cursor.stream, cursor.position) is None:
            return None
        position = cursor.position + 1
        while (entry := await self.read(cursor.stream, position)) is not None:
            if entry.message is not None:
                await send_callback((entry.message, str(EventId(cursor.stream, position))))
            position += 1
        return cursor.stream


def new_stream_name() -> str:
    """A name that no other stream of any session has."""
    return secrets.token_urlsafe(9)


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
