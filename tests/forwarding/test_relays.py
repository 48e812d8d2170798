"""How long a client of a proxy keeps its connection to the server behind; how many there are."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fastmcp import Client, Context, FastMCP
from fastmcp.client.transports import StdioTransport
from fastmcp.server import create_proxy
from fastmcp.server.forwarding import relays
from fastmcp.server.providers.proxy import ProxyClient, ProxyProvider
from fastmcp.server.sessions import Session
from fastmcp.settings import get_settings
from tests.forwarding.conftest import BACKEND
from tests.support.asgi import STATELESS, App, Peer
from tests.support.process import until


def behind() -> FastMCP:
    server = FastMCP("behind")

    @server.tool
    async def session(ctx: Context) -> str:
        return ctx.session_id

    return server


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Whatever may be swept is, at once; how often it was looked for."""
    times: list[int] = []
    sweep = relays.Relays._sweep_now

    def counted(self: relays.Relays) -> None:
        times.append(len(self._kept))
        sweep(self)

    monkeypatch.setattr(relays, "_SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(relays, "_SESSION_SECONDS", -1.0)
    monkeypatch.setattr(relays, "_OTHER_SECONDS", -1.0)
    monkeypatch.setattr(relays.Relays, "_sweep_now", counted)
    return times


async def some(times: list[int]) -> None:
    """Until it was swept again, and again."""
    end = len(times) + 3
    await until(lambda: len(times) >= end, "it is swept")


@pytest.mark.parametrize("front", ["legacy", STATELESS])
async def test_a_pipe_keeps_its_connection_while_it_is_there(swept: list[int], front: str):
    proxy = create_proxy(behind(), mode="legacy")
    async with proxy.engine.lifespan.use():
        async with Client(proxy, mode=front) as client:
            first = (await client.call_tool("session")).data
            await some(swept)
            assert (await client.call_tool("session")).data == first
        async with asyncio.timeout(10):
            while swept[-1]:
                await some(swept)


async def test_two_servers_of_one_proxy_sweep_once(swept: list[int]):
    provider = ProxyProvider(lambda: ProxyClient(behind()))
    one, other = FastMCP("one", providers=[provider]), FastMCP("other", providers=[provider])
    async with one.engine.lifespan.use(), other.engine.lifespan.use():
        await some(swept)
    ended = len(swept)
    await asyncio.sleep(0.1)
    assert len(swept) == ended


async def test_a_proxy_that_is_added_to_a_running_server_keeps_its_connections():
    front = FastMCP("front")
    async with Client(front) as client:
        front.add_provider(ProxyProvider(lambda: ProxyClient(behind(), mode="legacy")))
        first = (await client.call_tool("session")).data
        assert (await client.call_tool("session")).data == first


async def test_a_session_keeps_its_connection_while_its_stream_is_open(swept: list[int]):
    proxy = create_proxy(behind(), mode="legacy")
    app = proxy.http_app()
    async with proxy.engine.lifespan.use():
        peer = await Peer(app).open()
        stream = await peer.listen().until(lambda live: live.status)
        first = (await peer.call("session")).result["content"]
        await some(swept)
        assert (await peer.call("session")).result["content"] == first
        stream.leave()
        await stream.done()
        async with asyncio.timeout(10):
            while swept[-1]:
                await some(swept)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "proxy_max_connections", 3)
    monkeypatch.setattr(get_settings(), "proxy_max_processes", 2)


def as_one(app: App, name: str) -> Peer:
    return Peer(app, STATELESS, headers={"authorization": f"Bearer {name}"})


class Counted(FastMCP):
    """A server behind that knows how many are connected to it."""

    now = most = 0

    @asynccontextmanager
    async def connect_in_process(self, deliver: Any) -> AsyncIterator[Any]:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            async with super().connect_in_process(deliver) as receive:
                yield receive
        finally:
            self.now -= 1


@pytest.mark.usefixtures("few")
async def test_who_is_idle_for_the_longest_gives_way():
    server = Counted("behind")
    started = asyncio.Event()
    go_on = asyncio.Event()

    @server.tool
    async def session(ctx: Context) -> str:
        return ctx.session_id

    @server.tool
    async def wait() -> str:
        started.set()
        await go_on.wait()
        return "waited"

    proxy = create_proxy(server, mode="legacy")
    app = proxy.http_app()
    async with proxy.engine.lifespan.use():
        waits = as_one(app, "waits").start_call("wait")
        await started.wait()
        first = (await as_one(app, "first").call("session")).result["content"]
        for name in range(20):
            await as_one(app, f"{name}").call("session")
            # Used again each time, so never the one that gives way.
            assert (await as_one(app, "first").call("session")).result["content"] == first
        assert server.most <= 4  # one may still be saying farewell
        go_on.set()
        assert (await waits.done()).result["content"][0]["text"] == "waited"


@pytest.mark.usefixtures("few")
async def test_who_finds_no_room_is_told_so():
    server = FastMCP("behind")
    started = asyncio.Semaphore(0)
    go_on = asyncio.Event()

    @server.tool
    async def wait() -> str:
        started.release()
        await go_on.wait()
        return "waited"

    proxy = create_proxy(server, mode="legacy")
    app = proxy.http_app()
    async with proxy.engine.lifespan.use():
        waiting = [as_one(app, f"{n}").start_call("wait") for n in range(3)]
        for _ in waiting:
            await started.acquire()
        refused = (await as_one(app, "late").call("wait")).result
        assert refused["isError"]
        assert "3 clients use the server behind this one now" in refused["content"][0]["text"]
        go_on.set()
        for live in waiting:
            assert (await live.done()).result["content"][0]["text"] == "waited"
        assert not (await as_one(app, "late").call("wait")).result.get("isError")


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("configured", [False, True])
async def test_fewer_processes(configured: bool):
    """Each client has a process, and there are two at most."""
    script = f"import sys; sys.path.insert(0, {str(BACKEND.parent)!r}); import backend; "
    run = script + "backend.mcp.run(transport='stdio', show_banner=False)"
    entry = {"command": sys.executable, "args": ["-c", run]}
    direct = StdioTransport(sys.executable, ["-c", run])
    proxy = create_proxy({"mcpServers": {"one": entry}} if configured else direct)
    app = proxy.http_app()
    async with proxy.engine.lifespan.use():
        waiting = [as_one(app, f"{n}").start_call("wait", {"tag": f"{n}"}) for n in range(2)]
        async with asyncio.timeout(30):
            for live in waiting:
                await live.until(lambda live: live.is_stream)
        refused = (await as_one(app, "late").call("add", {"a": 1, "b": 1})).result
        assert "2 processes use the server behind" in refused["content"][0]["text"]
        for live in waiting:
            live.leave()
            await live.done()


async def test_a_session_is_told_of_once(swept: list[int]):
    """However often its connection was swept and made again."""
    proxy = create_proxy(behind(), mode="legacy")
    app = proxy.http_app()
    async with proxy.engine.lifespan.use():
        peer = await Peer(app).open()
        held: set[int] = set()
        for _ in range(4):
            found = await peer.call("session")
            assert not found.result.get("isError")
            await some(swept)
            held.add(sum(len(s.closers) for s in gc.get_objects() if isinstance(s, Session)))
    assert max(held) <= 1
