"""The life of a client's connection: opened by the first who enters, ended by the last to leave.

A transport's context manager must be entered and left in one task, users' tasks come and go: so
each connection has a task of its own that does both. Entering waits until that task has opened
the session, leaving asks it to end and waits, for a bounded time.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from fastmcp.client.channel import Channel
from fastmcp.client.errors import ConnectFailedError, ConnectionClosedError, RequestTimeoutError
from fastmcp.client.patience import Term
from fastmcp.client.session import ClientSession
from fastmcp.exceptions import McpError
from fastmcp.protocol.negotiation import AUTO, LEGACY
from fastmcp.protocol.versions import Era
from fastmcp.utilities import mcp_types

if TYPE_CHECKING:  # transports that connect to several servers import this module
    from fastmcp.client.transports.base import ClientTransport

__all__ = ["Connection"]

logger = logging.getLogger("fastmcp.client")

_NESTED = 100
"""How many of one task's entries are told apart: some enter, close, and never leave."""


class _Stays:
    """Those who are in, from one end for everybody to the next."""

    def __init__(self) -> None:
        self.count = 0


class Connection:
    """Shared by everybody who entered one client.

    Args:
        transport: to connect through.
        disconnect_timeout: seconds that leaving may take.
    """

    def __init__(self, transport: ClientTransport, disconnect_timeout: float) -> None:
        self._transport = transport
        self._disconnect_timeout = disconnect_timeout
        self._session: ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()
        """Of opening and ending. It belongs to the loop, and so does all that follows."""
        self._stays = _Stays()
        self._inside: weakref.WeakKeyDictionary[asyncio.Task[Any], deque[_Stays]]
        self._inside = weakref.WeakKeyDictionary()
        self._owner: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()

    @property
    def session(self) -> ClientSession | None:
        """The session, None while there is none that can be used."""
        session = self._session
        usable = session is not None and session.closed is None and self._is_of_this_loop()
        return session if usable else None

    def require(self) -> ClientSession:
        """The session.

        Raises:
            RuntimeError: nobody has entered.
        """
        if self._session is None or not self._is_of_this_loop():
            raise RuntimeError(
                "Client is not connected. Use the 'async with client:' context manager first."
            )
        return self._session

    def refresh(self) -> None:
        """The handlers changed: declare what they can do now."""
        if self._session is not None:
            self._session.refresh_capabilities()

    async def enter(
        self,
        make: Callable[[Channel], ClientSession],
        negotiate: Callable[[ClientSession], Awaitable[None]],
    ) -> None:
        """Open the connection unless there is one that works.

        Args:
            make: the session of an open channel.
            negotiate: opens the session.
        """
        lock, stays = self._here(), self._stays
        stays.count += 1  # at once: nobody who leaves meanwhile is the last
        try:
            async with lock:
                if stays is not self._stays:  # it was ended for everybody meanwhile
                    stays = self._stays
                    stays.count += 1
                if self.session is None:
                    await self._end()
                    await self._open(make, negotiate)
        except BaseException:
            await self._one_less(stays)
            raise
        self._inside.setdefault(_task(), deque(maxlen=_NESTED)).append(stays)

    async def leave(self) -> None:
        """End the connection if nobody else is in. Who entered one that was ended for everybody
        leaves nothing; in another task than entered it, that one is the connection there is."""
        self._here()
        inside = self._inside.get(_task())
        await self._one_less(inside.pop() if inside else self._stays)

    async def shut(self) -> None:
        """End the connection for everybody."""
        lock = self._here()
        self._stays = _Stays()
        async with lock:
            await self._end()

    async def _one_less(self, stays: _Stays) -> None:
        stays.count = max(0, stays.count - 1)
        if stays.count > 0 or stays is not self._stays:
            return  # without the lock: somebody may hold it for as long as connecting takes
        async with self._lock:
            if stays.count == 0 and stays is self._stays:
                await self._end()

    def _here(self) -> asyncio.Lock:
        """The lock of the running loop. Those who were in when another one ended never leave."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._lock, self._stays = loop, asyncio.Lock(), _Stays()
            self._inside.clear()
        return self._lock

    def _is_of_this_loop(self) -> bool:
        loop = self._loop
        try:
            return loop is asyncio.get_running_loop()
        except RuntimeError:  # asked where nothing runs, as between two runs of one loop
            return loop is not None and not loop.is_closed()

    async def _open(
        self,
        make: Callable[[Channel], ClientSession],
        negotiate: Callable[[ClientSession], Awaitable[None]],
    ) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[ClientSession] = loop.create_future()
        leave = self._leave = asyncio.Event()

        async def own() -> None:
            try:
                async with self._transport.open_channel() as channel:
                    session = make(channel)
                    try:
                        await negotiate(session)
                        if not ready.done():
                            ready.set_result(session)
                        await leave.wait()
                    finally:
                        await session.close(self._disconnect_timeout)
            except asyncio.CancelledError:
                ready.cancel()
            except Exception as exc:
                if ready.done():
                    logger.debug("Disconnecting failed", exc_info=True)
                else:
                    ready.set_exception(exc)

        self._owner = asyncio.create_task(own())
        try:
            self._session = await ready
        except asyncio.CancelledError:
            self._owner.cancel()
            await self._end()
            raise
        except McpError as exc:
            await self._end()
            if isinstance(exc, ConnectionClosedError):
                raise ConnectFailedError(exc.why) from exc
            raise
        except ConnectFailedError:
            await self._end()
            raise
        except Exception as exc:
            await self._end()
            raise ConnectFailedError(str(exc)) from exc

    async def _end(self) -> None:
        owner, self._owner, self._session = self._owner, None, None
        if owner is None or owner.get_loop() is not asyncio.get_running_loop():
            return  # a loop that ended took its tasks with it
        self._leave.set()
        _, late = await asyncio.wait([owner], timeout=self._disconnect_timeout or None)
        if late:
            owner.cancel()
            await asyncio.wait([owner], timeout=1.0)

    async def negotiate(
        self,
        session: ClientSession,
        mode: str,
        seconds: float | None,
        prior: mcp_types.DiscoverResult | None,
        prefer: Era | None = None,
    ) -> None:
        """Open the session within a time.

        Args:
            prefer: in mode "auto", the era to begin with.
        Raises:
            ConnectFailedError: it took longer.
        """
        transport = self._transport
        if mode == AUTO and transport.legacy_only:
            mode = LEGACY
        session.opening = None if seconds is None else Term(seconds)
        try:
            async with nullcontext() if session.opening is None else session.opening.start():
                remembered = prefer or transport.remembered_era
                era = await session.negotiate(mode, remembered=remembered, prior=prior)
                if mode == AUTO and prefer is None:  # a wish teaches nothing of the server
                    transport.remembered_era = era
        except (TimeoutError, RequestTimeoutError) as exc:
            # Where the time ran out over attempts, the last one says why.
            why = None if session.put_off is None else str(session.put_off)
            raise ConnectFailedError(why, in_time=False) from exc
        finally:
            session.opening = None

    async def initialize(
        self, mode: str, seconds: float | None, prior: mcp_types.DiscoverResult | None
    ) -> mcp_types.InitializeResult:
        """The server's answer to the handshake, which is made if it was not.

        Raises:
            RuntimeError: a stateless connection, which has none.
        """
        session = self.require()
        if session.era is None:
            await self.negotiate(session, mode, seconds, prior)
        if session.initialize_result is None:
            raise RuntimeError(
                f"There is no InitializeResult: the server speaks {session.protocol_version}, "
                "which has no handshake. Read client.server_info, client.server_capabilities and "
                "client.instructions, or connect with mode='legacy'."
            )
        return session.initialize_result


def _task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # a coroutine that waits is in one
    return task
