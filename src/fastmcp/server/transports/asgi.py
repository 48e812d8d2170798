"""The few things every ASGI endpoint here does: read a body under a limit, send a response."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

__all__ = [
    "JSON_HEADERS",
    "ASGIApp",
    "BodyTooLarge",
    "ClientGone",
    "Headers",
    "Receive",
    "Scope",
    "Send",
    "joined",
    "read_body",
    "respond",
    "respond_early",
]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

_MOST_DIGITS: Final = 18
_LINGER_SECONDS: Final = 2.0
JSON_HEADERS: Final[Headers] = [(b"content-type", b"application/json")]


class BodyTooLarge(Exception):
    """The body is over the limit.

    Args:
        more: whether there is more of it to come.
    """

    def __init__(self, more: bool) -> None:
        super().__init__()
        self.more = more


class ClientGone(Exception):
    """The client closed the connection before its body was complete."""


def joined(lines: Headers) -> dict[bytes, bytes]:
    """The header fields by name, where some name stands on several lines.

    `Accept` is a list and may be written on several lines (RFC 9110, section 5.3). No `Mcp-*`
    header is one: of two, one reader would see the first and another the last. They are joined so
    that they equal nothing a body can say, which refuses the request. Of any other the last counts.
    """
    found: dict[bytes, bytes] = {}
    for name, value in lines:
        if name in found and name == b"accept":
            value = found[name] + b", " + value
        elif name in found and name.startswith(b"mcp-"):
            value = found[name] + b"\n" + value
        found[name] = value
    return found


async def read_body(receive: Receive, declared_length: bytes | None, limit: int) -> bytes:
    """The request's body.

    Args:
        receive: the ASGI channel.
        declared_length: the `Content-Length` header; a length over the limit is refused unread.
        limit: bytes.
    Raises:
        BodyTooLarge: over the limit.
        ClientGone: the client left.
    """
    # Nobody sends so much, and Python refuses to read a number of thousands of digits.
    if (
        declared_length is not None
        and declared_length.isdigit()
        and (len(declared_length) > _MOST_DIGITS or int(declared_length) > limit)
    ):
        raise BodyTooLarge(more=True)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise BodyTooLarge(more=False)
        return body
    chunks = [body]
    size = len(body)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(more=message.get("more_body", False))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """One whole response."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def respond_early(
    send: Send, receive: Receive, status: int, body: bytes, headers: Headers
) -> None:
    """One whole response to a request whose body is still coming.

    For a while what comes is taken and dropped: a connection that is closed with unread data is
    reset, and the client would lose the answer (RFC 9112, section 9.6).
    """
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    await send({"type": "http.response.body", "body": b""})
