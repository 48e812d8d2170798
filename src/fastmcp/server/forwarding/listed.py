"""What a server behind has listed: kept for a while, so that a call asks for no list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from fastmcp.server.providers.stand_ins import StandIn

__all__ = ["Listed", "Listing"]


class Listing(NamedTuple):
    """One list.

    Attributes:
        entries: what stands for what is in it.
        at: when it was fetched, by the clock of the event loop.
    """

    entries: Sequence[StandIn]
    at: float


class Listed:
    """The lists of one server, as one client sees them, by the member of the result they are in.

    Attributes:
        fetching: the tasks that fetch some, which all who need them wait for.
    """

    def __init__(self) -> None:
        self._lists: dict[str, Listing] = {}
        self._stale: set[str] = set()
        self.fetching: dict[str, asyncio.Task[Any]] = {}

    def put(self, member: str, entries: Sequence[StandIn]) -> None:
        """A list as it is now."""
        self._stale.discard(member)
        self._lists[member] = Listing(entries, asyncio.get_running_loop().time())

    def forget(self, *members: str) -> None:
        """These have changed. What they were is better than nothing, should they not be had."""
        self._stale.update(members)

    def fresh(self, member: str, seconds: float) -> Sequence[StandIn] | None:
        """A list that has not changed, as far as is known, and is not older than this."""
        known = self._lists.get(member)
        if known is None or member in self._stale:
            return None
        age = asyncio.get_running_loop().time() - known.at
        return known.entries if age < seconds else None

    def last(self, member: str) -> Sequence[StandIn] | None:
        """A list as it was when it was fetched last."""
        known = self._lists.get(member)
        return None if known is None else known.entries

    def stop_fetching(self) -> None:
        """Nobody wants them any more."""
        for task in self.fetching.values():
            task.cancel()
