"""`fastmcp run --workers`: several processes on one socket, and none of them missed for long."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_run import HELLO, ask, running, tell
from tests.support.process import Server, eventually, listening
from tests.support.redis import redis
from tests.support.wire import Wire

SECONDS = 60.0
SOURCE = """
import asyncio
import os
from pathlib import Path
from fastmcp import FastMCP
mcp = FastMCP('crowd')

@mcp.tool
def pid() -> int:
    return os.getpid()

@mcp.tool
async def slow() -> str:
    with Path(__file__).with_name('book').open('a') as book:
        book.write('begun ')
    await asyncio.sleep(1.5)
    return 'done'

def make():
    return mcp

async def amake():
    return mcp
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "crowd.py"
    file.write_text(SOURCE)
    return file


def pid(server: Server, session: str | None = None) -> int:
    return tell(server.url, "pid", session)["structuredContent"]["result"]


def pids(server: Server, count: int, other_than: set[int] | None = None) -> set[int]:
    """The workers that answer, once there are so many."""
    found: set[int] = set()

    def enough() -> bool:
        # A worker that is being replaced may close a connection it has not read from yet.
        with suppress(ConnectionError, http.client.HTTPException, urllib.error.URLError):
            found.add(pid(server))
        return len(found - (other_than or set())) >= count

    eventually(enough, SECONDS, f"{count} workers answer")
    return found - (other_than or set())


@pytest.mark.parametrize("object", ["", ":mcp", ":make", ":amake"])
def test_every_worker_imports_it_and_a_session_is_everybodys(
    environment: dict[str, str], file: Path, object: str
):
    with running(environment, f"{file}{object}", "--workers", "2") as server:
        _, session = ask(server.url, "initialize", HELLO)
        own: set[int] = set()
        eventually(lambda: own.add(pid(server, session)) or len(own) == 2, SECONDS, "both")
        assert server.log.count("FastMCP server crowd") == 1
        assert f"url        {server.url}" in server.log
        assert server.stop() == 0
        assert not listening(server.port)


def test_a_module(environment: dict[str, str], file: Path):
    with running(environment, "-m", "crowd", "--workers", "2", cwd=file.parent) as server:
        assert len(pids(server, 2)) == 2


def test_who_dies_is_replaced(environment: dict[str, str], file: Path):
    with running(environment, file, "--workers", "2") as server:
        before = pids(server, 2)
        victim = before.pop()
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: "starting another" in server.log, SECONDS, "it is missed")
        assert f"worker {victim} ended with code -9" in server.log
        assert len(pids(server, 1, other_than={victim, *before})) == 1
        assert server.stop() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP")
async def test_sighup_replaces_all_and_loses_no_call(environment: dict[str, str], file: Path):
    with running(environment, file, "--workers", "2") as server:
        before = await asyncio.to_thread(pids, server, 2)

        async def slow() -> str:
            async with Wire(server.url) as wire:
                await wire.initialize()
                return (await wire.call("slow")).text

        calls = [asyncio.create_task(slow()) for _ in range(6)]
        book = file.with_name("book")
        await asyncio.to_thread(
            eventually,
            lambda: book.exists() and book.read_text().count("begun") == 6,
            SECONDS,
            "the calls have begun",
        )
        server.process.send_signal(signal.SIGHUP)
        assert set(await asyncio.gather(*calls)) == {"done"}
        assert len(await asyncio.to_thread(pids, server, 2, before)) == 2
        assert await asyncio.to_thread(server.stop) == 0


def test_sighup_with_a_broken_file_changes_nothing(environment: dict[str, str], file: Path):
    with running(environment, file, "--workers", "2") as server:
        before = pids(server, 2)
        file.write_text("def broken(:\n")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "the old ones go on" in server.log, SECONDS, "it is noticed")
        assert "SyntaxError" in server.log
        assert pids(server, 2) == before
        assert server.stop() == 0


def test_workers_do_not_outlive_their_supervisor(environment: dict[str, str], file: Path):
    with running(environment, file, "--workers", "2") as server:
        pids(server, 2)
        server.process.kill()
        server.process.wait()
        eventually(lambda: not listening(server.port), SECONDS, "all have ended")


def test_a_worker_serves_though_nobody_hears_that_it_does(environment: dict[str, str], file: Path):
    """Its supervisor may go away at that moment."""
    ours, theirs = socket.socketpair()
    ours.shutdown(socket.SHUT_RD)  # a word to us fails from now on
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener:
        handed = (theirs.fileno(), listener.fileno())
        options = ("--supervisor-fd", handed[0], "--listen-fd", handed[1], "-t", "http")
        with subprocess.Popen(
            [sys.executable, "-m", "fastmcp", "run", file, *map(str, options)],
            env=environment,
            pass_fds=handed,
            stderr=subprocess.PIPE,
        ) as worker:
            assert worker.stderr is not None
            try:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
                for _ in range(3):
                    assert tell(url, "pid")["structuredContent"]["result"] == worker.pid
            finally:
                ours.close()
                log = worker.stderr.read()
    assert b"Traceback" not in log
    assert worker.returncode == 0


def test_what_cannot_start_ends(fastmcp: Command, tmp_path: Path):
    (tmp_path / "broken.py").write_text("raise LookupError('no such thing')")
    done = fastmcp("run", "broken.py", "-t", "http", "--port", "0", "--workers", "2")
    assert done.returncode == 1
    assert "broken.py could not be loaded: LookupError: no such thing" in done.stderr
    assert done.stderr.count("the server cannot start") == 1
    assert "Traceback" not in done.stderr


def test_a_taken_port(environment: dict[str, str], fastmcp: Command, file: Path):
    with running(environment, file) as server:
        done = fastmcp("run", file, "-t", "http", "--port", str(server.port), "--workers", "2")
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{server.port}: Address already in use" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "2"], "stdio serves one client"),
        (["--workers", "0", "-t", "http"], "there must be one at least"),
        (["--workers", "2", "-t", "http", "--reload"], "exclude each other"),
        (["--uvicorn-arg", "backlog=1"], "add --transport http"),
        (["-t", "http", "--uvicorn-arg", "backlog"], "write it as key=value"),
        (["-t", "http", "--uvicorn-arg", "port=1"], "use --port"),
        (["-t", "http", "--uvicorn-arg", "log-level=1"], "use --log-level"),
        (["-t", "http", "--uvicorn-arg", "app=1"], "uvicorn.Config has no such setting"),
        (["-t", "http", "--uvicorn-arg", "colour=1"], "uvicorn.Config has no such setting"),
    ],
)
def test_what_does_not_fit_is_said(fastmcp: Command, file: Path, options: list[str], said: str):
    done = fastmcp("run", file, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_that_runs_itself_has_one_process(fastmcp: Command, tmp_path: Path):
    (tmp_path / "own_main.py").write_text("")
    for options in (["--workers", "2"], ["--uvicorn-arg", "backlog=9"]):
        done = fastmcp("run", "-m", "own_main", "-t", "http", "--port", "0", *options)
        assert done.returncode == 1
        assert "holds no server and starts its own" in done.stderr


@pytest.mark.parametrize("more", [[], ["--workers", "2"], ["--reload"]])
def test_t29_settings_reach_uvicorn(environment: dict[str, str], file: Path, more: list[str]):
    settings = ("access_log=false", "server-header=false", 'headers=[["x-mine", "yes"]]')
    options = [word for pair in settings for word in ("--uvicorn-arg", pair)]
    with running(environment, file, *options, *more) as server:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(server.url, timeout=20)
        headers = caught.value.headers
        caught.value.close()
        assert (headers["x-mine"], headers["server"]) == ("yes", None)
        assert "HTTP/1.1" not in server.log
        assert server.stop() == 0


async def test_t29_workers_on_a_redis(environment: dict[str, str], file: Path):
    """Twenty sessions, every request on a connection of its own: all succeed, on all workers, and
    after one of them has died."""
    answered: set[int] = set()

    async def client(server: Server, session: str, calls: int) -> None:
        for _ in range(calls):
            answered.add(await asyncio.to_thread(pid, server, session))

    with redis() as store:
        env = environment | {"FASTMCP_REDIS_URL": f"redis://127.0.0.1:{store.port}"}
        with running(env, file, "--workers", "3") as server:
            assert len(await asyncio.to_thread(pids, server, 3)) == 3
            hellos = (asyncio.to_thread(ask, server.url, "initialize", HELLO) for _ in range(20))
            sessions = [session for _, session in await asyncio.gather(*hellos)]
            await asyncio.gather(*(client(server, session, 10) for session in sessions))
            assert len(answered) == 3
            victim = answered.pop()
            os.kill(victim, signal.SIGKILL)
            await asyncio.to_thread(pids, server, 1, {victim, *answered})
            answered.clear()
            await asyncio.gather(*(client(server, session, 2) for session in sessions))
            assert victim not in answered
            assert await asyncio.to_thread(server.stop) == 0
