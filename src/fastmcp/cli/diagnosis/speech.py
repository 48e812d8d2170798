"""MCP as the doctor speaks it: one request, and all that can be said of what came back.

A client raises what it cannot use. Here every answer is an `Answer`, whatever it is: the status,
the headers, the message if there was one, and in words what is wrong with it. The rules of what is
sent are those of `protocol`; what is sent has no effect on a server beyond opening sessions, and
those are closed again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from multidict import CIMultiDict
from yarl import URL

from fastmcp.cli.diagnosis.finding import quote
from fastmcp.cli.diagnosis.response import HttpResponse, Times, Unreachable
from fastmcp.cli.diagnosis.wire import PATIENCE, Http
from fastmcp.protocol import headers as names
from fastmcp.protocol import meta, sse
from fastmcp.protocol.jsonrpc import (
    Malformed,
    Response,
    as_object,
    decode,
    decode_many,
    encode_notification,
    encode_request,
    load,
)
from fastmcp.protocol.versions import Era, era_of

__all__ = [
    "BOTH",
    "CLIENT_INFO",
    "EVENTS",
    "JSON",
    "Answer",
    "Speech",
    "answer_to",
    "decode_json",
    "next_piece",
]

BOTH: Final = "application/json, text/event-stream"
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
CLIENT_INFO: Final = {"name": "fastmcp-doctor", "version": "1"}

_BODY_LIMIT: Final = 1024 * 1024


@dataclass(slots=True)
class Answer:
    """What came back for one request.

    Attributes:
        status: of HTTP; 0 where there was no response.
        headers: of HTTP.
        message: the JSON-RPC response, if there was one.
        fault: why there was none, in words.
        events: what came on the stream with the message, and before it.
        retry: what the stream said of when to come back, in milliseconds.
        times: of the connection.
    """

    status: int = 0
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict[str])
    message: Response | None = None
    fault: str = ""
    events: list[sse.Event] = field(default_factory=list[sse.Event])
    retry: int | None = None
    times: Times = field(default_factory=Times)

    @property
    def content_type(self) -> str:
        """The media type."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def result(self) -> dict[str, Any] | None:
        """The result, where the message has one that is an object."""
        return None if self.message is None else as_object(self.message.result)

    @property
    def served(self) -> bool:
        """Whether the request was answered with a result."""
        return self.message is not None and self.message.error is None

    @property
    def code(self) -> int | None:
        """The code of the JSON-RPC error."""
        if self.message is None or self.message.error is None:
            return None
        return self.message.error.code

    @property
    def said(self) -> str:
        """In a few words: the status, and the error's text or what is wrong."""
        if self.status == 0:
            return self.fault
        if self.message is not None and self.message.error is not None:
            error = self.message.error
            return f"HTTP {self.status}, error {error.code} {quote(error.message)}"
        if self.fault:
            return f"HTTP {self.status}, {self.fault}"
        return f"HTTP {self.status}"


class Speech:
    """Sends MCP messages to an endpoint.

    Args:
        http: carries them.
        url: of the endpoint.
        own: headers of the user, with what lets in.

    Attributes:
        trusted: whether the user's headers may be sent: not over a connection whose certificate
            is wrong.
    """

    def __init__(self, http: Http, url: URL, own: Mapping[str, str]) -> None:
        self.http = http
        self.url = url
        self.own = dict(own)
        self.trusted = True
        self._last_id = 0

    def headers(
        self,
        *,
        version: str | None = None,
        session: str | None = None,
        accept: str = BOTH,
        own: bool = True,
        extra: Mapping[str, str] | None = None,
    ) -> CIMultiDict[str]:
        """The headers of a request.

        Args:
            version: for MCP-Protocol-Version.
            session: for Mcp-Session-Id.
            accept: for Accept.
            own: whether the user's are among them.
            extra: further ones.
        """
        found = CIMultiDict(
            {
                "User-Agent": "fastmcp-doctor",
                "Accept": accept,
                "Accept-Encoding": "gzip, deflate",  # as clients do: proxies compress for them
            }
        )
        if own and self.trusted:
            found.update(self.own)
        if version is not None:
            found["MCP-Protocol-Version"] = version
        if session is not None:
            found["Mcp-Session-Id"] = session
        found.update(extra or {})
        return found

    def request(
        self, method: str, params: Mapping[str, Any] | None, version: str | None
    ) -> tuple[int, bytes, dict[str, str]]:
        """The id, the body and the own headers of a request, as its era wants them."""
        self._last_id += 1
        given = dict(params or {})
        extra = {"Content-Type": JSON}
        if version is not None and era_of(version) is not Era.HANDSHAKE:
            given["_meta"] = {
                meta.PROTOCOL_VERSION: version,
                meta.CLIENT_INFO: CLIENT_INFO,
                meta.CLIENT_CAPABILITIES: {},
                **given.get("_meta", {}),
            }
            extra["Mcp-Method"] = method
            if "name" in given:
                extra["Mcp-Name"] = names.encode_value(str(given["name"]))
        return self._last_id, encode_request(self._last_id, method, given), extra

    async def ask(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        version: str | None = None,
        session: str | None = None,
        accept: str = BOTH,
        own: bool = True,
        extra: Mapping[str, str] | None = None,
        url: URL | None = None,
    ) -> Answer:
        """Send a request and read its answer.

        Args:
            method: such as `ping`.
            params: its params.
            version: the revision it is sent in; None for the handshake itself.
            session: the session it belongs to.
            accept: for Accept.
            own: whether the user's headers are sent.
            extra: further headers; they go before all others.
            url: another endpoint than that under examination.
        """
        id, body, form = self.request(method, params, version)
        headers = self.headers(
            version=version, session=session, accept=accept, own=own, extra=form | dict(extra or {})
        )
        return await self._exchange("POST", url or self.url, headers, body, id)

    async def initialize(self, version: str, **how: Any) -> Answer:
        """The handshake's first request; the version is in it and not yet in a header."""
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": CLIENT_INFO}
        return await self.ask("initialize", params, **how)

    async def tell(self, method: str, *, version: str, session: str | None) -> Answer:
        """Send a notification."""
        headers = self.headers(version=version, session=session, extra={"Content-Type": JSON})
        return await self._exchange("POST", self.url, headers, encode_notification(method), None)

    async def plain(
        self, method: str, headers: CIMultiDict[str], *, url: URL | None = None
    ) -> Answer:
        """A request without a body, whose answer is no message."""
        return await self._exchange(method, url or self.url, headers, b"", None)

    async def _exchange(
        self, method: str, url: URL, headers: CIMultiDict[str], body: bytes, id: int | None
    ) -> Answer:
        try:
            response = await self.http.open(method, url, headers, body)
        except Unreachable as exc:
            return Answer(fault=str(exc))
        answer = Answer(response.status, response.headers, times=response.times)
        try:
            if id is not None and response.content_type == EVENTS:
                await self._stream(response, answer, id)
            elif id is not None:
                await self._body(response, answer, id)
        finally:
            response.close()
        return answer

    async def _body(self, response: HttpResponse, answer: Answer, id: int) -> None:
        body = await response.body(_BODY_LIMIT, PATIENCE)
        if response.cut:
            answer.fault = f"the body of the answer is not complete after {len(body)} bytes"
            return
        answer.message, answer.fault = _message(body, id)
        if answer.message is None:
            if not body:
                answer.fault = "an empty body"
            elif answer.content_type != JSON:
                answer.fault = f"content type {quote(answer.content_type)} and no MCP message"

    async def _stream(self, response: HttpResponse, answer: Answer, id: int) -> None:
        decoder = sse.Decoder()
        read = 0
        until = time.monotonic() + PATIENCE
        answer.fault = "the stream ended without the answer"
        while True:
            piece = await next_piece(response, until)
            if piece is None:
                answer.fault = f"no answer on the stream within {PATIENCE:.0f} s"
                return
            read += len(piece)
            for event in decoder.feed(piece):
                answer.events.append(event)
                answer.retry = decoder.retry
                message, _ = _message(event.data.encode(), id)
                if message is not None:
                    answer.message, answer.fault = message, ""
                    return
            if not piece or read > _BODY_LIMIT:
                return


async def next_piece(response: HttpResponse, until: float) -> bytes | None:
    """The next part of a body; nothing at its end, None where the time came first.

    Args:
        response: what is read.
        until: by the monotonic clock.
    """
    try:
        async with asyncio.timeout(max(0.0, until - time.monotonic())):
            return await response.piece()
    except TimeoutError:
        return None


def decode_json(body: bytes) -> Any:
    """Any JSON value; None for what is none."""
    try:
        return load(body)
    except Malformed:
        return None


def answer_to(body: bytes, id: int) -> Response | None:
    """The response to a request, if this is it."""
    return _message(body, id)[0]


def _message(body: bytes, id: int) -> tuple[Response | None, str]:
    """The response to a request, or what is there instead."""
    try:
        found = decode_many(body) if body.lstrip()[:1] == b"[" else [decode(body)]
    except Malformed as exc:
        return None, f"not an MCP message ({exc.message})"
    for message in found:
        # Servers that refuse a request unread cannot repeat its id; some make one up.
        if isinstance(message, Response) and (message.id == id or message.error is not None):
            return message, ""
    return None, "an MCP message, but not the answer to this request"
