"""How much may be asked at once over HTTP, and what is said beyond it.

Each limit is a setting and has the status HTTP names for it: 413 for the body, 431 for the header
(RFC 6585, section 5), 429 for what one session or principal has open (section 4), 503 for the
whole server (RFC 9110, section 15.6.4); the last two say when to come back. Notifications and
answers are not counted: refusing the answer that a running call waits for would keep that call
running for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Reject
from fastmcp.protocol.errors import INVALID_REQUEST, PARSE_ERROR
from fastmcp.protocol.jsonrpc import RequestId
from fastmcp.settings import Settings

__all__ = ["BUSY", "RETRY_AFTER", "Limits", "OpenStreams"]

BUSY: Final = -32000
"""Not now, but perhaps later. MCP names no code for it and leaves -32000 to -32019 alone."""

RETRY_AFTER: Final = (b"retry-after", b"1")


class Limits(msgspec.Struct, frozen=True):
    """The limits of one endpoint. Each is a number that is always greater where there is none.

    Attributes:
        body_bytes: of a request's body.
        header_bytes: of all names and values of a request's header together.
        json_depth: how deep objects and arrays of a body may be nested.
        requests: that are being served, of all clients.
        session_requests: that are being served, of one session.
        session_streams: standalone and resumed streams that one session holds open.
        subscriptions: that are open, of all clients.
        principal_subscriptions: that are open, of one authenticated principal.
        sse_streams: of HTTP+SSE that are open, of all clients.
    """

    body_bytes: int = sys.maxsize
    header_bytes: int = sys.maxsize
    json_depth: int = sys.maxsize
    requests: int = sys.maxsize
    session_requests: int = sys.maxsize
    session_streams: int = sys.maxsize
    subscriptions: int = sys.maxsize
    principal_subscriptions: int = sys.maxsize
    sse_streams: int = sys.maxsize

    @classmethod
    def of(cls, settings: Settings, body_bytes: int | None = None) -> Limits:
        """What the settings say.

        Args:
            settings: 0 stands for no limit there.
            body_bytes: instead of the setting.
        Raises:
            ValueError: `body_bytes` is less than 1.
        """
        if body_bytes is not None and body_bytes < 1:
            raise ValueError(f"max_body_bytes must be at least 1, got {body_bytes}")
        return cls(
            body_bytes or settings.http_max_body_bytes,
            settings.http_max_header_bytes or sys.maxsize,
            settings.http_max_json_depth or sys.maxsize,
            settings.http_max_requests or sys.maxsize,
            settings.http_max_session_requests or sys.maxsize,
            settings.http_max_session_streams or sys.maxsize,
            settings.http_max_subscriptions or sys.maxsize,
            settings.http_max_principal_subscriptions or sys.maxsize,
            settings.http_max_sse_streams or sys.maxsize,
        )

    def body_too_large(self) -> Reject:
        return _invalid(
            413,
            f"Content too large: the body is over {self.body_bytes} bytes, the limit that "
            "max_body_bytes= or FASTMCP_HTTP_MAX_BODY_BYTES sets",
        )

    def header_too_large(self) -> Reject:
        return _invalid(
            431,
            f"Request header too large: it is over {self.header_bytes} bytes, the limit that "
            "FASTMCP_HTTP_MAX_HEADER_BYTES sets",
        )

    def too_deep(self) -> Reject:
        message = (
            f"Parse error: the JSON text is nested too deeply, over {self.json_depth} levels, the "
            "limit that FASTMCP_HTTP_MAX_JSON_DEPTH sets"
        )
        return Reject(400, McpError(PARSE_ERROR, message))

    def server_full(self, id: RequestId | None) -> Reject:
        return _busy(
            503,
            f"The server is busy: it serves {self.requests} requests, as many as "
            "FASTMCP_HTTP_MAX_REQUESTS lets it; try again later",
            id,
        )

    def session_full(self, id: RequestId | None) -> Reject:
        return _busy(
            429,
            f"Too many requests: {self.session_requests} of this session are being served, as many "
            "as FASTMCP_HTTP_MAX_SESSION_REQUESTS allows; await some of them first",
            id,
        )

    def stream_unread(self, id: RequestId | None) -> Reject:
        return _busy(
            429,
            "Too many requests: this client does not read its stream, where answers wait for it; "
            "this message was not taken",
            id,
        )

    def streams_full(self) -> Reject:
        return _busy(
            429,
            f"Too many streams: this session holds {self.session_streams} open, as many as "
            "FASTMCP_HTTP_MAX_SESSION_STREAMS allows; close some of them first",
            None,
        )

    def subscriptions_full(self, id: RequestId) -> Reject:
        return _busy(
            503,
            f"The server is busy: it holds {self.subscriptions} subscriptions open, as many as "
            "FASTMCP_HTTP_MAX_SUBSCRIPTIONS lets it; try again later",
            id,
        )

    def principal_full(self, id: RequestId) -> Reject:
        return _busy(
            429,
            f"Too many subscriptions: this user holds {self.principal_subscriptions} open, as many "
            "as FASTMCP_HTTP_MAX_PRINCIPAL_SUBSCRIPTIONS allows; close some of them first",
            id,
        )

    def sse_streams_full(self) -> Reject:
        return _busy(
            503,
            f"The server is busy: it holds {self.sse_streams} streams of HTTP+SSE open, as many as "
            "FASTMCP_HTTP_MAX_SSE_STREAMS lets it; try again later, or connect by Streamable HTTP "
            "where the server has it",
            None,
        )


class OpenStreams:
    """How many streams each session, or each principal, holds open. Who holds none costs nothing.

    Args:
        limit: of one of them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._open.values())

    @contextmanager
    def hold(self, whose: str) -> Generator[bool]:
        """Count one more while the block runs.

        Args:
            whose: the session's id, or the principal.
        Returns:
            Whether there may be one more; if not, nothing is counted.
        """
        held = self._open.get(whose, 0)
        if held >= self._limit:
            yield False
            return
        self._open[whose] = held + 1
        try:
            yield True
        finally:
            left = self._open[whose] - 1
            if left:
                self._open[whose] = left
            else:
                del self._open[whose]


def _invalid(status: int, message: str) -> Reject:
    return Reject(status, McpError(INVALID_REQUEST, message))


def _busy(status: int, message: str, id: RequestId | None) -> Reject:
    return Reject(status, McpError(BUSY, message), id)
