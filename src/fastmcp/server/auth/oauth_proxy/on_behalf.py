"""Tokens of another API, for the person whose token came with a request: the on-behalf-of flow.

A token is for one API (RFC 8707), and a tool may need another. The upstream exchanges the one for
the other, if the person or their company has consented to that. What it gives is kept until it
ends, and one exchange serves all calls that need the same meanwhile.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeAlias

from fastmcp.server.auth.flights import Flights
from fastmcp.server.auth.oauth_proxy.upstream import Upstream

__all__ = ["OnBehalfOf"]

_Key: TypeAlias = tuple[str, tuple[str, ...]]

_KEPT: Final = 1000
_EARLY: Final = 60.0
"""Seconds before its end from which a token is not given out any more: it has yet to be used."""


class OnBehalfOf:
    """Exchanges tokens.

    Args:
        upstream: does that.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._kept: OrderedDict[_Key, tuple[float, str]] = OrderedDict()
        self._asking: Flights[_Key, str] = Flights()

    async def token(self, token: str, scopes: Sequence[str]) -> str:
        """A token of another API.

        Args:
            token: of the person.
            scopes: of the other API, by its name for them.

        Raises:
            RefusedError: there is none.
            VerificationUnavailableError: that cannot be known now.
        """
        key = token, tuple(sorted(scopes))
        until, found = self._kept.get(key, (0.0, ""))
        if time.monotonic() < until:
            return found
        return await self._asking.answer(key, lambda: self._ask(key, token))

    async def _ask(self, key: _Key, token: str) -> str:
        given = await self._upstream.exchange(token, key[1])
        self._kept[key] = time.monotonic() + (given.expires_in or 0) - _EARLY, given.access_token
        self._kept.move_to_end(key)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return given.access_token
