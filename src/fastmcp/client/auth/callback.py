"""The page at which a browser arrives when a person has decided (RFC 8252, 7.3).

A small server on the loopback interface, for one answer. It knows one path and one `state`;
whatever else comes, from a stale tab or from somebody who guesses, gets a page that says so and
changes nothing. The person sees how it went, in a page that no other can frame, that loads nothing
and repeats nothing unescaped. Then the server is gone.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import html
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from multidict import MultiMapping

if TYPE_CHECKING:
    from aiohttp import web

from fastmcp.client.errors import AuthorizationFailedError

__all__ = ["PATH", "AuthorizationCodeResult", "CallbackServer"]

_logger: Final = logging.getLogger("fastmcp.client.auth.page")

PATH: Final = "/callback"
_LONGEST: Final = 8192
"""Characters of any parameter that is looked at."""
_ATTEMPTS: Final = 8
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address holds the code
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto;
padding: 0 1rem; color: #1d2433; background: #fff }}
h1 {{ font-size: 1.4rem; color: {colour} }}
p {{ overflow-wrap: anywhere }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e5e9f0; background: #161a22 }} }}
</style></head><body><h1>{title}</h1><p>{text}</p><p>{last}</p></body></html>
"""
_AT_MOST_PAGES: Final = 2.0
"""Seconds that the last page has to reach the browser."""


class AuthorizationCodeResult(NamedTuple):
    """An authorization response (OAuth 2.1, 4.1.2).

    Attributes:
        code: to be exchanged for a token; None where there is an error.
        state: as it came back.
        iss: who says that it answers (RFC 9207).
        error: the code of a refusal.
        error_description: of the refusal.
    """

    code: str | None
    state: str | None = None
    iss: str | None = None
    error: str | None = None
    error_description: str | None = None

    def __repr__(self) -> str:
        return f"<AuthorizationCodeResult(error={self.error!r})>"


class CallbackServer:
    """Waits for one authorization response; a context manager.

    Args:
        host: of the redirect URI: "localhost", or a loopback address.
        port: to listen on.
        server: what people call the MCP server, for the page.
    """

    def __init__(self, host: str, port: int, server: str) -> None:
        self._host = host
        self._server = server
        self.port = port
        self._state: str | None = None
        self._judge: Callable[[AuthorizationCodeResult], str | None] | None = None
        self._answer: asyncio.Future[AuthorizationCodeResult] | None = None
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            AuthorizationFailedError: somebody else has the port.
        """
        from aiohttp import web  # 50 ms that most clients never need

        self._answer = asyncio.get_running_loop().create_future()
        sockets = _listen(self._host, self.port)
        self.port = sockets[0].getsockname()[1]
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None, logger=_logger),
            shutdown_timeout=_AT_MOST_PAGES,
        )
        try:
            await self._runner.setup()
            for each in sockets:
                await web.SockSite(self._runner, each).start()
        except BaseException:
            for each in sockets:
                each.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def expect(self, state: str, judge: Callable[[AuthorizationCodeResult], str | None]) -> None:
        """Wait for the answer to one request.

        Args:
            state: that it had.
            judge: says what is wrong with an answer, None where nothing is.
        """
        self._state, self._judge = state, judge

    async def answer(self) -> AuthorizationCodeResult:
        """The response, once it has come."""
        assert self._answer is not None
        return await self._answer

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != PATH:
            return await self._show(request, 404, "Nothing is here", "")
        if request.method != "GET":  # a HEAD must not use the answer up
            return await self._show(request, 405, "Nothing is here", "")
        said = _said(request.query)
        answer = self._answer
        # One answer, to the request that was made (OAuth 2.1, 7.12.3; RFC 6749, 10.12).
        if (
            self._state is None
            or answer is None
            or answer.done()
            or not _same(said.state, self._state)
        ):
            return await self._show(
                request,
                400,
                "This is not what was waited for",
                "It belongs to another attempt, or was seen already. Please begin anew in the "
                "application.",
            )
        self._state = None
        assert self._judge is not None
        wrong = self._judge(said)
        try:
            if wrong is None:
                text = f"You may go on in the application: it is let in to {self._server}."
                return await self._show(request, 200, "Authorization succeeded", text)
            return await self._show(request, 400, "Authorization failed", wrong)
        finally:
            if not answer.done():
                answer.set_result(said)

    async def _show(
        self, request: web.BaseRequest, status: int, title: str, text: str
    ) -> web.StreamResponse:
        from aiohttp import web

        page = _PAGE.format(
            title=html.escape(title),
            text=html.escape(text),
            last="You can close this window.",
            colour="#1a7f4b" if status == 200 else "#b3261e",
        )
        response = web.Response(
            status=status, text=page, content_type="text/html", headers=_HEADERS
        )
        response.force_close()
        with suppress(ConnectionResetError):  # the browser does not wait for it
            await response.prepare(request)
            await response.write_eof()
        return response


def _said(query: MultiMapping[str]) -> AuthorizationCodeResult:
    def one(name: str) -> str | None:
        values = query.getall(name, [])
        # A parameter must not come twice (RFC 6749, 3.1).
        fits = len(values) == 1 and len(values[0]) <= _LONGEST
        return values[0] if fits else "" if values else None

    return AuthorizationCodeResult(
        one("code"), one("state"), one("iss"), one("error"), one("error_description")
    )


def _is_failure(record: logging.LogRecord) -> bool:
    """aiohttp refuses what is no HTTP, and logs that as an error of the program."""
    from aiohttp.http_exceptions import HttpProcessingError

    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_logger.addFilter(_is_failure)


def _same(one: str | None, other: str) -> bool:
    return one is not None and hmac.compare_digest(one.encode(), other.encode())


def _listen(host: str, port: int) -> list[socket.socket]:
    """Sockets for a host, all on one port. A browser takes "localhost" for either family."""
    for _ in range(_ATTEMPTS):
        found: list[socket.socket] = []
        try:
            found.append(_bound("127.0.0.1" if host == "localhost" else host, port))
            if host == "localhost":
                found.append(_bound("::1", found[0].getsockname()[1]))
        except OSError as exc:
            if found and exc.errno != errno.EADDRINUSE:
                return found  # there is no IPv6
            for each in found:
                each.close()
            if found and port == 0:
                continue
            raise AuthorizationFailedError(
                f"The page for the browser's return cannot be served on {host}:{port} "
                f"({exc.strerror or exc}). Give OAuth another callback_port, or none."
            ) from None
        return found
    raise AuthorizationFailedError("No port is free for the page of the browser's return")


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)
