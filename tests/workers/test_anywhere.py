"""Whatever a session needs reaches the worker that needs it, whichever one the client reached."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.process import until
from tests.support.wire import Wire
from tests.workers.conftest import Workers

CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {}}


class Nomad(Wire):
    """A client whose every request reaches the next worker."""

    def __init__(self, workers: Workers, **options: Any) -> None:
        super().__init__(workers.urls[0], capabilities=CAPABILITIES, **options)
        self._turn = itertools.cycle(workers.urls)
        self.last_id: str | None = None
        self.urls = workers.urls

    async def send(self, verb: str, **options: Any) -> Any:
        options.setdefault("url", next(self._turn))
        return await super().send(verb, **options)


@asynccontextmanager
async def nomad(workers: Workers, **options: Any) -> AsyncIterator[Nomad]:
    async with Nomad(workers, **options) as wire:
        await wire.initialize()
        yield wire


async def test_t1_every_worker_serves_every_session(three: Workers):
    async with nomad(three) as wire:
        pids = {(await wire.call("who")).text for _ in range(6)}
        assert len(pids) == 3
        for _ in range(3):
            assert (await wire.call("capabilities")).text == "elicitation,roots,sampling"


async def test_an_answer_may_be_posted_to_any_worker(three: Workers):
    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        if message["method"] == "roots/list":
            return {"roots": [{"uri": "file:///tmp/here"}]}
        if message["method"] == "sampling/createMessage":
            text = message["params"]["messages"][0]["content"]["text"]
            content = {"type": "text", "text": text.upper()}
            return {"role": "assistant", "model": "m", "content": content}
        return {"action": "accept", "content": {"value": message["params"]["message"][::-1]}}

    async with nomad(three) as wire:
        for number in range(6):
            reply = await wire.call("ask", {"question": f"abc{number}"}, on_request=answer)
            assert reply.text == f"abc{number}: {number}cba"
        reply = await wire.call("sample", {"text": "loud"}, on_request=answer)
        assert reply.text == "LOUD"
        assert "file:///tmp/here" in (await wire.call("roots", on_request=answer)).text


async def test_many_questions_at_once(three: Workers):
    async def answer(message: dict[str, Any]) -> dict[str, Any]:
        return {"action": "accept", "content": {"value": message["params"]["message"]}}

    async with nomad(three) as wire:
        replies = await asyncio.gather(
            *(wire.call("ask", {"question": f"q{n}"}, on_request=answer) for n in range(50))
        )
    assert [reply.text for reply in replies] == [f"q{n}: q{n}" for n in range(50)]


async def test_a_request_is_cancelled_wherever_it_runs(three: Workers):
    async with nomad(three) as wire:
        message = wire.message(
            "tools/call", {"name": "slow", "arguments": {"seconds": 30, "tag": "c"}}, id=77
        )
        call = asyncio.create_task(
            wire.send(
                "POST",
                message=message,
                headers=wire.standard_headers("tools/call"),
                url=three.urls[0],
            )
        )

        async def begun() -> bool:
            return three.noted("slow", "begins", "c") > 0

        async def cancelled() -> bool:
            return three.noted("slow", "cancelled", "c") > 0

        await until(begun, "begun")
        cancel = {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": 77},
        }
        await wire.send("POST", message=cancel, headers=wire.standard_headers(), url=three.urls[1])
        await until(cancelled, "cancelled")
        reply = await call
        assert reply.messages == []
        three.journal.unlink()


async def test_an_ended_session_is_ended_everywhere(three: Workers):
    async with nomad(three) as wire:
        for _ in three.urls:
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
        assert (await wire.delete()).status == 200
        for url in three.urls:

            async def gone(url: str = url) -> bool:
                message = wire.message("ping")  # a session that is not over yet answers it
                answer = await wire.send(
                    "POST", message=message, headers=wire.standard_headers(), url=url
                )
                return answer.status == 404

            await until(gone, "gone")


async def test_the_log_level_holds_everywhere(three: Workers):
    async with nomad(three) as wire:
        for _ in three.urls:
            assert len((await wire.call("talk")).notifications("notifications/message")) == 2
        await wire.request("logging/setLevel", {"level": "warning"})
        for url in three.urls:

            async def quiet(url: str = url) -> bool:
                params = {"name": "talk", "arguments": {}}
                answer = await wire.send(
                    "POST",
                    message=wire.message("tools/call", params),
                    headers=wire.standard_headers("tools/call"),
                    url=url,
                )
                said = [m["level"] for m in answer.notifications("notifications/message")]
                return said == ["warning"]

            await until(quiet, "quiet")


async def test_state_and_visibility_are_the_sessions(three: Workers):
    async with nomad(three) as wire, nomad(three) as other:
        await wire.call("remember", {"value": "blue"})
        for _ in three.urls:

            async def known() -> bool:
                return (await wire.call("recall")).text == "blue"

            await until(known, "known")
        assert (await other.call("recall")).text == "None"
        await wire.call("hide", {"name": "add"})
        for _ in three.urls:

            async def hidden() -> bool:
                tools = (await wire.request("tools/list")).result["tools"]
                return "add" not in [tool["name"] for tool in tools]

            await until(hidden, "hidden")
        tools = (await other.request("tools/list")).result["tools"]
        assert "add" in [tool["name"] for tool in tools]


@asynccontextmanager
async def listening(
    wire: Nomad, url: str, last: str | None = None
) -> AsyncIterator[asyncio.Queue[Any]]:
    """The standalone stream at one worker; its messages, and None for its end."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    opened = asyncio.Event()
    wire.url = url

    async def read() -> None:
        async with wire.listen(last) as events:
            opened.set()
            async for event in events:
                wire.last_id = event.id or wire.last_id
                if event.message is not None:
                    heard.put_nowait(event.message)
        heard.put_nowait(None)

    task = asyncio.create_task(read())
    await asyncio.wait_for(opened.wait(), 10)
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


async def heard_in(queue: asyncio.Queue[Any], method: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message = await queue.get()
            assert message is not None
            if message["method"] == method:
                return message


async def test_changes_reach_every_stream(three: Workers):
    async with nomad(three) as one, nomad(three) as two:
        uri = "thing://1"
        await one.request("resources/subscribe", {"uri": uri})
        async with listening(one, three.urls[1]) as first, listening(two, three.urls[2]) as second:
            for url in three.urls:
                params = {"name": "change", "arguments": {}}
                await one.send(
                    "POST",
                    message=one.message("tools/call", params),
                    headers=one.standard_headers("tools/call"),
                    url=url,
                )
                for stream in (first, second):
                    await heard_in(stream, "notifications/prompts/list_changed")
            await one.call("update", {"uri": uri})
            message = await heard_in(first, "notifications/resources/updated")
            assert message["params"] == {"uri": uri}
            assert second.empty()


async def test_t20_a_second_stream_takes_over_wherever_it_is(three: Workers):
    async with (
        nomad(three) as wire,
        listening(wire, three.urls[0]) as first,
        listening(wire, three.urls[1]) as second,
    ):
        async with asyncio.timeout(10):
            assert await first.get() is None  # the older one ends
        await wire.call("change")
        await heard_in(second, "notifications/prompts/list_changed")
        assert second.empty()
        async with listening(wire, three.urls[1]) as third:
            async with asyncio.timeout(10):
                assert await second.get() is None
            await wire.call("change")
            await heard_in(third, "notifications/prompts/list_changed")


async def test_a_standalone_stream_resumes_at_another_worker(three: Workers):
    """With a Redis exactly what was missed; without, at least what to look at again."""
    async with nomad(three) as wire:
        uri = "thing://2"
        await wire.request("resources/subscribe", {"uri": uri})
        async with listening(wire, three.urls[0]) as stream:
            await wire.call("update", {"uri": uri})
            await heard_in(stream, "notifications/resources/updated")
        last = wire.last_id
        await wire.call("update", {"uri": uri})
        await wire.call("change")
        async with listening(wire, three.urls[1], last) as stream:
            if three.redis is not None:
                messages = [await asyncio.wait_for(stream.get(), 10) for _ in range(2)]
                assert [m["method"] for m in messages] == [
                    "notifications/resources/updated",
                    "notifications/prompts/list_changed",
                ]
                assert stream.empty()
            else:
                await heard_in(stream, "notifications/prompts/list_changed")
                await heard_in(stream, "notifications/resources/updated")
        async with listening(wire, three.urls[0], last) as stream:
            await heard_in(stream, "notifications/resources/updated")


async def test_nobody_waits_for_an_answer_to_a_worker_that_is_gone(three: Workers):
    async with nomad(three) as wire:
        reply = {"jsonrpc": "2.0", "id": "0badc0de.1", "result": {}}
        answer = await wire.send("POST", message=reply, headers=wire.standard_headers())
        assert answer.status == 400
        assert "FASTMCP_REDIS_URL" in json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize("accept", ["application/json, text/event-stream", "application/json"])
async def test_t4_one_id_for_all(three: Workers, accept: str):
    """Twelve calls with one id in one session, and each gets its own answer."""
    async with nomad(three, validate=False) as wire:

        async def call(number: int) -> Any:
            params = {"name": "slow", "arguments": {"seconds": 0.3, "tag": str(number)}}
            headers = {**wire.standard_headers("tools/call"), "Accept": accept}
            message = wire.message("tools/call", params, id=1)
            return await wire.send("POST", message=message, headers=headers, url=three.urls[0])

        replies = await asyncio.gather(*(call(number) for number in range(12)))
        assert [reply.text for reply in replies] == [f"slow {number}" for number in range(12)]
