"""Servers in a subprocess."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from fastmcp import Client
from fastmcp.client.errors import ConnectionClosedError, RequestTimeoutError
from fastmcp.client.transports import PythonStdioTransport, StdioTransport
from fastmcp.exceptions import FastMCPDeprecationWarning
from tests.client.conftest import SERVED
from tests.support.locks import ROOT

ENV = {"PYTHONPATH": str(ROOT)}


def transport(**options: object) -> PythonStdioTransport:
    return PythonStdioTransport(SERVED, env=ENV, **options)  # type: ignore[arg-type]


async def test_end_to_end(mode: str) -> None:
    heard: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append(done)

    async with Client(transport(keep_alive=False), mode=mode) as client:
        assert client.server_info is not None
        assert client.server_info.name == "served"
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        await client.call_tool("tell", progress_handler=progress)
        assert heard == [0, 1, 2]
        many = await asyncio.gather(*(client.call_tool("add", {"a": i, "b": 1}) for i in range(50)))
        assert [result.data for result in many] == list(range(1, 51))


async def test_a_path_is_enough() -> None:
    client = Client(SERVED)
    assert isinstance(client.transport, PythonStdioTransport)
    with pytest.warns(FastMCPDeprecationWarning, match="Path"):
        Client(str(SERVED))
    with pytest.raises(FileNotFoundError):
        Client(Path("nowhere.py"))
    with pytest.raises(ValueError, match="infer"):
        Client("nowhere")


async def test_large_messages_both_ways() -> None:
    async with Client(transport(keep_alive=False)) as client:
        assert (await client.call_tool("length", {"text": "é" * 3_000_000})).data == 3_000_000
        assert len((await client.call_tool("long_text", {"size": 9_000_000})).data) == 9_000_000


async def test_a_kept_process_serves_the_next_stay(mode: str) -> None:
    kept = transport()
    client = Client(kept, mode=mode)
    async with client:
        first = (await client.call_tool("pid")).data
    async with client:
        assert (await client.call_tool("pid")).data == first
        other = client.new()
        async with other:  # in use: the second client gets a process of its own
            assert (await other.call_tool("pid")).data != first
    await client.close()
    assert [t for t in asyncio.all_tasks() if "fastmcp/client" in repr(t)] == []
    async with client:
        assert (await client.call_tool("pid")).data != first
    await client.close()


async def test_closing_leaves_the_process_that_another_client_uses() -> None:
    client = Client(transport())
    other = client.new()
    async with client:
        first = (await client.call_tool("pid")).data
        await other.close()
        assert (await client.call_tool("pid")).data == first
    async with client:  # it was closed: what was in use ended with the stay
        assert (await client.call_tool("pid")).data != first
    await client.close()


async def test_a_process_that_is_not_kept_ends_with_the_stay() -> None:
    client = Client(transport(keep_alive=False))
    async with client:
        first = (await client.call_tool("pid")).data
    async with client:
        assert (await client.call_tool("pid")).data != first


async def test_the_process_dies_in_a_call(mode: str) -> None:
    client = Client(transport(), mode=mode)
    async with client:
        with pytest.raises(ConnectionClosedError, match="exit code 3"):
            await client.call_tool("die")
        assert not client.is_connected()
        with pytest.raises(ConnectionClosedError):
            await client.call_tool("add", {"a": 1, "b": 1})
        began = time.monotonic()
    assert time.monotonic() - began < 2
    async with client:  # a new stay, a new process
        assert (await client.call_tool("add", {"a": 1, "b": 1})).data == 2
    await client.close()


async def test_a_time_out_leaves_the_connection_usable(mode: str) -> None:
    async with Client(transport(keep_alive=False), mode=mode) as client:
        with pytest.raises(RequestTimeoutError):
            await client.call_tool("sleep", {"seconds": 30}, timeout=0.2)
        assert (await client.call_tool("add", {"a": 1, "b": 1})).data == 2


async def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(RuntimeError, match="Client failed to connect"):
        async with Client(StdioTransport("no-such-command", [])):
            pass


async def test_a_process_that_ends_at_once() -> None:
    with pytest.raises(RuntimeError, match="exit code 5"):
        async with Client(StdioTransport(sys.executable, ["-c", "raise SystemExit(5)"])):
            pass


_CLOSES_ITS_STDIN = """
import json, os, sys, time
asked = json.loads(sys.stdin.readline())
said = {"protocolVersion": "2025-11-25", "capabilities": {}}
said["serverInfo"] = {"name": "brief", "version": "1"}
print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": said}), flush=True)
sys.stdin.readline()
os.close(0)
time.sleep(0.2)
raise SystemExit(5)
"""


async def test_what_is_said_to_a_process_that_is_ending() -> None:
    """How it ended says more than that its stdin is closed, which is known before."""
    child = StdioTransport(sys.executable, ["-c", _CLOSES_ITS_STDIN], keep_alive=False)
    async with asyncio.timeout(20), Client(child, mode="legacy") as client:

        async def speak_on() -> None:
            while True:
                await client.session.notify("notifications/roots/list_changed")
                await asyncio.sleep(0.01)

        with pytest.raises(ConnectionClosedError, match="exit code 5"):
            await speak_on()


async def test_the_environment_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    given = PythonStdioTransport(SERVED, env={**ENV, "GIVEN": "yes"}, keep_alive=False)
    async with Client(given) as client:
        assert (await client.call_tool("environment", {"name": "SECRET"})).data == ""
        assert (await client.call_tool("environment", {"name": "GIVEN"})).data == "yes"
        assert (await client.call_tool("environment", {"name": "PATH"})).data != ""


async def test_stderr_goes_to_the_log_file(tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    code = "import sys; print('to stderr', file=sys.stderr, flush=True); raise SystemExit(1)"
    client = Client(StdioTransport(sys.executable, ["-c", code], log_file=log))
    with pytest.raises(RuntimeError):
        async with client:
            pass
    assert "to stderr" in log.read_text()


async def test_noise_on_stdout_is_skipped() -> None:
    code = f"print('hello there', flush=True)\nexec(open({str(SERVED)!r}).read())"
    noisy = StdioTransport(sys.executable, ["-c", code], env=ENV, keep_alive=False)
    async with Client(noisy) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 1})).data == 2


STUBBORN = """
import json, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    if message["method"] == "initialize":
        result = {"protocolVersion": "2024-11-05", "capabilities": {},
                  "serverInfo": {"name": "stubborn", "version": "1"}}
        reply = {"result": result}
    else:
        reply = {"error": {"code": -32601, "message": "Method not found"}}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}), flush=True)
while True:
    time.sleep(1)
"""


async def test_a_process_that_will_not_end_is_killed() -> None:
    stubborn = StdioTransport(sys.executable, ["-c", STUBBORN], keep_alive=False)
    async with Client(stubborn) as client:
        assert client.protocol_version == "2024-11-05"
        began = time.monotonic()
    assert time.monotonic() - began < 5
