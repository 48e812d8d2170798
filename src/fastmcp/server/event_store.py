"""What was said on a stream, kept so that a client whose connection broke can hear the rest.

A resumable stream is a log with a cursor (`server/event_logs`): being live is reading at its
end. Whoever writes a stream holds a lease; when the writer dies, a reader writes the stream's
end in its place, an error, and so does not wait for ever for an answer that will not come.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.protocol.events import EventId, read_event_id
from fastmcp.protocol.jsonrpc import encode_error
from fastmcp.server.backplane.redis_line import RedisLine, line_of
from fastmcp.server.event_logs import Entry, EventLog, Head, KeyValueLog, MemoryLog
from fastmcp.server.redis_log import RedisLog
from fastmcp.server.state import StateBackend
from fastmcp.utilities.waiting import is_set_within

__all__ = ["Entry", "EventStore", "StoreDown", "UnknownEvent"]

_logger: Final = logging.getLogger("fastmcp.server.events")

_LEASE: Final = 10.0
_SHARE: Final = 0.6
_RETRY: Final = 1.0
_GONE: Final = (
    "The worker that ran this request is gone, and its answer with it; what it had begun may be "
    "half done"
)


class _Live(msgspec.Struct):
    """A stream that this process writes.

    Attributes:
        head: its head.
        kept: when that was written last, by the loop's clock.
    """

    head: Head
    kept: float


class UnknownEvent(Exception):
    """No such event: it never was, it is older than the log, or it belongs to another session."""


class StoreDown(Exception):
    """The store cannot be reached now."""


class EventStore:
    """The log of resumable streams.

    Args:
        storage: any `AsyncKeyValue` store; this process's memory by default. A store that is
            shared lets a client resume on another worker and after a restart. On a `RedisStore`
            the log uses Redis itself (streams, pub/sub), and so do the workers to find each other.
        max_events_per_stream: how many events of a stream are kept; the oldest go first.
        ttl: seconds that an event is kept, None for ever.
        lease: seconds within which a worker that died is noticed by those who wait for it.
    Raises:
        ValueError: a number out of its range.
    """

    def __init__(
        self,
        storage: StateBackend | RedisLine | None = None,
        max_events_per_stream: int = 100,
        ttl: int | None = 3600,
        lease: float = _LEASE,
    ) -> None:
        if max_events_per_stream < 1:
            raise ValueError("max_events_per_stream must be at least 1")
        if lease <= 0:
            raise ValueError("lease must be more than 0 seconds")
        self.ttl = ttl
        self.line: RedisLine | None = None
        if isinstance(storage, RedisLine):
            self.line = storage
        elif storage is not None:
            self.line = line_of(storage)
        # A reader looks after half of a lease, so it is noticed after one and a half of them.
        self._lease = _SHARE * lease
        self._writer = ""
        self._live: dict[str, _Live] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._next: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """The next position of what `store_event` writes, and when that stream is gone."""
        self._down: set[bool] = set()
        self._log: EventLog
        if self.line is not None:
            self._log = RedisLog(self.line, max_events_per_stream, ttl)
        elif storage is not None and not isinstance(storage, RedisLine):
            self._log = KeyValueLog(storage, max_events_per_stream, ttl)
        else:
            self._log = MemoryLog(max_events_per_stream, ttl)

    # writing

    async def begin(self, stream: str, request: str | int | None = None) -> None:
        """Begin a stream that this process writes; it has event 0, which carries nothing.

        Args:
            stream: the stream's key.
            request: the JSON-RPC id of the request it answers.
        Raises:
            StoreDown: it could not be written.
        """
        if not self._writer:
            self._writer = secrets.token_hex(8)
        head = Head(self._writer, request)
        loop = asyncio.get_running_loop()
        if not self._renews(loop):
            # Before the stream: nobody must see one without a lease.
            await self._do(self._log.renew(self._writer, self._lease))
            if not self._renews(loop):  # another stream may have begun meanwhile
                self._renewing = loop.create_task(self._renew())
        self._live[stream] = _Live(head, loop.time())
        try:
            await self._do(self._log.begin(stream, head))
        except BaseException:
            self._live.pop(stream, None)
            raise

    async def append(self, stream: str, entry: Entry) -> int:
        """Write the next event of a stream; one writer a stream counts its positions.

        Returns:
            Its position. It is the one behind the entry's where the event before had been
            written though its writer was told otherwise, or was not there any more to be told.
        Raises:
            StoreDown: it could not be written.
        """
        if not await self._do(self._log.append(stream, entry)):
            entry = replace(entry, position=entry.position + 1)
            await self._do(self._log.append(stream, entry))
        if entry.final:
            self.forget(stream)
        return entry.position

    def forget(self, stream: str) -> None:
        """This process writes a stream no more, whether or not its end was written."""
        self._live.pop(stream, None)

    async def finish(self, stream: str, entry: Entry) -> int:
        """Write the last event, however long that takes: somebody was promised it, and until then
        the lease is kept, for a reader would write the end in our place.

        It is tried again as long as the store would have kept it, an hour at most.

        Returns:
            Its position, as `append` does.
        """
        left = min(3600.0, self.ttl or 3600.0)
        while left > 0:
            with suppress(StoreDown):
                return await self.append(stream, entry)
            left -= _RETRY
            await asyncio.sleep(_RETRY)
        _logger.error("The answer of a call was lost: the event store did not come back")
        self.forget(stream)
        return entry.position

    async def aclose(self) -> None:
        """Write no more: what was not finished counts as lost when the lease is over."""
        self._live.clear()
        if self._renewing is not None:
            self._renewing.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewing
            self._renewing = None

    def _renews(self, loop: asyncio.AbstractEventLoop) -> bool:
        renewing = self._renewing
        return renewing is not None and not renewing.done() and renewing.get_loop() is loop

    def writes(self, stream: str) -> bool:
        """Whether this process writes a stream, and it goes on."""
        return stream in self._live

    async def _do(self, work: Awaitable[Any], writes: bool = True) -> Any:
        try:
            result = await work
        except Exception as exc:  # each kind of store has its own
            down = bool(self._down)
            self._down.add(writes)  # apart: a store that is full can be read, and is not back
            if not down:
                _logger.warning(
                    "The event store cannot be reached (%s): streams go on and cannot be resumed "
                    "until it is back",
                    exc.__cause__ or exc,
                )
            raise StoreDown from exc
        if writes in self._down:
            self._down.discard(writes)
            if not self._down:
                _logger.warning("The event store is back")
        return result

    async def _renew(self) -> None:
        """Say that this process lives, while it writes anything, and keep the heads of what it
        writes for as long: a call may be silent for longer than its events are kept."""
        loop = asyncio.get_running_loop()
        while True:
            # Once a store is back, the lease must be too before a reader misses it (`after`).
            await asyncio.sleep(self._lease / (12 if self._down else 3))
            if not self._live:
                return
            with suppress(StoreDown):
                await self._do(self._log.renew(self._writer, self._lease))
                for stream, live in list(self._live.items()):
                    if self.ttl is not None and loop.time() - live.kept > self.ttl / 3:
                        await self._do(self._log.keep(stream, live.head))
                        live.kept = loop.time()

    # reading

    async def after(self, stream: str, position: int) -> AsyncGenerator[Entry | None]:
        """Every event behind a position: those that were, then those that come.

        Args:
            stream: the stream's key.
            position: of the last event the reader has.
        Returns:
            The events; None each time there was nothing for a moment, so that the reader can
            do other things. It ends with the stream's last event.
        Raises:
            UnknownEvent: there is no event at this position, so what follows it is not known;
                or there was, and it has expired before the stream's end was read.
            StoreDown: the store cannot be reached.
        """
        last: Entry | None = await self._do(self._log.at(stream, position), writes=False)
        if last is None:
            raise UnknownEvent(f"{stream}.{position}")
        if last.final:
            yield None
            return
        pause = min(self._log.look, 1.0, self._lease / 4)
        async with self._log.listen(stream) as woken:
            looked = 0.0
            yield None  # the event is known, which the reader may want to tell before more comes
            while True:
                woken.clear()
                entries = await self._do(self._log.after(stream, position), writes=False)
                for entry in entries:
                    position = entry.position
                    yield entry
                    if entry.final:
                        return
                if entries or await is_set_within(woken, pause):
                    continue
                yield None
                looked += pause
                if looked >= self._lease / 2:  # whoever lives has renewed its lease in this time
                    looked = 0.0
                    await self._bury(stream, position)

    async def _bury(self, stream: str, position: int) -> None:
        """End the stream of a writer that died."""
        if stream in self._live:
            return
        head = await self._do(self._log.head(stream), writes=False)
        if head is None:
            raise UnknownEvent(f"{stream}.{position}")
        if await self._do(self._log.lives(head.writer), writes=False):
            return
        if await self._do(self._log.after(stream, position), writes=False):
            return  # it had ended before
        error = encode_error(head.request, McpError(INTERNAL_ERROR, _GONE))
        await self._do(self._log.append(stream, Entry(position + 1, error, True)))

    # FastMCP's face of it

    async def store_event(self, stream_id: str, message: Any = None) -> str:
        """Write an event of a stream that this process alone writes.

        Args:
            stream_id: the stream.
            message: a JSON-RPC message (a pydantic model or bytes), None for a priming event.
        Returns:
            The event's id.
        Raises:
            StoreDown: it could not be written.
        """
        if message is not None and not isinstance(message, bytes):
            message = cast(
                "str", message.model_dump_json(by_alias=True, exclude_none=True)
            ).encode()
        position = self._position(stream_id)
        if position == 0:
            self._count(stream_id, 1 if message is None else 2)
            await self._do(self._log.begin(stream_id, Head("")))
            position = 0 if message is None else 1
        else:
            self._count(stream_id, position + 1)
        if position > 0 and not await self._do(
            self._log.append(stream_id, Entry(position, message))
        ):
            self._next.pop(stream_id, None)  # the log had no room for the stream
            return await self.store_event(stream_id, message)
        return str(EventId(stream_id, position))

    def _position(self, stream: str) -> int:
        """Where its next event goes; a stream that the log keeps no more begins anew."""
        now = time.monotonic()
        while self._next and next(iter(self._next.values()))[1] <= now:
            self._next.popitem(last=False)
        return self._next[stream][0] if stream in self._next else 0

    def _count(self, stream: str, position: int) -> None:
        # A moment after the stream itself, lest it be begun while it is still there.
        ends = math.inf if self.ttl is None else time.monotonic() + self.ttl + 1
        self._next[stream] = position, ends
        self._next.move_to_end(stream)

    async def replay_events_after(
        self, last_event_id: str, send_callback: Callable[[Any], Awaitable[None]]
    ) -> str | None:
        """Send every event behind one, as `(message, event id)` with the message as bytes.

        Returns:
            The stream's id, or None where the event is not known.
        Raises:
            StoreDown: the store cannot be reached.
        """
        cursor = read_event_id(last_event_id)
        if cursor is None or await self._do(self._log.at(*cursor), writes=False) is None:
            return None
        position = cursor.position
        while entries := await self._do(self._log.after(cursor.stream, position), writes=False):
            for entry in entries:
                position = entry.position
                if entry.message is not None:
                    event_id = str(EventId(cursor.stream, position))
                    await send_callback((entry.message, event_id))
        return cursor.stream


def new_stream_name() -> str:
    """A name that no other stream of any session has."""
    return secrets.token_urlsafe(9)
