"""HTTP as the transport needs it: one request up to its response's headers.

What is HTTP's and not MCP's: the user's headers, redirects, the proxy, limits on what is read,
and pooled connections that the server has closed meanwhile.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import aiohttp
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from fastmcp.client.auth.credentials import Credentials, FixedCredentials, Refusal, Trial, Trust
from fastmcp.client.errors import ConnectionClosedError, HttpStatusError, ResponseTooLargeError
from fastmcp.client.patience import Term
from fastmcp.protocol import headers as names
from fastmcp.protocol.challenges import read_challenges
from fastmcp.utilities.addresses import shown

__all__ = [
    "HeaderSource",
    "HttpResponse",
    "HttpSender",
    "reason_of",
    "retry_after_of",
    "same_server",
    "some",
]

Headers: TypeAlias = Mapping[str, str]
HeaderSource: TypeAlias = Headers | Callable[[], Headers | Awaitable[Headers]]

_ACCEPT_BOTH: Final = "application/json, text/event-stream"
_REDIRECTS: Final = 5
_ERROR_TEXT: Final = 64 * 1024
"""What is read of a body that is no message."""
_LARGE_BODY: Final = 512 * 1024
_IDLE_SECONDS: Final = 0.05
"""After this long without a response a pooled connection is looked at before it is used."""


_FOR_ANYONE: Final = frozenset(
    {
        names.ACCEPT,
        names.CONTENT_TYPE,
        names.LAST_EVENT_ID,
        names.MCP_METHOD,
        names.MCP_NAME,
        names.MCP_PROTOCOL_VERSION,
    }
)


class HttpResponse(aiohttp.ClientResponse):
    """A response that says who gave it, also when its connection serves another already."""

    peer: str | None = None
    """The address of the connection's other end."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        response = await super().start(connection)
        name = None if transport is None else transport.get_extra_info("peername")
        self.peer = name[0] if isinstance(name, tuple) else None
        return response


class HttpSender:
    """Sends requests to one endpoint.

    Args:
        http: pools the connections.
        url: of the endpoint; who asks is said by `credentials` alone, not in the URL.
        headers: the user's, or a function that gives them for each request. An Authorization
            header among them goes before the credentials.
        credentials: let the client in, None for none.
        trust: gives what certificates are verified with.
        proxy: the URL of an HTTP proxy.
        forwarded: gives the headers of whoever the client forwards for; what is said otherwise
            goes before.
        limit: the largest body accepted from the server, in bytes.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: URL,
        *,
        headers: HeaderSource,
        credentials: Credentials | None,
        trust: Trust,
        proxy: str | None,
        forwarded: Callable[[], Headers] | None = None,
        limit: int,
    ) -> None:
        self.url = url.with_user(None)
        self.limit = limit
        self._http = http
        self._headers = headers
        self._credentials = credentials
        self._trust = trust
        self._proxy = proxy
        self._forwarded = forwarded
        self._last = 0.0
        self._responses: weakref.WeakSet[aiohttp.ClientResponse] = weakref.WeakSet()

    @property
    def may_be_let_in_later(self) -> bool:
        """Whether who is refused now may be let in when the next call has been authorized."""
        return not isinstance(self._credentials, FixedCredentials | None)

    @property
    def shown(self) -> str:
        """The URL as it may be told in messages."""
        return shown(self.url)

    async def headers(self, version: str | None, session_id: str | None) -> CIMultiDict[str]:
        """The headers every request has; what the protocol says goes before what users say."""
        headers = CIMultiDict({"Accept": _ACCEPT_BOTH, "Content-Type": "application/json"})
        given = self._headers
        if callable(given):
            made = given()
            given = await made if inspect.isawaitable(made) else made
        if given:
            headers.update(given)
        if self._forwarded is not None:
            for name, value in self._forwarded().items():
                if self._credentials is None or name.lower() != "authorization":
                    headers.setdefault(name, value)
        if version is not None:
            headers["MCP-Protocol-Version"] = version
        if session_id is not None:
            headers["Mcp-Session-Id"] = session_id
        return headers

    async def open(
        self,
        method: str,
        headers: CIMultiDict[str],
        body: bytes | None,
        *,
        unasked: bool = False,
        term: Term | None = None,
    ) -> aiohttp.ClientResponse:
        """One exchange up to the response's headers; the caller releases the response.

        307 and 308 are followed with method and body kept (RFC 9110, 15.4.8 and 15.4.9).

        Args:
            method: of HTTP.
            headers: as `headers` gave them, and what this request adds.
            body: None for none.
            unasked: nobody waits for it, and no person is asked for its sake.
            term: its time-out, which does not count while a person is asked.
        Raises:
            ConnectionClosedError: there was no response.
            AuthorizationFailedError: the server wants authorization, and none came about.
            HttpStatusError: a redirect that leads nowhere.
        """
        url, trial = self.url, Trial(unasked, term)
        credentials = None if "Authorization" in headers else self._credentials
        for _ in range(_REDIRECTS):
            if credentials is None:
                response = await self._request(method, url, headers, body)
            else:
                response = await self._admitted(credentials, method, url, headers, body, trial)
            location = response.headers.get("Location")
            if response.status not in (307, 308) or location is None:
                return response
            response.release()
            target = _target(url, location)
            if target is None:
                raise HttpStatusError(
                    response.status,
                    f"{shown(url)} redirects to {location[:200]!r}, which is no http or https URL",
                )
            if not same_server(url, target):
                # What is meant for one server is not another's to see (RFC 9110, 15.4). Any
                # header that a user gave may be a secret: those of the protocol alone go on.
                credentials = None
                headers = CIMultiDict(
                    (name, value) for name, value in headers.items() if _is_for_anyone(name.lower())
                )
            elif target.path.rstrip("/") == url.path.rstrip("/"):
                self.url = target  # only a slash: the address meant is the one redirected to
            url = target
        raise HttpStatusError(310, f"{self.shown} redirects without end")

    async def _admitted(
        self,
        credentials: Credentials,
        method: str,
        url: URL,
        headers: CIMultiDict[str],
        body: bytes | None,
        trial: Trial,
    ) -> aiohttp.ClientResponse:
        """The response to a request with credentials. One that was refused was not read, and is
        sent again once they are others."""
        while True:
            work = credentials.apply(headers, method, url)
            if work is not None:
                await work
            response = await self._request(method, url, headers, body)
            nonce = response.headers.get("DPoP-Nonce")
            if nonce is not None:
                credentials.hear(nonce, url)
            if response.status not in (401, 403):
                return response
            said = ", ".join(response.headers.getall("WWW-Authenticate", ()))
            sent = headers.get("Authorization")
            try:
                again = await credentials.refused(
                    Refusal(
                        response.status,
                        read_challenges(said),
                        nonce,
                        url,
                        sent,
                        trial,
                        self._peer(response),
                        self._trust,
                    )
                )
            except BaseException:
                response.release()
                raise
            if not again:
                return response
            response.release()
            headers.pop("Authorization", None)
            headers.pop("DPoP", None)

    def _peer(self, response: aiohttp.ClientResponse) -> str | None:
        """The address that answered, None for one behind a proxy."""
        if self._proxy is not None or not isinstance(response, HttpResponse):
            return None
        return response.peer

    async def _request(
        self, method: str, url: URL, headers: CIMultiDict[str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        if time.monotonic() - self._last > _IDLE_SECONDS:
            # Twice around the loop: what closed a pooled connection meanwhile is noticed, and
            # the connection is not used. A request lost on it could not be sent again safely.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        for again in (True, False):
            try:
                response = await self._http.request(
                    method,
                    url,
                    data=_payload(body),
                    headers=headers,
                    allow_redirects=False,
                    proxy=self._proxy,
                )
            except (aiohttp.ClientError, OSError) as exc:
                unsent = _was_not_sent(exc)
                if again and unsent and not isinstance(exc, aiohttp.ClientConnectorError):
                    continue
                raise ConnectionClosedError(
                    f"no response from {shown(url)} ({reason_of(exc)})", reached=not unsent
                ) from exc
            self._last = time.monotonic()
            self._responses.add(response)
            return response
        raise AssertionError

    async def read(self, response: aiohttp.ClientResponse, limit: int | None = None) -> bytes:
        """A response's body.

        Raises:
            ResponseTooLargeError: longer than `limit` (by default that of the sender).
        """
        limit = self.limit if limit is None else limit
        length = response.content_length
        if length is not None and length <= limit and "Content-Encoding" not in response.headers:
            return await response.read()
        body = bytearray()
        while chunk := await some(response):
            body += chunk
            if len(body) > limit:
                raise ResponseTooLargeError(limit)
        return bytes(body)

    async def read_text(self, response: aiohttp.ClientResponse) -> bytes:
        """The body of a response that matters to people alone; nothing where it cannot be read."""
        try:
            return await self.read(response, _ERROR_TEXT)
        except (ResponseTooLargeError, aiohttp.ClientError, OSError):
            return b""

    async def close(self) -> None:
        """Close the connections, and end what is still being read: aiohttp alone lets a reader
        wait for ever whose connection it closes itself."""
        for response in list(self._responses):
            response.content.set_exception(ConnectionClosedError("the client left"))
        await self._http.close()


async def some(response: aiohttp.ClientResponse) -> bytes:
    """The next bytes of a body, none at its end.

    Raises:
        aiohttp.ClientError, OSError: the connection broke.
    """
    try:
        return await response.content.readany()
    except RuntimeError as exc:  # so aiohttp says that it broke while nobody was reading
        raise aiohttp.ClientConnectionError(str(exc)) from exc


def retry_after_of(response: aiohttp.ClientResponse) -> float | None:
    """The seconds after which the server wants to be asked again; None if it does not say."""
    return names.retry_after(response.headers.get("Retry-After"), time.time())


def reason_of(exc: Exception) -> str:
    """What ended a connection, in words."""
    if isinstance(exc, aiohttp.SocketTimeoutError):
        return "nothing came from it for longer than sse_read_timeout"
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    if isinstance(exc, aiohttp.ClientResponseError):
        return f"what came is no HTTP: {exc.message.strip().partition(chr(10))[0]}"
    return str(exc) or type(exc).__name__


def _was_not_sent(exc: Exception) -> bool:
    """Whether there was no connection, or it was closed before the whole request was written, so
    that no server can have acted on it."""
    return isinstance(
        exc, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
    ) or isinstance(exc.__cause__, aiohttp.ClientConnectionResetError)


def _is_for_anyone(name: str) -> bool:
    """Whether a header says how to read the message, and nothing of who sends it."""
    return name in _FOR_ANYONE or name.startswith(names.PARAM_PREFIX)


def _target(url: URL, location: str) -> URL | None:
    """Where a redirect leads, None if to no web server. What it says of who asks is not taken."""
    try:
        target = url.join(URL(location))
        there = target.scheme in ("http", "https") and bool(target.host)
    except ValueError:
        return None
    return target.with_user(None) if there else None


def same_server(url: URL, target: URL) -> bool:
    """Whether an address is at the same server, or only moves it from http to https."""
    if target.origin() == url.origin():
        return True
    upgraded = url.scheme == "http" and target.scheme == "https"
    default = url.is_default_port() and target.is_default_port()
    return upgraded and default and url.host == target.host


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """A body as aiohttp wants it: a large one as a file, which is written piece by piece."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body
