"""One open connection over HTTP+SSE of 2024-11-05: a stream down, a POST for each message up.

It is a pipe whose two halves are HTTP: what the server says comes in order on the stream, and the
answers find their callers by id. `initialize` opens the stream, whose first event says where to
post. When a stream ends, everybody who waits for an answer learns it, for the work may be done or
not; whoever calls next is told that the session is lost before anything was sent, so that a new
one is opened. Where nobody calls, one is opened all the same, patiently: a client may only listen.
Source: 2024-11-05, basic/transports, "HTTP with SSE".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Final

import aiohttp
from yarl import URL

from fastmcp.client.channel import Outgoing
from fastmcp.client.errors import (
    ConnectionClosedError,
    HttpStatusError,
    ResponseTooLargeError,
    SessionLostError,
)
from fastmcp.client.patience import Term
from fastmcp.client.stream_patience import StreamPatience
from fastmcp.client.transports.http_sender import (
    HttpSender,
    reason_of,
    retry_after_of,
    same_server,
    some,
)
from fastmcp.client.transports.pipe import PipeChannel
from fastmcp.exceptions import McpError
from fastmcp.protocol import sse
from fastmcp.protocol.errors import INVALID_REQUEST
from fastmcp.protocol.jsonrpc import Malformed, Response, decode

__all__ = ["SseChannel"]

logger = logging.getLogger("fastmcp.client")

_ANSWER_SECONDS: Final = 60.0
"""How long the head of the stream may stay away: some servers are started by the first request."""
_ENDPOINT_SECONDS: Final = 10.0
"""And then the event that says where to post: servers send it at once."""
_POST_SECONDS: Final = 1.0
"""How long the answer to a message is waited for whose stream has ended."""


class SseChannel(PipeChannel):
    """A connection to one server.

    Args:
        http: asks for the stream; closed with the channel.
        posting: makes of an address what posts there.
    """

    def __init__(self, http: HttpSender, posting: Callable[[URL], HttpSender]) -> None:
        super().__init__(self._post, self._go_on)
        self.address: tuple[str, int] | None = (http.url.host or "", http.url.port or 0)
        self._http = http
        self._posting = posting
        self._version: str | None = None
        self._messages: HttpSender | None = None
        self._follower: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._fresh = False
        self._patience = StreamPatience()
        self._renewing: asyncio.Task[None] | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()

    async def request(self, outgoing: Outgoing) -> Response:
        """Send a request and wait for its response. `initialize` opens a stream first."""
        if outgoing.stateless:
            raise McpError(
                INVALID_REQUEST,
                f"HTTP+SSE cannot carry the stateless protocol {outgoing.version}: connect with "
                "mode='auto' or 'legacy'",
            )
        if outgoing.method == "initialize":
            await self.prepare(outgoing.term)
            self._fresh = False
        elif self._follower is None and self.closed is None:
            raise SessionLostError(404, f"The session over HTTP+SSE has ended: {self._why}")
        return await super().request(outgoing)

    async def opened(self, version: str) -> None:
        """The handshake is done; from now on the version is in the header too."""
        self._version = version
        self._patience.begin()

    async def prepare(self, term: Term | None = None) -> None:
        """Have a stream on which nothing was asked yet. Arguments and errors are `connect`'s."""
        if not self._fresh:
            await self.connect(term)

    async def connect(self, term: Term | None = None) -> None:
        """Open a stream, in the place of the one there is.

        Args:
            term: the time-out of what it is opened for.
        Raises:
            HttpStatusError: the server refused, or answered with no such stream.
            ConnectionClosedError: there was no answer.
        """
        await self._hang_up()
        self._version = None
        headers = await self._http.headers(None, None)
        headers["Accept"] = "text/event-stream"
        headers["Cache-Control"] = "no-store"
        headers.pop("Content-Type", None)
        response: aiohttp.ClientResponse | None = None
        try:
            answering = Term(_ANSWER_SECONDS, term)
            async with answering.start():
                response = await self._http.open("GET", headers, None, term=answering)
                if response.status != 200 or response.content_type != "text/event-stream":
                    raise await self._refusal(response, f"GET {self._http.shown}")
            async with asyncio.timeout(_ENDPOINT_SECONDS):
                events = self._events(response)
                endpoint = await self._endpoint(events, response)
        except BaseException as exc:
            if response is not None:
                response.close()
            if isinstance(exc, TimeoutError):
                raise self._no_endpoint(response) from None
            if isinstance(exc, (aiohttp.ClientError, OSError)):
                raise ConnectionClosedError(
                    f"no stream from {self._http.shown} ({reason_of(exc)})"
                ) from exc
            raise
        self._messages = self._posting(endpoint)
        self._ended = asyncio.get_running_loop().create_future()
        self._fresh = True
        self._follower = asyncio.create_task(self._follow(events, response))

    def _no_endpoint(self, response: aiohttp.ClientResponse | None) -> McpError:
        where = self._http.shown
        if response is None:
            return ConnectionClosedError(f"no answer from {where} in {_ANSWER_SECONDS:g} seconds")
        return HttpStatusError(200, f"{where} opened an event stream without an `endpoint` event")

    async def _endpoint(
        self, events: AsyncGenerator[sse.Event], response: aiohttp.ClientResponse
    ) -> URL:
        """Where to post. It must be the server that was asked for: whatever the stream says would
        else send this client's messages, and its credentials, to anybody."""
        async for event in events:
            if event.event != "endpoint":
                continue
            try:
                found = response.url.join(URL(event.data.strip(), encoded=True))
            except ValueError:
                found = URL()
            if found.scheme not in ("http", "https") or not same_server(self._http.url, found):
                raise HttpStatusError(
                    403,
                    f"{self._http.shown} named {event.data[:200]!r} to post messages to, which is "
                    "another origin; they are not sent there",
                )
            return found
        raise self._no_endpoint(response)

    async def _events(self, response: aiohttp.ClientResponse) -> AsyncGenerator[sse.Event]:
        decoder = sse.Decoder()
        while True:
            await self._may_read.wait()
            chunk = await some(response)
            if not chunk:
                return
            for event in decoder.feed(chunk):
                yield event
            if decoder.buffered > self._http.limit:
                raise ResponseTooLargeError(self._http.limit)

    async def _follow(
        self, events: AsyncGenerator[sse.Event], response: aiohttp.ClientResponse
    ) -> None:
        why = "the server ended the event stream"
        try:
            async for event in events:
                if event.event == "message" and event.data:
                    self.feed(event.data.encode())
        except (aiohttp.ClientError, OSError) as exc:
            why = f"the event stream broke ({reason_of(exc)})"
        except ResponseTooLargeError as exc:
            why = exc.message
        finally:
            response.close()
            if self._follower is asyncio.current_task():
                self._lose(why)
                renewing = self._renewing is not None and not self._renewing.done()
                if self.closed is None and self._version is not None and not renewing:
                    self._renewing = asyncio.create_task(self._renew())

    def _lose(self, why: str) -> None:
        """The session is over, and the next `initialize` opens another."""
        self._follower, self._fresh = None, False
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        self.fail(why)

    async def _renew(self) -> None:
        """Have a new session opened for whoever only listens, unless a call was faster."""
        while True:
            await asyncio.sleep(self._patience.pause())
            is_open = self._follower is not None and self._version is not None
            if is_open or self._receiver is None:
                return
            self._patience.begin()
            await self._receiver.on_lost()

    async def _hang_up(self) -> None:
        follower = self._follower
        if follower is not None:
            self._lose("the client opened another stream")
            follower.cancel()
            await asyncio.wait([follower])

    def _go_on(self, reading: bool) -> None:
        if reading:
            self._may_read.set()
        else:
            self._may_read.clear()

    # --- messages ------------------------------------------------------------------------------

    async def _post(self, body: bytes) -> None:
        """Post one message; it returns when the server took it, or the stream ended."""
        ended = self._ended
        if self._messages is None or ended is None or self._follower is None:
            raise ConnectionClosedError(self._why or "there is no stream")
        posting = asyncio.create_task(self._taken(self._messages, body))
        try:
            await asyncio.wait([posting, ended], return_when=asyncio.FIRST_COMPLETED)
            if not posting.done():
                # Its own answer may still say that it was not taken, and may be sent again.
                await asyncio.wait([posting], timeout=_POST_SECONDS)
                if posting.done():
                    posting.result()
                raise ConnectionClosedError(self._why)
            posting.result()
        finally:
            posting.cancel()

    async def _taken(self, messages: HttpSender, body: bytes) -> None:
        headers = await messages.headers(self._version, None)
        response = await messages.open("POST", headers, body)
        try:
            if response.status >= 400:
                raise await self._refusal(response, f"a message to {messages.shown}")
            await messages.read_text(response)
        finally:
            response.release()

    async def _refusal(self, response: aiohttp.ClientResponse, what: str) -> HttpStatusError:
        """What a response that is not the expected one says."""
        status, body = response.status, await self._http.read_text(response)
        said = f"HTTP {status} for {what}"
        if status == 200:
            return HttpStatusError(
                status, f"{said}, with content type {response.content_type!r} and no event stream"
            )
        text = _text(body)
        message = f"{said}: {text[:500]}" if text else said
        # Nobody knows the session, so nobody has taken the message.
        if status == 404 and response.method == "POST":
            return SessionLostError(status, message)
        return HttpStatusError(status, message, retry_after=retry_after_of(response))

    async def close(self, seconds: float) -> None:
        """End the session and the connection. Never raises: the server may be gone.

        Args:
            seconds: not needed; the end of the stream ends the session.
        """
        await self.leave()
        await self._http.close()

    async def leave(self) -> None:
        """End the session, and nothing else."""
        await self.finish()
        await self.rest()

    async def rest(self) -> None:
        """Have no session, until the next `initialize`."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        await self._hang_up()


def _text(body: bytes) -> str:
    """What an error's body says to people."""
    try:
        message = decode(body)
    except Malformed:
        return body.decode("utf-8", "replace").strip()
    error = message.error if isinstance(message, Response) else None
    return "" if error is None else error.message
