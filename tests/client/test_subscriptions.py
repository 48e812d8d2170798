"""What the client hears of changes, in both eras, over every transport, and when streams end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from fastmcp import Client
from fastmcp.client.messages import MessageHandler
from fastmcp.client.transports import PythonStdioTransport
from fastmcp.exceptions import McpError
from tests.client.changing import mcp
from tests.client.conftest import CHANGING
from tests.client.ears import ID, Ears, listening
from tests.client.site import answer, discovered, error, handshake, site, text
from tests.support.locks import ROOT
from tests.support.process import Server, script, serve


@pytest.fixture(scope="module")
def changing() -> Iterator[Server]:
    with serve(script(CHANGING), clean=False) as server:
        yield server


@pytest.fixture(params=["memory", "stdio", "http"])
def to(request: pytest.FixtureRequest, changing: Server) -> Any:
    """The same server: here, in a process on a pipe, in a process over HTTP."""
    if request.param == "stdio":
        return PythonStdioTransport(CHANGING, env={"PYTHONPATH": str(ROOT)}, keep_alive=False)
    return changing.url if request.param == "http" else mcp


async def test_changes_are_heard(to: Any, mode: str) -> None:
    ears = Ears()
    async with Client(to, mode=mode, message_handler=ears) as client:
        if to is not mcp and mode == "legacy" and isinstance(to, str):
            await _until_it_listens(client, ears)
        await client.call_tool("grow", {"name": "more"})
        await ears.until("tools")
        await client.subscribe_resource("data://reads")
        await client.call_tool("touch", {"uri": "data://other"})
        await client.call_tool("touch", {"uri": "data://reads"})
        await ears.until("data://reads")
        await client.unsubscribe_resource("data://reads")
        assert "data://other" not in ears.heard


async def _until_it_listens(client: Client[Any], ears: Ears) -> None:
    """The GET stream of the handshake era is opened beside the calls."""
    async with asyncio.timeout(15):
        while not ears.heard:
            await client.call_tool("grow", {"name": "again"})
            await asyncio.sleep(0.05)
    ears.heard.clear()


async def test_what_is_not_subscribed_to_any_more_is_not_heard(changing: Server) -> None:
    ears = Ears()
    async with Client(changing.url, message_handler=ears) as client:
        await client.subscribe_resource("data://a")
        await client.subscribe_resource("data://b")
        await client.unsubscribe_resource("data://a")
        heard = True
        async with asyncio.timeout(15):
            while heard:  # the old subscription goes on beside the new one for a moment
                await asyncio.sleep(0.3)
                ears.heard.clear()
                await client.call_tool("touch", {"uri": "data://a"})
                await client.call_tool("touch", {"uri": "data://b"})
                await ears.until("data://b")
                heard = "data://a" in ears.heard


async def test_many_resources_are_subscribed_to_at_once(changing: Server) -> None:
    ears = Ears()
    uris = [f"data://{number}" for number in range(50)]
    async with Client(changing.url, message_handler=ears) as client:
        await asyncio.gather(*map(client.subscribe_resource, uris))
        for uri in uris:
            await client.call_tool("touch", {"uri": uri})
        for uri in uris:
            await ears.until(uri)


# --- a server made by hand: what it is asked, and when it ends the stream ------------------------


async def test_a_client_that_listens_to_nothing_opens_nothing() -> None:
    class Progress(MessageHandler):
        async def on_progress(self, message: Any) -> None: ...

    for handler in (None, Progress()):
        async with listening() as (seen, listened):
            async with Client(seen.url, message_handler=handler, cache=True) as client:
                await client.call_tool("x")
            assert listened.asked == []


async def test_only_what_the_server_announces_is_asked_for() -> None:
    async with (
        listening(prompts={}) as (seen, listened),
        Client(seen.url, message_handler=print),
    ):
        assert listened.asked == [{"toolsListChanged": True}]


async def test_a_server_that_was_not_asked_is_asked_for_everything() -> None:
    async with (
        listening() as (seen, listened),
        Client(seen.url, mode="2026-07-28", message_handler=print),
    ):
        [asked] = listened.asked
        assert asked == dict.fromkeys(
            ("toolsListChanged", "promptsListChanged", "resourcesListChanged"), True
        )


@pytest.mark.parametrize("politely", [True, False])
async def test_after_a_stream_that_ended_everything_may_have_changed(politely: bool) -> None:
    ears = Ears()
    async with (
        listening() as (seen, listened),
        Client(seen.url, message_handler=ears) as client,
    ):
        await client.subscribe_resource("data://a")
        assert ears.heard == []
        await listened.end(politely)
        await ears.until("tools")
        await ears.until("data://a")
        assert listened.asked[-1] == {
            "toolsListChanged": True,
            "resourceSubscriptions": ["data://a"],
        }
        await listened.say("notifications/tools/list_changed")
        await ears.until("tools", 2)


async def test_a_server_that_refuses_is_not_asked_again() -> None:
    async with listening() as (seen, listened):
        listened.refuse = lambda message: error(message, -32601, "Method not found", status=404)
        async with Client(seen.url, message_handler=Ears()) as client:
            with pytest.raises(McpError, match="Method not found"):
                await client.subscribe_resource("data://a")
            assert (await client.call_tool("x")).content[0].text == "ok"  # type: ignore[union-attr]
        assert len(listened.asked) == 1


async def test_a_resource_that_is_refused_leaves_the_rest_as_it_was() -> None:
    ears = Ears()
    async with (
        listening() as (seen, listened),
        Client(seen.url, message_handler=ears) as client,
    ):
        listened.refuse = lambda message: error(message, -32602, "too many", status=400)
        with pytest.raises(McpError, match="too many"):
            await client.subscribe_resource("data://a")
        await listened.say("notifications/tools/list_changed")
        await ears.until("tools")
        listened.refuse = lambda message: None
        await client.subscribe_resource("data://b")
        assert listened.asked[-1]["resourceSubscriptions"] == ["data://b"]


async def test_a_resource_that_is_not_honored_is_an_error() -> None:
    async with listening() as (seen, listened):
        listened.honor = lambda asked: {}
        async with Client(seen.url) as client:
            with pytest.raises(McpError, match="did not honor"):
                await client.subscribe_resource("data://a")


@pytest.mark.parametrize(
    "wrong", [True, None, 7, "data://a", {"data://a": True}, [["data://a"], 7]]
)
async def test_an_acknowledgement_of_another_shape_honors_nothing(wrong: Any) -> None:
    async with listening() as (seen, listened), Client(seen.url, timeout=10) as client:
        honor, listened.honor = listened.honor, lambda asked: {"resourceSubscriptions": wrong}
        with pytest.raises(McpError, match="did not honor"):
            await client.subscribe_resource("data://a")
        listened.honor = honor
        await client.subscribe_resource("data://b")


async def test_a_server_that_acknowledges_nothing_keeps_nobody_waiting() -> None:
    async with listening() as (seen, listened):
        listened.refuse = lambda message: answer(message, {"resultType": "complete"})
        async with Client(seen.url, message_handler=Ears()) as client:
            with pytest.raises(McpError, match="without acknowledging"):
                await client.subscribe_resource("data://a")
        assert len(listened.asked) == 1


async def test_whoever_gives_up_wants_it_no_more() -> None:
    async with listening() as (seen, listened), Client(seen.url, timeout=0.3) as client:
        silent = asyncio.Event()
        listened.honor = lambda asked: asked

        async def hold(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            listened.asked.append(message["params"]["notifications"])
            await silent.wait()
            return web.Response(status=503)

        serve, listened.serve = listened.serve, hold  # type: ignore[method-assign]
        with pytest.raises(McpError, match="timed out"):
            await client.subscribe_resource("data://slow")
        listened.serve = serve  # type: ignore[method-assign]
        silent.set()
        async with asyncio.timeout(10):
            while True:
                try:
                    await client.subscribe_resource("data://a")
                except McpError:  # what was asked before is still being answered
                    continue
                break
        assert listened.asked[-1] == {"resourceSubscriptions": ["data://a"]}


async def test_subscribing_one_after_the_other_leaves_few_streams_open() -> None:
    async with listening() as (seen, listened), Client(seen.url) as client:
        for number in range(30):
            await client.subscribe_resource(f"data://{number}")
        assert len(listened.asked[-1]["resourceSubscriptions"]) == 30
        assert len(client.session.subscriptions._streams) <= 8


async def test_a_handler_may_subscribe() -> None:
    async with listening() as (seen, listened):
        subscribed = asyncio.Event()

        class Curious(MessageHandler):
            async def on_tool_list_changed(self, message: Any) -> None:
                await client.subscribe_resource("data://a")
                subscribed.set()

        async with Client(seen.url, message_handler=Curious()) as client:
            await listened.say("notifications/tools/list_changed")
            async with asyncio.timeout(4):  # less than a handler that hangs is waited for
                await subscribed.wait()


async def test_a_session_that_was_lost_is_subscribed_again() -> None:
    """The handshake era: what was subscribed to belongs to the session."""
    ears = Ears()
    sessions = iter(["s-1", "s-2"])
    current = ""
    subscribed: list[tuple[str, str]] = []

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        session = request.headers["Mcp-Session-Id"]
        if session != current:
            return web.Response(status=404)
        if message["method"] == "resources/subscribe":
            subscribed.append((session, message["params"]["uri"]))
            return answer(message, {})
        return answer(message, text("ok"))

    answers = handshake(call)

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        nonlocal current
        response = await answers(request, message)
        if message.get("method") == "initialize":
            current = next(sessions)
            response.headers["Mcp-Session-Id"] = current
        return response

    async with site(post) as seen, Client(seen.url, mode="legacy", message_handler=ears) as client:
        await client.subscribe_resource("data://a")
        current = "gone"
        await client.call_tool("x")
        await ears.until("data://a")
    assert subscribed == [("s-1", "data://a"), ("s-2", "data://a")]


# --- on a pipe ------------------------------------------------------------------------------------


class Peer:
    """A server of the stateless era at the other end of a pipe, made by hand."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []

    @asynccontextmanager
    async def connect_in_process(self, deliver: Any) -> AsyncGenerator[Any]:
        async def send(message: dict[str, Any]) -> None:
            await deliver(json.dumps({"jsonrpc": "2.0", **message}).encode())

        async def receive(body: bytes) -> None:
            message = json.loads(body)
            self.posts.append(message)
            match message["method"]:
                case "server/discover":
                    result = {**discovered(), "capabilities": {"tools": {"listChanged": True}}}
                    await send({"id": message["id"], "result": result})
                case "subscriptions/listen":
                    params = {**message["params"], "_meta": {ID: message["id"]}}
                    method = "notifications/subscriptions/acknowledged"
                    await send({"method": method, "params": params})

        yield receive


async def test_on_a_pipe_a_subscription_is_taken_back() -> None:
    """A child that is kept outlives its client, and would go on telling nobody."""
    peer = Peer()
    async with Client(peer, message_handler=Ears()):
        [listen] = [post for post in peer.posts if post["method"] == "subscriptions/listen"]
    [cancelled] = [post for post in peer.posts if post["method"] == "notifications/cancelled"]
    assert cancelled["params"]["requestId"] == listen["id"]
