"""How long to wait before a stream that ended is asked for again.

A server that closes its streams would otherwise be stormed, and one that is restarted should be
heard again soon: so the pauses grow, stay short while the server may be on its way back, and
become long, but never endless, for one that stayed away. What the server itself asked for
(`retry`) is the least, within reason: it may neither be stormed at its own word nor silence a
client for days.
"""

from __future__ import annotations

import random
import time
from typing import Final

from fastmcp.client.patience import LONGEST_WISH

__all__ = ["StreamPatience", "asked_for"]

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 4.0
"""Seconds; short enough that a restarted server is heard again within five."""
_PATIENT_AFTER: Final = 20
_PATIENT_PAUSE: Final = 30.0
"""A server that stayed away this many times is asked this seldom."""
_STEADY_SECONDS: Final = 10.0
"""A stream that lasted this long was a good one: the next pause is the first again."""
_SHORTEST_WISH: Final = 0.1
"""Seconds; `retry: 0` from a server that ends each stream at once would be a loop without rest.
Ten requests a second are none, and nobody notices so short a wait."""


def asked_for(retry: int) -> float:
    """Seconds to wait where a server asked for it.

    Args:
        retry: the milliseconds of the event stream's `retry` field.
    """
    return min(max(retry / 1000, _SHORTEST_WISH), LONGEST_WISH)


class StreamPatience:
    """That with one stream, over all its attempts."""

    def __init__(self) -> None:
        self._attempt = 0
        self._began = time.monotonic()

    def begin(self) -> None:
        """An attempt begins."""
        self._began = time.monotonic()

    def pause(self, retry: int | None = None) -> float:
        """Seconds to wait now that the attempt is over.

        Args:
            retry: milliseconds that the server asked for.
        """
        lasted = time.monotonic() - self._began
        self._attempt = 0 if lasted > _STEADY_SECONDS else self._attempt + 1
        longest = _LONGEST_PAUSE if self._attempt < _PATIENT_AFTER else _PATIENT_PAUSE
        pause = min(_FIRST_PAUSE * 2 ** max(self._attempt - 1, 0), longest)
        pause *= random.uniform(0.8, 1.2)  # noqa: S311  (spreads clients out, hides nothing)
        return pause if retry is None else max(pause, asked_for(retry))
