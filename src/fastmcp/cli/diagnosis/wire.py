"""HTTP as the doctor needs it: each request on a connection of its own, and every step timed.

A client hides what is to be found out here: which address answered, how long the handshake took,
that a certificate is wrong and how, that a stream's head came alone and its first byte later. So
this is HTTP/1.1 on a plain socket, with httptools reading it. Nothing a server does can make it
wait or grow without end: all waiting is under a time-out, all reading under a limit, and redirects
are told instead of followed. Sources: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import cached_property
from typing import Any, Final, TypeAlias

from multidict import CIMultiDict
from yarl import URL

from fastmcp.cli.diagnosis.response import HttpResponse, Line, Times, Unreachable, beginning

__all__ = ["PATIENCE", "Address", "Http", "Spent", "is_local"]

Address: TypeAlias = tuple[int, str, Any]
"""Address family, the address as text, and what the socket module connects to."""

PATIENCE: Final = 10.0
"""Seconds for a name to be looked up, for the head of a response, and for an answer."""

_MOST_REQUESTS: Final = 120
_HEAD_LIMIT: Final = 64 * 1024
_CONNECT_SECONDS: Final = 5.0
_MOST_ADDRESSES: Final = 4


class Spent(Exception):
    """So many requests were sent that no more are: the doctor is a guest."""


class Http:
    """Sends requests, within limits.

    Args:
        ca: a file with the authorities to trust; None for the system's.
        proxy: the URL of an HTTP proxy, None for none.
    Raises:
        OSError, ssl.SSLError: `ca` holds no certificates.

    Attributes:
        verify: whether certificates are checked.
        sent: requests so far.
        limited: how often the server said that it is asked too much.
    """

    def __init__(self, *, ca: str | None, proxy: URL | None) -> None:
        self.verify = True
        self.sent = 0
        self.limited = 0
        self.proxy = proxy
        self._ca = ca
        if ca is not None:
            self._trusting.get_ca_certs()  # read now, so that a wrong file is told at once
        self._addresses: dict[tuple[str, int], list[Address]] = {}

    @cached_property
    def _trusting(self) -> ssl.SSLContext:
        """Checks certificates as clients do."""
        context = ssl.create_default_context(cafile=self._ca)
        context.set_alpn_protocols(["http/1.1"])
        return context

    @cached_property
    def _doubting(self) -> ssl.SSLContext:
        """Takes any certificate, to look at it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def open(
        self,
        method: str,
        url: URL,
        headers: CIMultiDict[str],
        body: bytes = b"",
        *,
        wait: float | None = None,
        public: bool = False,
    ) -> HttpResponse:
        """One request up to the head of its response, which the caller closes.

        Args:
            method: the HTTP method.
            url: http or https.
            headers: besides Host and Content-Length.
            body: of the request.
            wait: seconds until the head must be there.
            public: refuse addresses of this machine and of private networks: a stranger named
                the URL.
        Raises:
            Unreachable: there was no response.
            Spent: the limit of requests is reached.
        """
        if self.sent >= _MOST_REQUESTS:
            raise Spent
        self.sent += 1
        line = await self.connect(url, public=public)
        response = HttpResponse(line)
        try:
            async with asyncio.timeout(PATIENCE if wait is None else wait):
                began = time.monotonic()
                line.writer.write(self._request(method, url, headers, body))
                with suppress(OSError):  # it may have answered already, and closed
                    await line.writer.drain()
                await response.read_head()
                line.times.head = time.monotonic() - began
        except TimeoutError:
            response.close()
            raise Unreachable("silent", "the server did not answer in time") from None
        except BaseException:
            response.close()
            raise
        if response.status == 429:
            self.limited += 1
        return response

    def _request(self, method: str, url: URL, headers: CIMultiDict[str], body: bytes) -> bytes:
        target = url.raw_path_qs or "/"
        if self.proxy is not None and url.scheme == "http":
            target = f"{url.scheme}://{_authority(url)}{target}"
        lines = [f"{method} {target} HTTP/1.1"]
        if "Host" not in headers:
            lines.append(f"Host: {_authority(url)}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        # As our client has it; bytes that are no UTF-8 go back as they came.
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body

    async def resolve(self, url: URL) -> list[Address]:
        """The addresses of a host, looked up once.

        Raises:
            Unreachable: it has none.
        """
        host, port = url.host or "", url.port or 0
        known = self._addresses.get((host, port))
        if known is None:
            known = self._addresses[host, port] = await _look_up(host, port, PATIENCE)
        return known

    async def connect(self, url: URL, *, verify: bool | None = None, public: bool = False) -> Line:
        """A connection, encrypted where the URL says so.

        Args:
            url: where to.
            verify: whether a certificate is checked; None for what holds for all.
            public: see `open`.
        Raises:
            Unreachable: there is none.
        """
        times = Times()
        began = time.monotonic()
        sock, address, failed = await self._socket(url, public)
        times.connect = time.monotonic() - began
        context: ssl.SSLContext | None = None
        if url.scheme == "https":
            checked = self.verify if verify is None else verify
            context = self._trusting if checked else self._doubting
        try:
            began = time.monotonic()
            async with asyncio.timeout(_CONNECT_SECONDS):
                if context is not None and self.proxy is not None:
                    await _tunnel(sock, _authority(url, always_port=True), self.proxy)
                reader, writer = await asyncio.open_connection(
                    sock=sock,
                    ssl=context,
                    server_hostname=url.host if context is not None else None,
                )
        except BaseException as exc:
            sock.close()
            if isinstance(exc, (ssl.SSLError, OSError, ValueError)):
                raise _tls_failure(exc) from None
            raise
        times.tls = time.monotonic() - began if context is not None else 0.0
        tls: Any = writer.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert(True)
        version = None if tls is None else tls.version()
        return Line(reader, writer, times, address, certificate, version, failed)

    async def _socket(
        self, url: URL, public: bool
    ) -> tuple[socket.socket, str, list[tuple[str, str]]]:
        """The first address that can be connected to, and those that could not."""
        addresses = await self.resolve(self.proxy or url)
        if public and self.proxy is None:
            addresses = [each for each in addresses if not is_local(each[1])]
            if not addresses:
                raise Unreachable("unroutable", f"{url.host} is an address of a private network")
        failed: list[tuple[str, str]] = []
        last: Unreachable | None = None
        for family, text, target in addresses[:_MOST_ADDRESSES]:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await asyncio.get_running_loop().sock_connect(sock, target)
                return sock, text, failed
            except (OSError, TimeoutError) as exc:
                sock.close()
                last = _connect_failure(exc, text, target[1])
                failed.append((text, str(last)))
            except BaseException:
                sock.close()
                raise
        assert last is not None
        raise last


def is_local(address: str) -> bool:
    """Whether an address is this machine's or a private network's."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return not found.is_global


def _authority(url: URL, always_port: bool = False) -> str:
    host = url.raw_host or ""
    host = f"[{host}]" if ":" in host else host
    return host if url.is_default_port() and not always_port else f"{host}:{url.port}"


async def _look_up(host: str, port: int, wait: float) -> list[Address]:
    """In a thread that nobody waits for: the resolver has time-outs of its own, and long ones."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def tell(found: list[Address] | None, text: str) -> None:
        if answer.done():
            return
        if found:
            answer.set_result(found)
        else:
            answer.set_exception(Unreachable("name", text))

    def look() -> None:
        found: list[Address] = []
        text = f"there is no address for {host}"
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [(row[0], str(row[4][0]), row[4]) for row in rows]
        except (OSError, UnicodeError) as exc:
            text = f"{text} ({exc.strerror or exc})" if isinstance(exc, OSError) else text
        with suppress(RuntimeError):  # the loop is over
            loop.call_soon_threadsafe(tell, found, text)

    threading.Thread(target=look, daemon=True).start()
    try:
        async with asyncio.timeout(wait):
            return await answer
    except TimeoutError:
        raise Unreachable("name", f"no name server answered for {host}") from None


async def _tunnel(sock: socket.socket, authority: str, proxy: URL) -> None:
    """Ask the proxy for a way to the server (RFC 9110, 9.3.6)."""
    loop = asyncio.get_running_loop()
    request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"
    await loop.sock_sendall(sock, request.encode("ascii", "replace"))
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_LIMIT:
        data = await loop.sock_recv(sock, 1)
        if not data:
            break
        head += data
    if not head.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
        said = beginning(head.partition(b"\r\n")[0])
        raise Unreachable("refused", f"the proxy {proxy.host}:{proxy.port} refused: {said}")


def _connect_failure(exc: OSError | TimeoutError, address: str, port: int) -> Unreachable:
    at = f"{address} port {port}"
    if isinstance(exc, ConnectionRefusedError):
        return Unreachable("refused", f"nothing listens at {at}")
    if isinstance(exc, TimeoutError):
        return Unreachable("timeout", f"{at} does not answer")
    return Unreachable("unroutable", f"{at} cannot be reached ({exc.strerror or exc})")


def _tls_failure(exc: BaseException) -> Unreachable:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return Unreachable("certificate", exc.verify_message, exc.verify_code)
    if isinstance(exc, ssl.SSLError):
        return Unreachable("tls", f"TLS failed ({(exc.reason or str(exc)).replace('_', ' ')})")
    if isinstance(exc, TimeoutError):
        return Unreachable("tls", "the TLS handshake was not finished in time")
    return Unreachable("tls", "the connection was closed during the TLS handshake")
