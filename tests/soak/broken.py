"""Clients that do not do as they should, on bare sockets: half requests, garbage, resets in the
middle of an answer, streams that nobody reads; and requests that are refused, each for its reason.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.soak.ground import Ground
from tests.support.wire import Wire

LIMIT = 1024 * 1024
"""Bytes of a body, as the servers are told."""


@asynccontextmanager
async def _socket(
    ground: Ground, *, reset: bool = False, small: bool = False
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to one of the workers, closed or reset at the end."""
    port = urlsplit(ground.chance.choice(ground.workers)).port
    raw = socket.socket()
    raw.setblocking(False)
    if small:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
    try:
        yield reader, writer
    finally:
        if reset:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


def _head(ground: Ground, method: str, **headers: Any) -> bytes:
    lines = [f"{method} /mcp HTTP/1.1", "Host: 127.0.0.1"]
    every = {**ground.headers(), **headers}
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in every.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _call(wire: Wire, ground: Ground, tool: str, **arguments: Any) -> bytes:
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}
    body = json.dumps(wire.message("tools/call", params)).encode()
    headers = wire.standard_headers("tools/call", params)
    return _head(ground, "POST", **headers, Content_Length=len(body)) + body


async def half_a_request(ground: Ground) -> None:
    """In the head, or in the body."""
    async with _socket(ground) as (_, writer):
        if ground.chance.random() < 0.5:
            writer.write(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le")
        else:
            head = _head(ground, "POST", Content_Type="application/json", Content_Length=5000)
            writer.write(head + b'{"jsonrpc":')
        await writer.drain()
        await asyncio.sleep(ground.chance.random() * 0.2)
    ground.provoked("half a request")


async def garbage(ground: Ground) -> None:
    """No HTTP: the HTTP server refuses it by itself."""
    async with _socket(ground) as (reader, writer):
        writer.write(ground.chance.randbytes(200).replace(b"\n", b" ") + b"\r\n\r\n")
        await writer.drain()
        assert b"400" in await reader.readline()
    ground.provoked("no HTTP")


async def too_large(ground: Ground) -> None:
    async with _socket(ground) as (reader, writer):
        writer.write(
            _head(ground, "POST", Content_Type="application/json", Content_Length=LIMIT + 1)
        )
        await writer.drain()
        assert b" 413 " in await reader.readline()
    ground.provoked("413")


async def reset_in_an_answer(ground: Ground) -> None:
    """A stream that is being written; in the stateless era this cancels the call."""
    stateless = ground.chance.random() < 0.5
    async with ground.stateless() if stateless else ground.latest() as wire:
        if not stateless:
            await wire.initialize()
        async with _socket(ground, reset=True) as (reader, writer):
            writer.write(_call(wire, ground, "flood", n=50, size=20_000))
            await writer.drain()
            assert b" 200 " in await reader.readline()
            await reader.readexactly(1000)
    ground.provoked("reset")


async def does_not_read(ground: Ground) -> None:
    """The server gives the stream up after its time to write."""
    async with ground.stateless() as wire, _socket(ground, small=True) as (reader, writer):
        writer.write(_call(wire, ground, "flood", n=500, size=50_000))
        await writer.drain()
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio names no way
        await asyncio.sleep(ground.chance.random() * 5)
    ground.provoked("unread stream")


async def reads_slowly(ground: Ground) -> None:
    """A little at a time, and hears all of it."""
    async with ground.stateless() as wire, _socket(ground, small=True) as (reader, writer):
        writer.write(_call(wire, ground, "large", size=200_000))
        await writer.drain()
        assert b" 200 " in await reader.readline()
        length = 0
        while (line := await reader.readline()).strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        body = b""
        while len(body) < length:
            body += await reader.read(20_000)
            await asyncio.sleep(0.01)
        assert len(json.loads(body)["result"]["content"][0]["text"]) == 200_000
    ground.called("large_result")


async def refused(ground: Ground) -> None:
    """Each for its own reason, and nothing is opened for it."""
    async with ground.stateless() as wire:
        wire.validate = False
        wire.url = ground.chance.choice(ground.workers)
        good = wire.standard_headers("tools/list")
        body = json.dumps(wire.message("tools/list"))
        old = {k: v for k, v in good.items() if not k.lower().startswith("mcp-")}
        requests: tuple[tuple[int, str, dict[str, str], str | None], ...] = (
            (400, "POST", good, "{nonsense"),
            (400, "POST", good, "[" * 5000),
            (406, "POST", {**good, "Accept": "text/plain"}, body),
            (415, "POST", {**good, "Content-Type": "text/plain"}, body),
            (421, "POST", {**good, "Host": "evil.example"}, body),
            (400, "POST", {**good, "MCP-Protocol-Version": "1999-01-01"}, body),
            (431, "POST", {**good, "X-Large": "x" * 40_000, "X-Larger": "x" * 40_000}, body),
            (405, "PUT", good, body),
            (404, "POST", {**old, "Mcp-Session-Id": "no.such.session"}, _PING),
            (400, "POST", old, _PING),
            (404, "DELETE", {**old, "Mcp-Session-Id": "no.such.session"}, None),
        )
        for status, verb, headers, data in requests:
            answer = await wire.send(verb, data=data, headers=headers)
            assert answer.status == status, (status, verb, data, answer)
            ground.provoked(str(status))


_PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})


async def wrong_tokens(ground: Ground) -> None:
    """None, a forged one, an expired one, and one of another user at a session."""
    if not ground.private_key:
        return
    async with ground.latest() as wire:
        await wire.initialize()
        mine, wire.validate = wire.headers, False
        other = ground.token(f"somebody-{ground.chance.randrange(10**6)}")
        for status, token in (
            (401, None),
            (401, f"{ground.bearer()}x"),
            (401, ground.token(ground.user, -60)),
            (404, other),
        ):
            wire.headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            headers = wire.standard_headers("ping")
            answer = await wire.send("POST", message=wire.message("ping"), headers=headers)
            ground.refused(answer, status)
        wire.headers = mine
        assert (await wire.request("ping")).status == 200


async def token_that_expires(ground: Ground) -> None:
    """What it opened ends with it."""
    if not ground.private_key:
        return
    async with ground.stateless() as wire:
        wire.headers = {"Authorization": f"Bearer {ground.token(ground.user, 6)}"}
        async with wire.subscribe({"toolsListChanged": True}) as messages:
            async for _ in messages:
                break
    ground.provoked("expired token")


ALL = (
    half_a_request,
    garbage,
    too_large,
    reset_in_an_answer,
    does_not_read,
    reads_slowly,
    refused,
    wrong_tokens,
    token_that_expires,
)
