"""The workers that share a Redis, when it goes and comes back."""

from __future__ import annotations

import asyncio
import signal

import pytest

from fastmcp.server.backplane.base import BackplaneDown, Said
from fastmcp.server.backplane.feed import FeedReader
from fastmcp.server.backplane.redis import RedisBackplane
from fastmcp.server.backplane.redis_line import line_at
from fastmcp.server.bus import Bus, Change, ResourceUpdated, ToolsChanged
from fastmcp.server.session_keys import SessionKeys
from tests.support.redis import redis

KEYS = SessionKeys([b"k" * 32])


async def heard(reader: FeedReader, *changes: Change) -> None:
    """Wait until it has taken these, in any order and perhaps more than once."""
    missing = set(changes)
    async with asyncio.timeout(20):
        while missing:
            await reader.wait(0)
            missing -= {change for _, change in reader.take() or ()}


async def test_what_changed_while_redis_was_away_is_told_when_it_is_back():
    changes = [ToolsChanged(), ResourceUpdated("a:1"), ResourceUpdated("a:2")]
    with redis() as store:
        url = f"redis://127.0.0.1:{store.port}"
        bus = Bus()
        here = RedisBackplane(bus, line_at(url), "s", KEYS)
        there = RedisBackplane(Bus(), line_at(url), "s", KEYS)
        for backplane in (here, there):
            await backplane.start(lambda _: None)
        near, far = here.feed.open(), there.feed.open()
        store.stop(signal.SIGKILL)
        for change in changes:
            bus.publish(change)
        await heard(near, *changes)
        with redis(store.port):
            await heard(far, *changes)
            for backplane in (here, there):
                await backplane.stop()


async def test_a_worker_that_does_not_listen_is_told_from_one_that_is_gone():
    """The answer for the one may be posted again; for the other nobody waits any more."""
    with redis() as store:
        url = f"redis://127.0.0.1:{store.port}"
        here, there = (RedisBackplane(Bus(), line_at(url), "s", KEYS) for _ in range(2))
        line = there._line
        for backplane in (here, there):
            await backplane.start(lambda _: None)
        message = Said("session", b"{}")
        assert await here.send(there.worker, message)
        await line.unhear(f"{there._base}:to:{there.worker}")

        async def unheard() -> None:
            while await here.send(there.worker, message):
                pass  # it takes a moment until nobody hears it

        with pytest.raises(BackplaneDown):
            await asyncio.wait_for(unheard(), 10)
        await there.stop()
        assert not await here.send(there.worker, message)
        await here.stop()


async def test_with_a_session_everything_of_it_ends():
    with redis() as store:
        backplane = RedisBackplane(Bus(), line_at(f"redis://127.0.0.1:{store.port}"), "s", KEYS)
        await backplane.start(lambda _: None)
        await backplane.note("session", {"level": "error", "state:a": "1"}, 60)
        assert await backplane.fact("session", "state:a") == "1"
        await backplane.note("session", {"ended": "1"}, 60)
        assert await backplane.notes("session") == {"ended": "1"}
        assert await backplane.fact("session", "state:a") is None
        await backplane.stop()
