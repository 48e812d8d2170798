"""What a server says may be wrong, endless or malicious: the client goes on, or says in one error
what happened."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from pydantic import BaseModel, field_validator

from fastmcp import Client
from fastmcp.client.errors import ConnectionClosedError, HttpStatusError
from fastmcp.client.extensions import ClientExtension, NotificationBinding
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.client.transports.pipe import PipeChannel
from fastmcp.exceptions import McpError
from fastmcp.protocol import sse
from fastmcp.protocol.jsonrpc import Notification, Request
from tests.client.site import site

INITIALIZED = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "serverInfo": {"name": "hostile", "version": "1"},
}

# --- over stdio ----------------------------------------------------------------------------------

SERVER = """
import json, sys
INITIALIZED = {initialized!r}
def say(message):
    text = message if isinstance(message, str) else json.dumps({{"jsonrpc": "2.0", **message}})
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()
def tell(method, **params):
    say({{"method": method, "params": params}})
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "initialize":
        say({{"id": message["id"], "result": INITIALIZED}})
    elif message["method"] == "ping":
        {at_ping}
        say({{"id": message["id"], "result": {{}}}})
"""


def hostile(at_ping: str, *, keep_alive: bool = False) -> StdioTransport:
    """A server that does `at_ping` before it answers a ping."""
    code = SERVER.format(initialized=INITIALIZED, at_ping=at_ping)
    return StdioTransport(sys.executable, ["-c", code], keep_alive=keep_alive)


@pytest.mark.parametrize(
    "at_ping",
    [
        'say("[INFO] ready")',
        'say("[]")',
        'say("[[[")',
        'tell("notifications/cancelled", requestId=[])',
        'tell("notifications/progress", progressToken={}, progress="much")',
        'tell("notifications/message", level="shouting", data=1)',
    ],
)
async def test_what_is_said_beside_the_answer_harms_nothing(at_ping: str) -> None:
    async with Client(hostile(at_ping), mode="legacy", timeout=10) as client:
        assert await client.ping()
        assert await client.ping()


async def test_a_handler_cancelled_from_inside_fails_alone() -> None:
    heard: list[Any] = []

    async def log(message: Any) -> None:
        heard.append(message.data)
        raise asyncio.CancelledError

    transport = hostile('tell("notifications/message", level="info", data=1)')
    async with Client(transport, mode="legacy", timeout=10, log_handler=log) as client:
        assert await client.ping()
        assert await client.ping()
    assert heard == [1, 1]


class Named(BaseModel):
    name: str

    @field_validator("name", mode="before")
    @classmethod
    def stripped(cls, value: Any) -> Any:
        return value.strip()  # and nobody thought of numbers


class Naming(ClientExtension):
    """Hears names, if it can."""

    identifier = "com.example/naming"

    def __init__(self) -> None:
        self.heard: list[str] = []

    def notifications(self) -> list[NotificationBinding[Any]]:
        async def hear(named: Named) -> None:
            self.heard.append(named.name)

        return [NotificationBinding(method="com.example/named", params_type=Named, handler=hear)]


async def test_a_model_that_fails_stops_no_hearing(caplog: pytest.LogCaptureFixture) -> None:
    naming = Naming()
    twice = 'tell("com.example/named", name=7); tell("com.example/named", name=" b ")'
    async with Client(hostile(twice), mode="legacy", timeout=10, extensions=[naming]) as client:
        assert await client.ping()
        assert await client.ping()
    assert naming.heard == ["b", "b"]
    assert "AttributeError" in caplog.text


async def test_whatever_hearing_raises_the_rest_is_heard() -> None:
    heard: list[str] = []
    finished = asyncio.Event()

    class Raising:
        async def on_notification(self, notification: Notification) -> None:
            heard.append(notification.method)
            if notification.method == "a":
                raise ValueError("of a model")
            if notification.method == "b":
                raise asyncio.CancelledError
            finished.set()

    async def write(message: bytes) -> None:
        raise AssertionError

    channel = PipeChannel(write)
    channel.attach(cast("Any", Raising()))
    for method in ("a", "b", "c"):
        channel.feed(b'{"jsonrpc": "2.0", "method": "%s"}' % method.encode())
    async with asyncio.timeout(10):
        await finished.wait()
    assert heard == ["a", "b", "c"]


async def test_two_requests_of_the_server_with_one_id() -> None:
    """That the first ended does not let go of the second, which is taken back."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def sample(messages: Any, params: Any, context: Any) -> str:
        if params.max_tokens == 1:
            return "at once"
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    ask = (
        'ask = lambda n: say({"id": 7, "method": "sampling/createMessage",'
        ' "params": {"messages": [], "maxTokens": n}});'
        "ask(1); ask(2); sys.stdin.readline();"
        'tell("notifications/cancelled", requestId=7)'
    )
    async with Client(hostile(ask), mode="legacy", timeout=10, sampling_handler=sample) as client:
        assert await client.ping()
        async with asyncio.timeout(5):
            await ended.wait()
        assert begun.is_set()


async def test_no_more_is_read_than_is_heard() -> None:
    """Reading stops while too much waits, and goes on when it was heard."""
    paces: list[bool] = []
    release, finished = asyncio.Event(), asyncio.Event()
    fed = heard = 0

    class Slow:
        def on_request(self, request: Request) -> None:
            raise AssertionError

        async def on_notification(self, notification: Notification) -> None:
            nonlocal heard
            await release.wait()
            heard += 1
            if heard == fed:
                finished.set()

    async def write(message: bytes) -> None:
        raise AssertionError

    channel = PipeChannel(write, paces.append)
    channel.attach(Slow())
    while not paces and fed < 100_000:
        channel.feed(b'{"jsonrpc": "2.0", "method": "notifications/progress"}')
        fed += 1
    assert paces == [False]
    release.set()
    await finished.wait()
    assert paces == [False, True]


async def test_a_flood_is_heard_to_its_end() -> None:
    heard = 0

    async def log(message: Any) -> None:
        nonlocal heard
        await asyncio.sleep(0)
        heard += 1

    many = 'for i in range(20000): tell("notifications/message", level="info", data=i)'
    async with Client(hostile(many), mode="legacy", timeout=30, log_handler=log) as client:
        await client.ping()
        assert heard == 20000


async def test_a_handler_that_asks_is_answered_however_much_waits() -> None:
    asked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    client: Client[StdioTransport]

    async def log(message: Any) -> None:
        if message.data == "first":
            asked.set_result(await client.ping())

    many = (
        'for i in range(3000): tell("notifications/message", level="info",'
        ' data=i or "first") if message["id"] < 3 else None'
    )
    client = Client(hostile(many), mode="legacy", timeout=30, log_handler=log)
    async with client:
        await client.ping()
        assert await asked


async def test_a_handler_that_hangs_ends_with_the_stay() -> None:
    begun = asyncio.Event()

    async def log(message: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    kept = hostile('tell("notifications/message", level="info", data=1)', keep_alive=True)
    async with Client(kept, mode="legacy", log_handler=log) as client:
        ping = asyncio.create_task(client.ping())
        await begun.wait()
        ping.cancel()
    async with Client(kept, mode="legacy", timeout=10) as client:
        assert await client.ping()
    await kept.close()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX")
async def test_what_a_wrapper_started_ends_with_it(tmp_path: Path) -> None:
    """`sh -c` passes no signal on to what it waits for, and that does not look at its stdin."""
    lives = tmp_path / "lives"
    os.mkfifo(lives)
    code = "import signal; signal.pause()"
    script = f"{sys.executable} -c '{code}' 3>{lives}; true"
    # The reader sees the end of the pipe when the last who holds it is gone.
    gone = asyncio.create_task(asyncio.to_thread(lives.read_bytes))
    with pytest.raises(RuntimeError, match="initialize"):
        async with Client(StdioTransport("sh", ["-c", script], keep_alive=False), init_timeout=0.5):
            pass
    async with asyncio.timeout(10):
        await gone


# --- over HTTP -----------------------------------------------------------------------------------

Answer = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def result(message: dict[str, Any], value: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": value}).encode()


def handshaken(answer: Answer) -> Answer:
    """A server of the handshake era that gives `answer` to all that follows."""

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "initialize":
            body = result(message, INITIALIZED)
            return web.Response(body=body, content_type="application/json")
        if "id" not in message:
            return web.Response(status=202)
        return await answer(request, message)

    return post


def events(*frames: bytes) -> web.Response:
    return web.Response(body=b"".join(frames), content_type="text/event-stream")


@pytest.mark.parametrize(
    "location",
    [
        "http://[nowhere",
        "mailto:x",
        "file:///etc/passwd",
        "http://127.0.0.1:99999/",
        "http://xn--/",
    ],
)
async def test_a_redirect_to_what_is_no_url(location: str) -> None:
    async def answer(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": location})

    async with site(handshaken(answer)) as seen, Client(seen.url, mode="legacy") as client:
        with pytest.raises(HttpStatusError, match="which is no http or https URL") as caught:
            await client.ping()
    assert location in caught.value.message


async def test_a_model_that_fails_fails_no_call() -> None:
    naming = Naming()

    async def answer(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        told = [
            {"jsonrpc": "2.0", "method": "com.example/named", "params": {"name": name}}
            for name in (7, "b")
        ]
        frames = [sse.encode(json.dumps(one).encode()) for one in told]
        return events(*frames, sse.encode(result(message, {})))

    async with (
        site(handshaken(answer)) as seen,
        Client(seen.url, mode="legacy", extensions=[naming]) as client,
    ):
        assert await client.ping()
    assert naming.heard == ["b"]


async def test_a_retry_time_beyond_all_numbers() -> None:
    async def answer(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return events(b"retry: " + b"9" * 5000 + b"\n\n", sse.encode(result(message, {})))

    async with site(handshaken(answer)) as seen, Client(seen.url, mode="legacy") as client:
        assert await client.ping()


@pytest.mark.parametrize(
    "requests", [{"a": "what"}, {"a": None}, {"a": {"method": "ping", "params": [1]}}]
)
async def test_an_input_request_that_is_none(requests: dict[str, Any]) -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        asked = {"resultType": "input_required", "inputRequests": requests}
        return web.Response(body=result(message, asked), content_type="application/json")

    async with site(post) as seen, Client(seen.url, mode="2026-07-28") as client:
        with pytest.raises(McpError, match="Method not found"):
            await client.call_tool_mcp("any", {})


@pytest.mark.parametrize(
    "content", [None, {}, "", 7, ["text"], [{"type": "text"}], [{"type": ["text"], "text": ""}]]
)
async def test_content_that_is_none(content: Any) -> None:
    async def answer(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        body = result(message, {"content": content})
        return web.Response(body=body, content_type="application/json")

    async with site(handshaken(answer)) as seen, Client(seen.url, mode="legacy") as client:
        with pytest.raises(McpError, match="tools/call does not fit the protocol"):
            await client.call_tool_mcp("any", {})


async def test_a_listing_that_hangs_takes_the_calls_own_time() -> None:
    """The result is there; only the schema that would shape its `data` never comes."""

    async def answer(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "tools/list":
            await asyncio.Event().wait()
        body = result(message, {"content": [], "structuredContent": {"a": 1}})
        return web.Response(body=body, content_type="application/json")

    async with site(handshaken(answer)) as seen, Client(seen.url, mode="legacy") as client:
        async with asyncio.timeout(10):
            got = await client.call_tool("any", timeout=0.2)
        assert got.structured_content == {"a": 1}


async def test_a_probe_that_failed_taught_nothing() -> None:
    """A server that comes back later is asked anew which era it speaks."""
    there = False

    async def answer(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        error = {"code": -32601, "message": "Method not found"}
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error})

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if not there:
            assert request.transport is not None
            request.transport.abort()
        return await handshaken(answer)(request, message)

    async with site(post) as seen, Client(seen.url, auto_initialize=False) as client:
        with pytest.raises(ConnectionClosedError):
            await client.initialize()
        there = True
        assert (await client.initialize()).protocol_version == "2025-11-25"


async def test_the_standing_stream_survives_the_users_function_of_headers() -> None:
    """A token that could not be fetched once is fetched the next time."""
    asked = 0

    def headers() -> dict[str, str]:
        nonlocal asked
        asked += 1
        if asked == 3:  # initialize, initialized, then the stream
            raise ValueError("no token today")
        return {}

    async def answer(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(body=result(message, {}), content_type="application/json")

    async with (
        site(handshaken(answer)) as seen,
        Client(StreamableHttpTransport(seen.url, headers), mode="legacy"),
    ):
        await seen.until(lambda: seen.gets)
