"""What a client can be connected through.

A transport is a recipe: an address, a command, a server object. `open_channel()` follows it and
gives one open connection; the same transport may be opened many times. Sources: 2025-11-25 and
2026-07-28, basic/transports.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

from fastmcp.client.channel import Channel
from fastmcp.protocol.versions import Era

__all__ = ["ClientTransport"]


class ClientTransport(ABC):
    """Base of the transports.

    Attributes:
        legacy_only: the transport cannot carry the stateless era, so a client in mode "auto"
            does not ask for it.
        starts_server: the server is started by connecting, and may need a while.
    """

    legacy_only: bool = False
    starts_server: bool = False
    _era: Era | None = None

    @property
    def remembered_era(self) -> Era | None:
        """What the server spoke last time (basic/versioning: the era is a property of the server
        and SHOULD be cached for its lifetime)."""
        return self._era

    @remembered_era.setter
    def remembered_era(self, era: Era | None) -> None:
        self._era = era

    @abstractmethod
    def open_channel(self) -> AbstractAsyncContextManager[Channel]:
        """Connect: entered, the context manager gives a channel; left, it disconnects. It is
        entered and left in one task, which lives as long as the connection."""

    async def close(self) -> None:  # noqa: B027  (most transports keep nothing between channels)
        """End what outlives a connection, such as a kept subprocess."""

    def get_session_id(self) -> str | None:
        """The id of the current session, where the transport has sessions and one is open."""
        return None

    def describe(self) -> str:
        """What people call the server, in a message: its address, its command."""
        return repr(self)

    def forwarding(self, headers: Callable[[], Mapping[str, str]]) -> Self:
        """The same recipe for somebody a client forwards for: nothing that it keeps between
        connections is shared with anybody else.

        Args:
            headers: gives the HTTP headers that go on with each request, where there are
                requests of HTTP; what the transport itself says goes before.
        """
        return copy.copy(self)

    def server_url(self) -> str | None:
        """What the server is called by everybody who means it; None where it has no such name."""
        return None

    def principal(self) -> str | None:
        """What differs where the server may take this client for another: its credentials. None
        where nobody can say beforehand. Answers that are kept are kept under it."""
        return ""

    def extensions(self) -> frozenset[str]:
        """The ids of the protocol's extensions by which the client is let in, which it declares."""
        return frozenset()

    def set_auth(self, auth: Any) -> None:
        """Take the client's `auth` argument.

        Raises:
            ValueError: the transport has no place for it.
        """
        raise ValueError(f"{type(self).__name__} does not support auth; only HTTP transports do.")

    def set_verify(self, verify: Any) -> None:
        """Take the client's `verify` argument.

        Raises:
            ValueError: the transport has no TLS.
        """
        raise ValueError("The 'verify' parameter is only supported for HTTP transports.")

    def set_sse_read_timeout(self, seconds: Any) -> None:
        """Take the client's `sse_read_timeout` argument; None changes nothing.

        Raises:
            ValueError: there is no silence to measure: on a pipe nothing says that the server
                lives while it works.
        """
        if seconds is not None:
            raise ValueError(
                "The 'sse_read_timeout' parameter is only supported for HTTP transports."
            )

    def set_order(self, order: str) -> None:
        """Take the client's `transport_order` argument.

        Raises:
            ValueError: there is no such order, or nothing to choose from.
        """
        raise ValueError("The 'transport_order' parameter is only supported for HTTP transports.")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
