"""The load generator: keep-alive connections that call a tool, one call at a time on each.

It must be faster than what it measures, so it is an `asyncio.Protocol` with a parser for just the
answers that occur: a body with a length, or chunks, JSON or server-sent events. Every call has a
JSON-RPC id of its own, which is its progress token too, and every answer is decoded and checked:
for its id, its value, and all the progress that was to come before it, in order. Only then it
counts.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from benchmarks.tokens import token

FIRST_ID = 1_000_000
"""Ids have as many digits all through, so all requests have one size."""

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class _Structured(msgspec.Struct):
    result: int


class _Result(msgspec.Struct):
    structuredContent: _Structured  # noqa: N815
    isError: bool = False  # noqa: N815


class _Response(msgspec.Struct):
    id: int
    result: _Result


class _Report(msgspec.Struct):
    progressToken: int  # noqa: N815
    progress: float


class _Progress(msgspec.Struct):
    method: Literal["notifications/progress"]
    params: _Report


_decode = msgspec.json.Decoder(_Response).decode
_decode_progress = msgspec.json.Decoder(_Progress).decode

_find_data = re.compile(rb"^data: ?([^\s].*)", re.MULTILINE).findall
_LAST_CHUNK = b"\r\n0\r\n\r\n"


class BadAnswer(Exception):
    """An answer that is not the one asked for; the measurement is void."""


@dataclass(frozen=True)
class Workload:
    """How a call is made."""

    name: str
    title: str
    version: str
    sessions: bool
    server: str
    """The kind of server it needs, see `servers.py`."""
    tool: str = "add"
    progress: int = 0
    """How many progress notifications come with every answer."""
    beside: str | None = None
    """The workload that is the same without a token; None where there is none to bring."""

    def head(self, port: int, session: str | None) -> bytes:
        """The request line and headers, up to the value of Content-Length."""
        lines = [
            "POST /mcp HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Content-Type: application/json",
            "Accept: application/json, text/event-stream",
            f"MCP-Protocol-Version: {self.version}",
        ]
        if self.version >= "2026":
            lines += ["Mcp-Method: tools/call", f"Mcp-Name: {self.tool}"]
        if session is not None:
            lines.append(f"Mcp-Session-Id: {session}")
        if self.beside is not None:
            lines.append(f"Authorization: Bearer {token()}")
        return ("\r\n".join(lines) + "\r\nContent-Length: ").encode()

    def tail(self) -> bytes:
        """The body after the id and the first argument; %d where the progress token goes."""
        if self.progress:
            return b',"b":1},"_meta":{"progressToken":%d}}}'
        if self.version < "2026":
            return b',"b":1}}}'
        return b',"b":1},"_meta":' + json.dumps(META, separators=(",", ":")).encode() + b"}}"


WORKLOADS = (
    Workload("session", "2025-11-25, sessions", "2025-11-25", True, "stateful"),
    Workload("stateless-2026", "2026-07-28", "2026-07-28", False, "stateful"),
    Workload("stateless-2025", "2025-11-25, stateless_http", "2025-11-25", False, "stateless"),
    Workload("protected", "2025-11-25, JWT", "2025-11-25", True, "protected", beside="session"),
    Workload(
        "protected-2026",
        "2026-07-28, JWT",
        "2026-07-28",
        False,
        "protected",
        beside="stateless-2026",
    ),
    Workload("progress", "10 progress", "2025-11-25", True, "stateful", "steps", 10),
    Workload(
        "progress-memory", "10 progress, memory store", "2025-11-25", True, "memory", "steps", 10
    ),
    Workload(
        "progress-redis", "10 progress, Redis store", "2025-11-25", True, "redis", "steps", 10
    ),
)


@dataclass
class Sample:
    """What one run of one cell gave."""

    calls: int = 0
    seconds: float = 0.0
    busy: float = 0.0
    """The part of the time that the load generator itself computed: near 1 it is the limit."""
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.seconds


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._chunked = False
        """Whether the buffer holds the beginning of a body in chunks."""
        self.on_answer: Callable[[bytes, bytes], None] = lambda head, body: None
        self.lost: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if self._chunked and not buffer.endswith(_LAST_CHUNK):
            self._buffer = buffer
            return
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            return
        head = buffer[:end].lower()
        at = head.find(b"content-length:")
        if at >= 0:
            stop = head.find(b"\r\n", at)
            length = int(head[at + 15 : stop if stop >= 0 else None])
            if len(buffer) < end + 4 + length:
                self._buffer = buffer
                return
            body = buffer[end + 4 : end + 4 + length]
        elif b"transfer-encoding: chunked" in head:
            self._chunked = not buffer.endswith(_LAST_CHUNK)
            if self._chunked:
                self._buffer = buffer
                return
            body = _unchunk(buffer[end + 4 :])
        else:
            body = b""
        self._buffer = b""
        self.on_answer(buffer[:end], body)


def _unchunk(data: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while True:
        end = data.index(b"\r\n", at)
        length = int(data[at:end], 16)
        if not length:
            return b"".join(parts)
        at = end + 2 + length
        parts.append(data[end + 2 : at])
        at += 2


def _messages(body: bytes) -> list[bytes]:
    """The JSON messages of an answer: the body, or the data of its events, but for empty ones."""
    if not body.startswith((b"event:", b"id:", b"data:", b":", b"retry:")):
        return [body]
    return _find_data(body)


def _check(body: bytes, id: int, progress: int, value: int | None) -> None:
    """That this is the whole answer to that call, and to no other.

    Raises:
        BadAnswer: it is not.
    """
    *reports, answer = _messages(body) or [b""]
    try:
        response = _decode(answer)
        reported = [_decode_progress(report).params for report in reports]
    except msgspec.MsgspecError as error:
        raise BadAnswer(f"{error} in {body[:3000]!r}") from None
    if response.id != id or (
        value is not None and response.result.structuredContent.result != value
    ):
        raise BadAnswer(f"asked {id}, got {answer[:300]!r}")
    if [(r.progressToken, r.progress) for r in reported] != [
        (id, step) for step in range(1, progress + 1)
    ]:
        raise BadAnswer(f"not the progress 1 to {progress} of {id}: {body[:3000]!r}")


class _Caller:
    """One connection, its session, and the loop of calls on it."""

    def __init__(self, port: int, workload: Workload, check_value: bool) -> None:
        self._port = port
        self._workload = workload
        self._check_value = check_value
        self._connection = _Connection()
        self._head = b""
        self._tail = workload.tail()
        self._id = FIRST_ID

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self._connection, "127.0.0.1", self._port)
        session = None
        if self._workload.sessions:
            client = {"name": "bench", "version": "1"}
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
            head, _ = await self._post(None, id=1, method="initialize", params=params)
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b": ")
                if name.lower() == b"mcp-session-id":
                    session = value.decode()
            await self._post(session, method="notifications/initialized")
        self._head = self._workload.head(self._port, session)

    async def _post(self, session: str | None, **message: Any) -> tuple[bytes, bytes]:
        future: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()
        self._connection.on_answer = lambda head, body: future.set_result((head, body))
        body = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
        head = self._workload.head(self._port, session) + b"%d\r\n\r\n" % len(body)
        assert self._connection.transport is not None
        self._connection.transport.write(head + body)
        status, answer = await asyncio.wait_for(future, 10)
        if not status.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise BadAnswer(f"{message['method']}: {status!r} {answer[:300]!r}")
        return status, answer

    def run(self, until: float, latencies: list[float]) -> asyncio.Future[int]:
        """Calls until that moment of `perf_counter`; the future gives the number of calls."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        transport = self._connection.transport
        assert transport is not None
        write, clock = transport.write, time.perf_counter
        head, tail, check = self._head, self._tail, self._check_value
        tool, progress = self._workload.tool.encode(), self._workload.progress
        calls = 0
        sent = 0.0
        current = self._id
        # Ids and arguments have a fixed width: the length of the body is known beforehand.
        prefix = (
            b'{"jsonrpc":"2.0","id":%d,"method":"tools/call"'
            b',"params":{"name":"' + tool + b'","arguments":{"a":%d'
        )
        content = prefix + tail
        places = content.count(b"%d")
        length = len(content % ((current,) * places))
        template = (head + b"%d\r\n\r\n" % length).replace(b"%", b"%%") + content

        def call() -> None:
            nonlocal sent, current
            current += 1
            sent = clock()
            write(template % ((current,) * places))

        def answered(status: bytes, body: bytes) -> None:
            nonlocal calls
            now = clock()
            latencies.append(now - sent)
            try:
                _check(body, current, progress, current + 1 if check else None)
            except BadAnswer as error:
                error.add_note(f"the head of the answer: {status!r}")
                done.set_exception(error)
                return
            calls += 1
            if now < until:
                call()
            else:
                self._id = current
                done.set_result(calls)

        def lost() -> None:
            if not done.done():
                done.set_exception(BadAnswer("the server closed the connection"))

        self._connection.on_answer = answered
        self._connection.lost = lost
        call()
        return done

    def close(self) -> None:
        self._connection.lost = lambda: None
        if self._connection.transport is not None:
            self._connection.transport.close()


async def measure(
    port: int, workload: Workload, concurrency: int, seconds: float, *, check_value: bool = True
) -> Sample:
    """Loads one server for `seconds` with `concurrency` calls in flight.

    Raises:
        BadAnswer: an answer was missing, wrong, or another call's.
    """
    callers = [_Caller(port, workload, check_value) for _ in range(concurrency)]
    sample = Sample()
    try:
        for caller in callers:
            await caller.open()
        await asyncio.gather(*(c.run(time.perf_counter() + seconds / 8, []) for c in callers))
        gc.collect()
        gc.disable()
        begin, busy = time.perf_counter(), time.process_time()
        runs = [caller.run(begin + seconds, sample.latencies) for caller in callers]
        sample.calls = sum(await asyncio.wait_for(asyncio.gather(*runs), seconds + 30))
        sample.seconds = time.perf_counter() - begin
        sample.busy = (time.process_time() - busy) / sample.seconds
    finally:
        gc.enable()
        for caller in callers:
            caller.close()
    return sample
