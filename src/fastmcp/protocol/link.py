"""Where the two sides meet, so that neither imports the other.

An in-memory client talks to a server object: bytes in both directions, one JSON-RPC message each,
as on a pipe. A server that stands in front of another one talks to that through a client: what a
method's params and result are, as JSON has them, and no model in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, runtime_checkable

__all__ = [
    "Deliver",
    "Downstream",
    "ForwardingClient",
    "InProcessServer",
    "OnProgress",
    "Upstream",
]

Deliver: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Takes one message."""


@runtime_checkable
class InProcessServer(Protocol):
    """A server object that a client in the same process can be connected to."""

    def connect_in_process(self, deliver: Deliver) -> AbstractAsyncContextManager[Deliver]:
        """Open a connection.

        Args:
            deliver: is awaited with every message of the server.
        Returns:
            A context manager: entered it gives the function that takes the client's messages
            (it returns when the message was accepted, not when it was answered); left it ends
            the connection, and everything that was still running for it is cancelled. The
            server's lifespan runs while at least one connection is open.
        """
        ...


OnProgress: TypeAlias = Callable[[float, float | None, str | None], Awaitable[None]]
"""Hears how far a request is: progress, total, message."""


class Downstream(Protocol):
    """Whom a client forwards for: one client of the server in front."""

    def capabilities(self) -> dict[str, Any]:
        """What it can be asked for (`ClientCapabilities`)."""
        ...

    def headers(self) -> Mapping[str, str]:
        """HTTP headers of the request that is served now, as far as they may go on."""
        ...

    async def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Its answer to what the server behind asks.

        Raises:
            McpError: it gave none.
        """
        ...

    async def hear(self, method: str, params: dict[str, Any]) -> None:
        """The server behind tells something; progress of a request has its own way."""
        ...


class Upstream(Protocol):
    """A connection to the server behind, for one `Downstream`; opened by its first use, and again
    after it was lost.

    Attributes:
        name: what people call that server: its address, or its command.
    """

    name: str

    @property
    def shareable(self) -> bool:
        """Whether nothing on this connection belongs to one client: every request says all of
        itself, and what it causes comes back with it (2026-07-28 over HTTP)."""
        ...

    @property
    def is_slow_to_start(self) -> bool:
        """Whether the server begins with the connection, and may take its time: a process."""
        ...

    async def open(self) -> None:
        """Connect now.

        Raises:
            UpstreamError: it cannot be reached.
            McpError: it refused.
        """
        ...

    def introduction(self) -> dict[str, Any]:
        """What it said of itself when the connection was opened: `capabilities`, `serverInfo` and
        `instructions`, as far as it did."""
        ...

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
        """Send a request and return its result, as they are.

        Args:
            log_level: the least severe log messages that are wanted; None for none, "" where
                nobody said.
            progress: hears how far it is; None asks for no progress.
            headers: HTTP headers that mirror arguments.
            repeatable: whether it may be made twice; None for what its method says.
        Raises:
            UpstreamError: the server cannot be reached, or went away.
            McpError: its error.
        """
        ...

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification.

        Raises:
            UpstreamError: the server cannot be reached.
        """
        ...

    async def listen(self, uris: Collection[str]) -> None:
        """From now on, hear when its lists change, and when these resources are updated."""
        ...

    async def close(self) -> None:
        """End the connection, and the session with it. Never raises."""
        ...


@runtime_checkable
class ForwardingClient(Protocol):
    """A client that can forward: what says where a server is, and how to be let in."""

    def forward(self, downstream: Downstream, *, handshake_first: bool) -> Upstream:
        """A connection of its own for one client of the server in front; it is not open yet.

        Args:
            downstream: that client.
            handshake_first: that client has a session, and so it shall have one behind, if the
                server there has sessions.
        """
        ...
