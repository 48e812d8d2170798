"""Tasks in docket, in one process: what Redis keeps of them, and what it counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Call
from fastmcp.protocol.jsonrpc import encode_result
from fastmcp.protocol.tasks import TaskState
from fastmcp.protocol.versions import Era
from fastmcp.server.background.docket import DocketTasks
from fastmcp.server.background.local import TaskLimits
from fastmcp.server.bus import Bus, TaskChanged
from fastmcp.server.exchange import Detached, Exchange
from fastmcp.settings import Settings
from tests.support.process import Server
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
    url = SecretStr(f"redis://127.0.0.1:{store.port}")
    settings = Settings(docket_url=url, docket_concurrency=concurrency)
    tasks = DocketTasks(bus or Bus(), TaskLimits(**limits), settings, group)
    async with tasks.hold(serve):
        yield tasks


async def begin(tasks: DocketTasks, owner: str = "", **params: Any) -> str:
    call = Call(Era.STATELESS, "2026-07-28", "the-id", "tools/call", params, {})
    return (await tasks.begin(call, Detached(), owner, 1000))["taskId"]


async def until(tasks: DocketTasks, id: str, *statuses: str, owner: str = "") -> TaskState:
    async with asyncio.timeout(10):
        while True:
            state = await tasks.find(id, owner)
            if state is not None and state.status in statuses:
                return state
            await asyncio.sleep(0.01)


async def test_changes_are_told_where_they_are_watched(store: Server, no_leaks: None):
    """By any process, whichever runs the task."""
    bus, heard = Bus(), asyncio.Queue[Any]()
    bus.subscribe(heard.put_nowait)
    async with (
        running(store, "watched", bus, concurrency=0) as watching,
        running(store, "watched") as working,
    ):
        id = await begin(watching, asks=True)
        await until(watching, id, "input_required")
        assert await watching.watch(id, "")
        assert not await watching.watch(id, "somebody else")
        [key] = json.loads(bytes((await until(watching, id, "input_required")).input_requests))  # pyright: ignore
        assert await watching.answer(id, "", {key: {"roots": []}, "other": 5})
        await until(working, id, "completed")
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
        assert (await until(tasks, ids[0], "cancelled", owner="ann")).status_message
        await until(tasks, await begin(tasks, "ann"), "completed", owner="ann")


async def gone(tasks: DocketTasks, id: str) -> None:
    async with asyncio.timeout(10):
        while True:
            if await tasks.find(id, "") is None:
                return
            await asyncio.sleep(0.02)


async def test_a_task_is_forgotten_when_its_time_is_over(store: Server, no_leaks: None):
    async with running(store, "kept", retention=1) as tasks:
        id = await begin(tasks)
        assert (await until(tasks, id, "completed")).ttl_ms < 20_000
        await gone(tasks, id)
    async with running(store, "forgotten", lifetime=0.5) as tasks:
        await gone(tasks, await begin(tasks, seconds=60))
