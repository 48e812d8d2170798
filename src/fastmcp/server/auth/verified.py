"""Tokens that were found good a moment ago.

A client sends the same token with every request, and a signature or a question to the issuer
costs a hundred times as much as a look into a dict. That tells nobody how much of a guess is right:
strings are found by a hash with a key of this process (SipHash), and compared when all of it is the
same. What a token says is made once and shown to every request; a copy is made for whoever may
change it.
"""

from __future__ import annotations

import math
import time
from typing import Final

from pydantic import AnyHttpUrl

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import TokenVerifier

__all__ = ["LENGTH", "KeepingVerifier", "VerifiedTokens"]

LENGTH: Final = 16 * 1024
"""Of the longest token that is looked at."""


class VerifiedTokens:
    """What good tokens say, for a short time.

    Args:
        seconds: how long it is kept, and never longer than the token lasts; 0 for not at all.
        size: how many; the oldest goes first.
    """

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._size = size
        self._known: dict[str, tuple[float, AccessToken]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, token: str) -> AccessToken | None:
        """What is known of a token, which others are shown too; None where nothing is."""
        found = self._known.get(token)
        if found is None:
            return None
        until, known = found
        if time.monotonic() >= until:
            self._known.pop(token, None)  # another thread's loop may have been first
            return None
        return known

    def put(self, verified: AccessToken, exp: float | None, until: float = math.inf) -> None:
        """Keep what was verified.

        Args:
            verified: is good, and nobody changes it any more.
            exp: when it expires, in seconds since the epoch.
            until: on the monotonic clock; not later than this.
        """
        now = time.monotonic()
        left = math.inf if exp is None else exp - time.time()
        until = min(until, now + min(self._seconds, left))
        if until <= now or self._size <= 0:
            return
        known = self._known
        known.pop(verified.token, None)
        # Those whose time is over are in front, or soon will be: all are kept equally long at most.
        while known and (len(known) >= self._size or next(iter(known.values()))[0] <= now):
            del known[next(iter(known))]
        known[verified.token] = until, verified

    def clear(self) -> None:
        """Know nothing any more."""
        self._known.clear()


class KeepingVerifier(TokenVerifier):
    """Verifies a token once, and knows it for a while.

    Args:
        known: what was verified.
        base_url: as for `AuthProvider`, and so is the other.
        required_scopes: that every token must have.
    """

    def __init__(
        self,
        known: VerifiedTokens,
        base_url: AnyHttpUrl | str | None = None,
        required_scopes: list[str] | None = None,
    ) -> None:
        super().__init__(base_url, required_scopes)
        self._known = known

    async def _verified(self, token: str) -> AccessToken | None:
        """What a token says that is not known, kept where it is good."""
        raise NotImplementedError

    async def verify_token(self, token: str) -> AccessToken | None:
        """What a token says, as the caller's own; None where it is not good.

        Raises:
            VerificationUnavailableError: that cannot be known now.
        """
        known = self._known.get(token) or await self._verified(token)
        return None if known is None else known.model_copy(deep=True)

    async def recognize(self, token: str) -> AccessToken | None:
        return self._known.get(token) or await self._verified(token)
