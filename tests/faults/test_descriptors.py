"""A process that has no file descriptor left: who is inside is served, who comes is turned away,
the operator is told, and it is over when there are descriptors again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.faults.conftest import Log, opened, serves, serving
from tests.support.process import Server, until
from tests.support.wire import Wire

FEW = 64


@asynccontextmanager
async def crowded(server: Server) -> AsyncIterator[None]:
    """More connections than it has descriptors for; those that are let in stay."""
    writers: list[asyncio.StreamWriter] = []
    try:
        for _ in range(FEW * 2):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writers.append(writer)
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


async def is_served(server: Server) -> bool:
    """Whether somebody new is."""
    try:
        async with Wire(server.url) as wire:
            await serves(await opened(wire))
    except (aiohttp.ClientError, OSError):
        return False
    return True


async def test_none_is_left():
    """A session that is open goes on, in threads as well; a tool that wants a file is told why it
    has none; whoever comes later is served, and not before the crowd is gone."""
    with serving(clean=False, NOFILE=str(FEW)) as server:  # the tool that fails is in its log
        async with Wire(server.url) as wire:
            await serves(await opened(wire))
            log = Log(server)
            async with crowded(server):
                await until(lambda: bool(log.saying("No file descriptor is left")), "it is said")
                for _ in range(5):
                    await serves(wire)
                    assert "Too many open files" in (await wire.call("read_a_file")).text
                assert not await is_served(server)
            async with asyncio.timeout(10):
                while not await is_served(server):
                    pass  # the crowd is leaving
            await until(lambda: bool(log.saying("There are file descriptors again")), "it is said")
            [told] = log.saying("No file descriptor is left")
            assert "ulimit -n" in told
            assert "Name:" in (await wire.call("read_a_file")).text
            assert len(log.saying("file descriptor")) == 2


async def test_a_crowd_that_says_nothing_and_does_not_leave():
    """Is hung up on in the end, so nobody has to start the server again."""
    with serving(NOFILE=str(FEW), FASTMCP_HTTP_READ_TIMEOUT="1.5") as server:
        async with crowded(server):
            assert not await is_served(server)
            async with asyncio.timeout(15):
                while not await is_served(server):
                    pass  # they have their time


async def test_it_stops_as_it_should():
    with serving(NOFILE=str(FEW)) as server:
        async with Wire(server.url) as wire:
            await serves(await opened(wire))
            call = asyncio.create_task(wire.call("steps", {"n": 5}))
            async with crowded(server):
                await until(lambda: "No file descriptor is left" in server.log, "it is said")
                assert (await call).text == "stepped"
                assert await asyncio.to_thread(server.stop) == 0
