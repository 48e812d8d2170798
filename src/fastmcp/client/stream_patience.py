"""How long to wait before a stream that ended is asked for again.

A server that closes its streams would otherwise be stormed, and one that is restarted should be
heard again soon: so the pauses grow, stay short while the server may be on its way back, and
become long, but never endless, for one that stayed away. What the server itself asked for
(`retry`) is the least.
"""

from __future__ import annotations

import random
import time
from typing import Final

__all__ = ["StreamPatience"]

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 4.0
"""Seconds; short enough that a restarted server is heard again within five."""
_PATIENT_AFTER: Final = 20
_PATIENT_PAUSE: Final = 30.0
"""A server that stayed away this many times is asked this seldom."""
_STEADY_SECONDS: Final = 10.0
"""A stream that lasted this long was a good one: the next pause is the first again."""


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
        return pause if retry is None else max(pause, retry / 1000)
