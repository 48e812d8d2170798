"""HTTP+SSE as a client of that time sees it: a stream, and a POST for each message."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, SimpleUser
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from fastmcp import Context, FastMCP
from fastmcp.exceptions import FastMCPDeprecationWarning
from fastmcp.protocol.session_token import read_stream
from fastmcp.protocol.sse import KEEPALIVE
from fastmcp.server import create_proxy
from fastmcp.server.backplane.base import Message, Posted, Taken
from fastmcp.server.backplane.local import LocalBackplane
from fastmcp.server.bus import Bus, ResourceUpdated
from fastmcp.server.dependencies import get_http_headers, get_http_request
from fastmcp.server.http import create_sse_app
from fastmcp.server.providers.proxy import ProxyClient
from fastmcp.server.session_keys import SessionKeys
from tests.server.transports.conftest import Stage, set_settings
from tests.support.asgi import Live, Peer, http_scope, settled
from tests.support.sse_peer import SsePeer

pytestmark = pytest.mark.usefixtures("no_leaks")
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
DEPRECATED = "@1742947200"


def both(mcp: FastMCP, **options: Any) -> Any:
    return mcp.http_app(legacy_sse=True, **options)


def alone(mcp: FastMCP, **options: Any) -> Any:
    with pytest.warns(FastMCPDeprecationWarning, match='write transport="http"'):
        return mcp.http_app(transport="sse", **options)


# a session


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_conversation(stage: Stage, version: str):
    capabilities = {"sampling": {}, "roots": {}}
    if version >= "2025-06-18":
        capabilities["elicitation"] = {}
    peer = await SsePeer(both(stage.mcp), version, capabilities=capabilities).open()
    assert peer.live.status == 200
    assert peer.live.headers["content-type"] == "text/event-stream"
    assert peer.initialized["serverInfo"]["name"] == "stage"
    assert peer.initialized["capabilities"]["tools"] == {"listChanged": True}
    assert await peer.call("add", {"a": 2, "b": 3}) == "5"
    assert await peer.call("add_in_thread", {"a": 2, "b": 3}) == "5"
    assert await peer.request("ping") == {}
    read = await peer.request("resources/read", {"uri": "data://7"})
    assert read["contents"][0]["text"] == "data 7"
    prompt = await peer.request("prompts/get", {"name": "greet", "arguments": {"name": "Bo"}})
    assert prompt["messages"][0]["content"]["text"] == "Greet Bo"
    assert {"add", "wait"} <= {tool["name"] for tool in (await peer.request("tools/list"))["tools"]}

    id = await peer.start(
        "tools/call",
        {"name": "step", "arguments": {"n": 2}, "_meta": {"progressToken": "t"}},
    )
    await peer.response(id)
    told = [m["params"]["progress"] for m in peer.live.sent("notifications/progress")]
    assert told == [1, 2]
    assert peer.live.sent("notifications/message")[0]["params"]["level"] == "info"

    call = await peer.start_call("ask_model")
    result = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}}
    await peer.answer(await peer.asked("sampling/createMessage"), result)
    assert (await peer.response(call))["result"]["content"][0]["text"] == "hi"
    call = await peer.start_call("ask_roots")
    await peer.answer(await peer.asked("roots/list"), {"roots": [{"uri": "file:///home"}]})
    assert "file:///home" in json.dumps(await peer.response(call))
    if "elicitation" in capabilities:
        call = await peer.start_call("ask_name")
        answer = {"action": "accept", "content": {"value": "Bo"}}
        await peer.answer(await peer.asked("elicitation/create"), answer)
        assert (await peer.response(call))["result"]["content"][0]["text"] == "accept: Bo"
    await peer.leave()


async def test_no_stateless_version_is_spoken(stage: Stage):
    peer = await SsePeer(both(stage.mcp), "2025-11-25").connect()
    params = {
        "protocolVersion": "2026-07-28",
        "capabilities": {},
        "clientInfo": {"name": "n", "version": "1"},
    }
    assert (await peer.request("initialize", params))["protocolVersion"] == "2025-11-25"
    await peer.post({"jsonrpc": "2.0", "id": 50, "method": "server/discover", "params": {}})
    assert (await peer.response(50))["error"]["code"] == -32601
    await peer.leave()


async def test_what_is_asked_before_initialize(stage: Stage):
    peer = await SsePeer(both(stage.mcp)).connect()
    assert await peer.request("ping") == {}
    error = (await peer.response(await peer.start_call("add", {"a": 1, "b": 1})))["error"]
    assert error["message"] == "Invalid request: not initialized; send initialize first"
    await peer.leave()


async def test_log_level_cancellation_and_state(stage: Stage):
    @stage.mcp.tool
    async def remember(ctx: Context, value: int) -> int:
        before = await ctx.get_state("value")
        await ctx.set_state("value", value)
        assert ctx.transport == "sse"
        return before or 0

    peer = await SsePeer(both(stage.mcp)).open()
    await peer.request("logging/setLevel", {"level": "error"})
    await peer.call("step", {"n": 1})
    assert not peer.live.sent("notifications/message")
    assert [await peer.call("remember", {"value": n}) for n in (4, 5)] == ["0", "4"]
    id = await peer.start_call("wait")
    await stage.started.wait()
    await peer.notify("notifications/cancelled", {"requestId": id})
    await stage.cancelled.wait()
    await peer.request("ping")
    assert not [m for m in peer.live.messages if m.get("id") == id]
    other = await SsePeer(peer.app).open()
    assert await other.call("remember", {"value": 6}) == "0"
    await peer.leave()
    await other.leave()


async def test_changes_are_told(stage: Stage):
    peer = await SsePeer(both(stage.mcp)).open()
    await peer.request("resources/subscribe", {"uri": "data://1"})
    await peer.call("grow", {"name": "new"})
    await peer.live.until(lambda live: live.sent("notifications/tools/list_changed"))
    for uri in ("data://2", "data://1"):
        stage.mcp._engine.bus.publish(ResourceUpdated(uri))
    await peer.live.until(lambda live: live.sent("notifications/resources/updated"))
    [updated] = peer.live.sent("notifications/resources/updated")
    assert updated["params"] == {"uri": "data://1"}
    await peer.leave()


async def test_batches_of_the_one_version_that_has_them(stage: Stage):
    peer = await SsePeer(both(stage.mcp), "2025-03-26").open()
    batch = [{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in (71, 72)]
    assert (await peer.post(batch)).status == 202
    assert [(await peer.response(n))["result"] for n in (71, 72)] == [{}, {}]
    await peer.leave()
    peer = await SsePeer(peer.app).open()
    refused = await peer.post(batch)
    assert (refused.status, refused.error["code"]) == (400, -32600)
    await peer.leave()


# T24


async def test_t24_each_call_sees_its_own_header():
    mcp = FastMCP("headers")
    seen: dict[str, set[str]] = {}

    @mcp.tool
    async def of_async() -> str:
        async def later() -> None:
            await asyncio.sleep(0.01)
            seen.setdefault("later", set()).add(get_http_headers()["x-req"])

        task = asyncio.create_task(later())
        await asyncio.sleep(0)
        found = get_http_request().headers["x-req"]
        await task
        return found

    @mcp.tool
    def of_sync() -> str:
        return get_http_headers()["x-req"]

    peer = await SsePeer(both(mcp)).open()

    async def one(number: int) -> str:
        tool = "of_sync" if number % 2 else "of_async"
        return await peer.call(tool, headers={"x-req": str(number)})

    found = await asyncio.gather(*map(one, range(100)))
    assert found == [str(number) for number in range(100)]
    assert seen["later"] == {str(number) for number in range(0, 100, 2)}
    await peer.leave()


# what is refused


async def refused(app: Any, endpoint: str, body: bytes = b"{}", **headers: str) -> Live:
    return await SsePeer(app, headers=headers).post(body, to=endpoint)


async def test_posts_that_are_refused(stage: Stage):
    app = both(stage.mcp)
    peer = await SsePeer(app).open()
    ok = b'{"jsonrpc": "2.0", "method": "notifications/initialized"}'
    path, _, token = peer.endpoint.partition("=")
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    streamable = await Peer(app).open()
    for id in (forged, "0" * 32, "x" * 10_000, streamable.session_id):
        gone = await refused(app, f"{path}={id}", ok)
        assert gone.status == 404
        assert "Session not found" in gone.error["message"]
        assert "GET /sse" in gone.error["message"]
        assert "/mcp" in gone.error["message"]
    assert (await refused(app, "/messages/", ok)).status == 400
    for id in ("%ff", "%C3%A4", "ä", "%00", "%"):
        assert (await refused(app, f"{path}={id}", ok)).status == 404
    assert (await refused(app, peer.endpoint, b"{")).error["code"] == -32700
    assert (await refused(app, peer.endpoint, b'{"jsonrpc": "2.0"}')).error["code"] == -32600
    assert (await refused(app, peer.endpoint, ok, **{"content-type": "text/plain"})).status == 415
    assert (await refused(app, peer.endpoint, b"[" * 300 + b"]" * 300)).status == 400
    with set_settings(http_max_body_bytes=100):
        small = both(stage.mcp)
    assert (await refused(small, peer.endpoint, b" " * 101)).status == 413
    found = await Live(app, http_scope("GET", path.partition("?")[0], []), b"").done()
    assert (found.status, found.headers["allow"]) == (405, "POST")
    found = await Live(app, http_scope("POST", "/sse", []), b"{}").done()
    assert (found.status, found.headers["allow"]) == (405, "GET")
    found = await Live(app, http_scope("GET", "/sse", [("accept", "text/html")]), b"").done()
    assert found.status == 406
    assert (await refused(app, peer.endpoint, ok)).status == 202
    await peer.leave()
    gone = await refused(app, peer.endpoint, ok)
    assert gone.status == 404


async def test_a_session_is_its_owners(stage: Stage):
    app = both(stage.mcp)
    ada = {"user": SimpleUser("ada"), "auth": AuthCredentials()}
    peer = await SsePeer(app, **ada).open()
    assert await peer.call("add", {"a": 1, "b": 2}) == "3"
    stolen = SsePeer(app, user=SimpleUser("eve"), auth=AuthCredentials())
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert (await stolen.post(ping, to=peer.endpoint)).status == 404
    await peer.leave()


async def test_strangers_pages_are_kept_out(stage: Stage):
    app = both(stage.mcp)
    evil = {"origin": "https://evil.example"}
    found = await Live(app, http_scope("GET", "/sse", evil.items()), b"").done()
    assert found.status == 403
    peer = await SsePeer(app).open()
    assert (await refused(app, peer.endpoint, **evil)).status == 403
    rebound = await Live(app, http_scope("GET", "/sse", [("host", "evil.example")]), b"").done()
    assert rebound.status == 421
    await peer.leave()


async def test_cors(stage: Stage):
    page = "http://localhost:3000"
    app = both(stage.mcp, cors_origins=[page])
    peer = await SsePeer(app, headers={"origin": page}).open()
    assert peer.live.headers["access-control-allow-origin"] == page
    preflight = [("origin", page), ("access-control-request-method", "POST")]
    found = await Live(app, http_scope("OPTIONS", "/messages/", preflight), b"").done()
    assert (found.status, found.headers["access-control-allow-origin"]) == (200, page)
    await peer.leave()


async def test_limits_are_told_where_the_client_listens(stage: Stage):
    with set_settings(http_max_session_requests=1):
        app = both(stage.mcp)
    peer = await SsePeer(app).open()
    first = await peer.start_call("wait", {"tag": "one"})
    await stage.started.wait()
    full = await peer.response(await peer.start_call("add", {"a": 1, "b": 1}))
    assert "FASTMCP_HTTP_MAX_SESSION_REQUESTS" in full["error"]["message"]
    assert await peer.request("ping") == {}
    stage.go_on.set()
    assert (await peer.response(first))["result"]["content"][0]["text"] == "one"
    await peer.leave()


async def test_a_server_that_is_full(stage: Stage):
    with set_settings(http_max_requests=1):
        app = both(stage.mcp)
    peer, other = await SsePeer(app).open(), await SsePeer(app).open()
    for _ in range(3):  # what is over counts no more
        assert await peer.call("add", {"a": 1, "b": 1}) == "2"
    await settled()
    assert not app.sse_streams.running
    first = await peer.start_call("wait", {"tag": "one"})
    await stage.started.wait()
    full = await other.response(await other.start_call("add", {"a": 1, "b": 1}))
    assert "FASTMCP_HTTP_MAX_REQUESTS" in full["error"]["message"]
    stage.go_on.set()
    await peer.response(first)
    await peer.leave()
    await other.leave()


# where it is


@pytest.mark.parametrize(
    ("root", "prefix", "expected"),
    [
        ("", "", "/messages/?"),
        ("/api", "", "/api/messages/?"),
        ("", "/db", "/db/messages/?"),
        ("/api", "/db/", "/db/api/messages/?"),
        ("/db/api", "/db", "/db/api/messages/?"),
        ("", "//evil.example", "/messages/?"),
        ("", "https://evil.example", "/messages/?"),
        ("/a b", "", "/a%20b/messages/?"),
        ("", "/a%20b", "/a%20b/messages/?"),
        ("/a b/c", "/a%20b", "/a%20b/c/messages/?"),
        ("", "/%2fevil.example", "/messages/?"),
    ],
)
async def test_t30_the_endpoint_is_right_behind_a_prefix(
    stage: Stage, root: str, prefix: str, expected: str
):
    app = both(stage.mcp)
    headers = {"x-forwarded-prefix": prefix} if prefix else {}
    peer = SsePeer(app, path=f"{root}/sse", headers=headers, root_path=root)
    await peer.connect()
    assert peer.endpoint.startswith(expected)
    successor = expected.removesuffix("messages/?") + "mcp"
    assert peer.live.headers["link"] == f'<{successor}>; rel="successor-version"'
    await peer.leave()


async def test_t30_mounted(stage: Stage):
    mcp_app = both(stage.mcp)
    app = Starlette(routes=[Mount("/outer/inner", mcp_app)], lifespan=mcp_app.lifespan)
    peer = await SsePeer(app, path="/outer/inner/sse").open()
    assert peer.endpoint.startswith("/outer/inner/messages/?session_id=")
    assert await peer.call("add", {"a": 1, "b": 2}) == "3"
    await peer.leave()


async def test_other_paths(stage: Stage):
    with set_settings(sse_path="/old", message_path="talk"):
        app = both(stage.mcp)
    peer = await SsePeer(app, path="/old/").open()
    assert peer.endpoint.startswith("/talk?session_id=")
    assert await peer.call("add", {"a": 1, "b": 2}) == "3"
    await peer.leave()
    with pytest.raises(ValueError, match="must differ, and are /sse, /sse, /messages/"):
        both(stage.mcp, path="/sse")


async def test_alone(stage: Stage):
    app = alone(stage.mcp, path="/events")
    assert (app.state.path, app.state.transport_type) == ("/events", "sse")
    peer = await SsePeer(app, path="/events").open()
    assert await peer.call("add", {"a": 1, "b": 2}) == "3"
    assert peer.live.headers["deprecation"] == DEPRECATED
    assert "link" not in peer.live.headers
    assert (await Peer(app).post(b"{}")).status == 404
    await peer.leave()
    with pytest.raises(ValueError, match="stateless"):
        stage.mcp.http_app(transport="sse", stateless_http=True)


async def test_create_sse_app(stage: Stage):
    part = FastMCP("part")

    @part.custom_route("/smell", methods=["GET"])
    async def smell(request: Request) -> PlainTextResponse:
        return PlainTextResponse("good")

    stage.mcp.mount(part)
    app = create_sse_app(stage.mcp, message_path="/m/", sse_path="/s")
    peer = await SsePeer(app, path="/s").open()
    assert peer.endpoint.startswith("/m/?session_id=")
    assert await peer.call("add", {"a": 1, "b": 2}) == "3"
    assert app.state.fastmcp_server is stage.mcp
    await peer.leave()
    assert (await Peer(app).send("GET", path="/smell").done()).body == b"good"


async def test_t30_one_app_serves_both(stage: Stage):
    app = both(stage.mcp, health=True, stateless_http=True)
    old, new = await SsePeer(app).open(), Peer(app, "2026-07-28")
    assert await old.call("add", {"a": 1, "b": 2}) == "3"
    assert (await new.call("add", {"a": 1, "b": 2})).text == "3"
    await new.call("grow", {"name": "new"})
    await old.live.until(lambda live: live.sent("notifications/tools/list_changed"))
    assert await old.call("new") == "new"
    await old.leave()


# who uses it


async def test_t30_who_still_uses_it(stage: Stage, caplog: pytest.LogCaptureFixture):
    app = both(stage.mcp)
    secret = {"authorization": "Bearer s3cret", "user-agent": "cursor/1.0\nforged line"}
    with caplog.at_level(logging.INFO, "fastmcp.server.sse"):
        peer = await SsePeer(app, headers=secret).open()
    [line] = [r.getMessage() for r in caplog.records if "session of" in r.getMessage()]
    assert "'old peer' '1.0', protocol 2024-11-05" in line
    assert "cursor/1.0\\nforged line" in line
    assert "/mcp" in line
    token = peer.endpoint.partition("=")[2]
    assert not [r for r in caplog.records if "s3cret" in r.getMessage() or token in r.getMessage()]
    use = app.legacy_use
    assert (use.open, use.total, dict(use.clients)) == (1, 1, {("old peer", "1.0"): 1})
    await peer.leave()
    assert (use.open, use.total) == (0, 1)
    response = await peer.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert response.status == 404
    assert response.headers["deprecation"] == DEPRECATED
    assert response.headers["link"] == '</mcp>; rel="successor-version"'


# its life


async def test_so_many_streams_and_no_more(stage: Stage):
    with set_settings(http_max_sse_streams=2):
        app = both(stage.mcp)
    peers = [await SsePeer(app).open() for _ in range(2)]
    scope = http_scope("GET", "/sse", [("accept", "text/event-stream")])
    refused = await Live(app, scope, b"").done()
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.headers["deprecation"] == DEPRECATED
    assert refused.error["code"] == -32000
    assert "2 streams of HTTP+SSE open, as many as FASTMCP_HTTP_MAX_SSE" in refused.error["message"]
    # Those that are open, and clients of what succeeds it, do not mind.
    assert await peers[1].call("add", {"a": 1, "b": 2}) == "3"
    assert (await (await Peer(app).open()).call("add", {"a": 1, "b": 2})).text == "3"
    await peers.pop().leave()
    await settled()
    peers.append(await SsePeer(app).open())
    for peer in peers:
        await peer.leave()


async def test_a_stream_that_nobody_initializes_ends(stage: Stage):
    with set_settings(http_sse_initialize_timeout=0.5):
        app = both(stage.mcp)
    used, idle = await SsePeer(app).open(), await SsePeer(app).connect()
    assert await idle.request("ping") == {}  # which opens no session
    await idle.live.done()
    assert idle.live.events[-1].comment == (
        "ended: initialize was not sent within 0.5 s (FASTMCP_HTTP_SSE_INITIALIZE_TIMEOUT)"
    )
    late = await idle.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert late.status == 404
    assert await used.call("add", {"a": 1, "b": 2}) == "3"
    assert len(app.sse_streams.open) == 1
    await used.leave()


async def test_keepalives(stage: Stage):
    peer = await SsePeer(both(stage.mcp, keepalive_interval=0.02)).open()
    comment = KEEPALIVE.decode().strip(": \r\n")
    await peer.live.until(lambda live: [e.comment for e in live.events].count(comment) > 2)
    await peer.leave()


@pytest.mark.parametrize("policy", ["cancel", "continue"])
async def test_a_client_that_leaves(policy: Any):
    stage = Stage(on_disconnect=policy)
    peer = await SsePeer(both(stage.mcp)).open()
    await peer.start_call("wait")
    await stage.started.wait()
    await peer.leave()
    if policy == "cancel":
        await asyncio.wait_for(stage.cancelled.wait(), 5)
    else:
        stage.go_on.set()
        await asyncio.wait_for(stage.finished.wait(), 5)
    await settled()


async def test_who_waits_for_a_client_that_leaves_learns_it(stage: Stage):
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @stage.mcp.tool
    async def ask(ctx: Context) -> None:
        try:
            await ctx.elicit("Name?", str)
        except Exception as exc:
            told.set_result(str(exc))

    peer = await SsePeer(both(stage.mcp), "2025-11-25", capabilities={"elicitation": {}}).open()
    await peer.start_call("ask")
    await peer.asked("elicitation/create")
    await peer.leave()
    assert "closed the stream" in await asyncio.wait_for(told, 5)


async def test_a_client_that_does_not_read_is_given_up(stage: Stage):
    with set_settings(http_write_timeout=0.05):
        app = both(stage.mcp)
    scope = http_scope("GET", "/sse", [("accept", "text/event-stream")])
    live = await Live(app, scope, b"", stall=2).until(lambda live: live.events)
    peer = SsePeer(app)
    peer.endpoint = live.events[0].data or ""
    await peer.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    await live.done()
    live.resume()


async def test_a_stream_that_ends_unread_waits_to_be_hung_up_on(stage: Stage):
    """A response that is given up before that is one that servers complain of."""
    with set_settings(http_write_timeout=0.1):
        app = both(stage.mcp)
        scope = http_scope("GET", "/sse", [("accept", "text/event-stream")])
        live = Live(app, scope, stall=2)
        await live.until(lambda live: live.events)
        app.close_streams()
        done, _ = await asyncio.wait({live.task}, timeout=0.5)
        assert not done
        live.leave()
        await asyncio.wait_for(live.task, 5)


async def test_posts_do_not_wait_for_a_stream_that_nobody_reads(stage: Stage):
    app = both(stage.mcp)
    scope = http_scope("GET", "/sse", [("accept", "text/event-stream")])
    live = await Live(app, scope, b"", stall=2).until(lambda live: live.events)
    peer = SsePeer(app)
    peer.endpoint = live.events[0].data or ""
    bad = {"jsonrpc": "2.0", "id": "x" * 10_000, "method": "initialize", "params": {}}
    answers = [await peer.post(bad) for _ in range(20)]
    statuses = [answer.status for answer in answers]
    taken = statuses.count(202)
    assert 0 < taken < 20
    assert statuses == [202] * taken + [429] * (20 - taken)
    assert answers[-1].headers["retry-after"] == "1"
    assert "does not read its stream" in answers[-1].error["message"]
    assert answers[-1].messages[-1]["id"] == "x" * 10_000
    # What ends a call or lets it go on is taken all the same.
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    for message in (cancelled, {"jsonrpc": "2.0", "id": 1, "result": {}}):
        assert (await peer.post(message)).status == 202
    live.resume()
    await live.until(lambda live: len(live.messages) == taken)
    await settled()
    assert (await peer.post(bad)).status == 202
    live.leave()
    await live.done()


async def test_a_full_server_does_not_wait_for_a_stream_that_nobody_reads(stage: Stage):
    with set_settings(http_max_requests=1):
        app = both(stage.mcp)
    busy = await SsePeer(app).open()
    first = await busy.start_call("wait", {"tag": "one"})
    await stage.started.wait()
    scope = http_scope("GET", "/sse", [("accept", "text/event-stream")])
    live = await Live(app, scope, b"", stall=2).until(lambda live: live.events)
    peer = SsePeer(app)
    peer.endpoint = live.events[0].data or ""
    ping = {"jsonrpc": "2.0", "id": "x" * 10_000, "method": "ping"}
    statuses = {(await peer.post(ping)).status for _ in range(20)}
    assert statuses == {202, 429}
    live.leave()
    live.resume()
    await live.done()
    stage.go_on.set()
    await busy.response(first)
    await busy.leave()


@pytest.mark.parametrize("policy", ["cancel", "continue"])
async def test_what_a_session_holds_ends_with_its_stream(policy: Any):
    """A proxy's connection to the server behind, which serves this session alone."""
    ended = asyncio.Event()

    @asynccontextmanager
    async def lifespan(_: FastMCP) -> AsyncGenerator[None]:
        yield
        ended.set()

    stage = Stage(lifespan=lifespan)
    proxy = create_proxy(ProxyClient(stage.mcp), name="proxy", on_disconnect=policy)
    peer = await SsePeer(both(proxy)).open()
    await peer.start_call("wait")
    await stage.started.wait()
    await peer.leave()
    if policy == "continue":
        await settled()
        assert not ended.is_set()
        stage.go_on.set()
        await asyncio.wait_for(stage.finished.wait(), 5)
    await asyncio.wait_for(ended.wait(), 5)


async def test_t8_who_waits_for_an_answer_does_not_hold_the_servers_stop(stage: Stage):
    @stage.mcp.tool
    async def ask(ctx: Context) -> list[str]:
        told: list[str] = []
        for _ in range(2):
            try:
                await ctx.elicit("Name?", str)
            except Exception as exc:
                told.append(str(exc))
        return told

    app = both(stage.mcp)
    peer = await SsePeer(app, "2025-11-25", capabilities={"elicitation": {}}).open()
    call = await peer.start_call("ask")
    await peer.asked("elicitation/create")
    app.close_streams()
    await asyncio.wait_for(peer.live.done(), 5)
    found = (await peer.response(call))["result"]["structuredContent"]["result"]
    assert ["The server stops" in told for told in found] == [True, True]


async def test_a_session_ends_with_its_life_time(stage: Stage):
    app = both(stage.mcp, session_lifetime=0.05, keepalive_interval=0.01)
    peer = await SsePeer(app).connect()
    await peer.live.done()
    assert not app.sse_streams.open


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")
async def test_a_worker_of_another_release_hears_that_it_is_not_understood(stage: Stage):
    """At once: it waits for what became of the message that came to it."""
    secret = "the key of this test"
    keys = SessionKeys([secret.encode()])
    with (
        tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as folder,
        set_settings(home=Path(folder), session_key=SecretStr(secret)),
    ):
        app = both(stage.mcp)
        async with app.router.lifespan_context(app):
            peer = await SsePeer(app).connect()
            claims = read_stream(peer.endpoint.partition("=")[2], keys.verify)
            assert claims is not None
            heard: asyncio.Queue[Message] = asyncio.Queue()
            other = LocalBackplane(Bus(), Path(folder), "stage/mcp", keys)
            await other.start(heard.put_nowait)
            try:
                for number, request in enumerate((b"", b"\x97\xa1\xff", b"\x97\xa2/m\x01")):
                    sealed = keys.seal(f"sse {claims.sse}", request)
                    posted = Posted(other.worker, number, claims.sse, sealed)
                    assert await other.send(claims.at, posted)
                    async with asyncio.timeout(5):
                        taken = await heard.get()
                    assert isinstance(taken, Taken)
                    assert (taken.ask, taken.status) == (number, 404)
                    assert b"one release" in taken.body
            finally:
                await other.stop()
            await peer.leave()
