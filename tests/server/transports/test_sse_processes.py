"""HTTP+SSE in real processes: how a server of it ends, what it says, how it is started."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from pathlib import Path

import uvicorn

from fastmcp import FastMCP
from tests.client.conftest import OLD_SERVED
from tests.support.process import script, serve, until, without_settings
from tests.support.sse_wire import OldWire, old_wire

ENV = without_settings()


async def sleeping(wire: OldWire, seconds: float) -> asyncio.Task[dict[str, object]]:
    """A call that has begun."""
    before = len(wire.messages)
    params = {"name": "sleep", "arguments": {"seconds": seconds}}
    task = asyncio.create_task(wire.request("tools/call", params))
    await wire.until(lambda: len(wire.messages) > before)
    return task


async def test_t8_idle_streams_end_at_once_and_calls_are_answered():
    with serve(script(OLD_SERVED, "both"), env=ENV) as server:
        url = server.url.replace("/mcp", "/sse")
        async with old_wire(url) as idle, old_wire(url) as busy:
            call = await sleeping(busy, 1.5)
            server.process.send_signal(signal.SIGTERM)
            await idle.end()
            assert idle.events[-1].retry is not None
            assert not call.done()
            response = await call
            assert response["result"]["content"][0]["text"] == "slept"
            await busy.end()
            assert await asyncio.to_thread(server.process.wait, 10) == 0
        server.assert_clean()


async def test_t8_a_call_that_outlasts_the_grace_time_is_told():
    env = {**ENV, "FASTMCP_HTTP_SHUTDOWN_GRACE": "0.5"}
    with serve(script(OLD_SERVED, "sse"), env=env) as server:
        async with old_wire(server.url.replace("/mcp", "/sse")) as wire:
            call = await sleeping(wire, 60)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            error = (await call)["error"]
            assert "The server stopped before the call was done" in error["message"]
            await wire.end()
            assert await asyncio.to_thread(server.process.wait, 10) == 0
            assert time.monotonic() - began < 6
        server.assert_clean()


async def test_t8_a_server_in_a_thread_that_no_signal_reaches():
    mcp = FastMCP("thread")
    entered = threading.Event()

    @mcp.tool
    async def wait() -> str:
        entered.set()
        await asyncio.Event().wait()
        return ""

    app = mcp.http_app(legacy_sse=True, shutdown_grace=0.5)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        await until(lambda: server.started, "it has started")
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/sse"
        async with old_wire(url) as idle, old_wire(url) as busy:
            call = asyncio.create_task(busy.request("tools/call", {"name": "wait"}))
            await asyncio.to_thread(entered.wait, 10)
            server.should_exit = True
            await idle.end()
            assert "The server stopped" in (await call)["error"]["message"]
            await busy.end()
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join, 10.0)
    assert not thread.is_alive()


async def test_t30_what_is_said_of_it_once_in_a_process(tmp_path: Path):
    """G10 is the listing; here two applications of one process are served together."""
    source = """
from starlette.applications import Starlette
from starlette.routing import Mount
from fastmcp import FastMCP

one, two = FastMCP("one").http_app(legacy_sse=True), FastMCP("two").http_app(legacy_sse=True)
app = Starlette(routes=[Mount("/one", one), Mount("/two", two)])
"""
    (tmp_path / "twice.py").write_text(source)

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "uvicorn", "twice:app", "--port", str(port)]

    with serve(command, cwd=tmp_path, env=ENV, path="") as server:
        for path in ("one", "two", "one"):
            async with old_wire(f"{server.url}/{path}/sse"):
                pass
        assert server.log.count("is deprecated") == 1
        assert "Let clients connect to /mcp" in server.log


async def test_fastmcp_run(tmp_path: Path):
    (tmp_path / "old.py").write_text(
        "from fastmcp import FastMCP\nmcp = FastMCP('old')\n"
        "@mcp.tool\ndef add(a: int, b: int) -> int:\n    return a + b\n"
    )

    def command(port: int) -> list[str]:
        run = [sys.executable, "-m", "fastmcp", "run", "old.py", "-t", "sse", "--path", "/events"]
        return [*run, "--port", str(port)]

    with serve(command, cwd=tmp_path, env=ENV, path="/events") as server:
        async with old_wire(server.url) as wire:
            assert await wire.call("add", {"a": 1, "b": 2}) == "3"
        line = [sys.executable, "-m", "fastmcp", "call", server.url, "add", "a=1", "b=2"]
        calling = [
            await asyncio.create_subprocess_exec(
                *line, "--transport", order, stdout=asyncio.subprocess.PIPE, env=ENV
            )
            for order in ("sse", "http-first")
        ]
        said = await asyncio.gather(*(process.communicate() for process in calling))
        assert [out.decode().strip() for out, _ in said] == ["3", "3"]
