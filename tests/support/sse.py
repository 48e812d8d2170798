"""A reader of server-sent events for tests: strict where the product's own decoder is forgiving."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event block. `data` is None when the block had no `data:` line (a retry, a comment)."""

    data: str | None
    id: str | None = None
    event: str | None = None
    retry: int | None = None
    comment: str | None = None

    @property
    def message(self) -> Any:
        """The JSON message it carries; None for a priming event, a retry, a comment, and for what
        HTTP+SSE begins with."""
        return json.loads(self.data) if self.data and self.event != "endpoint" else None


class Decoder:
    """Bytes in, events out; `feed` may split anywhere."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yields the events that `chunk` completes."""
        self._buffer = (self._buffer + chunk).replace(b"\r\n", b"\n")
        while (end := self._buffer.find(b"\n\n")) >= 0:
            block, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            yield self._event(block.decode("utf-8"))

    @staticmethod
    def _event(block: str) -> Event:
        data: list[str] = []
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            elif name in ("id", "event", "retry"):
                fields[name] = value
            elif name == "":
                fields["comment"] = value
            else:
                raise AssertionError(f"unknown field in an event stream: {line!r}")
        return Event(
            data="\n".join(data) if data else None,
            id=fields.get("id"),
            event=fields.get("event"),
            retry=int(fields["retry"]) if "retry" in fields else None,
            comment=fields.get("comment"),
        )
