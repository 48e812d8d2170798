"""One Redis as a process uses it: what is heard, and how a connection that died is noticed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from fastmcp.server.backplane import redis_line
from fastmcp.server.backplane.redis_line import line_at
from tests.support.process import Server
from tests.support.redis import redis

SECONDS = 20.0


@pytest.fixture(scope="module")
def store() -> Iterator[Server]:
    with redis() as running:
        yield running


async def test_a_connection_that_falls_silent_is_lost(
    store: Server, monkeypatch: pytest.MonkeyPatch
):
    """A machine that vanishes closes no connection: what comes meanwhile would be missed, and
    nobody told to look again."""
    monkeypatch.setattr(redis_line, "_LISTEN", 0.2)
    line = line_at(f"redis://127.0.0.1:{store.port}")
    line.hold()
    back, heard = asyncio.Event(), asyncio.Event()
    line.when_back(back.set)
    await line.hear("c", lambda _: heard.set())
    store.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(back.wait(), 1.5)
    finally:
        store.process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(SECONDS):
        await back.wait()
        await line.do(lambda redis: redis.publish("c", b"1"))
        await heard.wait()
    await line.release()


async def test_a_connection_with_nothing_to_hear_is_kept(
    store: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(redis_line, "_LISTEN", 0.1)
    line = line_at(f"redis://127.0.0.1:{store.port}")
    line.hold()
    back, heard = asyncio.Event(), asyncio.Event()
    line.when_back(back.set)
    await line.hear("c", lambda _: heard.set())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(back.wait(), 1.5)
    async with asyncio.timeout(SECONDS):
        await line.do(lambda redis: redis.publish("c", b"1"))
        await heard.wait()
    await line.release()


async def test_more_commands_at_once_than_there_may_be_connections(store: Server):
    """A burst waits for its turn: it does not look like a Redis that is away."""
    line = line_at(f"redis://127.0.0.1:{store.port}")
    line.hold()
    answers = await asyncio.gather(*(line.do(lambda redis: redis.incr("n")) for _ in range(500)))
    assert sorted(answers) == list(range(1, 501))
    await line.do(lambda redis: redis.delete("n"))
    await line.release()
