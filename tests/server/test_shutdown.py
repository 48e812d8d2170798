"""A server told to stop: streams end at once, calls have their time, the process ends well.

Real processes in every way a server is run, real connections, real signals.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from fastmcp import Client, FastMCP
from fastmcp.exceptions import McpError, ToolError
from tests.support import process
from tests.support.process import Server, listening, serve, until, without_settings
from tests.support.wire import STATELESS, Answer, Wire

SOURCE = '''
import asyncio
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount

from fastmcp import Context, FastMCP
from fastmcp.server.transports.shutdown import stopping

book = Path(__file__).with_name("book")


def note(line):
    with book.open("a") as file:
        file.write(line + "\\n")


@asynccontextmanager
async def lifespan(server):
    note("in")
    yield {}
    note("out")


mcp = FastMCP("stopping", lifespan=lifespan)


@mcp.tool
async def slow(seconds: float) -> str:
    note("begun")
    await asyncio.sleep(seconds)
    return "done"


@mcp.tool
def block(seconds: float) -> str:
    note("begun")
    time.sleep(seconds)
    return "done"


@mcp.tool
async def told() -> bool:
    """Whether other code can ask for it."""
    before = stopping()
    note("begun")
    while not stopping():
        await asyncio.sleep(0.01)
    return not before


@mcp.tool
async def ask(ctx: Context) -> str:
    await ctx.elicit("your name?", str)
    return "done"


app = mcp.http_app()
mounting = Starlette(routes=[Mount("/", app)])


async def main():
    await mcp.run_async("http", port=int(sys.argv[1]))


if __name__ == "__main__":
    if sys.argv[2:] == ["async"]:
        asyncio.run(main())
    else:
        mcp.run("http", port=int(sys.argv[1]))
'''

Argv = Callable[[int], Sequence[str | Path]]


def fastmcp_run(*options: str) -> Argv:
    command = [sys.executable, "-m", "fastmcp", "run", "stopping.py", "-t", "http", *options]
    return lambda port: [*command, "--port", str(port)]


WAYS: dict[str, Argv] = {
    "mcp.run": lambda port: [sys.executable, "stopping.py", str(port)],
    "asyncio.run": lambda port: [sys.executable, "stopping.py", str(port), "async"],
    "fastmcp run": fastmcp_run(),
    "fastmcp run --reload": fastmcp_run("--reload"),
    "fastmcp run --workers": fastmcp_run("--workers", "2"),
    "uvicorn": process.uvicorn("stopping:app"),
    "uvicorn, mounted": process.uvicorn("stopping:mounting"),
    "uvicorn --workers": process.uvicorn("stopping:app", "--workers", "2"),
    "uvicorn --reload": process.uvicorn("stopping:app", "--reload"),
}
STARTED = "Application startup complete."
KEEPS_LISTENING = ("uvicorn --workers", "uvicorn --reload")
"""The parent of these holds the socket until its children have ended."""


@dataclass
class Site:
    """A running server, and what its tools and its lifespan wrote."""

    server: Server
    book: Path

    def lines(self, line: str) -> int:
        return self.book.read_text().splitlines().count(line) if self.book.exists() else 0

    def signal(self, how: signal.Signals, group: bool = False) -> None:
        """As `kill` does; with `group` as a terminal does."""
        if group:
            os.killpg(self.server.process.pid, how)
        else:
            self.server.process.send_signal(how)

    async def ended(self, seconds: float = 10.0) -> int:
        """Its exit code; it must end within that time and leave a clean log."""
        code = await asyncio.to_thread(self.server.process.wait, seconds)
        self.server.assert_clean()
        log = self.server.log
        assert "Traceback" not in log
        assert "ERROR" not in log, log
        return code


@asynccontextmanager
async def site(tmp_path: Path, way: str, grace: float, **more: str) -> AsyncIterator[Site]:
    (tmp_path / "stopping.py").write_text(SOURCE)
    env = without_settings(
        FASTMCP_HOME=str(tmp_path / "home"),
        FASTMCP_HTTP_SHUTDOWN_GRACE=str(grace),
        # Python writes bytecode beside the file, and reloaders would see it.
        PYTHONDONTWRITEBYTECODE="1",
        **more,
    )
    with serve(WAYS[way], cwd=tmp_path, env=env) as server:
        # The port answers from the first worker on; one in the middle of its imports is not meant.
        workers = 2 if "--workers" in way else 1
        await until(lambda: server.log.count(STARTED) == workers, "every worker has started", 20)
        yield Site(server, tmp_path / "book")


class Crowd:
    """Clients with open streams and running calls.

    Args:
        url: the endpoint.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Crowd:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def wire(self) -> Wire:
        wire = await self._stack.enter_async_context(Wire(self._url))
        await wire.initialize()
        return wire

    async def listen(self) -> asyncio.Task[None]:
        """An idle GET stream; the task ends when its body ends as it should, and has said when to
        come back."""
        wire, opened = await self.wire(), asyncio.Event()

        async def read() -> None:
            last = None
            async with wire.listen() as events:
                opened.set()
                async for event in events:
                    last = event
            assert last is not None
            assert last.retry is not None

        task = asyncio.create_task(read())
        await opened.wait()
        return task

    async def subscribe(self) -> asyncio.Task[None]:
        """An idle subscription; the task ends when it ends with its result."""
        wire = await self._stack.enter_async_context(Wire(self._url, STATELESS))
        opened = asyncio.Event()

        async def read() -> None:
            last = {}
            async with wire.subscribe({"toolsListChanged": True}) as messages:
                opened.set()
                async for message in messages:
                    last = message
            assert last["result"]["resultType"] == "complete"

        task = asyncio.create_task(read())
        await opened.wait()
        return task

    async def call(self, tool: str, **arguments: Any) -> asyncio.Task[Answer]:
        return asyncio.create_task((await self.wire()).call(tool, arguments))


async def begun(at: Site, count: int) -> None:
    await until(lambda: at.lines("begun") == count, "the calls have begun")


@pytest.mark.parametrize("way", WAYS)
async def test_t8_streams_end_at_once_and_calls_deliver(tmp_path: Path, way: str):
    async with site(tmp_path, way, grace=10) as at, Crowd(at.server.url) as crowd:
        streams = [await crowd.listen() for _ in range(5)]
        streams += [await crowd.subscribe() for _ in range(5)]
        calls = [await crowd.call("slow", seconds=2) for _ in range(3)]
        await begun(at, 3)
        at.signal(signal.SIGTERM)
        await asyncio.gather(*streams)
        assert not any(call.done() for call in calls)
        if way not in KEEPS_LISTENING:
            await until(lambda: not listening(at.server.port), "connections are refused", 1.5)
            assert not any(call.done() for call in calls)
        assert [(await call).text for call in calls] == ["done"] * 3
        assert await at.ended() == 0
        assert at.lines("in") == at.lines("out") > 0


@pytest.mark.parametrize(
    ("way", "tool"),
    [
        ("mcp.run", "block"),
        ("fastmcp run --workers", "slow"),
        ("uvicorn", "slow"),
        ("uvicorn, mounted", "block"),
    ],
)
async def test_t8_a_call_that_outlasts_the_grace_time_is_told(tmp_path: Path, way: str, tool: str):
    async with site(tmp_path, way, grace=1) as at, Crowd(at.server.url) as crowd:
        call = await crowd.call(tool, seconds=60)
        await begun(at, 1)
        start = time.monotonic()
        at.signal(signal.SIGTERM)
        error = (await call).error
        assert time.monotonic() - start >= 0.9
        assert error["code"] == -32603
        assert "The server stopped before the call was done" in error["message"]
        assert await at.ended() == 0
        assert time.monotonic() - start < 4  # grace + 1, and a slow machine
        assert at.lines("in") == at.lines("out") > 0


@pytest.mark.parametrize(
    ("way", "tool"),
    [
        ("mcp.run", "slow"),
        ("fastmcp run", "block"),
        ("fastmcp run --reload", "slow"),
        ("fastmcp run --workers", "block"),
        ("uvicorn", "slow"),
    ],
)
async def test_t8_a_second_ctrl_c_means_at_once(tmp_path: Path, way: str, tool: str):
    async with site(tmp_path, way, grace=30) as at, Crowd(at.server.url) as crowd:
        stream = await crowd.listen()
        call = await crowd.call(tool, seconds=60)
        await begun(at, 1)
        at.signal(signal.SIGINT, group=True)
        await stream
        # A signal that comes before the last one was heard is the same signal, to the system.
        workers = 2 if "--workers" in way else 1
        await until(
            lambda: at.server.log.count("Shutting down") == workers,
            "every worker has heard the first",
        )
        at.signal(signal.SIGINT, group=True)
        start = time.monotonic()
        assert "The server stopped" in (await call).error["message"]
        assert await at.ended() == 0
        assert time.monotonic() - start < 3  # half a second, and a slow machine; grace is 30


async def test_t8_sigterm_after_ctrl_c_is_the_same_wish(tmp_path: Path):
    """A supervisor sends it to a child that a terminal has interrupted already."""
    async with site(tmp_path, "uvicorn", grace=10) as at, Crowd(at.server.url) as crowd:
        stream = await crowd.listen()
        call = await crowd.call("slow", seconds=1.5)
        await begun(at, 1)
        at.signal(signal.SIGINT)
        await stream
        at.signal(signal.SIGTERM)
        assert (await call).text == "done"
        assert await at.ended() == 0


@pytest.mark.parametrize("way", ["mcp.run", "uvicorn"])
async def test_t8_a_question_that_waits_gets_its_error(tmp_path: Path, way: str):
    asked = asyncio.Event()

    async def think(*_: Any) -> Any:
        asked.set()
        await asyncio.Event().wait()

    async with site(tmp_path, way, grace=0.5) as at:
        client = Client(at.server.url, mode="legacy", elicitation_handler=think)
        async with client:
            call = asyncio.create_task(client.call_tool("ask"))
            await asked.wait()
            at.signal(signal.SIGTERM)
            with pytest.raises((McpError, ToolError), match="The server stopped"):
                await call
        assert await at.ended() == 0


async def test_t8_other_code_can_ask_whether_the_server_stops(tmp_path: Path):
    async with site(tmp_path, "uvicorn", grace=10) as at, Crowd(at.server.url) as crowd:
        call = await crowd.call("told")
        await begun(at, 1)
        at.signal(signal.SIGTERM)
        assert (await call).text == "true"
        assert await at.ended() == 0


async def test_t8_a_body_that_never_comes_does_not_keep_the_server(tmp_path: Path):
    async with site(tmp_path, "uvicorn", grace=0.5) as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.server.port)
        writer.write(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Accept: application/json, text/event-stream\r\nContent-Length: 100\r\n\r\n{"
        )
        await writer.drain()
        # A second connection has been answered: the first was read before.
        async with Wire(at.server.url) as wire:
            await wire.initialize()
        at.signal(signal.SIGTERM)
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        writer.close()
        assert await at.ended() == 0


async def test_t8_a_server_in_a_thread():
    """No signal reaches it: whoever runs it sets `should_exit`."""
    mcp = FastMCP("threaded")
    entered = threading.Event()

    @mcp.tool
    async def wait() -> str:
        entered.set()
        await asyncio.Event().wait()
        return ""

    config = uvicorn.Config(
        mcp.http_app(shutdown_grace=0.5), host="127.0.0.1", port=0, log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        await until(lambda: server.started, "it has started")
        port = server.servers[0].sockets[0].getsockname()[1]
        async with Crowd(f"http://127.0.0.1:{port}/mcp") as crowd:
            streams = [await crowd.listen() for _ in range(3)]
            call = await crowd.call("wait")
            await asyncio.to_thread(entered.wait)
            server.should_exit = True
            await asyncio.gather(*streams)
            assert "The server stopped" in (await call).error["message"]
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join, 10.0)
    assert not thread.is_alive()


async def test_t8_a_call_that_comes_while_the_server_stops_has_its_grace_time():
    """No signal, and nothing ran when `should_exit` was set: the call comes a moment later."""
    mcp = FastMCP("late")

    @mcp.tool
    async def wait() -> str:
        await asyncio.Event().wait()
        return ""

    calls: list[asyncio.Task[Answer]] = []

    class Late(uvicorn.Server):
        async def shutdown(self, sockets: Any = None) -> None:
            calls.append(asyncio.create_task(wire.call("wait")))
            await super().shutdown(sockets)

    app = mcp.http_app(shutdown_grace=0.3)
    server = Late(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    serving = asyncio.create_task(server._serve())
    async with asyncio.timeout(20):
        await until(lambda: server.started, "it has started")
        port = server.servers[0].sockets[0].getsockname()[1]
        async with Crowd(f"http://127.0.0.1:{port}/mcp") as crowd:
            wire = await crowd.wire()
            server.should_exit = True
            await serving
            assert "The server stopped" in (await calls[0]).error["message"]


async def test_t8_one_of_two_servers_in_a_loop_stops_alone():
    servers: list[uvicorn.Server] = []
    serving: list[asyncio.Task[None]] = []
    for name in ("first", "second"):
        config = uvicorn.Config(FastMCP(name).http_app(), host="127.0.0.1", port=0, log_level=30)
        servers.append(uvicorn.Server(config))
        # What `serve` does besides is to take the signals of the process that runs the tests.
        serving.append(asyncio.create_task(servers[-1]._serve()))
    async with asyncio.timeout(20):
        for server in servers:
            await until(lambda s=server: s.started, "it has started")
        ports = [server.servers[0].sockets[0].getsockname()[1] for server in servers]
        async with (
            Crowd(f"http://127.0.0.1:{ports[0]}/mcp") as one,
            Crowd(f"http://127.0.0.1:{ports[1]}/mcp") as other,
        ):
            ends, stays = await one.listen(), await other.listen()
            servers[0].should_exit = True
            await ends
            await serving[0]
            assert not stays.done()
            await other.wire()
            servers[1].should_exit = True
            await stays
        await serving[1]


async def test_the_signals_are_given_back_when_the_application_ends():
    app = FastMCP("x").http_app()
    before = signal.getsignal(signal.SIGINT)
    async with app.lifespan(app):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("stateless", ["false", "true"])
@pytest.mark.parametrize("way", ["uvicorn", "uvicorn, mounted"])
async def test_t28_one_lifespan_for_all_sessions(tmp_path: Path, way: str, stateless: str):
    async with site(tmp_path, way, 1, FASTMCP_STATELESS_HTTP=stateless) as at:
        for _ in range(10):
            async with Crowd(at.server.url) as crowd:
                calls = [await crowd.call("slow", seconds=0) for _ in range(5)]
                assert [(await call).text for call in calls] == ["done"] * 5
        assert at.lines("begun") == 50
        assert (at.lines("in"), at.lines("out")) == (1, 0)
        at.signal(signal.SIGTERM)
        assert await at.ended() == 0
        assert (at.lines("in"), at.lines("out")) == (1, 1)


@pytest.mark.parametrize("way", ["mcp.run", "fastmcp run", "fastmcp run --workers", "uvicorn"])
def test_t28_a_lifespan_that_fails_is_told_once_and_ends_the_process(tmp_path: Path, way: str):
    (tmp_path / "stopping.py").write_text(
        SOURCE.replace('note("in")', 'raise LookupError("the database is away")')
    )
    done = subprocess.run(
        [str(word) for word in WAYS[way](process.free_port())],
        cwd=tmp_path,
        env={**os.environ, "FASTMCP_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode not in (0, None)
    said = "The server's lifespan could not start: LookupError: the database is away"
    workers = 2 if way == "fastmcp run --workers" else 1
    assert 1 <= done.stderr.count(said) <= workers
    assert f"({tmp_path / 'stopping.py'}, line " in done.stderr
    assert "Traceback" not in done.stderr
