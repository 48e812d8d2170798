"""Streams that outlive their connection (handshake era, with an event store).

The stream of a call is a log: what is said is written to it first and sent second, with an id
that is a cursor. A connection that breaks, or that the server closes on purpose, ends nothing;
the client comes back with `Last-Event-ID`, on a GET, and hears the rest: what was said meanwhile,
then what is being said (2025-11-25, basic/transports, "Resumability and Redelivery").
While the store cannot be reached a stream goes on for the client that reads it, its events
without ids; the answer of a client that does not is kept until the store is back.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from fastmcp.protocol import sse
from fastmcp.protocol.events import PRIMED_SINCE, EventId
from fastmcp.protocol.headers import Accepts
from fastmcp.protocol.jsonrpc import RequestId
from fastmcp.server.event_store import Entry, EventStore, StoreDown, UnknownEvent, new_stream_name
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import Receive, Scope, Send
from fastmcp.server.transports.event_stream import EventStream
from fastmcp.server.transports.http_exchange import (
    HttpExchange,
    Patience,
    Phase,
    StreamPolicy,
)

__all__ = ["ResumableExchange", "ResumedStream", "stream_key"]


def stream_key(session: Session, stream: str) -> str:
    """Where a stream's log is: an id presented by another session leads nowhere."""
    return f"{hashlib.sha256(session.id.encode()).hexdigest()[:32]}:{stream}"


class ResumableExchange(HttpExchange):
    """The answer to one POST, kept in a log once it has become a stream.

    Args:
        log: the event store.
        request: the JSON-RPC id of the request.
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
        disconnect_cancels: bool,
        log: EventStore,
        request: RequestId,
    ) -> None:
        super().__init__(
            receive, send, scope, session, accepts, policy, patience, disconnect_cancels
        )
        self._log = log
        self._request = request
        self._stream = new_stream_name()
        self._key = stream_key(session, self._stream)
        self._version = session.version
        self._position = 0
        self._logged = False
        self._forgetting: asyncio.TimerHandle | None = None

    @property
    def _unheard(self) -> bool:
        # A client that left before the stream began has no id to come back with.
        return self.gone and not self._logged

    async def _start_stream(self) -> None:
        if self._phase is not Phase.OPEN:
            return
        await super()._start_stream()
        try:
            await self._log.begin(self._key, self._request)
        except StoreDown:
            return  # this stream cannot be resumed
        self._logged = True
        if self._version >= PRIMED_SINCE:
            await self._write(sse.encode(b"", id=self._id(), retry=self._policy.retry))

    async def _frame(self, message: bytes, final: bool) -> bytes:
        if not self._logged:
            return sse.encode(message)
        entry = Entry(self._position + 1, message, final)
        try:
            self._position = await self._log.append(self._key, entry)
        except StoreDown:
            if not final or not self.gone:
                if final:
                    self._log.forget(self._key)  # its reader has the answer, and nobody comes back
                return sse.encode(message)
            self._position = await self._log.finish(self._key, entry)
        return sse.encode(message, id=self._id())

    async def close_stream(self) -> None:
        """End the connection and not the stream, after telling the client when to come back."""
        if not self._may_stream() or self._phase is Phase.DONE or self.gone:
            return
        async with self._exclusive():
            await self._start_stream()
            if not self._logged:
                return
            if self._version >= PRIMED_SINCE and self._policy.retry is not None:
                await self._write(sse.encode(b"", retry=self._policy.retry))
            await self._put({"type": "http.response.body", "body": b""})
            self.gone = True
        self._stop_watching()
        self._left()

    async def accept(self) -> None:
        """Nothing more is said: whoever reads the log, or comes back to it, is told so too."""
        if self._logged:
            with suppress(StoreDown):  # its events expire
                await self._log.append(self._key, Entry(self._position + 1, None, True))
            self._log.forget(self._key)
        await super().accept()

    def drop(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
        super().drop()

    def _left(self) -> None:
        """What was asked can still be answered: the client may come back and hear the question.
        As long as the log remembers it; then nobody can."""
        if self._log.ttl is not None and self._logged:
            self._forgetting = asyncio.get_running_loop().call_later(
                self._log.ttl, self.lose, "The client did not come back for this question"
            )
        elif not self._logged:
            super()._left()

    def _id(self) -> str:
        return str(EventId(self._stream, self._position))


class ResumedStream(EventStream):
    """The rest of a call's stream, for a client that came back.

    Args:
        session: whose stream it must be.
        log: the event store.
        cursor: the last event that the client has.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        policy: StreamPolicy,
        session: Session,
        log: EventStore,
        cursor: EventId,
    ) -> None:
        super().__init__(receive, send, policy)
        self._log = log
        self._cursor = cursor
        self._key = stream_key(session, cursor.stream)
        self._entries = log.after(self._key, cursor.position)

    async def find(self) -> None:
        """Look for the event, before the response begins.

        Raises:
            UnknownEvent: there is none, or its stream is another session's.
            StoreDown: the store cannot be reached.
        """
        await anext(self._entries)

    def stop(self) -> None:
        # A call that runs here has its time to end, and its stream ends with it.
        if not self._log.writes(self._key):
            super().stop()

    async def frames(self) -> AsyncGenerator[bytes | None]:
        yield sse.KEEPALIVE
        async with aclosing(self._entries) as entries:
            try:
                async for entry in entries:
                    if entry is None:
                        yield None
                    elif entry.message is not None:
                        id = str(EventId(self._cursor.stream, entry.position))
                        yield sse.encode(entry.message, id=id)
                    if self.closed:
                        return
            except StoreDown:
                self._comes_back = True
            except UnknownEvent:  # it expired meanwhile; the client may ask again, and learn so
                return
