"""Tasks in docket, in one process: what Redis keeps of them, and what it counts."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pydantic import SecretStr

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Call
from fastmcp.protocol.jsonrpc import encode_result
from fastmcp.protocol.tasks import TaskState
from fastmcp.protocol.versions import Era
from fastmcp.server.background.docket import DocketTasks
from fastmcp.server.background.local import TaskLimits
from fastmcp.server.backplane.base import BackplaneDown
from fastmcp.server.bus import Bus, TaskChanged
from fastmcp.server.exchange import Detached, Exchange
from fastmcp.settings import Settings
from tests.support.process import Server, until
from tests.support.redis import redis


@pytest.fixture(scope="module")
def store() -> Iterator[Server]:
    with redis() as server:
        yield server


async def serve(call: Call, exchange: Exchange) -> tuple[bytes, int]:
    if call.params.get("asks"):
        answer = await exchange.ask("roots/list", {})
        return encode_result(call.id, {"content": [], "roots": answer["roots"]}), 0
    await asyncio.sleep(call.params.get("seconds", 0))
    return encode_result(call.id, {"content": []}), 0


@asynccontextmanager
async def running(
    store: Server, group: str, bus: Bus | None = None, concurrency: int = 10, **limits: Any
) -> AsyncIterator[DocketTasks]:
    settings = Settings(
        docket_url=SecretStr(f"redis://127.0.0.1:{store.port}"),
        docket_concurrency=concurrency,
        docket_redelivery_timeout=timedelta(seconds=1),
    )
    tasks = DocketTasks(bus or Bus(), TaskLimits(**limits), settings, group)
    async with tasks.hold(serve):
        yield tasks


async def begin(tasks: DocketTasks, owner: str = "", **params: Any) -> str:
    call = Call(Era.STATELESS, "2026-07-28", "the-id", "tools/call", params, {})
    return (await tasks.begin(call, Detached(), owner, 1000))["taskId"]


async def reached(tasks: DocketTasks, id: str, *statuses: str, owner: str = "") -> TaskState:
    async with asyncio.timeout(10):
        while True:
            state = await tasks.find(id, owner)
            if state is not None and state.status in statuses:
                return state
            await asyncio.sleep(0.01)


async def begun(tasks: DocketTasks, id: str) -> None:
    """It runs there; nothing of that is written yet."""
    async with asyncio.timeout(10):
        while id not in tasks._runs:  # noqa: ASYNC110  (a longer pause, and it is written)
            await asyncio.sleep(0)


class Failures:
    """The commands of a process that failed."""

    def __init__(self) -> None:
        self._each: asyncio.Queue[None] = asyncio.Queue()

    def add(self) -> None:
        self._each.put_nowait(None)

    async def times(self, count: int) -> None:
        """Wait for so many more."""
        async with asyncio.timeout(10):
            for _ in range(count):
                await self._each.get()


@contextmanager
def unheard(tasks: DocketTasks) -> Iterator[Failures]:
    """What Redis replies to its commands, which are done, does not come in time; docket has
    connections of its own."""
    failed, do = Failures(), tasks._line.do

    async def late(command: Callable[[Any], Awaitable[Any]]) -> Any:
        await do(command)
        failed.add()
        raise BackplaneDown("Redis")

    with patch.object(tasks._line, "do", late):
        yield failed


@contextmanager
def unreachable(tasks: DocketTasks) -> Iterator[Failures]:
    """Its commands do not reach Redis; docket's do."""
    failed = Failures()

    async def never(command: Callable[[Any], Awaitable[Any]]) -> Any:
        failed.add()
        raise BackplaneDown("Redis")

    with patch.object(tasks._line, "do", never):
        yield failed


async def test_changes_are_told_where_they_are_watched(store: Server, no_leaks: None):
    """By any process, whichever runs the task."""
    bus, heard = Bus(), asyncio.Queue[Any]()
    bus.subscribe(heard.put_nowait)
    async with (
        running(store, "watched", bus, concurrency=0) as watching,
        running(store, "watched") as working,
    ):
        id = await begin(watching, asks=True)
        await reached(watching, id, "input_required")
        assert await watching.watch(id, "")
        assert not await watching.watch(id, "somebody else")
        [key] = json.loads(bytes((await reached(watching, id, "input_required")).input_requests))
        assert await watching.answer(id, "", {key: {"roots": []}, "other": 5})
        await reached(working, id, "completed")
        async with asyncio.timeout(10):
            while (await heard.get()) != TaskChanged(id):
                pass
        assert not await watching.answer("nothing", "", {})
        assert not await watching.cancel(id, "somebody else")


async def test_what_changed_while_redis_was_away_is_told(store: Server, no_leaks: None):
    """Or may have changed: whoever listens looks."""
    bus, heard = Bus(), asyncio.Queue[Any]()
    bus.subscribe(heard.put_nowait)
    async with running(store, "away", bus) as tasks:
        id = await begin(tasks, seconds=60)
        assert await tasks.watch(id, "")
        assert heard.empty()
        await tasks._line.do(lambda redis: redis.execute_command("CLIENT KILL TYPE pubsub"))
        async with asyncio.timeout(10):
            assert await heard.get() == TaskChanged(id)
        assert await tasks.cancel(id, "")
        async with asyncio.timeout(10):
            assert await heard.get() == TaskChanged(id)


async def test_what_is_not_over_is_counted(store: Server, no_leaks: None):
    async with running(store, "counted", running=3, of_owner=2) as tasks:
        ids = [await begin(tasks, "ann", seconds=60) for _ in range(2)]
        with pytest.raises(McpError, match="FASTMCP_TASKS_MAX_PER_OWNER"):
            await begin(tasks, "ann")
        await begin(tasks, "bob", seconds=60)
        with pytest.raises(McpError, match="FASTMCP_TASKS_MAX "):
            await begin(tasks, "eve")
        assert await tasks.cancel(ids[0], "ann")
        assert (await reached(tasks, ids[0], "cancelled", owner="ann")).status_message
        await reached(tasks, await begin(tasks, "ann"), "completed", owner="ann")


async def gone(tasks: DocketTasks, id: str) -> None:
    async def unknown() -> bool:
        return await tasks.find(id, "") is None

    await until(unknown, "it is forgotten")


async def test_a_task_is_forgotten_when_its_time_is_over(store: Server, no_leaks: None):
    async with running(store, "kept", retention=1) as tasks:
        id = await begin(tasks)
        assert (await reached(tasks, id, "completed")).ttl_ms < 20_000
        await gone(tasks, id)
    async with running(store, "forgotten", lifetime=0.5) as tasks:
        await gone(tasks, await begin(tasks, seconds=60))


async def test_what_cannot_be_stored_while_stopping_is_left_to_others(
    store: Server, no_leaks: None
):
    async with running(store, "left", concurrency=0) as asked:
        async with running(store, "left") as tasks:
            ids = [await begin(asked, seconds=0.5)]
            await begun(tasks, ids[0])
            with unreachable(tasks) as failed:
                ids.append(await begin(asked))
                await failed.times(1)  # it was taken, and cannot be begun
                tasks.close()
                assert tasks._working is not None
                async with asyncio.timeout(10):
                    await asyncio.wait([tasks._working])  # the other is done, and cannot be stored
                await reached(asked, ids[0], "working")
        async with running(store, "left"):
            for id in ids:
                await reached(asked, id, "completed")


async def test_what_could_not_be_written_or_read_is_tried_again(store: Server, no_leaks: None):
    """Though no connection was lost, and nothing else changes."""
    async with (
        running(store, "late", concurrency=0) as asked,
        running(store, "late") as tasks,
    ):
        id = await begin(asked, asks=True)
        await begun(tasks, id)
        with unreachable(tasks) as failed:
            # Its beginning, its question and its mailbox wake it once each; then nothing does.
            await failed.times(4)
        state = await reached(asked, id, "input_required")
        [key] = json.loads(bytes(state.input_requests))
        with unheard(tasks) as failed:
            await asked.answer(id, "", {key: {"roots": []}})
            await failed.times(2)  # the answer wakes it once
        await reached(asked, id, "completed")


async def test_a_task_that_cannot_be_queued_is_not_counted(store: Server, no_leaks: None):
    async with running(store, "unqueued", concurrency=0, running=1, of_owner=1) as tasks:
        await tasks._line.do(lambda redis: redis.set(tasks._docket.stream_key, "no stream"))
        with pytest.raises(BackplaneDown):
            await begin(tasks, "ann")
        await tasks._line.do(lambda redis: redis.delete(tasks._docket.stream_key))

        queued = asyncio.Event()

        async def slowly(id: str, key: str) -> None:
            queued.set()
            await asyncio.sleep(60)

        with patch.object(tasks, "_queue", slowly):
            beginning = asyncio.create_task(begin(tasks, "ann"))
            async with asyncio.timeout(10):
                await queued.wait()
            beginning.cancel()
            with pytest.raises(asyncio.CancelledError):
                await beginning
        assert not await tasks._line.do(lambda redis: redis.keys(f"{tasks._base}*"))
        await begin(tasks, "ann")


async def test_a_task_that_ends_before_it_is_heard_is_told(store: Server, no_leaks: None):
    bus, heard = Bus(), asyncio.Queue[Any]()
    bus.subscribe(heard.put_nowait)
    async with running(store, "between", bus) as tasks:
        hear = tasks._line.hear

        async def late(channel: str, take: Callable[[bytes], None]) -> None:
            if channel.endswith(":changed"):
                await between()
            await hear(channel, take)

        async def cancelled() -> None:
            await tasks.cancel(id, "")

        async def forgotten() -> None:
            await tasks._line.do(lambda redis: redis.delete(tasks._key(id)))

        with patch.object(tasks._line, "hear", late):
            id, between = await begin(tasks, seconds=60), cancelled
            assert await tasks.watch(id, "")
            async with asyncio.timeout(10):
                assert await heard.get() == TaskChanged(id)
            id, between = await begin(tasks, seconds=60), forgotten
            assert not await tasks.watch(id, "")
        assert not tasks._watched
        id = await begin(tasks, seconds=60)
        assert await tasks.watch(id, "")
        assert not await tasks.watch(id, "somebody else")
        assert id in tasks._watched
        await forgotten()
        assert not await tasks.watch(id, "")
        assert not tasks._watched


async def test_the_end_of_its_worker_is_told(
    store: Server, no_leaks: None, caplog: pytest.LogCaptureFixture
):
    async with running(store, "ended") as tasks:
        broken: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        tasks.when_broken(broken.set_result)
        with caplog.at_level(logging.ERROR, "fastmcp.server.tasks"):
            garbage = {"function": "garbage"}
            await tasks._line.do(lambda redis: redis.xadd(tasks._docket.stream_key, garbage))
            async with asyncio.timeout(10):
                error = await broken
        [record] = [r for r in caplog.records if r.name == "fastmcp.server.tasks"]
        assert record.exc_info
        assert record.exc_info[1] is error
