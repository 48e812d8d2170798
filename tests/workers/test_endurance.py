"""Sessions nobody uses, clients that do not read, connections that hang: no one else feels them."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fastmcp import Client
from tests.support.extent import extent
from tests.support.process import Server, serve, until, uvicorn
from tests.support.wire import Wire
from tests.workers.conftest import HERE, environment

INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "many", "version": "1"},
    },
}
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Server]:
    env = environment(folder, None, EVENTS="", **settings)
    del env["RETRY"]
    app = uvicorn("server:app", "--log-level", "warning")
    with serve(app, cwd=HERE, env=env) as server:
        yield server


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, FASTMCP_HTTP_WRITE_TIMEOUT="2") as server:
        yield server


@pytest.fixture
def brief(tmp_path: Path) -> Iterator[Server]:
    """Its sessions end after a second without use."""
    with serving(tmp_path, FASTMCP_HTTP_SESSION_IDLE_TIMEOUT="1") as server:
        yield server


async def stats(server: Server) -> dict[str, int]:
    async with aiohttp.ClientSession() as http, http.get(_root(server) + "/stats") as response:
        return await response.json()


def _root(server: Server) -> str:
    return server.url.removesuffix("/mcp")


async def abandon(server: Server, count: int) -> list[str]:
    """Initialize so many sessions and leave; their ids, the oldest first."""
    ids: list[str] = []
    connector = aiohttp.TCPConnector(limit=16)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as http:

        async def begin() -> None:
            async with http.post(server.url, json=INITIALIZE) as response:
                assert response.status == 200
                await response.read()
                headers = {"mcp-session-id": response.headers["mcp-session-id"]}
            message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            async with http.post(server.url, json=message, headers=headers) as response:
                assert response.status == 202
                await response.read()
            ids.append(headers["mcp-session-id"])

        left = count
        while left:
            batch = min(left, 64)
            await asyncio.gather(*(begin() for _ in range(batch)))
            left -= batch
    return ids


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_t3_ten_thousand_idle_sessions_cost_nothing(one: Server):
    await abandon(one, 1000)  # what a process holds when it has been used
    before = await stats(one)
    *_, id = await abandon(one, extent(3_000, 10_000))
    after = await stats(one)
    assert after["rss"] - before["rss"] <= 2 * 1024
    assert after["tasks"] <= before["tasks"] + 2
    async with Wire(one.url) as wire:  # and nobody is locked out
        await wire.initialize()
        assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
        wire.session_id = id
        assert (await wire.call("capabilities")).text == "elicitation"


async def test_t3_what_is_refused_opens_nothing(one: Server):
    before = await stats(one)
    async with aiohttp.ClientSession() as http:
        for _ in range(50):
            for verb, headers, body in (
                ("GET", HEADERS, None),
                ("HEAD", {}, None),
                ("OPTIONS", {}, None),
                ("POST", HEADERS, b"{nonsense"),
                ("POST", {**HEADERS, "accept": "text/plain"}, json.dumps(INITIALIZE).encode()),
                ("POST", {**HEADERS, "host": "evil.example"}, json.dumps(INITIALIZE).encode()),
            ):
                async with http.request(verb, one.url, headers=headers, data=body) as response:
                    await response.read()
                    assert 400 <= response.status < 500
    after = await stats(one)
    assert (after["records"], after["tasks"]) == (before["records"], before["tasks"])


async def test_t3_sessions_that_are_ended_leave_nothing(one: Server):
    before = await stats(one)
    ids = await abandon(one, 300)
    async with aiohttp.ClientSession() as http:
        for id in ids:
            async with http.delete(one.url, headers={"mcp-session-id": id}) as response:
                assert response.status == 200
    after = await stats(one)
    assert (after["records"], after["tasks"]) == (before["records"], before["tasks"])


async def test_t3_abandoned_sessions_end(brief: Server):
    """Who asks for one uses it, so each is asked for once."""
    before = await stats(brief)
    ids = await abandon(brief, 1000)
    middle = await stats(brief)
    async with Wire(brief.url) as wire:

        async def is_over() -> bool:
            wire.session_id = ids.pop()
            answer = await wire.send(
                "POST", message=wire.message("ping"), headers=wire.standard_headers()
            )
            return answer.status == 404

        await until(is_over, "the youngest has ended", 5)
        assert ids
        for _ in range(min(50, len(ids))):
            assert await is_over()
    await abandon(brief, 1000)
    after = await stats(brief)
    assert after["tasks"] <= before["tasks"] + 2
    assert after["rss"] - middle["rss"] < 1024


async def test_t3_what_is_in_use_does_not_end(brief: Server):
    """A call that runs, and a stream that is open, for three times the time without use."""
    async with Wire(brief.url) as caller, Wire(brief.url) as listener:
        await caller.initialize()
        await listener.initialize()
        async with listener.listen():
            assert (await caller.call("slow", {"seconds": 3, "tag": "on"})).text == "slow on"
            for wire in (caller, listener):
                assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"


async def test_t3_a_crowd_pushes_out_nobody_who_has_something_open(one: Server):
    """More sessions than are remembered come while a stream is open and a question waits."""
    asked, crowded = asyncio.Event(), asyncio.Event()

    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        await crowded.wait()
        return {"action": "accept", "content": {"value": "me"}}

    async with Wire(one.url, capabilities={"elicitation": {}}) as wire:
        await wire.initialize()
        async with wire.listen() as events:
            call = asyncio.create_task(wire.call("ask", {"question": "who"}, on_request=answer))
            await asked.wait()
            before = await stats(one)
            await abandon(one, 1000)
            assert (await stats(one))["records"] <= before["records"] + 512
            crowded.set()
            assert (await call).text == "who: me"
            await wire.call("change")
            message = await anext(event.message async for event in events if event.message)
            assert message["method"] == "notifications/prompts/list_changed"


@asynccontextmanager
async def unread(server: Server, wire: Wire, tool: str, **arguments: Any) -> AsyncIterator[Any]:
    """A call whose answer the client does not read, on a connection with small buffers."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}
    body = json.dumps(wire.message("tools/call", params)).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in wire.standard_headers("tools/call").items()),
        "",
        "",
    ]
    writer.write("\r\n".join(lines).encode() + body)
    await writer.drain()
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio names no way to stop reading
    try:
        yield reader
    finally:
        writer.transport.abort()


async def test_t12_one_that_does_not_read_holds_up_nobody(one: Server):
    """Calls of the same session go on; memory stays; the stream is given up in the end."""
    async with Wire(one.url) as wire:
        await wire.initialize()
        before = await stats(one)
        async with unread(one, wire, "flood", n=3000, size=100_000):
            for _ in range(20):
                began = time.monotonic()
                assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
                assert time.monotonic() - began < 2
            async with wire.listen():
                during = await stats(one)
            assert during["rss"] - before["rss"] < 32 * 1024

            async def given_up() -> bool:
                return (await stats(one))["tasks"] <= before["tasks"] + 1

            await until(given_up, "the stream is given up", 20)
        assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"


async def test_t12_aborted_answers(one: Server):
    async with Wire(one.url) as wire:
        await wire.initialize()
        for _ in range(15):
            async with unread(one, wire, "flood", n=30, size=10_000):
                pass
        assert "add" in [
            tool["name"] for tool in (await wire.request("tools/list")).result["tools"]
        ]


async def test_t12_many_clients_at_once(one: Server):
    async def client() -> str:
        async with Wire(one.url) as wire:
            await wire.initialize()
            return (await wire.call("add", {"a": 2, "b": 2})).text

    assert set(await asyncio.gather(*(client() for _ in range(250)))) == {"4"}


@pytest.mark.long
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_t12_clients_one_after_another(one: Server, mode: str):
    for number in range(extent(60, 200)):
        async with Client(one.url, mode=mode) as client:
            assert (await client.call_tool("add", {"a": number, "b": 1})).data == number + 1


async def test_t20_a_stream_that_nobody_reads_is_taken_over(one: Server):
    """Its connection is half dead: nobody is there any more, and nobody closed it."""
    async with Wire(one.url) as wire:
        await wire.initialize()
        before = await stats(one)
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port, limit=1024)
        headers = {**wire.standard_headers(), "Accept": "text/event-stream"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio names no way to stop reading
        try:
            async with wire.listen() as events:
                await wire.call("change")
                message = await anext(event.message async for event in events if event.message)
                assert message["method"] == "notifications/prompts/list_changed"

                async def one_is_left() -> bool:
                    return (await stats(one))["tasks"] <= before["tasks"] + 3

                await until(one_is_left, "the older stream has ended")
        finally:
            writer.transport.abort()


async def test_slow_senders_and_half_open_connections(one: Server):
    """Requests that never become whole, and streams nobody is behind any more."""
    writers: list[asyncio.StreamWriter] = []
    for number in range(200):
        _, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n")
        if number % 2:
            writer.write(b'Content-Length: 5000\r\n\r\n{"jsonrpc":')
        await writer.drain()
        writers.append(writer)
    try:
        async with Wire(one.url) as wire:
            await wire.initialize()
            for _ in range(20):
                assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
    finally:
        for writer in writers:
            writer.transport.abort()


@pytest.mark.timeout(120)
async def test_a_thousand_open_streams(tmp_path: Path):
    """Each hears what changes, and the server goes on beside them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    env = environment(tmp_path, None)
    app = uvicorn("server:app", "--log-level", "warning")
    try:
        with serve(app, cwd=HERE, env=env) as server:
            await _thousand(server)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _thousand(server: Server) -> None:
    heard = 0
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as http:
        opened = asyncio.Semaphore(0)
        slots = asyncio.Semaphore(64)

        async def listen() -> None:
            nonlocal heard
            async with slots, http.post(server.url, json=INITIALIZE) as response:
                await response.read()
                headers = {"mcp-session-id": response.headers["mcp-session-id"]}
            async with http.get(server.url, headers=headers) as response:
                assert response.status == 200
                async for line in response.content:
                    if line.startswith(b"id: "):
                        opened.release()
                    if b"list_changed" in line:
                        heard += 1
                        return

        async with asyncio.TaskGroup() as group:
            for _ in range(1000):
                group.create_task(listen())
            for _ in range(1000):
                await opened.acquire()
            async with Wire(server.url) as wire:
                await wire.initialize()
                assert (await wire.call("change")).text == "changed"
    assert heard == 1000
