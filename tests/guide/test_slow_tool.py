"""G16: a tool that runs longer than its client is ready to hear nothing.

(That a client whose connection is cut comes back for the answer: `tests/proxies/test_nginx.py`.)
"""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp
import pytest

from fastmcp import Client
from tests.guide.listings import open_session
from tests.support.process import serve, uvicorn
from tests.support.sse import Decoder

SOURCE = """
import asyncio

from fastmcp import FastMCP
from fastmcp.server.event_store import EventStore

mcp = FastMCP("MyServer")


@mcp.tool
async def long() -> str:
    await asyncio.sleep(3)
    return "done"


app = mcp.http_app()
resumable = mcp.http_app(event_store=EventStore(), retry_interval=100)
"""
CALL = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {"name": "long", "arguments": {}},
}


async def test_g16_keep_alives_keep_a_client_waiting(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SOURCE)
    env = {**os.environ, "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "0.3"}
    impatient = aiohttp.ClientTimeout(total=None, sock_read=1)
    with serve(uvicorn("app:app"), cwd=tmp_path, env=env) as server:
        headers = open_session(server.url) | {"Accept": "application/json, text/event-stream"}
        async with (
            aiohttp.ClientSession(timeout=impatient, headers=headers) as http,
            http.post(server.url, json=CALL) as response,
        ):
            events = list(Decoder().feed(await response.read()))
    assert sum(event.comment is not None for event in events) > 5
    assert events[-1].message["result"]["content"][0]["text"] == "done"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_g16_so_they_do_with_ours(tmp_path: Path, mode: str) -> None:
    (tmp_path / "app.py").write_text(SOURCE)
    env = {
        **os.environ,
        "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "0.3",
        "FASTMCP_HTTP_STREAM_AFTER": "0.2",
    }
    with serve(uvicorn("app:app"), cwd=tmp_path, env=env) as server:
        async with Client(server.url, mode=mode, sse_read_timeout=1) as client:
            assert (await client.call_tool("long")).data == "done"


async def test_g16_without_them_it_comes_back_for_the_answer(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SOURCE)
    env = {
        **os.environ,
        "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "60",
        "FASTMCP_HTTP_STREAM_AFTER": "0.2",
    }
    with serve(uvicorn("app:resumable"), cwd=tmp_path, env=env) as server:
        async with Client(server.url, mode="legacy", sse_read_timeout=1) as client:
            assert (await client.call_tool("long")).data == "done"
