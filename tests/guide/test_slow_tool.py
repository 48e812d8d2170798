"""G16: a tool that runs longer than its client is ready to hear nothing.

(That a client whose connection is cut comes back for the answer: `tests/proxies/test_nginx.py`.)
"""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp

from tests.guide.listings import open_session
from tests.support.process import serve, uvicorn
from tests.support.sse import Decoder

SOURCE = """
import asyncio

from fastmcp import FastMCP

mcp = FastMCP("MyServer")


@mcp.tool
async def long() -> str:
    await asyncio.sleep(3)
    return "done"


app = mcp.http_app()
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
