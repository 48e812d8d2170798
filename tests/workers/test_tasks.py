"""Background tasks among workers: whoever runs one, any worker answers for it."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from pathlib import Path
from typing import Any

from tests.support.process import until
from tests.support.wire import STATELESS, RpcError, Wire
from tests.workers.conftest import Workers, workers

CAPABILITIES = {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}


class Watcher(Wire):
    """A client whose every request reaches the next worker."""

    def __init__(self, urls: list[str]) -> None:
        super().__init__(urls[0], STATELESS, capabilities=CAPABILITIES)
        self._turn = itertools.cycle(urls)

    async def send(self, verb: str, **options: Any) -> Any:
        options.setdefault("url", next(self._turn))
        return await super().send(verb, **options)

    async def begin(self, tool: str, **arguments: Any) -> str:
        params = {"name": tool, "arguments": arguments}
        return (await self.request("tools/call", params)).result["taskId"]

    async def get(self, id: str) -> dict[str, Any]:
        return (await self.request("tasks/get", {"taskId": id})).result

    async def until(self, id: str, status: str, seconds: float = 20) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def reached() -> bool:
            found.update(await self.get(id))
            return found["status"] == status

        await until(reached, f"a task is {status}", seconds)
        return found

    async def follow(self, id: str, url: str) -> list[dict[str, Any]]:
        """What a subscription at one worker is told of a task, whose questions are answered."""
        told: list[dict[str, Any]] = []
        async with self.subscribe({"taskIds": [id]}, url=url) as messages:
            async for message in messages:
                assert message["method"] == "notifications/tasks"
                told.append(message["params"])
                assert told[-1].pop("_meta")
                assert told[-1]["taskId"] == id
                for key in told[-1].get("inputRequests", ()):
                    answer = {"action": "accept", "content": {"value": "yes"}}
                    update = {"taskId": id, "inputResponses": {key: answer}}
                    await self.request("tasks/update", update)
                if "result" in told[-1]:
                    break
        return told

    async def is_unknown(self, id: str) -> bool:
        try:
            await self.get(id)
        except RpcError as exc:
            return exc.code == -32602
        return False


async def test_any_worker_answers_for_a_task(three: Workers):
    async with Watcher(three.urls) as wire:
        ids = [await wire.begin("job", seconds=0.1, tag=f"t{n}") for n in range(3)]
        assert len({id.partition(".")[0] for id in ids}) == 3
        for n, id in enumerate(ids):
            for _ in three.urls:
                state = await wire.until(id, "completed")
                assert state["result"]["content"][0]["text"] == f"job t{n}"
                assert state["taskId"] == id


async def test_any_worker_takes_the_answer(three: Workers):
    async with Watcher(three.urls) as wire:
        for n in range(4):
            id = await wire.begin("asking_job", question=f"{n}?")
            state = await wire.until(id, "input_required")
            [key] = state["inputRequests"]
            wrong = {"taskId": id, "inputResponses": {key: {"action": "maybe"}}}
            message = wire.message("tasks/update", wrong)
            headers = wire.standard_headers("tasks/update", wrong)
            refused = await wire.send("POST", message=message, headers=headers)
            assert (refused.error["code"], key in refused.error["message"]) == (-32602, True)
            answer = {"action": "accept", "content": {"value": "yes"}}
            update = {"taskId": id, "inputResponses": {key: answer}}
            assert (await wire.request("tasks/update", update)).result.keys() == {
                "resultType",
                "_meta",
            }
            state = await wire.until(id, "completed")
            assert state["result"]["content"][0]["text"] == f"{n}?: yes"


async def test_any_worker_cancels_it(three: Workers):
    async with Watcher(three.urls) as wire:
        for n in range(3):
            tag = f"cancelled{n}"
            id = await wire.begin("job", seconds=60, tag=tag)
            await wire.request("tasks/cancel", {"taskId": id})
            assert (await wire.get(id))["status"] == "cancelled"
            await wire.request("tasks/cancel", {"taskId": id})

            async def over(tag: str = tag) -> bool:
                begun = three.noted("job", "begins", tag)
                return begun == three.noted("job", "cancelled", tag)

            await until(over, "the function was interrupted")


async def test_any_worker_tells_how_it_is(three: Workers):
    async with Watcher(three.urls) as wire:
        for n, url in enumerate((*three.urls, three.urls[0])):
            id = await wire.begin("asking_job", question=f"{n}?")
            async with asyncio.timeout(20):
                told = await wire.follow(id, url)
            assert "input_required" in [state["status"] for state in told]
            assert [state["status"] for state in told].count("completed") == 1
            assert told[-1]["result"]["content"][0]["text"] == f"{n}?: yes"
            looked = await wire.get(id)
            assert told[-1] == {name: looked[name] for name in told[-1]}


async def test_made_up_ids_are_unknown_at_once(three: Workers):
    async with Watcher(three.urls) as wire:
        id = await wire.begin("job", seconds=0)
        begin = time.monotonic()
        for made_up in (id[:-1], "0badcafe.x", "x" * 500, id.replace(".", "")):
            for _ in three.urls:
                assert await wire.is_unknown(made_up)
        assert time.monotonic() - begin < 4


async def test_a_task_ends_with_its_worker(tmp_path: Path):
    with workers(tmp_path, 2, shared=False) as running:
        killed, other = running.servers
        async with Watcher([killed.url]) as wire:
            id = await wire.begin("job", seconds=60, tag="lost")
            wire._turn = itertools.cycle([other.url])
            assert (await wire.get(id))["status"] == "working"
            killed.stop(signal.SIGKILL)
            begin = time.monotonic()
            assert await wire.is_unknown(id)
            assert time.monotonic() - begin < 4


async def test_a_worker_that_stops_gives_its_tasks_time(tmp_path: Path):
    with workers(tmp_path, 2, shared=False, FASTMCP_HTTP_SHUTDOWN_GRACE="2") as running:
        stopping, other = running.servers
        async with Watcher([stopping.url]) as wire:
            short = await wire.begin("job", seconds=1, tag="short")
            await wire.begin("job", seconds=60, tag="long")

            async def begun() -> bool:
                return running.noted("job", "begins", "long") == 1

            await until(begun, "the tasks run")
            begin = time.monotonic()
            stopped = asyncio.create_task(asyncio.to_thread(stopping.stop))
            wire._turn = itertools.cycle([other.url])
            # Until then it answers those that ask for its tasks.
            assert (await wire.until(short, "completed"))["status"] == "completed"
            assert await stopped == 0
            assert time.monotonic() - begin < 8
        assert running.noted("job", "ends", "short") == 1
        assert running.noted("job", "cancelled", "long") == 1
        assert running.noted("job", "ends", "long") == 0
