"""A client in the middle: what a server sends and asks goes on to somebody else's client.

`Forwarding` is one connection for one downstream client (`protocol/link`). It is a session like
any other, with the params and results left as they are; what differs is who answers and who hears:
the downstream client, unless the user gave this client a handler of its own.

What the session knew of its client is said again to the one that takes its place: what it listens
to, and the log level.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any, Final, Protocol, Self

from fastmcp.client.context import RequestContext
from fastmcp.client.errors import (
    ConnectionClosedError,
    HttpStatusError,
    RequestTimeoutError,
    ResponseTooLargeError,
    why_of,
)
from fastmcp.client.handlers import Handlers
from fastmcp.client.logging import default_log_handler
from fastmcp.client.progress import ProgressHandler
from fastmcp.client.session import ClientSession
from fastmcp.client.transports.base import ClientTransport
from fastmcp.exceptions import McpError, UpstreamError
from fastmcp.protocol import meta
from fastmcp.protocol.link import Downstream, OnProgress
from fastmcp.protocol.subscriptions import LIST_FIELDS
from fastmcp.protocol.versions import Era

__all__ = ["Forwarding", "ForwardingHandlers"]

logger = logging.getLogger("fastmcp.client.forwarding")

_FEATURE_OF: Final = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}
_OURS: Final = (ConnectionClosedError, HttpStatusError, RequestTimeoutError, ResponseTooLargeError)
"""What a session raises that no server said."""


@dataclass
class ForwardingHandlers(Handlers):
    """The user's own handlers, and behind them the downstream client.

    Attributes:
        downstream: answers and hears what there is no handler for.
        withheld: what the downstream client is not asked for, though it could be.
    """

    downstream: Downstream = field(kw_only=True)
    withheld: frozenset[str] = field(kw_only=True, default=frozenset())

    @classmethod
    def over(cls, own: Handlers, downstream: Downstream, withheld: frozenset[str]) -> Self:
        """Those of a user, with a downstream client behind them."""
        given = {each.name: getattr(own, each.name) for each in fields(own) if each.init}
        return cls(**given, downstream=downstream, withheld=withheld)

    def capabilities(self, version: str) -> dict[str, Any]:
        own = super().capabilities(version)
        behind = {
            name: value
            for name, value in self.downstream.capabilities().items()
            if name not in self.withheld
        }
        return {**behind, **own}

    async def answer(
        self, method: str, params: dict[str, Any], context: RequestContext
    ) -> dict[str, Any]:
        feature = _FEATURE_OF.get(method)
        if feature is None or feature in self.withheld or getattr(self, feature) is not None:
            return await super().answer(method, params, context)
        return await self.downstream.answer(method, params)

    async def hear(
        self, method: str, params: dict[str, Any], progress: ProgressHandler | None
    ) -> None:
        own = method == "notifications/message" and self.log is not default_log_handler
        try:
            if progress is not None:
                await progress(params["progress"], params.get("total"), params.get("message"))
            elif not own:
                await self.downstream.hear(method, params)
        except Exception:
            logger.exception("%s could not be handed on", method)
        if own or self.message is not None:
            await super().hear(method, params, None)


class SessionClient(Protocol):
    """What is needed here of a `Client`."""

    @property
    def transport(self) -> ClientTransport: ...
    async def __aenter__(self) -> Any: ...
    def is_connected(self) -> bool: ...
    async def close(self) -> None: ...
    @property
    def session(self) -> ClientSession: ...


class Forwarding:
    """One connection to the server behind.

    Args:
        client: has a connection, handlers and a transport of its own for this.
        downstream: whom it forwards for.
        name: what people call the server; what its transport says by default.
        listens: the downstream client is told what changes without asking for it.
        borrowed: the connection is somebody else's, who opened it and ends it.
    """

    def __init__(
        self,
        client: SessionClient,
        downstream: Downstream,
        name: str | None = None,
        *,
        listens: bool = False,
        borrowed: bool = False,
    ) -> None:
        where = client.transport.describe()
        self.name = where if name is None else f"{name} ({where})"
        self._client = client
        self._downstream = downstream
        self._borrowed = borrowed
        self._uris: frozenset[str] = frozenset()
        self._listens = listens
        self._known: ClientSession | None = None
        """The session that knows what is listened to."""
        self._level: str | None = ""
        self._lock = asyncio.Lock()

    @property
    def shareable(self) -> bool:
        """See `link.Upstream`."""
        if not self._client.is_connected():
            return False
        session = self._client.session
        return session.era is Era.STATELESS and not session.channel.is_pipe

    @property
    def is_slow_to_start(self) -> bool:
        """See `link.Upstream`."""
        return self._client.transport.starts_server

    async def open(self) -> None:
        """Connect, unless there is a connection that works."""
        await self._session()

    def introduction(self) -> dict[str, Any]:
        """What the server said of itself."""
        session = self._client.session
        said: dict[str, Any] = {}
        for name, model in (
            ("capabilities", session.server_capabilities),
            ("serverInfo", session.server_info),
        ):
            if model is not None:
                said[name] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
        if session.instructions is not None:
            said["instructions"] = session.instructions
        return said

    async def _session(self) -> ClientSession:
        client, known = self._client, self._known
        if known is not None and client.is_connected() and client.session is known:
            return known
        async with self._lock:
            if not client.is_connected():
                await self._connect()
            session = client.session
            if session is not self._known:
                await self._begin(session)
        return session

    async def _connect(self) -> None:
        if self._borrowed:
            raise UpstreamError(f"{self.name} cannot be asked: its client has disconnected")
        try:
            await self._client.__aenter__()
        except (*_OURS, RuntimeError, OSError) as exc:
            raise self._lost(exc) from exc

    async def _begin(self, session: ClientSession) -> None:
        """Tell a session that is new what the one before knew."""
        again, self._known, self._level = self._known is not None, session, ""
        info = session.server_info
        logger.info(
            "Connected %sto %s%s, speaking %s",
            "again " if again else "",
            self.name,
            f": {info.name} {info.version}" if info is not None and info.name else "",
            session.protocol_version,
        )
        if self._listens:
            session.subscriptions.want(LIST_FIELDS)
        for uri in self._uris:
            with suppress(McpError):
                await session.subscriptions.subscribe(uri)
        if again:
            for method in LIST_FIELDS:
                await self._downstream.hear(method, {})

    def _lost(self, exc: Exception) -> UpstreamError:
        how = "did not answer" if isinstance(exc, RequestTimeoutError) else "cannot be reached"
        if isinstance(exc, HttpStatusError):
            how = "refused"
        text = f"{self.name}, behind this server, {how}: {why_of(exc)}"
        logger.info("%s", text)
        return UpstreamError(text, passing=not isinstance(exc, HttpStatusError) or exc.passing)

    async def request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        log_level: str | None = "",
        progress: OnProgress | None = None,
        headers: dict[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> dict[str, Any]:
        """Send a request; see `link.Upstream`."""
        session = await self._session()
        try:
            if log_level != self._level:
                await self._want(session, log_level)
            return await session.request(
                method, params, progress=progress, headers=headers, repeatable=repeatable
            )
        except _OURS as exc:
            raise self._lost(exc) from exc

    async def _want(self, session: ClientSession, level: str | None) -> None:
        """Ask for log messages of a level, as the era has it."""
        self._level = level
        if session.base_meta is not None:
            if level is None:
                session.base_meta.pop(meta.LOG_LEVEL, None)
            else:
                session.base_meta[meta.LOG_LEVEL] = level or "debug"
            return
        capabilities = session.server_capabilities
        if not level or capabilities is None or capabilities.logging is None:
            return
        with suppress(McpError):  # what is not wanted is not handed on, sent or not
            await session.set_logging_level(level)

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification, where the era has any that a client sends unasked."""
        session = await self._session()
        if session.era is Era.STATELESS:
            return
        try:
            await session.notify(method, params or None)
        except _OURS as exc:
            raise self._lost(exc) from exc

    async def listen(self, uris: Collection[str]) -> None:
        """Hear what changes; see `link.Upstream`."""
        wanted = frozenset(uris)
        over = self._uris - wanted
        self._uris -= over
        self._listens = True
        known = self._known
        session = await self._session()
        try:
            session.subscriptions.want(LIST_FIELDS)
            for uri in wanted - self._uris:
                await session.subscriptions.subscribe(uri)
                self._uris |= {uri}  # it was not refused: a session that follows is told too
            if session is known:
                for uri in over:
                    await session.subscriptions.unsubscribe(uri)
        except _OURS as exc:
            raise self._lost(exc) from exc

    async def close(self) -> None:
        """End the connection."""
        if not self._borrowed:
            await self._client.close()
