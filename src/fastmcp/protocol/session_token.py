"""What a session id says: the facts of a session that never change, signed.

A worker that never saw the session rebuilds it from its id alone, without a look-up: the
negotiated version, what the client can do, who owns it and when it began. Signing and
verifying are injected, so this file knows no key and no clock.
The id must be visible ASCII (2025-11-25, basic/transports, "Session Management"): a compact
JWS is.
A session of HTTP+SSE has no id before its client has said anything, and lives where its stream is;
so its id says that instead. Neither passes for the other: each lacks what the other must have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.jsonrpc import UNREADABLE

__all__ = ["MAX_TOKEN_LENGTH", "Claims", "StreamClaims", "issue", "read", "read_stream"]

MAX_TOKEN_LENGTH: Final = 6144
"""A header that every proxy passes: nginx and most others stop at 8 KiB for all headers."""


class Claims(msgspec.Struct, frozen=True):
    """The claims of a session id.

    Attributes:
        jti: the session's own random name.
        ver: the negotiated protocol version.
        cap: the client's capabilities.
        cli: the client's name, title and version.
        own: who may use the session: a hash of the principal, "" for nobody in particular.
        iat: when it was issued, in seconds since the epoch.
    """

    jti: str
    ver: str
    cap: dict[str, Any]
    cli: dict[str, Any]
    own: str
    iat: int


class StreamClaims(msgspec.Struct, frozen=True):
    """The claims of a session id of HTTP+SSE.

    Attributes:
        sse: the stream's own random name.
        at: the worker that holds the stream.
        own: who may use the session, as in `Claims`.
        iat: when it was issued, in seconds since the epoch.
    """

    sse: str
    at: str
    own: str
    iat: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Claims).decode
_decode_stream: Final = msgspec.json.Decoder(StreamClaims).decode


def issue(claims: Claims | StreamClaims, sign: Callable[[bytes], str]) -> str:
    """The session id for these claims.

    Raises:
        McpError: the client declared more capabilities than a header can hold.
    """
    token = sign(_encode(claims))
    if len(token) > MAX_TOKEN_LENGTH:
        raise invalid_params(
            f"Invalid params: the client's capabilities and info make a session id of {len(token)} "
            f"bytes; at most {MAX_TOKEN_LENGTH} fit into a header. Declare less."
        )
    return token


def read(token: str, verify: Callable[[str], bytes | None]) -> Claims | None:
    """The claims of a session id, or None where it is not one of ours."""
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    payload = verify(token)
    if payload is None:
        return None
    try:
        return _decode(payload)
    except UNREADABLE:
        return None


def read_stream(token: str, verify: Callable[[str], bytes | None]) -> StreamClaims | None:
    """The same for a session id of HTTP+SSE."""
    payload = verify(token) if len(token) <= MAX_TOKEN_LENGTH else None
    if payload is None:
        return None
    try:
        return _decode_stream(payload)
    except UNREADABLE:
        return None
