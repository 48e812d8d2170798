"""How often strangers may come: a bucket of tokens for each address, and one for all of them.

Counted in this process: with several workers each has its own. The address is the one that the
server saw; behind a proxy that is the proxy's, until the server is told to believe its
`X-Forwarded-For` (uvicorn: `forwarded_allow_ips`). An IPv6 address counts as its network of 64
bits, which is what one customer gets. Addresses that have not come for the longest are forgotten
first, so there is an end to what is remembered.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

__all__ = ["DEFAULT_LIMITS", "Limit", "Meter", "RateLimits"]

_ADDRESSES: Final = 10_000


@dataclass(frozen=True)
class Limit:
    """How many requests an endpoint takes; as many may come at once.

    Attributes:
        per_address: of one address.
        total: of all.
        seconds: in which they may come.
    """

    per_address: int
    total: int
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.per_address < 1 or self.total < 1 or self.seconds <= 0:
            raise ValueError("A limit lets at least one request through, in more than no time")


@dataclass(frozen=True)
class RateLimits:
    """The limits of the endpoints; None for no limit.

    Attributes:
        authorize: requests for authorization, and for the page of consent.
        token: for tokens, and to give them back.
        register: of clients.
    """

    authorize: Limit | None = Limit(per_address=60, total=1200)
    token: Limit | None = Limit(per_address=120, total=2400)
    register: Limit | None = Limit(per_address=20, total=240)


DEFAULT_LIMITS: Final = RateLimits()


class _Bucket:
    """Fills by itself and is emptied by requests."""

    __slots__ = ("_at", "_left")

    def __init__(self, size: int, now: float) -> None:
        self._left = float(size)
        self._at = now

    def fill(self, size: int, seconds: float, now: float) -> float:
        """Seconds until something can be taken."""
        rate = size / seconds
        self._left = min(size, self._left + (now - self._at) * rate)
        self._at = now
        return max(0.0, (1 - self._left) / rate)

    def take(self) -> None:
        self._left -= 1


class Meter:
    """Counts the requests of one endpoint.

    Args:
        limit: how many it takes.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._all = _Bucket(limit.total, time.monotonic())
        self._by_address: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, address: str) -> int:
        """Count a request.

        Args:
            address: where it comes from.

        Returns:
            0, or the seconds after which it can be tried again: then it was not counted.
        """
        now, limit, key = time.monotonic(), self._limit, _network(address)
        own = self._by_address.get(key)
        if own is None:
            own = self._by_address[key] = _Bucket(limit.per_address, now)
            if len(self._by_address) > _ADDRESSES:
                self._by_address.popitem(last=False)
        else:
            self._by_address.move_to_end(key)
        wait = max(
            own.fill(limit.per_address, limit.seconds, now),
            self._all.fill(limit.total, limit.seconds, now),
        )
        if wait > 0:
            return math.ceil(wait)
        own.take()
        self._all.take()
        return 0


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
