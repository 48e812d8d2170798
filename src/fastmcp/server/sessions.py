"""Handshake-era sessions: what a client agreed to in `initialize`, and what is open for it.

A session id is a signed token (`protocol/session_token`): every worker that has the key can
verify it and rebuild the session, so a restart or another worker loses none. What is kept
here is only what is open or was changed, in a bounded cache: an abandoned session costs
nothing once newer ones push it out.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from contextlib import suppress
from typing import Any, Final, Protocol

from fastmcp.protocol import jsonrpc, session_token
from fastmcp.protocol.jsonrpc import RequestId, Response
from fastmcp.protocol.session_token import Claims
from fastmcp.server.bus import Change
from fastmcp.server.registry import SessionVisibility
from fastmcp.server.session_keys import SessionKeys

__all__ = ["Running", "Session", "SessionManager", "Stream"]

_CLIENT_INFO_KEPT: Final = ("name", "title", "version")
"""Icons, descriptions and the like would make the session id outgrow a header."""


class Running(Protocol):
    """A request that is being served."""

    def cancel(self) -> None: ...


class Stream:
    """A session's own event stream: messages that belong to no request.

    The transport reads it; publishers put. It holds a bounded backlog, so that a client that
    does not read costs a fixed amount of memory; what does not fit is counted and dropped
    (change notifications say "look again", so a lost one costs the client one look at most).
    """

    limit: Final = 256

    def __init__(self) -> None:
        self._backlog: list[bytes] = []
        self._ready = asyncio.Event()
        self.closed = False
        self.dropped = 0

    def put(self, message: bytes) -> None:
        if len(self._backlog) >= self.limit:
            self.dropped += 1
            return
        self._backlog.append(message)
        self._ready.set()

    def close(self) -> None:
        self.closed = True
        self._ready.set()

    async def take(self, patience: float = 0) -> list[bytes] | None:
        """Everything that waits.

        Args:
            patience: seconds to wait for something, 0 for no limit.
        Returns:
            The messages; an empty list when the time is over, None when the stream is closed.
        """
        if not self._backlog and not self.closed:
            self._ready.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience or None):
                    await self._ready.wait()
        if not self._backlog and self.closed:
            return None
        taken, self._backlog = self._backlog, []
        return taken


class Session:
    """One handshake-era session.

    Attributes:
        id: what the client knows it by: the signed token over HTTP, a random name on a pipe.
        version: the negotiated protocol version.
        client_info: the client's name, title and version.
        client_capabilities: what the client can be asked for.
        owner: hash of the principal it belongs to, "" for nobody in particular.
        log_level: the least severe level the client wants, or None where it did not say.
        subscriptions: resource URIs whose updates the client wants.
        visibility: what `ctx.enable_components` changed for it, or None.
        stream: the open standalone stream, or None.
    """

    __slots__ = (
        "_asked",
        "asks",
        "client_capabilities",
        "client_info",
        "id",
        "inflight",
        "last_used",
        "log_level",
        "owner",
        "stream",
        "subscriptions",
        "version",
        "visibility",
    )

    def __init__(
        self,
        id: str,
        version: str,
        client_info: dict[str, Any],
        client_capabilities: dict[str, Any],
        owner: str = "",
    ) -> None:
        self.id = id
        self.version = version
        self.client_info = client_info
        self.client_capabilities = client_capabilities
        self.owner = owner
        self.log_level: str | None = None
        self.subscriptions: set[str] = set()
        self.visibility: SessionVisibility | None = None
        self.stream: Stream | None = None
        self.inflight: dict[RequestId, list[Running]] = {}
        self.asks: dict[RequestId, asyncio.Future[Any]] = {}
        self.last_used = 0.0
        self._asked = 0

    @property
    def busy(self) -> bool:
        """Whether something is open that lives in this process alone."""
        return bool(self.inflight or self.asks or self.stream)

    # requests of the client that are running

    def begin(self, id: RequestId, exchange: Running) -> None:
        self.inflight.setdefault(id, []).append(exchange)

    def end(self, id: RequestId, exchange: Running) -> None:
        running = self.inflight.get(id)
        if running is not None:
            running.remove(exchange)
            if not running:
                del self.inflight[id]
                self.last_used = time.monotonic()  # idle is counted from here, not from the start

    def cancel(self, id: object) -> bool:
        """Cancel the newest running request with this id; ids may repeat (basic/cancellation)."""
        running = self.inflight.get(id) if isinstance(id, (int, str)) else None
        if not running:
            return False
        running[-1].cancel()
        return True

    # requests to the client that wait for an answer

    def open_ask(self, loop: asyncio.AbstractEventLoop) -> tuple[str, asyncio.Future[Any]]:
        self._asked += 1
        id = f"{WORKER}.{self._asked}"
        future: asyncio.Future[Any] = loop.create_future()
        self.asks[id] = future
        return id, future

    @staticmethod
    def encode_ask(id: str, method: str, params: dict[str, Any]) -> bytes:
        return jsonrpc.encode_request(id, method, params)

    def close_ask(self, id: RequestId) -> None:
        self.asks.pop(id, None)

    def answer(self, response: Response) -> bool:
        """Hand the client's answer to whoever waits for it; False where nobody does."""
        future = self.asks.get(response.id) if response.id is not None else None
        if future is None or future.done():
            return False
        if response.error is not None:
            future.set_exception(response.error)
        else:
            future.set_result(response.result)
        return True

    def deliver(self, change: Change) -> None:
        """A change event becomes this era's notification on the standalone stream."""
        if self.stream is not None and change.concerns(self):
            self.stream.put(change.notification())

    def close(self) -> None:
        """End everything that is open for this session."""
        for running in list(self.inflight.values()):
            for exchange in list(running):
                exchange.cancel()
        for future in list(self.asks.values()):
            future.cancel()
        if self.stream is not None:
            self.stream.close()


WORKER: Final = secrets.token_hex(4)
"""This process's name in the ids of its asks: an answer can be routed to the worker that waits."""


class SessionManager:
    """Makes, verifies and ends sessions.

    Args:
        keys: signs and verifies the ids.
        idle_timeout: seconds after which an unused session ends, or None for never.
        capacity: how many records are kept. A session that is pushed out stays valid and is
            rebuilt from its id; it forgets its log level and its subscriptions.
    """

    def __init__(
        self, keys: SessionKeys, idle_timeout: float | None = None, capacity: int = 10_000
    ) -> None:
        self._keys = keys
        self._idle_timeout = idle_timeout
        self._capacity = capacity
        self._records: OrderedDict[str, Session] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def create(
        self,
        version: str,
        client_info: dict[str, Any],
        client_capabilities: dict[str, Any],
        owner: str = "",
    ) -> Session:
        """A new session.

        Raises:
            McpError: the client's capabilities do not fit into a header.
        """
        kept = {k: client_info[k] for k in _CLIENT_INFO_KEPT if k in client_info}
        claims = Claims(
            jti=secrets.token_urlsafe(12),
            ver=version,
            cap=client_capabilities,
            cli=kept,
            own=owner,
            iat=int(time.time()),
        )
        token = session_token.issue(claims, self._keys.sign)
        session = Session(token, version, kept, client_capabilities, owner)
        self._remember(session)
        return session

    def get(self, token: str, owner: str = "") -> Session | None:
        """The session of an id, or None: unknown, forged, ended, expired or somebody else's.

        The five are alike on purpose: a stranger learns nothing (basic/security, hijacking).
        """
        session = self._records.get(token)
        if session is None:
            session = self._rebuild(token)
            if session is None:
                return None
        elif self._idled_out(session):
            self.end(session)
            return None
        else:
            self._records.move_to_end(token)
        if session.owner != owner:
            return None
        if self._idle_timeout is not None:
            session.last_used = time.monotonic()
        return session

    def _idled_out(self, session: Session) -> bool:
        return (
            self._idle_timeout is not None
            and not session.busy
            and time.monotonic() - session.last_used > self._idle_timeout
        )

    def end(self, session: Session) -> None:
        """Terminate: from now on its id is unknown (2025-11-25, "Session Management")."""
        self._records.pop(session.id, None)
        self._ended[session.id] = None
        if len(self._ended) > self._capacity:
            self._ended.popitem(last=False)
        session.close()

    def open_sessions(self) -> list[Session]:
        """The sessions that have something open in this process."""
        return [session for session in self._records.values() if session.busy]

    def _rebuild(self, token: str) -> Session | None:
        if token in self._ended:
            return None
        claims = session_token.read(token, self._keys.verify)
        if claims is None:
            return None
        session = Session(token, claims.ver, claims.cli, claims.cap, claims.own)
        self._remember(session)
        return session

    def _remember(self, session: Session) -> None:
        session.last_used = time.monotonic()
        self._records[session.id] = session
        excess = len(self._records) - self._capacity
        if excess > 0:
            idle = (id for id, old in self._records.items() if not old.busy)
            for id in [id for _, id in zip(range(excess), idle, strict=False)]:
                del self._records[id]
