"""HTTP+SSE, the transport of 2024-11-05: one stream down, and a POST for each message up.

A GET opens the stream, and with it a session; its first event says where to post. Every answer,
question and notification of the session is an event of that stream, so a stream is a pipe with
its other half bent round: what holds for a pipe holds here (`conversation`), and what holds for
long streams does too (`feed_stream`): comments break the silence, changes are read from the feed,
a client that does not read is given up, and the server's stop ends it when what runs was answered.

What HTTP adds: each message has a header of its own, which its handler sees; a POST is answered 202
when its message was taken, and says why when it was not; and it may come to another worker than
the one that holds the stream (`sse_messages`). The session's id is signed and says which worker
that is. The session lives there alone and ends with its stream; a client opens another.

A POST never waits for the stream. Many clients of that time take a refused POST for the end of
everything, so a request that is not served is answered on the stream, where its client waits; but
so much of that waits to be written and no more, and then the POST itself is refused.

A call whose client leaves goes on or is cancelled as `on_disconnect` says; its answer is lost.
So many streams are open and no more, and one whose client never initializes ends.
Versions of the handshake era are negotiated, and no other: what a stateless request says of itself
is not looked at. Every response says that the transport is deprecated, and what succeeds it
(RFC 9745; RFC 5829, section 3.4).
Source: 2024-11-05, basic/transports, "HTTP with SSE".
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Iterator, MutableMapping, Sized
from typing import Any, ClassVar, Final, cast
from urllib.parse import quote, unquote

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol import jsonrpc, sse
from fastmcp.protocol.classify import (
    Call,
    Notice,
    Reject,
    Reply,
    batch_items,
    classify_message,
)
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.protocol.headers import accepts
from fastmcp.protocol.jsonrpc import Malformed, RequestId, deeper_than, encode_error
from fastmcp.protocol.session_token import StreamClaims, issue
from fastmcp.server.access import owner_of
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.bus import Change
from fastmcp.server.engine import Engine
from fastmcp.server.exchange import TransportName
from fastmcp.server.session_keys import SessionKeys
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import Headers, Receive, Scope, Send
from fastmcp.server.transports.conversation import ChannelExchange, Conversation
from fastmcp.server.transports.door import Door, leased, refuse, reject
from fastmcp.server.transports.event_stream import RETRY
from fastmcp.server.transports.feed_stream import FeedStream
from fastmcp.server.transports.http_exchange import StreamPolicy
from fastmcp.server.transports.legacy_use import LegacyUse
from fastmcp.server.transports.limits import Limits
from fastmcp.server.transports.shutdown import Grace, stopped
from fastmcp.server.transports.standalone import everything
from fastmcp.utilities.spawning import spawn

__all__ = ["Marks", "SseEndpoint", "SsePaths", "SseStreams"]

_DEPRECATED_SINCE: Final = b"@1742947200"
"""2025-03-26, the day of the revision that replaced it (RFC 9745, section 2.1)."""
_PREFIX: Final = re.compile(r"(/[^/]+)+/?")
_NO_ANSWER: Final = "The server stops, and waits for no answer of the client any more"
_UNREAD: Final = 64 * 1024
"""Bytes of refusals that wait at most for a client to read its stream."""


class SsePaths(msgspec.Struct, frozen=True):
    """Where it is served.

    Attributes:
        stream: a GET opens a stream.
        messages: messages are posted to.
    """

    stream: str
    messages: str


class Marks:
    """What every response of this transport says in its header.

    Args:
        successor: the path of the endpoint that is to be used instead, or None.
    """

    def __init__(self, successor: str | None) -> None:
        self.successor = successor

    def put(self, scope: Scope, send: Send) -> Send:
        """A `send` that puts them there."""
        marks: Headers = [(b"deprecation", _DEPRECATED_SINCE)]
        if self.successor is not None:
            uri = quote(base_path(scope) + self.successor)
            marks.append((b"link", f'<{uri}>; rel="successor-version"'.encode()))

        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *marks]}
            await send(message)

        return marked


def base_path(scope: Scope) -> str:
    """What stands before the application's own paths: its mounts, and what a proxy took away.

    The proxy's word, a path as it stands in an address, is believed: it changes nothing but the
    answer to whoever gave it. Of another host it must not speak, as `//host` would.
    """
    root = cast("str", scope.get("root_path", "")).rstrip("/")
    forwarded = dict(cast("Headers", scope["headers"])).get(b"x-forwarded-prefix", b"").strip()
    prefix = unquote(forwarded.decode("latin-1"))
    if _PREFIX.fullmatch(prefix):
        prefix = prefix.rstrip("/")
        if root != prefix and not root.startswith(prefix + "/"):
            return prefix + root
    return root


class SseStream(FeedStream):
    """The stream of one session.

    Args:
        receive: the ASGI channel.
        send: the ASGI channel.
        policy: pauses and limits.
        workers: whose changes are told.
        endpoint: where its messages are posted.
        grace: the time that running calls have when the server stops.
        initialize_within: seconds after which a stream without a session ends; 0 for never.

    Attributes:
        session: that is told of changes; None before `initialize`.
        tasks: the calls that run, which the stream waits for when the server stops.
        exchanges: their ways back.
        stopping: the server stops.
        over: nothing can be said any more.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        policy: StreamPolicy,
        workers: Workers,
        endpoint: str,
        grace: Grace,
        initialize_within: float,
    ) -> None:
        super().__init__(receive, send, policy, workers.backplane.feed.open())
        self.session: Session | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.exchanges: set[SseExchange] = set()
        self.stopping = False
        self.over = False
        self._endpoint = endpoint
        self._grace = grace
        self._initialize_within = initialize_within
        self._abandoned = False
        self._waiting = 0
        self._lock = asyncio.Lock()

    def first(self) -> bytes:
        return sse.encode_endpoint(self._endpoint)

    def news(self, changes: list[tuple[int, Change]] | None) -> Iterator[bytes]:
        session = self.session
        if session is None:
            return
        every = everything(session) if changes is None else [change for _, change in changes]
        for change in every:
            if change.concerns(session):
                yield sse.encode(change.notification())

    async def say(self, message: bytes) -> None:
        """Write one message, from whichever task has it."""
        async with self._lock:
            if self.over:
                return
            try:
                await super()._body(sse.encode(message))
            except (OSError, TimeoutError):  # the client left, or it does not read
                self.over = True
                self.close()
            else:
                self.spoken = asyncio.get_running_loop().time()

    @property
    def unread(self) -> bool:
        """Whether so many refusals wait that there may be no more."""
        return self._waiting >= _UNREAD

    def refuse(self, message: bytes) -> None:
        """Write a refusal, for which nobody waits here."""
        self._waiting += len(message)
        spawn(self._refuse(message), self.tasks)

    async def _refuse(self, message: bytes) -> None:
        await self.say(message)
        self._waiting -= len(message)

    async def _body(self, frame: bytes) -> None:
        async with self._lock:
            await super()._body(frame)

    def stop(self) -> None:
        self.stopping = True
        for exchange in self.exchanges:
            exchange.lose(_NO_ANSWER)
        super().stop()

    def _look_for_a_session(self) -> None:
        """Whoever opened it had time to initialize: without a session it only takes place."""
        if self.session is None and not self.closed:
            self._abandoned = self.over = True
            self.close()

    async def serve(self) -> None:
        within = self._initialize_within
        look = asyncio.get_running_loop().call_later(within, self._look_for_a_session)
        if not within:
            look.cancel()
        try:
            if await self.run():
                if self.stopping:
                    await self._grace.rest(self.tasks)
                async with self._lock:  # whoever is at it may finish
                    self.over = True
                await self.end(self._last())
        finally:
            look.cancel()
            self.over = True

    def _last(self) -> bytes:
        if self.stopping:
            return sse.encode_retry(self._policy.retry or RETRY)
        if self._abandoned:
            within = f"{self._initialize_within:g} s (FASTMCP_HTTP_SSE_INITIALIZE_TIMEOUT)"
            return sse.encode_comment(f"ended: initialize was not sent within {within}")
        return b""


class SseExchange(ChannelExchange):
    """One request's way back: the session's stream.

    Args:
        session: whose it is; None before `initialize`.
        stream: the session's.
        scope: of the POST that brought it.
    """

    transport: ClassVar[TransportName | None] = "sse"

    def __init__(self, session: Session | None, stream: SseStream, scope: Scope | None) -> None:
        super().__init__(session, stream.say, scope)
        self._stream = stream

    async def emit(self, message: bytes) -> bool:
        return await super().emit(message) and not self._stream.over

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        if self._stream.stopping:
            raise McpError(INTERNAL_ERROR, _NO_ANSWER)
        return await super().ask(method, params)

    def left(self, cancels: bool) -> None:
        """The client is gone, and its stream with it.

        Args:
            cancels: whether that takes the request back, where its tool does not say.
        """
        if self.on_disconnect is not None:
            cancels = self.on_disconnect == "cancel"
        if cancels:
            self.cancel()
        else:
            self.lose("The client closed the stream that this question was asked on")


class SseConversation(Conversation):
    """One client, and the stream that it hears.

    Args:
        engine: the server.
        stream: its stream.
        scope: of the GET that opened it.
        streams: of this process.
    """

    def __init__(
        self, engine: Engine, stream: SseStream, scope: Scope, streams: SseStreams
    ) -> None:
        super().__init__(engine, stream.tasks)
        self.stream = stream
        self.scope = scope
        self._streams = streams
        self._left = False

    async def write(self, data: bytes) -> None:
        await self.stream.say(data)

    async def refuse(self, id: RequestId | None, error: McpError) -> None:
        self.stream.refuse(encode_error(id, error))

    def exchange(self, session: Session | None, scope: Scope | None) -> SseExchange:
        return SseExchange(session, self.stream, scope)

    def opened(self, session: Session, scope: Scope | None) -> None:
        self.stream.session = session
        headers = dict(cast("Headers", (scope or self.scope)["headers"]))
        agent = headers.get(b"user-agent", b"")
        self._streams.use.began(session.client_info, session.version, agent)

    async def receive(self, body: bytes, scope: Scope) -> Reject | None:
        """Take the body of a POST.

        Args:
            body: one message, or a batch of them, which 2025-03-26 has.
            scope: of the POST.
        Returns:
            What to refuse it with, or None where it was taken. What is wrong with a request that
            can be read is said on the stream, where its client waits for the answer, unless it
            does not read there.
        """
        depth = self._streams.limits.json_depth
        if deeper_than(body, depth):
            return self._streams.limits.too_deep()
        try:
            if body.lstrip(b" \t\r\n")[:1] != b"[":
                items = [classify_message(jsonrpc.decode(body), self.version)]
            else:
                items = batch_items(body, self.version)
        except Malformed as exc:
            return Reject(400, exc, exc.id)
        for item in items:
            if self.stream.unread and isinstance(item, Call | Malformed):
                return self._streams.limits.stream_unread(item.id)
            await self.take(item, scope)
        return None

    async def take(
        self, incoming: Call | Notice | Reply | Malformed, scope: Scope | None = None
    ) -> None:
        if isinstance(incoming, Call):
            full = self._streams.full(incoming, self.session)
            if full is not None:
                await self.refuse(incoming.id, full.error)
                return
        await super().take(incoming, scope)

    def start(
        self, call: Call, exchange: ChannelExchange, held: set[asyncio.Task[None]]
    ) -> asyncio.Task[None]:
        self.stream.exchanges.add(cast("SseExchange", exchange))
        task = super().start(call, exchange, held)
        self._streams.running.add(task)
        task.add_done_callback(self._streams.running.discard)
        return task

    async def serve(self, call: Call, exchange: ChannelExchange) -> None:
        try:
            await super().serve(call, exchange)
        except asyncio.CancelledError:  # the server stops and its patience is over
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
            await exchange.finish(encode_error(call.id, stopped()))

    def ended(self, call: Call, exchange: ChannelExchange) -> None:
        super().ended(call, exchange)
        self.stream.exchanges.discard(cast("SseExchange", exchange))
        self._close_when_done()

    def leave(self, cancels: bool) -> None:
        """The stream is over, and its session with the last call that goes on.

        Args:
            cancels: whether that takes back what still runs, where its tool does not say.
        """
        self._left = True
        for exchange in list(self.stream.exchanges):
            exchange.left(cancels)
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self._left and not self.stream.exchanges and self.session is not None:
            self.session.close()


class SseStreams:
    """The streams of one application that are open in this process.

    Args:
        use: counts them.
        limits: how much may be asked at once.
        grace: holds the calls that run.
        waiting: calls among those that are not counted: they wait for their clients.
    """

    def __init__(self, use: LegacyUse, limits: Limits, grace: Grace, waiting: Sized) -> None:
        self.use = use
        self.limits = limits
        self.grace = grace
        self.running = grace.running
        self.open: dict[str, SseConversation] = {}
        self._waiting = waiting

    def full(self, call: Call, session: Session | None) -> Reject | None:
        """What to refuse one more call with, or None where there may be one more."""
        if len(self.running) - len(self._waiting) >= self.limits.requests:
            return self.limits.server_full(call.id)
        if session is None or call.method == "ping":
            return None
        full = len(session.inflight) >= self.limits.session_requests
        return self.limits.session_full(call.id) if full else None

    def stop(self) -> None:
        """End all of them: the server stops."""
        for conversation in list(self.open.values()):
            conversation.stream.stop()


class SseEndpoint:
    """The ASGI application that a stream is opened at.

    Args:
        engine: the server.
        workers: the others who serve this application, and what changed at any of them.
        keys: sign the ids of the sessions.
        door: lets requests in.
        policy: pauses and limits; its life time is that of a session.
        streams: those that are open.
        messages: the path where messages are posted.
        marks: of each response.
        initialize_within: seconds after which a stream without a session ends; 0 for never.
    """

    def __init__(
        self,
        engine: Engine,
        workers: Workers,
        keys: SessionKeys,
        door: Door,
        policy: StreamPolicy,
        streams: SseStreams,
        messages: str,
        marks: Marks,
        initialize_within: float,
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._keys = keys
        self._door = door
        self._policy = policy
        self._streams = streams
        self._messages = messages
        self._marks = marks
        self._initialize_within = initialize_within
        self._disconnect_cancels = engine.on_disconnect == "cancel"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = self._marks.put(scope, send)
        headers = await self._door.enter(scope, send)
        if headers is None:
            return
        if scope["method"] != "GET":
            # What a client posts here that tries Streamable HTTP first: it falls back on this
            # status (2025-11-25, basic/transports, "Backwards Compatibility").
            message = f"Method not allowed: {scope['method'][:20]}; a GET opens a stream"
            await refuse(send, 405, message, headers=[(b"allow", b"GET")])
        elif not accepts(headers.get(b"accept")).sse:
            await refuse(send, 406, "Not acceptable: send Accept: text/event-stream")
        elif len(self._streams.open) >= self._streams.limits.sse_streams:
            await reject(send, self._streams.limits.sse_streams_full())
        else:
            self._streams.use.announce()
            await self._open(scope, receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, worker = secrets.token_urlsafe(12), self._workers.backplane.worker
        claims = StreamClaims(name, worker, owner_of(scope), int(time.time()))
        token = issue(claims, self._keys.sign)
        endpoint = f"{quote(base_path(scope) + self._messages)}?session_id={token}"
        stream = SseStream(
            leased(scope, receive),
            send,
            self._policy,
            self._workers,
            endpoint,
            self._streams.grace,
            self._initialize_within,
        )
        conversation = SseConversation(self._engine, stream, scope, self._streams)
        self._streams.open[name] = conversation
        self._streams.use.open += 1
        try:
            await stream.serve()
        finally:
            del self._streams.open[name]
            self._streams.use.open -= 1
            conversation.leave(self._disconnect_cancels)
