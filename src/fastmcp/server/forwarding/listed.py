"""What a server behind has listed: kept for a while, so that a call asks for no list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastmcp.server.providers.stand_ins import StandIn

__all__ = ["Fetching", "Listed", "Listing"]


class Listing(NamedTuple):
    """One list.

    Attributes:
        entries: what stands for what is in it.
        at: when it was fetched, by the clock of the event loop.
    """

    entries: Sequence[StandIn]
    at: float


@dataclass(eq=False)
class Fetching:
    """A list that is being fetched, which all who need it wait for.

    Args:
        task: fetches it.
        at: when it began, by the clock of the event loop.
        waiting: how many wait.
        goes_on: somebody was answered without it, and is told when it is there.
    """

    task: asyncio.Task[Any]
    at: float
    waiting: int = 0
    goes_on: bool = False

    async def came(self, seconds: float | None) -> bool:
        """Wait for it, so long. When the last who waits is gone, nobody wants it any more."""
        self.waiting += 1
        try:
            done, _ = await asyncio.wait({self.task}, timeout=seconds)
        except asyncio.CancelledError:
            if self.waiting == 1 and not self.goes_on:
                self.task.cancel()
            raise
        finally:
            self.waiting -= 1
        return bool(done)

    def is_worth_waiting_for(self, seconds: float) -> bool:
        """Whether nobody gave it up, and it began no longer ago than this."""
        age = asyncio.get_running_loop().time() - self.at
        return age < seconds and not self.task.cancelling()


class Listed:
    """The lists of one server, as one client sees them, by the member of the result they are in.

    Attributes:
        fetching: those that are being fetched.
    """

    def __init__(self) -> None:
        self._lists: dict[str, Listing] = {}
        self._stale: set[str] = set()
        self.fetching: dict[str, Fetching] = {}

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
        for fetching in self.fetching.values():
            fetching.task.cancel()
