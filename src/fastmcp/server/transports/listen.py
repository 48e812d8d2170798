"""The answer to `subscriptions/listen` over HTTP: a stream that stays open (stateless era).

It begins with what is honored, carries what changes, and ends with the result of the request, by
which the client knows that the server ended it on purpose; a client that closes the connection
takes the request back. What belongs to a request (progress, log messages) is not on it.
Source: 2026-07-28, basic/transports/streamable-http, "Receiving Messages", and
basic/patterns/subscriptions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import ClassVar

from fastmcp.protocol import sse
from fastmcp.protocol.subscriptions import Subscription
from fastmcp.server.backplane.feed import Feed, events_of
from fastmcp.server.bus import Change
from fastmcp.server.exchange import Exchange, TransportName
from fastmcp.server.transports.asgi import JSON_HEADERS, Receive, Scope, Send, respond
from fastmcp.server.transports.feed_stream import FeedStream
from fastmcp.server.transports.http_exchange import StreamPolicy

__all__ = ["ListenExchange"]


class ListenExchange(Exchange):
    """The way back of one such request.

    Args:
        receive: the ASGI channel; after the body it tells of the disconnect alone.
        send: the ASGI channel.
        scope: the ASGI scope.
        policy: pauses and limits.
        feed: the changes.
    """

    transport: ClassVar[TransportName | None] = "streamable-http"

    def __init__(
        self, receive: Receive, send: Send, scope: Scope, policy: StreamPolicy, feed: Feed
    ) -> None:
        super().__init__(None, scope)
        self._receive = receive
        self._send = send
        self._policy = policy
        self._feed = feed
        self._stream: SubscriptionStream | None = None

    async def emit(self, message: bytes) -> bool:
        return False

    async def listen(self, subscription: Subscription) -> None:
        stream = SubscriptionStream(
            self._receive, self._send, self._policy, subscription, self._feed
        )
        self._stream = stream
        self.cancelled = not await stream.run()

    def stop(self) -> None:
        """The server ends it."""
        if self._stream is not None:
            self._stream.stop()

    async def finish(self, payload: bytes, status: int = 200) -> None:
        """Write the response: the end of the stream, or all there is where none began.

        Args:
            payload: the JSON-RPC response.
            status: HTTP's, for a response without a stream.
        """
        if self._stream is None:
            await respond(self._send, status, payload, JSON_HEADERS)
        elif not self.cancelled:
            await self._stream.end(sse.encode(payload))


class SubscriptionStream(FeedStream):
    """One open subscription.

    Args:
        subscription: what its client listens to.
        feed: the changes.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        policy: StreamPolicy,
        subscription: Subscription,
        feed: Feed,
    ) -> None:
        super().__init__(receive, send, policy, feed.open())
        self._subscription = subscription

    def first(self) -> bytes:
        return sse.encode(self._subscription.acknowledgement())

    def news(self, changes: list[tuple[int, Change]] | None) -> Iterator[bytes | Awaitable[bytes]]:
        for message in self._subscription.messages(events_of(changes, self._subscription.audience)):
            yield sse.encode(message) if isinstance(message, bytes) else _framed(message)


async def _framed(message: Awaitable[bytes]) -> bytes:
    found = await message
    return sse.encode(found) if found else b""
