"""Where the client's engine and its transports meet.

A `Channel` is one open connection to a server: it carries a request to its response and hands
everything else the server says to the `Receiver`. The engine (`session.py`) knows methods, eras
and handlers; a channel knows bytes, sockets and pipes. Neither does the other's work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol

import msgspec

from fastmcp.client.patience import Term
from fastmcp.protocol.jsonrpc import Notification, Request, RequestId, Response

__all__ = ["Channel", "Handshaken", "Outgoing", "Receiver"]


class Outgoing(msgspec.Struct):
    """One request on its way.

    Attributes:
        id: its JSON-RPC id.
        method: its method.
        body: the whole message as JSON.
        version: the revision it speaks, None for `initialize`, which is still to fix it.
        stateless: whether that is a revision of the stateless era.
        name: what `Mcp-Name` mirrors, None where the method has no such field.
        headers: further HTTP headers (`Mcp-Param-*`).
        term: its time-out, None where it has none.
    """

    id: RequestId
    method: str
    body: bytes
    version: str | None = None
    stateless: bool = False
    name: str | None = None
    headers: dict[str, str] | None = None
    term: Term | None = None


class Handshaken(msgspec.Struct):
    """The outcome of `initialize` on a channel that outlives a client's stay (`keep_alive`)."""

    capabilities: dict[str, Any]
    result: dict[str, Any]


class Receiver(Protocol):
    """Who hears what the server says of its own accord."""

    def on_request(self, request: Request) -> None:
        """The server asks something: an answer is prepared in a task of its own."""
        ...

    def on_notification(self, notification: Notification) -> Awaitable[None] | None:
        """The server tells something. An awaitable is awaited before the next message."""
        ...

    async def on_lost(self) -> None:
        """The server does not know the session any more: open another one. Never raises."""
        ...

    def on_missed(self) -> None:
        """The stream on which the server tells of changes ended, and cannot be resumed."""
        ...

    def on_exception(self, exc: Exception) -> None:
        """What the server sent cannot be understood, or it went away, and no call can say so."""
        ...


class Channel(Protocol):
    """One open connection.

    Attributes:
        is_pipe: both directions share one ordered stream; a request is cancelled by a
            notification alone. False: every request has a response stream of its own.
        address: host and port of the server; None on a pipe.
        closed: why the connection ended; None while it is usable.
        last_id: the last JSON-RPC id used on it (ids are never used twice in a session).
        handshaken: what `initialize` fixed on it, where the connection outlives its client.
    """

    is_pipe: bool
    address: tuple[str, int] | None
    closed: Exception | None
    last_id: int
    handshaken: Handshaken | None

    def attach(self, receiver: Receiver | None) -> None:
        """Say who hears the server from now on."""
        ...

    def request(self, outgoing: Outgoing) -> Coroutine[Any, Any, Response]:
        """Send a request and wait for its response.

        Raises:
            ConnectionClosedError: the server went away.
            SessionLostError: it does not know this session; the request did not reach it.
            HttpStatusError: an HTTP error without a JSON-RPC message.
        """
        ...

    async def send(self, body: bytes, version: str | None) -> None:
        """Send a notification, or a response to one of the server's requests."""
        ...

    async def opened(self, version: str) -> None:
        """The handshake is done: the server may now speak of its own accord."""
        ...

    def session_id(self) -> str | None:
        """What the transport calls the session, if anything."""
        ...
