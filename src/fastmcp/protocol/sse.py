"""Server-sent events: one frame encoder, one incremental decoder.

The format is the HTML standard's (section 9.2, "Server-sent events"). A frame written here is
`event: message`, but for the one that HTTP+SSE begins with, `event: endpoint`.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "KEEPALIVE",
    "Decoder",
    "Event",
    "encode",
    "encode_comment",
    "encode_endpoint",
    "encode_retry",
]

KEEPALIVE: Final = b": keep-alive\r\n\r\n"
"""A comment: life for proxies and clients, no event (2026-07-28, streamable-http)."""

_BOM: Final = b"\xef\xbb\xbf"
_RETRY_DIGITS: Final = 9
"""More is over eleven days, which nobody waits; `int()` refuses thousands of digits."""


class Event(msgspec.Struct):
    """One dispatched event. `id` is None where the frame had none."""

    data: str
    id: str | None = None
    event: str = "message"
    retry: int | None = None


def encode(data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
    """One frame around one JSON text (which holds no line break by construction).

    Args:
        data: the payload; empty for a priming event (2025-11-25, basic/transports).
        id: the event id.
        retry: the reconnection time in milliseconds.
    """
    head = b"event: message\r\n"
    if id is not None:
        head += b"id: " + id.encode() + b"\r\n"
    if retry is not None:
        head += b"retry: %d\r\n" % retry
    return head + b"data: " + data + b"\r\n\r\n"


def encode_endpoint(uri: str) -> bytes:
    """The frame that says where a client sends its messages (2024-11-05, basic/transports).

    Args:
        uri: of visible ASCII.
    """
    return b"event: endpoint\r\ndata: " + uri.encode() + b"\r\n\r\n"


def encode_comment(text: str) -> bytes:
    """A comment: for people who look at a stream, no event.

    Args:
        text: one line.
    """
    return b": " + text.encode() + b"\r\n\r\n"


def encode_retry(milliseconds: int) -> bytes:
    """A frame that says when to come back and dispatches no event."""
    return b"retry: %d\r\n\r\n" % milliseconds


class Decoder:
    """Bytes in, events out; any chunking, any of the three line ends.

    A frame without `data` sets the last event id and the retry time and dispatches nothing,
    so these two are kept as attributes. A priming event has an empty `data` line: it is
    dispatched with `data == ""` and the caller skips it.
    """

    def __init__(self) -> None:
        self.last_event_id: str | None = None
        self.retry: int | None = None
        self._buffer = bytearray()
        self._scanned = 0
        self._started = False
        self._after_return = False
        self._data = bytearray()
        self._event = "message"
        self._id: str | None = None
        self._retry: int | None = None

    @property
    def buffered(self) -> int:
        """Bytes held of an event that is not complete: what a caller's limit looks at."""
        return len(self._buffer) + len(self._data)

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes."""
        buffer = self._buffer
        if self._after_return and chunk:
            self._after_return = False
            chunk = chunk.removeprefix(b"\n")  # the other half of a CRLF
        buffer += chunk
        if not self._started:
            if len(buffer) < len(_BOM) and _BOM.startswith(bytes(buffer)):
                return []
            self._started = True
            if buffer.startswith(_BOM):
                del buffer[: len(_BOM)]
        events: list[Event] = []
        start = 0
        # Each byte is looked at once, however long the lines and whichever their ends.
        line_feed, carriage = buffer.find(b"\n", self._scanned), buffer.find(b"\r", self._scanned)
        while line_feed >= 0 or carriage >= 0:
            if carriage < 0 or 0 <= line_feed < carriage:
                end, following = line_feed, line_feed + 1
            else:
                end = carriage
                following = carriage + (2 if line_feed == carriage + 1 else 1)
                self._after_return = following == len(buffer) and line_feed < 0
            event = self._line(bytes(buffer[start:end]))
            if event is not None:
                events.append(event)
            start = following
            if 0 <= line_feed < start:
                line_feed = buffer.find(b"\n", start)
            if 0 <= carriage < start:
                carriage = buffer.find(b"\r", start)
        del buffer[:start]
        self._scanned = len(buffer)
        return events

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data += value + b"\n"
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self._retry = int(value)
        return None

    def _dispatch(self) -> Event | None:
        data, event, id, retry = self._data, self._event, self._id, self._retry
        self._data, self._event, self._id, self._retry = bytearray(), "message", None, None
        if id is not None:
            self.last_event_id = id
        if retry is not None:
            self.retry = retry
        if not data:
            return None
        return Event(data[:-1].decode("utf-8", "replace"), id, event, retry)
