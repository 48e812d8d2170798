"""Behind ASGI middleware that takes answers in hand: streams still arrive as they are made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fastmcp import Client
from tests.support.process import Server, script, serve

HERE = Path(__file__).parent
SECONDS = 10


@pytest.fixture(scope="module")
def wrapped() -> Iterator[Server]:
    """Behind a GZipMiddleware and a BaseHTTPMiddleware."""
    with serve(script(HERE / "server.py", "wrapped")) as server:
        yield server


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_t33_progress_arrives_as_it_is_emitted(wrapped: Server, mode: str):
    """The gate is opened only by who has heard that somebody waits at it."""
    waiting = asyncio.Event()
    heard: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append(done)
        waiting.set()

    async with Client(wrapped.url, mode=mode, timeout=20) as client, asyncio.timeout(SECONDS):
        call = asyncio.create_task(client.call_tool("at_the_gate", progress_handler=progress))
        await waiting.wait()
        assert heard == [1]
        await client.call_tool("open_the_gate")
        assert (await call).data == "through"
    assert heard == [1, 2]


async def test_t33_the_standalone_stream_is_heard_at_once(wrapped: Server):
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def message(message: Any) -> None:
        await heard.put(message)

    async with (
        Client(wrapped.url, mode="legacy", message_handler=message, timeout=20) as client,
        asyncio.timeout(SECONDS),
    ):
        await client.call_tool("grow", {"name": "late"})
        await heard.get()
        assert "late" in [tool.name for tool in await client.list_tools()]


async def test_t33_whole_answers_are_compressed_and_streams_are_not(wrapped: Server):
    """So the two before this one do go through a middleware that could hold a stream back."""
    headers = {
        "Accept": "application/json, text/event-stream",
        "Accept-Encoding": "gzip",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "steps",
    }
    meta = {
        f"io.modelcontextprotocol/{key}": value
        for key, value in {
            "protocolVersion": "2026-07-28",
            "clientInfo": {"name": "c", "version": "1"},
            "clientCapabilities": {},
        }.items()
    }
    async with aiohttp.ClientSession() as http:
        for count, kind, encoding in (
            (0, "application/json", "gzip"),
            (1, "text/event-stream", None),
        ):
            params = {
                "name": "steps",
                "arguments": {"count": count, "pause": 0},
                "_meta": {**meta, "progressToken": 1},
            }
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            async with http.post(wrapped.url, json=body, headers=headers) as response:
                assert response.content_type == kind
                assert response.headers.get("content-encoding") == encoding
                assert response.headers["x-looked"] == "yes"
                assert "counted" in await response.text()
