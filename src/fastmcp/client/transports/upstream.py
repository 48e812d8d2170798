"""One of the servers behind a composite client: connected while it can be.

It has a session of its own, in the era it speaks. What it asks is answered by the handlers of the
one client in front; what it says is handed to the composite (`composite.py`), which knows what it
is called there. A server that cannot be reached is asked again at the next use, but not before
some seconds have passed, and the error of a use in between names it. What the client wants to
hear of outlives sessions: a new one is told it again (`_restore`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Final

from fastmcp.client.channel import Channel
from fastmcp.client.connection import Connection
from fastmcp.client.context import RequestContext
from fastmcp.client.errors import ConnectFailedError, ConnectionClosedError, why_of
from fastmcp.client.handlers import Handlers
from fastmcp.client.progress import ProgressHandler
from fastmcp.client.reshaping import Reshaping
from fastmcp.client.session import ClientSession
from fastmcp.client.stream_patience import StreamPatience
from fastmcp.client.transports.base import ClientTransport
from fastmcp.exceptions import McpError
from fastmcp.settings import get_settings
from fastmcp.utilities import mcp_types
from fastmcp.utilities.mcp_types import Implementation

__all__ = ["ServerDownError", "Upstream"]

logger = logging.getLogger("fastmcp.client")

_OPEN_SECONDS: Final = 120.0
"""How long connecting may take where nothing else is said: package runners download first."""
_WAITED_FOR: Final = 5.0
"""Seconds of that which somebody who lists waits."""

Said = Callable[[str, str, dict[str, Any]], Awaitable[None]]
"""Hears what a server says of its own accord: the server's name, method, params."""


class ServerDownError(ConnectionClosedError):
    """One of several servers is away. Its session has already waited for it."""

    @property
    def passing(self) -> bool:
        return False


class _Relay(Handlers):
    """Handlers of one server's session: those of the client in front, asked at every use."""

    def __init__(
        self,
        outer: ClientSession,
        said: Callable[[str, dict[str, Any]], Awaitable[None]],
        missed: Callable[[], None],
    ) -> None:
        super().__init__()
        self._outer = outer
        self._said = said
        self._missed = missed

    def capabilities(self, version: str) -> dict[str, Any]:
        return self._outer.handlers.capabilities(version)

    async def answer(
        self, method: str, params: dict[str, Any], context: RequestContext
    ) -> dict[str, Any]:
        return await self._outer.handlers.answer(method, params, context)

    async def hear(
        self, method: str, params: dict[str, Any], progress: ProgressHandler | None
    ) -> None:
        if progress is not None:
            await super().hear(method, params, progress)
        elif method != "notifications/progress":
            await self._said(method, params)

    async def tell(self, message: Any) -> None:
        await self._outer.handlers.tell(message)

    def missed(self) -> None:
        self._missed()


class Upstream:
    """One server.

    Args:
        name: in the configuration.
        transport: to it.
        reshaping: what the client sees of its tools.
        said: hears what it says of its own accord.
        missed: is called with its name when changes there were missed.
        back: awaited with what is subscribed to there, when it was reached after the client had
            begun without it, or lost it.
    """

    def __init__(
        self,
        name: str,
        transport: ClientTransport,
        reshaping: Reshaping,
        said: Said,
        missed: Callable[[str], None],
        back: Callable[[Upstream, list[str]], Awaitable[None]],
    ) -> None:
        self.name = name
        self.reshaping = reshaping
        self._said = said
        self._missed = missed
        self._back = back
        self._connection = Connection(transport, get_settings().client_disconnect_timeout)
        self._outer: ClientSession | None = None
        self._relay: _Relay | None = None
        self._mode = ""
        self._began = False
        self._opening: asyncio.Task[None] | None = None
        self._opening_since = 0.0
        self._why: str | None = None
        self._patience = StreamPatience()
        self._again_at = 0.0
        self._lists: set[str] = set()
        self._uris: dict[str, None] = {}
        self._restoring: asyncio.Task[None] | None = None

    # --- the connection ------------------------------------------------------------------------

    @property
    def connected(self) -> ClientSession | None:
        """Its session, where there is one that can be used."""
        return self._connection.session

    @property
    def why(self) -> str | None:
        """Why it cannot be reached; None where nothing speaks against it."""
        return self._why

    def begin(self, outer: ClientSession, mode: str) -> asyncio.Task[None]:
        """Connect for the first time. The task does not fail; `why` says what went wrong.

        Args:
            outer: the session of the client in front.
            mode: as of a client.
        """
        self._outer, self._mode = outer, mode
        said, missed = partial(self._said, self.name), partial(self._missed, self.name)
        self._relay = _Relay(outer, said, missed)
        return self._open_once()

    def began(self) -> None:
        """The client has begun: from now on a server that is reached is one that came back."""
        self._began = True

    async def session(self) -> ClientSession:
        """Its session, opened anew where it was lost.

        Raises:
            ServerDownError: it cannot be reached.
        """
        session = self._connection.session
        if session is not None:
            return session
        now = asyncio.get_running_loop().time()
        if self._opening is None and self._why is not None and now < self._again_at:
            raise self.down(self._why)
        await asyncio.wait([self._open_once()])  # goes on where this caller is cancelled
        session = self._connection.session
        if session is None:
            raise self.down(self._why or "its connection ended at once")
        return session

    async def soon(self) -> ClientSession:
        """The same for who has others to ask: without much waiting.

        Raises:
            ServerDownError: it cannot be reached, or not yet.
        """
        since = self._opening_since if self._opening else asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(since + _WAITED_FOR):
                return await self.session()
        except TimeoutError as exc:
            raise self.down("it does not answer yet") from exc

    def down(self, why: str, *, reached: bool = False) -> ServerDownError:
        """The error of what was to be done there.

        Args:
            why: it was not done.
            reached: whether the server may have acted on it.
        """
        return ServerDownError(f"the server {self.name!r}: {why}", reached=reached)

    async def close(self) -> None:
        """End the session."""
        tasks = [task for task in (self._opening, self._restoring) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._connection.shut()

    def _open_once(self) -> asyncio.Task[None]:
        if self._opening is None:
            self._opening_since = asyncio.get_running_loop().time()
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(self._opened)
        return self._opening

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled() and task.exception() is not None:
            logger.error("Connecting to the server %r failed", self.name, exc_info=task.exception())

    async def _open(self) -> None:
        outer = self._outer
        seconds = (outer.init_timeout if outer is not None else None) or _OPEN_SECONDS
        self._patience.begin()
        try:
            async with asyncio.timeout(seconds):
                await self._connection.enter(self._make_session, self._negotiate)
        except Exception as exc:
            first = self._why is None
            late = isinstance(exc, TimeoutError) or (
                isinstance(exc, ConnectFailedError) and exc.why is None
            )
            self._why = f"no answer within {seconds:g} seconds" if late else why_of(exc)
            self._again_at = asyncio.get_running_loop().time() + self._patience.pause()
            if first:
                logger.warning(
                    "The server %r cannot be reached; what it offers is missing until it can: %s",
                    self.name,
                    self._why,
                )
            return
        self._why, self._patience = None, StreamPatience()
        session = self.connected
        if session is not None:
            if self._restoring is not None:
                self._restoring.cancel()
            self._restoring = asyncio.create_task(self._restore(session))

    def _make_session(self, channel: Channel) -> ClientSession:
        outer, relay = self._outer, self._relay
        assert outer is not None
        assert relay is not None
        return ClientSession(
            channel,
            relay,
            Implementation.model_validate(outer.client_info),
            init_timeout=outer.init_timeout,
            max_rounds=outer.max_rounds,
            retry_seconds=outer.retry_seconds,
        )

    async def _negotiate(self, session: ClientSession) -> None:
        await self._connection.negotiate(session, self._mode, session.init_timeout, None)

    # --- what outlives a session ---------------------------------------------------------------

    async def _restore(self, session: ClientSession) -> None:
        """Say to a new session what the client had said to the one before, and to the client that
        everything may have changed."""
        session.subscriptions.want(self._lists)
        uris = list(self._uris)
        for error in await all_of([session.subscriptions.subscribe(uri) for uri in uris]):
            if isinstance(error, McpError):  # it is wanted still, of the session after this one
                logger.warning("The server %r takes no more what it took: %s", self.name, error)
        if self._began:
            await self._back(self, uris)

    def capabilities(self) -> dict[str, Any] | None:
        """What it says it can do; None where it is away or was not asked."""
        session = self.connected
        if session is None or session.server_capabilities is None:
            return None
        if session.initialize_result is None and session.discover_result is None:
            return None
        return session.server_capabilities.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def set_level(self, level: mcp_types.LoggingLevel) -> None:
        """Have log messages from this level up."""
        assert self._relay is not None
        self._relay.log_level = level  # of the sessions that come
        session = self.connected
        if session is None:
            return
        if session.base_meta is not None or "logging" in (self.capabilities() or {}):
            await session.set_logging_level(level)

    async def subscribe(self, uri: str) -> None:
        """Hear of changes of a resource, by its own URI, until `unsubscribe`.

        Raises:
            McpError: the server does not tell of them, or cannot be reached.
        """
        if uri not in self._uris:
            await (await self.session()).subscriptions.subscribe(uri)
            self._uris[uri] = None

    async def unsubscribe(self, uri: str) -> None:
        """Hear of them no more."""
        self._uris.pop(uri, None)
        session = self.connected
        if session is not None:
            await session.subscriptions.unsubscribe(uri)

    async def listen(self, methods: Iterable[str]) -> None:
        """Hear of these changes of its lists, where that has to be asked for: soon, where the
        server is slow or away."""
        self._lists.update(methods)
        session = self.connected
        if session is not None:
            await session.subscriptions.open(self._lists)


def all_of(work: Sequence[Coroutine[Any, Any, Any]]) -> Awaitable[list[Any]]:
    """All results; an error is one of them."""
    return asyncio.gather(*work, return_exceptions=True)
