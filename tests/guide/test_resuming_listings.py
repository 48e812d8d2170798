"""G8: a long tool's stream is closed and opened again; nothing is lost or repeated."""

from __future__ import annotations

from pathlib import Path

from fastmcp import Client
from tests.guide.listings import copy, open_session
from tests.support.curl import curl
from tests.support.process import serve, uvicorn

CALL = {
    "jsonrpc": "2.0",
    "id": 3,
    "method": "tools/call",
    "params": {"name": "long", "arguments": {}, "_meta": {"progressToken": "p"}},
}


async def test_g8_event_store(tmp_path: Path) -> None:
    copy("g08_event_store.py", tmp_path)
    with serve(uvicorn("g08_event_store:app"), cwd=tmp_path) as server:
        reply = curl(server.url, headers=open_session(server.url), body=CALL)
        assert "retry: 2000" in reply.body

        heard: list[float] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            heard.append(done)

        async with Client(server.url, mode="legacy", progress_handler=progress) as client:
            assert (await client.call_tool("long")).data == "done"
        assert heard == [1, 2, 3, 4, 5, 6]
