"""An answer that cannot be read ends the call it belongs to, and no other; two slips of honest
servers are forgiven."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from fastmcp import Client
from fastmcp.client.errors import RequestTimeoutError
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import McpError
from tests.client.site import handshake, initialized, site

SERVER = f"""
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "initialize":
        text = json.dumps({{"jsonrpc": "2.0", "id": message["id"], "result": {initialized()!r}}})
    elif message["method"] == "tools/call":
        text = message["params"]["arguments"]["text"]
    else:
        continue
    print(text.replace("ID", str(message["id"])), flush=True)
"""


async def speak(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    """Says what the tool is told to say, as one body or on a stream that does not end."""
    arguments = message["params"]["arguments"]
    text = arguments["text"].replace("ID", str(message["id"]))
    if message["params"]["name"] == "body":
        return web.Response(text=text, content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(f"data: {text}\n\n".encode())
    while request.transport is not None and not request.transport.is_closing():
        await response.write(b": still here\n\n")
        await asyncio.sleep(0.05)
    return response


@pytest.fixture(params=["pipe", "body", "stream"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@asynccontextmanager
async def server(way: str) -> AsyncGenerator[Client[Any]]:
    if way == "pipe":
        transport = StdioTransport(sys.executable, ["-c", SERVER], keep_alive=False)
        async with Client(transport, mode="legacy", timeout=10) as client:
            yield client
        return
    async with (
        site(handshake(speak)) as seen,
        Client(seen.url, mode="legacy", timeout=10) as client,
    ):
        yield client


CONTENT = '{"content": [{"type": "text", "text": "TEXT"}]}'

UNREADABLE = [
    '{"id": ID, "result": {}}',
    '{"jsonrpc": "2.0", "id": ID, "result": {}, "error": {"code": 1, "message": "x"}}',
    '{"jsonrpc": "2.0", "id": ID, "error": "boom"}',
    '{"jsonrpc": "2.0", "id": ID}',
    '{"jsonrpc": "2.0", "id": ID, "method": null, "result": {}}',
    '{"jsonrpc": "2.0", "id": ID, "result": ' + "[" * 5000 + "]" * 5000 + "}",
    # No JSON, in the orders in which the common libraries write.
    '{"jsonrpc": "2.0", "id": ID, "result": {"value": nan}}',
    '{"id": "ID", "jsonrpc": "2.0", "error": oh}',
    '{"result": {"value": nan, "id": 999}, "jsonrpc": "2.0", "id": ID}',
    '{"jsonrpc": "2.0", "result": {"value": nan, "x": []}, "id": ID}',
]
NOBODYS = [
    '{"jsonrpc": "2.0", "result": {}}',
    '{"jsonrpc": "2.0", "id": [], "result": {}}',
    '{"jsonrpc": "2.0", "error": "boom"}',
    '{"jsonrpc": "2.0", "result": nan}',
]
"""Answers that name no request."""
NO_ANSWERS = [
    '{"level": "error", "error": "cannot reach the database"}',
    '{"jsonrpc": "2.0", "id": ID, "method": "roots/list", "params": []}',
    '{"jsonrpc": "2.0", "id": ID, "method": "roots/list", "params": {"a": nan}}',
    '{"id": ID, "level": "info", "error": "none"}',
    '{"jsonrpc": "2.0", "result',
    "[[[",
    "[{}]",
]
"""They harm nothing: requests of the server's own numbers, and what it has to say to people."""
FORGIVEN = [
    (f'{{"jsonrpc": "2.0", "id": ID, "result": {CONTENT}, "error": null}}', "TEXT"),
    (
        f'{{"jsonrpc": "2.0", "id": ID, "result": {CONTENT}}}'.replace("TEXT", r"cut \ud83d"),
        "cut \ufffd",
    ),
    (
        f'{{"error": null, "result": {CONTENT}, "id": ID, "jsonrpc": "2.0"}}'.replace(
            "TEXT", r"\uDE00 \ud83d\ude00 \\ud83d \ud83d"
        ),
        "\ufffd \U0001f600 \\ud83d \ufffd",
    ),
]


async def test_it_ends_its_call(way: str) -> None:
    async with server(way) as client:
        for text in UNREADABLE:
            with pytest.raises(McpError, match="the server's fault") as caught:
                await client.call_tool_mcp(way, {"text": text})
            assert not isinstance(caught.value, RequestTimeoutError)
            assert len(str(caught.value)) < 600


async def test_one_that_names_nobody_is_to_the_only_one_who_waits(way: str) -> None:
    async with server(way) as client:
        for text in NOBODYS:
            with pytest.raises(McpError, match="the server's fault"):
                await client.call_tool_mcp(way, {"text": text})


async def test_it_ends_no_other_call() -> None:
    async with server("pipe") as client:
        waiting = asyncio.create_task(client.call_tool_mcp("any", {"text": ""}))
        for text in UNREADABLE:
            with pytest.raises(McpError, match="the server's fault"):
                await client.call_tool_mcp("any", {"text": text})
        for text in NOBODYS:  # there are two now, and it may be either's
            with pytest.raises(RequestTimeoutError):
                await client.call_tool_mcp("any", {"text": text}, timeout=0.1)
        assert not waiting.done()
        waiting.cancel()


async def test_what_is_no_answer_harms_nothing() -> None:
    whole = f'{{"jsonrpc": "2.0", "id": ID, "result": {CONTENT}}}'
    async with server("pipe") as client:
        for text in NO_ANSWERS:
            result = await client.call_tool_mcp("any", {"text": f"{text}\n{whole}"})
            assert [block.text for block in result.content] == ["TEXT"]  # type: ignore[union-attr]


async def test_slips_that_are_forgiven(way: str) -> None:
    async with server(way) as client:
        for text, heard in FORGIVEN:
            for said in (text, f"[{text}]") if way != "stream" else (text,):
                result = await client.call_tool_mcp(way, {"text": said})
                assert [block.text for block in result.content] == [heard]  # type: ignore[union-attr]


async def test_an_error_beside_a_result_that_is_null(way: str) -> None:
    text = '{"id": ID, "jsonrpc": "2.0", "result": null, "error": {"code": 7, "message": "no"}}'
    async with server(way) as client:
        with pytest.raises(McpError, match="no") as caught:
            await client.call_tool_mcp(way, {"text": text})
        assert caught.value.code == 7


async def test_half_a_pair_in_a_notification_is_heard() -> None:
    heard: list[Any] = []
    params = r'{"level": "info", "data": "\ud83d"}'
    note = f'{{"jsonrpc": "2.0", "method": "notifications/message", "params": {params}}}'
    whole = f'{{"jsonrpc": "2.0", "id": ID, "result": {CONTENT}}}'
    transport = StdioTransport(sys.executable, ["-c", SERVER], keep_alive=False)
    async with Client(
        transport, mode="legacy", timeout=10, log_handler=lambda message: heard.append(message.data)
    ) as client:
        await client.call_tool_mcp("any", {"text": f"{note}\n{whole}"})
    assert heard == ["\ufffd"]
