"""A connection to a server of which it is not known yet which HTTP transport it speaks.

The request that opens the session finds out (`orders`), and from then on this only passes things
through. Of a server that speaks neither, both answers are told: the second alone would hide what
went wrong.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Final

from yarl import URL

from fastmcp.client.channel import Handshaken, Outgoing, Receiver
from fastmcp.client.errors import (
    AuthorizationFailedError,
    ConnectionClosedError,
    HttpStatusError,
    why_of,
)
from fastmcp.client.transports.http_channel import HttpChannel
from fastmcp.client.transports.orders import (
    NOT_HERE,
    TITLES,
    Kind,
    Order,
    forget,
    remember,
    tries,
)
from fastmcp.client.transports.sse_channel import SseChannel
from fastmcp.protocol.errors import is_modern_error, method_not_found
from fastmcp.protocol.jsonrpc import Response
from fastmcp.utilities.addresses import shown

__all__ = ["EitherChannel"]

_DISCOVER: Final = "server/discover"
_OPENING: Final = frozenset({"initialize", _DISCOVER})


class EitherChannel:
    """A connection over one of the two.

    Args:
        http: the one over Streamable HTTP.
        sse: the one over HTTP+SSE.
        order: in which they are tried.
        url: the address.
    """

    def __init__(self, http: HttpChannel, sse: SseChannel, order: Order, url: str) -> None:
        self.is_pipe = False
        self.address = http.address
        self.closed: Exception | None = None
        self.last_id = 0
        self.handshaken: Handshaken | None = None
        self._http, self._sse = http, sse
        self._order: Order = order
        self._url = url
        self._shown = shown(URL(url))
        # Where nothing was opened a stateless version is spoken unasked, and only one can.
        self._current: HttpChannel | SseChannel = http
        self._said: dict[Kind, HttpStatusError] = {}

    def attach(self, receiver: Receiver | None) -> None:
        """Say who hears the server from now on."""
        self._http.attach(receiver)
        self._sse.attach(receiver)

    def session_id(self) -> str | None:
        """What the transport calls the session, if anything."""
        return self._current.session_id()

    def request(self, outgoing: Outgoing) -> Coroutine[Any, Any, Response]:
        """Send a request and wait for its response. What opens no session is awaited where it was
        settled, and nowhere between."""
        if outgoing.method in _OPENING:
            return self._open(outgoing)
        return self._current.request(outgoing)

    async def _open(self, outgoing: Outgoing) -> Response:
        if outgoing.method == _DISCOVER:
            return await self._first_that_answers(outgoing)
        try:
            return await self._first_that_answers(outgoing)
        finally:
            self._said.clear()

    async def _first_that_answers(self, outgoing: Outgoing) -> Response:
        for kind in tries(self._order, self._url):
            if kind in self._said:
                continue
            try:
                if kind == "http":
                    return await self._over_http(outgoing)
                await self._sse.prepare(outgoing.term)
            except (HttpStatusError, ConnectionClosedError) as exc:
                if not isinstance(exc, HttpStatusError) or exc.status not in NOT_HERE[kind]:
                    raise self._after(kind, exc) from exc
                forget(self._url, kind)
                if kind == "http" and outgoing.method == _DISCOVER:
                    raise  # a server of the other era may answer so, and is asked its way next
                self._said[kind] = exc
            else:
                return await self._over_sse(outgoing)
        raise self._neither()

    async def _over_http(self, outgoing: Outgoing) -> Response:
        response = await self._http.request(outgoing)
        error = response.error
        if error is None or is_modern_error(error.code):
            await self._settle("http", self._http)
            return response
        id, status = self._http.refused
        if id == outgoing.id and status in NOT_HERE["http"] and outgoing.method != _DISCOVER:
            message = f"HTTP {status} for {outgoing.method} from {self._shown}: {error.message}"
            raise HttpStatusError(status, message, error.code) from error
        if outgoing.method != _DISCOVER:
            await self._settle("http", self._http)
        return response

    async def _over_sse(self, outgoing: Outgoing) -> Response:
        await self._settle("sse", self._sse)
        if outgoing.method == _DISCOVER:  # nothing of that era is asked of a server of this
            return Response(outgoing.id, error=method_not_found(outgoing.method))
        return await self._sse.request(outgoing)

    async def _settle(self, kind: Kind, channel: HttpChannel | SseChannel) -> None:
        if channel is not self._current:
            await self._current.rest()
        self._current, self.is_pipe = channel, channel.is_pipe
        remember(self._url, kind)

    def _after(self, kind: Kind, exc: HttpStatusError | ConnectionClosedError) -> Exception:
        """An error that ends the search, with what was said before it."""
        if not self._said or isinstance(exc, AuthorizationFailedError):
            return exc
        message = f"{TITLES[kind]}: {why_of(exc)}. Before that, {_told(self._said)}"
        if isinstance(exc, HttpStatusError):
            return HttpStatusError(exc.status, message, exc.code, retry_after=exc.retry_after)
        return ConnectionClosedError(message, reached=exc.reached)

    def _neither(self) -> HttpStatusError:
        first = next(iter(self._said.values()))
        message = (
            f"{self._shown} speaks neither Streamable HTTP nor HTTP+SSE. "
            f"{_told(self._said)}. Is it the address of an MCP endpoint?"
        )
        error = HttpStatusError(first.status, message, first.code)
        error.__cause__ = first
        return error

    async def send(self, body: bytes, version: str | None) -> None:
        """Send a notification, or a response to one of the server's requests."""
        await self._current.send(body, version)

    async def opened(self, version: str) -> None:
        """The handshake is done: the server may now speak of its own accord."""
        await self._current.opened(version)

    async def close(self, seconds: float) -> None:
        """End the session and the connection. Never raises: the server may be gone.

        Args:
            seconds: that the server may take.
        """
        self.closed = ConnectionClosedError("the client left")
        await self._sse.leave()
        await self._http.close(seconds)  # and the pool of connections, which is one for both


def _told(said: Mapping[Kind, HttpStatusError]) -> str:
    return ". ".join(f"{TITLES[kind]}: {error.message}" for kind, error in said.items())
