"""One open connection over Streamable HTTP: a POST for every message, in either era.

A request runs in its caller's task: it is posted, and its answer read, as one JSON body or as a
stream whose other messages go to the receiver on the way. What the handshake era adds is here
too: the session id, the stream the server may speak on unasked, resumption, and DELETE.
Sources: 2025-11-25, basic/transports, "Streamable HTTP"; 2026-07-28,
basic/transports/streamable-http.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

import aiohttp

from fastmcp.client.channel import Handshaken, Outgoing, Receiver
from fastmcp.client.errors import (
    ConnectionClosedError,
    HttpStatusError,
    NotLetInYetError,
    ResponseTooLargeError,
    SessionLostError,
)
from fastmcp.client.patience import LONGEST_WISH
from fastmcp.client.stream_patience import asked_for
from fastmcp.client.transports.http_listener import Listener
from fastmcp.client.transports.http_sender import HttpSender, reason_of, retry_after_of, some
from fastmcp.client.transports.second_reading import read
from fastmcp.exceptions import McpError
from fastmcp.protocol import headers as names
from fastmcp.protocol import sse
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.protocol.jsonrpc import (
    Malformed,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    decode,
)
from fastmcp.protocol.subscriptions import LISTEN
from fastmcp.utilities.waiting import is_set_within

__all__ = ["HttpChannel"]

logger = logging.getLogger("fastmcp.client")

_LINGER_SECONDS: Final = 0.05
"""How long the end of a stream may stay away after its answer. Reading to the end is what lets
the connection be used again; a server that never ends its streams must not cost a call more."""
_RESUME_PAUSE: Final = 1.0
"""Seconds before a broken stream is asked for again, unless the server said `retry`."""
_RESUME_FAILURES: Final = 3
_UNKNOWN_OUTCOME: Final = "Whether it was carried out is not known."
_AGAIN_PAUSES: Final = (0.1, 0.4, 1.0)


class HttpChannel:
    """A connection to one MCP endpoint.

    Args:
        http: carries the requests; closed with the channel.

    Attributes:
        refused: the id of the request that was refused last, and the HTTP status: an error in a
            response's body does not say it.
    """

    is_pipe = False

    def __init__(self, http: HttpSender) -> None:
        self.closed: Exception | None = None
        self.last_id = 0
        self.handshaken: Handshaken | None = None
        self.address: tuple[str, int] | None = (http.url.host or "", http.url.port or 0)
        self.refused: tuple[RequestId, int] = 0, 0
        self._http = http
        self._session_id: str | None = None
        self._version: str | None = None
        self._receiver: Receiver | None = None
        self._listener: Listener | None = None
        self._lingers = False
        self._left = asyncio.Event()

    def attach(self, receiver: Receiver | None) -> None:
        """Say who hears the server from now on."""
        self._receiver = receiver

    def session_id(self) -> str | None:
        """The value of Mcp-Session-Id, None where the server gave none."""
        return self._session_id

    # --- requests ------------------------------------------------------------------------------

    async def request(self, outgoing: Outgoing) -> Response:
        """Send a request and wait for its response."""
        if self.closed is not None:
            raise ConnectionClosedError("the client left", reached=False)
        session_id = None if outgoing.method == "initialize" else self._session_id
        headers = await self._http.headers(outgoing.version, session_id)
        if outgoing.stateless:
            headers["Mcp-Method"] = outgoing.method
            if outgoing.name is not None:
                headers["Mcp-Name"] = names.encode_value(outgoing.name)
        if outgoing.headers is not None:
            headers.update(outgoing.headers)
        unasked = outgoing.method == LISTEN  # whoever subscribed has gone on
        response = await self._http.open(
            "POST", headers, outgoing.body, unasked=unasked, term=outgoing.term
        )
        try:
            if response.status >= 400:
                return await self._refused(response, outgoing, session_id)
            if outgoing.method == "initialize":
                self._session_id = response.headers.get("Mcp-Session-Id")
            content_type = response.content_type
            if content_type == "application/json":
                return await self._one_body(response, outgoing)
            if content_type == "text/event-stream":
                return await self._stream(response, outgoing, session_id)
            raise HttpStatusError(
                response.status,
                f"The server answered {outgoing.method} with HTTP {response.status} and content "
                f"type {content_type!r} instead of an MCP message. Is {self._http.shown} an MCP "
                "endpoint?",
            )
        finally:
            response.release()  # closes the connection where the body was not read to its end

    async def _one_body(self, response: aiohttp.ClientResponse, outgoing: Outgoing) -> Response:
        try:
            body = await self._http.read(response)
        except (aiohttp.ClientError, OSError) as exc:
            raise self._broken(outgoing, exc) from exc
        messages = read(body)
        if len(messages) == 1 and isinstance(messages[0], Malformed):
            raise HttpStatusError(
                response.status,
                f"The server answered {outgoing.method} with what is no MCP message: {messages[0]}",
            ) from messages[0]
        answer: Response | None = None
        for message in messages:
            answer = await self._hear(message, outgoing.id) or answer
        if answer is None:
            raise ConnectionClosedError(f"the server's response holds no answer to {outgoing.id}")
        return answer

    async def _refused(
        self, response: aiohttp.ClientResponse, outgoing: Outgoing, session_id: str | None
    ) -> Response:
        """An HTTP error: the JSON-RPC error in it, or what the status means."""
        status = response.status
        body = await self._http.read_text(response)
        self.refused = outgoing.id, status
        error = _error_in(body)
        text = error.message if error is not None else body.decode("utf-8", "replace").strip()
        message = f"HTTP {status} for {outgoing.method} from {self._http.shown}" + (
            f": {text[:500]}" if text else ""
        )
        if session_id is not None and (status == 404 or _names_the_session(status, error)):
            raise SessionLostError(status, message)
        if status == 401 and outgoing.method == LISTEN and self._http.may_be_let_in_later:
            raise NotLetInYetError(message)
        code, data = (INTERNAL_ERROR, None) if error is None else (error.code, error.data)
        failed = HttpStatusError(status, message, code, data, retry_after=retry_after_of(response))
        if error is None or failed.passing or status in (401, 403):
            raise failed
        return Response(outgoing.id, error=error)

    async def _stream(
        self, response: aiohttp.ClientResponse, outgoing: Outgoing, session_id: str | None
    ) -> Response:
        """An SSE response: its messages up to the answer, or the stream that continues it."""
        decoder = sse.Decoder()
        why: Exception | None = None
        try:
            answer = await self._follow(response, decoder, outgoing.id)
            if answer is not None:
                return answer
        except (aiohttp.ClientError, OSError) as exc:
            why = exc
        if outgoing.stateless or decoder.last_event_id is None:
            raise self._broken(outgoing, why)
        if outgoing.method == "initialize":
            session_id = self._session_id
        return await self._resume(outgoing, session_id, decoder.last_event_id, decoder.retry)

    async def _follow(
        self, response: aiohttp.ClientResponse, decoder: sse.Decoder, id: RequestId | None
    ) -> Response | None:
        """Hands on a stream's messages until the response to `id`, or the end (None)."""
        while chunk := await some(response):
            for event in decoder.feed(chunk):
                if not event.data:
                    continue  # a priming event carries only its id
                answer: Response | None = None
                for message in read(event.data.encode()):
                    answer = await self._hear(message, id) or answer
                if answer is not None:
                    await self._drain(response)
                    return answer
            if decoder.buffered > self._http.limit:
                raise ResponseTooLargeError(self._http.limit)
        return None

    async def _hear(self, message: Message | Malformed, id: RequestId | None) -> Response | None:
        """Hand a message on, unless it is the response to `id`."""
        receiver = self._receiver
        if isinstance(message, Response):
            if id is not None and (message.id == id or message.id in (None, str(id))):
                return message
            logger.debug("The server answered %r, which nobody waits for here", message.id)
        elif isinstance(message, Malformed):
            logger.warning("The server sent what is no MCP message: %s", message)
            if receiver is not None:
                receiver.on_exception(message)
        elif receiver is None:
            pass
        elif isinstance(message, Request):
            receiver.on_request(message)
        else:
            assert isinstance(message, Notification)
            work = receiver.on_notification(message)
            if work is not None:
                await work
        return None

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        """Read a stream to its end, so that its connection can be used again."""
        if response.content.at_eof():
            return
        if not self._lingers:
            try:
                async with asyncio.timeout(_LINGER_SECONDS):
                    await response.content.read()
                    return
            except (TimeoutError, aiohttp.ClientError, OSError):
                self._lingers = True
        response.close()

    async def _resume(
        self, outgoing: Outgoing, session_id: str | None, last_id: str, retry: int | None
    ) -> Response:
        """Ask for the rest of a stream that ended before the answer ("Resumability")."""
        failures = 0
        why: Exception | None = None
        while failures < _RESUME_FAILURES:
            wish = None if not isinstance(why, HttpStatusError) else why.retry_after
            pause = _RESUME_PAUSE if retry is None else asked_for(retry)
            if await is_set_within(self._left, max(pause, min(wish or 0.0, LONGEST_WISH))):
                raise ConnectionClosedError("the client left")
            if self._session_id != session_id:  # another call found it lost meanwhile
                raise self._lost_at_work(outgoing, 404)
            decoder = sse.Decoder()
            try:
                response = await self.get(outgoing.version, last_id)
                try:
                    if response.status != 200:
                        raise self._not_resumed(outgoing, response)
                    answer = await self._follow(response, decoder, outgoing.id)
                finally:
                    response.release()
                if answer is not None:
                    return answer
            except (aiohttp.ClientError, OSError, ConnectionClosedError) as exc:
                if self.closed is not None:
                    raise ConnectionClosedError("the client left") from exc
                why = exc
            except SessionLostError:
                raise
            except HttpStatusError as exc:
                if not exc.passing:
                    raise self._broken(outgoing, exc) from exc
                why = exc
            moved = decoder.last_event_id is not None
            failures = 0 if moved else failures + 1
            last_id = decoder.last_event_id or last_id
            retry = retry if decoder.retry is None else decoder.retry
        raise self._broken(outgoing, why)

    def _not_resumed(self, outgoing: Outgoing, response: aiohttp.ClientResponse) -> HttpStatusError:
        """What a status means that is no stream. Of a session that is gone nothing more is heard,
        and what it did meanwhile is unknown."""
        status = response.status
        if status == 404 and self._session_id is not None:
            return self._lost_at_work(outgoing, status)
        return HttpStatusError(
            status,
            f"HTTP {status} when the stream was asked for again",
            retry_after=retry_after_of(response),
        )

    def _lost_at_work(self, outgoing: Outgoing, status: int) -> SessionLostError:
        return SessionLostError(
            status,
            f"The server lost the session while it was at work on {outgoing.method}. "
            f"{_UNKNOWN_OUTCOME}",
            reached=True,
        )

    def _broken(self, outgoing: Outgoing, why: Exception | None) -> ConnectionClosedError:
        text = f"the server's response to {outgoing.method} ended before the answer"
        if why is not None and not isinstance(why, aiohttp.ClientPayloadError):
            text += f" ({reason_of(why)})"
        return ConnectionClosedError(f"{text}. {_UNKNOWN_OUTCOME}")

    # --- messages without an answer ------------------------------------------------------------

    async def send(self, body: bytes, version: str | None) -> None:
        """Send a notification, or a response to one of the server's requests.

        Where it is not known to have arrived (a worker that ends, a proxy without one) it is sent
        again: somebody may wait for it, and to hear it twice does no harm.
        """
        if self.closed is not None:
            raise ConnectionClosedError("the client left", reached=False)
        for pause in _AGAIN_PAUSES:
            try:
                return await self._send(body, version)
            except ConnectionClosedError:
                await asyncio.sleep(pause)
            except HttpStatusError as exc:
                if exc.status not in (502, 503, 504):
                    raise
                await asyncio.sleep(pause)
        return await self._send(body, version)

    async def _send(self, body: bytes, version: str | None) -> None:
        headers = await self._http.headers(version, self._session_id)
        response = await self._http.open("POST", headers, body, unasked=True)
        try:
            if response.status >= 400:
                raise HttpStatusError(
                    response.status, f"HTTP {response.status} for a notification or response"
                )
            await self._http.read_text(response)
        finally:
            response.release()

    async def opened(self, version: str) -> None:
        """Listen to what the server says unasked, unless it said that it never will."""
        self._version = version
        if self._listener is not None:
            refused = self._listener.refused
            await self._listener.stop()
            if refused:
                return

        async def follow(response: aiohttp.ClientResponse, decoder: sse.Decoder) -> None:
            await self._follow(response, decoder, None)

        async def lost() -> None:
            if self._session_id is not None and self._receiver is not None:
                await self._receiver.on_lost()

        def missed() -> None:
            if self._receiver is not None:
                self._receiver.on_missed()

        async def get(last_id: str | None) -> aiohttp.ClientResponse:
            return await self.get(version, last_id, unasked=True)

        self._listener = Listener(get, follow, lost, missed, self._http.may_be_let_in_later)

    async def get(
        self, version: str | None, last_id: str | None, *, unasked: bool = False
    ) -> aiohttp.ClientResponse:
        """Ask for a stream; the caller releases the response."""
        headers = await self._http.headers(version, self._session_id)
        headers["Accept"] = "text/event-stream"
        headers.pop("Content-Type", None)
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        return await self._http.open("GET", headers, None, unasked=unasked)

    async def rest(self) -> None:
        """Have no session, until the next `initialize`."""
        self._session_id = None
        if self._listener is not None:
            await self._listener.stop()

    async def close(self, seconds: float) -> None:
        """End the session and the connection. Never raises: the server may be gone.

        Args:
            seconds: that the server may take to answer DELETE.
        """
        self.closed = ConnectionClosedError("the client left")
        self._left.set()
        if self._listener is not None:
            await self._listener.stop()
        if self._session_id is not None:
            with suppress(McpError, TimeoutError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(seconds):
                    headers = await self._http.headers(self._version, self._session_id)
                    headers.pop("Content-Type", None)
                    response = await self._http.open("DELETE", headers, None, unasked=True)
                    response.release()
        await self._http.close()


def _names_the_session(status: int, error: McpError | None) -> bool:
    """Whether a 400 says what 404 should: servers made after the TypeScript SDK's examples answer
    a session they do not know with "No valid session ID provided" or "Server not initialized"."""
    if status != 400 or error is None:
        return False
    text = error.message.lower()
    return "valid session id" in text or "not initialized" in text


def _error_in(body: bytes) -> McpError | None:
    try:
        message = decode(body)
    except Malformed:
        return None
    return message.error if isinstance(message, Response) else None
