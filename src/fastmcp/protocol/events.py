"""Event ids of resumable streams: which stream, and how far in it.

An id names its stream, so that `Last-Event-ID` finds it, and a position in that stream, so that
it is a cursor (2025-11-25, basic/transports, "Resumability and Redelivery"). Ids are looked up
within the session that presents them: another session's id names nothing there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["MAX_ID_LENGTH", "PRIMED_SINCE", "EventId", "read_event_id"]

MAX_ID_LENGTH: Final = 128

PRIMED_SINCE: Final = "2025-11-25"
"""The first version with priming events; older clients take an event without data for a message."""


_HIGHEST: Final = 2**63 - 1
"""No log has more places: Redis counts them in 64 bits."""
_MOST_DIGITS: Final = len(str(_HIGHEST))


class EventId(NamedTuple):
    """A cursor.

    Attributes:
        stream: the stream's name, unique within its session.
        position: 0 for the priming event, then one more for each event.
    """

    stream: str
    position: int

    def __str__(self) -> str:
        return f"{self.stream}.{self.position}"


def read_event_id(text: str) -> EventId | None:
    """Parse a `Last-Event-ID`; None where it is none of ours."""
    if len(text) > MAX_ID_LENGTH:
        return None
    stream, dot, position = text.rpartition(".")
    if not dot or not stream or not position.isascii() or not position.isdigit():
        return None
    if len(position) > _MOST_DIGITS or int(position) > _HIGHEST:
        return None
    return EventId(stream, int(position))
