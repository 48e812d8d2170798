"""The transport of 2024-11-05: deprecated, and still spoken by many servers."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from typing import Any, Literal

from pydantic import AnyUrl

from fastmcp.client.auth.credentials import Credentials
from fastmcp.client.transports.http import HttpTransport
from fastmcp.client.transports.http_sender import HeaderSource
from fastmcp.client.transports.orders import Order

__all__ = ["SSETransport"]


class SSETransport(HttpTransport):
    """Connects to a server over HTTP+SSE.

    With `order="sse-first"`, which `Client(url)` has for addresses that end in `/sse`, a server
    that does not speak it any more is spoken to over Streamable HTTP.

    Args:
        url: where the stream is opened.
        headers: as for `HttpTransport`, and so are all others.
    """

    def __init__(
        self,
        url: str | AnyUrl,
        headers: HeaderSource | None = None,
        auth: Credentials | Literal["oauth"] | str | None = None,
        sse_read_timeout: datetime.timedelta | float | int | None = None,
        httpx_client_factory: Callable[..., Any] | None = None,
        verify: ssl.SSLContext | bool | str | None = None,
        *,
        order: Order = "sse-only",
    ) -> None:
        super().__init__(
            url,
            headers,
            auth,
            httpx_client_factory,
            verify,
            order=order,
            sse_read_timeout=sse_read_timeout,
        )
