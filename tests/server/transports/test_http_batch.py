"""JSON-RPC batches: 2025-03-26 alone has them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fastmcp.settings import OnDisconnect
from tests.server.transports.conftest import Stage
from tests.support import schema
from tests.support.asgi import Live, Peer, settled

pytestmark = pytest.mark.usefixtures("no_leaks")
VERSION = "2025-03-26"


def call(id: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def start(peer: Peer, batch: list[Any], **headers: str) -> Live:
    body = json.dumps(batch).encode()
    return peer.send("POST", body, {**peer.standard_headers(), **headers})


def responses(live: Live) -> dict[Any, dict[str, Any]]:
    [batch] = [m for m in live.messages if isinstance(m, list)]
    for response in batch:
        schema.check(response, VERSION, "server")
    return {response.get("id"): response for response in batch}


async def test_requests_run_side_by_side(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    live = start(peer, [call(1, "wait", tag="w"), call(2, "add", a=1, b=2), call("x", "fail")])
    await stage.started.wait()
    stage.go_on.set()
    answers = responses(await live.done())
    assert answers[1]["result"]["content"][0]["text"] == "w"
    assert answers[2]["result"]["structuredContent"] == {"result": 3}
    assert answers["x"]["result"]["isError"]


async def test_the_same_id_twice(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    live = await start(peer, [call(1, "echo", text="a"), call(1, "echo", text="b")]).done()
    [batch] = live.messages
    assert [r["result"]["content"][0]["text"] for r in batch] == ["a", "b"]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_both_forms(stage: Stage, accept: str):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    live = await start(peer, [call(1, "add", a=1, b=2)], accept=accept).done()
    assert live.headers["content-type"] == accept
    assert responses(live)[1]["result"]["content"][0]["text"] == "3"


async def test_progress_on_the_batch_stream(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    one = call(1, "step", n=2)
    one["params"]["_meta"] = {"progressToken": "p"}
    live = await start(peer, [one, call(2, "add", a=1, b=2)]).done()
    assert len(live.sent("notifications/progress")) == 2
    assert set(responses(live)) == {1, 2}


async def test_notifications_alone_are_accepted(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    note = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
    live = await start(peer, [note, note]).done()
    assert (live.status, live.body) == (202, b"")


async def test_good_and_bad_members(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    initialize = {"jsonrpc": "2.0", "id": 9, "method": "initialize", "params": {}}
    bad_meta = {"jsonrpc": "2.0", "id": 8, "method": "ping", "params": {"_meta": 5}}
    unknown = {"jsonrpc": "2.0", "id": 7, "method": "no/such"}
    live = await start(
        peer, [5, {}, initialize, bad_meta, unknown, call(1, "add", a=1, b=2)]
    ).done()
    [batch] = live.messages
    codes = [(r.get("id"), r["error"]["code"]) for r in batch if "error" in r]
    assert sorted(codes, key=str) == sorted(
        [(None, -32600), (None, -32600), (9, -32600), (8, -32602), (7, -32601)], key=str
    )
    assert [r["id"] for r in batch if "result" in r] == [1]


async def test_a_member_is_cancelled_alone(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    live = start(peer, [call(1, "wait"), call(2, "add", a=1, b=2)])
    await stage.started.wait()
    await peer.notify("notifications/cancelled", {"requestId": 1})
    assert set(responses(await live.done())) == {2}
    assert stage.cancelled.is_set()


async def test_all_members_cancelled(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    live = start(peer, [call(1, "stubborn")])
    await stage.started.wait()
    await peer.notify("notifications/cancelled", {"requestId": 1})
    await live.done()
    assert not live.messages


async def test_a_member_asks_and_a_batch_may_answer(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION, capabilities={"roots": {}}).open()
    live = start(peer, [call(1, "ask_roots")])
    await live.until(lambda live: live.sent("roots/list"))
    id = live.sent("roots/list")[0]["id"]
    reply = {"jsonrpc": "2.0", "id": id, "result": {"roots": [{"uri": "file:///x"}]}}
    answered = await start(peer, [reply]).done()
    assert answered.status == 202
    answer = responses(await live.done())[1]
    assert answer["result"]["structuredContent"] == {"result": ["file:///x"]}


async def test_a_lost_stream_ends_the_questions_of_its_members(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION, capabilities={"roots": {}}).open()
    live = start(peer, [call(1, "ask_roots"), call(2, "ask_roots")])
    await live.until(lambda live: len(live.sent("roots/list")) == 2)
    live.leave()
    async with asyncio.timeout(1):
        await live.done()


@pytest.mark.parametrize("policy", ["cancel", "continue"])
async def test_t13_a_client_that_leaves(policy: OnDisconnect):
    stage = Stage(on_disconnect=policy)
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    live = start(peer, [call(1, "speak_then_wait"), call(2, "wait")])
    await stage.started.wait()
    live.leave()
    async with asyncio.timeout(5):
        if policy == "cancel":
            await stage.cancelled.wait()
        else:
            await settled()
            stage.go_on.set()
            await stage.finished.wait()
        await live.done()
    assert stage.cancelled.is_set() == (policy == "cancel")
    assert not [message for message in live.messages if "id" in message]


async def test_a_server_that_stops_answers_every_member(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), VERSION).open()
    live = start(peer, [call(1, "speak_then_wait"), call(2, "wait")])
    await stage.started.wait()
    live.task.cancel()
    answers = responses(await live.done())
    assert stage.cancelled.is_set()
    assert {id: answer["error"]["code"] for id, answer in answers.items()} == {1: -32603, 2: -32603}
    assert all("The server stopped" in answer["error"]["message"] for answer in answers.values())


async def test_without_sessions(stage: Stage):
    peer = Peer(stage.mcp.http_app(stateless_http=True), VERSION)
    assert set(responses(await start(peer, [call(1, "add", a=1, b=2)]).done())) == {1}
