"""Which relay serves a call: connections to the server behind, and whose they are.

Two clients never share a connection on which something belongs to one of them. A client that can be
told from others (`server/audience`) has one of its own, kept until its session ends, or for a time
after its last call. A call of anyone has one for itself, unless the server behind keeps nothing
between requests: then there is nothing to share, and the connection serves anyone.

What a client declares it can be asked for is a part of whose a connection is: it was declared to
the server behind when the connection was opened.

Whoever can send a request can name a new client with each, so there is a limit to all of them,
`FASTMCP_PROXY_MAX_CONNECTIONS`, and a lower one where each is a process,
`FASTMCP_PROXY_MAX_PROCESSES`. At the limit the one that is idle for the longest gives way; where
none is idle, the call is refused. So is one that has come through here before (`protocol/passage`).
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

from fastmcp.exceptions import UpstreamError
from fastmcp.protocol.jsonrpc import as_object, dump
from fastmcp.protocol.link import ForwardingClient, Upstream
from fastmcp.protocol.passage import MOST, passage
from fastmcp.protocol.versions import Era
from fastmcp.server.audience import ANYONE, audience_of
from fastmcp.server.bus import Change
from fastmcp.server.context import Context
from fastmcp.server.forwarding.relay import Relay
from fastmcp.settings import get_settings
from fastmcp.utilities.spawning import spawn

__all__ = ["ClientFactory", "Relays"]

ClientFactory = Callable[[], "ForwardingClient | Awaitable[ForwardingClient]"]

_SESSION_SECONDS: Final = 3600.0
"""How long the connection of a session is kept that has made no call and whose end was not heard:
it may have come to another worker since."""
_OTHER_SECONDS: Final = 60.0
"""And that of a client without a session, whose end nobody ever hears."""
_SWEEP_SECONDS: Final = 15.0
_FAREWELL_SECONDS: Final = 3.0


class _Key(NamedTuple):
    """Whose a relay is."""

    audience: str
    era: Era
    declared: bytes


class Relays:
    """The relays of one server behind.

    Args:
        client_factory: makes the client that says where that server is; sync or async.
        publish: tells this server what changed.
    """

    def __init__(self, client_factory: ClientFactory, publish: Callable[[Change], None]) -> None:
        self._client_factory = client_factory
        self._publish = publish
        self._name = secrets.token_hex(8)
        self._kept: dict[_Key, Relay] = {}  # the one that was used last stands last
        self._alive: set[Relay] = set()
        self._farewells: dict[_Key, tuple[list[Callable[[], None]], Callable[[], None]]] = {}
        self._running = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """While connections are kept: without, each call has one for itself."""
        self._running += 1
        if self._running == 1:
            self._sweep_later()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                if self._sweep is not None:
                    self._sweep.cancel()
                for key in list(self._kept):
                    self._end(key)
                if self._closing:
                    await asyncio.wait(self._closing, timeout=_FAREWELL_SECONDS)

    @asynccontextmanager
    async def serving(self, context: Context, relay: Relay | None = None) -> AsyncGenerator[Relay]:
        """The relay of a call's client, while the call is served.

        Args:
            context: the call's.
            relay: the one that serves it already, for what it does besides.
        """
        key = self._key(context)
        if relay is None:
            relay = self._kept.pop(key, None)
            if relay is None:
                relay = self._made(key, context)
            else:
                self._kept[key] = relay
        try:
            with relay.serving(context):
                yield relay
        finally:
            if self._kept.get(key) is not relay and not relay.busy:
                self._let_go(key, relay)

    def known(self, context: Context) -> Relay | None:
        """The relay of a call's client, if it has one already."""
        return self._kept.get(self._key(context))

    @staticmethod
    def _key(context: Context) -> _Key:
        return _Key(audience_of(context), context.call.era, dump(context.client_capabilities))

    def _made(self, key: _Key, context: Context) -> Relay:
        handshake = context.session is not None
        come = passage(as_object(context.client_capabilities.get("experimental")))
        if self._name in come:
            raise UpstreamError(
                "This request has come through this server before: what stands behind it stands in "
                "front of it as well",
                passing=False,
            )
        if len(come) >= MOST:
            raise UpstreamError(
                f"This request has come through {len(come)} servers, each in front of the next, "
                "and goes no further",
                passing=False,
            )

        async def connect(relay: Relay) -> Upstream:
            client: Any = self._client_factory()
            if inspect.isawaitable(client):
                client = await client
            upstream: Upstream = client.forward(relay, handshake_first=handshake)
            if upstream.is_slow_to_start:
                others = {other for other in self._alive if other is not relay and _starts(other)}
                self._make_room(others, get_settings().proxy_max_processes, "processes")
            return upstream

        self._make_room(self._alive, get_settings().proxy_max_connections, "clients")
        relay = Relay(
            connect,
            self._publish,
            key.audience,
            context.client_capabilities,
            (*come, self._name),
            _is_there(context),
        )
        self._alive.add(relay)
        if self._running and key.audience != ANYONE:
            self._kept[key] = relay
            closers = _closers(context)
            if closers is not None:
                self._farewells[key] = closers, lambda: self._end(key)
                closers.append(self._farewells[key][1])
        return relay

    def _make_room(self, alive: Collection[Relay], most: int, what: str) -> None:
        """For one more.

        Args:
            alive: those that there are.
            most: the limit; 0 for none.
            what: they are, for the error.
        Raises:
            UpstreamError: there is no room, and none to be had.
        """
        if not most or len(alive) < most:
            return
        for key, relay in self._kept.items():
            if relay.idle and relay in alive:
                self._end(key)
                return
        raise UpstreamError(
            f"{most} {what} use the server behind this one now, and there may not be more; try "
            "again later"
        )

    def _let_go(self, key: _Key, relay: Relay) -> None:
        """A call of anyone is over."""
        upstream = relay.upstream
        shareable = upstream is not None and upstream.shareable and relay in self._alive
        if self._running and key.audience == ANYONE and key not in self._kept and shareable:
            self._kept[key] = relay
        else:
            self._close(relay)

    def _end(self, key: _Key) -> None:
        relay = self._kept.pop(key, None)
        if key in self._farewells:
            closers, farewell = self._farewells.pop(key)
            with suppress(ValueError):  # its client is going, and has taken it out
                closers.remove(farewell)
        if relay is not None:
            self._close(relay)

    def _close(self, relay: Relay) -> None:
        if relay in self._alive:
            self._alive.discard(relay)
            spawn(relay.close(), self._closing)

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_later(_SWEEP_SECONDS, self._sweep_now)

    def _sweep_now(self) -> None:
        now = asyncio.get_running_loop().time()
        for key, relay in list(self._kept.items()):
            limit = _SESSION_SECONDS if key.era is Era.HANDSHAKE else _OTHER_SECONDS
            if relay.idle and now - relay.used > limit:
                self._end(key)
        self._sweep_later()


def _is_there(context: Context) -> Callable[[], bool]:
    """Whether the client of a call is still connected, as far as that can be known."""
    session = context.session
    if context.exchange.connection:
        return lambda: True
    return (lambda: False) if session is None else (lambda: session.busy)


def _closers(context: Context) -> list[Callable[[], None]] | None:
    """What is called when the client of a call goes, where that is heard."""
    session = context.session
    return context.exchange.closers if session is None else session.closers


def _starts(relay: Relay) -> bool:
    return relay.upstream is not None and relay.upstream.is_slow_to_start
