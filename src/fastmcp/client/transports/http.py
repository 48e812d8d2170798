"""The Streamable HTTP transport: where the endpoint is, and how to be let in."""

from __future__ import annotations

import datetime
import socket
import ssl
import urllib.request
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, Self

import aiohttp
from pydantic import AnyUrl
from yarl import URL

from fastmcp.client.auth.bearer import BearerAuth
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.http_channel import HttpChannel
from fastmcp.client.transports.http_sender import HeaderSource, HttpSender
from fastmcp.protocol.versions import Era
from fastmcp.settings import get_settings

__all__ = ["StreamableHTTPTransport", "StreamableHttpTransport", "forget_servers"]

_KEEPALIVE_SECONDS = 4.0
"""How long an idle connection is kept for the next call. Servers commonly drop them after five
seconds; a request that meets the drop on its way cannot safely be sent again."""
_CONNECT_SECONDS = 30.0
_DELETE_SECONDS = 1.5
"""Ending a session is a courtesy: leaving must stay prompt beside a server that hangs."""
_SILENCE_SECONDS = 300.0
_PROBE_TCP = (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
"""A host that vanished without a word is found out within a minute, not after the two hours that
systems wait by themselves."""

_eras: OrderedDict[str, Era] = OrderedDict()
"""What the servers of this process's addresses spoke last (basic/versioning: a client SHOULD
remember the era). By address, not by origin: a gateway has many servers behind one."""
_ERAS_KEPT = 1024


class StreamableHttpTransport(ClientTransport):
    """Connects to an MCP endpoint over HTTP.

    Args:
        url: of the endpoint, http or https.
        headers: sent with every request; or a function (plain or async) that gives them and is
            called for every request, for values that change.
        auth: a bearer token, a `BearerAuth`, or None.
        httpx_client_factory: not supported, this client speaks through aiohttp.
        verify: False for no verification of TLS certificates, the path of a CA bundle, or an
            `ssl.SSLContext`; None or True for the system's authorities.
        sse_read_timeout: seconds of silence after which a response counts as lost, 0 for no
            limit. Whatever comes counts as life, keep-alive comments too; what a call may take in
            all is the client's `timeout`.
    Raises:
        ValueError: no http(s) URL, or an argument that is not supported.
    """

    max_message_bytes = 256 * 1024 * 1024
    """The largest message accepted from the server."""

    def __init__(
        self,
        url: str | AnyUrl,
        headers: HeaderSource | None = None,
        auth: BearerAuth | Literal["oauth"] | str | None = None,
        httpx_client_factory: Callable[..., Any] | None = None,
        verify: ssl.SSLContext | bool | str | None = None,
        *,
        sse_read_timeout: datetime.timedelta | float | None = None,
    ) -> None:
        self.url = str(url)
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"Not an http or https URL: {self.url!r}")
        if httpx_client_factory is not None:
            raise ValueError(
                "httpx_client_factory is not supported yet: this client speaks HTTP through "
                "aiohttp. Use headers=, auth= and verify= instead."
            )
        self.headers: HeaderSource = headers if headers is not None else {}
        self.auth: BearerAuth | None = None
        self.verify = verify
        self._forwarded: Callable[[], Mapping[str, str]] | None = None
        self._channel: HttpChannel | None = None
        self.sse_read_timeout = _SILENCE_SECONDS
        self.set_sse_read_timeout(sse_read_timeout)
        self.set_auth(auth)

    def describe(self) -> str:
        """The URL, without what may be secret in it."""
        url = URL(self.url)
        return str(url.with_user(None).with_query(None) if url.user else url.with_query(None))

    def forwarding(self, headers: Callable[[], Mapping[str, str]]) -> Self:
        """The same endpoint, with the headers of somebody else's requests."""
        other = super().forwarding(headers)
        other._forwarded, other._channel = headers, None
        return other

    def set_auth(self, auth: Any) -> None:
        """Take a token, a BearerAuth or None."""
        if auth == "oauth":
            raise ValueError(
                'auth="oauth" is not supported yet. Pass a bearer token: auth="<token>".'
            )
        if auth is None or isinstance(auth, BearerAuth):
            self.auth = auth
        elif isinstance(auth, str):
            self.auth = BearerAuth(auth)
        else:
            raise ValueError(f"auth is a bearer token or a BearerAuth, not {auth!r}.")

    def set_verify(self, verify: Any) -> None:
        """Take the client's `verify` argument."""
        self.verify = verify

    def set_sse_read_timeout(self, seconds: datetime.timedelta | float | None) -> None:
        """Take the client's `sse_read_timeout` argument; None changes nothing."""
        if isinstance(seconds, datetime.timedelta):
            seconds = seconds.total_seconds()
        if seconds is not None:
            self.sse_read_timeout = float(seconds)

    @property
    def remembered_era(self) -> Era | None:
        """What the server at this address spoke last, in this process."""
        return _eras.get(self.url)

    @remembered_era.setter
    def remembered_era(self, era: Era | None) -> None:
        _eras.pop(self.url, None)
        if era is not None:
            _eras[self.url] = era
            if len(_eras) > _ERAS_KEPT:
                _eras.popitem(last=False)

    def _ssl(self) -> ssl.SSLContext | bool:
        if self.verify is None or isinstance(self.verify, (bool, ssl.SSLContext)):
            return True if self.verify is None else self.verify
        return ssl.create_default_context(cafile=self.verify)

    @asynccontextmanager
    async def open_channel(self) -> AsyncGenerator[HttpChannel]:
        """Open a connection; TCP is opened by the first request and used by all that follow."""
        url = URL(self.url)
        http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # a call that waits must not keep the answer it waits for from being sent
                keepalive_timeout=_KEEPALIVE_SECONDS,
                ssl=self._ssl(),
                socket_factory=_watched_socket,
            ),
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=_CONNECT_SECONDS,
                sock_read=self.sse_read_timeout or None,
            ),
        )
        channel = HttpChannel(
            HttpSender(
                http,
                url,
                headers=self.headers,
                authorization=None if self.auth is None else self.auth.header,
                proxy=_proxy_for(url),
                forwarded=self._forwarded,
                limit=self.max_message_bytes,
            )
        )
        self._channel = channel
        try:
            yield channel
        finally:
            await channel.close(
                min(get_settings().client_disconnect_timeout or _DELETE_SECONDS, _DELETE_SECONDS)
            )
            if self._channel is channel:
                self._channel = None

    def get_session_id(self) -> str | None:
        """The Mcp-Session-Id of the connection opened last, if it has one."""
        return None if self._channel is None else self._channel.session_id()

    def __repr__(self) -> str:
        return f"<StreamableHttpTransport(url={self.url!r})>"


StreamableHTTPTransport = StreamableHttpTransport
"""The other spelling people write; the same class."""


def forget_servers() -> None:
    """Forget what every address spoke: another server may listen there now."""
    _eras.clear()


def _watched_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket whose system asks now and then whether the other end is still there.

    Args:
        address: an entry of `socket.getaddrinfo`.
    """
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBE_TCP:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


def _proxy_for(url: URL) -> str | None:
    """The proxy that the environment names for this address, looked up once per connection."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy is None or not proxy.startswith("http"):
        return None
    return None if url.host and urllib.request.proxy_bypass(url.host) else proxy
