"""G8 and G9: streams that are closed or cut and opened again; nothing is lost or repeated."""

from __future__ import annotations

import json
import os
from pathlib import Path

import aiohttp

from fastmcp import Client
from fastmcp.protocol.sse import Decoder, Event
from tests.guide.listings import copy, open_session
from tests.support.curl import curl
from tests.support.process import serve, uvicorn
from tests.support.redis import redis

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


async def test_g9_redis(tmp_path: Path) -> None:
    """A client whose connection breaks hears the rest from another process, while the first one
    still runs the tool."""
    environment = {**os.environ, "FASTMCP_HOME": str(tmp_path / "home")}
    with redis() as store:
        listing = copy("g09_redis.py", tmp_path)
        listing.write_text(listing.read_text().replace("6379", str(store.port)))
        app = uvicorn("g09_redis:app")
        with (
            serve(app, cwd=tmp_path, env=environment) as first,
            serve(app, cwd=tmp_path, env=environment) as second,
        ):
            headers = open_session(first.url) | {"Accept": "application/json, text/event-stream"}
            heard: list[Event] = []
            decoder = Decoder()
            async with aiohttp.ClientSession(headers=headers) as http:
                async with http.post(first.url, json=CALL) as response:
                    while len(heard) < 4:
                        heard += decoder.feed(await response.content.readany())
                # The connection is cut here; the tool goes on.
                last = heard[-1].id
                assert last is not None
                rest = {"Accept": "text/event-stream", "Last-Event-ID": last}
                async with http.get(second.url, headers=rest) as response:
                    assert response.status == 200
                    heard += decoder.feed(await response.content.read())
    messages = [json.loads(event.data) for event in heard if event.data]
    assert [m["params"]["progress"] for m in messages[:-1]] == list(range(1, 11))
    assert messages[-1]["result"]["content"][0]["text"] == "done"
