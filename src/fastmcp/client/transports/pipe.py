"""A channel over one ordered stream in each direction: stdio, and the in-process link.

Responses find their caller by id. What the server says of its own accord is handled in order by
one worker task, so that a slow handler delays later notifications and nothing else; a response
is given to its caller only when the notifications that came before it have been handled, so
that progress and log messages of a call are heard before it returns. Of a server that says more
than its client hears, no more is read until the client has caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Final

from fastmcp.client.channel import Handshaken, Outgoing, Receiver
from fastmcp.client.errors import ConnectionClosedError
from fastmcp.client.transports.second_reading import read
from fastmcp.protocol.jsonrpc import (
    Malformed,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    encode_notification,
)
from fastmcp.utilities.spawning import is_cancelled

__all__ = ["PipeChannel"]

logger = logging.getLogger("fastmcp.client")

_in_handler: ContextVar[bool] = ContextVar("fastmcp_client_in_handler", default=False)
"""Set in the worker: a call that a notification handler makes must not wait for that handler."""

_MANY: Final = 1000
"""Notifications that wait to be heard before reading pauses; at half of it reading goes on."""


class PipeChannel:
    """One open connection over a pair of pipes.

    Args:
        write: sends one message; it returns when the message was taken.
        read: False pauses reading, True goes on; None where that is not possible.
    """

    is_pipe = True
    address: tuple[str, int] | None = None

    def __init__(
        self,
        write: Callable[[bytes], Awaitable[None]],
        read: Callable[[bool], None] | None = None,
    ) -> None:
        self.closed: Exception | None = None
        self._why = ""
        self.last_id = 0
        self.handshaken: Handshaken | None = None
        self._write = write
        self._read = read
        self._reading = True
        self._noise = False
        self._asked_in_handlers = 0
        self._receiver: Receiver | None = None
        self._pending: dict[RequestId, asyncio.Future[tuple[Response, int]]] = {}
        self._unheard: deque[Awaitable[None]] = deque()
        self._queued = 0
        self._heard = 0
        self._worker: asyncio.Task[None] | None = None
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def attach(self, receiver: Receiver | None) -> None:
        """Say who hears the server from now on; None cancels the handlers that still run."""
        self._receiver = receiver
        if receiver is None:
            self._hear_no_more()

    async def opened(self, version: str) -> None:
        """Nothing to open: the server may speak at any time."""

    def session_id(self) -> str | None:
        """A pipe is its own session and needs no id."""
        return None

    async def request(self, outgoing: Outgoing) -> Response:
        """Send a request and wait for its response."""
        if self.closed is not None:
            raise ConnectionClosedError(self._why)
        future: asyncio.Future[tuple[Response, int]] = asyncio.get_running_loop().create_future()
        self._pending[outgoing.id] = future
        in_handler = _in_handler.get()
        self._asked_in_handlers += in_handler
        self._pace()
        try:
            await self._write(outgoing.body)
            response, mark = await future
        finally:
            self._pending.pop(outgoing.id, None)
            if future.done() and not future.cancelled():
                future.exception()  # of a connection that ended while this was being written
            self._asked_in_handlers -= in_handler
        if self._heard < mark and not in_handler:
            caught_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((mark, caught_up))
            await caught_up
        return response

    async def send(self, body: bytes, version: str | None) -> None:
        """Send a notification or a response."""
        if self.closed is not None:
            raise ConnectionClosedError(self._why)
        await self._write(body)

    def feed(self, data: bytes, *, last: bool = False) -> bool:
        """Take one message of the server (or a batch, which 2025-03-26 has).

        Args:
            data: its text.
            last: whether the stream ended with it. What cannot be read then was cut off, and that
                the server went away says more.
        Returns:
            whether there was a message in it.
        """
        taken = [self._take(message, data) for message in read(data, again=not last)]
        return any(taken)

    def _take(self, message: Message | Malformed, data: bytes) -> bool:
        if isinstance(message, Response):
            self._resolve(message)
        elif isinstance(message, Notification):
            if self._receiver is not None:
                work = self._receiver.on_notification(message)
                if work is not None:
                    self._hear_later(work)
        elif isinstance(message, Request):
            if self._receiver is not None:
                self._receiver.on_request(message)
        else:  # a word of the server's to people, such as "[INFO] ready"
            self._report(data)
            if self._receiver is not None:
                self._receiver.on_exception(message)
            return False
        return True

    def _report(self, noise: bytes) -> None:
        """Say once that the server writes what does not belong here; it may do so all day."""
        level = logging.DEBUG if self._noise else logging.WARNING
        logger.log(level, "The server sent what is no MCP message: %.200r", noise)
        if not self._noise:
            self._noise = True
            logger.warning(
                "What else it sends that is none is not reported (stdout is for "
                "messages; a server logs to stderr)."
            )

    def _resolve(self, response: Response) -> None:
        id = response.id
        future = self._pending.get(id) if id is not None else None
        if future is None and isinstance(id, str) and id.isdecimal():
            future = self._pending.get(int(id))  # servers exist that turn ids into strings
        if future is None and id is None and len(self._pending) == 1:
            # The server could not read the id; it can only mean the one request there is.
            future = next(iter(self._pending.values()))
        if future is not None and not future.done():
            future.set_result((response, self._queued))

    def _hear_later(self, work: Awaitable[None]) -> None:
        self._unheard.append(work)
        self._queued += 1
        self._pace()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        _in_handler.set(True)
        worker = asyncio.current_task()
        while self._unheard:
            try:
                await self._unheard.popleft()
            except (Exception, asyncio.CancelledError) as exc:
                # What a handler raises is the handler's; only whoever cancels the worker ends it.
                if is_cancelled(exc):
                    raise
                logger.exception("What the server told could not be heard")
            finally:
                if self._worker is worker:
                    self._heard += 1
                    self._wake()
                    self._pace()
        self._worker = None

    def _pace(self) -> None:
        """Pause reading, or go on: what a handler asks must be read, however much waits."""
        if self._read is None:
            return
        limit = _MANY if self._reading else _MANY // 2
        reading = len(self._unheard) < limit or self._asked_in_handlers > 0
        if reading != self._reading:
            self._reading = reading
            self._read(reading)

    def _wake(self) -> None:
        if not self._waiting:
            return
        later: list[tuple[int, asyncio.Future[None]]] = []
        for mark, future in self._waiting:
            if mark > self._heard:
                later.append((mark, future))
            elif not future.done():
                future.set_result(None)
        self._waiting = later

    def end(self, why: str) -> None:
        """The connection is over: everybody who waits learns it."""
        if self.closed is None:
            self.closed = ConnectionClosedError(why)
            self.fail(why)

    def fail(self, why: str) -> None:
        """Nobody who waits now will get an answer."""
        self._why = why
        for future in self._pending.values():
            if not future.done():
                future.set_exception(ConnectionClosedError(why))
        if self._receiver is not None:
            self._receiver.on_exception(ConnectionClosedError(why))

    def following(self) -> PipeChannel:
        """The same connection for the next stay: what is asked in this one is not answered there,
        and no id is used twice."""
        other = PipeChannel(self._write, self._read)
        other.last_id, other.handshaken, other._noise = self.last_id, self.handshaken, self._noise
        return other

    def cancellations(self) -> list[bytes]:
        """What tells the server that nobody waits for its answers any more."""
        method, reason = "notifications/cancelled", "the client left"
        return [
            encode_notification(method, {"requestId": id, "reason": reason})
            for id, future in self._pending.items()
            if not future.done()
        ]

    async def finish(self) -> None:
        """End the worker. Handlers that still run are cancelled."""
        self.end("the client left")
        worker = self._hear_no_more()
        if worker is not None:
            await asyncio.wait([worker])

    def _hear_no_more(self) -> asyncio.Task[None] | None:
        """Forget what was not heard. Returns the worker, cancelled, where it was at work."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
        while self._unheard:
            work = self._unheard.popleft()
            close = getattr(work, "close", None)
            if close is not None:
                close()
        self._heard = self._queued
        self._wake()
        self._pace()
        return worker
