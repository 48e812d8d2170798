"""Readers of a pipe: the lines that a host writes to a server's standard input.

The host has started the server, and may be any program. Whatever it writes, what it hears is one
message a line, and the line after the next is read.
"""

from __future__ import annotations

import json
from functools import cache

from fastmcp.server.engine import Engine
from fastmcp.server.transports.pipe import PipeConnection, StdioExchange
from tests.fuzz import seeds
from tests.fuzz.of_endpoint import server
from tests.fuzz.reader import Reader, run
from tests.support.asgi import settled


@cache
def _engine() -> Engine:
    return server().engine


def _lines(data: bytes) -> None:
    run(_conversation(data))


async def _conversation(data: bytes) -> None:
    said: list[bytes] = []

    async def write(line: bytes) -> None:
        said.append(line)

    engine = _engine()
    async with engine.lifespan.use():
        connection = PipeConnection(engine, write, StdioExchange)
        try:
            for line in data.split(b"\n"):
                if line.strip():
                    await connection.receive(line)
            await settled()
        finally:
            await connection.stop()
            await connection.close()
    for line in said:
        assert b"\n" not in line
        json.loads(line)


def _conversations() -> tuple[bytes, ...]:
    found: list[bytes] = []
    for version in seeds.HANDSHAKE:
        opening = seeds.said(seeds.request(version, "initialize"))
        found += [
            opening + b"\n" + seeds.said(message) + b"\n" for message in seeds.requests(version)
        ]
    found += [seeds.said(message) + b"\n" for message in seeds.requests(seeds.STATELESS)]
    for version in ("2025-11-25", seeds.STATELESS):
        for name in ("ask", "job"):
            call = seeds.request(version, "tools/call", {"name": name, "arguments": {}})
            cancel = seeds.request(version, "notifications/cancelled", {"requestId": 7})
            answer = {"jsonrpc": "2.0", "id": "1", "result": {"action": "accept"}}
            lines = [seeds.request(version, "initialize"), call, answer, cancel]
            found.append(b"\n".join(seeds.said(line) for line in lines))
    batch = [seeds.request("2025-03-26", "ping"), seeds.request("2025-03-26", "tools/list"), 1]
    older = {**seeds.PLAIN["initialize"], "protocolVersion": "2025-03-26"}
    opening = seeds.request("2025-03-26", "initialize", older)
    return (*found, seeds.said(opening) + b"\r\n" + seeds.said(batch) + b"\r\n\r\n")


READERS = (
    Reader(
        "lines of a pipe",
        _lines,
        _conversations(),
        grows=(
            lambda n: b'{"jsonrpc":"2.0","method":"x"}\n' * (n // 8),
            lambda n: b"[1]\n" * (n // 8),
            lambda n: b'{"jsonrpc":"2.0","id":1,"method":"' + b"\\u00e9" * n + b'"}',
            lambda n: b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'{"a":' * n,
        ),
    ),
)
