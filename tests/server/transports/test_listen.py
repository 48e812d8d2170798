"""subscriptions/listen over HTTP: what is heard, how it ends, and what is refused."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import mcp_types
import pytest

from fastmcp import Context, FastMCP
from fastmcp.exceptions import McpError
from fastmcp.server.bus import ResourceUpdated
from fastmcp.server.http import ASGIMiddleware
from fastmcp.server.middleware import Middleware, MiddlewareContext
from tests.server.transports.conftest import set_settings
from tests.support.asgi import META, STATELESS, Live, Peer, settled

pytestmark = pytest.mark.usefixtures("no_leaks")
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
TOOLS = "notifications/tools/list_changed"
PROMPTS = "notifications/prompts/list_changed"
RESOURCES = "notifications/resources/list_changed"
UPDATED = "notifications/resources/updated"
ALL = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourcesListChanged": True,
    "resourceSubscriptions": ["a:1"],
}


def build(**options: Any) -> FastMCP:
    mcp = FastMCP("listening", **options)

    @mcp.tool
    async def update(ctx: Context, uri: str) -> str:
        params = mcp_types.ResourceUpdatedNotificationParams(uri=uri)
        await ctx.send_notification(mcp_types.ResourceUpdatedNotification(params=params))
        return "updated"

    return mcp


def publish(mcp: FastMCP, uri: str) -> None:
    mcp.bus.publish(ResourceUpdated(uri))


def change(mcp: FastMCP, name: str) -> None:
    mcp.tool(lambda: name, name=name)


async def listen(peer: Peer, filter: dict[str, Any], **kw: Any) -> Live:
    """A subscription that was acknowledged."""
    live = peer.start("subscriptions/listen", {"notifications": filter}, **kw)
    return await live.until(lambda live: live.messages)


def methods(live: Live) -> list[str]:
    """What it heard after the acknowledgement."""
    assert live.messages[0]["method"] == ACKNOWLEDGED
    return [message["method"] for message in live.messages[1:] if "method" in message]


async def leave(*lives: Live) -> None:
    for live in lives:
        live.leave()
        await live.done()


@pytest.mark.parametrize("options", [{}, {"stateless_http": True}, {"json_response": True}])
async def test_what_changes_is_heard_by_who_asked_for_it(options: dict[str, Any]):
    mcp = build()
    peer = Peer(mcp.http_app(**options), STATELESS)
    live = await listen(peer, ALL, id="mine")
    other = await listen(peer, {"promptsListChanged": True}, id=7)
    assert (live.status, live.headers["content-type"]) == (200, "text/event-stream")
    assert live.headers["x-accel-buffering"] == "no"
    assert live.messages[0]["params"]["notifications"] == ALL
    change(mcp, "new")
    mcp.prompt(lambda: "a prompt", name="prompt")
    await peer.call("update", {"uri": "a:1"})
    await peer.call("update", {"uri": "a:2"})
    mcp.resource("a:3", name="three")(lambda: "a resource")
    await live.until(lambda live: RESOURCES in methods(live))
    assert methods(live) == [TOOLS, PROMPTS, UPDATED, RESOURCES]
    assert methods(other) == [PROMPTS]
    assert live.sent(UPDATED)[0]["params"]["uri"] == "a:1"
    for each, id in ((live, "mine"), (other, 7)):
        assert {m["params"]["_meta"][META + "subscriptionId"] for m in each.messages} == {id}
    assert b"id:" not in live.body
    await leave(live, other)


async def test_what_is_announced():
    result = (await Peer(build().http_app(), STATELESS).request("server/discover")).result
    for kind in ("tools", "prompts", "resources"):
        assert result["capabilities"][kind]["listChanged"] is True
    assert result["capabilities"]["resources"]["subscribe"] is True


async def test_both_eras_hear_of_one_change():
    mcp = build()
    app = mcp.http_app()
    peer, old = Peer(app, STATELESS), await Peer(app).open()
    stream = await old.listen().until(lambda live: live.body)
    await old.request("resources/subscribe", {"uri": "a:1"})
    live = await listen(peer, {"toolsListChanged": True, "resourceSubscriptions": ["a:1"]})
    publish(mcp, "a:1")
    change(mcp, "new")
    await live.until(lambda live: len(methods(live)) == 2)
    await stream.until(lambda live: len(live.messages) == 2)
    assert stream.messages[0] == {"jsonrpc": "2.0", "method": UPDATED, "params": {"uri": "a:1"}}
    await leave(live, stream)


async def test_silence_is_broken_though_others_are_told_something():
    """What does not concern a client is no word to it, and must not put the comment off."""
    mcp = build()
    app = mcp.http_app(keepalive_interval=0.2)
    peer, old = Peer(app, STATELESS), await Peer(app).open()
    live = await listen(peer, {"resourceSubscriptions": ["a:1"]})
    stream = await old.listen().until(lambda live: live.body)

    async def chatter() -> None:
        while True:
            publish(mcp, "another")
            await asyncio.sleep(0.02)

    talking = asyncio.create_task(chatter())
    for each in (live, stream):
        await each.until(lambda live: live.body.count(b": keep-alive") >= 2)
        assert not [message for message in each.messages if message["method"] == UPDATED]
    talking.cancel()
    await leave(live, stream)


# its end


async def test_its_time_is_over():
    with set_settings(http_stream_lifetime=0.2):
        app = build().http_app(keepalive_interval=0.1)
    live = await (await listen(Peer(app, STATELESS), ALL, id=5)).done()
    assert live.finished
    assert live.response["id"] == 5
    assert live.messages[-1] is live.response
    assert live.result["resultType"] == "complete"
    assert live.result["_meta"][META + "subscriptionId"] == 5
    assert b"retry:" not in live.body


async def test_the_application_ends():
    app = build().http_app()
    async with app.router.lifespan_context(app):
        live = await listen(Peer(app, STATELESS), ALL)
        app.close_streams()
        await live.done()
    assert live.result["resultType"] == "complete"
    assert not app.subscriptions


async def test_a_client_that_leaves_is_gone_at_once():
    mcp = build()
    app = mcp.http_app()
    live = await listen(Peer(app, STATELESS), ALL)
    assert len(app.subscriptions) == 1
    await leave(live)
    assert not app.subscriptions
    change(mcp, "new")
    await settled()
    assert methods(live) == []


# slow readers


async def test_a_client_that_does_not_read_costs_no_memory_and_learns_what_it_missed():
    mcp = build()
    peer = Peer(mcp.http_app(), STATELESS)
    live = await listen(peer, {"toolsListChanged": True, "resourceSubscriptions": ["a:1"]}, stall=2)
    publish(mcp, "a:1")
    await settled()
    gc.collect()
    before = len(gc.get_objects())
    for number in range(3000):  # more than are kept
        publish(mcp, f"a:{number % 2}")
        if number % 100 == 0:
            await asyncio.sleep(0)
    await settled()
    gc.collect()
    # Nothing but the ring of what is kept, one change and its place each.
    assert len(gc.get_objects()) - before < 1000 * 3 + 500
    live.resume()
    await live.until(lambda live: TOOLS in methods(live))
    publish(mcp, "a:1")
    await live.until(lambda live: len(methods(live)) == 4)
    assert methods(live) == [UPDATED, TOOLS, UPDATED, UPDATED]
    await leave(live)


async def test_a_slow_reader_that_keeps_up_hears_everything():
    mcp = build()
    peer = Peer(mcp.http_app(), STATELESS)
    uris = [f"a:{n}" for n in range(1000)]
    live = await listen(peer, {"resourceSubscriptions": uris}, stall=2)
    for uri in uris:
        publish(mcp, uri)
    await settled()
    live.resume()
    await live.until(lambda live: len(methods(live)) == 1000)
    assert [message["params"]["uri"] for message in live.sent(UPDATED)] == uris
    await leave(live)


async def test_what_is_handed_to_the_server_at_once_is_little():
    """A server holds what it was given for a client that does not read."""
    mcp = build()
    app = mcp.http_app()
    pieces: list[int] = []

    async def measured(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            pieces.append(len(message.get("body", b"")))
            await send(message)

        await app(scope, receive, sent)

    uris = [f"a:{n}:".ljust(4000, "x") for n in range(100)]
    live = await listen(Peer(measured, STATELESS), {"resourceSubscriptions": uris})
    pieces.clear()  # the acknowledgement is as large as the request
    for uri in [*uris, *uris]:
        publish(mcp, uri)
    await live.until(lambda live: len(methods(live)) == 200)
    assert sum(pieces) > 200 * 4000
    assert max(pieces) < 64 * 1024
    await leave(live)


async def test_a_client_that_never_reads_is_given_up():
    mcp = build()
    with set_settings(http_write_timeout=0.1):
        app = mcp.http_app()
    live = await listen(Peer(app, STATELESS), ALL, stall=2)
    change(mcp, "new")
    await live.done()
    assert not app.subscriptions


async def test_many_leave_nothing_behind():
    mcp = build()
    app = mcp.http_app()
    peer = Peer(app, STATELESS)
    await leave(await listen(peer, ALL))
    tasks = len(asyncio.all_tasks())
    lives = [await listen(peer, {"toolsListChanged": True}) for _ in range(500)]
    assert len(app.subscriptions) == 500
    change(mcp, "new")
    for live in lives:
        await live.until(lambda live: methods(live) == [TOOLS])
    await leave(*lives)
    await settled()
    assert len(asyncio.all_tasks()) <= tasks
    assert not app.subscriptions


# refusals


@pytest.mark.parametrize(
    "filter", [None, [], "x", {"toolsListChanged": "yes"}, {"resourceSubscriptions": [1]}]
)
async def test_malformed_filters(filter: Any):
    peer = Peer(build().http_app(), STATELESS)
    live = await peer.request("subscriptions/listen", {"notifications": filter}, valid=False, id=3)
    assert (live.error["code"], live.response["id"]) == (-32602, 3)
    assert "notifications" in live.error["message"]
    assert live.headers["content-type"] == "application/json"


async def test_a_client_that_accepts_no_stream():
    app = build().http_app()
    live = await Peer(app, STATELESS).request(
        "subscriptions/listen",
        {"notifications": {}},
        id=3,
        headers={"accept": "application/json"},
    )
    assert (live.status, live.error["code"], live.response["id"]) == (406, -32600, 3)
    assert "text/event-stream" in live.error["message"]
    assert not app.subscriptions


async def test_the_handshake_era_has_no_such_method():
    peer = await Peer(build().http_app()).open()
    live = await peer.request("subscriptions/listen", {"notifications": {}}, valid=False)
    assert live.error["code"] == -32601


def refused(live: Live, status: int, setting: str) -> None:
    assert (live.status, live.headers["retry-after"]) == (status, "1")
    assert (live.error["code"], live.response["id"]) == (-32000, 9)
    assert setting in live.error["message"]


async def more(peer: Peer) -> Live:
    return await peer.request("subscriptions/listen", {"notifications": {}}, id=9)


async def test_so_many_and_no_more():
    with set_settings(http_max_subscriptions=2, http_max_requests=1):
        app = build().http_app()
    peer = Peer(app, STATELESS)
    lives = [await listen(peer, ALL) for _ in range(2)]
    refused(await more(peer), 503, "holds 2 subscriptions open, as many as FASTMCP_HTTP_MAX_SUBSCR")
    assert (await peer.call("update", {"uri": "a:2"})).text == "updated"  # they are no calls
    await leave(lives.pop())
    lives.append(await listen(peer, ALL))
    await leave(*lives)


class User:
    """What an authentication in front of the endpoint leaves in the scope."""

    is_authenticated = True

    def __init__(self, identity: str) -> None:
        self.identity = identity


class Authenticated:
    """Takes everybody for whom he says he is."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name = dict(scope["headers"]).get(b"x-user") if scope["type"] == "http" else None
        if name is not None:
            scope["user"] = User(name.decode())
        await self.app(scope, receive, send)


async def test_so_many_of_one_principal():
    with set_settings(http_max_principal_subscriptions=2):
        app = build().http_app(middleware=[ASGIMiddleware(Authenticated)])
    ada, bob = (Peer(app, STATELESS, headers={"x-user": name}) for name in ("ada", "bob"))
    nobody = Peer(app, STATELESS)
    lives = [await listen(peer, ALL) for peer in (ada, ada, bob, nobody, nobody, nobody)]
    refused(await more(ada), 429, "holds 2 open, as many as FASTMCP_HTTP_MAX_PRINCIPAL_SUBSCR")
    lives.append(await listen(bob, ALL))
    await leave(lives.pop(0))
    lives.append(await listen(ada, ALL))
    await leave(*lives)


# middleware


async def test_middleware_sees_it_as_any_other_request():
    seen: list[Any] = []

    class Watching(Middleware):
        async def on_request(self, context: MiddlewareContext[Any], call_next: Callable[..., Any]):
            seen.append((context.method, context.message["notifications"]))
            result = await call_next(context)
            seen.append(context.method)
            return {**result, "seen": True}

    app = build(middleware=[Watching()]).http_app()
    live = await listen(Peer(app, STATELESS), {"toolsListChanged": True})
    assert seen == [("subscriptions/listen", {"toolsListChanged": True})]
    app.close_streams()
    await live.done()
    assert seen[1:] == ["subscriptions/listen"]
    assert live.result["seen"] is True


async def test_middleware_may_refuse_it():
    class Refusing(Middleware):
        async def on_request(self, context: MiddlewareContext[Any], call_next: Callable[..., Any]):
            raise McpError(-32600, "not you")

    live = await more(Peer(build(middleware=[Refusing()]).http_app(), STATELESS))
    assert live.error["message"] == "not you"
    assert live.headers["content-type"] == "application/json"
