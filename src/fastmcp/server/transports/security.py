"""Who may talk to the endpoint from a browser: the guard against DNS rebinding.

A page of a stranger can make a browser send requests to a server on the same machine. Its
`Origin` gives it away, and so does a `Host` that no local server has; servers MUST validate
`Origin` (2025-11-25, basic/transports, "Security Warning"). In mode "auto" the guard acts
where the danger is: on connections that arrive at a loopback address. A request that a reverse
proxy passes on carries a public `Host` and says so (`Forwarded`, `X-Forwarded-*`); without an
`Origin` it is no POST of a page, and it is let through (a page's GET may come without one, and can
do nothing: the session it would need begins with a POST); so are the pages that are listed by name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase, translate
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INVALID_REQUEST
from fastmcp.protocol.jsonrpc import encode_error
from fastmcp.server.transports.asgi import (
    JSON_HEADERS,
    ASGIApp,
    Receive,
    Scope,
    Send,
    respond,
)

__all__ = [
    "DEFAULT_HOSTS",
    "GuardMode",
    "HostOriginGuard",
    "HostOriginGuardMiddleware",
    "guard_mode",
    "origin_pattern",
    "refuse",
]

_logger: Final = logging.getLogger("fastmcp.server.security")

DEFAULT_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]", "::1", "testserver")
"""Hosts that are this machine; `testserver` is what Starlette's test client calls itself."""

GuardMode: TypeAlias = Literal["auto", "strict"]
_REMEMBERED: Final = 1024
_FORWARDED: Final = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")


def guard_mode(protection: bool | str) -> GuardMode | None:
    """Read the setting `host_origin_protection`.

    Args:
        protection: "auto", True ("strict": every request is checked) or False (no guard).
    Raises:
        ValueError: anything else.
    """
    if protection is True or protection == "strict":
        return "strict"
    if protection is False:
        return None
    if protection == "auto":
        return "auto"
    raise ValueError(f'host_origin_protection must be True, False or "auto", not {protection!r}')


def origin_pattern(origins: Sequence[str]) -> str:
    """The regular expression that an `Origin` in lower case matches if it is listed.

    Args:
        origins: such as `https://app.example.com`; `*` matches any text.
    """
    patterns = [translate(_literal_brackets(origin.lower().rstrip("/"))) for origin in origins]
    return "|".join(patterns) or "(?!)"  # which matches nothing


class HostOriginGuard:
    """Decides who may pass.

    Args:
        allowed_hosts: further host names, with or without a port; `*` matches any text.
        allowed_origins: further origins such as `https://app.example.com`; `*` as above.
        mode: "auto" or "strict", see `guard_mode`.
        cors_origins: origins that CORS lets in, like `allowed_origins`; but they do not make
            the guard act where it otherwise would not.
        own_hosts: names that the server itself says it has, likewise.
    """

    def __init__(
        self,
        allowed_hosts: Sequence[str] | None = None,
        allowed_origins: Sequence[str] | None = None,
        mode: GuardMode = "auto",
        cors_origins: Sequence[str] = (),
        own_hosts: Sequence[str] = (),
    ) -> None:
        hosts = (*DEFAULT_HOSTS, *own_hosts, *(allowed_hosts or ()))
        self._hosts = tuple(_literal_brackets(host.lower()) for host in hosts)
        self._origins = re.compile(origin_pattern([*(allowed_origins or ()), *cors_origins]))
        self._listed = bool(allowed_hosts or allowed_origins)
        self._strict = mode == "strict"
        self._passed: set[object] = set()

    def refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> tuple[int, str] | None:
        """The status and text to refuse a request with, or None where it may pass."""
        host, origin = headers.get(b"host"), headers.get(b"origin")
        server = scope.get("server")  # a tuple or, with some servers, a list
        seen = (server[0] if server else None, host, origin)
        if seen in self._passed:
            return None
        if not (self._strict or self._listed or _on_loopback(server)):
            return None
        forwarded = not self._strict and any(name in headers for name in _FORWARDED)
        refusal = self._refusal(host, origin, forwarded)
        if refusal is None and not forwarded and len(self._passed) < _REMEMBERED:
            self._passed.add(seen)
        return refusal

    def _refusal(
        self, host: bytes | None, origin: bytes | None, forwarded: bool
    ) -> tuple[int, str] | None:
        page = None if origin is None else origin.decode("latin-1").lower()
        listed = page is not None and self._origins.fullmatch(page) is not None
        if page is not None and not listed and not self._is_local(page):
            return 403, (
                f"Forbidden Origin: {page[:200]!r} is not allowed here. List it in cors_origins "
                "(FASTMCP_HTTP_CORS_ORIGINS) to let its pages in, or in allowed_origins "
                "(FASTMCP_HTTP_ALLOWED_ORIGINS) if they need no CORS headers."
            )
        if forwarded and (page is None or listed):
            return None
        if not self._host_allowed((host or b"").decode("latin-1").lower()):
            return 421, (
                f"Misdirected Request: Host {(host or b'')[:200].decode('latin-1')!r} is not "
                "served. List it in allowed_hosts (FASTMCP_HTTP_ALLOWED_HOSTS) if it is yours."
            )
        return None

    def _host_allowed(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if _has_port(host) else host
        return any(
            fnmatchcase(host, pattern) or fnmatchcase(name, pattern) for pattern in self._hosts
        )

    def _is_local(self, origin: str) -> bool:
        """Whether a page comes from a host that is served."""
        try:
            parts = urlsplit(origin)
            host = parts.hostname
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and host is not None and self._host_allowed(host)


class HostOriginGuardMiddleware:
    """The guard in front of any ASGI application: foreign hosts get 421, foreign origins 403.

    Args:
        app: the guarded application.
        allowed_hosts: as for `HostOriginGuard`, and so are the others.
        allowed_origins: see there.
        mode: see there.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Sequence[str] | None = None,
        allowed_origins: Sequence[str] | None = None,
        mode: GuardMode = "auto",
    ) -> None:
        self._app = app
        self._guard = HostOriginGuard(allowed_hosts, allowed_origins, mode)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = self._guard.refusal(scope, dict(scope["headers"]))
            if refusal is not None:
                await refuse(send, *refusal)
                return
        await self._app(scope, receive, send)


def _literal_brackets(pattern: str) -> str:
    """A bracket is an IPv6 address here, not a set of characters."""
    return pattern.replace("[", "[[]")


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and (host.startswith("[") or host.count(":") == 1)


def _on_loopback(server: Sequence[object] | None) -> bool:
    if not server:
        return False
    address = str(server[0])
    return address.startswith("127.") or address in ("::1", "localhost")


async def refuse(send: Send, status: int, message: str) -> None:
    """Answer a request that may not pass."""
    _logger.warning(message)
    body = encode_error(None, McpError(INVALID_REQUEST, message))
    await respond(send, status, body, JSON_HEADERS)
