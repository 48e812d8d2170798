"""The log of resumable streams: one write an event, reading forward, nothing of others."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import aclosing
from typing import Any

import pytest
from key_value.aio.stores.memory import MemoryStore

from fastmcp.protocol.events import EventId, read_event_id
from fastmcp.server.event_store import Entry, EventStore, UnknownEvent


def test_nothing_is_imported_while_a_stream_is_open():
    """It would hold up every call, and a stream whose first event a proxy waits for."""
    code = (
        "import asyncio, sys; from fastmcp.server.event_store import Entry, EventStore;"
        "store = EventStore(); known = set(sys.modules);"
        "asyncio.run(store.append('s', Entry(0, None)));"
        "print(sorted(name for name in set(sys.modules) - known if name.startswith('key_value')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class CountingStore(MemoryStore):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.puts = 0

    async def put(self, *args: Any, **kwargs: Any) -> None:
        self.puts += 1
        await super().put(*args, **kwargs)


async def fill(store: EventStore, stream: str, count: int, *, end: bool = False) -> None:
    await store.append(stream, Entry(0, None))
    for position in range(1, count + 1):
        last = end and position == count
        await store.append(stream, Entry(position, f'{{"n":{position}}}'.encode(), last))


async def test_what_was_and_what_comes_in_one_go():
    store = EventStore()
    await fill(store, "s", 2)
    heard: list[int] = []
    both = asyncio.Event()

    async def read() -> None:
        async with aclosing(store.after("s", 0)) as entries:
            async for entry in entries:
                if entry is not None:
                    heard.append(entry.position)
                    if entry.position == 2:
                        both.set()

    reader = asyncio.create_task(read())
    await asyncio.wait_for(both.wait(), 5)
    await store.append("s", Entry(3, b"{}"))
    await store.append("s", Entry(4, b"{}", final=True))
    await asyncio.wait_for(reader, 5)
    assert heard == [1, 2, 3, 4]


async def test_an_event_costs_one_write():
    storage = CountingStore()
    store = EventStore(storage)
    await fill(store, "s", 20)
    assert storage.puts == 21


async def test_another_process_that_shares_the_store_reads_on():
    storage = MemoryStore()
    writer, reader = EventStore(storage), EventStore(storage)
    await fill(writer, "s", 1)

    async def read() -> list[bytes | None]:
        async with aclosing(reader.after("s", 0)) as entries:
            return [entry.message async for entry in entries if entry is not None]

    reading = asyncio.create_task(read())
    await writer.append("s", Entry(2, b"[]", final=True))
    assert await asyncio.wait_for(reading, 5) == [b'{"n":1}', b"[]"]


async def test_only_so_many_are_kept():
    store = EventStore(max_events_per_stream=3)
    await fill(store, "s", 10)
    assert [await store.read("s", n) is not None for n in range(6, 11)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    with pytest.raises(UnknownEvent):
        await anext(store.after("s", 2))


async def test_an_unknown_event():
    with pytest.raises(UnknownEvent):
        await anext(EventStore().after("nobody", 0))


async def test_events_expire():
    store = EventStore(ttl=1)
    await store.append("s", Entry(0, None))
    assert await store.read("s", 0) == Entry(0, None)
    async with asyncio.timeout(10):
        while await store.read("s", 0) is not None:  # noqa: ASYNC110  (nothing tells of it)
            await asyncio.sleep(0)


def test_a_limit_of_none_is_refused():
    with pytest.raises(ValueError, match="max_events_per_stream"):
        EventStore(max_events_per_stream=0)


async def test_fastmcps_two_methods():
    store = EventStore()
    first = await store.store_event("s", None)
    await store.store_event("s", b'{"a":1}')
    last = await store.store_event("s", b'{"a":2}')
    heard: list[Any] = []

    async def hear(event: Any) -> None:
        heard.append(event)

    assert await store.replay_events_after(first, hear) == "s"
    assert [message for message, _ in heard] == [b'{"a":1}', b'{"a":2}']
    assert heard[-1][1] == last
    assert await store.replay_events_after("s.99", hear) is None
    assert await store.replay_events_after("nonsense", hear) is None


@pytest.mark.parametrize("text", ["", ".", ".3", "s.", "s.-1", "s.x", "s.²", "s" * 200 + ".1"])
def test_what_is_no_event_id(text: str):
    assert read_event_id(text) is None


def test_event_ids():
    assert read_event_id(str(EventId("a.b", 7))) == EventId("a.b", 7)
