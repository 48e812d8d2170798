"""How often strangers may come: a bucket of tokens for each address, and one for all of them.

Counted in this process: with several workers each has its own. The address is the one that the
server saw; behind a proxy that is the proxy's, until the server is told to believe its
`X-Forwarded-For` (uvicorn: `forwarded_allow_ips`). An IPv6 address counts as its network of 64
bits, which is what one customer gets, and that of 48 bits, which some do (RFC 6177, 2), as four of
these. Addresses that have not come for the longest are forgotten first, so there is an end to what
is remembered.

A few addresses can use up what there is for all. So who comes seldom is served in spite of that: an
address has a tenth of its share to itself, which is counted when the rest is used up.
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
        total: of all; beyond, each address has a tenth of its own still, one at least.
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
    """Fills by itself and is emptied by requests.

    Args:
        size: requests that it holds when it is full.
        seconds: in which it fills.
        now: on the monotonic clock.
    """

    __slots__ = ("_at", "_left", "_rate", "_size")

    def __init__(self, size: int, seconds: float, now: float) -> None:
        self._size = size
        self._rate = size / seconds
        self._left = float(size)
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until something can be taken."""
        self._left = min(self._size, self._left + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, (1 - self._left) / self._rate)

    def take(self) -> None:
        self._left -= 1


class _Share:
    """What one address, or one network, may take: of all that there is, and in spite of that."""

    __slots__ = ("own", "spare")

    def __init__(self, limit: Limit, times: int, now: float) -> None:
        size = limit.per_address * times
        self.own = _Bucket(size, limit.seconds, now)
        self.spare = _Bucket(max(1, size // 10), limit.seconds, now)


class Meter:
    """Counts the requests of one endpoint.

    Args:
        limit: how many it takes.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._all = _Bucket(limit.total, limit.seconds, time.monotonic())
        self._shares: OrderedDict[str, _Share] = OrderedDict()

    def wait(self, address: str) -> int:
        """Count a request.

        Args:
            address: where it comes from.

        Returns:
            0, or the seconds after which it can be tried again: then it was not counted.
        """
        now = time.monotonic()
        shares = [self._share(name, times, now) for name, times in _networks(address)]
        buckets = [share.own for share in shares]
        is_left = self._all.wait(now) == 0
        buckets += [self._all] if is_left else [share.spare for share in shares]
        wait = max(bucket.wait(now) for bucket in buckets)
        if wait > 0:
            return math.ceil(wait)
        for bucket in buckets:
            bucket.take()
        return 0

    def _share(self, name: str, times: int, now: float) -> _Share:
        share = self._shares.get(name)
        if share is None:
            share = self._shares[name] = _Share(self._limit, times, now)
            if len(self._shares) > _ADDRESSES:
                self._shares.popitem(last=False)
        else:
            self._shares.move_to_end(name)
        return share


def _networks(address: str) -> list[tuple[str, int]]:
    """As what an address counts, and how many times the share of one that has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return [(address, 1)]
    if found.version == 4:
        return [(str(found), 1)]
    if found.ipv4_mapped is not None:
        return [(str(found.ipv4_mapped), 1)]
    return [
        (str(ipaddress.ip_network((found, bits), strict=False)), times)
        for bits, times in ((64, 1), (48, 4))
    ]
