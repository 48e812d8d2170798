"""Clients that connect and say nothing, or half of what they would: they hold a connection for a
while, and then it is ended, however many there are. Whoever speaks is served all the time."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from tests.faults.conftest import Log, opened, serves, serving, stats
from tests.support.extent import extent
from tests.support.process import Server, until
from tests.support.wire import Wire

READ = 1.0
"""Seconds that a request may take to arrive, here."""

Open = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEAD = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = HEAD + b"Content-Length: 5000\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """It waits a second for what its clients say."""
    with serving(FASTMCP_HTTP_READ_TIMEOUT=str(READ)) as running:
        yield running


@asynccontextmanager
async def connected(server: Server, count: int, words: bytes = b"") -> AsyncIterator[list[Open]]:
    """So many connections, on each of which this was said."""
    found: list[Open] = []
    try:
        for _ in range(count):
            found.append(await asyncio.open_connection("127.0.0.1", server.port))
            found[-1][1].write(words)
        yield found
    finally:
        for _, writer in found:
            writer.transport.abort()


async def heard(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the server hangs up."""
    return await asyncio.wait_for(reader.read(), 60)


async def test_one_that_says_nothing_is_hung_up_on(server: Server):
    began = time.monotonic()
    async with connected(server, 1) as [(reader, _)]:
        assert await heard(reader) == b""
    assert READ <= time.monotonic() - began < READ * 3


async def test_half_a_request_is_answered_with_what_is_missing(server: Server):
    """On a new connection, and on one that has served well."""
    ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    whole = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(ping), ping)

    async def half(words: bytes) -> None:
        async with connected(server, 1, words) as [(reader, _)]:
            *_, answer = (await heard(reader)).partition(b"HTTP/1.1 408")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b" Request Timeout\r\n")
        assert b"connection: close" in head
        assert b"content-length: %d" % len(body) in head
        error = json.loads(body)["error"]
        assert error["code"] == -32600
        assert "FASTMCP_HTTP_READ_TIMEOUT" in error["message"]
        assert "send it again" in error["message"]

    halves = (b"P", HEAD, BODY, BODY + b'{"jsonrpc":')
    await asyncio.gather(*(half(before + words) for before in (b"", whole) for words in halves))


async def test_one_that_is_slow_is_not_silent(server: Server):
    """A body may take longer than that, as long as something comes; so may an answer, and the pause
    between two requests has uvicorn's own limit."""
    message = b'{"jsonrpc":"2.0","id":1,"method":"ping"}' + b" " * 20
    async with connected(server, 1) as [(reader, writer)]:
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(message))
        for at in range(0, len(message), 10):
            writer.write(message[at : at + 10])
            await asyncio.sleep(READ / 4)  # the time is what is tested
        assert (await reader.readuntil(b"\r\n")).split()[1] in (b"200", b"400")
    async with Wire(server.url) as wire:
        await opened(wire)
        assert (await wire.call("steps", {"n": 1, "pause": READ * 1.5})).text == "stepped"
        await asyncio.sleep(READ * 1.5)  # and the connection is the same
        await serves(wire)


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """So many for this process and what it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_a_crowd_that_says_nothing():
    """Is there, costs little, keeps nobody out, and is gone in the end."""
    many = extent(300, 10_000)
    read = extent(6, 20)
    with (
        descriptors(many + 1000),
        serving(NOFILE=str(many + 500), FASTMCP_HTTP_READ_TIMEOUT=str(read)) as server,
    ):
        async with Wire(server.url) as wire:
            await opened(wire)
            await serves(wire)
            before, log = await stats(server), Log(server)
            async with connected(server, many) as crowd:

                async def inside() -> bool:
                    # One less: our own connection may be idle for too long meanwhile.
                    return (await stats(server))["files"] >= before["files"] + many - 1

                await until(inside, "all are connected")
                during = await stats(server)
                assert during["rss"] - before["rss"] < many * 16
                slowest = 0.0
                for _ in range(20):
                    began = time.monotonic()
                    await serves(wire)
                    slowest = max(slowest, time.monotonic() - began)
                assert slowest < 1
                await asyncio.gather(*(heard(reader) for reader, _ in crowd))

            async def as_before() -> bool:
                now = await stats(server)
                return now["files"] <= before["files"] and now["tasks"] <= before["tasks"]

            await until(as_before, "nothing is left of them")
            await serves(wire)
            assert len(log.lines) <= 10
