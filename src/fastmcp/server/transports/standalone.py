"""The session's own stream: what belongs to no request (handshake era, GET).

It is the feed of changes, read with a cursor and filtered by what this client wants. With an event
store its events carry ids, so a client that was away hears what it missed; where that is not
known any more, it is told to look at everything again. Beside the feed the stream carries what is
said to this session alone, which is live only and has no id.
Source: 2025-11-25, basic/transports, "Listening for Messages from the Server".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fastmcp.protocol import sse
from fastmcp.protocol.events import PRIMED_SINCE, EventId
from fastmcp.server.backplane.feed import Feed
from fastmcp.server.bus import (
    Change,
    PromptsChanged,
    ResourcesChanged,
    ResourceUpdated,
    ToolsChanged,
)
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import Receive, Send
from fastmcp.server.transports.feed_stream import FeedStream
from fastmcp.server.transports.http_exchange import StreamPolicy

__all__ = ["StandaloneStream", "everything", "is_standalone"]

_MARK: Final = "~"
"""Begins the stream's name in event ids: names of calls' streams cannot begin with it."""


def is_standalone(cursor: EventId) -> bool:
    """Whether an event id is one of a standalone stream."""
    return cursor.stream.startswith(_MARK)


def everything(session: Session) -> list[Change]:
    """What a client has to look at that may have missed any change."""
    updated = [ResourceUpdated(uri) for uri in sorted(session.subscriptions)]
    return [ToolsChanged(), ResourcesChanged(), PromptsChanged(), *updated]


class StandaloneStream(FeedStream):
    """One open standalone stream.

    Args:
        session: whose it is.
        feed: the changes.
        resumable: whether events carry ids.
        cursor: the last event that the client has, or None for a new stream.
    """

    limit: Final = 256
    """Messages to this session alone that wait at most; what comes then is dropped."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        policy: StreamPolicy,
        session: Session,
        feed: Feed,
        *,
        resumable: bool = False,
        cursor: EventId | None = None,
    ) -> None:
        self._session = session
        self._name = _MARK + feed.name
        self._resumable = resumable
        self._said: list[bytes] = []
        # A cursor of another process's feed means nothing here; what followed it is not known.
        known = cursor is None or cursor.stream == self._name
        self._lost = not known
        reader = feed.open(cursor.position if cursor is not None and known else None)
        super().__init__(receive, send, policy, reader)

    def put(self, message: bytes) -> None:
        """Say something to this session alone."""
        if len(self._said) < self.limit:
            self._said.append(sse.encode(message))
            self._reader.wake()

    def first(self) -> bytes:
        if self._resumable and self._session.version >= PRIMED_SINCE:
            return sse.encode(b"", id=self._id(self._reader.position), retry=self._policy.retry)
        return sse.KEEPALIVE

    def news(self, changes: list[tuple[int, Change]] | None) -> Iterator[bytes]:
        if changes is None or self._lost:
            self._lost = False
            at = self._reader.position
            for change in everything(self._session):
                yield self._frame(change, at)
        else:
            for position, change in changes:
                if change.concerns(self._session):
                    yield self._frame(change, position)
        said, self._said = self._said, []
        yield from said

    def _frame(self, change: Change, position: int) -> bytes:
        return sse.encode(change.notification(), id=self._id(position) if self._resumable else None)

    def _id(self, position: int) -> str:
        return str(EventId(self._name, position))
