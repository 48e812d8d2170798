"""An event stream of what changes: the feed, read with a cursor of its own.

It costs its connection and the cursor, however much is published and however slowly its client
reads; a reader that fell behind too far is told to look at everything again. Each era has its
form of it: the session's own stream, and the subscription.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Iterator
from typing import Final

from fastmcp.server.backplane.feed import FeedReader
from fastmcp.server.bus import Change
from fastmcp.server.transports.asgi import Receive, Send
from fastmcp.server.transports.event_stream import EventStream
from fastmcp.server.transports.http_exchange import StreamPolicy

__all__ = ["FeedStream"]

_LOOK: Final = 15.0
"""Seconds after which a stream without comments looks whether its time is over."""
_SHORTEST: Final = 0.01
"""Seconds that it waits at least: a comment that is due is not always due to the microsecond."""
_PIECE: Final = 32 * 1024
"""Bytes that are written at once, or one frame: a server takes whatever it is given, and holds it
for a client that does not read."""


class FeedStream(EventStream):
    """One open stream of changes.

    Args:
        reader: its place in the feed.
    """

    def __init__(
        self, receive: Receive, send: Send, policy: StreamPolicy, reader: FeedReader
    ) -> None:
        super().__init__(receive, send, policy)
        self._reader = reader

    @abstractmethod
    def first(self) -> bytes:
        """The frames it begins with."""

    @abstractmethod
    def news(self, changes: list[tuple[int, Change]] | None) -> Iterator[bytes | Awaitable[bytes]]:
        """The frames for what happened since the last time; often there are none. One for which
        something has to be found out first is awaited, and may turn out to be empty.

        Args:
            changes: with their positions, or None where some of them are lost.
        """

    def close(self) -> None:
        super().close()
        self._reader.wake()

    def let_go(self) -> None:
        self._reader.close()

    async def frames(self) -> AsyncGenerator[bytes | None]:
        yield self.first()
        while not self.closed:
            piece = b""  # small frames together
            for frame in self.news(self._reader.take()):
                if not isinstance(frame, bytes):
                    frame = await frame
                if piece and len(piece) + len(frame) > _PIECE:
                    yield piece
                    piece = b""
                piece += frame
            yield piece or None
            if not piece:
                await self._reader.wait(self._pause())

    def _pause(self) -> float:
        """Until the next comment is due. Changes that do not concern this client are no words to
        it, so they must not put it off."""
        if not self._policy.keepalive:
            return _LOOK
        due = self.spoken + self._policy.keepalive
        return max(due - asyncio.get_running_loop().time(), _SHORTEST)
