"""What the endpoints for programs have in common: bounded bodies, errors as JSON, CORS, limits.

A parameter that comes twice is refused (OAuth 2.1, 3.1 and 3.2): two readers of such a request can
read two different ones. `resource` alone may (RFC 8707, 2). An answer is for whoever asked and is
kept nowhere (OAuth 2.1, 3.2.3).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, cast
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from fastmcp.protocol.jsonrpc import UNREADABLE, deeper_than
from fastmcp.server.auth.oauth.errors import OAuthError, described
from fastmcp.server.auth.oauth.limits import Meter

__all__ = [
    "NOT_KEPT",
    "PUBLIC",
    "Form",
    "Handler",
    "TooLargeError",
    "address_of",
    "body_of",
    "endpoint",
    "form_in",
    "form_of",
    "object_in",
    "problem",
]

_logger: Final = logging.getLogger("fastmcp.server.auth")

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

NOT_KEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
PUBLIC: Final = {"Access-Control-Allow-Origin": "*"}
"""No cookie opens these endpoints, so a page anywhere may call them, as clients in browsers do."""

_ALLOWED_HEADERS: Final = "authorization, content-type, mcp-protocol-version"
_LONGEST: Final = 64 * 1024
_PARAMETERS: Final = 100
_DEPTH: Final = 32
_STATUS: Final = {"invalid_client": 401, "server_error": 500, "temporarily_unavailable": 503}


class TooLargeError(Exception):
    """A body is larger than any that is in order."""


class Form:
    """Parameters of a request.

    Args:
        pairs: names and values, as they came.

    Attributes:
        resources: what `resource` named.

    Raises:
        OAuthError: one came twice.
    """

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.resources: list[str] = []
        self._values: dict[str, str] = {}
        for name, value in pairs:
            if name == "resource":
                self.resources.append(value)
            elif name in self._values:
                raise OAuthError("invalid_request", f"The parameter {name} came more than once")
            else:
                self._values[name] = value

    def get(self, name: str) -> str | None:
        """The value; None where there is none, also where it is empty (OAuth 2.1, 3.1)."""
        return self._values.get(name) or None

    def need(self, name: str) -> str:
        """The value.

        Raises:
            OAuthError: there is none.
        """
        value = self.get(name)
        if value is None:
            raise OAuthError("invalid_request", f"The parameter {name} is missing")
        return value


def form_in(text: bytes) -> Form:
    """Parameters in a query or body.

    Raises:
        OAuthError: they cannot be read.
    """
    try:
        decoded = text.decode("utf-8")
        pairs = parse_qsl(
            decoded, keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS
        )
    except ValueError:
        raise OAuthError("invalid_request", "The parameters cannot be read") from None
    return Form(pairs)


async def form_of(request: Request) -> Form:
    """The parameters in a body.

    Raises:
        OAuthError: they are in another format, or cannot be read.
        TooLargeError: the body is.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise OAuthError(
            "invalid_request", "Send the parameters as application/x-www-form-urlencoded"
        )
    return form_in(await body_of(request))


async def body_of(request: Request, longest: int = _LONGEST) -> bytes:
    """The body.

    Args:
        request: whose body it is.
        longest: bytes that it may have.

    Raises:
        TooLargeError: it is too large; no more of it was read.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > longest:
        raise TooLargeError
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > longest:
            raise TooLargeError
    return bytes(body)


def object_in(text: bytes) -> dict[str, Any] | None:
    """The JSON object that a stranger wrote; None where it is none, or none that can be kept: what
    is no text, or nested in more than 32 levels, can be written nowhere."""
    try:
        value: Any = msgspec.json.decode(text)
    except UNREADABLE:
        return None
    if not isinstance(value, dict) or deeper_than(text, _DEPTH):
        return None
    return cast("dict[str, Any]", value)


def address_of(request: Request) -> str:
    """Where a request comes from, for counting."""
    return "" if request.client is None else request.client.host


def problem(error: str, description: str | None = None, status: int | None = None) -> Response:
    """An error as OAuth 2.1, 3.2.4 has it."""
    content: dict[str, Any] = {"error": error}
    if description is not None:
        content["error_description"] = described(description)
    return JSONResponse(content, status or _STATUS.get(error, 400), headers=NOT_KEPT)


def endpoint(handler: Handler, verb: str, meter: Meter | None = None) -> Handler:
    """An endpoint that programs call, pages in browsers too.

    Args:
        handler: serves a request; what it raises as `OAuthError` is told as one.
        verb: that it takes; `OPTIONS` is answered beside.
        meter: counts requests.
    """
    preflight = {
        **PUBLIC,
        "Access-Control-Allow-Methods": f"{verb}, OPTIONS",
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": "7200",
    }

    async def serve(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=preflight)
        wait = 0 if meter is None else meter.wait(address_of(request))
        if wait:
            response = problem("temporarily_unavailable", "Too many requests; wait", 429)
            response.headers["Retry-After"] = str(wait)
        else:
            response = await _answer(handler, request)
        response.headers.update(PUBLIC)
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, WWW-Authenticate"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return serve


async def _answer(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except OAuthError as error:
        response = problem(error.error, error.error_description)
        if error.error == "invalid_client" and "authorization" in request.headers:
            # OAuth 2.1, 3.2.4: who came with a header is told which scheme it is
            response.headers["WWW-Authenticate"] = 'Basic realm="token"'
        return response
    except TooLargeError:
        return problem("invalid_request", "The body is too large", 413)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    except Exception:
        _logger.exception("%s failed", request.url.path)
        return problem("server_error", "The server failed; its log says how")
