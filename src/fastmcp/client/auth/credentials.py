"""How a request over HTTP says who asks, and what is done where that was not enough.

Credentials are asked twice at most: before a request is sent, which with a good token is one plain
call and nothing to wait for; and when it was refused, for then it was not read, and may be sent
again once something has changed.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from yarl import URL

from fastmcp.client.patience import Term
from fastmcp.protocol.challenges import Challenge

__all__ = ["Credentials", "FixedCredentials", "Refusal", "Trial", "Trust", "trusting"]

Trust: TypeAlias = Callable[[], ssl.SSLContext | bool]
"""Gives what certificates are verified with, as `aiohttp.TCPConnector(ssl=...)` takes it."""


def trusting() -> ssl.SSLContext | bool:
    """The system's authorities."""
    return True


@dataclass
class Trial:
    """What was tried for one request so far, and who waits for it.

    Attributes:
        unasked: nobody does, so that no person may be disturbed for it.
        term: its time-out, None for none.
        authorizations: how often somebody was asked for a token.
        nonces: how often a fresh nonce was taken (RFC 9449, 9).
    """

    unasked: bool = False
    term: Term | None = None
    authorizations: int = 0
    nonces: int = 0


@dataclass(frozen=True)
class Refusal:
    """An answer 401, or 403.

    Attributes:
        status: of the answer.
        challenges: what it says would be enough (RFC 9110, 11.6.1).
        nonce: the value of `DPoP-Nonce`, where there is one.
        url: that was asked.
        sent: the value of the Authorization header that was not enough, None for none.
        trial: of this request.
        peer: the address that answered, None for one behind a proxy.
        trust: of the client, which verifies authorization servers as it does this one.
    """

    status: int
    challenges: list[Challenge]
    nonce: str | None
    url: URL
    sent: str | None = field(repr=False)
    trial: Trial
    peer: str | None = None
    trust: Trust = trusting


@runtime_checkable
class Credentials(Protocol):
    """What lets a client in. It is given to one server and to no other origin."""

    def apply(
        self, headers: MutableMapping[str, str], method: str, url: URL
    ) -> Awaitable[None] | None:
        """Put on a request what lets it in; an awaitable where that takes a while.

        Args:
            headers: of the request, to be changed.
            method: of the request.
            url: of the request.
        """
        ...

    async def refused(self, refusal: Refusal) -> bool:
        """Do what can be done; whether the request is worth sending again.

        Raises:
            AuthorizationFailedError: somebody was asked, and it came to nothing.
        """
        ...

    def hear(self, nonce: str, url: URL) -> None:
        """The server at an address wants this `DPoP-Nonce` next time (RFC 9449, 8.2)."""
        ...


class FixedCredentials:
    """The same header for ever.

    Args:
        value: of the Authorization header.
    """

    def __init__(self, value: str) -> None:
        self._value = value

    def apply(self, headers: MutableMapping[str, str], method: str, url: URL) -> None:
        """Say it."""
        headers["Authorization"] = self._value

    async def refused(self, refusal: Refusal) -> bool:
        """There is nothing else to say."""
        return False

    def hear(self, nonce: str, url: URL) -> None:
        """Nothing is proved here."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
