"""The endpoint as a client sees it: POST, GET, DELETE, both eras, good input."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fastmcp import Context
from fastmcp.protocol.sse import KEEPALIVE
from tests.server.transports.conftest import Stage, set_settings
from tests.support.asgi import HANDSHAKE, STATELESS, Live, Peer, settled

pytestmark = pytest.mark.usefixtures("no_leaks")
ALL = (*HANDSHAKE, STATELESS)


@pytest.mark.parametrize("version", ALL)
async def test_a_conversation(stage: Stage, version: str):
    peer = await Peer(stage.mcp.http_app(), version).open()
    live = await peer.call("add", {"a": 2, "b": 3})
    assert live.status == 200
    assert live.headers["content-type"] == "application/json"
    assert live.result["structuredContent"] == {"result": 5}
    assert (await peer.call("add_in_thread", {"a": 2, "b": 3})).text == "5"
    names = {tool["name"] for tool in (await peer.request("tools/list")).result["tools"]}
    assert {"add", "echo", "wait"} <= names
    read = await peer.request("resources/read", {"uri": "data://7"})
    assert read.result["contents"][0]["text"] == "data 7"
    prompt = await peer.request("prompts/get", {"name": "greet", "arguments": {"name": "Bo"}})
    assert prompt.result["messages"][0]["content"]["text"] == "Greet Bo"
    for method, member in [
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("prompts/list", "prompts"),
    ]:
        assert member in (await peer.request(method)).result
    if peer.stateless:
        discovered = (await peer.request("server/discover")).result
        assert discovered["supportedVersions"] == [STATELESS]
        assert discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "stage"
    else:
        assert (await peer.request("ping")).result == {}


async def test_initialize_names_the_session_and_the_server(stage: Stage):
    peer = Peer(stage.mcp.http_app())
    live = await peer.request(
        "initialize",
        {
            "protocolVersion": "1999-01-01",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        },
    )
    assert live.result["protocolVersion"] == "2025-11-25"
    assert live.result["serverInfo"] == {"name": "stage", "version": "1.0"}
    id = live.headers["mcp-session-id"]
    assert all(0x21 <= ord(c) <= 0x7E for c in id)


async def test_initialize_with_a_stale_session_gets_a_new_one(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    first = peer.session_id
    live = await peer.request(
        "initialize",
        {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        },
        headers={"mcp-session-id": "stale"},
    )
    assert live.status == 200
    assert live.headers["mcp-session-id"] not in ("stale", first)


@pytest.mark.parametrize("slash", ["/mcp", "/mcp/"])
async def test_both_spellings_without_a_redirect(stage: Stage, slash: str):
    peer = await Peer(stage.mcp.http_app(), path=slash).open()
    assert (await peer.call("add", {"a": 1, "b": 1})).text == "2"


@pytest.mark.parametrize("path", ["/", "/api/v1/mcp/", "deep/mcp"])
async def test_any_path(stage: Stage, path: str):
    app = stage.mcp.http_app(path=path)
    for spelling in {"/" + path.strip("/"), ("/" + path.strip("/") + "/").replace("//", "/")}:
        peer = await Peer(app, path=spelling).open()
        assert (await peer.call("add", {"a": 1, "b": 1})).text == "2"


# who gets which answer


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("accept", ["application/json, text/event-stream", "application/json"])
async def test_twelve_calls_with_one_id_get_their_own_answers(
    stage: Stage, version: str, accept: str
):
    peer = await Peer(stage.mcp.http_app(), version).open()
    running = [
        peer.start_call("echo", {"text": f"call {i}"}, id=1, headers={"accept": accept})
        for i in range(12)
    ]
    waiting = [
        peer.start_call("wait", {"tag": f"wait {i}"}, id=1, headers={"accept": accept})
        for i in range(12)
    ]
    assert [(await live.done()).text for live in running] == [f"call {i}" for i in range(12)]
    stage.go_on.set()
    assert [(await live.done()).text for live in waiting] == [f"wait {i}" for i in range(12)]


@pytest.mark.parametrize("version", ALL)
async def test_progress_and_log_come_on_the_calls_own_stream(stage: Stage, version: str):
    peer = await Peer(stage.mcp.http_app(), version).open()
    peer.log_level = "debug"
    live = await peer.call("step", {"n": 3}, meta={"progressToken": "t"})
    assert live.is_stream
    assert live.headers["x-accel-buffering"] == "no"
    assert "no-store" in live.headers["cache-control"]
    progress = [m["params"] for m in live.sent("notifications/progress")]
    assert progress[-1] == {"progressToken": "t", "progress": 3, "total": 3, "message": "step 3"}
    assert [p["progress"] for p in progress] == [1, 2, 3]
    [log] = live.sent("notifications/message")
    assert log["params"] == {
        "level": "info",
        "logger": "stage",
        "data": {"msg": "done", "extra": {"n": 3}},
    }
    assert live.messages[-1] is live.response


async def test_nothing_is_said_that_was_not_asked_for(stage: Stage):
    peer = Peer(stage.mcp.http_app(), STATELESS)
    live = await peer.call("step", {"n": 3})
    assert not live.is_stream
    assert len(live.messages) == 1


JSON, SSE = "application/json", "text/event-stream"


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("accept", "quick", "speaking"),
    [
        ("application/json, text/event-stream", JSON, SSE),
        ("*/*", JSON, SSE),
        ("", JSON, SSE),
        (None, JSON, SSE),
        ("application/*, text/*", JSON, SSE),
        ("application/json;q=0.9, text/*", JSON, SSE),
        ("text/html;q=0.1, */*;q=0.5", JSON, SSE),
        ("Application/JSON , Text/Event-Stream", JSON, SSE),
        ("application/json", JSON, JSON),
        ("application/json, text/event-stream;q=0", JSON, JSON),
        ("*/*, text/event-stream;q=0.0", JSON, JSON),
        ("text/event-stream", SSE, SSE),
        ("text/*", SSE, SSE),
        ("application/json;q=0, */*", SSE, SSE),
    ],
)
async def test_t21_what_is_not_excluded_is_accepted(
    stage: Stage, version: str, accept: str | None, quick: str, speaking: str
):
    """JSON where it will do; a stream where there is more to say and it can be read."""
    peer = await Peer(stage.mcp.http_app(), version).open()
    peer.log_level = "debug"
    headers = peer.standard_headers("tools/call", {"name": "add"})
    del headers["accept"]
    given = {} if accept is None else {"accept": accept}
    for tool, arguments, form, text in (
        ("add", {"a": 1, "b": 2}, quick, "3"),
        ("step", {"n": 2}, speaking, "stepped"),
    ):
        params = {"name": tool, "arguments": arguments}
        message = peer.message("tools/call", params, 1, {"progressToken": "t"})
        named = {"mcp-name": tool} if peer.stateless else {}
        body = json.dumps(message).encode()
        live = await peer.send("POST", body, {**headers, **named, **given}).done()
        assert (live.status, live.headers["content-type"]) == (200, form)
        assert live.text == text
        assert bool(live.sent("notifications/progress")) == (tool == "step" and form == SSE)


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_a_slow_call_becomes_a_stream_with_comments(stage: Stage, version: str):
    with set_settings(http_stream_after=0.01, http_keepalive_interval=0.02):
        app = stage.mcp.http_app()
    peer = await Peer(app, version).open()
    live = peer.start_call("wait", {"tag": "slow"})
    await live.until(lambda live: live.body.count(KEEPALIVE) >= 4)
    assert live.is_stream
    stage.go_on.set()
    assert (await live.done()).text == "slow"


async def test_no_comments_where_they_are_switched_off(stage: Stage):
    with set_settings(http_stream_after=0.0, http_keepalive_interval=0):
        app = stage.mcp.http_app()
    peer = await Peer(app).open()
    live = peer.start_call("wait", {"tag": "slow"})
    await live.until(lambda live: live.is_stream)
    stage.go_on.set()
    assert (await live.done()).text == "slow"


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_json_response(stage: Stage, version: str):
    with set_settings(http_stream_after=0.0):
        app = stage.mcp.http_app(json_response=True)
    peer = await Peer(app, version).open()
    peer.log_level = "debug"
    live = peer.start_call("speak_then_wait")
    await stage.started.wait()
    await settled()
    assert not live.status
    stage.go_on.set()
    await live.done()
    assert live.headers["content-type"] == "application/json"
    assert live.text == "heard"


async def test_a_new_loop_still_notices_slow_calls(stage: Stage):
    """An application outlives its loop in test clients and after an in-process restart."""
    with set_settings(http_stream_after=0.01):
        app = stage.mcp.http_app()

    def in_its_own_loop() -> None:
        async def one() -> None:
            stage.go_on = asyncio.Event()
            stage.started = asyncio.Event()
            peer = await Peer(app).open()
            live = peer.start_call("wait", {"tag": "x"})
            await live.until(lambda live: live.is_stream)
            stage.go_on.set()
            await live.done()

        asyncio.run(one())

    await asyncio.to_thread(in_its_own_loop)
    await asyncio.to_thread(in_its_own_loop)


# cancellation


async def test_handshake_cancellation_is_a_notification(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    live = peer.start_call("wait", id="mine")
    await stage.started.wait()
    cancelled = await peer.notify("notifications/cancelled", {"requestId": "mine", "reason": "x"})
    assert cancelled.status == 202
    await live.done()
    assert stage.cancelled.is_set()
    assert not live.messages
    assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"


async def test_a_handler_that_ignores_its_cancellation_says_nothing_more(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    live = peer.start_call("stubborn", id=5)
    await stage.started.wait()
    await peer.notify("notifications/cancelled", {"requestId": 5})
    await live.done()
    assert stage.cancelled.is_set()
    assert not live.messages


@pytest.mark.parametrize("id", ["other", 99, 1.5, None, True, [], {}])
async def test_cancelling_something_else_does_nothing(stage: Stage, id: object):
    peer = await Peer(stage.mcp.http_app()).open()
    live = peer.start_call("wait", {"tag": "x"}, id=7)
    await stage.started.wait()
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}
    assert (await peer.post(body)).status == 202
    await settled()
    stage.go_on.set()
    assert (await live.done()).text == "x"


async def test_another_session_cannot_cancel(stage: Stage):
    app = stage.mcp.http_app()
    peer, stranger = await Peer(app).open(), await Peer(app).open()
    live = peer.start_call("wait", {"tag": "x"}, id=7)
    await stage.started.wait()
    await stranger.notify("notifications/cancelled", {"requestId": 7})
    await settled()
    stage.go_on.set()
    assert (await live.done()).text == "x"


@pytest.mark.parametrize("stream", [False, True])
async def test_handshake_disconnect_is_no_cancellation(stage: Stage, stream: bool):
    with set_settings(http_stream_after=0.01):
        app = stage.mcp.http_app()
    peer = await Peer(app).open()
    accept = "text/event-stream" if stream else "application/json"
    live = peer.start_call("speak_then_wait", headers={"accept": accept})
    await stage.started.wait()
    live.leave()
    await settled()
    stage.go_on.set()
    await live.done()
    assert stage.finished.is_set()
    assert not stage.cancelled.is_set()


@pytest.mark.parametrize("outer", ["cancel", "continue"])
async def test_t13_of_tools_that_call_tools_the_outermost_decides(stage: Stage, outer: Any):
    inner = "continue" if outer == "cancel" else "cancel"

    @stage.mcp.tool(on_disconnect=inner)
    async def within(ctx: Context) -> str:
        return (await ctx.fastmcp.call_tool("wait", {"tag": "x"})).content[0].text

    @stage.mcp.tool(on_disconnect=outer)
    async def around(ctx: Context) -> str:
        return (await ctx.fastmcp.call_tool("within")).content[0].text

    peer = await Peer(stage.mcp.http_app()).open()
    live = peer.start_call("around", headers={"accept": "text/event-stream"})
    await live.until(lambda live: live.is_stream)
    live.leave()
    if outer == "cancel":
        async with asyncio.timeout(10):
            await stage.cancelled.wait()
    else:
        await settled()
        stage.go_on.set()
    await live.done()
    assert stage.finished.is_set() == (outer == "continue")


@pytest.mark.parametrize("accept", ["application/json, text/event-stream", "application/json"])
@pytest.mark.parametrize("tool", ["wait", "speak_then_wait"])
async def test_stateless_disconnect_is_cancellation(stage: Stage, accept: str, tool: str):
    peer = Peer(stage.mcp.http_app(), STATELESS)
    live = peer.start_call(tool, headers={"accept": accept})
    await stage.started.wait()
    live.leave()
    async with asyncio.timeout(1):
        await stage.cancelled.wait()
        await live.done()
    assert not [m for m in live.messages if "method" not in m]


async def test_a_client_that_leaves_while_the_answer_is_written(stage: Stage):
    """The answer is not the handler: a disconnect then is nobody's error."""
    with set_settings(http_stream_after=0.0, http_keepalive_interval=0):
        app = stage.mcp.http_app()
    peer = Peer(app, STATELESS)
    # head and first comment go out, the answer meets a client that does not read
    live = peer.start_call("wait", stall=2)
    await live.until(lambda live: live.is_stream)
    stage.go_on.set()
    await stage.finished.wait()
    await settled()
    live.leave()
    await settled()
    live.resume()
    await live.done()


async def test_a_server_that_stops_tells_the_client(stage: Stage):
    """It cancels its request tasks: the client gets an error, and nothing of them is left."""
    peer = Peer(stage.mcp.http_app(), STATELESS)
    for tool in ("wait", "speak_then_wait"):
        stage.started.clear()
        live = peer.start_call(tool)
        await stage.started.wait()
        live.task.cancel()
        await live.done()
        assert live.messages[-1]["error"]["code"] == -32603
        assert "The server stopped" in live.messages[-1]["error"]["message"]
        await settled()


async def test_the_server_stops_while_a_client_does_not_read_its_answer(stage: Stage):
    """What can be said to it has been said: a second response would be an error of the server."""
    peer = await Peer(stage.mcp.http_app()).open()
    params = {"name": "step", "arguments": {"n": 1}, "_meta": {"progressToken": "t"}}
    live = peer.start("tools/call", params, stall=3)
    await live.until(lambda live: len(live.messages) == 2)
    await settled()
    assert not live.task.done()
    live.task.cancel()
    await asyncio.wait_for(live.task, 10)
    assert (live.status, live.finished) == (200, False)


# the standalone stream


async def test_the_get_stream_tells_of_changes(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    stream = peer.listen()
    await stream.until(lambda live: live.body == KEEPALIVE)
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["x-accel-buffering"] == "no"
    assert (await peer.call("grow", {"name": "fresh"})).text == "fresh"
    await stream.until(lambda live: live.sent("notifications/tools/list_changed"))
    assert (await peer.call("fresh")).text == "fresh"
    stream.leave()
    await stream.done()


async def test_get_stream_comments(stage: Stage):
    with set_settings(http_keepalive_interval=0.01):
        app = stage.mcp.http_app()
    peer = await Peer(app).open()
    stream = peer.listen()
    await stream.until(lambda live: live.body == KEEPALIVE * 4)
    stream.leave()
    await stream.done()


async def test_a_newer_get_stream_takes_over(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    older = peer.listen()
    await older.until(lambda live: live.body)
    newer = peer.listen()
    await newer.until(lambda live: live.body)
    await older.done()
    assert older.finished
    await peer.call("grow", {"name": "once"})
    await newer.until(lambda live: live.messages)
    await settled()
    assert len(newer.messages) == 1
    assert not older.messages
    newer.leave()
    await newer.done()
    third = peer.listen()
    await third.until(lambda live: live.body)
    await peer.call("grow", {"name": "again"})
    await third.until(lambda live: live.messages)
    third.leave()
    await third.done()


async def test_a_newer_stream_takes_over_from_a_client_that_does_not_read(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    stuck = peer.send(
        "GET", b"", {**peer.standard_headers(), "accept": "text/event-stream"}, stall=2
    )
    await stuck.until(lambda live: live.body)
    await peer.call("grow", {"name": "one"})
    await settled()
    newer = peer.listen()
    await newer.until(lambda live: live.body)
    await peer.call("grow", {"name": "two"})
    await newer.until(lambda live: live.messages)
    assert len(newer.messages) == 1
    for live in (stuck, newer):
        live.leave()
        live.resume()
        await live.done()


async def test_resource_updates_go_to_subscribers(stage: Stage):
    from mcp_types import ResourceUpdatedNotification, ResourceUpdatedNotificationParams

    @stage.mcp.tool
    async def touch(ctx: Context, uri: str) -> str:
        params = ResourceUpdatedNotificationParams(uri=uri)
        await ctx.send_notification(ResourceUpdatedNotification(params=params))
        return "touched"

    app = stage.mcp.http_app()
    subscriber, other = await Peer(app).open(), await Peer(app).open()
    assert (await subscriber.request("resources/subscribe", {"uri": "data://1"})).result == {}
    streams = [subscriber.listen(), other.listen()]
    for stream in streams:
        await stream.until(lambda live: live.body)
    await other.call("touch", {"uri": "data://1"})
    await streams[0].until(lambda live: live.messages)
    assert streams[0].messages[0]["params"] == {"uri": "data://1"}
    assert not streams[1].messages
    await subscriber.request("resources/unsubscribe", {"uri": "data://1"})
    await other.call("touch", {"uri": "data://1"})
    await settled()
    assert len(streams[0].messages) == 1
    for stream in streams:
        stream.leave()
        await stream.done()


async def test_delete_ends_the_session_and_what_runs_in_it(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    stream, live = peer.listen(), peer.start_call("wait")
    await stage.started.wait()
    deleted = await peer.send("DELETE", headers=peer.standard_headers()).done()
    assert (deleted.status, deleted.body) == (200, b"")
    await stream.done()
    await live.done()
    assert stage.cancelled.is_set()
    again = await peer.request("ping")
    assert again.status == 404
    assert (await peer.send("DELETE", headers=peer.standard_headers()).done()).status == 404
    assert (await peer.listen().done()).status == 404


# requests to the client


async def test_elicitation(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), capabilities={"elicitation": {}}).open()
    live = peer.start_call("ask_name")
    await live.until(lambda live: live.sent("elicitation/create"))
    [question] = live.sent("elicitation/create")
    assert question["params"]["message"] == "Your name?"
    await peer.answer(question, {"action": "accept", "content": {"value": "Ada"}})
    assert (await live.done()).text == "accept: Ada"


async def test_sampling_and_roots(stage: Stage):
    peer = Peer(stage.mcp.http_app(), capabilities={"sampling": {}, "roots": {}})
    await peer.open()
    live = peer.start_call("ask_model")
    await live.until(lambda live: live.sent("sampling/createMessage"))
    [question] = live.sent("sampling/createMessage")
    assert question["params"]["systemPrompt"] == "be kind"
    answer = {"role": "assistant", "content": {"type": "text", "text": "hi"}, "model": "m"}
    await peer.answer(question, answer)
    assert (await live.done()).text == "hi"
    live = peer.start_call("ask_roots")
    await live.until(lambda live: live.sent("roots/list"))
    await peer.answer(live.sent("roots/list")[0], {"roots": [{"uri": "file:///a"}]})
    assert (await live.done()).result["structuredContent"] == {"result": ["file:///a"]}


async def test_the_client_refuses_to_answer(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), capabilities={"elicitation": {}}).open()
    live = peer.start_call("ask_name")
    await live.until(lambda live: live.sent("elicitation/create"))
    error = {"code": -1, "message": "not now"}
    id = live.sent("elicitation/create")[0]["id"]
    assert (await peer.post({"jsonrpc": "2.0", "id": id, "error": error})).status == 202
    assert (await live.done()).result["isError"]
    assert "not now" in live.text


async def test_an_answer_of_another_session_is_not_taken(stage: Stage):
    app = stage.mcp.http_app()
    peer = await Peer(app, capabilities={"elicitation": {}}).open()
    stranger = await Peer(app).open()
    live = peer.start_call("ask_name")
    await live.until(lambda live: live.sent("elicitation/create"))
    [question] = live.sent("elicitation/create")
    forged = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}}
    assert (await stranger.post(forged)).status == 202
    await settled()
    await peer.answer(question, {"action": "cancel"})
    assert (await live.done()).text == "cancel: None"


async def test_a_question_ends_with_its_stream(stage: Stage):
    peer = await Peer(stage.mcp.http_app(), capabilities={"elicitation": {}}).open()
    live = peer.start_call("ask_name")
    await live.until(lambda live: live.sent("elicitation/create"))
    live.leave()
    async with asyncio.timeout(1):
        await live.done()


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({"stateless_http": True}, {}),
        ({"json_response": True}, {}),
        ({}, {"accept": "application/json"}),
    ],
)
async def test_where_nobody_can_be_asked_the_tool_says_so(
    stage: Stage, options: dict[str, bool], headers: dict[str, str]
):
    app = stage.mcp.http_app(**options)
    peer = Peer(app, capabilities={"elicitation": {}}, sessions="stateless_http" not in options)
    await peer.open()
    live = await peer.call("ask_name", headers=headers)
    assert live.result["isError"]
    assert "cannot reach the client" in live.text


async def test_a_client_is_not_asked_for_what_it_did_not_declare(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    live = await peer.call("ask_name")
    assert live.result["isError"]
    assert "did not declare the elicitation capability" in live.text
    live = await Peer(stage.mcp.http_app(), STATELESS).call("ask_name")
    assert live.status == 400
    assert live.error["code"] == -32021
    assert live.error["data"] == {"requiredCapabilities": {"elicitation": {}}}


# stateless HTTP


@pytest.mark.parametrize("version", ALL)
async def test_stateless_http(stage: Stage, version: str):
    app = stage.mcp.http_app(stateless_http=True)
    peer = await Peer(app, version, sessions=False).open()
    assert peer.session_id is None
    assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"
    # without a handshake, and with an id of some other server
    fresh = Peer(app, version)
    live = await fresh.call("add", {"a": 1, "b": 2}, headers={"mcp-session-id": "whatever"})
    assert live.text == "3"
    assert "mcp-session-id" not in live.headers
    for verb in ("GET", "DELETE"):
        live = await peer.send(verb, headers=peer.standard_headers()).done()
        assert live.status == 405
        assert live.headers["allow"] == "POST"


async def test_stateless_http_promises_nothing_it_cannot_keep(stage: Stage):
    live = await Peer(stage.mcp.http_app(stateless_http=True)).request(
        "initialize",
        {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        },
    )
    told = live.result["capabilities"]
    assert not told["tools"]["listChanged"]
    assert not told["resources"]["subscribe"]


async def test_stateless_http_streams_progress(stage: Stage):
    peer = await Peer(stage.mcp.http_app(stateless_http=True), sessions=False).open()
    live = await peer.call("step", {"n": 2}, meta={"progressToken": 1})
    assert len(live.sent("notifications/progress")) == 2


# log level


async def test_the_log_level_is_the_sessions(stage: Stage):
    app = stage.mcp.http_app()
    quiet, loud = await Peer(app).open(), await Peer(app).open()
    assert (await quiet.request("logging/setLevel", {"level": "error"})).result == {}
    assert not (await quiet.call("step", {"n": 0})).sent("notifications/message")
    assert (await loud.call("step", {"n": 0})).sent("notifications/message")
    live = await quiet.request("logging/setLevel", {"level": "loud"}, valid=False)
    assert live.error["code"] == -32602


@pytest.mark.parametrize(("level", "heard"), [("debug", 1), ("info", 1), ("warning", 0)])
async def test_the_log_level_is_the_requests(stage: Stage, level: str, heard: int):
    peer = Peer(stage.mcp.http_app(), STATELESS)
    peer.log_level = level
    assert len((await peer.call("step", {"n": 0})).sent("notifications/message")) == heard


# input arrives in any pieces


async def test_a_body_in_pieces(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    body = json.dumps(
        peer.message("tools/call", {"name": "echo", "arguments": {"text": "é" * 10}}, 1, None),
        ensure_ascii=False,
    ).encode()
    pieces = [body[i : i + 1] for i in range(len(body))]
    live: Live = await peer.send("POST", [*pieces, b""], peer.standard_headers()).done()
    assert live.text == "é" * 10


async def test_a_client_that_leaves_in_its_own_body(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    sent: list[object] = []
    messages = [
        {"type": "http.request", "body": b'{"json', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(message: object) -> None:
        sent.append(message)

    from tests.support.asgi import http_scope

    await peer.app(http_scope("POST", "/mcp", peer.standard_headers().items()), receive, send)
    assert not sent


async def test_null_params_are_no_params(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": None}
    assert "tools" in (await peer.post(body)).result


async def test_results_of_any_size_and_text(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    text = "\u2028\u2029\r\n\x00é𝄞" * 50_000
    live = await peer.call("echo", {"text": text}, headers={"accept": "text/event-stream"})
    assert live.text == text
