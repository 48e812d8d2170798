"""How much may be asked at once, the status of what is more, and that good requests go on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fastmcp.server.transports.limits import Limits, OpenStreams
from fastmcp.settings import get_settings
from tests.server.transports.conftest import Stage, set_settings
from tests.support import schema
from tests.support.asgi import STATELESS, Live, Peer

pytestmark = pytest.mark.usefixtures("no_leaks")
ERAS = ("2025-11-25", STATELESS)


def refused(live: Live, status: int, code: int, setting: str, id: Any = None) -> None:
    assert live.status == status, (live.status, live.body)
    assert live.headers["content-type"] == "application/json"
    assert (live.error["code"], live.response.get("id")) == (code, id)
    assert setting in live.error["message"]
    schema.check(live.response, "2025-11-25", "server")
    assert live.headers.get("retry-after") == ("1" if status in (429, 503) else None)
    assert live.headers.get("connection") == ("close" if status == 413 else None)


async def goes_on(peer: Peer) -> None:
    assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"


# sizes


@pytest.mark.parametrize("version", ERAS)
async def test_t25_the_limit_of_one_application(stage: Stage, version: str):
    peer = await Peer(stage.mcp.http_app(max_body_bytes=2_000), version).open()
    live = await peer.call("echo", {"text": "x" * 2000}, valid=False)
    refused(live, 413, -32600, "over 2000 bytes")
    refused(live, 413, -32600, "max_body_bytes= or FASTMCP_HTTP_MAX_BODY_BYTES")
    await goes_on(peer)
    roomy = await Peer(stage.mcp.http_app(), version).open()
    assert (await roomy.call("echo", {"text": "x" * 2000})).text == "x" * 2000
    with pytest.raises(ValueError, match="max_body_bytes must be at least 1"):
        stage.mcp.http_app(max_body_bytes=0)


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("verb", ["POST", "GET", "DELETE"])
async def test_header_size(stage: Stage, version: str, verb: str):
    peer = await Peer(stage.mcp.http_app(), version).open()
    body = json.dumps(peer.message("ping", None, 1, None)).encode()
    for many in ({"x-long": "x" * 65_536}, {f"x-{n}": "x" * 600 for n in range(110)}):
        headers = {**peer.standard_headers("ping"), **many}
        live = await peer.send(verb, body, headers).done()
        refused(live, 431, -32600, "over 65536 bytes, the limit that FASTMCP_HTTP_MAX_HEADER_BYTES")
    assert (await peer.call("add", {"a": 1, "b": 2}, headers={"x": "x" * 60_000})).text == "3"


# depth

DEEP = {"deep": "HERE"}


def nested(levels: int, inner: str = "1") -> str:
    """So many levels, objects and arrays in turns."""
    opening = "".join('{"a":' if level % 2 else "[" for level in range(levels))
    closing = "".join("}" if level % 2 else "]" for level in reversed(range(levels)))
    return opening + inner + closing


@pytest.mark.parametrize("version", ERAS)
async def test_json_depth(stage: Stage, version: str):
    """The message itself is a level, and so are `params` and its `_meta`."""
    peer = await Peer(stage.mcp.http_app(), version).open()

    async def say(levels: int) -> Live:
        message = peer.message(
            "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, 7, DEEP
        )
        body = json.dumps(message).replace('"HERE"', nested(levels))
        return await peer.send(
            "POST", body.encode(), peer.standard_headers("tools/call", {"name": "add"})
        ).done()

    assert (await say(197)).text == "3"
    for levels in (198, 500, 900):
        refused(await say(levels), 400, -32700, "FASTMCP_HTTP_MAX_JSON_DEPTH")
    live = await say(50_000)
    assert (live.status, live.error["code"]) == (400, -32700)
    await goes_on(peer)


async def test_brackets_that_nest_nothing_are_no_depth(stage: Stage):
    peer = await Peer(stage.mcp.http_app()).open()
    for text in ("[{" * 1000, '\\"[' * 1000, '"' + "[" * 1000, "\\", '{"' * 500):
        assert (await peer.call("echo", {"text": text})).text == text
    many = {"many": [[{}] for _ in range(1000)]}
    assert (await peer.call("add", {"a": 1, "b": 2}, meta=many)).text == "3"


async def test_no_limit_but_the_interpreters(stage: Stage):
    with set_settings(http_max_json_depth=0, http_max_header_bytes=0):
        peer = await Peer(stage.mcp.http_app()).open()
    body = json.dumps(peer.message("ping", {}, 7, DEEP)).replace('"HERE"', nested(300))
    headers = {**peer.standard_headers(), "x": "x" * 100_000}
    assert (await peer.send("POST", body.encode(), headers).done()).result == {}


# requests at once


async def begin(stage: Stage, peer: Peer, times: int, **kw: Any) -> list[Live]:
    waiting = [peer.start_call("wait", {"tag": "x"}, **kw) for _ in range(times)]
    await stage.started.wait()
    await asyncio.sleep(0)
    return waiting


async def test_requests_of_one_session(stage: Stage):
    app = stage.mcp.http_app()
    peer, other = await Peer(app).open(), await Peer(app).open()
    waiting = await begin(stage, peer, 99)
    waiting += [peer.start_call("wait", {"tag": "x"}, id="the same") for _ in range(1)]
    await asyncio.sleep(0)
    for _ in range(2):
        live = await peer.call("add", {"a": 1, "b": 2}, id="more")
        refused(live, 429, -32000, "FASTMCP_HTTP_MAX_SESSION_REQUESTS", "more")
    assert (await peer.request("ping")).result == {}
    assert (await peer.notify("notifications/cancelled", {"requestId": "the same"})).status == 202
    await waiting.pop().done()
    await goes_on(peer)  # a place is free again
    await goes_on(other)
    stage.go_on.set()
    assert {(await live.done()).text for live in waiting} == {"x"}
    await goes_on(peer)


async def test_requests_that_share_an_id_count_each(stage: Stage):
    with set_settings(http_max_session_requests=3):
        peer = await Peer(stage.mcp.http_app()).open()
    waiting = await begin(stage, peer, 3, id=1)
    refused(await peer.call("echo", {"text": ""}, id=1), 429, -32000, "3 of this session", 1)
    stage.go_on.set()
    for live in waiting:
        await live.done()
    await goes_on(peer)


async def test_an_answer_is_never_too_much(stage: Stage):
    """Refusing what a running call waits for would keep its place taken for ever."""
    with set_settings(http_max_session_requests=1, http_max_requests=1):
        app = stage.mcp.http_app()
    peer = await Peer(app, capabilities={"elicitation": {}}).open()
    live = peer.start_call("ask_name")
    await live.until(lambda live: live.sent("elicitation/create"))
    refused(await peer.call("add", id=3), 503, -32000, "FASTMCP_HTTP_MAX_REQUESTS", 3)
    [question] = live.sent("elicitation/create")
    await peer.answer(question, {"action": "accept", "content": {"value": "Bo"}})
    assert (await live.done()).text == "accept: Bo"


@pytest.mark.parametrize("version", ERAS)
async def test_requests_of_the_whole_server(stage: Stage, version: str):
    with set_settings(http_max_requests=5):
        app = stage.mcp.http_app()
    peers = [await Peer(app, version).open() for _ in range(2)]
    await goes_on(peers[0])  # what waits for the application to start is not served yet
    waiting = await begin(stage, peers[0], 5)
    for peer in peers:
        live = await peer.call("add", {"a": 1, "b": 2}, id=3)
        refused(live, 503, -32000, "it serves 5 requests", 3)
    stage.go_on.set()
    for live in waiting:
        await live.done()
    for peer in peers:
        await goes_on(peer)


async def test_batches_count_their_requests(stage: Stage):
    with set_settings(http_max_session_requests=3):
        peer = await Peer(stage.mcp.http_app(), "2025-03-26").open()
    [waiting] = await begin(stage, peer, 1)
    pings = [{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in range(3)]
    refused(await peer.post(pings), 429, -32000, "FASTMCP_HTTP_MAX_SESSION_REQUESTS")
    assert len((await peer.post(pings[:2])).messages[0]) == 2
    stage.go_on.set()
    await waiting.done()
    assert len((await peer.post(pings)).messages[0]) == 3
    with set_settings(http_max_requests=2):
        peer = await Peer(stage.mcp.http_app(), "2025-03-26").open()
    refused(await peer.post(pings), 503, -32000, "FASTMCP_HTTP_MAX_REQUESTS")
    assert len((await peer.post(pings[:2])).messages[0]) == 2


async def test_calls_that_end_in_any_way_give_their_place_back(stage: Stage):
    with set_settings(http_max_requests=1, http_max_session_requests=1):
        app = stage.mcp.http_app()
    peer, stateless = await Peer(app).open(), Peer(app, STATELESS)
    for _ in range(2):
        await peer.call("fail")
        assert (await peer.request("no/such", valid=False)).error["code"] == -32601
        stage.started.clear()
        live = peer.start_call("wait", id="mine")
        await stage.started.wait()
        await peer.notify("notifications/cancelled", {"requestId": "mine"})
        await live.done()
        stage.started.clear()
        live = stateless.start_call("wait")
        await stage.started.wait()
        live.leave()
        await live.done()
        await goes_on(peer)


# streams at once


def test_streams_of_one_session():
    streams = OpenStreams(2)
    with streams.hold("a") as first, streams.hold("a") as second:
        assert (first, second) == (True, True)
        with streams.hold("a") as third, streams.hold("b") as other:
            assert (third, other) == (False, True)
            assert len(streams) == 3
        assert len(streams) == 2
    assert len(streams) == 0
    with streams.hold("a") as again:
        assert again


def test_what_a_session_with_too_many_streams_is_told():
    refusal = Limits.of(get_settings()).streams_full()
    assert refusal.status == 429
    assert "holds 16 open" in refusal.error.message
    assert "FASTMCP_HTTP_MAX_SESSION_STREAMS" in refusal.error.message
