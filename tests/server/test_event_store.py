"""The log of resumable streams: one write an event, reading forward, nothing of others."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore

from fastmcp.protocol.events import EventId, read_event_id
from fastmcp.server.event_logs import Entry, Head, MemoryLog
from fastmcp.server.event_store import EventStore, StoreDown, UnknownEvent, new_stream_name
from tests.support.process import Server
from tests.support.redis import redis


def test_nothing_is_imported_while_a_stream_is_open():
    """It would hold up every call, and a stream whose first event a proxy waits for."""
    code = (
        "import asyncio, sys; from fastmcp.server.event_store import EventStore;"
        "store = EventStore(); known = set(sys.modules);"
        "asyncio.run(store.begin('s'));"
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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with redis() as running:
        yield running


@pytest.fixture(params=["memory", "key value", "redis"])
async def stores(
    request: pytest.FixtureRequest,
) -> AsyncIterator[Callable[..., EventStore]]:
    """Makes stores that share what is kept, as two processes do; in memory it is always the
    same one."""
    made: list[EventStore] = []
    storage = MemoryStore()

    def make(**options: Any) -> EventStore:
        if request.param == "redis":
            port = request.getfixturevalue("server").port
            made.append(EventStore(RedisStore(url=f"redis://127.0.0.1:{port}"), **options))
            line = made[-1].line
            assert line is not None
            line.hold()
        elif request.param == "key value":
            made.append(EventStore(storage, **options))
        elif not made:
            made.append(EventStore(**options))
        return made[-1]

    yield make
    for store in made:
        await store.aclose()
        if store.line is not None:
            await store.line.release()


Make = Callable[..., EventStore]


def name() -> str:
    return new_stream_name()


async def fill(store: EventStore, stream: str, count: int, *, end: bool = False) -> None:
    await store.begin(stream, 7)
    for position in range(1, count + 1):
        last = end and position == count
        await store.append(stream, Entry(position, f'{{"n":{position}}}'.encode(), last))


async def rest(store: EventStore, stream: str, position: int) -> list[Entry]:
    async with asyncio.timeout(40), aclosing(store.after(stream, position)) as entries:
        return [entry async for entry in entries if entry is not None]


async def test_what_was_and_what_comes_in_one_go(stores: Make):
    store, stream = stores(), name()
    await fill(store, stream, 2)
    heard: list[int] = []
    both = asyncio.Event()

    async def read() -> None:
        async with aclosing(stores().after(stream, 0)) as entries:
            async for entry in entries:
                if entry is not None:
                    heard.append(entry.position)
                    if entry.position == 2:
                        both.set()

    reader = asyncio.create_task(read())
    await asyncio.wait_for(both.wait(), 5)
    await store.append(stream, Entry(3, b"{}"))
    await store.append(stream, Entry(4, b"{}", final=True))
    await asyncio.wait_for(reader, 5)
    assert heard == [1, 2, 3, 4]


async def test_long_streams_and_many_readers(stores: Make):
    store, stream = stores(max_events_per_stream=1000), name()
    await fill(store, stream, 1)
    readers = [asyncio.create_task(rest(store, stream, at % 2)) for at in range(10)]
    for position in range(2, 500):
        await store.append(stream, Entry(position, b"%d" % position, position == 499))
    for at, reader in enumerate(readers):
        assert [entry.position for entry in await reader] == list(range(at % 2 + 1, 500))
    assert (await rest(store, stream, 400))[0].message == b"401"


async def test_many_writers_at_once_and_some_that_give_up(stores: Make):
    store, streams = stores(), [name() for _ in range(100)]
    writers = [asyncio.create_task(fill(store, stream, 5, end=True)) for stream in streams]
    await asyncio.wait(writers[50:], return_when=asyncio.FIRST_COMPLETED)
    for writer in writers[:50]:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)
    for stream in streams[50:]:
        assert [entry.position for entry in await rest(store, stream, 0)] == [1, 2, 3, 4, 5]
    late = name()
    await fill(store, late, 1, end=True)
    assert len(await rest(store, late, 0)) == 1


async def test_an_event_costs_one_write():
    storage = CountingStore()
    store = EventStore(storage)
    await fill(store, "s", 20, end=True)
    # The lease, the head, the event that carries nothing, and twenty events.
    assert storage.puts == 23
    await store.aclose()


async def test_only_so_many_are_kept(stores: Make):
    store, stream = stores(max_events_per_stream=3), name()
    await fill(store, stream, 10, end=True)
    assert [entry.position for entry in await rest(store, stream, 8)] == [9, 10]
    for position in (2, 7, 11):
        with pytest.raises(UnknownEvent):
            await anext(store.after(stream, position))


async def test_an_unknown_event(stores: Make):
    with pytest.raises(UnknownEvent):
        await anext(stores().after("nobody", 0))


async def test_events_expire(stores: Make):
    store, stream = stores(ttl=1, lease=1), name()
    await fill(store, stream, 1, end=True)
    assert len(await rest(store, stream, 0)) == 1

    async def until_gone() -> None:
        while True:  # nothing tells of it
            await rest(store, stream, 0)

    with pytest.raises(UnknownEvent):
        await asyncio.wait_for(until_gone(), 10)


@pytest.mark.parametrize("stores", ["key value", "redis"], indirect=True)
async def test_the_end_of_one_whose_writer_died(stores: Make):
    """Its readers, however many, hear one error, as does whoever comes later."""
    writer, stream = stores(lease=1.0), name()
    await fill(writer, stream, 1)
    await writer.aclose()  # it renews its lease no more, as if it had died
    heard = await asyncio.gather(*(rest(stores(lease=1.0), stream, 0) for _ in range(3)))
    heard.append(await rest(stores(lease=1.0), stream, 0))
    for entries in heard:
        assert [(entry.position, entry.final) for entry in entries] == [(1, False), (2, True)]
        error = json.loads(entries[-1].message or b"")
        assert error["id"] == 7
        assert "gone" in error["error"]["message"]


async def test_one_whose_writer_is_silent_goes_on(stores: Make):
    writer, stream = stores(lease=0.5), name()
    await fill(writer, stream, 1)
    reading = asyncio.create_task(rest(stores(lease=0.5), stream, 0))
    done, _ = await asyncio.wait([reading], timeout=2)
    assert not done
    await writer.append(stream, Entry(2, b"{}", True))
    assert [entry.position for entry in await reading] == [1, 2]


async def test_memory_is_bounded():
    log = MemoryLog(10, None, limit=1000)
    for number in range(500):
        await log.begin(f"s{number}", Head("w", number))
        for position in range(1, 21):
            await log.append(f"s{number}", Entry(position, b"x"))
    assert await log.at("s0", 20) is None
    assert await log.at("s499", 20) is not None
    assert log.count <= 1010


async def test_memory_is_bounded_in_bytes():
    """The answers of calls are kept, and they may be large."""
    log = MemoryLog(10, None, most_bytes=100_000)
    for number in range(50):
        await log.begin(f"s{number}", Head("w", number))
        for position in range(1, 21):
            await log.append(f"s{number}", Entry(position, b"x" * 1000))
            assert log.size <= 100_000
    assert await log.at("s0", 20) is None
    assert await log.at("s49", 20) is not None
    await log.begin("large", Head("w", 50))
    await log.append("large", Entry(1, b"x" * 200_000, True))
    last = await log.at("large", 1)
    assert last is not None
    assert last.final
    assert log.count == 2
    await log.begin("next", Head("w", 51))
    await log.append("next", Entry(1, b"x"))
    assert log.size == 1


@pytest.mark.parametrize("options", [{"max_events_per_stream": 0}, {"lease": 0}])
def test_what_is_refused(options: Any):
    with pytest.raises(ValueError, match=next(iter(options))):
        EventStore(**options)


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


async def test_a_stream_that_went_begins_anew():
    """What `store_event` counts goes with the stream: its positions begin again."""
    store = EventStore(ttl=1)
    first = await store.store_event("s")
    assert await store.store_event("s", b"{}") == "s.1"

    async def hear(event: Any) -> None:
        heard.append(event[0])

    heard: list[bytes] = []
    async with asyncio.timeout(10):
        while await store.replay_events_after(first, hear) is not None:  # noqa: ASYNC110  (its time)
            await asyncio.sleep(0.05)
    heard.clear()
    assert await store.store_event("s", b'{"a":1}') == "s.1"
    assert await store.replay_events_after(first, hear) == "s"
    assert heard == [b'{"a":1}']


@pytest.mark.parametrize(
    "text",
    ["", ".", ".3", "s.", "s.-1", "s.x", "s.²", "s" * 200 + ".1", f"s.{2**63}", "s." + "9" * 20],
)
def test_what_is_no_event_id(text: str):
    assert read_event_id(text) is None


def test_event_ids():
    assert read_event_id(str(EventId("a.b", 7))) == EventId("a.b", 7)


async def test_what_follows_the_last_event_is_nothing(stores: Make):
    """A client that has the answer and comes back all the same neither waits nor hears another."""
    writer, stream = stores(lease=0.5), name()
    await fill(writer, stream, 2, end=True)
    await writer.aclose()
    assert await rest(stores(lease=0.5), stream, 2) == []
    assert [entry.position for entry in await rest(stores(), stream, 1)] == [2]


async def test_the_highest_position_is_unknown_like_any_other(stores: Make):
    store, stream = stores(), name()
    await fill(store, stream, 1)
    cursor = read_event_id(f"{stream}.{2**63 - 1}")
    assert cursor is not None
    with pytest.raises(UnknownEvent):
        await anext(store.after(*cursor))


@pytest.mark.parametrize("stores", ["redis"], indirect=True)
async def test_an_event_that_was_written_though_nobody_heard_so(stores: Make):
    """The connection broke, or whoever waited was cancelled, after the store had it: what comes
    next is not taken for the same event."""
    store, stream = stores(), name()
    await fill(store, stream, 1)
    await store.append(stream, Entry(2, b"first"))
    assert await store.append(stream, Entry(2, b"second")) == 3
    await store.append(stream, Entry(3, b"third"))
    await store.finish(stream, Entry(4, b"last", True))
    heard = [(entry.position, entry.message) for entry in await rest(store, stream, 1)]
    assert heard == [(2, b"first"), (3, b"second"), (4, b"third"), (5, b"last")]


class DownStore(MemoryStore):
    """Can be away."""

    down = False

    async def put(self, *args: Any, **kwargs: Any) -> None:
        await self._reach()
        await super().put(*args, **kwargs)

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        await self._reach()
        return await super().get(*args, **kwargs)

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise ConnectionError("away")


async def test_a_stream_that_could_not_begin_is_forgotten():
    storage = DownStore()
    store = EventStore(storage)
    await store.begin("first")
    storage.down = True
    with pytest.raises(StoreDown):
        await store.begin("second")
    assert (store.writes("first"), store.writes("second")) == (True, False)
    await store.aclose()


async def test_many_streams_have_one_lease():
    store = EventStore(DownStore())
    before = len(asyncio.all_tasks())
    await asyncio.gather(*(store.begin(f"s{number}") for number in range(20)))
    assert len(asyncio.all_tasks()) == before + 1
    await store.aclose()
    assert len(asyncio.all_tasks()) == before


async def test_a_writer_outlives_an_outage_that_is_longer_than_its_lease():
    storage = DownStore()
    writer, reader = (EventStore(storage, lease=1) for _ in range(2))
    await fill(writer, "s", 1)
    storage.down = True
    await asyncio.sleep(1.02)  # the lease is over, and nobody could renew it
    storage.down = False
    reading = asyncio.create_task(rest(reader, "s", 0))
    done, _ = await asyncio.wait([reading], timeout=1)
    assert not done
    await writer.append("s", Entry(2, b"{}", True))
    assert [entry.message for entry in await reading] == [b'{"n":1}', b"{}"]
    await writer.aclose()


@pytest.mark.parametrize("record", [{"message": 7}, {"message": "\ud800"}, {"final": "no"}])
async def test_a_record_of_another_program_is_no_event(record: dict[str, Any]):
    """The store can be reached, and nobody is told otherwise."""
    storage = MemoryStore()
    await storage.put("s.0", record, collection="fastmcp_events")
    with pytest.raises(UnknownEvent):
        await anext(EventStore(storage).after("s", 0))


@pytest.mark.parametrize("stores", ["key value", "redis"], indirect=True)
async def test_nobody_writes_a_stream_whose_head_is_of_another_program(stores: Make):
    store, stream = stores(lease=0.2), name()
    await store.begin(stream)
    await store.aclose()
    if (line := store.line) is not None:
        await line.do(lambda redis: redis.set(f"{line.prefix}:head:{stream}", b"\xff"))
    else:
        await store._log._put(f"{stream}.head", {"writer": 7})
    async with asyncio.timeout(10):
        with pytest.raises(UnknownEvent):
            await rest(store, stream, 0)
