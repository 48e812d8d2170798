"""What one POST is, decided from its headers and its bytes alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.protocol.classify import Batch, Call, Notice, Reject, Reply, classify
from fastmcp.protocol.jsonrpc import Malformed
from fastmcp.protocol.versions import Era
from tests.support.extent import extent

META = "io.modelcontextprotocol/"
JSON = {b"content-type": b"application/json"}
ENVELOPE = {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {}}


def read(message: Any, **headers: str | None) -> Any:
    raw = {
        k.replace("_", "-").encode(): v.encode("latin-1")
        for k, v in headers.items()
        if v is not None
    }
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return classify({**JSON, **raw}, body)


def request(method: str = "tools/list", **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


@pytest.mark.parametrize("version", [None, "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_handshake_requests(version: str | None):
    call = read(request(a=1, _meta={"progressToken": 2}), mcp_protocol_version=version)
    assert call == Call(
        Era.HANDSHAKE,
        version or "2025-03-26",
        1,
        "tools/list",
        {"a": 1, "_meta": {"progressToken": 2}},
        {"progressToken": 2},
    )


def test_stateless_requests():
    call = read(
        request("tools/call", name="x", _meta=ENVELOPE),
        mcp_protocol_version="2026-07-28",
        mcp_method="tools/call",
        mcp_name="x",
    )
    assert isinstance(call, Call)
    assert (call.era, call.version, call.meta) == (Era.STATELESS, "2026-07-28", ENVELOPE)


@pytest.mark.parametrize(
    ("meta", "headers", "code", "status"),
    [
        (ENVELOPE, {}, -32020, 400),
        (ENVELOPE, {"mcp_protocol_version": "2025-11-25"}, -32020, 400),
        ({}, {"mcp_protocol_version": "2026-07-28"}, -32602, 400),
        (ENVELOPE, {"mcp_protocol_version": "2026-07-28"}, -32020, 400),
        (
            {META + "protocolVersion": "2027-01-01"},
            {"mcp_protocol_version": "2027-01-01"},
            -32022,
            400,
        ),
        ({}, {"mcp_protocol_version": "2027-01-01"}, -32022, 400),
    ],
)
def test_envelopes(meta: Any, headers: dict[str, str], code: int, status: int):
    refused = read(request(_meta=meta), **headers)
    assert isinstance(refused, Reject)
    assert (refused.error.code, refused.status, refused.id) == (code, status, 1)


@pytest.mark.parametrize(
    ("method", "name", "headers"),
    [
        ("tools/call", "n" * 100_000, {"mcp_method": "tools/call", "mcp_name": "m" * 9_000}),
        ("tools/call", ["n"] * 100_000, {"mcp_method": "tools/call", "mcp_name": "m"}),
        ("o" * 100_000, "n", {"mcp_method": "m" * 9_000}),
    ],
)
def test_a_refusal_quotes_no_more_than_tells_which_it_was(method: str, name: Any, headers: Any):
    refused = read(
        request(method, name=name, _meta=ENVELOPE), mcp_protocol_version="2026-07-28", **headers
    )
    assert refused.error.code == -32020
    assert "does not match body value" in refused.error.message
    assert len(refused.error.message) < 600


def test_other_messages():
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert read(note) == Notice(Era.HANDSHAKE, "2025-03-26", "notifications/initialized", {})
    assert read(note, mcp_protocol_version="2026-07-28").era is Era.STATELESS
    reply = read({"jsonrpc": "2.0", "id": 1, "result": {}})
    assert isinstance(reply, Reply)
    refused = read({"jsonrpc": "2.0", "id": 1, "result": {}}, mcp_protocol_version="2026-07-28")
    assert refused.status == 400


def test_batches():
    initialize = {"jsonrpc": "2.0", "id": 2, "method": "initialize"}
    batch = read([request(), initialize, 5])
    assert isinstance(batch, Batch)
    assert [type(item) for item in batch.items] == [Call, Malformed, Malformed]
    for version in ("2024-11-05", "2025-06-18", "2026-07-28", "x"):
        assert read([request()], mcp_protocol_version=version).status == 400


def test_content_negotiation():
    assert classify({}, b"{}").status == 415
    assert classify({b"content-type": b"text/plain"}, b"{}").status == 415
    assert read(request(), accept="text/plain").status == 406
    assert isinstance(read(request(), accept="text/event-stream"), Call)


_version = st.sampled_from([None, "2025-11-25", "2026-07-28", "x"])
_message = st.dictionaries(
    st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error"]),
    st.sampled_from(["2.0", 1, None, {}, [], "tools/call", {"_meta": ENVELOPE}, {"_meta": 5}]),
)


@pytest.mark.long
@settings(deadline=None, derandomize=True, max_examples=extent(150, 500))
@given(
    message=_message | st.lists(_message), version=_version, method=st.text("tcalso/", max_size=9)
)
def test_every_outcome_is_one_of_five(message: Any, version: str | None, method: str):
    found = read(message, mcp_protocol_version=version, mcp_method=method)
    assert isinstance(found, (Call, Notice, Reply, Batch, Reject))
    if isinstance(found, Reject):
        assert found.status in (400, 404)
