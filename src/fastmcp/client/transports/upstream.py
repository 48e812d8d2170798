"""One of the servers behind a composite client: connected while it can be.

It has a session of its own, in the era it speaks. What it asks is answered by the handlers of the
one client in front; what it says is handed to the composite (`composite.py`), which knows what it
is called there. A server that cannot be reached is asked again at the next use, but not before
some seconds have passed, and the error of a use in between names it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from mcp_types import Implementation

from fastmcp.client.channel import Channel
from fastmcp.client.connection import Connection
from fastmcp.client.context import RequestContext
from fastmcp.client.errors import ConnectionClosedError
from fastmcp.client.handlers import Handlers
from fastmcp.client.progress import ProgressHandler
from fastmcp.client.reshaping import Reshaping
from fastmcp.client.session import ClientSession
from fastmcp.client.transports.base import ClientTransport
from fastmcp.exceptions import McpError
from fastmcp.protocol import meta
from fastmcp.protocol.errors import INVALID_PARAMS, METHOD_NOT_FOUND
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.param_headers import ParamHeader
from fastmcp.protocol.subscriptions import LISTEN
from fastmcp.protocol.versions import Era
from fastmcp.settings import get_settings

__all__ = ["ServerDownError", "Upstream"]

logger = logging.getLogger("fastmcp.client")

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
"""Seconds between attempts to reach a server that is away; each pause is twice the last."""
_OPEN_SECONDS: Final = 120.0
"""How long connecting may take where nothing else is said: package runners download first."""
_WAITED_FOR: Final = 5.0
"""Seconds of that which somebody who lists waits."""
_ACKNOWLEDGE_SECONDS: Final = 5.0

_LISTS: Final = {
    "tools": "toolsListChanged",
    "prompts": "promptsListChanged",
    "resources": "resourcesListChanged",
}

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
        self, outer: ClientSession, said: Callable[[str, dict[str, Any]], Awaitable[None]]
    ) -> None:
        super().__init__()
        self._outer = outer
        self._said = said

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


class Upstream:
    """One server.

    Args:
        name: in the configuration.
        transport: to it.
        reshaping: what the client sees of its tools.
        said: hears what it says of its own accord.
        back: awaited when it was reached again after the client had begun without it.

    Attributes:
        param_headers: which arguments of its tools travel as headers too, by the tool's own name.
    """

    def __init__(
        self,
        name: str,
        transport: ClientTransport,
        reshaping: Reshaping,
        said: Said,
        back: Callable[[Upstream], Awaitable[None]],
    ) -> None:
        self.name = name
        self.reshaping = reshaping
        self.param_headers: dict[str, tuple[ParamHeader, ...]] = {}
        self._said = said
        self._back = back
        self._connection = Connection(transport, get_settings().client_disconnect_timeout)
        self._outer: ClientSession | None = None
        self._mode = ""
        self._began = False
        self._opening: asyncio.Task[None] | None = None
        self._opening_since = 0.0
        self._why: str | None = None
        self._failures = 0
        self._again_at = 0.0
        self._level: str | None = None
        self._wants_lists = False
        self._uris: dict[str, None] = {}
        self._listening: asyncio.Task[None] | None = None
        self._acknowledged = asyncio.Event()

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

    def down(self, why: str) -> ServerDownError:
        """The error of what was to be done there."""
        return ServerDownError(f"the server {self.name!r}: {why}", reached=False)

    async def close(self) -> None:
        """End the session."""
        tasks = [task for task in (self._opening, self._listening) if task is not None]
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
        try:
            async with asyncio.timeout(seconds):
                await self._connection.enter(self._make_session, self._negotiate)
        except Exception as exc:
            first = self._why is None
            self._why = str(exc).removeprefix("Client failed to connect: ")
            if isinstance(exc, TimeoutError) or self._why == "Failed to initialize server session":
                self._why = f"no answer within {seconds:g} seconds"
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failures)
            self._failures = min(self._failures + 1, 10)
            self._again_at = asyncio.get_running_loop().time() + pause
            if first:
                logger.warning(
                    "The server %r cannot be reached; what it offers is missing until it can: %s",
                    self.name,
                    self._why,
                )
            return
        self._why, self._failures = None, 0
        await self._restore()
        if self._began:
            await self._back(self)

    def _make_session(self, channel: Channel) -> ClientSession:
        outer = self._outer
        assert outer is not None
        return ClientSession(
            channel,
            _Relay(outer, self._hear),
            Implementation.model_validate(outer.client_info),
            init_timeout=outer.init_timeout,
            max_rounds=outer.max_rounds,
            retry_seconds=outer.retry_seconds,
        )

    async def _negotiate(self, session: ClientSession) -> None:
        await self._connection.negotiate(session, self._mode, session.init_timeout, None)

    async def _hear(self, method: str, params: dict[str, Any]) -> None:
        if method == "notifications/subscriptions/acknowledged":
            self._acknowledged.set()
            return
        await self._said(self.name, method, params)

    # --- what outlives a session ---------------------------------------------------------------

    async def _restore(self) -> None:
        """Say to a new session what the client had said to the one before."""
        self.param_headers.clear()
        try:
            if self._level is not None:
                await self.set_level(self._level)
            session = self.connected
            if session is not None and session.era is Era.HANDSHAKE:
                for uri in self._uris:
                    await session.request("resources/subscribe", {"uri": uri})
        except McpError as exc:
            logger.warning("The server %r does not take what it took before: %s", self.name, exc)
        self._attend()

    def capabilities(self) -> dict[str, Any] | None:
        """What it says it can do; None where it is away or was not asked."""
        session = self.connected
        if session is None or session.server_capabilities is None:
            return None
        if session.initialize_result is None and session.discover_result is None:
            return None
        return session.server_capabilities.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def set_level(self, level: str) -> None:
        """Have log messages from this level up."""
        self._level = level
        session = self.connected
        if session is None:
            return
        if session.base_meta is not None:
            session.base_meta[meta.LOG_LEVEL] = level
        elif "logging" in (self.capabilities() or {}):
            await session.request("logging/setLevel", {"level": level})

    async def subscribe(self, uri: str, wanted: bool) -> None:
        """Hear of changes of a resource, or no longer.

        Args:
            uri: its own URI.
            wanted: False ends it.
        """
        session = await self.session()
        if session.era is Era.HANDSHAKE:
            kind = "subscribe" if wanted else "unsubscribe"
            await session.request(f"resources/{kind}", {"uri": uri})
        if wanted:
            self._uris[uri] = None
        else:
            self._uris.pop(uri, None)
        if session.era is Era.STATELESS:
            self._attend()
            if wanted:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_ACKNOWLEDGE_SECONDS):
                        await self._acknowledged.wait()

    def listen_to_lists(self) -> None:
        """Hear of changes of its lists. In the handshake era they are told unasked."""
        if not self._wants_lists:
            self._wants_lists = True
            self._attend()

    def _attend(self) -> None:
        """Listen to what is wanted now, where that has to be asked for."""
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None
        session = self.connected
        if session is not None and session.era is Era.STATELESS and self._filter():
            self._acknowledged.clear()
            self._listening = asyncio.create_task(self._listen(session))

    def _filter(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if self._wants_lists:
            able = self.capabilities() or {}
            for kind, field in _LISTS.items():
                if (as_object(able.get(kind)) or {}).get("listChanged"):
                    wanted[field] = True
        if self._uris:
            wanted["resourceSubscriptions"] = list(self._uris)
        return wanted

    async def _listen(self, session: ClientSession) -> None:
        pause = _FIRST_PAUSE
        while session.closed is None:
            try:
                await session.request(LISTEN, {"notifications": self._filter()}, timeout=0)
            except McpError as exc:
                logger.debug("Listening to the server %r ended: %s", self.name, exc)
                if exc.code in (METHOD_NOT_FOUND, INVALID_PARAMS):
                    return
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
            for kind in _LISTS if self._wants_lists else ():  # it may have changed meanwhile
                await self._said(self.name, f"notifications/{kind}/list_changed", {})


def all_of(work: Sequence[Coroutine[Any, Any, Any]]) -> Awaitable[list[Any]]:
    """All results; an error is one of them."""
    return asyncio.gather(*work, return_exceptions=True)
