"""Standard streams, with real processes: nothing else on stdout, and every way to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from tests.support import schema
from tests.support.asgi import CLIENT_INFO, META, STATELESS
from tests.support.process import eventually

SCRIPT = Path(__file__).with_name("stdio_server.py")
ROOT = Path(__file__).parents[3]
SECONDS = 15


class Process:
    """The client's side of a process that serves its standard streams."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.journal_path = folder / "journal"
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(self.journal_path), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "FASTMCP_HOME": str(folder / "home")},
        )
        self.lines: Queue[bytes | None] = Queue()
        self.errors: list[bytes] = []
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)

    def send(self, *messages: Any) -> None:
        assert self.process.stdin is not None
        for message in messages:
            data = message if isinstance(message, bytes) else json.dumps(message).encode()
            self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def call(self, id: Any, tool: str, **arguments: Any) -> None:
        params = {"name": tool, "arguments": arguments}
        self.send({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})

    def call_stateless(self, id: Any, tool: str, **arguments: Any) -> None:
        meta = {META + "protocolVersion": STATELESS, META + "clientCapabilities": {}}
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        self.send({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})

    def next(self) -> Any:
        """The next message, in the stateless era; None at the end."""
        line = self.lines.get(timeout=SECONDS)
        if line is None:
            return None
        message = json.loads(line)
        schema.check(message, STATELESS, "server")
        return message

    def answer(self, id: Any) -> Any:
        """The response with this id; everything that comes must be a valid message."""
        while True:
            line = self.lines.get(timeout=SECONDS)
            assert line is not None, (id, self.stderr)
            message = json.loads(line)
            schema.check(message, "2025-11-25", "server")
            if message.get("id") == id:
                return message

    def text(self, id: Any) -> str:
        return self.answer(id)["result"]["content"][0]["text"]

    def initialize(self) -> None:
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": CLIENT_INFO,
        }
        self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        self.answer(0)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def noted(self, line: str) -> None:
        """Waits for a line of the journal."""
        eventually(lambda: line in self.journal, SECONDS, f"the journal says {line!r}")

    @property
    def journal(self) -> list[str]:
        path = self.journal_path
        return path.read_text().splitlines() if path.exists() else []

    @property
    def stderr(self) -> str:
        return b"".join(self.errors).decode()

    def end_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        code = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return code


@pytest.fixture
def started(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Process]:
    process = Process(tmp_path, *getattr(request, "param", ()))
    yield process
    if process.process.poll() is None:
        process.process.kill()
        process.process.wait()
    for stream in (process.process.stdin, process.process.stdout, process.process.stderr):
        assert stream is not None
        try:
            stream.close()
        except BrokenPipeError:
            continue


@pytest.fixture
def server(started: Process) -> Process:
    started.initialize()
    return started


def test_a_conversation_in_both_eras(server: Process):
    server.call(1, "add", a=1, b=2)
    assert server.text(1) == "3"
    server.call("t", "transport")
    assert server.text("t") == "stdio"
    meta = {META + "protocolVersion": STATELESS, META + "clientCapabilities": {}}
    server.send({"jsonrpc": "2.0", "id": 2, "method": "server/discover", "params": {"_meta": meta}})
    assert server.answer(2)["result"]["supportedVersions"] == [STATELESS]
    server.end_input()
    assert server.wait() == 0
    assert server.journal == ["enter", "exit", "returned"]
    assert server.stderr == ""


def listen(server: Process, id: Any) -> None:
    meta = {META + "protocolVersion": STATELESS, META + "clientCapabilities": {}}
    params = {"_meta": meta, "notifications": {"toolsListChanged": True}}
    server.send({"jsonrpc": "2.0", "id": id, "method": "subscriptions/listen", "params": params})
    message = server.next()
    assert message["method"] == "notifications/subscriptions/acknowledged"
    assert message["params"]["_meta"] == {META + "subscriptionId": id}


@pytest.mark.parametrize("how", ["the end of input", "Ctrl-C"])
def test_subscriptions_end_with_the_server_and_say_so(started: Process, how: str):
    listen(started, 1)
    listen(started, "two")
    if how == "Ctrl-C":
        started.process.send_signal(signal.SIGINT)
    else:
        started.call_stateless(3, "grow")
        started.end_input()
    heard: dict[Any, list[str]] = {1: [], "two": []}
    while (message := started.next()) is not None:
        if message.get("id") == 3:
            continue
        carrier = message["params"] if "method" in message else message["result"]
        heard[carrier["_meta"][META + "subscriptionId"]].append(message.get("method", "the end"))
        assert "method" in message or message["result"]["resultType"] == "complete"
    changed = ["notifications/tools/list_changed"] if how != "Ctrl-C" else []
    assert heard == {1: [*changed, "the end"], "two": [*changed, "the end"]}
    assert started.wait() == 0
    assert started.stderr == ""


def test_a_subscription_that_is_asked_for_at_the_very_end(started: Process):
    meta = {META + "protocolVersion": STATELESS, META + "clientCapabilities": {}}
    params = {"_meta": meta, "notifications": {"toolsListChanged": True}}
    started.send({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params})
    started.end_input()
    assert started.next()["method"] == "notifications/subscriptions/acknowledged"
    assert started.next()["result"]["resultType"] == "complete"
    assert started.wait() == 0


def test_print_does_not_reach_the_protocol(server: Process):
    server.call(1, "shout")
    assert server.text(1) == "quiet"
    server.end_input()
    assert server.wait() == 0
    assert server.lines.get(timeout=SECONDS) is None
    for text in ("this is not the protocol", "nor is this", "unflushed"):
        assert text in server.stderr


def test_bad_lines_are_answered_and_it_goes_on(server: Process):
    server.send(b"nonsense", b"", b"   ", b"[]", b"\xff\xfe", b"{" * 50_000)
    server.send(
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": []}}
    )
    server.call(1, "add", a=1, b=2)
    assert server.text(1) == "3"
    server.end_input()
    assert server.wait() == 0
    assert "Traceback" not in server.stderr


def test_what_was_asked_before_the_end_is_answered(server: Process):
    server.call(1, "slow", seconds=0.2)
    server.call(2, "block", seconds=0.2)
    server.end_input()
    assert {server.text(1), server.text(2)} == {"slept", "blocked"}
    assert server.wait() == 0
    assert server.journal[-2:] == ["exit", "returned"]


def test_the_end_does_not_wait_for_ever(server: Process):
    server.call(1, "slow", seconds=600)
    server.noted("slow begins")
    server.end_input()
    assert server.wait() == 0
    assert server.journal == ["enter", "slow begins", "slow cancelled", "exit", "returned"]


def test_ctrl_c(server: Process):
    server.call(1, "slow", seconds=600)
    server.noted("slow begins")
    server.process.send_signal(signal.SIGINT)
    assert server.wait() == 0
    assert server.journal == ["enter", "slow begins", "slow cancelled", "exit", "returned"]
    assert server.stderr == ""


def test_a_closed_stdout(tmp_path: Path):
    """The reading end is gone: the server must neither crash nor hang."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(tmp_path / "journal")],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "FASTMCP_HOME": str(tmp_path / "home")},
    )
    os.close(writing)
    os.close(reading)
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n'
    _, errors = process.communicate(ping * 3, timeout=SECONDS)
    assert process.returncode == 0, errors
    assert errors == b""
    assert (tmp_path / "journal").read_text().splitlines() == ["enter", "exit", "returned"]


def test_many_requests_at_once(server: Process):
    for id in range(1, 301):
        server.call(id, "add", a=id, b=0)
    server.end_input()
    seen = set()
    while (line := server.lines.get(timeout=SECONDS)) is not None:
        message = json.loads(line)
        assert message["result"]["structuredContent"] == {"result": message["id"]}
        seen.add(message["id"])
    assert seen == set(range(1, 301))
    assert server.wait() == 0


@pytest.mark.parametrize("started", [["banner"]], indirect=True)
def test_the_banner_goes_to_stderr(server: Process):
    server.end_input()
    assert server.wait() == 0
    assert server.lines.get(timeout=SECONDS) is None
    assert "stdio" in server.stderr
