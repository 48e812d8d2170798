"""Bad input of every kind: the status and the error the specification names, and no harm done.

Never a 500, never a stack trace, and the next good request is served.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.server.middleware import Middleware
from tests.server.transports.conftest import Stage, set_settings
from tests.support import schema
from tests.support.asgi import BOTH, HANDSHAKE, META, STATELESS, Live, Peer
from tests.support.extent import extent

pytestmark = pytest.mark.usefixtures("no_leaks")
ALL = (*HANDSHAKE, STATELESS)
ERAS = ("2025-11-25", STATELESS)


@pytest.fixture(autouse=True)
def _no_trace(caplog: pytest.LogCaptureFixture):
    yield
    traced = [record for record in caplog.records if record.exc_info or "Traceback" in record.msg]
    assert not traced, [record.getMessage() for record in traced]


class Nothing(Middleware):
    """Changes nothing, but every message takes the way of middleware."""

    async def on_message(self, context: Any, call_next: Any) -> Any:
        return await call_next(context)


@pytest.fixture(params=["plain", "middleware"])
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(middleware=[Nothing()] if request.param == "middleware" else [])


async def goes_on(peer: Peer) -> None:
    assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"


def refused(live: Live, status: int, code: int, id: Any = None) -> None:
    assert live.status == status, (live.status, live.body)
    assert live.headers["content-type"] == "application/json"
    assert live.error["code"] == code, live.error
    assert live.response.get("id") == id
    assert "Traceback" not in live.error["message"]
    version = STATELESS if code in (-32020, -32021, -32022) else "2025-11-25"
    schema.check(live.response, version, "server")


# HTTP


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "OPTIONS", "TRACE", "HEAD", "BREW"])
async def test_wrong_verb(stage: Stage, verb: str):
    peer = await Peer(stage.mcp.http_app()).open()
    live = await peer.send(verb, headers=peer.standard_headers()).done()
    refused(live, 405, -32600)
    assert live.headers["allow"] == "GET, POST, DELETE"
    await goes_on(peer)


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_the_stateless_era_has_post_alone(stage: Stage, verb: str):
    peer = Peer(stage.mcp.http_app(), STATELESS)
    headers = {**peer.standard_headers(), "accept": "text/event-stream"}
    live = await peer.send(verb, headers=headers).done()
    refused(live, 405, -32600)
    assert live.headers["allow"] == "POST"


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""],
)
async def test_wrong_content_type(stage: Stage, version: str, content_type: str):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.call(
        "add", {"a": 1, "b": 2}, headers={"content-type": content_type}, valid=False
    )
    refused(live, 415, -32600)
    await goes_on(peer)


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "Application/JSON"])
async def test_good_content_types(stage: Stage, content_type: str):
    peer = await Peer(stage.mcp.http_app(), headers={"content-type": content_type}).open()
    await goes_on(peer)


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("accept", ["text/plain", "image/*", "application/json;q=0, text/plain"])
async def test_t21_wrong_accept(stage: Stage, version: str, accept: str):
    peer = await Peer(stage.mcp.http_app(), version).open()
    refused(await peer.call("add", headers={"accept": accept}, valid=False), 406, -32600)
    await goes_on(peer)


async def test_t21_get_needs_an_event_stream(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    headers = {**peer.standard_headers(), "accept": "application/json"}
    refused(await peer.send("GET", headers=headers).done(), 406, -32600)


@pytest.mark.parametrize("verb", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("version", ["2099-01-01", "x", "", "2025-06-18, 2025-06-18", "é"])
async def test_unknown_version(stage: Stage, verb: str, version: str):
    peer = await Peer(stage.mcp.http_app()).open()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    headers = {**peer.standard_headers(), "mcp-protocol-version": version}
    live = await peer.send(verb, body if verb == "POST" else b"", headers).done()
    refused(live, 400, -32022, 1 if verb == "POST" else None)
    assert live.error["data"]["requested"] == version
    await goes_on(peer)


@pytest.mark.parametrize("version", ERAS)
async def test_t25_body_over_the_limit(stage: Stage, version: str):
    with set_settings(http_max_body_bytes=2_000):
        app = stage.mcp.http_app()
    peer = await Peer(app, version).open()
    for headers in ({}, {"content-length": "2100"}, {"content-length": "9" * 5000}):
        live = await peer.call("echo", {"text": "x" * 2000}, headers=headers, valid=False)
        refused(live, 413, -32600)
        assert "FASTMCP_HTTP_MAX_BODY_BYTES" in live.error["message"]
        assert "2000 bytes" in live.error["message"]
    live = await peer.send("POST", [b"{" + b" " * 999] * 3, peer.standard_headers()).done()
    refused(live, 413, -32600)
    await goes_on(peer)


async def test_t25_a_declared_length_over_the_limit_is_refused_unread(stage: Stage):
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        assert len(sent) == 2, "the body was read before it was refused"
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    from tests.support.asgi import http_scope

    peer = await Peer(stage.mcp.http_app()).open()
    headers = {**peer.standard_headers(), "content-length": str(10**9)}
    await peer.app(http_scope("POST", "/mcp", headers.items()), receive, send)
    assert sent[0]["status"] == 413


# JSON


BROKEN = [
    b"",
    b" ",
    b"{",
    b"nonsense",
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping"',
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping"} x',
    b'{"jsonrpc": "2.0", "id": 1, "method": "\xff\xfe"}',
    b'\xef\xbb\xbf{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
    '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'.encode("utf-16"),
    b'{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": NaN}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": ' + b'{"a":' * 100_000,
    b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": '
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}}",
    b"[" * 200_000,
]


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
async def test_no_json(stage: Stage, version: str, body: bytes):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.post(body, {"mcp-method": "ping"})
    # a body that begins like a batch is refused as one, unread
    refused(live, 400, -32600 if body.startswith(b"[") else -32700)
    await goes_on(peer)


@pytest.mark.parametrize("version", ["2025-03-26"])
async def test_no_json_in_a_batch(stage: Stage, version: str):
    peer = await Peer(stage.mcp.http_app(), version).open()
    refused(await peer.post(b"[" * 200_000), 400, -32700)
    refused(await peer.post(b"[1"), 400, -32700)
    refused(await peer.post(b"[]"), 400, -32600)


ENVELOPES: list[tuple[Any, Any]] = [
    (5, None),
    ("ping", None),
    (None, None),
    ({}, None),
    ({"id": 1}, 1),
    ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, 1),
    ({"jsonrpc": 2.0, "id": "a", "method": "ping"}, "a"),
    ({"id": 1, "method": "ping"}, 1),
    ({"jsonrpc": "2.0", "id": None, "method": "ping"}, None),
    ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, None),
    ({"jsonrpc": "2.0", "id": True, "method": "ping"}, None),
    ({"jsonrpc": "2.0", "id": [], "method": "ping"}, None),
    ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, None),
    ({"jsonrpc": "2.0", "id": 1, "method": 5}, 1),
    ({"jsonrpc": "2.0", "id": 1, "method": None}, 1),
    ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": 5}, 1),
    ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, 1),
    ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": "x"}, 1),
    ({"jsonrpc": "2.0", "id": 1}, None),
    ({"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 1, "message": ""}}, None),
]


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(("message", "id"), ENVELOPES, ids=range(len(ENVELOPES)))
async def test_no_message(stage: Stage, version: str, message: Any, id: Any):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.post(message, {"mcp-method": "ping"})
    assert live.status == 400
    assert live.error["code"] == -32600
    assert live.response.get("id") in (id, message.get("id") if isinstance(message, dict) else id)
    await goes_on(peer)


async def test_no_batches_but_in_their_version(stage: Stage):
    batch = [{"jsonrpc": "2.0", "id": 1, "method": "ping"}]
    for version in ("2025-06-18", "2025-11-25", STATELESS):
        peer = await Peer(stage.mcp.http_app(), version).open()
        refused(await peer.post(batch), 400, -32600)
    # the session's version counts, not the header that was left out
    peer = await Peer(stage.mcp.http_app(), "2025-11-25").open()
    headers = peer.standard_headers()
    del headers["mcp-protocol-version"]
    live = await peer.send("POST", json.dumps(batch).encode(), headers).done()
    refused(live, 400, -32600)


# methods and parameters


@pytest.mark.parametrize("version", ALL)
async def test_unknown_method(stage: Stage, version: str):
    peer = await Peer(stage.mcp.http_app(), version).open()
    for method in ("no/such", "tools/Call", "", "é", "rpc.discover"):
        ascii_method = method if method.isascii() else "x"
        headers = {"mcp-method": ascii_method}
        live = await peer.request(method, id=9, valid=False, headers=headers)
        if peer.stateless and method == "é":
            refused(live, 400, -32020, 9)
        else:
            refused(live, 404 if peer.stateless else 200, -32601, 9)
    await goes_on(peer)


@pytest.mark.parametrize(
    ("version", "methods"),
    [
        ("2025-11-25", ["server/discover", "subscriptions/listen"]),
        (
            STATELESS,
            [
                "initialize",
                "ping",
                "logging/setLevel",
                "resources/subscribe",
                "resources/unsubscribe",
                "tasks/result",
                "tasks/list",
            ],
        ),
    ],
)
async def test_methods_of_the_other_era(stage: Stage, version: str, methods: list[str]):
    peer = await Peer(stage.mcp.http_app(), version).open()
    for method in methods:
        live = await peer.request(method, {"uri": "a:b", "level": "info"}, id=9, valid=False)
        refused(live, 404 if peer.stateless else 200, -32601, 9)


BAD_PARAMS: list[tuple[str, dict[str, Any]]] = [
    ("tools/call", {}),
    ("tools/call", {"name": 5}),
    ("tools/call", {"name": None}),
    ("tools/call", {"name": "add", "arguments": []}),
    ("tools/call", {"name": "add", "arguments": "x"}),
    ("tools/call", {"name": "add", "arguments": 0}),
    ("tools/list", {"cursor": "nonsense"}),
    ("tools/list", {"cursor": "MS8x"}),
    ("tools/list", {"cursor": 5}),
    ("tools/list", {"cursor": []}),
    ("tools/list", {"cursor": "é"}),
    ("resources/list", {"cursor": "nonsense"}),
    ("resources/templates/list", {"cursor": "nonsense"}),
    ("prompts/list", {"cursor": "nonsense"}),
    ("resources/read", {}),
    ("resources/read", {"uri": 5}),
    ("prompts/get", {}),
    ("prompts/get", {"name": []}),
    ("prompts/get", {"name": "nobody"}),
    ("prompts/get", {"name": "greet", "arguments": 5}),
]


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(("method", "params"), BAD_PARAMS, ids=range(len(BAD_PARAMS)))
async def test_bad_params(stage: Stage, version: str, method: str, params: dict[str, Any]):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.request(method, params, id="p", valid=False)
    name = params.get("name", params.get("uri"))
    header_wrong = method in ("tools/call", "prompts/get", "resources/read") and (
        not isinstance(name, str)
    )
    if peer.stateless and header_wrong:
        refused(live, 400, -32020, "p")  # what the header mirrors is not there
    else:
        refused(live, 200, -32602, "p")
    await goes_on(peer)


HANDSHAKE_PARAMS: list[tuple[str, dict[str, Any]]] = [
    ("logging/setLevel", {}),
    ("logging/setLevel", {"level": "loud"}),
    ("logging/setLevel", {"level": []}),
    ("resources/subscribe", {}),
    ("resources/subscribe", {"uri": {}}),
    ("resources/unsubscribe", {"uri": 1}),
]


@pytest.mark.parametrize(("method", "params"), HANDSHAKE_PARAMS, ids=range(len(HANDSHAKE_PARAMS)))
async def test_bad_params_of_the_handshake_era(stage: Stage, method: str, params: dict[str, Any]):
    peer = await Peer(stage.mcp.http_app()).open()
    refused(await peer.request(method, params, id=1, valid=False), 200, -32602, 1)


GOOD = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "c", "version": "1"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"protocolVersion": None},
        {"protocolVersion": 5},
        {"capabilities": None},
        {"capabilities": []},
        {"clientInfo": None},
        {"clientInfo": "me"},
        {"clientInfo": {"name": "c"}},
        {"clientInfo": {"name": 1, "version": "1"}},
        {"capabilities": {"experimental": {"x": {"y": "z" * 10_000}}}},
        {"clientInfo": {"name": "c" * 10_000, "version": "1"}},
    ],
)
@pytest.mark.parametrize("stateless_http", [False, True])
async def test_bad_initialize(stage: Stage, change: dict[str, Any], stateless_http: bool):
    peer = Peer(stage.mcp.http_app(stateless_http=stateless_http))
    live = await peer.request("initialize", {**GOOD, **change}, id=1, valid=False)
    if stateless_http and "10000" in str(len(json.dumps(change)) // 10_000 * 10_000):
        assert live.status == 200  # no session id that it would have to fit into
        return
    refused(live, 200 if stateless_http else 400, -32602, 1)
    assert "mcp-session-id" not in live.headers


@pytest.mark.parametrize(
    "capabilities",
    [{"roots": 5}, {"sampling": []}, {"elicitation": "yes"}, {"unheard": {"of": None}}],
)
async def test_odd_capabilities(stage: Stage, capabilities: dict[str, Any]):
    peer = Peer(stage.mcp.http_app())
    live = await peer.request(
        "initialize", {**GOOD, "capabilities": capabilities}, id=1, valid=False
    )
    assert live.status in (200, 400)
    assert "result" in live.response or live.error["code"] == -32602


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("arguments", [{}, {"a": 1}, {"a": "x", "b": 2}, {"a": 1, "b": 2, "c": 3}])
async def test_bad_arguments_are_for_the_model(
    stage: Stage, version: str, arguments: dict[str, Any]
):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.call("add", arguments)
    assert live.status == 200
    assert live.result["isError"]
    assert "call[add]" in live.text.splitlines()[0]


@pytest.mark.parametrize("version", ERAS)
async def test_an_unknown_tool_is_for_the_program(stage: Stage, version: str):
    """In the handshake era for the model: clients of FastMCP know it so."""
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.call("nobody", {}, id=1)
    if peer.stateless:
        refused(live, 200, -32602, 1)
        assert live.error["message"] == "Unknown tool: 'nobody'"
    else:
        assert live.result["isError"]
        assert live.text == "Unknown tool: 'nobody'"


@pytest.mark.parametrize(("version", "code"), [("2025-11-25", -32002), (STATELESS, -32602)])
async def test_missing_resource(stage: Stage, version: str, code: int):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.request("resources/read", {"uri": "no:where"}, id=1)
    refused(live, 200, code, 1)
    assert live.error["data"] == {"uri": "no:where"}


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("value", [5, [], "x"])
async def test_bad_meta(stage: Stage, version: str, value: Any):
    peer = await Peer(stage.mcp.http_app(), version).open()
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": value}}
    refused(await peer.post(body, {"mcp-method": "tools/list"}), 400, -32602, 1)


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("token", [None, [], {}, 1.5, True])
async def test_bad_progress_token(stage: Stage, version: str, token: Any):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.call("step", {"n": 1}, meta={"progressToken": token}, valid=False)
    assert live.text == "stepped"


# the stateless envelope


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({META + "protocolVersion": None}, -32602),
        ({META + "protocolVersion": 5}, -32602),
        ({META + "protocolVersion": "2025-11-25"}, -32020),
        ({META + "protocolVersion": "2099-01-01"}, -32020),
        ({META + "clientCapabilities": None}, -32602),
        ({META + "clientCapabilities": []}, -32602),
        ({META + "clientInfo": "me"}, -32602),
        ({META + "logLevel": "loud"}, -32602),
        ({META + "logLevel": []}, -32602),
    ],
)
async def test_bad_envelope(stage: Stage, meta: dict[str, Any], code: int):
    peer = Peer(stage.mcp.http_app(), STATELESS)
    live = await peer.call("add", {"a": 1, "b": 2}, id=1, meta=meta, valid=False)
    refused(live, 400, code, 1)
    await goes_on(peer)


@pytest.mark.parametrize("version", ["2025-11-25", "2099-01-01"])
async def test_a_version_that_is_not_stateless_in_both_places(stage: Stage, version: str):
    peer = Peer(stage.mcp.http_app(), STATELESS)
    live = await peer.call(
        "add",
        id=1,
        meta={META + "protocolVersion": version},
        headers={"mcp-protocol-version": version},
        valid=False,
    )
    refused(live, 400, -32022, 1)
    assert live.error["data"]["requested"] == version
    assert STATELESS in live.error["data"]["supported"]


@pytest.mark.parametrize(
    "change",
    [
        {"mcp-method": None},
        {"mcp-method": "tools/list"},
        {"mcp-method": "TOOLS/CALL"},
        {"mcp-method": "\xff"},
        {"mcp-name": None},
        {"mcp-name": "echo"},
        {"mcp-name": "Add"},
        {"mcp-name": "\x01"},
        {"mcp-name": "=?base64?!!?="},
        {"mcp-name": "=?base64?/w==?="},
        {"mcp-protocol-version": None},
        {"mcp-protocol-version": "2025-11-25"},
    ],
)
async def test_headers_that_say_something_else(stage: Stage, change: dict[str, str | None]):
    peer = Peer(stage.mcp.http_app(), STATELESS)
    params = {"name": "add", "arguments": {"a": 1, "b": 2}}
    headers = {**peer.standard_headers("tools/call", params), **change}
    kept = {name: value for name, value in headers.items() if value is not None}
    body = json.dumps(peer.message("tools/call", params, 1, None)).encode()
    refused(await peer.send("POST", body, kept).done(), 400, -32020, 1)
    await goes_on(peer)


async def test_an_encoded_name(stage: Stage):
    import base64

    stage.mcp.tool(lambda: "ok", name="größe")
    peer = Peer(stage.mcp.http_app(), STATELESS)
    encoded = base64.b64encode("größe".encode()).decode()
    live = await peer.call("größe", headers={"mcp-name": f"=?base64?{encoded}?="})
    assert live.text == "ok"


async def test_clients_send_no_responses_there(stage: Stage):
    peer = Peer(stage.mcp.http_app(), STATELESS)
    refused(await peer.post({"jsonrpc": "2.0", "id": 1, "result": {}}), 400, -32600)


# sessions


SESSIONS = ["", "x", "a.b.c", "é", " ", "." * 9000, "eyJhbGciOiJub25lIn0.e30."]


@pytest.mark.parametrize("session", SESSIONS, ids=range(len(SESSIONS)))
@pytest.mark.parametrize("verb", ["POST", "GET", "DELETE"])
async def test_unknown_session(stage: Stage, session: str, verb: str):
    peer = await Peer(stage.mcp.http_app()).open()
    headers = {**peer.standard_headers(), "mcp-session-id": session}
    bodies: list[Any] = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ]
    for body in bodies:
        data = json.dumps(body).encode() if verb == "POST" else b""
        live = await peer.send(verb, data, headers).done()
        refused(
            live, 404, -32600, 1 if verb == "POST" and "method" in body and "id" in body else None
        )
        assert live.error["message"].startswith("Session not found: ")
    await goes_on(peer)


@pytest.mark.parametrize("verb", ["POST", "GET", "DELETE"])
async def test_no_session(stage: Stage, verb: str):
    peer = Peer(stage.mcp.http_app())
    body = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}' if verb == "POST" else b""
    live = await peer.send(verb, body, peer.standard_headers()).done()
    refused(live, 400, -32600, 1 if body else None)


# notifications are never answered


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("notifications/cancelled", {}),
        ("notifications/cancelled", {"requestId": {}}),
        ("notifications/nonsense", {}),
        ("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}),
        ("initialize", {}),
        ("ping", {}),
        ("", {}),
    ],
)
async def test_odd_notifications(stage: Stage, version: str, method: str, params: dict[str, Any]):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.post({"jsonrpc": "2.0", "method": method, "params": params})
    assert (live.status, live.body) == (202, b"")
    await goes_on(peer)


async def test_odd_responses(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    for reply in (
        {"jsonrpc": "2.0", "id": 1, "result": None},
        {"jsonrpc": "2.0", "id": "x.1", "result": 5},
        {"jsonrpc": "2.0", "id": 1, "error": {}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": "x", "message": 5}},
        {"jsonrpc": "2.0", "error": {"code": -1, "message": "no id could be read"}},
    ):
        live = await peer.post(reply)
        assert (live.status, live.body) == (202, b"")
    await goes_on(peer)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        [],
        {},
        {"action": 5},
        {"action": "accept"},
        {"action": "accept", "content": {"value": 5}},
        {"action": "accept", "content": []},
    ],
)
async def test_odd_answers_to_a_question(stage: Stage, answer: Any):
    peer = await Peer(stage.mcp.http_app(), capabilities={"elicitation": {}}).open()
    live = peer.start_call("ask_name")
    await live.until(lambda live: live.sent("elicitation/create"))
    id = live.sent("elicitation/create")[0]["id"]
    await peer.post({"jsonrpc": "2.0", "id": id, "result": answer})
    await live.done()
    assert live.status == 200
    assert live.text
    await goes_on(peer)


# fuzz: what nobody thought of

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
_method = st.sampled_from(
    [
        "initialize",
        "ping",
        "tools/list",
        "tools/call",
        "resources/read",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "server/discover",
        "resources/subscribe",
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/progress",
    ]
) | st.text(max_size=8)
_params = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["add", "echo", "greet"]) | _json,
        "uri": st.sampled_from(["data://1", "x:y"]) | _json,
        "arguments": st.dictionaries(st.sampled_from(["a", "b", "text", "name"]), _json) | _json,
        "cursor": _json,
        "level": _json,
        "requestId": _json,
        "protocolVersion": st.sampled_from(["2025-06-18", "x"]) | _json,
        "capabilities": st.dictionaries(st.sampled_from(["roots", "sampling"]), _json) | _json,
        "clientInfo": st.fixed_dictionaries({"name": _json, "version": _json}) | _json,
        "ref": _json,
        "argument": _json,
        "_meta": st.dictionaries(
            st.sampled_from(
                [
                    "progressToken",
                    "fastmcp",
                    "client_id",
                    *(
                        META + n
                        for n in ("protocolVersion", "clientInfo", "clientCapabilities", "logLevel")
                    ),
                ]
            ),
            st.sampled_from([STATELESS, {}, "info"]) | _json,
        )
        | _json,
    },
)
_message = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | _json},
    optional={
        "id": st.integers() | st.text(max_size=4) | _json,
        "method": _method | _json,
        "params": _params | _json,
        "result": _json,
        "error": _json,
    },
)
_body = (
    _message.map(lambda m: json.dumps(m).encode())
    | st.lists(_message, max_size=3).map(lambda m: json.dumps(m).encode())
    | _json.map(lambda m: json.dumps(m).encode())
    | st.binary(max_size=40)
    | st.tuples(_message, st.integers(0, 60), st.integers(0, 255)).map(
        lambda t: (
            (b := bytearray(json.dumps(t[0]).encode())).__setitem__(t[1] % len(b), t[2]) or bytes(b)
        )
    )
)
_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=12)
_headers = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "text/plain"]) | _text,
        "accept": st.sampled_from([BOTH, "application/json", "*/*;q=x"]) | _text,
        "mcp-protocol-version": st.sampled_from([*ALL, "2099-01-01"]) | _text,
        "mcp-method": _text,
        "mcp-name": _text | st.just("=?base64?YWRk?="),
        "mcp-session-id": _text,
        "content-length": _text,
        "last-event-id": _text,
    },
)
_SANE = {200, 202, 400, 404, 405, 406, 413, 415}


@pytest.mark.long
@pytest.mark.timeout(300)  # of its whole length on a busy machine
@settings(max_examples=extent(100, 400), deadline=None, derandomize=True)
@given(data=st.data())
def test_fuzz(data: st.DataObject):
    """Any body under any headers, in either era, with and without middleware."""
    import asyncio

    async def run() -> None:
        logging.getLogger("fastmcp").addHandler(handler := _Traces())
        try:
            stage = Stage(middleware=[Nothing()] if data.draw(st.booleans()) else [])
            stage.go_on.set()
            app = stage.mcp.http_app(stateless_http=data.draw(st.booleans()))
            sessions = app.state  # noqa: F841  (kept while the requests run)
            peer = Peer(app, data.draw(st.sampled_from(ALL)))
            peer.sessions = False
            live = (
                await peer.request("initialize", GOOD, valid=False) if not peer.stateless else None
            )
            if live is not None:
                peer.session_id = live.headers.get("mcp-session-id")
            for _ in range(3):
                headers = {**peer.standard_headers(), **data.draw(_headers)}
                verb = data.draw(st.sampled_from(["POST"] * 6 + ["GET", "DELETE"]))
                live = peer.send(verb, data.draw(_body), headers)
                if verb == "GET":
                    live.leave()
                await live.done()
                assert live.status in _SANE, (live.status, live.body)
                for message in live.messages:
                    for part in message if isinstance(message, list) else [message]:
                        assert part["jsonrpc"] == "2.0"
                        assert ("result" in part) != ("error" in part) or "method" in part
                        if "error" in part:
                            assert isinstance(part["error"]["code"], int)
                            assert isinstance(part["error"]["message"], str)
            fresh = Peer(app, STATELESS)
            assert (await fresh.call("add", {"a": 1, "b": 2})).text == "3"
            assert not handler.traces, handler.traces
        finally:
            logging.getLogger("fastmcp").removeHandler(handler)

    asyncio.run(run())


class _Traces(logging.Handler):
    """Keeps what was logged with a stack trace."""

    def __init__(self) -> None:
        super().__init__()
        self.traces: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.traces.append(self.format(record))
