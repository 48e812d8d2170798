"""`fastmcp bridge`: real processes on both sides of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError
from tests.cli.conftest import Command
from tests.forwarding.conftest import BACKEND
from tests.forwarding.person import Person
from tests.support.process import Server, free_port, script, serve
from tests.support.recorder import recording

ERAS = ("legacy", "2026-07-28")
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "by hand", "version": "1"},
}


@pytest.fixture(scope="module")
def backend() -> Iterator[Server]:
    with serve(script(BACKEND)) as server:
        yield server


def bridge(url: str, *options: str) -> StdioTransport:
    return StdioTransport(
        sys.executable, ["-m", "fastmcp", "bridge", url, *options], keep_alive=False
    )


class Pipe:
    """A bridge, and a client that writes its lines by hand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._id = 0

    def send(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """A request, and its answer, the next line."""
        self._id += 1
        message = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["id"] == self._id, answer
        return answer

    def end(self) -> str:
        """No more input; what was written to stderr."""
        _, said = self.process.communicate(timeout=20)
        return said


@contextmanager
def piped(url: str, *options: str, env: dict[str, str] | None = None) -> Iterator[Pipe]:
    process = subprocess.Popen(
        [sys.executable, "-m", "fastmcp", "bridge", url, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (env or {}),
    )
    try:
        yield Pipe(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("behind", ERAS)
@pytest.mark.parametrize("front", ERAS)
async def test_both_eras_on_both_sides(backend: Server, front: str, behind: str):
    ada = Person()
    transport = bridge(backend.url, "--mode", behind)
    async with Client(transport, mode=front, **ada.options()) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        assert (await client.call_tool("ask")).data == "accept: Ada"
        assert (1, 2, "asking") in ada.heard
        assert (await client.call_tool("think")).data == "Ada thinks: Say it"
        assert (await client.call_tool("where")).data == "file:///home/Ada"
        with pytest.raises(ToolError, match="no luck today"):
            await client.call_tool("fail")
        assert (await client.read_resource("data://here"))[0].text == "here it is"


async def test_it_says_who_is_behind_it(backend: Server):
    async with Client(bridge(backend.url), mode="legacy") as client:
        assert client.instructions == "Mind the step."
        assert client.server_info is not None
        assert client.server_info.name == "behind"


@pytest.mark.parametrize("front", ERAS)
async def test_the_server_is_started_anew_under_it(front: str):
    """The client notices nothing but the call that was running."""
    port = free_port()
    began = asyncio.Event()

    async def progress(*_: Any) -> None:
        began.set()

    with serve(script(BACKEND), port=port) as server:
        async with Client(bridge(server.url), mode=front, progress_handler=progress) as client:
            running = asyncio.create_task(client.call_tool("wait", {"tag": "x"}))
            async with asyncio.timeout(20):
                await began.wait()
            server.process.kill()
            server.process.wait()
            with pytest.raises(ToolError, match=re.escape(f"127.0.0.1:{port}")):
                await running
            waiting = asyncio.create_task(client.call_tool("add", {"a": 1, "b": 2}))
            with serve(script(BACKEND), port=port):
                assert (await waiting).data == 3
                assert len(await client.list_tools()) > 10


def test_a_server_that_is_not_there(backend: Server):
    """The first request is answered, in time, with what is wrong; the bridge lives on."""
    url = f"http://127.0.0.1:{free_port()}/mcp"
    with piped(url, "--connect-timeout", "1") as pipe:
        for _ in range(2):
            error = pipe.send("initialize", HELLO)["error"]
            assert url in error["message"]
            assert "cannot be reached" in error["message"]
        assert url in pipe.end()
        assert pipe.process.returncode == 0


def test_a_server_that_comes_while_it_is_waited_for():
    port = free_port()
    with piped(f"http://127.0.0.1:{port}/mcp", "--connect-timeout", "30") as pipe:
        assert pipe.process.stdin is not None
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
        pipe.process.stdin.write(json.dumps(message) + "\n")
        pipe.process.stdin.flush()
        with serve(script(BACKEND), port=port):
            assert pipe.process.stdout is not None
            answer = json.loads(pipe.process.stdout.readline())
            assert answer["result"]["serverInfo"]["name"] == "behind"
            said = pipe.end()
        assert "Connected to http" in said
        assert "speaking 2025-11-25" in said


REFUSES = """
import asyncio, sys
async def refuse(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 401 Unauthorized\\r\\nContent-Length: 9\\r\\n\\r\\nno entry!")
    await writer.drain()
    writer.close()
async def main():
    async with await asyncio.start_server(refuse, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()
asyncio.run(main())
"""


def test_a_server_that_refuses(tmp_path: Path):
    """It will not think better of it: nobody waits."""
    file = tmp_path / "refuses.py"
    file.write_text(REFUSES)
    with (
        serve(script(file), clean=False) as server,
        piped(server.url, "--connect-timeout", "600") as pipe,
    ):
        error = pipe.send("initialize", HELLO)["error"]
        assert "refused: HTTP 401" in error["message"]
        assert "no entry!" in error["message"]


@pytest.mark.parametrize("how", ["stdin", "SIGTERM"])
def test_the_session_ends_with_the_bridge(backend: Server, how: str):
    with recording(backend.url) as recorder, piped(recorder.url) as pipe:
        assert recorder.seen == [], "it connects when it is asked"
        assert "result" in pipe.send("initialize", HELLO)
        if how == "SIGTERM":
            pipe.process.send_signal(signal.SIGTERM)
            pipe.process.wait(20)
        else:
            pipe.end()
        assert pipe.process.returncode == 0
        ended = [status for verb, status, _ in recorder.exchanges if verb == "DELETE"]
        assert ended == [200]
        recorder.assert_valid()


def test_headers_and_token_from_the_environment(backend: Server):
    options = ["--header", "X-Team: ${TEAM}-1", "--header", "X-Plain: a: b", "--auth", "env:TOKEN"]
    with piped(backend.url, *options, env={"TEAM": "red", "TOKEN": "s3cret"}) as pipe:
        pipe.send("initialize", HELLO)
        found = pipe.send("tools/call", {"name": "headers", "arguments": {}})
        seen = found["result"]["structuredContent"]
        assert seen["x-team"] == "red-1"
        assert seen["x-plain"] == "a: b"
        assert seen["authorization"] == "Bearer s3cret"
        assert "s3cret" not in pipe.end()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "requires an argument"),
        (["nowhere"], "no http or https URL"),
        (["http://127.0.0.1:9/mcp", "--header", "broken"], 'the form "Name: value"'),
        (["http://127.0.0.1:9/mcp", "--header", "X: ${NOT_SET_HERE}"], "NOT_SET_HERE"),
        (["http://127.0.0.1:9/mcp", "--auth", "env:NOT_SET_HERE"], "NOT_SET_HERE"),
        (["http://127.0.0.1:9/mcp", "--transport", "pigeon"], "--transport"),
        (["http://127.0.0.1:9/mcp", "--mode", "1999"], "--mode"),
        (["http://127.0.0.1:9/mcp", "--log-level", "loud"], "There is no log level loud"),
        (["http://127.0.0.1:9/mcp", "--connect-timeout", "0"], "above 0"),
    ],
)
def test_a_wrong_command_line(fastmcp: Command, words: list[str], said: str):
    done = fastmcp("bridge", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("order", ["http-first", "sse-only"])
async def test_a_server_of_2024(tmp_path: Path, order: str):
    """It speaks HTTP+SSE alone: the order finds out, or says so."""
    run = [sys.executable, "-m", "fastmcp", "run", f"{BACKEND}:mcp", "--no-banner"]
    command = [*run, "--transport", "sse", "--port"]
    ada = Person()
    with serve(lambda port: [*command, str(port)], path="/sse") as server:
        transport = bridge(server.url, "--transport", order)
        async with Client(transport, mode="legacy", **ada.options()) as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
            assert (await client.call_tool("ask")).data == "accept: Ada"
            assert (1, 2, "asking") in ada.heard


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["http://"], "no host"),
        (["http:///mcp"], "no host"),
        (["http://[::1"], "URL"),
        (["http://127.0.0.1:99999/mcp"], "URL"),
        (["http://xn--\u2603.invalid/x"], "URL"),
        (["http://a b/mcp"], "URL"),
        (["http://127.0.0.1:9/mcp", "--connect-timeout", "nan"], "--connect-timeout"),
        (["http://127.0.0.1:9/mcp", "--timeout", "-1"], "--timeout"),
        (["http://127.0.0.1:9/mcp", "--timeout", "inf"], "--timeout"),
        (["http://127.0.0.1:9/mcp", "--auth", "a\x01b"], "--auth"),
        (["http://127.0.0.1:9/mcp", "--header", "X-A: a\x01b"], "--header X-A"),
    ],
)
def test_what_cannot_be_is_said_at_once(fastmcp: Command, words: list[str], said: str):
    done = fastmcp("bridge", *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_from_a_file_ends_with_a_line(fastmcp: Command, backend: Server):
    words = ("call", backend.url, "headers", "--auth", "env:TOKEN")
    done = fastmcp(*words, env={"TOKEN": "sk-1\n"})
    assert json.loads(done.stdout)["authorization"] == "Bearer sk-1", done.stderr
