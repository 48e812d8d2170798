"""The life of a child process: started once, heard to the end, and never left behind."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fastmcp import Client
from fastmcp.client.errors import ConnectionClosedError
from fastmcp.client.transports import PythonStdioTransport, StdioTransport
from tests.client.conftest import ODD, SERVED
from tests.support.locks import ROOT
from tests.support.process import children, eventually, until


def odd(what: str, *args: object, **options: object) -> StdioTransport:
    options.setdefault("keep_alive", False)
    line = [str(ODD), what, *map(str, args)]
    return StdioTransport(sys.executable, line, **options)  # type: ignore[arg-type]


def runs(pid: int) -> bool:
    """Whether a process is there and is not merely waiting for someone to ask how it ended."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def none_runs(file: Path) -> Callable[[], bool]:
    return lambda: not any(runs(pid) for pid in pids(file))


# --- the start ---------------------------------------------------------------------------------


async def test_started_once_however_many_enter(tmp_path: Path) -> None:
    transport = odd("polite", tmp_path / "pids", keep_alive=True)
    client = Client(transport, mode="legacy")

    async def stay() -> None:
        async with client:
            await client.ping()

    await asyncio.gather(transport.connect(), transport.connect(), *(stay() for _ in range(20)))
    await client.close()
    [pid] = pids(tmp_path / "pids")
    assert not runs(pid)


async def test_what_it_wrote_before_it_died_is_in_the_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    missing = "No module named 'a_module_that_is_not_there'"
    with pytest.raises(RuntimeError) as caught:
        async with Client(odd("dies")):
            pass
    first, *rest = str(caught.value).splitlines()
    assert first == (
        "Client failed to connect: the server process ended with exit code 1: "
        f"ModuleNotFoundError: {missing}"
    )
    assert "    warning: of no interest" in rest
    assert missing in capfd.readouterr().err  # and it was shown as well


@pytest.mark.parametrize(
    ("command", "cwd", "says"),
    [
        ("npx", None, "the command 'npx' was not found on the PATH. Install Node.js"),
        ("uvx", None, "Install uv"),
        ("no-such-command", None, "give its full path"),
        ("/no/such/command", None, "was not found in /no/such"),
        ("python server.py", None, "the words after it as args"),
        (sys.executable, "/no/such/folder", "cwd='/no/such/folder'"),
        (str(ODD), None, "may not be run"),
    ],
)
async def test_a_command_that_cannot_be_started(command: str, cwd: str | None, says: str) -> None:
    transport = StdioTransport(command, [], {"PATH": "/nowhere"}, cwd)
    with pytest.raises(RuntimeError) as caught:
        async with Client(transport):
            pass
    assert str(caught.value).startswith("Client failed to connect: the ")
    assert says in str(caught.value)


@pytest.mark.parametrize("keep_alive", [False, True])
async def test_a_start_that_is_given_up_leaves_nothing(tmp_path: Path, keep_alive: bool) -> None:
    file = tmp_path / "pids"
    client = Client(odd("silent", file, keep_alive=keep_alive), mode="legacy")
    entering = asyncio.create_task(client.__aenter__())
    await until(lambda: bool(pids(file)), "it has started")
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert none_runs(file)()


async def test_a_server_of_the_stateless_era_that_is_slow_to_start() -> None:
    """It takes the probe when the client has already given up on it, and refuses the handshake."""
    async with Client(odd("late"), timeout=1) as client:
        assert client.protocol_version == "2026-07-28"


async def test_leaving_does_not_wait_for_one_who_enters(tmp_path: Path) -> None:
    """Of a server that died, and whose successor is slow, one leaves while another enters."""
    file = tmp_path / "pids"
    client = Client(odd("once", file), mode="legacy", init_timeout=30)
    await client.__aenter__()
    with pytest.raises(ConnectionClosedError):
        await client.ping()
    entering = asyncio.create_task(client.__aenter__())
    await until(lambda: len(pids(file)) >= 2, "its successor has started")
    await asyncio.wait_for(client.__aexit__(None, None, None), 5)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert none_runs(file)()


# --- what it says ------------------------------------------------------------------------------


async def test_messages_of_ten_megabytes_and_more() -> None:
    transport = PythonStdioTransport(SERVED, env={"PYTHONPATH": str(ROOT)}, keep_alive=False)
    async with Client(transport) as client:
        sent = client.call_tool("length", {"text": "é" * 8_000_000})
        heard = client.call_tool("long_text", {"size": 16_000_000})
        length, text = await asyncio.gather(sent, heard)
    assert length.data == 8_000_000
    assert len(text.data) == 16_000_000


@pytest.mark.parametrize("what", ["drip", "flood", "no-newline"])
async def test_a_message_is_heard_however_it_comes(what: str) -> None:
    heard: list[object] = []

    async def log(message: object) -> None:
        heard.append(message)

    async with Client(odd(what), mode="legacy", log_handler=log) as client:
        results = await asyncio.gather(*(client.ping() for _ in range(1 if "no" in what else 3)))
    assert all(results)
    assert len(heard) == (9000 if what == "flood" else 0)


async def test_noise_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    async with Client(odd("noise"), mode="legacy") as client:
        assert await client.ping()
        assert await client.ping()
    assert [r.message for r in caplog.records if "no MCP message" in r.message] == [
        r"The server sent what is no MCP message: b'[INFO] \xff\xfe not even text'"
    ]


async def test_it_dies_in_the_middle_of_a_message() -> None:
    async with Client(odd("half"), mode="legacy") as client:
        with pytest.raises(ConnectionClosedError, match=r"ended with exit code 7$"):
            await client.ping()


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="needs real-time signals")
async def test_it_is_ended_by_a_signal_that_has_no_name() -> None:
    async with Client(odd("real-time"), mode="legacy") as client:
        with pytest.raises(ConnectionClosedError, match=r"was ended by signal \d+$"):
            await asyncio.wait_for(client.ping(), 10)


# --- its stderr --------------------------------------------------------------------------------


async def test_stderr_goes_to_a_logger(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fastmcp.client.stdio")
    logger = logging.getLogger("fastmcp.client.stdio")
    with pytest.raises(RuntimeError):
        async with Client(odd("dies", log_file=logger)):
            pass
    lines = [record.message for record in caplog.records if record.name == logger.name]
    assert lines[0] == "warning: of no interest"
    assert lines[-1].startswith("ModuleNotFoundError")


async def test_stderr_goes_to_an_open_file(tmp_path: Path) -> None:
    text, file = io.StringIO(), (tmp_path / "log").open("w")
    with file:
        for log in (text, file):
            with pytest.raises(RuntimeError):
                async with Client(odd("dies", log_file=log)):
                    pass
    assert "of no interest" in text.getvalue()
    assert text.getvalue() == (tmp_path / "log").read_text()


# --- the end -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_alive", [False, True])
async def test_leaving_ends_every_call(tmp_path: Path, keep_alive: bool) -> None:
    """And a kept server hears that nobody waits: it has nothing else to know it by."""
    client = Client(odd("waits", tmp_path / "pids", keep_alive=keep_alive), mode="legacy")
    async with client:
        calls = [asyncio.create_task(client.ping()) for _ in range(3)]
        await asyncio.sleep(0)
    for call in calls:
        with pytest.raises(ConnectionClosedError, match="the client left"):
            await asyncio.wait_for(call, 5)
    if keep_alive:
        async with client:
            assert await asyncio.wait_for(client.ping(), 5)
    assert len(pids(tmp_path / "pids")) == 1
    await client.close()


async def test_leaving_ends_a_call_that_is_still_being_written() -> None:
    client = Client(odd("deaf", keep_alive=True), mode="legacy")
    async with client:
        calls = [
            asyncio.create_task(work)
            for work in (client.ping(), client.call_tool("x", {"text": "x" * 4_000_000}))
        ]
        await asyncio.sleep(0)
    for call in calls:
        with pytest.raises(ConnectionClosedError, match="the client left"):
            await asyncio.wait_for(call, 5)
    await client.close()


@pytest.mark.parametrize("what", ["family", "stubborn"])
async def test_leaving_ends_its_children_too(tmp_path: Path, what: str) -> None:
    file = tmp_path / "pids"
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with Client(odd(what, file), mode="legacy"):
            await until(lambda: len(pids(file)) >= 2, "its child has started")
            began = time.monotonic()
            _ = 1 / 0
    assert time.monotonic() - began < 8
    assert none_runs(file)()


def running() -> set[int]:
    """The processes that this one has and that run, guards included."""
    return {pid for pid in children() if runs(pid)}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("keep_alive", [False, True])
async def test_no_process_is_left(keep_alive: bool) -> None:
    before = running()
    client = Client(odd("polite", keep_alive=keep_alive), mode="legacy")
    async with client:
        assert len(running() - before) == 2  # the server and its guard
    assert len(running() - before) == (2 if keep_alive else 0)
    await client.close()
    assert running() == before


PARENT = """
import asyncio, sys
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

async def main():
    transports = [StdioTransport(sys.executable, [{odd!r}, "stubborn", {file!r}]) for _ in "ab"]
    async with Client(transports[0], mode="legacy"), Client(transports[1], mode="legacy"):
        print("in", flush=True)
        await asyncio.sleep(600)

if {loop!r} == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_child_outlives_its_parent(tmp_path: Path, loop: str, how: signal.Signals) -> None:
    """The child ignores the end of its stdin and SIGTERM, and so does what it started."""
    file = tmp_path / "pids"
    code = textwrap.dedent(PARENT).format(odd=str(ODD), file=str(file), loop=loop)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"in\n"
        eventually(lambda: len(pids(file)) == 4, 20, "two children and two grandchildren")
        assert all(map(runs, pids(file)))
        parent.send_signal(how)
        eventually(none_runs(file), 20, "the end of them all")
