"""Bytes to messages and back.

A message is decoded once, straight into a validated envelope; its `params` become a plain
dict that every later step shares. What cannot be an MCP message raises `McpError` with the
code JSON-RPC 2.0 (section 5.1) names, and with the request's id where one could be read
(specification, basic/index, "Error Responses").
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import UNSET, UnsetType
from pydantic_core import to_jsonable_python

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INVALID_REQUEST, PARSE_ERROR, error_object

__all__ = [
    "UNREADABLE",
    "Malformed",
    "Message",
    "Notification",
    "Request",
    "RequestId",
    "Response",
    "as_object",
    "decode",
    "decode_many",
    "deeper_than",
    "dump",
    "encode_error",
    "encode_notification",
    "encode_request",
    "encode_result",
    "load",
    "sound",
]

RequestId: TypeAlias = int | str
"""A string or an integer, never null (specification, basic/index, "Requests")."""


class Request(msgspec.Struct):
    """A call that wants an answer."""

    id: RequestId
    method: str
    params: dict[str, Any]


class Notification(msgspec.Struct):
    """A message that wants none."""

    method: str
    params: dict[str, Any]


class Response(msgspec.Struct):
    """An answer: exactly one of `result` and `error` is set. `id` is None where it was unread."""

    id: RequestId | None
    result: Any = None
    error: McpError | None = None


Message: TypeAlias = Request | Notification | Response


class Malformed(McpError):
    """Bytes that are no JSON-RPC message. `id` is the request's where one could be read."""

    def __init__(self, code: int, message: str, id: RequestId | None = None) -> None:
        super().__init__(code, message)
        self.id = id


class _Envelope(msgspec.Struct):
    jsonrpc: Literal["2.0"]
    id: int | str | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: dict[str, Any] | UnsetType | None = UNSET
    result: Any = UNSET
    error: dict[str, Any] | UnsetType = UNSET


UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises where it cannot read a text: what it is not, no UTF-8, nested too deeply."""

_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_raw_list: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_anything: Final = msgspec.json.Decoder().decode


def as_object(value: object) -> dict[str, Any] | None:
    """A JSON object out of a peer's message, or None where it is something else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def load(data: bytes | str) -> Any:
    """Any JSON value, or `Malformed` (parse error)."""
    try:
        return _anything(data)
    except UNREADABLE as exc:
        raise Malformed(PARSE_ERROR, _why_unparsable(exc)) from None


def sound(data: bytes) -> bytes:
    """What `dump` wrote, for those who read it again: where an author's text held half a surrogate
    pair, which `decode` would refuse, a question mark stands for it."""
    if b"\\ud" not in data:
        return data
    return json.dumps(json.loads(data), ensure_ascii=False).encode("utf-8", "replace")


def decode(data: bytes | msgspec.Raw) -> Message:
    """One message.

    Args:
        data: UTF-8 JSON text.
    Raises:
        Malformed: not JSON, nested too deeply, or not a JSON-RPC 2.0 message.
    """
    try:
        envelope = _envelope(data)
    except msgspec.ValidationError as exc:
        raise Malformed(INVALID_REQUEST, f"Invalid request: {exc}", _peek_id(data)) from None
    except UNREADABLE as exc:
        raise Malformed(PARSE_ERROR, _why_unparsable(exc)) from None
    method, id = envelope.method, envelope.id
    if method is not UNSET:
        # Several clients write a parameter object they do not have as null.
        params = envelope.params or {}
        if id is UNSET:
            return Notification(method, params)
        if id is None:
            raise Malformed(INVALID_REQUEST, "Invalid request: id must not be null")
        return Request(id, method, params)
    if envelope.error is not UNSET and envelope.result is UNSET:
        return Response(None if id is UNSET else id, error=_read_error(envelope.error))
    if envelope.error is not UNSET or envelope.result is UNSET or id is UNSET:
        raise Malformed(
            INVALID_REQUEST, "Invalid request: neither a request, a notification nor a response"
        )
    return Response(id, envelope.result)


def decode_many(data: bytes) -> list[Message | Malformed]:
    """A JSON-RPC batch (2025-03-26 alone has them): each element decoded by itself.

    Raises:
        Malformed: not JSON, or an empty array (JSON-RPC 2.0, section 6).
    """
    try:
        items = _raw_list(data)
    except UNREADABLE as exc:
        raise Malformed(PARSE_ERROR, _why_unparsable(exc)) from None
    if not items:
        raise Malformed(INVALID_REQUEST, "Invalid request: a batch must not be empty")
    messages: list[Message | Malformed] = []
    for item in items:
        try:
            messages.append(decode(item))
        except Malformed as exc:
            messages.append(exc)
    return messages


_SHORT: Final = 64 * 1024
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEPS: Final = [{"[": 1, "{": 1, "]": -1, "}": -1}.get(chr(byte), 0) for byte in range(256)]
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if not _STEPS[byte])


def deeper_than(data: bytes, limit: int) -> bool:
    """Whether objects and arrays are nested in more than `limit` levels.

    Most texts have fewer brackets than that, which is soon seen.

    Args:
        data: JSON text that could be decoded.
        limit: levels; the outermost object is the first.
    """
    if len(data) < _SHORT:
        few = data.count(b"{") + data.count(b"[") <= limit
    else:
        few = not (_has_more(data, b"{", limit // 2) or _has_more(data, b"[", limit // 2))
    if few:
        return False
    brackets = _STRING.sub(b"", data).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > limit


def _has_more(data: bytes, bracket: bytes, limit: int) -> bool:
    """Whether there are more than `limit` of them. Where there are few in a long text, the search
    for the next is many times faster than counting."""
    at = -1
    for _ in range(limit + 1):
        at = data.find(bracket, at + 1)
        if at < 0:
            return False
    return True


def _why_unparsable(exc: Exception) -> str:
    if isinstance(exc, RecursionError):
        return "Parse error: the JSON text is nested too deeply"
    if isinstance(exc, UnicodeError):
        return "Parse error: the body is not UTF-8"
    return f"Parse error: {exc}"


def _peek_id(data: bytes | msgspec.Raw) -> RequestId | None:
    """The id of a message whose envelope is wrong, so that its sender learns which it was."""
    try:
        value = _anything(data)
    except UNREADABLE:
        return None
    message = as_object(value)
    id = message.get("id") if message is not None else None
    return id if isinstance(id, (int, str)) and not isinstance(id, bool) else None


def _read_error(error: Any) -> McpError:
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, int) or not isinstance(message, str):
        return McpError(INVALID_REQUEST, f"The peer sent a malformed error object: {error!r}")
    return McpError(code, message, error.get("data"))


def _jsonable(value: Any) -> Any:
    return to_jsonable_python(
        value, by_alias=True, exclude_none=True, serialize_unknown=True, inf_nan_mode="null"
    )


_encode: Final = msgspec.json.Encoder(enc_hook=_jsonable).encode


def dump(value: Any) -> bytes:
    """JSON text of anything an author may hand over; what JSON cannot carry becomes text."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError):
        # A lone surrogate, a key that is no string, an integer beyond 64 bits: rare, so the
        # slow and tolerant encoder may have them. ASCII escapes keep the text valid UTF-8.
        return json.dumps(_jsonable(value), separators=(",", ":"), allow_nan=False).encode()


def encode_result(id: RequestId, result: dict[str, Any] | msgspec.Raw) -> bytes:
    return dump({"jsonrpc": "2.0", "id": id, "result": result})


def encode_error(id: RequestId | None, error: McpError) -> bytes:
    """An error response; where the id could not be read it has none (basic/index, "Error
    Responses": MCP's schema knows no null id)."""
    if id is None:
        return dump({"jsonrpc": "2.0", "error": error_object(error)})
    return dump({"jsonrpc": "2.0", "id": id, "error": error_object(error)})


def encode_request(id: RequestId, method: str, params: dict[str, Any] | None = None) -> bytes:
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method}
    if params is not None:
        message["params"] = params
    return dump(message)


def encode_notification(method: str, params: dict[str, Any] | None = None) -> bytes:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    return dump(message)
