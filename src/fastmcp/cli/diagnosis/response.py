"""One HTTP response, read as it arrives and within limits.

httptools reads the head and takes the chunks apart; what is compressed is unpacked piece by piece,
so that little cannot become much. Sources: RFC 9112; RFC 9110, 8.4.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import httptools
from multidict import CIMultiDict

from fastmcp.cli.diagnosis.finding import quote

__all__ = ["HttpResponse", "Line", "Times", "Unreachable", "beginning"]

Why: TypeAlias = Literal[
    "name",
    "refused",
    "timeout",
    "silent",
    "unroutable",
    "certificate",
    "tls",
    "not-http",
    "closed",
]

_HEAD_LIMIT: Final = 64 * 1024
_READ: Final = 64 * 1024
_INFLATED: Final = 256 * 1024
_TLS_ALERT: Final = b"\x15\x03"
"""How a TLS server begins its answer to what is no TLS: an alert record (RFC 8446, 5.1)."""


class Unreachable(Exception):
    """There was no HTTP response.

    Args:
        why: in one word, to decide by.
        text: in a sentence, to tell.
        code: OpenSSL's number of what is wrong with a certificate.
    """

    def __init__(self, why: Why, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.why = why
        self.code = code


@dataclass(slots=True)
class Times:
    """Seconds that the steps of one request took."""

    connect: float = 0.0
    tls: float = 0.0
    head: float = 0.0
    """From the request to the end of the response's head."""


@dataclass(slots=True)
class Line:
    """An open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    times: Times
    address: str
    certificate: bytes | None
    tls: str | None
    failed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


class HttpResponse:
    """A response whose head was read.

    Attributes:
        status: the HTTP status.
        version: `1.0` or `1.1`.
        headers: the response's.
        cut: the body ended before it was complete, or went over a limit.
    """

    def __init__(self, line: Line) -> None:
        self.status = 0
        self.version = ""
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.cut = False
        self.times = line.times
        self._line = line
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: deque[bytes] = deque()
        self._headed = False
        self._complete = False
        self._inflate: Any = None
        self._deflated = b""

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def read_head(self) -> None:
        """Read up to the end of the head."""
        size = 0
        first = b""
        while not self._headed:
            data = await self._read()
            first = first or data
            if not data:
                raise Unreachable("closed", "the connection was closed without an answer")
            if first.startswith(_TLS_ALERT):
                raise Unreachable("tls", "the server speaks TLS at this port")
            size += len(data)
            try:
                self._feed(data)
            except httptools.HttpParserError:
                raise Unreachable(
                    "not-http", f"the answer is not HTTP/1.1; it begins with {beginning(first)}"
                ) from None
            if size > _HEAD_LIMIT and not self._headed:
                raise Unreachable("not-http", "the head of the answer has no end")
        encoding = self.headers.get("Content-Encoding", "").strip().lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._inflate = zlib.decompressobj(wbits=47)

    async def piece(self) -> bytes:
        """The next part of the body, as it arrives; nothing at the end."""
        while True:
            while self._deflated or self._pieces:
                data = self._deflated or self._pieces.popleft()
                data = self._inflated(data)
                if data:
                    return data
            if self._complete or self.cut:
                return b""
            data = await self._read()
            if not data:
                self.cut = self._measured
                self._complete = not self.cut
                return b""
            try:
                self._feed(data)
            except httptools.HttpParserError:
                self.cut = True

    async def body(self, limit: int, wait: float) -> bytes:
        """The body, as far as it comes.

        Args:
            limit: bytes after which reading ends.
            wait: seconds after which it does.
        """
        found = bytearray()
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while piece := await self.piece():
                    found += piece
                    if len(found) > limit:
                        break
                else:
                    return bytes(found)
        self.cut = True
        return bytes(found[:limit])

    def close(self) -> None:
        """Drop the connection."""
        self._line.writer.transport.abort()

    @property
    def _measured(self) -> bool:
        """Whether the head said where the body ends, so that the connection's end is no such."""
        return "Content-Length" in self.headers or (
            "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        )

    async def _read(self) -> bytes:
        try:
            return await self._line.reader.read(_READ)
        except (OSError, ssl.SSLError):
            self.cut = self._headed
            return b""

    def _feed(self, data: bytes) -> None:
        with suppress(httptools.HttpParserUpgrade):
            self._parser.feed_data(data)

    def _inflated(self, data: bytes) -> bytes:
        if self._inflate is None:
            return data
        try:
            found = self._inflate.decompress(data, _INFLATED)
        except zlib.error:
            self.cut, self._deflated = True, b""
            return b""
        self._deflated = self._inflate.unconsumed_tail
        return found

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._headed:
            self.headers.add(name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self.headers.clear()  # what comes before the response (RFC 9110, 15.2)
            return
        self.status = status
        self.version = self._parser.get_http_version()
        self._headed = True

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        self._complete = self._headed


def beginning(data: bytes) -> str:
    """How bytes begin that make no sense, as text."""
    return quote(data[:80].decode("latin-1"), 60)
