"""Streams that outlive their connection: what a client that comes back hears."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore
from tests.support.asgi import Live, Peer


class Stage:
    """A server whose tool speaks when it is told to."""

    def __init__(self, **options: Any) -> None:
        self.go_on = asyncio.Event()
        self.left = asyncio.Event()
        self.mcp = FastMCP("resumable")
        self.mcp.tool(self.count)
        self.mcp.tool(self.pause)
        self.mcp.tool(self.ask)
        self.app = self.mcp.http_app(event_store=EventStore(**options), retry_interval=250)

    async def count(self, ctx: Context, n: int) -> str:
        for step in range(n):
            await ctx.report_progress(step + 1, n)
            if step == 0:
                await self.go_on.wait()
        return "counted"

    async def pause(self, ctx: Context) -> str:
        await ctx.report_progress(1, 2)
        await ctx.close_sse_stream()
        self.left.set()
        await self.go_on.wait()
        await ctx.report_progress(2, 2)
        return "back"

    async def ask(self, ctx: Context) -> str:
        answer = await ctx.elicit("go on?", bool)
        return str(getattr(answer, "data", answer.action))


def ids(live: Live) -> list[str]:
    return [event.id for event in live.events if event.id]


def steps(live: Live) -> list[float]:
    return [m["params"]["progress"] for m in live.sent("notifications/progress")]


def come_back(peer: Peer, last_event_id: str) -> Live:
    headers = {**peer.standard_headers(), "last-event-id": last_event_id}
    headers["accept"] = "text/event-stream"
    return peer.send("GET", b"", headers)


async def start(stage: Stage, tool: str, **arguments: Any) -> tuple[Peer, Live]:
    peer = await Peer(stage.app).open()
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "t"}}
    return peer, peer.start("tools/call", params)


async def test_a_stream_is_primed_and_numbered():
    stage = Stage()
    stage.go_on.set()
    _, live = await start(stage, "count", n=3)
    await live.done()
    assert live.body.startswith(b"event: message\r\nid: ")
    assert b"retry: 250\r\n" in live.body.split(b"\r\n\r\n")[0]
    assert steps(live) == [1, 2, 3]
    assert len(set(ids(live))) == 5  # the priming event, three steps, the answer
    assert live.text == "counted"


async def test_an_answer_that_says_nothing_before_is_json():
    stage = Stage()
    stage.go_on.set()
    _, live = await start(stage, "count", n=0)
    await live.done()
    assert live.headers["content-type"] == "application/json"


async def test_a_broken_connection_ends_nothing():
    stage = Stage()
    peer, live = await start(stage, "count", n=4)
    await live.until(steps)
    live.leave()
    back = come_back(peer, ids(live)[-1])
    await back.until(lambda back: back.status)
    stage.go_on.set()
    await back.done()
    assert steps(live) + steps(back) == [1, 2, 3, 4]
    assert back.text == "counted"
    assert not set(ids(live)) & set(ids(back))
    await live.done()


async def test_the_answer_waits_in_the_log():
    stage = Stage()
    peer, live = await start(stage, "count", n=2)
    await live.until(steps)
    live.leave()
    stage.go_on.set()
    await live.done()
    for _ in range(2):  # and it can be heard again
        back = await come_back(peer, ids(live)[-1]).done()
        assert (steps(back), back.text, back.finished) == ([2], "counted", True)


async def test_the_server_closes_the_connection_and_not_the_stream():
    stage = Stage()
    peer, live = await start(stage, "pause")
    await live.until(lambda live: live.finished)
    assert live.body.rstrip().endswith(b"retry: 250\r\ndata:")
    await stage.left.wait()
    back = come_back(peer, ids(live)[-1])
    await back.until(lambda back: back.status)
    stage.go_on.set()
    await back.done()
    assert (steps(back), back.text) == ([2], "back")
    await live.done()


async def test_a_question_survives_the_connection():
    stage = Stage()
    peer = await Peer(stage.app, capabilities={"elicitation": {}}).open()
    live = peer.start_call("ask")
    await live.until(lambda live: live.sent("elicitation/create"))
    question = live.sent("elicitation/create")[0]
    live.leave()
    await peer.answer(question, {"action": "accept", "content": {"value": True}})
    back = await come_back(peer, ids(live)[-1]).done()
    assert back.text == "True"
    await live.done()


@pytest.mark.parametrize("id", ["nobody.0", "nonsense", "x" * 500])
async def test_an_unknown_event_is_refused(id: str):
    peer = await Peer(Stage().app).open()
    back = await come_back(peer, id).done()
    assert back.status == 400
    assert "unknown Last-Event-ID" in back.error["message"]


async def test_another_sessions_event_is_unknown():
    stage = Stage()
    stage.go_on.set()
    _, live = await start(stage, "count", n=2)
    await live.done()
    stranger = await Peer(stage.app).open()
    back = await come_back(stranger, ids(live)[0]).done()
    assert (back.status, back.messages[0].keys()) == (400, {"jsonrpc", "error"})


async def test_one_that_leaves_again_leaves_nothing_behind():
    stage = Stage()
    peer, live = await start(stage, "count", n=2)
    await live.until(steps)
    back = come_back(peer, ids(live)[-1])
    await back.until(lambda back: back.status)
    back.leave()
    await back.done()
    stage.go_on.set()
    await live.done()
    assert live.text == "counted"


async def test_retry_needs_a_store():
    with pytest.raises(ValueError, match="needs an event_store"):
        FastMCP("x").http_app(retry_interval=100)
