"""The application: mounted anywhere, with its lifespan run by whoever, under real uvicorn."""

from __future__ import annotations

import asyncio
import math
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware as ASGIMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from uvicorn import Config as UvicornConfig
from uvicorn import Server as Uvicorn

from fastmcp import Client, Context, FastMCP
from fastmcp.server.event_store import EventStore
from fastmcp.server.http import StarletteWithLifespan, create_base_app
from tests.server import mounted
from tests.support.asgi import HANDSHAKE, STATELESS, Peer
from tests.support.process import Server, serve, until, uvicorn
from tests.support.wire import Wire

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"},
    },
}
HEADERS = {"accept": "application/json, text/event-stream"}


def served(name: str, path: str, journal: Path, **more: Any) -> Any:
    return serve(
        uvicorn(f"tests.server.mounted:{name}"),
        path=path,
        env={**os.environ, "FASTMCP_JOURNAL": str(journal)},
        **more,
    )


def lines(journal: Path) -> list[str]:
    return journal.read_text().splitlines() if journal.exists() else []


@asynccontextmanager
async def in_process(app: Any) -> AsyncIterator[str]:
    """Serves an application with uvicorn in the test's own loop; yields its origin."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # who connects too early, waits
        server = Uvicorn(UvicornConfig(app, log_level="error", lifespan="on"))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def converse(server: Server, url: str | None = None) -> None:
    for version in (*HANDSHAKE, STATELESS):
        async with Wire(url or server.url, version) as wire:
            if version != STATELESS:
                await wire.initialize()
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
            for tool in ("opened", "opened_in_thread"):
                assert (await wire.call(tool)).text == "true"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("alone", "/mcp"),
        ("alone", "/mcp/"),
        ("wired", "/api/mcp"),
        ("wired", "/api/mcp/"),
        ("unwired", "/api/mcp"),
        ("starlette", "/deep/er/mcp"),
        ("at_root", "/mcp"),
        ("as_path", "/mcp/"),
        ("as_route", "/mcp"),
        ("nested", "/outer/inner/mcp"),
        ("nested_unwired", "/outer/inner/mcp/"),
        ("twice", "/one/mcp"),
        ("twice_unwired", "/two/mcp"),
    ],
)
async def test_t9_mounted(name: str, path: str, tmp_path: Path):
    journal = tmp_path / "journal"
    with served(name, path, journal) as server:
        await converse(server)
        async with Wire(server.url, validate=False) as wire:
            health = {"unwired": "/api/health", "wired": "/api/health"}.get(name, "/health")
            if name in ("alone", "at_root", "wired", "unwired"):
                answer = await wire.send("GET", url=server.url.partition(path)[0] + health)
                assert (answer.status, answer.messages) == (200, [{"status": "fine"}])
            for verb in ("GET", "DELETE", "OPTIONS", "POST"):
                answer = await wire.send(verb)
                assert answer.status in (400, 405, 415)
                assert "location" not in answer.headers
        if name.startswith("twice"):
            for mount in ("/one/", "/two/"):
                await converse(server, server.url.partition(path)[0] + f"{mount}mcp")
        assert lines(journal) == ["enter"]
        assert server.stop() == 0
        assert lines(journal) == ["enter", "exit"]


@pytest.mark.parametrize("name", ["wired", "unwired"])
async def test_t28_one_lifespan_for_fifty_sessions(name: str, tmp_path: Path):
    journal = tmp_path / "journal"
    with served(name, "/api/mcp", journal) as server:

        async def one(number: int) -> None:
            async with Wire(server.url, "2025-11-25" if number % 2 else STATELESS) as wire:
                if not wire.stateless:
                    await wire.initialize()
                assert (await wire.call("opened")).text == "true"

        await asyncio.gather(*(one(number) for number in range(50)))
        assert lines(journal) == ["enter"]
        assert server.stop() == 0
        assert lines(journal) == ["enter", "exit"]


async def test_t9_two_servers_in_one_application(tmp_path: Path):
    with served("two", "/one/mcp", tmp_path / "journal") as server:
        await converse(server)
        async with Wire(server.url.replace("/one/", "/two/")) as wire:
            await wire.initialize()
            assert (await wire.call("who")).text == "second"


@pytest.mark.parametrize("name", ["five", "five_unwired"])
async def test_t9_five_servers_in_one_application(name: str, tmp_path: Path):
    """Each with a lifespan of its own, run once, beside the parent's."""
    journal = tmp_path / "journal"
    numbers = range(5)
    with served(name, "/0/mcp", journal) as server:
        for _ in range(2):
            for number in numbers:
                async with Wire(server.url.replace("/0/", f"/{number}/")) as wire:
                    await wire.initialize()
                    assert (await wire.call("which")).text == str(number)
        assert lines(journal) == ["enter own", *(f"enter {number}" for number in numbers)]
        assert server.stop() == 0
        ends = lines(journal)[6:]
        assert sorted(ends) == sorted(["exit own", *(f"exit {number}" for number in numbers)])
        if name == "five":
            assert ends == [*(f"exit {number}" for number in reversed(numbers)), "exit own"]


async def test_t9_an_application_restarted_in_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its lifespan is entered anew, and a session of before goes on."""
    journal = tmp_path / "journal"
    monkeypatch.setenv("FASTMCP_JOURNAL", str(journal))
    wire = Wire("")
    async with wire:
        for run in (1, 2):
            async with in_process(mounted.wired) as origin:
                wire.url = f"{origin}/api/mcp"
                if run == 1:
                    await wire.initialize()
                assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
                assert (await wire.call("opened")).text == "true"
            assert lines(journal) == ["enter", "exit"] * run


async def test_t9_a_mount_at_the_endpoints_own_path_is_redirected_by_starlette(tmp_path: Path):
    """To the path with a slash, by a 307, which keeps method and body. The parent answers before
    the mounted application sees anything, so it is not this package's to change."""
    with served("as_path", "/mcp", tmp_path / "journal") as server:
        async with Wire(server.url, validate=False) as wire:
            answer = await wire.send("POST", message=INITIALIZE, headers=HEADERS)
            assert (answer.status, answer.headers["location"]) == (307, server.url + "/")
        async with Client(server.url) as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


async def test_t9_a_lifespan_that_fails_is_one_sentence(tmp_path: Path):
    with served("broken_unwired", "/api/mcp", tmp_path / "journal", clean=False) as server:
        async with Wire(server.url) as wire:
            for _ in range(2):
                answer = await wire.send("POST", message=INITIALIZE, headers=HEADERS)
                assert answer.status == 503
                assert answer.error["message"] == "The server could not start; its log says why"
        assert "the database is away" in server.log


def test_t9_a_lifespan_that_fails_stops_uvicorn(tmp_path: Path):
    with (
        pytest.raises(RuntimeError, match="the database is away"),
        served("broken_app", "/mcp", tmp_path / "journal"),
    ):
        raise AssertionError("it started")


async def test_disconnects_over_a_socket(tmp_path: Path):
    """Stateless: a closed connection stops the tool. Handshake: it does not."""
    journal = tmp_path / "journal"
    with served("alone", "/mcp", journal) as server:
        for version, end, seconds in (
            (STATELESS, "slow cancelled", 60),
            ("2025-11-25", "slow ends", 0.5),
        ):
            journal.write_text("")
            async with Wire(server.url, version) as wire:
                if version != STATELESS:
                    await wire.initialize()
                call = asyncio.create_task(wire.call("slow", {"seconds": seconds}))
                await until(lambda: "slow begins" in lines(journal), "the call begins")
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                await until(lambda end=end: end in lines(journal), f"{end} is noted", 1.5)
                assert lines(journal) == ["slow begins", end]


async def test_aborted_bodies_and_streams_leave_no_trace(tmp_path: Path):
    with served("alone", "/mcp", tmp_path / "journal") as server:
        async with Wire(server.url) as wire:
            await wire.initialize()
            for _ in range(5):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(
                    b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 1000\r\n\r\n{"
                )
                await writer.drain()
                writer.close()
                await writer.wait_closed()
                async with wire.listen():
                    pass
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"


async def test_t35_a_hundred_calls_use_one_connection(tmp_path: Path):
    with served("alone", "/mcp", tmp_path / "journal") as server:
        connector = aiohttp.TCPConnector()
        made = 0
        create = connector._create_connection

        async def counting(*args: Any, **kwargs: Any) -> Any:
            nonlocal made
            made += 1
            return await create(*args, **kwargs)

        connector._create_connection = counting
        async with aiohttp.ClientSession(connector=connector) as http:
            async with http.post(server.url, json=INITIALIZE, headers=HEADERS) as response:
                await response.read()  # aiohttp closes a connection whose answer is left unread
                headers = {**HEADERS, "mcp-session-id": response.headers["mcp-session-id"]}
            for accept in (HEADERS["accept"], "text/event-stream"):
                for number in range(50):
                    call = {
                        "jsonrpc": "2.0",
                        "id": number,
                        "method": "tools/call",
                        "params": {"name": "add", "arguments": {"a": number, "b": 1}},
                    }
                    async with http.post(
                        server.url, json=call, headers={**headers, "accept": accept}
                    ) as response:
                        assert str(number + 1) in await response.text()
        assert made == 1


# in process


def build() -> FastMCP:
    mcp = FastMCP("app")

    @mcp.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    async def progress(ctx: Context) -> str:
        await ctx.report_progress(1)
        return "told"

    return mcp


def call_with(client: Any, path: str = "/mcp") -> None:
    response = client.post(path, json=INITIALIZE, headers=HEADERS, follow_redirects=False)
    assert response.status_code == 200
    headers = {**HEADERS, "mcp-session-id": response.headers["mcp-session-id"]}
    call = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "add", "arguments": {"a": 1, "b": 2}},
    }
    response = client.post(path, json=call, headers=headers)
    assert response.json()["result"]["structuredContent"] == {"result": 3}


@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
def test_t9_test_client_with_and_without_the_lifespan():
    from starlette.testclient import TestClient  # warns of its own HTTP client when imported

    app = build().http_app()
    with TestClient(app) as client:
        call_with(client)
    call_with(TestClient(app))
    with TestClient(app) as client:  # restarted in the process
        call_with(client)
    parent = FastAPI()
    parent.mount("/p", app)
    call_with(TestClient(parent), "/p/mcp")
    with TestClient(parent) as client:
        call_with(client, "/p/mcp")


async def test_middleware_around_everything():
    """Middleware that wraps receive and send must not hold the stream back."""
    seen: list[str] = []

    class Look(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Any:
            seen.append(request.url.path)
            return await call_next(request)

    mcp = build()
    app = mcp.http_app(middleware=[ASGIMiddleware(Look), ASGIMiddleware(GZipMiddleware)])
    for version in ("2025-11-25", STATELESS):
        peer = await Peer(app, version).open()
        assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"
        live = await peer.call("progress", meta={"progressToken": 1})
        assert live.is_stream
        assert live.sent("notifications/progress")
    peer = await Peer(app).open()
    stream = peer.listen()
    await stream.until(lambda live: live.body)
    mcp.tool(lambda: 1, name="more")
    await stream.until(lambda live: live.messages)
    stream.leave()
    await stream.done()
    assert seen


async def test_custom_routes():
    mcp = build()

    @mcp.custom_route("/health", methods=["GET"], name="health")
    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    app = mcp.http_app(host_origin_protection=True)
    peer = Peer(app)
    live = await peer.send("GET", headers={"host": "evil.example"}, path="/health").done()
    assert (live.status, live.messages) == (200, [{"ok": True}])
    live = await peer.send("GET", headers={"host": "evil.example"}).done()
    assert live.status == 421
    assert app.url_path_for("health") == "/health"


async def test_an_unknown_path_is_a_plain_404():
    live = await Peer(build().http_app()).send("POST", path="/other").done()
    assert live.status == 404


def test_the_application_says_what_it_is():
    mcp = build()
    app = mcp.http_app(path="/x/")
    assert isinstance(app, StarletteWithLifespan)
    assert app.state.fastmcp_server is mcp
    assert app.state.path == "/x/"
    assert app.state.transport_type == "streamable-http"
    assert isinstance(create_base_app([], []), StarletteWithLifespan)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"legacy_sse": True, "path": "/sse"}, ValueError, "must differ"),
        ({"transport": "carrier-pigeon"}, ValueError, "Unknown transport"),
        ({"host_origin_protection": "maybe"}, ValueError, "host_origin_protection"),
        # As in the environment; some of them would keep the loop busy for ever.
        ({"keepalive_interval": -1}, ValueError, "keepalive_interval must be 0 or more"),
        ({"keepalive_interval": math.nan}, ValueError, "keepalive_interval must be 0 or more"),
        ({"session_idle_timeout": 0}, ValueError, "session_idle_timeout must be more than 0"),
        ({"session_lifetime": -1}, ValueError, "session_lifetime must be more than 0"),
        ({"session_lifetime": math.inf}, ValueError, "session_lifetime must be more than 0"),
        ({"retry_interval": -1, "event_store": EventStore()}, ValueError, "retry_interval must"),
        ({"shutdown_grace": -0.001}, ValueError, "shutdown_grace must be 0 or more"),
        ({"shutdown_grace": math.inf}, ValueError, "shutdown_grace must be 0 or more"),
        ({"max_body_bytes": 0}, ValueError, "max_body_bytes must be at least 1"),
    ],
)
def test_what_cannot_be_built(options: dict[str, Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        build().http_app(**options)
