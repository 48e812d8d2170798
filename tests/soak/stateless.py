"""Clients of 2026-07-28: single requests, rounds, subscriptions, background tasks."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.soak import calls
from tests.soak.ground import Ground, Walker
from tests.support.process import until
from tests.support.wire import RpcError


async def requests(ground: Ground) -> None:
    async with ground.stateless() as wire:
        assert (await wire.request("server/discover")).result["supportedVersions"]
        await calls.some(ground, wire)


async def _round(wire: Walker, tool: str, arguments: Any, before: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    if before is not None:
        params["inputResponses"] = {
            key: calls.answered(request) for key, request in before["inputRequests"].items()
        }
        params["requestState"] = before["requestState"]
    return (await wire.request("tools/call", params)).result


async def asked_in_rounds(ground: Ground) -> None:
    """Four questions, and each answer may come to another worker."""
    async with ground.stateless() as wire:
        tag = str(ground.chance.randrange(10**9))
        before: dict[str, Any] | None = None
        for _ in range(5):
            before = await _round(wire, "interview", {"tag": tag}, before)
        assert before is not None
        assert before["content"][0]["text"] == f"{tag} {calls.INTERVIEWED}"
        ground.called("interview")


async def rounds_abandoned(ground: Ground) -> None:
    """The client is asked and does not come back."""
    async with ground.stateless() as wire:
        first = await _round(wire, "interview", {}, None)
        assert first["resultType"] == "input_required"
        if ground.chance.random() < 0.5:
            await _round(wire, "interview", {}, first)
        ground.called("ask")


async def round_used_twice(ground: Ground) -> None:
    async with ground.stateless() as wire:
        first = await _round(wire, "interview", {}, None)
        await _round(wire, "interview", {}, first)
        used = {"inputResponses": {}, "requestState": first["requestState"]}
        params = {"name": "interview", "arguments": {}, **used}
        answer = await wire.request("tools/call", params)
        assert "used already" in answer.error["message"]
        if answer.status != 200:
            ground.provoked(str(answer.status))
        ground.provoked("a round used twice")


async def call_left(ground: Ground) -> None:
    """Whoever leaves takes the call back."""
    async with ground.stateless() as wire, wire.open("wait", {"seconds": 60}) as (_, events):
        first = await anext(event.message async for event in events if event.message)
        assert first["method"] == "notifications/progress"
    ground.provoked("cancelled")


async def subscription(ground: Ground) -> None:
    """What is published is heard, and a stream that is cut leaves nothing."""
    async with ground.stateless() as wire, ground.stateless() as other:
        uri = f"data://n{ground.chance.randrange(10**9)}"
        wanted = {"resourceSubscriptions": [uri], "toolsListChanged": True}
        async with wire.subscribe(wanted) as messages:
            await other.call("publish", {"uri": uri})
            async for message in messages:
                assert message["method"] == "notifications/resources/updated"
                assert message["params"]["uri"] == uri
                break
        ground.called("subscriptions/listen")


async def list_changed(ground: Ground) -> None:
    async with ground.stateless() as wire, ground.stateless() as other:
        async with wire.subscribe({"promptsListChanged": True}) as messages:
            await other.call("change")
            async for message in messages:
                assert message["method"] == "notifications/prompts/list_changed"
                break
        ground.called("list_changed")


async def _begin(wire: Walker, tool: str, **arguments: Any) -> str:
    return (await wire.call(tool, arguments)).result["taskId"]


async def _reached(wire: Walker, id: str, status: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def is_so() -> bool:
        found.update((await wire.request("tasks/get", {"taskId": id})).result)
        if found["status"] == status:
            return True
        await asyncio.sleep(0.05)
        return False

    await until(is_so, f"a task is {status}", 15)
    return found


async def task(ground: Ground) -> None:
    async with ground.stateless() as wire:
        tag = str(ground.chance.randrange(10**9))
        id = await _begin(wire, "job", seconds=0.2, tag=tag)
        done = await _reached(wire, id, "completed")
        assert done["result"]["content"][0]["text"] == f"job {tag}"
        ground.called("task")


async def task_that_asks(ground: Ground) -> None:
    async with ground.stateless() as wire:
        id = await _begin(wire, "asking_job", question="why")
        state = await _reached(wire, id, "input_required")
        responses = {key: calls.answered(one) for key, one in state["inputRequests"].items()}
        await wire.request("tasks/update", {"taskId": id, "inputResponses": responses})
        done = await _reached(wire, id, "completed")
        assert done["result"]["content"][0]["text"] == "why: Ada"
        ground.called("task")


async def task_cancelled(ground: Ground) -> None:
    async with ground.stateless() as wire:
        id = await _begin(wire, "job", seconds=60)
        await wire.request("tasks/cancel", {"taskId": id})
        await _reached(wire, id, "cancelled")
        ground.called("task")


async def task_watched(ground: Ground) -> None:
    async with ground.stateless() as wire:
        id = await _begin(wire, "job", seconds=0.3)
        async with wire.subscribe({"taskIds": [id]}) as messages, asyncio.timeout(15):
            async for message in messages:
                assert message["method"] == "notifications/tasks"
                assert message["params"]["taskId"] == id
                if message["params"]["status"] == "completed":
                    break
        ground.called("task")


async def tasks_abandoned(ground: Ground) -> None:
    """Nobody looks at their outcomes, nor answers what they ask."""
    async with ground.stateless() as wire:
        await _begin(wire, "job", seconds=0.1)
        await _begin(wire, "asking_job", question="why")
        ground.called("task")


async def unknown_task(ground: Ground) -> None:
    async with ground.stateless() as wire:
        answer = await wire.request("tasks/get", {"taskId": f"0badcafe.{ground.user}"})
        try:
            answer.result  # noqa: B018
        except RpcError as error:
            assert error.code == -32602  # noqa: PT017
        if answer.status != 200:
            ground.provoked(str(answer.status))
        ground.provoked("unknown task")


ALL = (
    requests,
    requests,
    asked_in_rounds,
    rounds_abandoned,
    round_used_twice,
    call_left,
    subscription,
    list_changed,
    task,
    task_that_asks,
    task_cancelled,
    task_watched,
    tasks_abandoned,
    unknown_task,
)
