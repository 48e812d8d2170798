"""What this process has learnt of the servers it spoke to, by address: which era, which transport.

A client SHOULD remember the era for as long as the server lives (2026-07-28, basic/versioning), and
so it is with the transport. By address and not by origin: a gateway has many servers behind one.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

__all__ = ["Known", "forget_servers"]

T = TypeVar("T")

_MOST: Final = 1000
_all: Final[list[Known[Any]]] = []


class Known(dict[str, T]):
    """One fact, by address. Of too many, what was learnt first is forgotten first."""

    def __init__(self) -> None:
        super().__init__()
        _all.append(self)

    def learn(self, url: str, fact: T) -> None:
        """This is so now."""
        self.pop(url, None)
        if len(self) >= _MOST:
            del self[next(iter(self))]
        self[url] = fact


def forget_servers() -> None:
    """Forget what every address spoke: another server may listen there now."""
    for known in _all:
        known.clear()
