"""HTTP with the servers that an MCP server names for authorization.

Whatever is asked here was named by somebody: in a challenge, in a metadata document. So nothing
is trusted: answers are small and soon, a redirect is followed for a document alone and never with
credentials, there are no cookies, and TLS is wanted wherever the MCP server itself has it
(OAuth 2.1, 1.5). And no server may send its client where the server itself could not go: one on the
internet names addresses on the internet only, and none of the machine or the network of whoever
asks (2026-07-28, security best practices, "Server-Side Request Forgery"). Where it is says the
address that it answered from: what its name is looked up as is its owner's to choose, each time. A
name is looked up once, and the address that was looked at is the one connected to.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeAlias, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.utilities.addresses import (
    is_ip,
    is_loopback,
    is_numeric,
    is_own,
    is_public,
    parse_url,
    shown,
)
from fastmcp.utilities.proxies import proxy_for

__all__ = ["Answer", "Fetcher", "Verify", "shown", "tls_of"]

Verify: TypeAlias = ssl.SSLContext | bool | str | None
"""What users say of certificates: False for no verification, the path of a CA bundle, or a context;
None or True for the system's authorities."""

_LIMIT: Final = 256 * 1024
"""Bytes of any answer; metadata of large providers has a few kilobytes."""
_SECONDS: Final = 15.0
"""That any answer may take, from the connection to its last byte."""
_REDIRECTS: Final = 3

_LOOPBACK, _LINK, _PRIVATE, _PUBLIC = range(4)


def tls_of(verify: Verify) -> ssl.SSLContext | bool:
    """What a user says of certificates, as `aiohttp.TCPConnector(ssl=...)` takes it."""
    if verify is None or isinstance(verify, (bool, ssl.SSLContext)):
        return True if verify is None else verify
    return ssl.create_default_context(cafile=verify)


class Answer(NamedTuple):
    """What an authorization server answered.

    Attributes:
        status: of HTTP.
        body: the JSON object, empty where there is none.
        nonce: the value of `DPoP-Nonce`.
        why: what was wrong with the body, empty where nothing was.
        size: of the body, in bytes.
    """

    status: int
    body: dict[str, Any]
    nonce: str | None
    why: str = ""
    size: int = 0

    def __repr__(self) -> str:
        return f"<Answer({self.status})>"  # the body may hold a token

    @property
    def ok(self) -> bool:
        """A success with a JSON object."""
        return 200 <= self.status < 300 and not self.why

    def text(self, name: str) -> str | None:
        """A member of the body that is a text, and not an empty one."""
        value: object = self.body.get(name)
        return value if isinstance(value, str) and value else None


class Fetcher:
    """Asks for the sake of one MCP server; a context manager.

    Args:
        endpoint: of the MCP server.
        tls: as for `aiohttp.TCPConnector(ssl=...)`.
        peer: the address that it answered from; None where that is not known, or a proxy's.
    """

    def __init__(
        self, endpoint: URL, tls: ssl.SSLContext | bool = True, peer: str | None = None
    ) -> None:
        self._endpoint = endpoint
        self._tls = tls
        self._peer = peer
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._guard = _Guard(self._endpoint, self._peer)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, resolver=self._guard),
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json"},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    def check(self, url: str, what: str) -> URL:
        """An address that somebody named, as one that may be asked.

        Args:
            url: as it was named.
            what: it is, for the error.
        Raises:
            AuthorizationFailedError: it may not be.
        """
        found = parse_url(url)
        named = found is not None and (found.user is not None or found.password is not None)
        if found is None or named or is_numeric(found.host or ""):
            raise AuthorizationFailedError(
                f"The {what} that was named is no http or https address as they are to be written, "
                f"without a user and a fragment: {url[:200]!r}"
            )
        address = _address(found.host or "")
        if address is not None and not self._guard.admits(address):
            raise AuthorizationFailedError(_away(what, shown(found), self._endpoint))
        own = is_own(found.host or "")
        if found.scheme == "http" and self._endpoint.scheme == "https" and not own:
            raise AuthorizationFailedError(
                f"The {what} {shown(found)} has no TLS: everybody on the way could read what is "
                "sent there (OAuth 2.1, 1.5). Its server has to name an https address."
            )
        return found

    async def document(self, url: str, what: str, redirects: int = _REDIRECTS) -> Answer:
        """A metadata document; redirects are followed, each to an address that may be asked.

        Args:
            url: where it is.
            what: it is, for errors.
            redirects: that are followed.
        Raises:
            AuthorizationFailedError: it cannot be asked for, or there is no answer.
        """
        target = self.check(url, what)
        for _ in range(redirects + 1):
            location, answer = await self._ask("GET", target, what)
            if location is None:
                return answer
            target = self.check(_joined(target, location), what)
        raise AuthorizationFailedError(f"The {what} {shown(target)} redirects too often")

    async def post(
        self,
        url: str,
        what: str,
        *,
        form: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A POST, which goes to that address and no other.

        Args:
            url: where.
            what: that is, for errors.
            form: sent as a form,
            document: or as JSON.
            headers: further ones.
        Raises:
            AuthorizationFailedError: it cannot be asked, there is no answer, or it redirects.
        """
        target = self.check(url, what)
        location, answer = await self._ask(
            "POST", target, what, data=form, json=document, headers=headers
        )
        if location is not None:
            raise AuthorizationFailedError(
                f"The {what} {shown(target)} redirects to another address, and what was sent is "
                "meant for nobody else"
            )
        return answer

    async def _ask(
        self, method: str, url: URL, what: str, **sent: Any
    ) -> tuple[str | None, Answer]:
        """Where it redirects to, None for nowhere; and the answer."""
        proxy = proxy_for(url.scheme, url.host)
        self._guard.proxy = None if proxy is None else URL(proxy).host
        try:
            async with self._http.request(
                method, url, allow_redirects=False, proxy=proxy, **sent
            ) as response:
                if 300 <= response.status < 400 and "Location" in response.headers:
                    return response.headers["Location"], Answer(response.status, {}, None)
                return None, await _read(response)
        except _TooLarge:
            raise AuthorizationFailedError(
                f"The {what} {shown(url)} answered with more than {_LIMIT} bytes"
            ) from None
        except TimeoutError:
            raise AuthorizationFailedError(
                f"The {what} {shown(url)} did not answer within {_SECONDS:g} seconds"
            ) from None
        except _Away:
            raise AuthorizationFailedError(_away(what, shown(url), self._endpoint)) from None
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            if isinstance(exc.__cause__, _Away) or isinstance(
                getattr(exc, "os_error", None), _Away
            ):
                raise AuthorizationFailedError(_away(what, shown(url), self._endpoint)) from None
            raise AuthorizationFailedError(
                f"The {what} {shown(url)} could not be asked ({_why(exc)})"
            ) from None


def _joined(url: URL, location: str) -> str:
    """Where a redirect leads, whatever it says."""
    try:
        return str(url.join(URL(location)).with_fragment(None))
    except ValueError:
        return location


def _why(exc: Exception) -> str:
    """What went wrong, without the text of an error, which may hold what was sent."""
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        said = getattr(exc.certificate_error, "verify_message", "it is not trusted")
        return f"its certificate: {said}; verify= names other authorities"
    return getattr(exc, "strerror", None) or type(exc).__name__


class _TooLarge(Exception):
    pass


class _Away(OSError):
    """An address that the server may not name."""


async def _read(response: aiohttp.ClientResponse) -> Answer:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LIMIT:
            raise _TooLarge
    nonce = response.headers.get("DPoP-Nonce")
    try:
        found: object = json.loads(bytes(body))
    except (ValueError, RecursionError):
        return Answer(response.status, {}, nonce, "no JSON")
    if not isinstance(found, dict):
        return Answer(response.status, {}, nonce, "no JSON object")
    return Answer(response.status, cast("dict[str, Any]", found), nonce, size=len(body))


class _Guard(AbstractResolver):
    """Looks names up, and finds none that the MCP server may not name.

    Args:
        endpoint: of the MCP server.
        peer: as for `Fetcher`.
    """

    def __init__(self, endpoint: URL, peer: str | None) -> None:
        self.proxy: str | None = None
        self._resolver = ThreadedResolver()
        where = peer or _address(endpoint.host or "")
        self._distance = _PUBLIC if where is None else _distance(where)
        # Where the user himself sends it, and the server may be anywhere.
        self._chosen = (endpoint.host, endpoint.port) if where is None else None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name."""
        found = await self._resolver.resolve(host, port, family)
        if host == self.proxy or (host, port) == self._chosen:
            return found  # the user chose these
        admitted = [each for each in found if self.admits(each["host"])]
        if not admitted:
            raise _Away("not for this server to name")
        return admitted

    def admits(self, address: str) -> bool:
        """Whether the server may name an address: one no nearer to the client than its own."""
        return _distance(address) >= self._distance

    async def close(self) -> None:
        """Nothing is open."""
        await self._resolver.close()


def _distance(address: str) -> int:
    """How far an address is from this machine. What is not known to be far is near."""
    if is_public(address):
        return _PUBLIC
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if is_loopback(address) or parsed.is_unspecified:
        return _LOOPBACK
    return _LINK if parsed.is_link_local or parsed.is_multicast else _PRIVATE


def _address(host: str) -> str | None:
    """The address that a host is without asking anybody, None for a name that has to be looked
    up."""
    if is_own(host):
        return "127.0.0.1"
    return host if is_ip(host) else None


def _away(what: str, where: str, endpoint: URL) -> str:
    return (
        f"{shown(endpoint)} names {where} as {what}: an address of this machine or its network, "
        "where a server from elsewhere may not send its clients"
    )
