"""Tokens that were found good a moment ago.

A client sends the same token with every request, and a signature or a question to the issuer
costs a hundred times as much as a look into a dict. What is kept is never the token but its
SHA-256, which nobody can find another token for. Each request is given a copy of its own, its
claims read anew from their text, so that a handler which changes what it was given changes
nothing for the next.
"""

from __future__ import annotations

import hashlib
import math
import time
from typing import Any, Final

import msgspec

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.claims import Claims, access_token

__all__ = ["LENGTH", "VerifiedTokens", "digest"]

LENGTH: Final = 16 * 1024
"""Of the longest token that is looked at."""
_decoder: Final = msgspec.json.Decoder(dict)


def digest(token: str) -> bytes:
    """What a token is known by."""
    given = token.encode() if token.isascii() else token.encode(errors="surrogatepass")
    return hashlib.sha256(given).digest()


class VerifiedTokens:
    """The claims of good tokens, for a short time.

    Args:
        seconds: how long they are kept, and never longer than the token lasts; 0 for not at all.
        size: how many; the oldest goes first.
    """

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._size = size
        self._known: dict[bytes, tuple[float, dict[str, Any], bytes]] = {}

    def get(self, token: str) -> AccessToken | None:
        """What is known of a token; None where nothing is."""
        if not self._known or len(token) > LENGTH:
            return None
        key = digest(token)
        found = self._known.get(key)
        if found is None:
            return None
        until, state, text = found
        if time.monotonic() >= until:
            del self._known[key]
            return None
        said: dict[str, Any] = state["__dict__"]
        own = {"token": token, "scopes": said["scopes"].copy(), "claims": _decoder.decode(text)}
        # As one that was pickled is made again: it is in order, and `model_copy` or a constructor
        # that looks at every field takes as long as all the rest of the check.
        made = AccessToken.__new__(AccessToken)
        made.__setstate__({**state, "__dict__": {**said, **own}})
        return made

    def put(self, token: str, text: bytes, exp: float | None, until: float = math.inf) -> None:
        """Keep what was verified.

        Args:
            token: that is good.
            text: its claims, as JSON.
            exp: when it expires, in seconds since the epoch.
            until: on the monotonic clock; not later than this.
        """
        now = time.monotonic()
        left = math.inf if exp is None else exp - time.time()
        until = min(until, now + min(self._seconds, left))
        if until <= now or self._size <= 0:
            return
        known = self._known
        known.pop(key := digest(token), None)
        while len(known) >= self._size:
            del known[next(iter(known))]
        claims: Claims = _decoder.decode(text)
        known[key] = until, access_token("", claims).__getstate__(), text

    def clear(self) -> None:
        """Know nothing any more."""
        self._known.clear()
