"""The MCP endpoint: POST, GET and DELETE on one path, both eras.

It joins what is decided elsewhere: `classify` says what a POST is, `SessionManager` whose it
is, `Engine` what the answer is, `HttpExchange` how it travels.
Source: 2025-11-25 and 2026-07-28, basic/transports, "Streamable HTTP".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final, cast

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import (
    Batch,
    Call,
    Notice,
    Reject,
    Reply,
    classify,
    no_batches,
)
from fastmcp.protocol.era2025 import read_initialize
from fastmcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    http_status,
    unsupported_version,
)
from fastmcp.protocol.events import EventId, read_event_id
from fastmcp.protocol.headers import accepts
from fastmcp.protocol.jsonrpc import deeper_than, encode_error
from fastmcp.protocol.subscriptions import LISTEN
from fastmcp.protocol.versions import Era, era_of
from fastmcp.server.access import owner_of
from fastmcp.server.backplane.base import BackplaneDown
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.engine import Engine
from fastmcp.server.event_store import EventStore, StoreDown, UnknownEvent
from fastmcp.server.exchange import Detached
from fastmcp.server.features.tools import headers_mismatch
from fastmcp.server.rounds import Rounds
from fastmcp.server.session_manager import SessionManager
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import (
    JSON_HEADERS,
    BodyTooLarge,
    ClientGone,
    Receive,
    Scope,
    Send,
    read_body,
    respond,
    respond_early,
)
from fastmcp.server.transports.door import Door, leased, refuse, reject
from fastmcp.server.transports.http_batch import BatchExchange
from fastmcp.server.transports.http_exchange import (
    NOTICED_WITHIN,
    HttpExchange,
    Patience,
    StreamPolicy,
)
from fastmcp.server.transports.limits import Limits, OpenStreams
from fastmcp.server.transports.listen import ListenExchange
from fastmcp.server.transports.resumable import ResumableExchange, ResumedStream
from fastmcp.server.transports.shutdown import Grace, stopped
from fastmcp.server.transports.standalone import StandaloneStream, is_standalone

__all__ = ["StreamableHTTP"]

_logger: Final = logging.getLogger("fastmcp.server.http")


class StreamableHTTP:
    """An ASGI application that serves one endpoint.

    Args:
        engine: the server.
        sessions: its handshake-era sessions, or None for stateless HTTP: then no session id is
            given or wanted, and any worker answers any request.
        workers: the others who serve this application, and what changed at any of them.
        policy: when an answer becomes a stream.
        limits: how much may be asked at once.
        door: lets requests in.
        grace: holds the calls that run, and cancels them when the server's time is over.
        log: keeps the streams of calls, so that they can be resumed; None keeps nothing.
        rounds: the calls of the stateless era that wait for their clients.

    Attributes:
        subscriptions: those that are open.
    """

    def __init__(
        self,
        engine: Engine,
        sessions: SessionManager | None,
        workers: Workers,
        policy: StreamPolicy,
        limits: Limits,
        door: Door,
        grace: Grace,
        log: EventStore | None = None,
        *,
        rounds: Rounds,
    ) -> None:
        self.subscriptions: set[ListenExchange] = set()
        self._engine = engine
        self._rounds = rounds
        self._sessions = sessions
        self._workers = workers
        self._policy = policy
        self._limits = limits
        self._streams = OpenStreams(limits.session_streams)
        self._principals = OpenStreams(limits.principal_subscriptions)
        self._door = door
        self._running = grace.running
        self._log = log
        self._patience = Patience(min(policy.after, NOTICED_WITHIN))
        self._disconnect_cancels = engine.on_disconnect == "cancel"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = await self._door.enter(scope, send)
        if headers is None:
            return
        method = scope["method"]
        if method == "POST":
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                await self._post(task, headers, scope, receive, send)
            except asyncio.CancelledError:  # the server stops, and there was no call yet
                task.uncancel()
                await refuse(send, 503, "The server stops; try again in a moment")
            finally:
                self._running.discard(task)
        elif method == "GET" and self._sessions is not None:
            await self._get(headers, scope, leased(scope, receive), send, self._sessions)
        elif method == "DELETE" and self._sessions is not None:
            await self._delete(headers, scope, send, self._sessions)
        else:
            allow = b"POST" if self._sessions is None else b"GET, POST, DELETE"
            await refuse(
                send,
                405,
                f"Method not allowed: {method[:20]}; this endpoint has {allow.decode()}",
                headers=[(b"allow", allow)],
            )

    # POST

    async def _post(
        self,
        task: asyncio.Task[None],
        headers: dict[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        try:
            length = headers.get(b"content-length")
            body = await read_body(receive, length, self._limits.body_bytes)
        except BodyTooLarge as exc:
            await self._too_large(exc.more, receive, send)
            return
        except ClientGone:
            return
        incoming = classify(headers, body)
        depth = self._limits.json_depth
        if type(incoming) is not Reject and deeper_than(body, depth):
            incoming = self._limits.too_deep()
        del body  # a request that stays open shall not keep its text
        if type(incoming) is Call:
            if incoming.method == LISTEN and incoming.era is Era.STATELESS:
                await self._subscribe(task, incoming, headers, scope, receive, send)
            else:
                await self._call(task, incoming, headers, scope, receive, send)
        elif type(incoming) is Reject:
            await reject(send, incoming)
        elif type(incoming) is Notice:
            await self._notice(incoming, headers, scope, send)
        elif type(incoming) is Reply:
            await self._reply(incoming, headers, scope, send)
        elif type(incoming) is Batch:
            await self._batch(task, incoming, headers, scope, receive, send)

    def _is_full(self, more: int) -> bool:
        """Whether this many more calls than those that run are too many; those that have their
        answer and wait for their clients are not counted."""
        return len(self._running) - len(self._rounds) + more > self._limits.requests

    async def _too_large(self, more: bool, receive: Receive, send: Send) -> None:
        refusal = self._limits.body_too_large()
        body = encode_error(None, refusal.error)
        headers = [*JSON_HEADERS, (b"connection", b"close")]
        if more:
            await respond_early(send, receive, refusal.status, body, headers)
        else:
            await respond(send, refusal.status, body, headers)

    async def _call(
        self,
        task: asyncio.Task[None],
        call: Call,
        headers: dict[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        if len(self._running) > self._limits.requests and self._is_full(0):
            await reject(send, self._limits.server_full(call.id))
            return
        session: Session | None = None
        stateless = call.era is Era.STATELESS
        if (
            stateless
            and call.method == "tools/call"
            and (
                call.params["name"] in self._engine.registry.mirrored
                or self._engine.providers is not None
            )
        ):
            mismatch = await headers_mismatch(self._engine, call, headers, scope)
            if mismatch is not None:
                await reject(send, mismatch)
                return
        if not stateless and self._sessions is not None:
            token = headers.get(b"mcp-session-id")
            if token is not None and call.method != "initialize":
                # Nobody has to be asked for it: the way of most calls.
                session = self._sessions.known(token.decode("latin-1"), owner_of(scope))
            if session is None:
                found = await self._session_of(call, headers, scope, self._sessions)
                if isinstance(found, Reject):
                    await reject(send, found)
                    return
                session = found
            call.version = session.version
            if len(session.inflight) >= self._limits.session_requests and call.method != "ping":
                await reject(send, self._limits.session_full(call.id))
                return
        accepted = accepts(headers.get(b"accept"))
        if session is not None and self._log is not None:
            exchange = ResumableExchange(
                receive,
                send,
                scope,
                session,
                accepted,
                self._policy,
                self._patience,
                self._disconnect_cancels,
                self._log,
                call.id,
            )
        else:
            exchange = HttpExchange(
                receive,
                send,
                scope,
                session,
                accepted,
                self._policy,
                self._patience,
                stateless or self._disconnect_cancels,
            )
            if stateless:
                exchange.rounds = self._rounds
        if session is not None:
            if call.method == "initialize":
                exchange.add_header(b"mcp-session-id", session.id.encode())
            session.begin(call.id, exchange)
        exchange.begin(task)
        payload, code = b"", 0
        try:
            payload, code = await self._engine.handle(call, exchange)
        except asyncio.CancelledError:
            if not exchange.cancelled:
                # Not the client's wish: the server stops and its patience is over. The client
                # is told, and the server gets an end instead of a stack trace.
                task.uncancel()
                payload, code = encode_error(call.id, stopped()), INTERNAL_ERROR
        finally:
            if session is not None:
                session.end(exchange)
        try:
            if exchange.cancelled:  # whether or not the handler let itself be stopped
                task.uncancel()  # that was ours and ends here: there is a response to finish
                await exchange.abandon()
                return
            if code and session is not None and call.method == "initialize":
                exchange.withdraw_headers()
                cast("SessionManager", self._sessions).forget(session)
            if payload:
                await exchange.finish(payload, http_status(code) if stateless and code else 200)
        except asyncio.CancelledError:  # the server stops, and its client does not read the answer
            task.uncancel()

    async def _subscribe(
        self,
        task: asyncio.Task[None],
        call: Call,
        headers: Mapping[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """A request that stays open (2026-07-28, basic/patterns/subscriptions). It is none of the
        calls that are counted, and that have their time when the server stops: it ends at once."""
        self._running.discard(task)
        if not accepts(headers.get(b"accept")).sse:
            error = McpError(
                INVALID_REQUEST,
                f"Not acceptable: {LISTEN} is answered with a stream, so send Accept: "
                "application/json, text/event-stream",
            )
            await reject(send, Reject(406, error, call.id))
            return
        if len(self.subscriptions) >= self._limits.subscriptions:
            await reject(send, self._limits.subscriptions_full(call.id))
            return
        principal = owner_of(scope)
        with self._principals.hold(principal) as held:
            if principal and not held:
                await reject(send, self._limits.principal_full(call.id))
                return
            feed = self._workers.backplane.feed
            exchange = ListenExchange(leased(scope, receive), send, scope, self._policy, feed)
            self.subscriptions.add(exchange)
            try:
                payload, code = await self._engine.handle(call, exchange)
            except asyncio.CancelledError:  # a middleware has not let it end
                task.uncancel()
                payload, code = encode_error(call.id, stopped()), INTERNAL_ERROR
            finally:
                self.subscriptions.discard(exchange)
            await exchange.finish(payload, http_status(code) if code else 200)

    async def _session_of(
        self, call: Call, headers: Mapping[bytes, bytes], scope: Scope, sessions: SessionManager
    ) -> Session | Reject:
        """The session of a request; for `initialize` a new one, whatever id it carries."""
        if call.method == "initialize":
            try:
                version, info, capabilities = read_initialize(call.params)
                session = sessions.create(version, info, capabilities, owner_of(scope))
            except McpError as exc:
                return Reject(400, exc, call.id)
            return session
        found = await _find_session(headers, scope, sessions)
        if isinstance(found, Reject):
            found.id = call.id
        return found

    async def _notice(
        self, notice: Notice, headers: Mapping[bytes, bytes], scope: Scope, send: Send
    ) -> None:
        session: Session | None = None
        if notice.era is Era.HANDSHAKE and self._sessions is not None:
            found = await _find_session(headers, scope, self._sessions)
            if isinstance(found, Reject):
                await reject(send, found)
                return
            session = found
            notice.version = found.version
        await self._engine.notice(notice, _Silent(session, scope))
        await _accepted(send)

    async def _reply(
        self, reply: Reply, headers: Mapping[bytes, bytes], scope: Scope, send: Send
    ) -> None:
        if self._sessions is not None:
            found = await _find_session(headers, scope, self._sessions)
            if isinstance(found, Reject):
                await reject(send, found)
                return
            try:
                taken = await found.answer_anywhere(reply.response)
            except BackplaneDown as down:
                await reject(send, Reject(503, down))
                return
            if not taken:
                await reject(send, Reject(400, _nobody_asked(str(reply.response.id))))
                return
        await _accepted(send)

    async def _batch(
        self,
        task: asyncio.Task[None],
        batch: Batch,
        headers: dict[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        session: Session | None = None
        if self._sessions is not None:
            found = await _find_session(headers, scope, self._sessions)
            if isinstance(found, Reject):
                await reject(send, found)
                return
            session = found
            if session.version != batch.version:
                await reject(send, Reject(400, no_batches()))
                return
        calls = sum(isinstance(item, Call) for item in batch.items)
        if self._is_full(calls - 1):
            await reject(send, self._limits.server_full(None))
            return
        if session is not None and len(session.inflight) + calls > self._limits.session_requests:
            await reject(send, self._limits.session_full(None))
            return
        accepted = accepts(headers.get(b"accept"))
        exchange = BatchExchange(
            receive,
            send,
            scope,
            session,
            accepted,
            self._policy,
            self._patience,
            self._disconnect_cancels,
        )
        await exchange.serve(task, self._engine, batch)

    # GET and DELETE

    async def _get(
        self,
        headers: dict[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
        sessions: SessionManager,
    ) -> None:
        """The session's standalone stream ("Listening for Messages from the Server")."""
        if await _refused_version(headers, send):
            return
        if not accepts(headers.get(b"accept")).sse:
            await refuse(send, 406, "Not acceptable: send Accept: text/event-stream")
            return
        session = await _find_session(headers, scope, sessions)
        if isinstance(session, Reject):
            await reject(send, session)
            return
        with self._streams.hold(session.id) as held:
            if held:
                await self._listen(session, headers, receive, send, sessions)
            else:
                await reject(send, self._limits.streams_full())

    async def _listen(
        self,
        session: Session,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
        sessions: SessionManager,
    ) -> None:
        cursor = None
        if self._log is not None and (last_event_id := headers.get(b"last-event-id")) is not None:
            cursor = read_event_id(last_event_id.decode("latin-1"))
            if cursor is None or not is_standalone(cursor):
                await self._resume(cursor, session, receive, send, self._log)
                return
        stream = StandaloneStream(
            receive,
            send,
            self._policy,
            session,
            sessions.backplane.feed,
            resumable=self._log is not None,
            cursor=cursor,
        )
        headers.clear()  # a request that stays open shall not keep them twice
        with _unless_down():
            await session.open_stream(stream)
        try:
            await stream.serve()
        finally:
            with _unless_down():
                await session.close_stream(stream)

    async def _resume(
        self,
        cursor: EventId | None,
        session: Session,
        receive: Receive,
        send: Send,
        log: EventStore,
    ) -> None:
        """The rest of a call's stream ("Resumability and Redelivery")."""
        try:
            if cursor is None:
                raise UnknownEvent
            stream = ResumedStream(receive, send, self._policy, session, log, cursor)
            await stream.find()
        except UnknownEvent:
            message = (
                "Bad Request: unknown Last-Event-ID; what followed it is not kept any more, so "
                "open a new stream without it"
            )
            await refuse(send, 400, message)
        except StoreDown:
            await reject(send, Reject(503, BackplaneDown("The event store")))
        else:
            await stream.serve()

    async def _delete(
        self, headers: Mapping[bytes, bytes], scope: Scope, send: Send, sessions: SessionManager
    ) -> None:
        if await _refused_version(headers, send):
            return
        session = await _find_session(headers, scope, sessions)
        if isinstance(session, Reject):
            await reject(send, session)
            return
        try:
            await sessions.end(session)
        except BackplaneDown as down:
            await reject(send, Reject(503, down))
            return
        await respond(send, 200, b"", [])


class _Silent(Detached):
    """A notification's exchange: there is nobody to say anything to."""

    transport = "streamable-http"


async def _refused_version(headers: Mapping[bytes, bytes], send: Send) -> bool:
    """GET and DELETE exist in the handshake era alone, and an unknown version is a 400
    (2025-11-25, basic/transports, "Protocol Version Header")."""
    raw = headers.get(b"mcp-protocol-version")
    if raw is None:
        return False
    version = raw.decode("latin-1").strip()
    era = era_of(version)
    if era is Era.STATELESS:
        message = f"Method not allowed: {version} has POST alone"
        await refuse(send, 405, message, headers=[(b"allow", b"POST")])
    elif era is None:
        await reject(send, Reject(400, unsupported_version(version)))
    return era is not Era.HANDSHAKE


async def _find_session(
    headers: Mapping[bytes, bytes], scope: Scope, sessions: SessionManager
) -> Session | Reject:
    token = headers.get(b"mcp-session-id")
    if token is None:
        return Reject(
            400,
            McpError(
                INVALID_REQUEST,
                "Bad Request: Missing session ID; send the Mcp-Session-Id that initialize was "
                "answered with",
            ),
        )
    id = token.decode("latin-1")
    owner = owner_of(scope)
    session = sessions.known(id, owner)
    if session is None:
        try:
            session = await sessions.find(id, owner)
        except BackplaneDown as down:
            return Reject(503, down)
        if session is None:
            return Reject(
                404,
                McpError(
                    INVALID_REQUEST,
                    "Session not found: it has ended, or is none of this server; open a new one "
                    "with initialize",
                ),
            )
    return session


def _nobody_asked(ask: str) -> McpError:
    return McpError(
        INVALID_REQUEST,
        f"Nobody waits for the answer {ask!r}: the worker that asked has ended, or cannot be "
        "reached from the one that this answer came to. Workers on several machines find each "
        "other through Redis: set FASTMCP_REDIS_URL",
    )


@contextmanager
def _unless_down() -> Generator[None]:
    """A stream is served where others cannot be told of it; they would say less to it."""
    try:
        yield
    except BackplaneDown:
        _logger.debug("a standalone stream that other workers do not know of", exc_info=True)


async def _accepted(send: Send) -> None:
    await respond(send, 202, b"", [])
