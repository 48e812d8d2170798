"""Streams that outlive their connection (handshake era, with an event store).

The stream of a call is a log: what is said is written to it first and sent second, with an id
that is a cursor. A connection that breaks, or that the server closes on purpose, ends nothing;
the client comes back with `Last-Event-ID`, on a GET, and hears the rest: what was said meanwhile,
then what is being said (2025-11-25, basic/transports, "Resumability and Redelivery").
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import Final

from fastmcp.protocol import sse
from fastmcp.protocol.events import EventId
from fastmcp.protocol.headers import Accepts
from fastmcp.server.event_store import Entry, EventStore, new_stream_name
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import Receive, Scope, Send
from fastmcp.server.transports.http_exchange import (
    SSE_HEADERS,
    HttpExchange,
    Patience,
    Phase,
    StreamPolicy,
    watch_disconnect,
)

__all__ = ["ResumableExchange", "resume", "stream_key"]

_PRIMED_SINCE: Final = "2025-11-25"
"""Older clients take an event without data for a message."""


def stream_key(session: Session, stream: str) -> str:
    """Where a stream's log is: an id presented by another session leads nowhere."""
    return f"{hashlib.sha256(session.id.encode()).hexdigest()[:32]}:{stream}"


class ResumableExchange(HttpExchange):
    """The answer to one POST, kept in a log once it has become a stream.

    Args:
        log: the event store.
        retry: milliseconds after which the client shall come back, or None for its own choice.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        scope: Scope,
        session: Session,
        accepts: Accepts,
        policy: StreamPolicy,
        patience: Patience,
        log: EventStore,
        retry: int | None,
    ) -> None:
        super().__init__(
            receive, send, scope, session, accepts, policy, patience, disconnect_cancels=False
        )
        self._log = log
        self._retry = retry
        self._stream = new_stream_name()
        self._key = stream_key(session, self._stream)
        self._version = session.version
        self._position = 0
        self._forgetting: asyncio.TimerHandle | None = None

    @property
    def _unheard(self) -> bool:
        # A client that left before the stream began has no id to come back with.
        return self.gone and self._phase is Phase.OPEN

    async def _start_stream(self) -> None:
        if self._phase is not Phase.OPEN:
            return
        await super()._start_stream()
        await self._log.append(self._key, Entry(0, None))
        if self._version >= _PRIMED_SINCE:
            await self._write(sse.encode(b"", id=self._id(), retry=self._retry))

    async def _frame(self, message: bytes, final: bool) -> bytes:
        self._position += 1
        await self._log.append(self._key, Entry(self._position, message, final))
        return sse.encode(message, id=self._id())

    async def close_stream(self) -> None:
        """End the connection and not the stream, after telling the client when to come back."""
        if not self._may_stream() or self._phase is Phase.DONE or self.gone:
            return
        async with self._exclusive():
            await self._start_stream()
            if self._version >= _PRIMED_SINCE and self._retry is not None:
                await self._write(sse.encode(b"", retry=self._retry))
            await self._put({"type": "http.response.body", "body": b""})
            self.gone = True
        self._stop_watching()
        self._left()

    def drop(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
        super().drop()

    def _left(self) -> None:
        """What was asked can still be answered: the client may come back and hear the question.
        As long as the log remembers it; then nobody can."""
        if self._log.ttl is not None:
            self._forgetting = asyncio.get_running_loop().call_later(
                self._log.ttl, self.lose, "The client did not come back for this question"
            )

    def _id(self) -> str:
        return str(EventId(self._stream, self._position))


async def resume(
    log: EventStore, session: Session, cursor: EventId, receive: Receive, send: Send, silence: float
) -> None:
    """Send what follows an event, until the stream's end or the client's leaving.

    Args:
        log: the event store.
        session: whose stream it must be.
        cursor: the last event that the client has.
        receive: the ASGI channel.
        send: the ASGI channel.
        silence: seconds between comments on a silent stream, 0 for none.
    Raises:
        UnknownEvent: before anything is sent.
    """
    loop = asyncio.get_running_loop()
    async with aclosing(log.after(stream_key(session, cursor.stream), cursor.position)) as entries:
        entry = await anext(entries)  # raises before the response begins
        watcher = loop.create_task(watch_disconnect(receive, 0))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
            spoken = loop.time()
            await _say(send, sse.KEEPALIVE)
            while not watcher.done():
                if entry is not None and entry.message is not None:
                    id = str(EventId(cursor.stream, entry.position))
                    await _say(send, sse.encode(entry.message, id=id))
                    spoken = loop.time()
                elif silence and loop.time() - spoken >= silence:
                    await _say(send, sse.KEEPALIVE)
                    spoken = loop.time()
                if entry is not None and entry.final:
                    break
                entry = await anext(entries)
            await send({"type": "http.response.body", "body": b""})
        except OSError:  # some servers fail a send to a client that left
            return
        finally:
            watcher.cancel()


async def _say(send: Send, frame: bytes) -> None:
    await send({"type": "http.response.body", "body": frame, "more_body": True})
