"""The load generator: keep-alive connections that call a tool, one call at a time on each.

It must be faster than what it measures, so it is an `asyncio.Protocol` with a parser for just the
answers that occur: a body with a length, or chunks, JSON or server-sent events.

A closed loop calls again as soon as the answer came, and tells how many calls a server can answer.
An open loop calls when a call is due, at a rate of its own, and counts each latency from that
moment: where the server makes calls wait, the wait of those that could not be sent yet counts too.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.support.process import Server

from benchmarks.call import BadAnswer, Call
from benchmarks.cpu import spent
from benchmarks.run import Figures

FIRST_ID = 1_000_000
"""Ids have as many digits all through, so all requests have one size."""

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_UNKNOWN, _CHUNKS = 0, -1


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer: bytes | bytearray = b""
        """What came of an answer that is not whole; a bytearray, for it may grow long."""
        self._end = 0
        """Where the head ends."""
        self._size = _UNKNOWN
        """Of the whole answer, once the head was read."""
        self.whole_at = 0.0
        """When the last answer was whole."""
        self.on_answer: Callable[[bytes, bytes], None] = lambda head, body: None
        self.lost: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()

    def data_received(self, data: bytes) -> None:
        buffer = data
        if self._buffer:
            buffer = self._buffer
            buffer += data
        if not self._is_whole(buffer):
            self._buffer = buffer if self._buffer else bytearray(buffer)
            return
        self.whole_at = time.perf_counter()
        head, body = bytes(buffer[: self._end]), bytes(memoryview(buffer)[self._end + 4 :])
        chunked = self._size == _CHUNKS
        self._buffer, self._size = b"", _UNKNOWN
        self.on_answer(head, _unchunk(body) if chunked else body)

    def _is_whole(self, buffer: bytes | bytearray) -> bool:
        if self._size == _UNKNOWN:
            end = buffer.find(_HEAD_END)
            if end < 0:
                return False
            head = buffer[:end].lower()
            self._end, self._size = end, end + 4
            at = head.find(b"content-length:")
            if at >= 0:
                stop = head.find(b"\r\n", at)
                self._size += int(head[at + 15 : stop if stop >= 0 else None])
            elif b"transfer-encoding: chunked" in head:
                self._size = _CHUNKS
        if self._size == _CHUNKS:
            return buffer.endswith(_LAST_CHUNK)
        return len(buffer) >= self._size


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


class _Caller:
    """One connection, its session, and its calls, one at a time."""

    def __init__(self, port: int, call: Call, check_value: bool) -> None:
        self._port = port
        self._call = call
        self._check_value = check_value
        self._connection = _Connection()
        self._template = b""
        self._places = 0
        self._id = FIRST_ID
        self.sent = 0.0
        """When the last call was sent."""

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self._connection, "127.0.0.1", self._port)
        session = None
        if self._call.sessions:
            client = {"name": "bench", "version": "1"}
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
            head, _ = await self._post(None, id=1, method="initialize", params=params)
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b": ")
                if name.lower() == b"mcp-session-id":
                    session = value.decode()
            await self._post(session, method="notifications/initialized")
        body = self._call.body()
        self._places = body.count(b"%d")
        # Ids have a fixed width: the length of the body is known beforehand.
        length = len(body % ((FIRST_ID,) * self._places))
        head = self._call.head(self._port, session) + b"%d\r\n\r\n" % length
        self._template = head.replace(b"%", b"%%") + body

    async def _post(self, session: str | None, **message: Any) -> tuple[bytes, bytes]:
        future: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()
        self._connection.on_answer = lambda head, body: future.set_result((head, body))
        body = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
        head = self._call.head(self._port, session) + b"%d\r\n\r\n" % len(body)
        assert self._connection.transport is not None
        self._connection.transport.write(head + body)
        status, answer = await asyncio.wait_for(future, 60)
        if not status.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise BadAnswer(f"{message['method']}: {status!r} {answer[:300]!r}")
        return status, answer

    def begin(self, answered: Callable[[float], None], failed: Callable[[Exception], None]) -> None:
        """Says who is told of answers, with the moment at which each was whole."""
        connection, check, adds = self._connection, self._call.check, self._check_value

        def on_answer(head: bytes, body: bytes) -> None:
            try:
                check(body, self._id, self._id + 1 if adds else None)
            except BadAnswer as error:
                error.add_note(f"the head of the answer: {head!r}")
                failed(error)
                return
            answered(connection.whole_at)

        connection.on_answer = on_answer
        connection.lost = lambda: failed(BadAnswer("the server closed the connection"))

    def call(self) -> None:
        """Sends the next call."""
        assert self._connection.transport is not None
        self._id += 1
        request = self._template % ((self._id,) * self._places)
        self.sent = time.perf_counter()
        self._connection.transport.write(request)

    def close(self) -> None:
        self._connection.lost = lambda: None
        if self._connection.transport is not None:
            self._connection.transport.close()


@asynccontextmanager
async def _callers(
    server: Server, call: Call, count: int, check_value: bool
) -> AsyncIterator[list[_Caller]]:
    """Callers that are ready and warm, while no garbage is collected here."""
    callers = [_Caller(server.port, call, check_value) for _ in range(count)]
    try:
        for caller in callers:
            await caller.open()
        await _closed(callers, 0.03)
        gc.collect()
        gc.disable()
        yield callers
    finally:
        gc.enable()
        for caller in callers:
            caller.close()


async def _until(done: asyncio.Future[None], seconds: float) -> None:
    try:
        await asyncio.wait_for(done, seconds + 30)
    except TimeoutError:
        raise BadAnswer(f"an answer did not come within {seconds + 30:g} s") from None


async def _closed(callers: Sequence[_Caller], seconds: float) -> list[float]:
    """The latencies of calls that follow one another."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    at_work = len(callers)

    def failed(error: Exception) -> None:
        if not done.done():
            done.set_exception(error)

    def begin(caller: _Caller) -> None:
        def answered(moment: float) -> None:
            nonlocal at_work
            latencies.append(moment - caller.sent)
            if moment < until:
                caller.call()
                return
            at_work -= 1
            if not at_work and not done.done():
                done.set_result(None)

        caller.begin(answered, failed)
        caller.call()

    for caller in callers:
        begin(caller)
    await _until(done, seconds)
    return latencies


async def _open(callers: Sequence[_Caller], seconds: float, rate: float) -> list[float]:
    """The latencies of calls at a fixed rate, each from the moment it was due.

    The clock is looked at in every turn of the loop, for a timer would not be exact enough: this
    process has its core to itself.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    latencies: list[float] = []
    idle = deque(callers)
    due = dict.fromkeys(callers, 0.0)
    first = time.perf_counter()
    sent, count = 0, max(1, round(rate * seconds))

    def failed(error: Exception) -> None:
        if not done.done():
            done.set_exception(error)

    def begin(caller: _Caller) -> None:
        def answered(moment: float) -> None:
            latencies.append(moment - due[caller])
            idle.append(caller)
            if len(latencies) == count and not done.done():
                done.set_result(None)

        caller.begin(answered, failed)

    def look() -> None:
        nonlocal sent
        while idle and sent < count and (moment := first + sent / rate) <= time.perf_counter():
            caller = idle.popleft()
            due[caller] = moment
            sent += 1
            caller.call()
        if sent < count and not done.done():
            loop.call_soon(look)

    for caller in callers:
        begin(caller)
    look()
    await _until(done, seconds)
    return latencies


async def measure(
    server: Server,
    call: Call,
    connections: int,
    seconds: float,
    *,
    rate: float | None = None,
    check_value: bool = True,
) -> Figures:
    """Loads one server.

    Args:
        server: who.
        call: what is called.
        connections: calls in flight; at most, if there is a rate.
        seconds: how long.
        rate: calls per second of an open loop; None for a closed loop.
        check_value: whether the value of a result is looked at.
    Returns:
        `rate` (calls per second), `p50` and `p99` (milliseconds), `busy` (the part of the time that
        this process computed: near 1 it is the limit), and `cpu` (microseconds of the server for
        a call) where the machine tells.
    Raises:
        BadAnswer: an answer was missing, wrong, or another call's.
    """
    async with _callers(server, call, connections, check_value) as callers:
        cpu = spent(server.process.pid)
        began, busy = time.perf_counter(), time.process_time()
        latencies = await (
            _closed(callers, seconds) if rate is None else _open(callers, seconds, rate)
        )
        took = time.perf_counter() - began
        busy = time.process_time() - busy
        cpu_after = spent(server.process.pid)
    latencies.sort()
    figures = {
        "rate": len(latencies) / took,
        "p50": latencies[len(latencies) // 2] * 1e3,
        "p99": latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))] * 1e3,
        "busy": busy / took,
    }
    if cpu is not None and cpu_after is not None:
        figures["cpu"] = (cpu_after - cpu) / len(latencies) * 1e6
    return figures
