"""Readers of the protocol's own grammar: functions from bytes to values, without an event loop."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from fastmcp.exceptions import McpError
from fastmcp.protocol import sse
from fastmcp.protocol.challenges import read_challenges
from fastmcp.protocol.classify import Batch, Call, Notice, Reject, Reply, classify
from fastmcp.protocol.events import read_event_id
from fastmcp.protocol.headers import accepts, decode_value, encode_value, is_json, retry_after
from fastmcp.protocol.jsonrpc import (
    Malformed,
    decode,
    decode_many,
    deeper_than,
    dump,
    encode_error,
    load,
)
from fastmcp.protocol.param_headers import mirror, mismatch, param_headers
from fastmcp.protocol.request_state import Answer, RequestState, open_state, seal_state
from fastmcp.protocol.session_token import Claims, StreamClaims, issue, read, read_stream
from fastmcp.server.session_keys import SessionKeys
from fastmcp.utilities.trace_context import trace_context
from fastmcp.utilities.uri_template import UriTemplate
from fastmcp.utilities.versions import parse_version_key
from tests.fuzz import seeds
from tests.fuzz.reader import Reader

KEYS = SessionKeys([b"a key that is no secret at all"])


def _text(data: bytes) -> str:
    return data.decode("latin-1")


# --- messages ------------------------------------------------------------------------------------


def _message(data: bytes) -> None:
    try:
        message = decode(data)
    except Malformed as refused:
        json.loads(encode_error(refused.id, refused))
        raise
    dump(message)
    deeper_than(data, 20)


def _batch(data: bytes) -> None:
    for message in decode_many(data):
        if isinstance(message, Malformed):
            json.loads(encode_error(message.id, message))


def _headers_and_body(data: bytes) -> tuple[dict[bytes, bytes], bytes]:
    head, _, body = data.partition(b"\n\n")
    lines = (line.partition(b":")[::2] for line in head.split(b"\n"))
    return {name.strip().lower(): value.strip() for name, value in lines}, body


def _post(data: bytes) -> None:
    """What a POST is."""
    found = classify(*_headers_and_body(data))
    assert isinstance(found, Call | Notice | Reply | Batch | Reject)
    if isinstance(found, Reject):
        assert 400 <= found.status < 500
        json.loads(encode_error(found.id, found.error))


def _posts() -> tuple[bytes, ...]:
    found: list[bytes] = []
    for version in (*seeds.HANDSHAKE, seeds.STATELESS):
        for message in seeds.requests(version):
            params = message.get("params", {})
            name = params.get("name") or params.get("uri") or params.get("taskId") or "x"
            found.append(
                b"content-type: application/json\naccept: application/json, text/event-stream\n"
                + f"mcp-protocol-version: {version}\nmcp-method: {message['method']}\n".encode()
                + f"mcp-name: {name}\n\n".encode()
                + seeds.said(message)
            )
    return tuple(found)


# --- header values -------------------------------------------------------------------------------


def _accept(data: bytes) -> None:
    accepts.__wrapped__(data)


def _content_type(data: bytes) -> None:
    is_json.__wrapped__(data)


def _header_value(data: bytes) -> None:
    text = decode_value(data)
    if text is not None:
        assert decode_value(encode_value(text).encode("latin-1")) == text


def _retry_after(data: bytes) -> None:
    seconds = retry_after(_text(data), time.time())
    assert seconds is None or seconds >= 0


def _event_id(data: bytes) -> None:
    found = read_event_id(_text(data))
    assert found is None or read_event_id(str(found)) == found


def _trace(data: bytes) -> None:
    text = _text(data)
    for parent in (text, _PARENT):
        trace_context({"traceparent": parent, "tracestate": text, "baggage": text})


_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


# --- what is signed and sealed -------------------------------------------------------------------


def _session_token(data: bytes) -> None:
    read(_text(data), KEYS.verify)
    read_stream(_text(data), KEYS.verify)
    # of another release, which has the key too
    read("x", lambda _: data)
    read_stream("x", lambda _: data)


def _session_tokens() -> tuple[bytes, ...]:
    claims = Claims("jti", "2025-11-25", {"roots": {}}, {"name": "c", "version": "1"}, "", 1)
    stream = StreamClaims("s", "worker", "", 1)
    return (
        issue(claims, KEYS.sign).encode(),
        issue(stream, KEYS.sign).encode(),
        seeds.said({"jti": "j", "ver": "v", "cap": {}, "cli": {}, "own": "", "iat": 1}),
        seeds.said({"sse": "s", "at": "w", "own": "", "iat": 1}),
    )


_STATE = RequestState(
    "", "f", 2**40, {"a": ("m", "d")}, "own", "call", "worker", 1, True, {"q": Answer("d", 1)}
)


def _request_state(data: bytes) -> None:
    for opened in (lambda text: KEYS.unseal("state", text), lambda _: data):
        try:
            open_state(_text(data), opened, owner="", request="f", now=time.time())
        except McpError as refused:
            _is_of_the_client(refused)


def _is_of_the_client(refused: McpError) -> None:
    assert refused.code == -32602


def _request_states() -> tuple[bytes, ...]:
    return (
        seal_state(_STATE, lambda raw: KEYS.seal("state", raw)).encode(),
        seal_state(_STATE, lambda raw: raw.decode()).encode(),
    )


# --- what a server's schemas and templates say ---------------------------------------------------


def _param_headers(data: bytes) -> None:
    """A schema and arguments, as `[schema, arguments]`."""
    value = load(data)
    if not (isinstance(value, list) and len(value) == 2):
        return
    schema, arguments = value
    if not isinstance(schema, Mapping) or not isinstance(arguments, Mapping):
        return
    found = param_headers(schema)
    given = mirror(arguments, found)
    headers = {name.lower().encode(): said.encode("latin-1") for name, said in given.items()}
    assert mismatch(arguments, found, headers) is None


_MIRRORED = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "at": {
            "type": "object",
            "properties": {"n": {"type": "integer", "x-mcp-header": "N"}},
        },
        "sure": {"type": "boolean", "x-mcp-header": "Sure"},
    },
}


def _uri(data: bytes) -> None:
    """A URI that a client asks for, held against an author's templates."""
    text = data.decode("utf-8", "replace")
    for template in _TEMPLATES:
        found = template.match(text, lists=("tags",))
        if found is not None:
            template.expand(found)


_TEMPLATES = [
    UriTemplate(text)
    for text in (
        "data://users/{name}",
        "files://{path*}",
        "data://{a}/{rest*}/end/{b}{?tags,more*}",
        "x:{a}-{b}.{c*}",
    )
]


def _template(data: bytes) -> None:
    """A template of a server that is mounted, or far away."""
    text = data.decode("utf-8", "replace")
    UriTemplate(text).match("data://users/ada/x?tags=a,b")


def _events(data: bytes) -> None:
    """Whole, and in pieces: the same events."""
    whole = sse.Decoder()
    first = whole.feed(data)
    parts = sse.Decoder()
    step = max(1, len(data) // 7)
    second = [
        event for at in range(0, len(data), step) for event in parts.feed(data[at : at + step])
    ]
    assert first == second
    assert (whole.last_event_id, whole.retry) == (parts.last_event_id, parts.retry)
    assert whole.buffered <= len(data)


def _challenges(data: bytes) -> None:
    for challenge in read_challenges(_text(data)):
        assert challenge.scheme


def _version(data: bytes) -> None:
    parse_version_key(_text(data))


_EVENTS = (
    b"event: message\r\nid: a.1\r\nretry: 3000\r\ndata: {}\r\n\r\n",
    b": keep-alive\n\nid: 7\ndata:\n\ndata: one\ndata: two\n\n",
    b"\xef\xbb\xbfevent: endpoint\rdata: /messages/?session_id=a\r\r",
    b"event: message\ndata: " + seeds.said(seeds.request("2025-11-25", "ping")) + b"\n\n",
)

READERS = (
    Reader(
        "json-rpc message",
        _message,
        seeds.messages(),
        (Malformed,),
        grows=(
            lambda n: b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":' + b"[" * n,
            lambda n: (
                b'{"jsonrpc":"2.0","id":1,"method":"m","params":{' + b'"a":1,' * n + b'"b":1}}'
            ),
            lambda n: b'{"jsonrpc":"2.0","id":' + b"1" * n + b',"method":"m"}',
            lambda n: b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":0.' + b"1" * n + b"}}",
            lambda n: (
                b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"' + b'[\\"' * n + b'"}}'
            ),
        ),
    ),
    Reader(
        "json-rpc batch",
        _batch,
        tuple(b"[" + one + b"," + one + b"]" for one in seeds.messages()[:40]),
        (Malformed,),
        grows=(
            lambda n: b"[" + b"1," * n + b"1]",
            lambda n: b"[" + b'{"jsonrpc":"2.0","id":1,"method":"ping"},' * (n // 8) + b"1]",
        ),
    ),
    Reader("post", _post, _posts()),
    Reader(
        "accept",
        _accept,
        (
            b"application/json, text/event-stream",
            b"*/*;q=0.5, text/event-stream;q=1e-3, application/*",
        ),
        words=(b"q=nan", b"q=inf", b";q=1_0", b";q="),
    ),
    Reader(
        "content type",
        _content_type,
        (b'application/json; charset="UTF-8"', b"application/json"),
    ),
    Reader(
        "header value",
        _header_value,
        (b"greet", encode_value("é\n").encode(), b"=?base64?SGk=?=", b"=?base64??=", b" a\t"),
    ),
    Reader(
        "retry-after",
        _retry_after,
        (b"120", b"Fri, 31 Dec 2027 23:59:59 GMT", b"Fri, 31-Dec-99 23:59:59 +9999"),
    ),
    Reader("event id", _event_id, (b"a.0", b"_standalone.77", b"a.b.9223372036854775807")),
    Reader(
        "trace context",
        _trace,
        (_PARENT.encode(), b"a=1,b@c=2", b"a = 1;b=c;d , e=f"),
    ),
    Reader(
        "session token",
        _session_token,
        _session_tokens(),
        examples=(b'{"sse":"s\xb0","at":"w","own":"","iat":1}', b'{"cap":' + b'{"a":' * 2000),
    ),
    Reader(
        "request state",
        _request_state,
        _request_states(),
        examples=(b'["","f",1099511627776,{},"\x80"]',),
    ),
    Reader(
        "parameters in headers",
        _param_headers,
        (seeds.said([_MIRRORED, {"region": "eu", "at": {"n": 4}, "sure": True}]),),
        (ValueError, Malformed),
        words=(b"x-mcp-header", b"properties"),
    ),
    Reader(
        "uri of a resource",
        _uri,
        (
            b"data://users/ada",
            b"files://a/b%2Fc?x=1#f",
            b"data://a/b/c/end/d?tags=a,b&more=1&more=2",
            b"x:a-b.c/d",
        ),
    ),
    Reader(
        "uri template",
        _template,
        (b"data://users/{name}", b"data://{a}/{rest*}/end/{b}{?tags,more*}"),
        (ValueError,),
        words=(b"{a}", b"{b*}", b"{?c,d*}", b"{", b"}"),
    ),
    Reader("server-sent events", _events, _EVENTS, grows=(lambda n: b"data\n" * n + b"\n",)),
    Reader(
        "challenges",
        _challenges,
        (
            b'Bearer realm="a", error="invalid_token", resource_metadata="https://a/b"',
            b'Basic YWJj==, DPoP algs="ES256", Bearer',
        ),
        words=(b'="', b'\\"', b", ,", b"Bearer ", b"a=b"),
        grows=(
            lambda n: b"Bearer " + b"a" * n + b'="',
            lambda n: b"Bearer" + b"," * n,
            lambda n: b"Bearer " + b" ," * n + b"=",
            lambda n: b'Bearer a="' + b"\\" * n,
            lambda n: b"a " + b"b" * n + b"=" * n + b"!",
            lambda n: b"Bearer" + b" \t" * n + b"@",
        ),
    ),
    Reader(
        "version of a component",
        _version,
        (b"1.10.0", b"v2!1.0.post3.dev4+local.7", b"a@b"),
        examples=(b"9" * 5000, b"1." + b"9" * 5000),
    ),
)
