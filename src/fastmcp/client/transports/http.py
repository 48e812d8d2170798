"""Transports over HTTP: where the endpoint is, how to be let in, and what is spoken there.

What is spoken is one of two: Streamable HTTP, or HTTP+SSE, which came before it (`sse`). Which of
them, or which first, is the transport's order (`orders`).
"""

from __future__ import annotations

import base64
import datetime
import json
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, Self, TypeAlias

import aiohttp
from pydantic import AnyUrl
from yarl import URL

from fastmcp.client.auth.authorizer import TokenCredentials
from fastmcp.client.auth.bearer import BearerAuth
from fastmcp.client.auth.credentials import Credentials, FixedCredentials
from fastmcp.client.auth.fetching import Verify, tls_of
from fastmcp.client.auth.oauth import OAuth
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.either_channel import EitherChannel
from fastmcp.client.transports.http_channel import HttpChannel
from fastmcp.client.transports.http_sender import HeaderSource, HttpResponse, HttpSender
from fastmcp.client.transports.known import Known
from fastmcp.client.transports.orders import Order, check_order
from fastmcp.client.transports.sse_channel import SseChannel
from fastmcp.protocol.versions import Era
from fastmcp.settings import get_settings
from fastmcp.utilities.addresses import shown
from fastmcp.utilities.proxies import proxy_for

__all__ = [
    "HttpTransport",
    "StreamableHTTPTransport",
    "StreamableHttpTransport",
]

AnyChannel: TypeAlias = HttpChannel | SseChannel | EitherChannel

_KEEPALIVE_SECONDS = 4.0
"""How long an idle connection is kept for the next call. Servers commonly drop them after five
seconds; a request that meets the drop on its way cannot safely be sent again."""
_CONNECT_SECONDS = 30.0
_DELETE_SECONDS = 1.5
"""Ending a session is a courtesy: leaving must stay prompt beside a server that hangs."""
_SETTLE_SECONDS = 3.0
"""A token that was asked for and is not heard any more may be lost for ever, and a person asked."""
_SILENCE_SECONDS = 300.0
"""Long, for some servers send no comments."""
_PROBE_TCP = (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
"""A host that vanished without a word is found out within a minute, not after the two hours that
systems wait by themselves."""

_eras = Known[Era]()


class HttpTransport(ClientTransport):
    """Connects to a server over HTTP.

    Args:
        url: of the endpoint, http or https. A user and password in it are sent as Basic
            authentication; messages show neither them nor the query.
        headers: sent with every request; or a function (plain or async) that gives them and is
            called for every request, for values that change.
        auth: a bearer token; "oauth" for `OAuth()`; any credentials of `fastmcp.client.auth`; or
            None.
        httpx_client_factory: not supported, this client speaks through aiohttp.
        verify: False for no verification of TLS certificates, the path of a CA bundle, or an
            `ssl.SSLContext`; None or True for the system's authorities.
        order: which transport is spoken, or tried first: "http-first", "sse-first", "http-only" or
            "sse-only".
        sse_read_timeout: seconds (or a timedelta) of silence after which a response or a stream
            counts as lost; None for five minutes, 0 for no limit. Whatever comes counts as life,
            keep-alive comments too; what a call may take in all is the client's `timeout`.
    Raises:
        ValueError: no http(s) URL, no such order, or an argument that is not supported.
    """

    max_message_bytes = 256 * 1024 * 1024
    """The largest message accepted from the server."""

    def __init__(
        self,
        url: str | AnyUrl,
        headers: HeaderSource | None = None,
        auth: Credentials | Literal["oauth"] | str | None = None,
        httpx_client_factory: Callable[..., Any] | None = None,
        verify: Verify = None,
        *,
        order: Order = "http-only",
        sse_read_timeout: datetime.timedelta | float | int | None = None,
    ) -> None:
        self.url = str(url)
        if not self.url.startswith(("http://", "https://")) or not _has_host(self.url):
            raise ValueError(f"Not an http or https URL: {self.url!r}")
        if httpx_client_factory is not None:
            raise ValueError(
                "httpx_client_factory is not supported yet: this client speaks HTTP through "
                "aiohttp. Use headers=, auth= and verify= instead."
            )
        self.headers: HeaderSource = headers if headers is not None else {}
        self.auth: Credentials | None = None
        self.verify: Verify = verify
        self._forwarded: Callable[[], Mapping[str, str]] | None = None
        self.sse_read_timeout = _SILENCE_SECONDS
        self.set_sse_read_timeout(sse_read_timeout)
        self._channel: AnyChannel | None = None
        self.set_auth(auth)
        self.set_order(order)

    def set_order(self, order: str) -> None:
        """Take the order in which transports are tried."""
        self.order: Order = check_order(order)
        self.legacy_only = self.order == "sse-only"

    def describe(self) -> str:
        """The URL, without what may be secret in it."""
        return shown(URL(self.url))

    def forwarding(self, headers: Callable[[], Mapping[str, str]]) -> Self:
        """The same endpoint, with the headers of somebody else's requests."""
        other = super().forwarding(headers)
        other._forwarded, other._channel = headers, None
        return other

    def set_auth(self, auth: Any) -> None:
        """Take a token, "oauth", credentials or None."""
        if auth == "oauth":
            auth = OAuth()
        if isinstance(auth, str):
            self.auth = BearerAuth(auth)
        elif auth is None or isinstance(auth, Credentials):
            self.auth = auth
        else:
            raise ValueError(
                'auth is a bearer token, "oauth", or credentials of fastmcp.client.auth, not an '
                f"object of {type(auth).__module__}.{type(auth).__qualname__}."
            )
        if isinstance(self.auth, TokenCredentials):
            self.auth.bind(URL(self.url), self._ssl)
        if self.auth is not None and self._basic() is not None:
            raise ValueError(
                f"auth= was given, and a user or password stands in the URL ({self.describe()}) "
                "as well; a request has one Authorization header. Leave one of them out."
            )

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
        if era is None:
            _eras.pop(self.url, None)
        else:
            _eras.learn(self.url, era)

    def _ssl(self) -> ssl.SSLContext | bool:
        return tls_of(self.verify)

    @asynccontextmanager
    async def open_channel(self) -> AsyncGenerator[AnyChannel]:
        """Open a connection; TCP is opened by the first request and used by all that follow."""
        channel = self._make_channel(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    # A call that waits must not keep the answer it waits for from being sent.
                    limit=0,
                    keepalive_timeout=_KEEPALIVE_SECONDS,
                    ssl=self._ssl(),
                    socket_factory=_watched_socket,
                ),
                response_class=HttpResponse,
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    sock_connect=_CONNECT_SECONDS,
                    sock_read=self.sse_read_timeout or None,
                ),
            )
        )
        self._channel = channel
        try:
            yield channel
        finally:
            seconds = get_settings().client_disconnect_timeout or _SETTLE_SECONDS
            await channel.close(min(seconds, _DELETE_SECONDS))
            if isinstance(self.auth, TokenCredentials):
                await self.auth.settle(min(seconds, _SETTLE_SECONDS))
            if self._channel is channel:
                self._channel = None

    def _make_channel(self, http: aiohttp.ClientSession) -> AnyChannel:
        if self.order == "http-only":
            return HttpChannel(self._sender(http, URL(self.url)))
        sse = SseChannel(
            self._sender(http, URL(self.url)),
            lambda url: self._sender(http, url),
        )
        if self.order == "sse-only":
            return sse
        streamable = HttpChannel(self._sender(http, URL(self.url)))
        return EitherChannel(streamable, sse, self.order, self.url)

    def _sender(self, http: aiohttp.ClientSession, url: URL) -> HttpSender:
        return HttpSender(
            http,
            url,
            headers=self.headers,
            credentials=self._basic() if self.auth is None else self.auth,
            trust=self._ssl,
            proxy=proxy_for(url.scheme, url.host),
            forwarded=self._forwarded,
            limit=self.max_message_bytes,
        )

    def _basic(self) -> Credentials | None:
        """The credentials of the URL, None where it holds none."""
        url = URL(self.url)
        if url.user is None and url.password is None:
            return None
        said = base64.b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
        return FixedCredentials(f"Basic {said}")

    def server_url(self) -> str | None:
        """The URL, without the credentials it may hold."""
        return str(URL(self.url).with_user(None))

    def principal(self) -> str | None:
        """All that says who asks: the user's headers, the token, the URL's credentials. A function
        of headers may give another's any time, and so may a person who authorizes."""
        if callable(self.headers) or not isinstance(self.auth, BearerAuth | None):
            return None
        said = {name.lower(): value for name, value in self.headers.items()}
        url = URL(self.url)
        token = None if self.auth is None else self.auth.header()
        return json.dumps([token, url.user, url.password, sorted(said.items())])

    def extensions(self) -> frozenset[str]:
        """That of the credentials, where they follow one."""
        extension = self.auth.extension if isinstance(self.auth, TokenCredentials) else None
        return frozenset() if extension is None else frozenset({extension})

    def get_session_id(self) -> str | None:
        """The Mcp-Session-Id of the connection opened last, if it has one."""
        return None if self._channel is None else self._channel.session_id()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(url={self.describe()!r})>"


class StreamableHttpTransport(HttpTransport):
    """Connects to an MCP endpoint over Streamable HTTP; see `HttpTransport` for the arguments.

    With `order="http-first"`, which `Client(url)` has, a server that does not speak it is spoken to
    over HTTP+SSE.
    """


StreamableHTTPTransport = StreamableHttpTransport
"""The other spelling people write; the same class."""


def _has_host(url: str) -> bool:
    try:
        return bool(URL(url).host)
    except ValueError:
        return False


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
