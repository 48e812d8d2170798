"""The rules of 2026-07-28 that hold for every request, over a socket.

basic/index, "Messages" and "_meta"; basic/transports/streamable-http, "Sending Messages" and
"Earlier Streamable HTTP Revisions"; server/tools, "Capabilities" (the order of lists).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import schema
from tests.support.process import Server, script, serve
from tests.support.wire import STATELESS, Answer, Wire

SERVER_INFO = "io.modelcontextprotocol/serverInfo"
FIXTURE = Path("tests/conformance/server.py")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve(script(FIXTURE)) as running:
        yield running


REQUESTS: list[tuple[str, dict[str, Any] | None]] = [
    ("server/discover", None),
    ("tools/list", None),
    ("tools/call", {"name": "test_simple_text"}),
    ("tools/call", {"name": "test_error_handling"}),
    ("resources/list", None),
    ("resources/templates/list", None),
    ("resources/read", {"uri": "test://static-text"}),
    ("prompts/list", None),
    ("prompts/get", {"name": "test_simple_prompt"}),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
            "argument": {"name": "arg1", "value": "t"},
        },
    ),
]


@pytest.mark.parametrize(("method", "params"), REQUESTS)
@pytest.mark.parametrize("id", [0, -1, 2**53, "", "é", "0"])
async def test_every_result(server: Server, method: str, params: Any, id: Any):
    async with Wire(server.url, STATELESS) as wire:
        answer = await wire.request(method, params, id=id)
    assert answer.status == 200
    assert answer.response["id"] == id
    assert type(answer.response["id"]) is type(id)
    assert answer.result["resultType"] == "complete"
    assert answer.result["_meta"][SERVER_INFO]["name"] == "conformance-server"
    assert "mcp-session-id" not in answer.headers


async def post(wire: Wire, message: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await wire.send("POST", message=message, headers={**wire.standard_headers(), **named})


async def test_a_session_id_and_an_event_id_are_ignored(server: Server):
    async with Wire(server.url, STATELESS) as wire:
        for id in ("stale", "x" * 500):
            odd = {"Mcp-Session-Id": id, "Last-Event-ID": "1-2-3"}
            answer = await wire.call("test_simple_text", headers=odd)
            assert answer.status == 200
            assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
@pytest.mark.parametrize("session", [None, "stale"])
async def test_post_alone(server: Server, verb: str, session: str | None):
    async with Wire(server.url, STATELESS) as wire:
        headers = {"MCP-Protocol-Version": STATELESS, "Accept": "text/event-stream"}
        if session is not None:
            headers["Mcp-Session-Id"] = session
        answer = await wire.send(verb, headers=headers)
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "method",
    [
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/progress",
        "notifications/roots/list_changed",
        "notifications/unheard",
        "tools/call",
    ],
)
async def test_notifications_are_taken(server: Server, method: str):
    async with Wire(server.url, STATELESS, validate=False) as wire:
        answer = await post(wire, {"jsonrpc": "2.0", "method": method, "params": {"requestId": 1}})
        assert (answer.status, answer.body) == (202, b"")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}}, -32600),
        ([], -32600),
        ([{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}], -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "tools/list"}, -32600),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "tools/list"}, -32600),
        ({"jsonrpc": "1.0", "id": 1, "method": "tools/list"}, -32600),
        ("x", -32600),
    ],
)
async def test_what_is_no_request(server: Server, message: Any, code: int):
    async with Wire(server.url, STATELESS, validate=False) as wire:
        answer = await post(wire, message, Mcp_Method="tools/list")
        assert answer.status == 400
        assert answer.error["code"] == code


async def test_errors_have_the_id_and_the_status(server: Server):
    """Status and code of each kind of refusal; -32602 of a handler is an ordinary answer."""
    name = "io.modelcontextprotocol/protocolVersion"
    async with Wire(server.url, STATELESS, validate=False) as wire:
        for method, params, meta, headers, expected in (
            ("no/such", None, None, None, (404, -32601)),
            ("tools/list", {"cursor": "x"}, None, None, (200, -32602)),
            ("tools/call", {"name": "nobody"}, None, None, (200, -32602)),
            ("prompts/get", {"name": "nobody"}, None, None, (200, -32602)),
            ("resources/read", {"uri": "no:where"}, None, None, (200, -32602)),
            ("tools/list", None, None, {"Mcp-Method": "tools/call"}, (400, -32020)),
            ("tools/list", None, {name: "2025-11-25"}, None, (400, -32020)),
            ("tools/call", {"name": "test_missing_capability"}, None, None, (400, -32021)),
            ("tools/list", None, {name: "1"}, {"MCP-Protocol-Version": "1"}, (400, -32022)),
            ("tools/list", {"_meta": {}}, {name: None}, None, (400, -32602)),
        ):
            answer = await wire.request(method, params, id="i", meta=meta, headers=headers)
            assert (answer.status, answer.error["code"]) == expected, (method, answer.body)
            assert answer.response["id"] == "i"
            assert answer.content_type == "application/json"
            schema.check(answer.response, STATELESS, "server")


async def test_a_version_that_is_not_spoken(server: Server):
    async with Wire(server.url, STATELESS, validate=False) as wire:
        discovered = (await wire.request("server/discover")).result["supportedVersions"]
        wire.version = "v999.0.0"
        message = wire.message("tools/list", {})
        message["params"] = {
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": wire.version,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        }
        headers = {"Mcp-Method": "tools/list", "MCP-Protocol-Version": wire.version}
        answer = await wire.send(
            "POST", message=message, headers={**wire.standard_headers(), **headers}
        )
        assert (answer.status, answer.error["code"]) == (400, -32022)
        assert answer.error["data"] == {"supported": discovered, "requested": "v999.0.0"}


_LISTS = """
import asyncio, json, sys
sys.path[:0] = ["tests/conformance"]
from fastmcp import Client
from server import mcp

async def main():
    async with Client(mcp) as client:
        for _ in range(3):
            print(json.dumps([
                [item.model_dump(mode="json") for item in found]
                for found in (
                    await client.list_tools(),
                    await client.list_resources(),
                    await client.list_resource_templates(),
                    await client.list_prompts(),
                )
            ]))

asyncio.run(main())
"""


def test_lists_are_the_same_in_every_worker():
    said: set[str] = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _LISTS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        said.update(done.stdout.splitlines())
    assert len(said) == 1
    names = [tool["name"] for tool in json.loads(said.pop())[0]]
    assert names[:3] == ["test_simple_text", "test_image_content", "test_audio_content"]
