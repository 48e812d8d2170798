"""Servers that mean ill: whatever they send, the doctor ends in time and shows it as text."""

from __future__ import annotations

import asyncio
import json
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.diagnosis.patient import STREAM, Asked, Patient, Reply, admitted, diagnosed

IDLE = 0.2
LIMIT = 4.0
"""The doctor's whole time; what it takes to say goodbye comes on top."""


class Raw(Patient):
    """Writes what it likes; the head of the request has been read."""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await self.say(writer)

    async def say(self, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    async def for_ever(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        while True:
            writer.write(piece)
            await writer.drain()


class EndlessHead(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await self.for_ever(writer, b"X-More: and more\r\n" * 100)


class EndlessLine(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        await self.for_ever(writer, b"HTTP/1.1 200 " + b"O" * 60000)


class EndlessBody(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        await self.for_ever(writer, b"[" * 60000)


class EndlessStream(Raw):
    """One event that has no end."""

    async def say(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ")
        await self.for_ever(writer, b"x" * 60000)


class EndlessEvents(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await self.for_ever(writer, b'data: {"jsonrpc":"2.0","method":"x"}\n\n' * 100)


class EndlessInterim(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        await self.for_ever(writer, b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 100)


class Switching(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
        )


class Mute(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)


class Drop(Raw):
    """A byte now and then."""

    async def say(self, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.3)


class Bomb(Raw):
    """Much, in little."""

    body = zlib.compress(b"0" * (16 << 20), 1, 31)

    async def say(self, writer: asyncio.StreamWriter) -> None:
        body = self.body
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


class BadGzip(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        writer.write(head + b"Content-Length: 4\r\n\r\nnope")
        await writer.drain()


class Deep(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        body = b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 200000
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


class NoUtf8(Raw):
    async def say(self, writer: asyncio.StreamWriter) -> None:
        body = b'{"jsonrpc":"2.0","id":1,"result":{"\xff\xfe":"\xc3("}}'
        head = (
            b"HTTP/1.1 200 \xff\xfe\r\nContent-Type: application/json\xff\r\nServer: \xff\xfe\r\n"
        )
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


class Noise(Raw):
    """Bytes without a sense, after a beginning that makes one listen."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(5)

    async def say(self, writer: asyncio.StreamWriter) -> None:
        begin = self.chance.choice(
            [
                b"",
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer ",
                b"HTTP/1.1 307 There\r\nLocation: ",
            ]
        )
        writer.write(begin + self.chance.randbytes(2000))
        await writer.drain()


@pytest.mark.parametrize(
    "patient",
    [
        EndlessHead,
        EndlessLine,
        EndlessBody,
        EndlessStream,
        EndlessEvents,
        EndlessInterim,
        Switching,
        Mute,
        Drop,
        Bomb,
        BadGzip,
        Deep,
        NoUtf8,
        *[Noise] * 3,
    ],
)
async def test_a_server_that_means_ill(patient: type[Patient]):
    began = time.monotonic()
    async with admitted(patient()) as ill:
        found = await diagnosed(ill.url, idle=IDLE, timeout=LIMIT, origin="https://app.example")
    assert time.monotonic() - began < LIMIT + 20  # a machine may be busy; without a limit: never
    assert found.code in (1, 2)
    assert found.bad or found.code == 2


class Strange(Patient):
    """MCP whose every value is of another kind than it should be."""

    values: tuple[Any, ...] = (None, True, -1, 1e300, "", "x" * 9000, [], [[]], {}, {"a": {}})

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)

    async def answer(self, asked: Asked) -> Reply:
        if asked.path.startswith("/.well-known"):
            names = (
                "resource",
                "authorization_servers",
                "issuer",
                "code_challenge_methods_supported",
            )
            return Reply(200, body=json.dumps({name: self.any() for name in names}).encode())
        reply = await super().answer(asked)
        if isinstance(reply.body, bytes) and reply.body:
            message = json.loads(reply.body)
            where = message.get("result", message.get("error", message))
            for name in [*where, "supportedVersions", "serverInfo", "_meta"]:
                if self.chance.random() < 0.3:
                    where[name] = self.any()
            if self.chance.random() < 0.1:
                message["result"] = self.any()
            reply.body = json.dumps(message).encode()
        if self.chance.random() < 0.1:
            reply.headers["Mcp-Session-Id"] = "\xff" * 20
        if self.chance.random() < 0.05:
            return Reply(401, {"WWW-Authenticate": "Bearer x=,"})
        return reply

    def any(self) -> Any:
        return self.chance.choice(self.values)


@pytest.mark.parametrize("seed", range(12))
async def test_values_of_another_kind(seed: int):
    async with admitted(Strange(seed)) as ill:
        await diagnosed(ill.url, idle=IDLE, timeout=LIMIT)


class Painter(Patient):
    """Would paint the terminal, and write a finding of its own."""

    paint = "\x1b[2J\x1b]0;owned\x07\u202e\r\nok       all is well [connection]\n\x9b31m"

    def discover(self, asked: Asked) -> Reply:
        meta = {"io.modelcontextprotocol/serverInfo": {"name": self.paint, "version": self.paint}}
        result = {"supportedVersions": ["2026-07-28", self.paint], "_meta": meta}
        return self.result(asked, result)

    def initialize(self, asked: Asked) -> Reply:
        return self.error(asked, -32000, self.paint)


def test_nothing_is_painted(fastmcp: Callable[..., Any]):
    async def run() -> tuple[Any, Any]:
        async with admitted(Painter()) as ill:
            words = ("doctor", ill.url, "--idle", "0.2")
            return (
                await asyncio.to_thread(fastmcp, *words),
                await asyncio.to_thread(fastmcp, *words, "--json"),
            )

    for done in asyncio.run(run()):
        assert done.returncode == 0, done.stdout
        text = done.stdout + done.stderr
        assert all(char.isprintable() or char == "\n" for char in text)
        assert "owned" in text
        assert not any(line.startswith("ok       all is well") for line in text.splitlines())


class Dying(Patient):
    """Answers some requests, and then no more."""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self.asked) < 12:
            await super().connected(reader, writer)


async def test_a_server_that_dies_meanwhile():
    async with admitted(Dying()) as ill:
        found = await diagnosed(ill.url, idle=IDLE, timeout=LIMIT)
    assert found.document["versions"]["handshake"]
    assert "session-workers" in found.bad


class Patience(Patient):
    async def answer(self, asked: Asked) -> Reply:
        await asyncio.sleep(0.2)
        return await super().answer(asked)


async def test_the_time_is_kept_and_sessions_are_ended():
    async with admitted(Patience()) as ill:
        found = await diagnosed(ill.url, idle=IDLE, timeout=2.0)
        assert ill.sessions == set()
    late = [each for each in found.findings if each["status"] == "skipped"]
    assert late
    assert "--timeout" in late[0]["seen"]
    assert found.document["seconds"] < 6


class Many(Patient):
    """Would be asked again and again, if nobody counted: each stream must be opened anew."""

    async def get(self, asked: Asked) -> Reply:
        return Reply(200, STREAM, b"")


async def test_requests_are_bounded(tmp_path: Path):
    async with admitted(Many()) as ill:
        found = await diagnosed(ill.url, idle=IDLE)
    assert found.document["requests"] == len(ill.asked) < 60
