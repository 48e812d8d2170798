"""A connection that is one pipe for everything: stdio, and the in-memory client.

Messages go out one at a time. A pipe serves both eras at once: a request with a per-request version
in `_meta` is stateless, everything else belongs to the session that `initialize` opened
(2026-07-28, basic/versioning, "Backward Compatibility"). Subscriptions share the pipe with all
the rest, so each reads what changes with a cursor of its own and waits until it may write.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import ClassVar, Final, cast

from fastmcp.exceptions import McpError
from fastmcp.protocol import jsonrpc, meta
from fastmcp.protocol.classify import (
    Call,
    Notice,
    Reply,
    batch_items,
    call_of,
    check_meta,
    classify_message,
)
from fastmcp.protocol.jsonrpc import Malformed, Request, RequestId, encode_error
from fastmcp.protocol.link import Deliver
from fastmcp.protocol.subscriptions import LISTEN, Subscription
from fastmcp.protocol.versions import Era
from fastmcp.server.backplane.feed import Feed, FeedReader, events_of
from fastmcp.server.bus import Bus, Change
from fastmcp.server.engine import Engine
from fastmcp.server.exchange import TransportName
from fastmcp.server.session_keys import SessionKeys
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import Scope
from fastmcp.server.transports.conversation import ChannelExchange, Conversation
from fastmcp.server.transports.limits import BUSY

__all__ = ["MemoryExchange", "PipeConnection", "PipeExchange", "StdioExchange"]

_MOST_SUBSCRIPTIONS: Final = 100
_AGAIN: Final = 5.0
"""Seconds after which a task that could not be told is looked for once more."""
_FAREWELL: Final = 0.5
"""Seconds in which subscriptions that the server ends can be told so."""


class PipeExchange(ChannelExchange):
    """One request's way back through the pipe.

    Args:
        session: whose it is, or None in the stateless era.
        write: takes the messages.
        listening: the subscriptions of this pipe.
    """

    def __init__(self, session: Session | None, write: Deliver, listening: Listening) -> None:
        super().__init__(session, write)
        self._listening = listening
        self.connection = listening.name
        self.closers = listening.closers

    async def listen(self, subscription: Subscription) -> None:
        with self._listening.open() as reader:
            await self._write(subscription.acknowledgement())
            ending = False
            while not ending:
                await reader.wait(_AGAIN if subscription.late else 0)
                ending = self._listening.stopped
                events = events_of(reader.take(), subscription.audience)
                for message in subscription.messages(events):
                    if not isinstance(message, bytes):
                        message = await message
                    if message:
                        await self._write(message)


class StdioExchange(PipeExchange):
    transport: ClassVar[TransportName | None] = "stdio"


class MemoryExchange(PipeExchange):
    transport: ClassVar[TransportName | None] = None


class Listening:
    """The subscriptions of one pipe, and the changes they read.

    Args:
        bus: where changes are published.

    Attributes:
        name: of the pipe, which no other has.
        tasks: that serve them.
        stopped: they shall end.
        closers: called when the pipe ends.
    """

    def __init__(self, bus: Bus) -> None:
        self.name = secrets.token_hex(8)
        self.tasks: set[asyncio.Task[None]] = set()
        self.stopped = False
        self.closers: list[Callable[[], None]] = []
        self._bus = bus
        self._feed = Feed("")
        self._unsubscribe: Callable[[], None] | None = None
        self._readers: set[FeedReader] = set()

    @contextmanager
    def open(self) -> Generator[FeedReader]:
        """Read the changes from now on, while the block runs.

        Raises:
            McpError: there are too many.
        """
        if len(self._readers) >= _MOST_SUBSCRIPTIONS:
            raise McpError(
                BUSY,
                f"Too many subscriptions: this connection holds {_MOST_SUBSCRIPTIONS} open; cancel "
                "some of them first",
            )
        if self._unsubscribe is None:
            self._unsubscribe = self._bus.subscribe(self._feed.append)
        reader = self._feed.open()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            reader.close()
            self._readers.discard(reader)
            if not self._readers:
                self._unsubscribe()
                self._unsubscribe = None

    async def stop(self) -> None:
        """End them all, and let each say so."""
        self.stopped = True
        for reader in self._readers:
            reader.wake()
        if self.tasks:
            await asyncio.wait(list(self.tasks), timeout=_FAREWELL)


class PipeConnection(Conversation):
    """One client at the other end of a pipe.

    Args:
        engine: the server.
        write: is awaited with every outgoing message, one at a time.
        exchange: the kind of exchange its requests get.
    """

    otherwise = f", or name the protocol version in _meta ({meta.PROTOCOL_VERSION})"

    def __init__(self, engine: Engine, write: Deliver, exchange: type[PipeExchange]) -> None:
        super().__init__(engine, set())
        self._rounds = engine.rounds(SessionKeys([secrets.token_bytes(32)]))
        self._deliver = write
        self._exchange = exchange
        self._lock = asyncio.Lock()
        self._unsubscribe: Callable[[], None] | None = None
        self._listening = Listening(engine.bus)
        self._stateless: dict[RequestId, PipeExchange] = {}

    async def receive(self, data: bytes) -> None:
        """Take one message; it returns before the message is answered."""
        try:
            if data.lstrip()[:1] == b"[":
                for item in batch_items(data, self.version):
                    await self.take(item)
            else:
                await self._message(jsonrpc.decode(data))
        except Malformed as exc:
            await self.write(encode_error(exc.id, exc))

    async def drain(self, seconds: float) -> None:
        """Let what is running come to its end, for a time; then end the subscriptions. What
        waits for an answer ends at once: nobody will give one."""
        self._rounds.give_up_waiting()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        await self.stop()

    async def stop(self) -> None:
        """The server ends the subscriptions, and says so to each."""
        await self._listening.stop()

    async def close(self) -> None:
        """The client is gone: stop everything that still runs for it."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        session, self.session = self.session, None  # a change on its way finds nobody
        if session is not None:
            session.close()
        tasks = [*self._tasks, *self._listening.tasks]
        for task in tasks:
            if not task.cancelling():  # twice would break into a handler's cleaning up
                task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        while self._listening.closers:
            self._listening.closers.pop()()

    async def write(self, data: bytes) -> None:
        async with self._lock:
            await self._deliver(data)

    async def _message(self, message: jsonrpc.Message) -> None:
        if isinstance(message, Request):
            params_meta = jsonrpc.as_object(message.params.get("_meta"))
            if params_meta is not None and meta.PROTOCOL_VERSION in params_meta:
                error = check_meta(params_meta)
                if error is not None:
                    await self.write(encode_error(message.id, error))
                    return
                version = cast("str", params_meta[meta.PROTOCOL_VERSION])
                call = call_of(message, Era.STATELESS, version)
                if isinstance(call, Call):
                    self._start_stateless(call)
                return
        await self.take(classify_message(message, self.version))

    async def take(
        self, incoming: Call | Notice | Reply | Malformed, scope: Scope | None = None
    ) -> None:
        if isinstance(incoming, Notice) and incoming.method == "notifications/cancelled":
            id = incoming.params.get("requestId")
            exchange = self._stateless.get(id) if isinstance(id, (int, str)) else None
            if exchange is not None:
                exchange.cancel()
                return
        await super().take(incoming, scope)

    def opened(self, session: Session, scope: Scope | None) -> None:
        if self._unsubscribe is None:
            self._unsubscribe = self._engine.bus.subscribe(self._changed)

    def _changed(self, change: Change) -> None:
        session = self.session
        if session is not None and change.concerns(session):
            self.say(change.notification())

    def exchange(self, session: Session | None, scope: Scope | None) -> PipeExchange:
        return self._exchange(session, self.write, self._listening)

    def _start_stateless(self, call: Call) -> None:
        exchange = self.exchange(None, None)
        exchange.rounds = self._rounds
        self._stateless[call.id] = exchange
        self.start(call, exchange, self._listening.tasks if call.method == LISTEN else self._tasks)

    def ended(self, call: Call, exchange: ChannelExchange) -> None:
        super().ended(call, exchange)
        if self._stateless.get(call.id) is exchange:
            del self._stateless[call.id]
