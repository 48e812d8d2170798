"""Clients of the handshake era: sessions used, ended and abandoned, streams cut and resumed."""

from __future__ import annotations

import asyncio

from tests.soak import calls
from tests.soak.ground import Ground, Walker
from tests.support.process import until

STREAM_STEPS = 6


async def session_ended(ground: Ground) -> None:
    """Used, ended, and unknown from then on, at every worker."""
    async with ground.handshake() as wire:
        await wire.initialize()
        await calls.some(ground, wire)
        assert (await wire.delete()).status == 200
        ping = wire.message("ping")

        async def unknown() -> bool:  # the other worker is told a moment later
            answer = await wire.send("POST", message=ping, headers=wire.standard_headers())
            if answer.status == 404:
                ground.refused(answer, 404)
            return answer.status == 404

        await until(unknown, "an ended session is unknown")
        ground.called("DELETE")


async def session_abandoned(ground: Ground) -> None:
    async with ground.handshake() as wire:
        await wire.initialize()
        await calls.some(ground, wire, 2)


async def session_with_facts(ground: Ground) -> None:
    """What changes during a session is known at the next request, wherever it goes."""
    async with ground.latest() as wire:
        await wire.initialize()
        value = str(ground.chance.randrange(10**9))
        assert (await wire.call("remember", {"value": value})).text == "remembered"
        assert (await wire.call("recall")).text == value
        await wire.request("logging/setLevel", {"level": "error"})

        async def quiet() -> bool:
            answer = await wire.call("steps", {"n": 2}, meta={"progressToken": "p"})
            return not answer.notifications("notifications/message")

        await until(quiet, "nothing below the level is sent")
        ground.called("facts")


async def session_asked(ground: Ground) -> None:
    """The server asks four times during one call."""
    async with ground.latest() as wire:
        await wire.initialize()
        tag = str(ground.chance.randrange(10**9))
        answer = await wire.call("interview", {"tag": tag}, on_request=calls.answered)
        assert answer.text == f"{tag} {calls.INTERVIEWED}"
        ground.called("interview")
        await wire.delete()


async def question_unanswered(ground: Ground) -> None:
    """The client is asked, leaves, and takes its call back."""
    async with ground.latest() as wire:
        await wire.initialize()
        async with wire.open("ask", {"question": "why"}) as (id, events):
            async for event in events:
                if event.message and event.message.get("method") == "elicitation/create":
                    break
            await _cancel(wire, id)
        ground.called("ask")


async def call_cancelled(ground: Ground) -> None:
    """By a notification; nothing answers it."""
    async with ground.handshake() as wire:
        await wire.initialize()
        async with wire.open("wait", {"seconds": 60}) as (id, events):
            first = await anext(event.message async for event in events if event.message)
            assert first["method"] == "notifications/progress"
            await _cancel(wire, id)
            assert [event async for event in events if event.message] == []
        ground.provoked("cancelled")


async def _cancel(wire: Walker, id: object) -> None:
    params = {"requestId": id, "reason": "soak"}
    assert (await wire.notify("notifications/cancelled", params)).status == 202


async def call_resumed(ground: Ground) -> None:
    """Its connection is cut in the middle; the rest comes to a GET, all of it and in order."""
    async with ground.latest() as wire:
        await wire.initialize()
        tag = str(ground.chance.randrange(10**9))
        arguments = {"n": STREAM_STEPS, "pause": 0.05, "tag": tag}
        steps: list[float] = []
        last = ""
        async with wire.open("steps", arguments) as (id, events):
            async for event in events:
                last = event.id or last
                if event.message and "progress" in event.message["params"]:
                    steps.append(event.message["params"]["progress"])
                if len(steps) == 2:
                    break
        async with wire.listen(last) as events:
            async for event in events:
                if not event.message:
                    continue
                if "method" not in event.message:
                    assert event.message["id"] == id
                    assert event.message["result"]["content"][0]["text"] == f"stepped {tag}"
                    break
                if "progress" in event.message["params"]:
                    steps.append(event.message["params"]["progress"])
        assert steps == list(range(1, STREAM_STEPS + 1))
        ground.called("resumed")


async def call_left(ground: Ground) -> None:
    """Its client does not come back, and the call goes on."""
    async with ground.latest() as wire:
        await wire.initialize()
        async with wire.open("steps", {"n": 4, "pause": 0.05}) as (_, events):
            await anext(events)
        ground.called("left")


async def resumed_from_nowhere(ground: Ground) -> None:
    async with ground.latest() as wire:
        await wire.initialize()
        headers = {**wire.standard_headers(), "Accept": "text/event-stream"}
        headers["Last-Event-ID"] = f"nothing{ground.chance.randrange(10**6)}.3"
        ground.refused(await wire.send("GET", headers=headers), 400)


async def standalone_stream(ground: Ground) -> None:
    """Opened, cut, resumed: what was published meanwhile is heard."""
    async with ground.latest() as wire, ground.latest() as other:
        await wire.initialize()
        await other.initialize()
        uri = f"data://s{ground.chance.randrange(10**9)}"
        await wire.request("resources/subscribe", {"uri": uri})
        async with wire.listen() as events:
            last = await _heard(events, other, uri)
        await other.call("publish", {"uri": uri})
        async with wire.listen(last) as events:
            await _heard(events, None, uri)
        ground.called("GET stream")


async def _heard(events: object, publisher: Walker | None, uri: str) -> str:
    """Wait for the update of a resource, published until it is heard: the subscription may have
    come to another worker than the stream. The event's id."""

    async def listen() -> str:
        async for event in events:  # type: ignore[attr-defined]  # an iterator of events
            if event.message and event.message.get("params", {}).get("uri") == uri:
                return event.id
        raise AssertionError(f"the stream ended before {uri} was heard of")

    listening = asyncio.ensure_future(listen())
    try:
        async with asyncio.timeout(15):
            while not listening.done():
                if publisher is not None:
                    await publisher.call("publish", {"uri": uri})
                await asyncio.wait([listening], timeout=0.2)
        return listening.result()
    finally:
        listening.cancel()


ALL = (
    session_ended,
    session_abandoned,
    session_with_facts,
    session_asked,
    question_unanswered,
    call_cancelled,
    call_resumed,
    call_left,
    resumed_from_nowhere,
    standalone_stream,
)
