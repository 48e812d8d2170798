"""HTTP headers of the Streamable HTTP transport: names, `Accept`, and the value codec.

Source: specification 2026-07-28, basic/transports/streamable-http, "Request Metadata" and
"Value Encoding"; media ranges by RFC 9110 section 12.5.1.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
from functools import lru_cache
from typing import Any, Final, NamedTuple

__all__ = [
    "ACCEPT",
    "CONTENT_TYPE",
    "LAST_EVENT_ID",
    "MCP_METHOD",
    "MCP_NAME",
    "MCP_PROTOCOL_VERSION",
    "MCP_SESSION_ID",
    "PARAM_PREFIX",
    "Accepts",
    "accepts",
    "decode_value",
    "encode_value",
    "is_json",
    "param_text",
    "retry_after",
]

# Lower case, as ASGI and HTTP/2 carry them (RFC 9110, section 5.1: names ignore case).
ACCEPT: Final = "accept"
CONTENT_TYPE: Final = "content-type"
LAST_EVENT_ID: Final = "last-event-id"
MCP_METHOD: Final = "mcp-method"
MCP_NAME: Final = "mcp-name"
MCP_PROTOCOL_VERSION: Final = "mcp-protocol-version"
MCP_SESSION_ID: Final = "mcp-session-id"
PARAM_PREFIX: Final = "mcp-param-"

_SECONDS_DIGITS: Final = 9
"""More is over thirty years."""

_PREFIX: Final = "=?base64?"
_SUFFIX: Final = "?="


class Accepts(NamedTuple):
    """Which of the two response forms a client can read."""

    json: bool
    sse: bool


@lru_cache(maxsize=256)
def accepts(header: bytes | None) -> Accepts:
    """Read an `Accept` header.

    The specification wants both types listed; real clients send one, `*/*` or nothing, so
    what is not excluded is accepted and only a header that admits neither is refused.
    """
    if header is None or not header.strip():
        return Accepts(True, True)
    best: dict[str, float] = {}
    for part in header.decode("latin-1").lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        best[media] = max(best.get(media, 0.0), quality)

    def admitted(media: str) -> bool:
        for candidate in (media, media.partition("/")[0] + "/*", "*/*"):
            if candidate in best:
                return best[candidate] > 0
        return False

    return Accepts(admitted("application/json"), admitted("text/event-stream"))


@lru_cache(maxsize=64)
def is_json(content_type: bytes | None) -> bool:
    """Whether a `Content-Type` is JSON in UTF-8 (the only encoding JSON-RPC over MCP has)."""
    if content_type is None:
        return False
    media, *parameters = (p.strip() for p in content_type.decode("latin-1").lower().split(";"))
    charset = next((p[8:].strip("\"' ") for p in parameters if p.startswith("charset=")), "utf-8")
    return media == "application/json" and charset in ("utf-8", "utf8", "us-ascii", "ascii")


def _is_plain(text: str) -> bool:
    """Visible ASCII, spaces and tabs: what a field value may hold (RFC 9110, section 5.5)."""
    return text.isascii() and (text.isprintable() or text.replace("\t", "").isprintable())


def encode_value(value: str) -> str:
    """A header value that carries any text ("Value Encoding")."""
    padded = value != value.strip(" \t")
    if (
        _is_plain(value)
        and not padded
        and not (value.startswith(_PREFIX) and value.endswith(_SUFFIX))
    ):
        return value
    encoded = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")
    return f"{_PREFIX}{encoded}{_SUFFIX}"


def decode_value(value: bytes) -> str | None:
    """The text of a header value, or None where it is malformed.

    A value with only the prefix or only the suffix of the sentinel is literal.
    """
    text = value.decode("latin-1").strip(" \t")
    if not _is_plain(text):
        return None
    if not (text.startswith(_PREFIX) and text.endswith(_SUFFIX)):
        return text
    if len(text) < len(_PREFIX) + len(_SUFFIX):
        return text
    try:
        return base64.b64decode(text[len(_PREFIX) : -len(_SUFFIX)], validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def param_text(value: Any) -> str | None:
    """A tool argument as header text, or None where it has no header form ("Type conversion")."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None


def retry_after(header: str | None, now: float) -> float | None:
    """The seconds that a `Retry-After` header asks to wait; None where it asks nothing.

    Args:
        header: its value, a number of seconds or a date (RFC 9110, 10.2.3).
        now: seconds since the epoch.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:_SECONDS_DIGITS])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
