"""What a server wrote that is no message by the book, read a second time.

Whoever waits for an answer must learn of it, also where it cannot be read: there is no other to
come. So an answer that breaks the rules becomes the error of the request that it names. Two slips
of honest servers are forgiven: the member of `result` and `error` that an answer does not have,
written as null as JSON-RPC 1.0 did; and half a surrogate pair, which JavaScript's
`JSON.stringify` leaves where a text was cut within a character, and whose place U+FFFD takes.

A request or a notification that cannot be read names nothing of this client's: its id is of the
server's own numbers. Nor is each line of a pipe an answer that looks a bit like one, for there
are servers that log to stdout.

Only what `protocol/jsonrpc.py` refused comes here, so it may be read slowly. What a server
accepts from its clients is not decided here.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

from fastmcp.protocol.jsonrpc import (
    Malformed,
    Message,
    RequestId,
    Response,
    as_object,
    decode,
    decode_many,
)

__all__ = ["read"]

_HALF_PAIRS: Final = re.compile("[\ud800-\udfff]")

_END: Final = 1024
"""Bytes at either end of a text that is no JSON, in which its id is looked for."""
_SHOWN: Final = 200
_VERSION: Final = rb'"jsonrpc"\s*:\s*"2\.0"\s*'
_ID: Final = rb'"id"\s*:\s*(-?\d{1,18}|"[^"\\]{1,200}")\s*'
_BEGINS: Final = re.compile(
    rb"\s*\{\s*(?:%s,\s*)?(?:%s,\s*)?(?:%s,\s*)?\"(?:result|error)\"" % (_VERSION, _ID, _VERSION)
)
_ENDS: Final = re.compile(rb'(?:"2\.0"|[\]}])\s*,\s*%s(?:,\s*%s)?\}\s*\Z' % (_ID, _VERSION))
"""How answers begin and end, in the orders in which the common libraries write them."""


def read(data: bytes, *, again: bool = True) -> list[Message | Malformed]:
    """The message in a text, or the messages of a batch.

    Args:
        data: what the server wrote.
        again: what is no message is read a second time; False where it was cut off.
    """
    if data.lstrip()[:1] == b"[":
        return _read_batch(data)
    try:
        return [decode(data)]
    except Malformed as exc:
        return [_read_again(data, exc) if again else exc]


def _read_again(data: bytes, why: Malformed) -> Message | Malformed:
    """What a text says after all that `decode` refused.

    Args:
        data: what the server wrote.
        why: it was refused.
    Returns:
        for an answer that cannot be read one with an error, whose id is None where none could be
        found. What is no answer stays malformed.
    """
    try:
        return _message(json.loads(data), data, why)  # which takes half a surrogate pair
    except (ValueError, RecursionError):
        return _of_broken_text(data, why)


def _read_batch(data: bytes) -> list[Message | Malformed]:
    """The messages of a batch, each read twice if need be; what is no batch is malformed."""
    try:
        messages = decode_many(data)
        why = next((message for message in messages if isinstance(message, Malformed)), None)
        if why is None:
            return messages
    except Malformed as exc:
        why = exc
    try:
        items: object = json.loads(data)
        if not isinstance(items, list) or not items:
            return [why]
        return [_message(item, json.dumps(item).encode(), why) for item in cast("list[Any]", items)]
    except (ValueError, RecursionError):
        return [why]


def _message(value: object, data: bytes, why: Malformed) -> Message | Malformed:
    message = as_object(value)
    if message is None:
        return why
    for absent, present in (("error", "result"), ("result", "error")):
        if present in message and message.get(absent, ...) is None:
            del message[absent]
            break
    try:
        return decode(_HALF_PAIRS.sub("\ufffd", json.dumps(message, ensure_ascii=False)).encode())
    except Malformed as exc:
        return _unreadable(data, exc, _id_of(message)) if _is_answer(message) else exc


def _id_of(message: dict[str, Any]) -> RequestId | None:
    id = message.get("id")
    return id if isinstance(id, (int, str)) and not isinstance(id, bool) else None


def _is_answer(message: dict[str, Any]) -> bool:
    """Whether it was meant as one: without an id only what else is one without a doubt."""
    if isinstance(message.get("method"), str):
        return False
    answers = "result" in message or "error" in message
    if _id_of(message) is None:
        return answers and "jsonrpc" in message
    return "jsonrpc" in message or "result" in message or isinstance(message.get("error"), dict)


def _of_broken_text(data: bytes, why: Malformed) -> Message | Malformed:
    begins = _BEGINS.match(data[:_END])
    if begins is None:
        return why
    found = begins[1]
    if found is None and (ends := _ENDS.search(data[-_END:])) is not None:
        found = ends[1]
    if found is None:
        return _unreadable(data, why, None)
    return _unreadable(
        data, why, found[1:-1].decode("utf-8", "replace") if found[:1] == b'"' else int(found)
    )


def _unreadable(data: bytes, why: Malformed, id: RequestId | None) -> Response:
    said = data[:_SHOWN].decode("utf-8", "replace") + ("…" if len(data) > _SHOWN else "")
    error = Malformed(
        why.code,
        f"The server answered with what is no MCP message, which is the server's fault "
        f"({why.message}). It wrote: {said}",
        id,
    )
    return Response(id, error=error)
