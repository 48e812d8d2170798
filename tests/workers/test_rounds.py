"""A call of the stateless era that asks its client: each round reaches another worker."""

from __future__ import annotations

import asyncio
import itertools
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import until
from tests.support.wire import STATELESS, Answer, RpcError, Wire
from tests.workers.conftest import Workers, workers

CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {}}


def answered(request: dict[str, Any]) -> dict[str, Any]:
    params = request["params"]
    if request["method"] == "sampling/createMessage":
        text = params["messages"][0]["content"]["text"]
        content = {"type": "text", "text": text.upper()}
        return {"role": "assistant", "model": "m", "content": content}
    (schema,) = params["requestedSchema"]["properties"].values()
    value = True if schema["type"] == "boolean" else schema.get("enum", ["Ada"])[0]
    return {"action": "accept", "content": {"value": value}}


class Nomad(Wire):
    """A client of the stateless era whose every request reaches the next worker."""

    def __init__(self, urls: list[str]) -> None:
        super().__init__(urls[0], STATELESS, capabilities=CAPABILITIES)
        self._turn = itertools.cycle(urls)

    async def send(self, verb: str, **options: Any) -> Answer:
        options.setdefault("url", next(self._turn))
        return await super().send(verb, **options)

    async def round(
        self, tool: str, arguments: dict[str, Any], before: dict[str, Any] | None, **more: Any
    ) -> Answer:
        """One request: the first, or the one that answers what was asked before."""
        params: dict[str, Any] = {"name": tool, "arguments": arguments}
        if before is not None:
            params["inputResponses"] = {
                key: answered(request) for key, request in before["inputRequests"].items()
            }
            params["requestState"] = before["requestState"]
        return await self.request("tools/call", params, **more)

    async def through(self, tool: str, **arguments: Any) -> tuple[Answer, int]:
        """The whole call: its last answer, and how many requests it took."""
        before: dict[str, Any] | None = None
        for count in itertools.count(1):
            answer = await self.round(tool, arguments, before)
            before = answer.result
            if before["resultType"] == "complete":
                return answer, count
        raise AssertionError


async def test_each_round_at_another_worker(three: Workers):
    async with Nomad(three.urls) as wire:
        for number in range(4):
            answer, count = await wire.through("interview", tag=f"r{number}")
            assert count == 4
            assert answer.text.startswith("Ada GREET ADA red ")
            assert three.noted("interview", "begins", f"r{number}") == 1


async def test_many_at_once(three: Workers):
    async def one(number: int) -> str:
        async with Nomad(three.urls[number % 3 :] + three.urls[: number % 3]) as wire:
            return (await wire.through("interview", tag=f"m{number}"))[0].text

    texts = await asyncio.gather(*(one(number) for number in range(30)))
    assert {text.rpartition(" ")[0] for text in texts} == {"Ada GREET ADA red"}
    assert len({text.rpartition(" ")[2] for text in texts}) == 3


async def test_what_it_says_reaches_the_retry(three: Workers):
    async with Nomad(three.urls) as wire:
        first = await wire.round("interview", {}, None)
        second = await wire.round("interview", {}, first.result, meta={"progressToken": "p"})
        (progress,) = second.notifications("notifications/progress")
        assert progress["progressToken"] == "p"


async def test_a_large_result_and_an_error_come_through(three: Workers):
    async with Nomad(three.urls) as wire:
        answer, _ = await wire.through("large", size=3_000_000)
        assert len(answer.text) == 3_000_000
        first = await wire.round("interview", {}, None)
        state = first.result["requestState"]
        await wire.round("interview", {}, first.result)
        used = {"inputRequests": {}, "requestState": state}
        with pytest.raises(RpcError, match="used already"):
            (await wire.round("interview", {}, used)).result  # noqa: B018


async def test_a_client_that_leaves_a_retry_cancels_its_call(three: Workers):
    async with Nomad(three.urls) as wire:
        first = await wire.round("slow_after", {"seconds": 30, "tag": "left"}, None)
        retry = asyncio.create_task(
            wire.round("slow_after", {"seconds": 30, "tag": "left"}, first.result)
        )

        async def begun() -> bool:
            return three.noted("slow", "begins", "left") >= 1

        before = three.noted("slow", "cancelled", "left")
        await until(begun, "the call goes on")
        retry.cancel()

        async def cancelled() -> bool:
            return three.noted("slow", "cancelled", "left") == before + 1

        await until(cancelled, "the call is cancelled")


@pytest.mark.parametrize("shared", [True, False])
async def test_a_worker_that_dies(tmp_path: Path, shared: bool):
    with workers(tmp_path, 2, shared=shared, clean=False) as two:
        here, there = two.servers
        async with Nomad([here.url]) as at_one, Nomad([there.url]) as at_other:
            asked = await at_one.round("interview", {}, None)
            repeatable = await at_one.round("survey", {"tag": "again"}, None)
            running = await at_one.round("slow_after", {"seconds": 60, "tag": "runs"}, None)
            retry = asyncio.create_task(
                at_other.round("slow_after", {"seconds": 60, "tag": "runs"}, running.result)
            )

            async def begun() -> bool:
                return two.noted("slow", "begins", "runs") == 1

            await until(begun, "the call goes on")
            here.process.send_signal(signal.SIGKILL)
            here.process.wait()
            with pytest.raises(RpcError, match="the server that ran it has ended"):
                (await retry).result  # noqa: B018
            with pytest.raises(RpcError, match="cannot go on"):
                (await at_other.round("interview", {}, asked.result)).result  # noqa: B018
            again = await at_other.round("survey", {"tag": "again"}, repeatable.result)
            (question,) = again.result["inputRequests"].values()
            assert question["params"]["message"] == "second"
            done = await at_other.round("survey", {"tag": "again"}, again.result)
            assert done.text == "Ada Ada"
            assert two.noted("survey", "begins", "again") == 2
            assert two.noted("slow", "begins", "runs") == 1


async def test_a_worker_that_stops_is_still_reached_in_its_grace(tmp_path: Path):
    with workers(tmp_path, 2, shared=False, FASTMCP_HTTP_SHUTDOWN_GRACE="20") as two:
        here, there = two.servers
        async with Nomad([here.url]) as at_one, Nomad([there.url]) as at_other:
            asked = await at_one.round("survey", {"tag": "s"}, None)
            here.process.send_signal(signal.SIGTERM)
            more = await at_other.round("survey", {"tag": "s"}, asked.result)
            done = await at_other.round("survey", {"tag": "s"}, more.result)
            assert done.text == "Ada Ada"
        assert await asyncio.to_thread(here.process.wait, 10) == 0
        assert two.noted("survey", "begins", "s") == 1


async def test_one_alone_does_not_wait_for_who_cannot_come(tmp_path: Path):
    with workers(tmp_path, 1, shared=False, FASTMCP_HTTP_SHUTDOWN_GRACE="60") as one:
        async with Nomad(one.urls) as wire:
            await wire.round("interview", {}, None)
        one.servers[0].process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(one.servers[0].process.wait, 10) == 0
