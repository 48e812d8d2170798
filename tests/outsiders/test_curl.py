"""No client library at all: the protocol by hand, with curl, in both eras."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import schema
from tests.support.curl import Reply, curl
from tests.support.process import Server

JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "curl", "version": "8"},
    },
}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "curl", "version": "8"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def request(method: str, id: int, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def judged(reply: Reply, version: str, method: str) -> dict[str, Any]:
    """The message of a reply, after the schema had its say."""
    schema.check(reply.message, version, "server", method)
    return reply.message


@pytest.fixture
def session(running: Server) -> dict[str, str]:
    """Headers of an initialized session."""
    reply = curl(running.url, headers=JSON, body=INITIALIZE)
    assert reply.status == 200
    message = judged(reply, "2025-11-25", "initialize")
    assert message["result"]["protocolVersion"] == "2025-11-25"
    assert message["result"]["serverInfo"]["name"] == "outsiders"
    headers = JSON | {
        "MCP-Protocol-Version": "2025-11-25",
        "Mcp-Session-Id": reply.headers["mcp-session-id"],
    }
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    accepted = curl(running.url, headers=headers, body=note)
    assert (accepted.status, accepted.body) == (202, "")
    return headers


def test_handshake(running: Server, session: dict[str, str]) -> None:
    call = request("tools/call", 2, name="add", arguments={"a": 1, "b": 2})
    reply = curl(running.url, headers=session, body=call)
    assert reply.status == 200
    message = judged(reply, "2025-11-25", "tools/call")
    assert message["id"] == 2
    assert message["result"]["structuredContent"] == {"result": 3}

    listed = curl(running.url, headers=session, body=request("tools/list", 3))
    assert judged(listed, "2025-11-25", "tools/list")["id"] == 3

    unknown = curl(running.url, headers=session, body=request("nope/nope", 4))
    assert unknown.message["error"]["code"] == -32601


def test_session_ends(running: Server, session: dict[str, str]) -> None:
    assert 200 <= curl(running.url, verb="DELETE", headers=session).status < 300
    after = curl(running.url, headers=session, body=request("tools/list", 2))
    assert after.status == 404


def test_without_a_session(running: Server) -> None:
    headers = JSON | {"MCP-Protocol-Version": "2025-11-25"}
    assert curl(running.url, headers=headers, body=request("tools/list", 2)).status == 400
    forged = headers | {"Mcp-Session-Id": "0123456789abcdef"}
    assert curl(running.url, headers=forged, body=request("tools/list", 2)).status == 404


def test_stateless(running: Server) -> None:
    headers = JSON | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "server/discover"}
    reply = curl(running.url, headers=headers, body=request("server/discover", 1, _meta=META))
    assert reply.status == 200
    found = judged(reply, "2026-07-28", "server/discover")["result"]
    assert "2026-07-28" in found["supportedVersions"]

    headers = JSON | {
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "add",
    }
    call = request("tools/call", 2, name="add", arguments={"a": 1, "b": 2}, _meta=META)
    reply = curl(running.url, headers=headers, body=call)
    assert reply.status == 200
    assert "mcp-session-id" not in reply.headers
    result = judged(reply, "2026-07-28", "tools/call")["result"]
    assert result["structuredContent"] == {"result": 3}

    wrong = curl(running.url, headers=headers | {"Mcp-Name": "subtract"}, body=call)
    assert wrong.status == 400
    assert judged(wrong, "2026-07-28", "tools/call")["error"]["code"] == -32020


@pytest.mark.parametrize("body", ["{", "", "[]", "null", '"x"', '{"jsonrpc":"2.0"}', b"\xff\xfe"])
def test_nonsense_is_refused(running: Server, session: dict[str, str], body: str | bytes) -> None:
    reply = curl(running.url, headers=session, body=body)
    assert 400 <= reply.status < 500


def test_other_verbs(running: Server, session: dict[str, str]) -> None:
    for verb in ("PUT", "PATCH"):
        reply = curl(running.url, verb=verb, headers=session, body="{}")
        assert reply.status == 405
        assert "POST" in reply.headers["allow"]
