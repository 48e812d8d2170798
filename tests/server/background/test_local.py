"""Handlers that answer with what they have to know first, as tasks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fastmcp.protocol.classify import Call
from fastmcp.protocol.jsonrpc import encode_result
from fastmcp.protocol.tasks import TaskState
from fastmcp.protocol.versions import Era
from fastmcp.server.background.local import LocalTasks, TaskLimits
from fastmcp.server.bus import Bus
from fastmcp.server.exchange import Detached, Exchange

ASKS = {
    "resultType": "input_required",
    "inputRequests": {"name": {"method": "elicitation/create", "params": {"message": "?"}}},
    "requestState": "sealed",
}
ANSWER = {"action": "accept", "content": {"name": "Ann"}}


@asynccontextmanager
async def running(handler: Callable[[dict[str, Any]], Any]) -> AsyncIterator[LocalTasks]:
    """Tasks whose requests are served by a function of their params."""

    async def serve(call: Call, exchange: Exchange) -> tuple[bytes, int]:
        assert exchange.task_id is not None
        return encode_result(call.id, await handler(call.params)), 0

    tasks = LocalTasks(Bus(), TaskLimits())
    async with tasks.hold(serve):
        yield tasks
    assert len(tasks) == 0


async def begin(tasks: LocalTasks, **params: Any) -> dict[str, Any]:
    call = Call(Era.STATELESS, "2026-07-28", 1, "tools/call", params, {})
    return await tasks.begin(call, Detached(), "", 1000)


async def reached(tasks: LocalTasks, id: str, status: str) -> TaskState:
    async with asyncio.timeout(5):
        while True:
            state = await tasks.find(id, "")
            if state is not None and state.status == status:
                return state
            await asyncio.sleep(0)


async def guarded(params: dict[str, Any]) -> dict[str, Any]:
    """Wants a name first."""
    if "inputResponses" not in params:
        return ASKS
    await asyncio.sleep(0)
    name = params["inputResponses"]["name"]["content"]["name"]
    return {"content": [], "name": name, "state": params["requestState"]}


async def test_what_is_asked_at_once_comes_before_the_task(no_leaks: None):
    async with running(guarded) as tasks:
        assert await begin(tasks) == ASKS
        assert len(tasks) == 0
        created = await begin(tasks, inputResponses={"name": ANSWER}, requestState="sealed")
        assert created["resultType"] == "task"
        assert "requestState" not in created
        state = await reached(tasks, created["taskId"], "completed")
        result = json.loads(bytes(state.result))
        assert (result["name"], result["state"]) == ("Ann", "sealed")


@pytest.mark.parametrize("steps", [0, 1])
async def test_a_client_that_leaves_before_it_knows_leaves_no_task(steps: int, no_leaks: None):
    async def forever(params: dict[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async with running(forever) as tasks:
        call = asyncio.create_task(begin(tasks))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len(tasks) == 0
