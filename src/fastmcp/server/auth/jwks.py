"""The public keys of an issuer, fetched from where it publishes them (RFC 7517, 5).

One fetch serves any number of requests: who comes while one is under way waits for it. The keys
are good for an hour, or as long as the answer's `Cache-Control` says if that is less, and are
fetched anew a little before, while requests go on with those that are known. A token that names
a key which is not known may be the first of a new one, so it is a reason to fetch them, though
not more often than every `interval` seconds: anybody can make up names of keys.

Where the issuer cannot be reached, its last keys go on being used for `_STALE` seconds: a
server that answers nobody because another one is down helps nobody. Beyond that, and where there
never were any, whether a token is good cannot be known.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Final

from fastmcp.server.auth.base import VerificationUnavailableError
from fastmcp.server.auth.fetching import Fetched, Fetcher, FetchError
from fastmcp.server.auth.flights import Flights
from fastmcp.server.auth.signatures import VerificationKey, keys_of_set

__all__ = ["RemoteKeys"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_LIFE: Final = 3600.0
_EARLY: Final = 0.8
"""After this part of their life keys are fetched anew, and nobody waits."""
_STALE: Final = 4 * 3600.0
_PAUSE: Final = 1.0
"""Seconds after a fetch that failed until the next."""
_LIMIT: Final = 512 * 1024
_SECONDS: Final = 10.0


class RemoteKeys:
    """The keys at an address.

    Args:
        uri: of the JWK set.
        fetcher: asks for it.
        algorithm: that tokens are signed with; None for those of the keys.
        interval: seconds between two fetches because of unknown keys, and the least time for
            which keys are kept.
        changed: is called when the set is another one.
    """

    def __init__(
        self,
        uri: str,
        fetcher: Fetcher,
        *,
        algorithm: str | None,
        interval: float,
        changed: Callable[[], None],
    ) -> None:
        self.uri = uri
        self.early = -math.inf
        """When the keys are to be fetched anew, on the monotonic clock."""
        self._fetcher = fetcher
        self._algorithm = algorithm
        self._interval = interval
        self._changed = changed
        self._keys: list[VerificationKey] = []
        self._body = b""
        self._fetched = self._asked = self._fresh = -math.inf
        self._failure: str | None = None
        self._asking: Flights[str, None] = Flights()

    async def matching(self, kid: str | None, algorithm: str) -> list[VerificationKey]:
        """The keys that a token may be signed with.

        Args:
            kid: the name of its key; None for any that fits.
            algorithm: of its signature.

        Raises:
            VerificationUnavailableError: they cannot be had.
        """
        now = time.monotonic()
        if now >= self._fresh:
            await self._renewed(now)
        elif now >= self.early:
            self._begin(now)
        found = self._find(kid, algorithm)
        if found is None:
            flight = self._asking.running(self.uri)
            if flight is None and now >= self._asked + self._interval:
                flight = self._begin(now)
            if flight is not None:
                await asyncio.shield(flight)
                found = self._find(kid, algorithm)
            if found is None and self._failure is not None:
                raise VerificationUnavailableError(
                    f"A token names a key that is not known, and {self._failure}"
                )
        return found or []

    def _find(self, kid: str | None, algorithm: str) -> list[VerificationKey] | None:
        """Those that fit; None where the set knows no such name."""
        keys = self._keys
        if kid is not None:
            # A key without a name may be any (RFC 7515, 4.1.4: a name is a hint).
            keys = [key for key in keys if key.kid == kid] or [
                key for key in keys if key.kid is None
            ]
            if not keys:
                return None
        return [key for key in keys if algorithm in key.algorithms]

    async def _renewed(self, now: float) -> None:
        flight = self._begin(now)
        usable = bool(self._keys) and now < self._fetched + _STALE
        if flight is not None and not (usable and self._failure is not None):
            await asyncio.shield(flight)
        if self._failure is not None and not usable:
            raise VerificationUnavailableError(f"Tokens cannot be verified: {self._failure}")

    def _begin(self, now: float) -> asyncio.Task[None] | None:
        """Fetch them beside the request, unless that failed a moment ago."""
        running = self._asking.running(self.uri)
        if running is not None:
            return running
        if self._failure is not None and now < self._asked + min(_PAUSE, self._interval):
            return None
        return self._asking.begin(self.uri, self._fetch)

    async def _fetch(self) -> None:
        self._asked = time.monotonic()
        try:
            fetched = await self._fetcher.get_json(self.uri, limit=_LIMIT, seconds=_SECONDS)
            keys = keys_of_set(fetched.json, self._algorithm)
            if not keys:
                # An issuer that takes all its keys away means it.
                if keys is not None:
                    self._keys = []
                    self._changed()
                raise FetchError(f"{fetched.url} holds no key that verifies tokens")
        except FetchError as error:
            if self._failure is None:
                _logger.warning("The keys that verify tokens cannot be had: %s", error)
            self._failure = str(error)
            return
        if self._failure is not None:
            _logger.info("The keys that verify tokens can be had again")
        self._failure = None
        self._keep(fetched, keys)

    def _keep(self, fetched: Fetched, keys: list[VerificationKey]) -> None:
        said = fetched.max_age
        life = _LIFE if said is None else min(max(said, self._interval, _PAUSE), _LIFE)
        self._fetched = time.monotonic()
        self._fresh, self.early = self._fetched + life, self._fetched + life * _EARLY
        self._keys = keys
        if fetched.body != self._body:
            self._body = fetched.body
            self._changed()
