"""One fetcher for everything a server asks another for while it decides whom to let in.

Two kinds of addresses. Those that a stranger names (a client's metadata document, keys that it
points to) are fetched as if they were meant to do harm: https, public addresses, the name looked
up once and the connection made to what was checked, so that a name which means something else a
moment later (DNS rebinding) does not help; no proxy, which would look it up again. Those that the
server's own author configured may lie anywhere. Both have a limit of size, counted while reading,
and of time, for everything together; neither follows redirects, sends cookies, or takes
compressed bodies, which can be small on the way and large at home.

Sources: 2026-07-28, basic/authorization/security-considerations, "Server-Side Request Forgery";
RFC 9111, 5.2 (Cache-Control); RFC 8259.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from fastmcp.protocol.jsonrpc import UNREADABLE, deeper_than
from fastmcp.utilities.addresses import (
    MALFORMED,
    is_ip,
    is_loopback,
    is_numeric,
    is_public,
    parse_url,
)
from fastmcp.utilities.proxies import proxy_for
from fastmcp.utilities.spawning import spawn
from fastmcp.utilities.threads import Lane

__all__ = ["FetchError", "Fetched", "Fetcher", "Resolve", "is_passing"]

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to IP addresses; an OSError where there are none."""

_LIMIT: Final = 64 * 1024
_SECONDS: Final = 5.0
_DEPTH: Final = 32
_AGE: Final = 24 * 3600
_JSON_TYPE: Final = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_MAX_AGE: Final = re.compile(r'(?:^|[\s,])max-age\s*=\s*"?([0-9]{1,12})', re.IGNORECASE)
_NOT_KEPT: Final = re.compile(r"(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])", re.IGNORECASE)
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_closing: Final[set[asyncio.Task[None]]] = set()
_LOOK_UPS: Final = 64
"""At once, of one fetcher. A thread that looks up a name cannot be stopped, and takes as long as
the system lets it, 20 s or so: these are more than one address gets hanging (`oauth.limits`)."""
_NO_NAME: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
"""That a name does not exist, or has no address; other errors of a look-up may pass."""


class FetchError(Exception):
    """An address could not be had. The text is for the log: it says what to do, holds no secret,
    and tells what the server can reach, so it is not for the stranger who named the address.

    Args:
        message: what happened.
        passing: it may be otherwise in a moment.
        lost: the connection broke before there was an answer.
    """

    def __init__(self, message: str, *, passing: bool = False, lost: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
        self.lost = lost


@dataclass(frozen=True)
class Fetched:
    """An answer.

    Attributes:
        url: that was asked, without its query.
        status: of HTTP.
        headers: with names in any case.
        body: as it came.
    """

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def max_age(self) -> int | None:
        """How many seconds more it may be kept, at most a day; None where it does not say."""
        said = self.headers.get("Cache-Control", "")
        if _NOT_KEPT.search(said):
            return 0
        found = _MAX_AGE.search(said)
        if found is None:
            return None
        age = self.headers.get("Age", "")
        spent = int(age) if age.isascii() and age.isdigit() and len(age) < 12 else 0
        return min(max(int(found[1]) - spent, 0), _AGE)

    @cached_property
    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            FetchError: it is none, or is nested in more than 32 levels.
        """
        try:
            value = msgspec.json.decode(self.body)
        except UNREADABLE as error:
            raise FetchError(f"{self.url} did not answer with JSON", passing=True) from error
        if deeper_than(self.body, _DEPTH):
            raise FetchError(f"{self.url} answered with JSON of more than {_DEPTH} levels")
        return value


class Fetcher:
    """Asks other servers, within limits.

    With no arguments it is safe for addresses that a stranger names.

    Args:
        configured: the addresses come from the server's author: http and any network are allowed,
            the proxy that the environment names is used, and connections are kept for the next
            request.
        loopback: this machine's own addresses are allowed too, by http as well; for development.
        resolve: looks names up; the system's by default.
        tls: whom to trust; the system's authorities by default.
        http_client: an `httpx.AsyncClient`, or what has its `stream`, to send with; whoever made
            it closes it. For configured addresses only.

    Raises:
        TypeError: `http_client` is something else.
        ValueError: it is given, and the addresses are not configured ones.
    """

    def __init__(
        self,
        *,
        configured: bool = False,
        loopback: bool = False,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        http_client: Any = None,
    ) -> None:
        if http_client is not None and not configured:
            raise ValueError(
                "http_client connects to whatever a name means: leave it out where addresses "
                "come from strangers (ssrf_safe=True)"
            )
        if http_client is not None and not callable(getattr(http_client, "stream", None)):
            raise TypeError(
                f"http_client is an httpx.AsyncClient, not {type(http_client).__name__}; leave it "
                "out to use the server's own connections"
            )
        self._configured = configured
        self._loopback = loopback
        self._resolve = resolve or _Names()
        self._tls = tls
        self._http_client = http_client
        self._pool = _Pool(tls)

    def check(self, url: str) -> URL:
        """What can be known of an address before it is asked.

        Raises:
            FetchError: it will never be asked.
        """
        parsed = parse_url(url)
        if parsed is None:
            # Not shown: what is no URL may be a secret that was put into the wrong place.
            raise FetchError(f"The address to fetch {MALFORMED}")
        shown = _shown(parsed)
        if "@" in parsed.raw_authority:
            raise FetchError(f"The URL of {shown} holds a user or password: leave them out")
        if self._configured:
            return parsed
        if parsed.scheme != "https" and not self._loopback:
            raise FetchError(f"{shown} is not asked: only https is")
        if is_numeric(parsed.host or ""):
            raise FetchError(f"{shown} is not asked: its host is a number in an unusual form")
        return parsed

    async def get_json(
        self, url: str, *, limit: int = _LIMIT, seconds: float = _SECONDS
    ) -> Fetched:
        """A JSON document: an answer 200 whose `json` can be read.

        Args:
            url: of the document.
            limit: the largest body that is read, in bytes.
            seconds: for everything, the name's look-up included.

        Raises:
            FetchError: there is none, or it may not be asked for.
        """
        fetched = await self.request("GET", url, limit=limit, seconds=seconds)
        if fetched.status != 200:
            raise FetchError(_no_success(fetched), passing=is_passing(fetched.status))
        kind = fetched.headers.get("Content-Type", "")
        if not self._configured and not _JSON_TYPE.match(kind):
            raise FetchError(f"{fetched.url} answered with {kind[:100]!r}, not application/json")
        _ = fetched.json
        return fetched

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = _LIMIT,
        seconds: float = _SECONDS,
        again: bool = False,
    ) -> Fetched:
        """One exchange, whatever its status.

        Args:
            method: of HTTP.
            url: to ask.
            headers: beside `Accept` and `Accept-Encoding`.
            body: to send.
            limit: the largest body that is read, in bytes.
            seconds: for everything, the name's look-up included.
            again: send it once more where the connection broke: one that was kept from the last
                time may have been closed meanwhile. Nothing else is sent twice.

        Raises:
            FetchError: there was no answer, or one that is too large; or it may not be asked.
        """
        target = self.check(url)
        ask = _Ask(method, target, {**_HEADERS, **(headers or {})}, body, limit)
        try:
            async with asyncio.timeout(seconds):
                try:
                    return await self._asked(ask)
                except FetchError as error:
                    if not (again and error.lost):
                        raise
                return await self._asked(ask)
        except TimeoutError as error:
            raise FetchError(
                f"{_shown(target)} did not answer within {seconds:g} s", passing=True
            ) from error

    async def _asked(self, ask: _Ask) -> Fetched:
        if self._http_client is not None:
            return await self._borrowed(ask)
        if self._configured:
            return await self._sent(await self._pool.session(), ask)
        pinned = _Pinned(await self._checked_addresses(ask.url))
        async with _session(self._tls, pinned) as session:
            return await self._sent(session, ask)

    async def _checked_addresses(self, url: URL) -> list[str]:
        shown, host = _shown(url), url.host or ""
        try:
            found = [host] if is_ip(host) else list(await self._resolve(host, url.port or 443))
        except (OSError, UnicodeError) as error:
            passing = isinstance(error, OSError) and error.errno not in _NO_NAME
            text = f"{shown} has no address: {_reason(error)}"
            raise FetchError(text, passing=passing) from error
        if not found:
            raise FetchError(f"{shown} has no address")
        for address in found:
            own = self._loopback and is_loopback(address)
            if own or (url.scheme == "https" and is_public(address)):
                continue
            raise FetchError(
                f"{shown} is not asked: {host} is at an address that is not a public one"
                + (", and only this machine's own are asked by http" if self._loopback else "")
            )
        return found

    async def _sent(self, session: aiohttp.ClientSession, ask: _Ask) -> Fetched:
        proxy = proxy_for(ask.url.scheme, ask.url.host) if self._configured else None
        try:
            async with session.request(
                ask.method,
                ask.url,
                headers=ask.headers,
                data=ask.body,
                allow_redirects=False,
                proxy=proxy,
            ) as response:
                chunks = response.content.iter_any()
                return await _read(ask, response.status, response.headers, chunks)
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            never = isinstance(error, aiohttp.ClientConnectorError)
            broken = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
            raise FetchError(
                f"{_shown(ask.url)} did not answer: {_reason(error)}",
                passing=True,
                lost=broken and not never,
            ) from error

    async def _borrowed(self, ask: _Ask) -> Fetched:
        """By the author's own client."""
        client: Any = self._http_client
        try:
            async with client.stream(
                ask.method,
                str(ask.url),
                headers=ask.headers,
                content=ask.body,
                follow_redirects=False,
            ) as response:
                chunks = response.aiter_raw()
                return await _read(ask, response.status_code, response.headers, chunks)
        except (FetchError, TimeoutError):
            raise
        except Exception as error:  # of a library that is not known here
            raise FetchError(
                f"{_shown(ask.url)} did not answer: {type(error).__name__}", passing=True
            ) from error


@dataclass(frozen=True)
class _Ask:
    """One request, and the largest body of its answer."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None
    limit: int


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked, whatever the name means by now."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        return


class _Pool:
    """Connections kept for the next request.

    Nobody tells an object that its event loop ends, but a loop ends the asynchronous generators
    that were begun in it (PEP 525): one of them holds the session open. It is held for as long as
    the pool is there, and ended with it.

    Args:
        tls: whom to trust.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._open: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._ends: dict[asyncio.AbstractEventLoop, Callable[[], object]] = {}

    async def session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._open.get(loop)
        if session is None or session.closed:
            for other in [one for one in self._ends if one.is_closed() or one is loop]:
                self._ends.pop(other)()
                self._open.pop(other)
            held = _hold(_session(self._tls))
            session = self._open[loop] = await anext(held)
            end = self._ends[loop] = weakref.finalize(self, _let_go, loop, held)
            end.atexit = False
        return session


async def _hold(session: aiohttp.ClientSession) -> AsyncGenerator[aiohttp.ClientSession]:
    async with session:
        yield session


def _let_go(loop: asyncio.AbstractEventLoop, held: AsyncGenerator[aiohttp.ClientSession]) -> None:
    async def close() -> None:
        await held.aclose()

    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: spawn(close(), _closing))


def _session(
    tls: ssl.SSLContext | None, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=resolver, force_close=resolver is not None, ssl=tls or True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
    )


class _Names:
    """The system's resolver. Who asks with one fetcher waits for nobody who asks with another."""

    def __init__(self) -> None:
        self._lane = Lane(_LOOK_UPS)

    async def __call__(self, host: str, port: int) -> list[str]:
        found = await self._lane.run(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _read(
    ask: _Ask, status: int, headers: Mapping[str, str], chunks: AsyncIterable[bytes]
) -> Fetched:
    shown = _shown(ask.url)
    coding = headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        raise FetchError(f"{shown} answered compressed ({coding[:50]!r}), which was not asked for")
    length = headers.get("Content-Length", "")
    too_large = FetchError(f"{shown} answered with more than {ask.limit} bytes")
    if length.isdigit() and (len(length) > 12 or int(length) > ask.limit):
        raise too_large
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > ask.limit:
            raise too_large
    return Fetched(shown, status, headers, bytes(body))


def _shown(url: URL) -> str:
    """A URL as it may be told: what stands in its query may be a secret."""
    return str(url.with_user(None).with_query(None))


def _no_success(fetched: Fetched) -> str:
    text = f"{fetched.url} answered {fetched.status}"
    if 300 <= fetched.status < 400:
        location = fetched.headers.get("Location", "").partition("?")[0]
        return f"{text} and points to {location[:200]!r}: redirects are not followed, name that URL"
    return text


def is_passing(status: int) -> bool:
    """Whether it may be another one in a moment."""
    return status >= 500 or status in (408, 425, 429)


def _reason(error: Exception) -> str:
    """An error of the connection without the URL, which texts of aiohttp may hold."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not good ({error.certificate_error})"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or type(error.os_error).__name__
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
