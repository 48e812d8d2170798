"""What an author may ask the current call for, as functions and as parameter defaults."""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping
from typing import Any, Final, Protocol, cast

from starlette.requests import Request

from fastmcp.server.access import AccessToken, token_of
from fastmcp.server.context import Context, get_context
from fastmcp.utilities.injection import Dependency, Depends, Shared

__all__ = [
    "CurrentAccessToken",
    "CurrentContext",
    "CurrentFastMCP",
    "CurrentHeaders",
    "CurrentRequest",
    "Dependency",
    "Depends",
    "Progress",
    "ProgressLike",
    "Shared",
    "TokenClaim",
    "get_access_token",
    "get_context",
    "get_http_headers",
    "get_http_request",
    "get_server",
]

_HIDDEN_HEADERS: Final = frozenset(
    {
        "accept",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "mcp-session-id",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
"""Secrets, and what belongs to one connection: forwarding them is an accident or a leak."""


def get_server() -> Any:
    """The `FastMCP` server that serves the current request.

    Raises:
        RuntimeError: no request is being served.
    """
    return get_context().fastmcp


def get_http_request() -> Request:
    """The HTTP request that is being served.

    Raises:
        RuntimeError: there is none: not inside a request, or not over HTTP.
    """
    scope = _scope()
    if scope is None:
        raise RuntimeError(
            "No active HTTP request found: this is not running inside a request that came over HTTP"
        )
    return Request(scope)


def get_http_headers(
    include_all: bool = False, include: Collection[str] | None = None
) -> dict[str, str]:
    """The request's headers, names in lower case; empty where there is no HTTP request.

    Args:
        include_all: also those that carry secrets or belong to one connection.
        include: further header names to include.
    """
    scope = _scope()
    if scope is None:
        return {}
    wanted = {name.lower() for name in include or ()}
    headers: dict[str, str] = {}
    for raw_name, value in cast("list[tuple[bytes, bytes]]", scope["headers"]):
        name = raw_name.decode("latin-1").lower()
        if include_all or name in wanted or name not in _HIDDEN_HEADERS:
            headers[name] = value.decode("latin-1")
    return headers


def get_access_token() -> AccessToken | None:
    """The verified access token of the request, or None where there is none."""
    return token_of(_scope())


def _scope() -> MutableMapping[str, Any] | None:
    context = Context.current()
    return context.exchange.scope if context is not None else None


class _Current(Dependency[Any]):
    """A dependency that is one look at the current call."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self._look = look

    async def resolve(self) -> Any:
        return self._look()


def CurrentContext() -> Any:  # noqa: N802
    """As a parameter's default: the `Context` of the call."""
    return _Current(get_context)


def CurrentFastMCP() -> Any:  # noqa: N802
    """As a parameter's default: the server."""
    return _Current(get_server)


def CurrentRequest() -> Any:  # noqa: N802
    """As a parameter's default: the HTTP request; a RuntimeError where there is none."""
    return _Current(get_http_request)


def CurrentHeaders() -> Any:  # noqa: N802
    """As a parameter's default: the HTTP headers, `authorization` and `cookie` included."""
    return _Current(lambda: get_http_headers(include={"authorization", "cookie"}))


def CurrentAccessToken() -> Any:  # noqa: N802
    """As a parameter's default: the verified access token.

    Raises:
        RuntimeError: the request carries none.
    """
    return _Current(_required_token)


def TokenClaim(name: str) -> Any:  # noqa: N802
    """As a parameter's default: what the access token claims under a name, as text.

    Args:
        name: of the claim, such as "sub" or "email".
    Raises:
        RuntimeError: the request carries no token, or it does not claim that.
    """

    def look() -> str:
        claims = _required_token().claims
        if claims.get(name) is None:
            raise RuntimeError(f"The access token has no claim {name!r}: it has {sorted(claims)}")
        return str(claims[name])

    return _Current(look)


def _required_token() -> AccessToken:
    token = get_access_token()
    if token is None:
        raise RuntimeError(
            "No access token found: the request is not authenticated. Give the server auth=, and "
            "serve it over HTTP"
        )
    return token


class ProgressLike(Protocol):
    """What `Progress()` gives a handler."""

    @property
    def current(self) -> int | None: ...
    @property
    def total(self) -> int: ...
    @property
    def message(self) -> str | None: ...
    async def set_total(self, total: int) -> None: ...
    async def increment(self, amount: int = 1) -> None: ...
    async def set_message(self, message: str | None) -> None: ...


class _ProgressOfCall:
    """Counts up and reports each step to the client."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.current: int | None = None
        self.total = 1
        self.message: str | None = None

    async def set_total(self, total: int) -> None:
        """Say how far it goes.

        Raises:
            ValueError: less than 1.
        """
        if total < 1:
            raise ValueError("Total must be at least 1")
        self.total = total

    async def increment(self, amount: int = 1) -> None:
        """Go on by some steps.

        Raises:
            ValueError: less than 1.
        """
        if amount < 1:
            raise ValueError("Amount must be at least 1")
        self.current = (self.current or 0) + amount
        await self._context.report_progress(self.current, self.total, self.message)

    async def set_message(self, message: str | None) -> None:
        """Set the line that goes with the next steps."""
        self.message = message


def Progress() -> Any:  # noqa: N802
    """As a parameter's default: a counter that reports to the client (`ProgressLike`)."""
    return _Current(lambda: _ProgressOfCall(get_context()))
