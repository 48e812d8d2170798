"""HTTP+SSE: with a server of ours, with hand-made ones that misbehave, and the way between it and
Streamable HTTP."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from aiohttp import web

from fastmcp import Client
from fastmcp.client.channel import Outgoing
from fastmcp.client.errors import ConnectionClosedError, HttpStatusError
from fastmcp.client.transports import SSETransport, StreamableHttpTransport, infer_transport
from fastmcp.client.transports.orders import ORDERS, Order, tries
from fastmcp.exceptions import McpError
from fastmcp.protocol import sse
from tests.client.conftest import OLD_SERVED
from tests.client.site import (
    Site,
    answer,
    error,
    handshake,
    initialized,
    said,
    site,
    stateless,
    tasks_of_the_client,
    text,
)
from tests.support import loopback
from tests.support.process import Server, free_port, script, serve, until

IMPATIENT = {**os.environ, "FASTMCP_HTTP_SHUTDOWN_GRACE": "0.5"}


def works(name: str) -> bool:
    """Whether a task of the client is at this function."""
    return any(name in task for task in tasks_of_the_client())


@pytest.fixture(scope="module")
def old() -> Iterator[Server]:
    """A server of HTTP+SSE alone."""
    with serve(script(OLD_SERVED, "sse"), env=IMPATIENT, path="/sse") as server:
        yield server


@pytest.fixture(scope="module")
def old_and_new() -> Iterator[Server]:
    """A server of both."""
    with serve(script(OLD_SERVED), env=IMPATIENT) as server:
        yield server


# --- with a server of ours -----------------------------------------------------------------------


async def test_a_conversation(old: Server) -> None:
    progress: list[float] = []
    logs: list[Any] = []
    changed = asyncio.Event()

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append(done)

    async def on_log(message: Any) -> None:
        logs.append(message.data)

    async def on_message(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            changed.set()

    async def on_elicit(message: str, kind: Any, params: Any, context: Any) -> Any:
        return {"value": "Ada"}

    async def on_sample(messages: Any, params: Any, context: Any) -> str:
        return f"<{messages[0].content.text}>"

    client = Client(
        SSETransport(old.url),
        log_handler=on_log,
        message_handler=on_message,
        elicitation_handler=on_elicit,
        sampling_handler=on_sample,
        roots=["file:///home/ada"],
    )
    async with client:
        assert client.protocol_version == "2025-11-25"
        assert client.instructions == "Be patient."
        assert client.session.channel.is_pipe
        assert client.transport.get_session_id() is None
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        told = await client.call_tool("tell", {}, progress_handler=on_progress)
        assert (told.data, progress) == ("told", [0, 1, 2])
        assert [log["msg"] for log in logs] == ["told 0", "told 1", "told 2"]
        assert (await client.call_tool("ask")).data == "<Greet Ada> at file:///home/ada"
        assert (await client.read_resource("data://greeting"))[0].text == "hello"
        size = 3_000_000
        assert len((await client.call_tool("long_text", {"size": size})).data) == size
        await client.call_tool("grow")
        await asyncio.wait_for(changed.wait(), 10)
        many = await asyncio.gather(*(client.call_tool("add", {"a": n, "b": n}) for n in range(50)))
        assert [result.data for result in many] == [2 * n for n in range(50)]
    assert not tasks_of_the_client()


async def test_a_client_that_hears_slowly_misses_nothing(old: Server) -> None:
    """Of a server that says more than is heard no more is read; what is heard comes in order."""
    heard: list[float] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        await asyncio.sleep(0)
        heard.append(done)

    async with Client(SSETransport(old.url), log_handler=ignore, timeout=30) as client:
        await client.call_tool("tell", {"times": 2500}, progress_handler=on_progress)
        assert heard == list(range(2500))


async def ignore(message: Any) -> None:
    """Hears a log message."""


async def test_t24_a_header_of_its_own_for_each_call(old: Server) -> None:
    """100 calls at once in one session, and a function of headers that is asked for each."""
    count = 0

    def headers() -> dict[str, str]:
        nonlocal count
        count += 1
        return {"X-Req": str(count), "Authorization": f"Bearer {count}"}

    async with Client(SSETransport(old.url, headers=headers), timeout=20) as client:
        calls = [
            client.call_tool("header_in_thread" if n % 2 else "header", {"name": name})
            for n in range(50)
            for name in ("x-req", "authorization")
        ]
        results = [result.data for result in await asyncio.gather(*calls)]
    assert len(set(results)) == 100
    # GET, initialize, initialized, and then the calls, each with what was current for it.
    assert sorted(int(value.removeprefix("Bearer ")) for value in results) == list(range(4, 104))


async def test_a_bearer_token(old: Server) -> None:
    async with Client(old.url, auth="t0ken") as client:
        assert (await client.call_tool("header", {"name": "authorization"})).data == "Bearer t0ken"


async def test_a_call_that_takes_too_long_is_cancelled(old: Server) -> None:
    async with Client(old.url) as client:
        with pytest.raises(McpError, match="timed out"):
            await client.call_tool("sleep", {"seconds": 30}, timeout=0.2)
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_server_that_ends_under_a_call_and_comes_back(how: signal.Signals) -> None:
    port = free_port()
    with serve(script(OLD_SERVED, "sse"), env=IMPATIENT, path="/sse", port=port) as server:
        sleeping = asyncio.Event()

        async def on_log(message: Any) -> None:
            sleeping.set()

        client = Client(SSETransport(server.url), timeout=30, log_handler=on_log)
        await client.__aenter__()
        waiting = asyncio.create_task(client.call_tool("sleep", {"seconds": 60}))
        await sleeping.wait()
        began = time.monotonic()
        if how is signal.SIGKILL:
            with pytest.raises(ConnectionClosedError):
                await client.call_tool("die")
            with pytest.raises(ConnectionClosedError, match="stream"):
                await waiting
        else:
            server.process.send_signal(how)
            with pytest.raises(McpError, match="stop"):
                await waiting
        assert time.monotonic() - began < 15
    with serve(script(OLD_SERVED, "sse"), env=IMPATIENT, path="/sse", port=port):
        assert client.is_connected()
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        await client.__aexit__()
    assert not tasks_of_the_client()


# --- with hand-made servers ----------------------------------------------------------------------


@dataclass
class OldSite:
    """A hand-made server of HTTP+SSE.

    Attributes:
        endpoint: what its first event says.
        posts: the messages that came.
        streams: those that were opened.
        get_status: answers GET with this instead of a stream.
        refusals: how often it did.
        post_status: answers POST so, by method.
        once: the same, once.
        silent: answers no call.
        hang_up: ends the stream.
    """

    url: str = ""
    endpoint: str | None = "/messages?sessionId=1"
    posts: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    streams: list[web.StreamResponse] = field(default_factory=list)
    get_status: int = 200
    refusals: int = 0
    post_status: dict[str, int] = field(default_factory=dict)
    once: dict[str, int] = field(default_factory=dict)
    silent: bool = False
    hang_up: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, method: str) -> int:
        return sum(post.get("method") == method for post in self.posts)

    async def get(self, request: web.Request) -> web.StreamResponse:
        self.headers.append({k.lower(): v for k, v in request.headers.items()})
        if self.get_status != 200:
            self.refusals += 1
            return web.Response(status=self.get_status, text="no GET here")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.streams.append(response)
        await response.write(b": hello\n\n")
        if self.endpoint is not None:
            await response.write(sse.encode_endpoint(self.endpoint))
        self.hang_up.clear()
        await self.hang_up.wait()
        return response

    async def post(self, request: web.Request) -> web.StreamResponse:
        message = json.loads(await request.read())
        self.posts.append(message)
        self.headers.append({k.lower(): v for k, v in request.headers.items()})
        method = message.get("method", "")
        status = self.once.pop(method, self.post_status.get(method, 202))
        if status >= 400:
            return web.Response(status=status, text="go away")
        if message.get("method") == "initialize":
            await self.say(message, initialized())
        elif message.get("method") == "ping":
            await self.say(message, {})
        elif message.get("method") == "tools/call" and not self.silent:
            await self.say(message, text("called"))
        return web.Response(status=202, text="Accepted")

    async def say(self, message: dict[str, Any], result: dict[str, Any]) -> None:
        said = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        await self.streams[-1].write(sse.encode(json.dumps(said).encode()))


@asynccontextmanager
async def old_site(**how: Any) -> AsyncGenerator[OldSite]:
    """Serves it at /sse and wherever else a GET comes; a POST there is a 405."""
    server = OldSite(**how)

    async def refused(request: web.Request) -> web.StreamResponse:
        server.posts.append({"method": "POST to the stream"})
        return web.Response(status=405, text="no POST here")

    app = web.Application()
    app.router.add_post("/messages", server.post)
    app.router.add_post("/sse", refused)
    app.router.add_get("/sse", server.get)
    async with loopback.served(app) as origin:
        server.url = f"{origin}/sse"
        yield server


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.example/messages",
        "//evil.example/messages",
        "http://127.0.0.1:1/messages",
        "http://[broken",
        "javascript:alert(1)",
    ],
)
async def test_an_endpoint_elsewhere_is_refused(endpoint: str) -> None:
    async with old_site(endpoint=endpoint) as server:
        with pytest.raises(HttpStatusError, match="another origin"):
            async with Client(SSETransport(server.url, auth="secret")):
                pass
        assert not server.posts


@pytest.mark.parametrize(
    "endpoint", ["messages?sessionId=1", "./messages", "{origin}/messages?a=%2F"]
)
async def test_an_endpoint_may_be_any_reference(endpoint: str) -> None:
    async with old_site() as server:
        server.endpoint = endpoint.replace("{origin}", server.url.removesuffix("/sse"))
        async with Client(SSETransport(server.url)) as client:
            assert await client.ping()
        assert server.headers[-1]["mcp-protocol-version"] == "2025-11-25"


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_refusal_is_told_with_its_status(status: int) -> None:
    async with old_site(get_status=status) as server:
        with pytest.raises(HttpStatusError, match=f"HTTP {status} .*no GET here") as raised:
            async with Client(SSETransport(server.url)):
                pass
        assert raised.value.status == status
    async with (
        old_site(post_status={"ping": status}) as server,
        Client(SSETransport(server.url)) as client,
    ):
        with pytest.raises(HttpStatusError, match=f"HTTP {status} .*go away") as raised:
            await client.ping()
        assert raised.value.status == status


async def test_a_stream_that_ends_between_calls_is_opened_anew() -> None:
    async with old_site() as server:
        async with Client(SSETransport(server.url)) as client:
            await client.ping()
            server.hang_up.set()
            await until(lambda: not works("_follow"), "nobody asks for a stream")
            await client.call_tool_mcp("t", {})
            assert client.is_connected()
        assert (server.count("tools/call"), server.count("initialize")) == (1, 2)
    assert not tasks_of_the_client()


@pytest.mark.parametrize("order", ["sse-only", "sse-first"])
async def test_a_client_that_only_listens_hears_of_changes_after_a_lost_stream(
    order: Order,
) -> None:
    """No call finds out that the stream has ended, and none is made twice."""
    heard = asyncio.Event()

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            heard.set()

    async with old_site(silent=True) as server:
        transport = SSETransport(server.url, order=order)
        async with Client(transport, message_handler=hear) as client:
            calling = asyncio.create_task(client.call_tool("t"))
            await until(lambda: server.count("tools/call") == 1, "the call is there")
            server.get_status = 503  # it is away for a moment
            server.hang_up.set()
            with pytest.raises(ConnectionClosedError):
                await calling
            await until(lambda: server.refusals > 0, "a stream is refused")
            server.get_status = 200
            await until(lambda: server.count("notifications/initialized") == 2, "a new session")
            changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
            await server.streams[-1].write(sse.encode(json.dumps(changed).encode()))
            await asyncio.wait_for(heard.wait(), 5)
            assert (server.count("tools/call"), len(server.streams)) == (1, 2)
            server.hang_up.set()
            await until(lambda: not works("_follow"), "nobody asks for a stream")
        assert not tasks_of_the_client()  # nobody asks after the client has left


async def test_the_server_moved_on_while_nobody_called() -> None:
    """The lost session is opened anew over the other transport, and that is the end of it."""
    before, moved = OldSite(), False

    async def get(request: web.Request) -> web.StreamResponse:
        return web.Response(status=405) if moved else await before.get(request)

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if moved:
            return await handshake(said)(request, message)
        return await before.post(request)

    async with site(post, get=get, path="/sse") as seen:
        transport = SSETransport(seen.url, order="sse-first")
        async with Client(transport, mode="legacy") as client:
            await client.ping()
            assert client.session.channel.is_pipe
            moved = True
            before.hang_up.set()
            await seen.until(lambda: seen.count("notifications/initialized") == 2)
            await until(lambda: not works("_renew"), "the session is opened anew")
            assert (await client.call_tool_mcp("t", {})).model_dump()["content"][0]["text"] == "ok"
            assert not client.session.channel.is_pipe
            assert seen.count("initialize") == 2
    assert not tasks_of_the_client()


async def test_streams_that_end_at_once_are_not_stormed() -> None:
    at: list[float] = []
    async with old_site() as server, Client(SSETransport(server.url)):
        for number in (1, 2, 3):
            await until(
                lambda number=number: server.count("notifications/initialized") == number,
                f"session {number}",
            )
            at.append(time.monotonic())
            server.hang_up.set()
        assert at[1] - at[0] > 0.7
        assert at[2] - at[1] > 1.5


async def test_a_session_that_is_unknown_is_opened_anew_and_the_call_sent_again() -> None:
    async with (
        old_site(once={"tools/call": 404}) as server,
        Client(SSETransport(server.url), timeout=10) as client,
    ):
        result = await client.call_tool_mcp("t", {})
        assert result.model_dump()["content"][0]["text"] == "called"
        assert (server.count("initialize"), server.count("tools/call")) == (2, 2)


async def test_silence_ends_the_stream_and_comments_do_not() -> None:
    async with old_site(silent=True) as server:
        quarter = datetime.timedelta(seconds=0.25)
        async with Client(SSETransport(server.url, sse_read_timeout=quarter)) as client:
            began = time.monotonic()
            waiting = asyncio.create_task(client.call_tool_mcp("t", {}))
            for _ in range(10):
                await asyncio.sleep(0.1)
                await server.streams[0].write(sse.KEEPALIVE)
            assert not waiting.done()
            with pytest.raises(ConnectionClosedError, match="sse_read_timeout"):
                await asyncio.wait_for(waiting, 10)
            assert time.monotonic() - began > 1
            server.silent = False
            assert await client.ping()
            assert len(server.streams) == 2


async def test_the_stateless_era_has_no_place_there(old: Server) -> None:
    async with Client(SSETransport(old.url), mode="2026-07-28") as client:
        with pytest.raises(McpError, match="cannot carry"):
            await client.list_tools()


# --- orders --------------------------------------------------------------------------------------


def test_what_is_inferred() -> None:
    http = infer_transport("http://example.com/mcp")
    assert isinstance(http, StreamableHttpTransport)
    assert http.order == "http-first"
    for url in ("https://example.com/sse", "https://example.com/v1/sse/?a=b"):
        transport = infer_transport(url)
        assert isinstance(transport, SSETransport)
        assert not isinstance(transport, StreamableHttpTransport)
        assert transport.order == "sse-first"
    assert infer_transport("https://example.com/assets").order == "http-first"
    assert StreamableHttpTransport("http://example.com").order == "http-only"
    assert SSETransport("http://example.com").order == "sse-only"
    assert SSETransport("http://example.com").legacy_only
    client = Client("http://example.com/sse", transport_order="http-only")
    assert client.transport.order == "http-only"
    with pytest.raises(ValueError, match="transport_order must be one of 'http-first'"):
        Client("http://example.com", transport_order="both")
    with pytest.raises(ValueError, match="only supported for HTTP"):
        Client(object_server(), transport_order="http-only")


def object_server() -> Any:
    from fastmcp import FastMCP

    return FastMCP("here")


async def test_t30_streamable_http_first_where_both_are(old_and_new: Server) -> None:
    for mode, version in (("auto", "2026-07-28"), ("legacy", "2025-11-25")):
        async with Client(old_and_new.url, mode=mode) as client:
            assert client.protocol_version == version
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
            assert not client.session.channel.is_pipe
    old = old_and_new.url.replace("/mcp", "/sse")
    async with Client(old) as client:
        assert client.session.channel.is_pipe
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("order", ["http-first", "sse-first", "sse-only"])
async def test_t30_an_sse_server(old: Server, order: Order, mode: str) -> None:
    async with Client(old.url, mode=mode, transport_order=order) as client:
        assert client.protocol_version == "2025-11-25"
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
    assert tries(order, old.url)[0] == "sse"


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
@pytest.mark.parametrize("order", ["http-first", "sse-first", "http-only"])
async def test_t30_a_streamable_server(served: Server, order: Order, mode: str) -> None:
    async with Client(served.url, mode=mode, transport_order=order) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28")


@pytest.mark.parametrize("kind", ["http", "sse"])
async def test_t30_what_was_settled_on_is_as_if_it_had_been_asked_for(
    kind: Literal["http", "sse"], served: Server, old: Server
) -> None:
    """All that the session reads of its channel, and no step more on the way of a call."""
    url = served.url if kind == "http" else old.url
    alone: Order = "http-only" if kind == "http" else "sse-only"
    first: Order = "sse-first" if kind == "http" else "http-first"  # so the other is tried in vain
    seen: list[dict[str, Any]] = []
    for order in (alone, first):
        async with Client(SSETransport(url, order=order), mode="legacy") as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
            channel = client.session.channel
            assert channel.handshaken is not None
            call = channel.request(Outgoing(99, "tools/call", b""))
            seen.append(
                {
                    "is_pipe": channel.is_pipe,
                    "address": channel.address,
                    "closed": channel.closed,
                    "last_id": channel.last_id,
                    "version": channel.handshaken.result["protocolVersion"],
                    "has an id": channel.session_id() is not None,
                    "id": channel.session_id() == client.transport.get_session_id(),
                    "awaited": call.cr_code,  # type: ignore[attr-defined]
                }
            )
            call.close()
        assert isinstance(channel.closed, ConnectionClosedError)
    assert seen[0] == seen[1]


async def test_t30_the_choice_is_remembered_and_looked_at_again() -> None:
    async with old_site() as server:
        for probes in (2, 2):  # discover and initialize, once
            async with Client(server.url, transport_order="http-first") as client:
                await client.ping()
            assert server.count("POST to the stream") == probes
        # Now it is another server: the choice is made anew.
        server.get_status = 405
        with pytest.raises(HttpStatusError, match="speaks neither"):
            async with Client(server.url, transport_order="http-first"):
                pass
        assert tries("http-first", server.url) == ["http", "sse"]


Post = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def saying(status: int, body: str = "") -> Post:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=status, text=body or f"status {status}")

    return post


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("status", [400, 404, 405])
async def test_t30_of_a_server_that_speaks_neither_both_answers_are_told(
    status: int, mode: str
) -> None:
    async with site(saying(status, "wrong door")) as server:
        with pytest.raises(HttpStatusError) as raised:
            async with Client(server.url, mode=mode):
                pass
    told = str(raised.value)
    assert raised.value.status == status
    assert f"Streamable HTTP: HTTP {status} for initialize" in told
    assert "wrong door" in told
    assert "HTTP+SSE: HTTP 405 for GET" in told
    assert len(server.gets) == 1


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("status", [401, 403, 408, 418, 500, 501])
async def test_t30_no_other_status_is_taken_for_an_old_server(status: int, mode: str) -> None:
    async with site(saying(status)) as server:
        with pytest.raises(HttpStatusError, match=f"HTTP {status}") as raised:
            async with Client(server.url, mode=mode, timeout=10):
                pass
        assert raised.value.status == status
        assert not server.gets


async def test_t30_a_network_error_is_told_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="failed to connect"):
        async with Client(f"http://127.0.0.1:{free_port()}/mcp", timeout=10):
            pass


async def test_t30_what_went_wrong_with_the_second_hides_no_cause() -> None:
    async def get(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, text="who are you")

    async with site(saying(404), get=get) as server:
        with pytest.raises(HttpStatusError) as raised:
            async with Client(server.url):
                pass
    assert raised.value.status == 401
    assert "who are you" in str(raised.value)
    assert "Before that, Streamable HTTP: HTTP 404" in str(raised.value)


async def test_t30_a_modern_error_is_final() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        supported = {"supported": ["2099-01-01"], "requested": "2026-07-28"}
        return error(message, -32022, "Unsupported protocol version", 400, supported)

    async with site(post) as server:
        with pytest.raises(McpError, match="2099-01-01"):
            async with Client(server.url):
                pass
        assert not server.gets


async def test_t30_an_error_of_the_other_era_with_400_is_not() -> None:
    """Servers of the TypeScript SDK's examples answer a POST they do not know so."""

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return error(message, -32000, "Bad Request", 400)

    async with site(post) as server:
        with pytest.raises(HttpStatusError, match=r"Bad Request.*HTTP\+SSE: HTTP 405"):
            async with Client(server.url):
                pass
        assert len(server.gets) == 1


async def test_t30_a_tool_call_is_never_sent_to_another_transport() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "tools/call":
            return web.Response(status=404)
        return answer(message, {})

    for post in (stateless(call), handshake(call, {})):
        async with site(post) as server:
            async with Client(server.url, timeout=10) as client:
                gets = len(server.gets)
                with pytest.raises(McpError):
                    await client.call_tool_mcp("t", {})
            assert server.count("tools/call") == 1
            assert await listened(server, gets)


async def listened(server: Site, before: int) -> bool:
    """Whether no GET came but the one that listens in the handshake era."""
    return len(server.gets) - before <= 1


async def test_an_event_stream_without_an_endpoint_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastmcp.client.transports.sse_channel._ENDPOINT_SECONDS", 0.2)
    async with old_site(endpoint=None) as server:
        with pytest.raises(HttpStatusError, match="without an `endpoint` event"):
            async with Client(SSETransport(server.url)):
                pass


def test_the_table_is_whole() -> None:
    assert {order: tries(order, "http://never.example") for order in ORDERS} == {
        "http-first": ["http", "sse"],
        "sse-first": ["sse", "http"],
        "http-only": ["http"],
        "sse-only": ["sse"],
    }
