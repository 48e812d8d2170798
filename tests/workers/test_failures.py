"""Workers that die, connections that break, a Redis that goes away: what was promised is kept,
and what cannot be kept is said."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.process import serve, until, uvicorn
from tests.support.redis import redis
from tests.support.sse import Decoder, Event
from tests.support.wire import Wire
from tests.workers.conftest import HERE, Workers, environment, workers

LEASE = 2.0


@pytest.fixture
def pair(tmp_path: Path) -> Any:
    with workers(tmp_path, 2, shared=True, LEASE=str(LEASE), clean=False) as running:
        yield running


class Cut:
    """A call whose connection the client cuts after so many events, and then hears the rest of."""

    def __init__(self, wire: Wire, tool: str, **arguments: Any) -> None:
        self.wire = wire
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}}
        self.message = wire.message("tools/call", params)
        self.events: list[Event] = []
        self.resumed_status = 0

    async def begin(self, url: str, events: int) -> None:
        decoder = Decoder()
        headers = self.wire.standard_headers("tools/call")
        async with (
            aiohttp.ClientSession() as http,
            http.post(url, json=self.message, headers=headers) as response,
        ):
            async for chunk in response.content.iter_any():
                self.events += decoder.feed(chunk)
                if len(self.events) >= events:
                    return

    async def resume(self, url: str) -> None:
        """Hear the rest, to the end of the stream."""
        headers = {**self.wire.standard_headers(), "Accept": "text/event-stream"}
        headers["Last-Event-ID"] = next(e.id for e in reversed(self.events) if e.id)
        decoder = Decoder()
        async with (
            asyncio.timeout(20),
            aiohttp.ClientSession() as http,
            http.get(url, headers=headers) as response,
        ):
            self.resumed_status = response.status
            if response.status == 200:
                async for chunk in response.content.iter_any():
                    self.events += decoder.feed(chunk)

    @property
    def steps(self) -> list[int]:
        return [m["params"]["progress"] for m in self.messages if "method" in m]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [event.message for event in self.events if event.message is not None]

    @property
    def answer(self) -> dict[str, Any]:
        answers = [m for m in self.messages if "method" not in m]
        assert len(answers) == 1, self.messages
        return answers[0]


async def test_t7_resumed_at_another_worker_while_it_runs(pair: Workers):
    """Replay and then live: nothing lost, nothing twice, and the stream ends with the answer."""
    async with Wire(pair.urls[0]) as wire:
        await wire.initialize()
        calls = [Cut(wire, "ticking", n=8, pause=0.1, tag=str(n)) for n in range(5)]
        await asyncio.gather(*(call.begin(pair.urls[0], 3) for call in calls))
        await asyncio.gather(*(call.resume(pair.urls[1]) for call in calls))
        for number, call in enumerate(calls):
            assert call.steps == list(range(1, 9))
            assert call.answer["result"]["content"][0]["text"] == f"ticked {number}"
            assert call.events[0].retry == 100
            ids = [event.id for event in call.events if event.id]
            assert len(ids) == len(set(ids))


async def test_t7_the_answer_outlives_the_worker(pair: Workers):
    async with Wire(pair.urls[0]) as wire:
        await wire.initialize()
        call = Cut(wire, "ticking", n=4, pause=0.05, tag="outlives")
        await call.begin(pair.urls[0], 2)

        async def ended() -> bool:
            return pair.noted("ticking", "ends", "outlives") == 1

        await until(ended, "the tool ends")
        # The answer is written when the tool has ended; another worker can hear that it is.
        await call.resume(pair.urls[1])
        again = Cut(wire, "ticking")
        again.events = call.events[:2]
        pair.servers[0].stop(signal.SIGKILL)
        await again.resume(pair.urls[1])
        for heard in (call, again):
            assert heard.steps == [1, 2, 3, 4]
            assert heard.answer["result"]["content"][0]["text"] == "ticked outlives"


async def test_t7_a_worker_that_is_killed_while_it_runs_a_call(pair: Workers):
    """Its clients hear an error within the lease, whether they waited before or came later."""
    async with Wire(pair.urls[0]) as wire:
        await wire.initialize()
        call = Cut(wire, "slow", seconds=60)
        await call.begin(pair.urls[0], 1)
        waiting = asyncio.create_task(call.resume(pair.urls[1]))
        later = Cut(wire, "slow")
        later.message, later.events = call.message, call.events[:1]
        pair.servers[0].stop(signal.SIGKILL)
        async with asyncio.timeout(LEASE * 3):
            await waiting
            await later.resume(pair.urls[1])
        for heard in (call, later):
            assert heard.answer["id"] == call.message["id"]
            assert "gone" in heard.answer["error"]["message"]


async def test_a_client_that_waits_on_the_killed_worker_itself(pair: Workers):
    """Its connection breaks, and it hears the error from the worker it comes back to."""
    async with Wire(pair.urls[0]) as wire:
        await wire.initialize()
        call = Cut(wire, "ticking", n=1000, pause=0.05)
        cut = asyncio.create_task(call.begin(pair.urls[0], 1000))

        async def heard() -> bool:
            return len(call.events) > 3

        await until(heard, "progress")
        pair.servers[0].stop(signal.SIGKILL)
        with pytest.raises(aiohttp.ClientError):
            await cut
        async with asyncio.timeout(LEASE * 3):
            await call.resume(pair.urls[1])
        assert call.steps == list(range(1, len(call.steps) + 1))
        assert "gone" in call.answer["error"]["message"]


async def test_a_question_of_a_worker_that_was_killed(pair: Workers):
    """The answer is refused: nobody is promised anything. Until the worker is known to be dead it
    may as well be busy, and the client shall try again."""
    async with Wire(pair.urls[0], capabilities={"elicitation": {}}) as wire:
        await wire.initialize()
        call = Cut(wire, "ask", question="still there?")
        await call.begin(pair.urls[0], 2)
        question = call.messages[0]
        pair.servers[0].stop(signal.SIGKILL)
        reply = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}}

        async def refused() -> bool:
            answer = await wire.send(
                "POST", message=reply, headers=wire.standard_headers(), url=pair.urls[1]
            )
            assert answer.status in (400, 503)
            return answer.status == 400

        await until(refused, "the worker is known to be dead", 20)


async def test_t7_of_another_session(pair: Workers):
    async with Wire(pair.urls[0]) as wire, Wire(pair.urls[1]) as stranger:
        await wire.initialize()
        await stranger.initialize()
        call = Cut(wire, "ticking", n=3)
        await call.begin(pair.urls[0], 2)
        theirs = Cut(stranger, "ticking")
        theirs.events = call.events[:1]
        await theirs.resume(pair.urls[1])
        assert theirs.resumed_status == 400
        assert len(theirs.events) == 1


async def test_t7_what_is_kept_is_bounded(pair: Workers):
    """A hundred events of a stream, whatever it says, and all of it expires."""
    import redis.asyncio

    assert pair.redis is not None
    async with Wire(pair.urls[0]) as wire:
        await wire.initialize()
        params = {"name": "flood", "arguments": {"n": 2000, "size": 10_000}}
        meta = {"progressToken": "f"}
        reply = await wire.request("tools/call", params, meta=meta)
        assert reply.text == "flooded"
        assert len(reply.notifications("notifications/progress")) == 2000
    async with redis.asyncio.Redis(port=pair.redis.port) as client:
        memory = (await client.info("memory"))["used_memory"]
        assert memory < 16 * 1024 * 1024
        streams = [key async for key in client.scan_iter("fastmcp:events:*")]
        assert [await client.xlen(key) for key in streams] == [100]
        for key in [key async for key in client.scan_iter("*")]:
            if b":line" not in key:
                # In milliseconds: less than half a second is 0 s, and -2 ms is one that is gone.
                assert await client.pttl(key) != -1, key


async def test_t1_redis_goes_and_comes_back(tmp_path: Path):
    """Sessions that a worker knows go on, one that it cannot know about is told to try again,
    and a stream that is open goes on; when Redis is back so is everything, with no restart."""
    with ExitStack() as stack:
        store = stack.enter_context(redis())
        env = environment(tmp_path, store)
        app = uvicorn("server:app", "--log-level", "warning")
        one, two = (stack.enter_context(serve(app, cwd=HERE, env=env)) for _ in range(2))
        async with Wire(one.url, capabilities={"elicitation": {}}) as wire:
            await wire.initialize()
            call = Cut(wire, "ticking", n=60, pause=0.05, tag="through")
            running = asyncio.create_task(call.begin(one.url, 1000))

            async def heard() -> bool:
                return len(call.events) > 3

            await until(heard, "progress")
            store.stop(signal.SIGKILL)
            ping = wire.message("ping")
            headers = wire.standard_headers()
            known = await wire.send("POST", message=ping, headers=headers, url=one.url)
            unknown = await wire.send("POST", message=ping, headers=headers, url=two.url)
            assert known.status == 200
            assert (unknown.status, unknown.headers["retry-after"]) == (503, "1")
            assert "Redis" in json.loads(unknown.body)["error"]["message"]
            # Its end could not be told to all workers, so it is not promised.
            assert (await wire.delete()).status == 503
            await asyncio.wait_for(running, 20)
            assert call.steps == list(range(1, 61))
            assert call.answer["result"]["content"][0]["text"] == "ticked through"
            assert one.log.count("The event store cannot be reached") == 1

            stack.enter_context(redis(store.port))
            async with Wire(one.url, capabilities={"elicitation": {}}) as again:
                await again.initialize()

                async def back() -> bool:
                    answer = await again.send(
                        "POST",
                        message=again.message("ping"),
                        headers=again.standard_headers(),
                        url=two.url,
                    )
                    return answer.status == 200

                await until(back, "Redis is back")

                async def answer(message: dict[str, Any]) -> dict[str, Any]:
                    return {"action": "accept", "content": {"value": "yes"}}

                async def answered() -> bool:
                    """Asked by one worker, answered to the other."""
                    again.url = one.url
                    question = again.message(
                        "tools/call", {"name": "ask", "arguments": {"question": "well"}}
                    )
                    asking = Cut(again, "ask", question="well")
                    asking.message = question
                    await asking.begin(one.url, 2)
                    asked = asking.messages[0]
                    reply = {"jsonrpc": "2.0", "id": asked["id"], "result": await answer(asked)}
                    taken = await again.send(
                        "POST", message=reply, headers=again.standard_headers(), url=two.url
                    )
                    if taken.status != 202:
                        return False
                    await asking.resume(two.url)
                    return asking.answer["result"]["content"][0]["text"] == "well: yes"

                await until(answered, "an answer finds the way again", 20)


async def test_t1_without_redis_from_the_start(tmp_path: Path):
    """A worker that never reached it serves what it can, says so once, and is not ready."""
    with redis() as store:
        env = environment(tmp_path, store)
    app = uvicorn("server:app", "--log-level", "warning")
    with serve(app, cwd=HERE, env=env) as server:
        async with Wire(server.url) as wire:
            await wire.initialize()
            assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
        assert "Redis cannot be reached" in server.log


async def test_workers_with_different_keys_are_told(tmp_path: Path):
    with ExitStack() as stack:
        store = stack.enter_context(redis())
        app = uvicorn("server:app", "--log-level", "warning")
        logs: list[str] = []
        for home in ("one", "one", "another"):
            env = {**environment(tmp_path, store), "FASTMCP_HOME": str(tmp_path / home)}
            server = stack.enter_context(serve(app, cwd=HERE, env=env))
            async with Wire(server.url) as wire:
                await wire.initialize()
            logs.append(server.log)
    assert [log.count("set the same FASTMCP_SESSION_KEY") for log in logs] == [0, 0, 1]
