"""The handshake era on a channel that carries everything: a pipe, or the stream of HTTP+SSE.

One channel is one session: `initialize` opens it, and what was asked before is refused. Each
request runs in a task of its own, because one channel carries all answers.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from abc import ABC, abstractmethod
from typing import ClassVar, Final

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Call, Notice, Reply
from fastmcp.protocol.era2025 import read_initialize
from fastmcp.protocol.errors import INVALID_REQUEST
from fastmcp.protocol.jsonrpc import Malformed, RequestId, encode_error
from fastmcp.protocol.link import Deliver
from fastmcp.protocol.versions import LATEST_HANDSHAKE
from fastmcp.server.engine import Engine
from fastmcp.server.exchange import Exchange
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import Scope
from fastmcp.utilities.spawning import spawn

__all__ = ["ChannelExchange", "Conversation"]

_logger: Final = logging.getLogger("fastmcp.server.conversation")
_BEFORE_INITIALIZE: Final = frozenset({"initialize", "ping"})


class ChannelExchange(Exchange):
    """One request's way back through a channel.

    Args:
        session: whose it is, or None in the stateless era.
        write: takes the messages.
        scope: the ASGI scope of the HTTP request that brought it, or None.
    """

    def __init__(self, session: Session | None, write: Deliver, scope: Scope | None = None) -> None:
        super().__init__(session, scope)
        self._write = write
        self._finished = False

    async def emit(self, message: bytes) -> bool:
        if self.cancelled or self._finished:
            return False
        await self._write(message)
        return True

    async def finish(self, payload: bytes, status: int = 200) -> None:
        self.task = None  # the request is answered; there is nothing of it to cancel
        self._finished = True
        await self._write(payload)


class _OwnStream:
    """The session's own stream, which here is the channel: open as long as that is."""

    def __init__(self, channel: Conversation) -> None:
        self._channel = channel

    def put(self, message: bytes) -> None:
        self._channel.say(message)

    def close(self) -> None:
        """It ends with the channel."""

    def stop(self) -> None:
        """There is nothing to come back to."""


class Conversation(ABC):
    """One client at the other end of a channel.

    Args:
        engine: the server.
        tasks: hold the requests that run.

    Attributes:
        session: what `initialize` opened, or None.
        otherwise: what a client can do that does not want to initialize.
    """

    otherwise: ClassVar[str] = ""

    def __init__(self, engine: Engine, tasks: set[asyncio.Task[None]]) -> None:
        self.session: Session | None = None
        self._engine = engine
        self._tasks = tasks

    @property
    def version(self) -> str:
        """The version spoken; before it is negotiated, the one that is offered."""
        return self.session.version if self.session is not None else LATEST_HANDSHAKE

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send one message."""

    async def refuse(self, id: RequestId | None, error: McpError) -> None:
        """Answer a message that is not served."""
        await self.write(encode_error(id, error))

    def say(self, message: bytes) -> None:
        """Send a message that nobody waits for."""
        spawn(self.write(message), self._tasks)

    @abstractmethod
    def exchange(self, session: Session | None, scope: Scope | None) -> ChannelExchange:
        """The way back of a request."""

    @abstractmethod
    def opened(self, session: Session, scope: Scope | None) -> None:
        """A client has initialized."""

    async def take(
        self, incoming: Call | Notice | Reply | Malformed, scope: Scope | None = None
    ) -> None:
        """Take one message; it returns before a request is answered.

        Args:
            incoming: the message.
            scope: the ASGI scope of the HTTP request that brought it, or None.
        """
        if isinstance(incoming, Malformed):
            await self.refuse(incoming.id, incoming)
        elif isinstance(incoming, Reply):
            if self.session is None or not self.session.answer(incoming.response):
                _logger.debug("an answer to %r that nobody waits for", incoming.response.id)
        elif isinstance(incoming, Notice):
            await self._engine.notice(incoming, self.exchange(self.session, scope))
        else:
            await self._call(incoming, scope)

    async def _call(self, call: Call, scope: Scope | None) -> None:
        if call.method == "initialize":
            try:
                version, info, capabilities = read_initialize(call.params)
            except McpError as exc:
                await self.refuse(call.id, exc)
                return
            if self.session is not None:
                self.session.close()
            self.session = Session(secrets.token_urlsafe(16), version, info, capabilities)
            self.session.stream = _OwnStream(self)
            self.opened(self.session, scope)
            call.version = version
        elif self.session is None and call.method not in _BEFORE_INITIALIZE:
            message = f"Invalid request: not initialized; send initialize first{self.otherwise}"
            await self.refuse(call.id, McpError(INVALID_REQUEST, message))
            return
        exchange = self.exchange(self.session, scope)
        if self.session is not None:
            self.session.begin(call.id, exchange)
        self.start(call, exchange, self._tasks)

    def start(
        self, call: Call, exchange: ChannelExchange, held: set[asyncio.Task[None]]
    ) -> asyncio.Task[None]:
        """Serve a request in a task.

        Args:
            call: the request.
            exchange: its way back.
            held: holds the task.
        """
        exchange.task = task = asyncio.get_running_loop().create_task(self.serve(call, exchange))
        held.add(task)

        # Not in `serve`: a task that is cancelled before its first step runs none of it. And one
        # callback for both, because the loop takes a turn for each.
        def over(task: asyncio.Task[None]) -> None:
            held.discard(task)
            self.ended(call, exchange)

        task.add_done_callback(over)
        return task

    async def serve(self, call: Call, exchange: ChannelExchange) -> None:
        """Answer a request."""
        try:
            payload, _ = await self._engine.handle(call, exchange)
        except asyncio.CancelledError:
            if not exchange.cancelled:
                raise
            return
        if payload and not exchange.cancelled:
            await exchange.finish(payload)

    def ended(self, call: Call, exchange: ChannelExchange) -> None:
        """The request is answered, or given up."""
        if exchange.session is not None:
            exchange.session.end(exchange)
