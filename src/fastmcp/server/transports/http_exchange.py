"""One POST's answer: it becomes JSON or an event stream as late as can be.

A call that is done before it has said anything is answered as `application/json`. The first
notification, the first request to the client, or a short delay turns the answer into an SSE
stream with keep-alive comments, which no proxy buffers or cuts for being silent. Both forms
are always allowed (specification, basic/transports, "Sending Messages").

Everything is written from the task that runs the handler, straight to ASGI's `send`. Only a
call that suspends for longer than the delay gets a second task: it watches for the client's
disconnect and writes the keep-alives.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum
from typing import Any, ClassVar, Final

import msgspec

from fastmcp.protocol import sse
from fastmcp.protocol.headers import Accepts
from fastmcp.server.exchange import Exchange, TransportName
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import JSON_HEADERS, Headers, Receive, Scope, Send

__all__ = [
    "NOTICED_WITHIN",
    "SSE_HEADERS",
    "HttpExchange",
    "Patience",
    "Phase",
    "StreamPolicy",
    "until_hung_up",
    "watch_disconnect",
]

SSE_HEADERS: Final[Headers] = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]


NOTICED_WITHIN: Final = 0.25
"""Seconds after which a call gets the task that sees its client leave, if none makes it earlier."""
_LATE: Final = 5.0
"""Seconds by which a busy server may be late with hanging up."""


class StreamPolicy(msgspec.Struct, frozen=True):
    """When an answer becomes a stream, and how a stream is kept.

    Attributes:
        json_only: never.
        after: seconds of silence after which a running call turns into one.
        keepalive: seconds between comments on a silent stream; 0 for none.
        write_timeout: seconds that a client may not read before its stream is given up; 0 for
            no limit.
        lifetime: seconds after which a GET's stream ends and the client shall come back; 0 for
            never.
        retry: milliseconds after which a client shall come back to a stream that ended or broke,
            or None for its own choice.
    """

    json_only: bool = False
    after: float = 0.1
    keepalive: float = 15.0
    write_timeout: float = 30.0
    lifetime: float = 3600.0
    retry: int | None = None


class Patience:
    """Notices calls that suspend, at the cost of one set operation a call.

    A timer for each call would cost more than the call. Instead the calls of the current and
    of the previous interval are kept in two sets, and one timer a loop, running only while a
    call does, looks after the older set: what is still in it has been running for one interval
    at least and two at most.

    Args:
        interval: seconds.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._young: set[HttpExchange] = set()
        self._old: set[HttpExchange] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, exchange: HttpExchange) -> set[HttpExchange]:
        """Take a call that begins. It leaves by being discarded from the set this returns."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # the first call, or the loop of earlier ones is gone
            self._loop = loop
            self._young, self._old = set(), set()
            loop.call_later(self.interval, self._look, loop)
        young = self._young
        young.add(exchange)
        return young

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            return
        for exchange in self._old:
            exchange.suspended()
        self._old, self._young = self._young, set()
        if self._old:
            loop.call_later(self.interval, self._look, loop)
        else:
            self._loop = None


class Phase(Enum):
    """How far an answer is."""

    OPEN = 0
    STREAM = 1
    DONE = 2


async def watch_disconnect(receive: Receive, interval: float) -> bool:
    """Wait for the client to leave, at most `interval` seconds (0: for ever).

    Returns:
        True when it left, False when the time is over.
    """
    try:
        async with asyncio.timeout(interval or None):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def until_hung_up(receive: Receive, policy: StreamPolicy) -> None:
    """Wait until a client that does not read has been hung up on (`transports/held`): its response
    cannot be completed, and of one that is given up before that servers complain."""
    await watch_disconnect(receive, 2 * policy.write_timeout + _LATE)


class HttpExchange(Exchange):
    """The answer to one POST.

    Args:
        receive: the ASGI channel; after the body it tells of the disconnect alone.
        send: the ASGI channel.
        scope: the ASGI scope.
        session: the handshake-era session, or None.
        accepts: the response forms the client can read.
        policy: when to stream.
        patience: notices when the call suspends.
        disconnect_cancels: whether a client that leaves takes its request back: it does in the
            stateless era (2026-07-28, streamable-http, "Cancellation"), and it does not in the
            handshake era (2025-11-25, basic/transports, "Sending Messages", 6), unless server or
            tool say that it does.
    """

    transport: ClassVar[TransportName | None] = "streamable-http"
    # Defaults of the class, not assignments per call: most calls change none of them.
    gone = False
    _unread = False
    _phase = Phase.OPEN
    _headers: Headers | None = None
    _lock: asyncio.Lock | None = None
    _waited: set[HttpExchange] | None = None
    _watcher: asyncio.Task[None] | None = None

    def __init__(
        self,
        receive: Receive,
        send: Send,
        scope: Scope,
        session: Session | None,
        accepts: Accepts,
        policy: StreamPolicy,
        patience: Patience,
        disconnect_cancels: bool,
    ) -> None:
        self.session = session
        self.scope = scope
        self._receive = receive
        self._send = send
        self._accepts = accepts
        self._policy = policy
        self._patience = patience
        self.disconnect_cancels = disconnect_cancels

    def begin(self, task: asyncio.Task[Any]) -> None:
        """The handler starts now, in this task, which is the current one."""
        self.task = task
        self._waited = self._patience.watch(self)

    def suspended(self) -> None:
        """The call has been running for a while and goes on."""
        self._waited = None
        self._watch()

    def add_header(self, name: bytes, value: bytes) -> None:
        """A header of the response, while it has not begun."""
        self._headers = [*(self._headers or ()), (name, value)]

    def _may_stream(self) -> bool:
        return self._accepts.sse and not (self._policy.json_only and self._accepts.json)

    async def emit(self, message: bytes) -> bool:
        if not self._may_stream() or self._phase is Phase.DONE or self.cancelled or self._unheard:
            return False
        async with self._exclusive():
            await self._start_stream()
            await self._write(await self._frame(message, final=False))
        self._watch()
        return not self._unheard

    async def tell(self, message: bytes) -> None:
        """On this stream; where the answer is JSON alone, on the session's own stream if there
        is one (2025-11-25, basic/transports, "Listening for Messages from the Server", 4, lets
        what belongs to no request be there; a client that wants more must take event streams)."""
        if not await self.emit(message) and self.session is not None and not self._may_stream():
            await self.session.say(message)

    @property
    def _unheard(self) -> bool:
        """Whether nobody will ever hear what is said now."""
        return self.gone

    async def _frame(self, message: bytes, final: bool) -> bytes:
        """One message as an event."""
        return sse.encode(message)

    async def finish(self, payload: bytes, status: int = 200) -> None:
        """Send the response and end the exchange."""
        if self._waited is not None:
            self._waited.discard(self)
        self.task = None  # the handler is done: a client that leaves now cancels nothing
        if self._phase is Phase.OPEN and self._watcher is None and self._accepts.json:
            self._phase = Phase.DONE
            headers = [*JSON_HEADERS, (b"content-length", b"%d" % len(payload))]
            if self._headers is not None:
                headers += self._headers
            try:
                await self._send(
                    {"type": "http.response.start", "status": status, "headers": headers}
                )
                await self._send({"type": "http.response.body", "body": payload})
            except OSError:  # see _put
                self.gone = True
            return
        await self._finish_late(payload, status)

    async def _finish_late(self, payload: bytes, status: int) -> None:
        try:
            async with self._exclusive():
                if self._phase is Phase.OPEN and (self._accepts.json or status != 200):
                    self._phase = Phase.DONE
                    await self._plain(status, payload)
                else:
                    await self._start_stream()
                    await self._write(await self._frame(payload, final=True))
                    await self._end()
        finally:
            self.drop()

    def drop(self) -> None:
        """Forget the exchange: nothing of it may live longer than its request."""
        if self._waited is not None:
            self._waited.discard(self)
        self._stop_watching()

    async def abandon(self) -> None:
        """End a request that was taken back: nothing is said for it any more."""
        self.task = None
        with suppress(asyncio.CancelledError):  # of a handler that awaited nothing since
            await asyncio.sleep(0)
        if self._may_stream():
            async with self._exclusive():
                await self._start_stream()
        await self.accept()

    async def accept(self) -> None:
        """There was nothing to answer: 202 without a body."""
        try:
            async with self._exclusive():
                if self._phase is Phase.OPEN:
                    self._phase = Phase.DONE
                    await self._plain(202, b"")
                else:
                    await self._end()
        finally:
            self.drop()

    def _exclusive(self) -> asyncio.Lock:
        """Handler, its concurrent parts and the watcher write one at a time."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock

    def withdraw_headers(self) -> None:
        """The request failed: nothing it was to be given goes out, if it did not already."""
        self._headers = None

    async def _start_stream(self) -> None:
        if self._phase is not Phase.OPEN:
            return
        self._phase = Phase.STREAM
        await self._put(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*SSE_HEADERS, *(self._headers or ())],
            }
        )

    async def _write(self, frame: bytes) -> None:
        if self._phase is Phase.STREAM:
            try:
                # A client that does not read fills its buffers, and then a send waits for it.
                async with asyncio.timeout(self._policy.write_timeout or None):
                    await self._put(
                        {"type": "http.response.body", "body": frame, "more_body": True}
                    )
            except TimeoutError:
                self._unread = True
                self._lost()

    async def _end(self) -> None:
        if self._phase is Phase.STREAM:
            self._phase = Phase.DONE
            if self._unread:
                await until_hung_up(self._receive, self._policy)
            await self._put({"type": "http.response.body", "body": b""})

    async def _plain(self, status: int, body: bytes) -> None:
        headers = [
            *(JSON_HEADERS if body else []),
            (b"content-length", b"%d" % len(body)),
            *(self._headers or ()),
        ]
        await self._put({"type": "http.response.start", "status": status, "headers": headers})
        await self._put({"type": "http.response.body", "body": body})

    async def _put(self, message: dict[str, Any]) -> None:
        """Some servers fail a send to a client that left; the handler must not feel it."""
        if self.gone:
            return
        try:
            await self._send(message)
        except OSError:
            self._lost()

    def _watch(self) -> None:
        """Arm the second task: the call suspends, or its stream has begun."""
        if self._watcher is None and self._phase is not Phase.DONE and not self.gone:
            self._watcher = asyncio.get_running_loop().create_task(self._attend())

    async def _attend(self) -> None:
        if self._may_stream() and self._phase is Phase.OPEN:
            patience = self._policy.after - self._patience.interval
            if patience > 0 and await watch_disconnect(self._receive, patience):
                self._lost()
                return
            async with self._exclusive():
                await self._start_stream()
                await self._write(sse.KEEPALIVE)
        while not await watch_disconnect(self._receive, self._policy.keepalive):
            if self._phase is Phase.STREAM:
                async with self._exclusive():
                    await self._write(sse.KEEPALIVE)
        self._lost()

    def _lost(self) -> None:
        if self.gone or self._phase is Phase.DONE:
            return
        self.gone = True
        cancels = self.disconnect_cancels
        if self.on_disconnect is not None:
            cancels = self.on_disconnect == "cancel"
        if cancels:
            self.cancel()
        else:
            self._left()

    def _left(self) -> None:
        """The client is gone and did not take its request back: the handler goes on."""
        self.lose("The client closed the stream that this question was asked on")

    def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
