"""What one HTTP POST is: decided here, once, from its headers and its bytes.

The era of a request is read from the request alone: a per-request `_meta` version or a
stateless version in `MCP-Protocol-Version` means the stateless era, all else is the
handshake era (2026-07-28, basic/versioning, "Backward Compatibility"). Afterwards the era is
data; nobody asks again. A refusal is a value too: `Reject` holds the HTTP status and the
JSON-RPC error, so the endpoint has nothing left to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol import jsonrpc, meta
from fastmcp.protocol.errors import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    header_mismatch,
    http_status,
    invalid_params,
    method_not_found,
    unsupported_version,
)
from fastmcp.protocol.headers import Accepts, accepts, decode_value, is_json
from fastmcp.protocol.jsonrpc import Malformed, Notification, Request, RequestId, Response
from fastmcp.protocol.methods import METHODS, STATELESS_METHODS
from fastmcp.protocol.versions import DEFAULT_HTTP_VERSION, Era, era_of

__all__ = [
    "Batch",
    "Call",
    "Incoming",
    "Notice",
    "Reject",
    "Reply",
    "batch_items",
    "call_of",
    "check_meta",
    "classify",
    "classify_message",
    "no_batches",
]


class Call(msgspec.Struct):
    """One request, with all that was learned about it at the edge.

    `version` is what the request itself says; in the handshake era the session's negotiated
    version is the truth and replaces it.
    """

    era: Era
    version: str
    id: RequestId
    method: str
    params: dict[str, Any]
    meta: dict[str, Any]


class Notice(msgspec.Struct):
    """One notification."""

    era: Era
    version: str
    method: str
    params: dict[str, Any]


class Reply(msgspec.Struct):
    """The client's answer to a request of the server (handshake era)."""

    response: Response


class Batch(msgspec.Struct):
    """Several messages in one body; 2025-03-26 alone has them."""

    version: str
    items: list[Call | Notice | Reply | Malformed]


class Reject(msgspec.Struct):
    """What is not served, and how to say so."""

    status: int
    error: McpError
    id: RequestId | None = None


Incoming: TypeAlias = Call | Notice | Reply | Batch | Reject

_BATCH_VERSION: Final = "2025-03-26"
_NOTHING: Final = Accepts(False, False)


def classify(headers: Mapping[bytes, bytes], body: bytes) -> Incoming:
    """Read one POST.

    Args:
        headers: header names in lower case.
        body: the whole body.
    """
    if not is_json(headers.get(b"content-type")):
        return Reject(
            415,
            McpError(
                INVALID_REQUEST, "Unsupported media type: send Content-Type: application/json"
            ),
        )
    if accepts(headers.get(b"accept")) == _NOTHING:
        return Reject(
            406,
            McpError(
                INVALID_REQUEST,
                "Not acceptable: send Accept: application/json, text/event-stream",
            ),
        )
    declared = _declared(headers.get(b"mcp-protocol-version"))
    if body[:1] != b"{" and body.lstrip(b" \t\r\n")[:1] == b"[":
        return _batch(declared.version, body)
    try:
        message = jsonrpc.decode(body)
    except Malformed as exc:
        return Reject(400, exc, exc.id)
    text, version, era = declared
    if isinstance(message, Response):
        if era is Era.STATELESS:
            return Reject(
                400,
                McpError(
                    INVALID_REQUEST,
                    "Invalid request: clients send no responses here; answers go into "
                    "inputResponses of the request that is sent again",
                ),
            )
        return Reply(message) if era is not None else _reject(unsupported_version(version), None)
    params_meta = _meta_of(message.params)
    if params_meta is None:
        return Reject(
            400, invalid_params("Invalid params: _meta must be an object"), _id_of(message)
        )
    if era is Era.STATELESS or meta.PROTOCOL_VERSION in params_meta:
        return _stateless(message, text, params_meta, headers)
    if era is None:
        return _reject(unsupported_version(version), _id_of(message))
    if isinstance(message, Request):
        return Call(era, version, message.id, message.method, message.params, params_meta)
    return Notice(era, version, message.method, message.params)


class _Declared(NamedTuple):
    """What a request says in `MCP-Protocol-Version`.

    Attributes:
        text: of the header; None where it is missing.
        version: that, or what a request without it speaks.
        era: of that version; None for one that nobody here knows.
    """

    text: str | None
    version: str
    era: Era | None


@lru_cache(maxsize=64)
def _declared(header: bytes | None) -> _Declared:
    text = None if header is None else header.decode("latin-1").strip()
    version = DEFAULT_HTTP_VERSION if text is None else text
    return _Declared(text, version, era_of(version))


def _stateless(
    message: Request | Notification,
    declared: str | None,
    params_meta: dict[str, Any],
    headers: Mapping[bytes, bytes],
) -> Incoming:
    """The rules of "Server Validation" and of the required `_meta` fields, in that order."""
    if isinstance(message, Notification):
        # Header rules for notification POSTs are not defined by this revision.
        return Notice(Era.STATELESS, declared or "", message.method, message.params)
    id = message.id
    requested = params_meta.get(meta.PROTOCOL_VERSION)
    if isinstance(requested, str) and declared != requested:
        said = "is missing" if declared is None else f"value {_quoted(declared)}"
        return _reject(
            header_mismatch(
                f"MCP-Protocol-Version header {said}, the body's _meta says {_quoted(requested)}"
            ),
            id,
        )
    error = check_meta(params_meta)
    if error is not None:
        return Reject(400, error, id) if error.code == INVALID_PARAMS else _reject(error, id)
    error = _check_mirrors(message, headers)
    if error is not None:
        return _reject(error, id)
    if message.method not in STATELESS_METHODS:
        return _reject(method_not_found(message.method), id)
    return Call(Era.STATELESS, str(requested), id, message.method, message.params, params_meta)


def check_meta(params_meta: dict[str, Any]) -> McpError | None:
    """The per-request fields every stateless request must carry (basic/index, "_meta")."""
    requested = params_meta.get(meta.PROTOCOL_VERSION)
    if not isinstance(requested, str):
        return invalid_params(f"Invalid params: _meta must hold {meta.PROTOCOL_VERSION}, a string")
    if era_of(requested) is not Era.STATELESS:
        return unsupported_version(requested)
    if not isinstance(params_meta.get(meta.CLIENT_CAPABILITIES), dict):
        return invalid_params(
            f"Invalid params: _meta must hold {meta.CLIENT_CAPABILITIES}, an object"
        )
    info = params_meta.get(meta.CLIENT_INFO)
    if info is not None and not isinstance(info, dict):
        return invalid_params(f"Invalid params: {meta.CLIENT_INFO} must be an object")
    level = params_meta.get(meta.LOG_LEVEL)
    if level is not None and not (isinstance(level, str) and level in meta.LOG_LEVELS):
        return invalid_params(f"Invalid params: {meta.LOG_LEVEL} must be a log level")
    return None


def _check_mirrors(message: Request, headers: Mapping[bytes, bytes]) -> McpError | None:
    """`Mcp-Method` and `Mcp-Name` must say what the body says ("Standard Request Headers")."""
    method = headers.get(b"mcp-method")
    if method is None:
        return header_mismatch("Mcp-Method header is missing; send the method there")
    if _method_in(method) != message.method:
        return header_mismatch(
            f"Mcp-Method header value {_quoted(method.decode('latin-1'))} does not match body "
            f"value {_quoted(message.method)}"
        )
    row = METHODS.get(message.method)
    if row is None or row.name_field is None:
        return None
    name = headers.get(b"mcp-name")
    if name is None:
        return header_mismatch(f"Mcp-Name header is missing; send params.{row.name_field} there")
    said = _name_in(name)
    if said is None or said != message.params.get(row.name_field):
        return header_mismatch(
            f"Mcp-Name header value {_quoted(name.decode('latin-1'))} does not match body value "
            f"{_quoted(message.params.get(row.name_field))}"
        )
    return None


def _quoted(value: object) -> str:
    """What a stranger sent, for the text of an error: as much as tells which it was."""
    return repr(value[:200] if isinstance(value, str) else value)[:220]


_name_in: Final = lru_cache(maxsize=128)(decode_value)
"""The value of `Mcp-Name`. Values of arguments, which headers carry too, are kept nowhere."""


@lru_cache(maxsize=64)
def _method_in(header: bytes) -> str | None:
    """The value of `Mcp-Method`; None where no method can have that name."""
    try:
        return header.strip(b" \t").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def _batch(version: str, body: bytes) -> Incoming:
    try:
        return Batch(_BATCH_VERSION, batch_items(body, version))
    except Malformed as exc:
        return Reject(400, exc, exc.id)


def no_batches() -> Malformed:
    """What a batch in any other revision is answered with."""
    return Malformed(
        INVALID_REQUEST,
        f"Invalid request: JSON-RPC batches exist in {_BATCH_VERSION} alone; "
        "send one message at a time",
    )


def batch_items(body: bytes, version: str) -> list[Call | Notice | Reply | Malformed]:
    """The messages of a batch. `initialize` MUST NOT be one of them (2025-03-26,
    basic/lifecycle, "Initialization").

    Args:
        body: the batch.
        version: spoken where it came.
    Raises:
        Malformed: not JSON, or empty, or batches do not exist in that version.
    """
    if version != _BATCH_VERSION:
        raise no_batches()
    items: list[Call | Notice | Reply | Malformed] = []
    for message in jsonrpc.decode_many(body):
        item = message
        if not isinstance(item, Malformed):
            item = classify_message(item, _BATCH_VERSION)
        if isinstance(item, Call) and item.method == "initialize":
            item = Malformed(
                INVALID_REQUEST, "Invalid request: initialize must not be in a batch", item.id
            )
        items.append(item)
    return items


def classify_message(message: jsonrpc.Message, version: str) -> Call | Notice | Reply | Malformed:
    """A handshake-era message where the version is known already: in a batch or on a pipe."""
    if isinstance(message, Response):
        return Reply(message)
    if isinstance(message, Notification):
        return Notice(Era.HANDSHAKE, version, message.method, message.params)
    return call_of(message, Era.HANDSHAKE, version)


def call_of(message: Request, era: Era, version: str) -> Call | Malformed:
    """A request as a call, or what is wrong with its `_meta`."""
    params_meta = _meta_of(message.params)
    if params_meta is None:
        return Malformed(INVALID_PARAMS, "Invalid params: _meta must be an object", message.id)
    return Call(era, version, message.id, message.method, message.params, params_meta)


def _meta_of(params: dict[str, Any]) -> dict[str, Any] | None:
    value = params.get("_meta")
    return {} if value is None else jsonrpc.as_object(value)


def _id_of(message: Request | Notification) -> RequestId | None:
    return message.id if isinstance(message, Request) else None


def _reject(error: McpError, id: RequestId | None) -> Reject:
    return Reject(http_status(error.code), error, id)
