"""The transport for an address, where nobody said which: by what the address looks like."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from fastmcp.client.transports.http import HttpTransport, StreamableHttpTransport
from fastmcp.client.transports.orders import ORDERS, Kind, Order
from fastmcp.client.transports.sse import SSETransport

__all__ = ["http_transport", "kind_of"]

_SSE_PATH: Final = re.compile(r"/sse(/|\?|&|$)")


def kind_of(url: str) -> Kind:
    """What is tried first at an address: HTTP+SSE where a segment of its path ends in `/sse`."""
    return "sse" if _SSE_PATH.search(urlsplit(url).path) else "http"


def http_transport(url: str, order: Order | None = None, **options: Any) -> HttpTransport:
    """The transport for an address of a server.

    Args:
        url: http or https.
        order: of the transports that are tried; by default what the address looks like first.
        options: further arguments of the transport.
    """
    if order is None:
        order = "sse-first" if kind_of(url) == "sse" else "http-first"
    kind = SSETransport if ORDERS[order][0] == "sse" else StreamableHttpTransport
    return kind(url, order=order, **options)
