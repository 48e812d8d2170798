"""Clients that ask and do not read: what was written for them is let go, and they with it, whatever
kind of answer it is."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.faults.conftest import ERAS, Log, opened, serves, serving, stats
from tests.support.process import Server, until
from tests.support.wire import Wire

WRITE = 1.0
"""Seconds that an answer may lie unread, here."""
SIZE = 8_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """It waits a second for clients that do not read."""
    with serving(FASTMCP_HTTP_WRITE_TIMEOUT=str(WRITE)) as running:
        yield running


@asynccontextmanager
async def unread(server: Server, wire: Wire, tool: str, **arguments: Any) -> AsyncIterator[Any]:
    """A call whose client reads nothing; what would read, and what would hang up."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}
    body = json.dumps(wire.message("tools/call", params)).encode()
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Content-Length: {len(body)}",
        *(f"{k}: {v}" for k, v in wire.standard_headers("tools/call", params).items()),
        "",
        "",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio names no way to stop reading
    writer.write("\r\n".join(lines).encode() + body)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("text", {"size": SIZE}), ("flood", {"n": SIZE // 10_000, "size": 10_000})],
)
async def test_what_nobody_reads_is_let_go(
    server: Server, version: str, tool: str, arguments: dict[str, Any]
):
    """An answer that is JSON, and one that is a stream: memory and connections come back, others
    are served meanwhile, and the log is quiet."""
    async with Wire(server.url, version) as wire, Wire(server.url) as other:
        await opened(wire)
        await opened(other)
        await serves(other)
        before, log = await stats(server), Log(server)
        calls = [unread(server, wire, tool, **arguments) for _ in range(5)]
        for call in calls:
            await call.__aenter__()

        async def is_held() -> bool:
            return (await stats(server))["files"] >= before["files"] + len(calls)

        async def is_over() -> bool:
            now = await stats(server)
            return now["files"] <= before["files"] and now["tasks"] <= before["tasks"]

        await until(is_held, "the calls are there")
        began = time.monotonic()
        await serves(other)
        assert time.monotonic() - began < 2
        await until(is_over, "they are let go")
        for call in calls:
            await call.__aexit__(None, None, None)
        assert (await stats(server))["rss"] < before["rss"] + 4 * SIZE // 1024
        assert log.lines == []


async def test_one_that_reads_slowly_has_all_of_it(server: Server):
    """Longer than that time, with pauses shorter than it."""
    async with Wire(server.url) as wire:
        await opened(wire)
        async with unread(server, wire, "text", size=SIZE) as (reader, _):
            transport = reader._transport
            head = b""
            taken = 0
            began = time.monotonic()
            while taken < SIZE:
                transport.resume_reading()
                part = await asyncio.wait_for(reader.read(1 << 20), 5)
                assert part, "it was hung up on"
                transport.pause_reading()
                head, taken = head or part, taken + len(part)
                if time.monotonic() - began < WRITE * 2:
                    await asyncio.sleep(WRITE / 8)  # the time is what is tested
            assert head.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("version", ERAS)
async def test_the_server_stops_while_nobody_reads(version: str):
    with serving(FASTMCP_HTTP_WRITE_TIMEOUT="60") as server:
        async with Wire(server.url, version) as wire:
            await opened(wire)
            async with unread(server, wire, "text", size=SIZE):
                before = await stats(server)
                assert before["files"]
                began = time.monotonic()
                assert await asyncio.to_thread(server.stop) == 0
                assert time.monotonic() - began < 6
