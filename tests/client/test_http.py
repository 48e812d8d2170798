"""Streamable HTTP: headers, connection reuse, redirects, sessions, and servers that misbehave."""

from __future__ import annotations

import asyncio
import base64
import enum
import logging
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest
from aiohttp import web

from fastmcp import Client
from fastmcp.client.auth import BearerAuth
from fastmcp.client.errors import (
    ConnectionClosedError,
    HttpStatusError,
    RequestTimeoutError,
    ResponseTooLargeError,
)
from fastmcp.client.transports import (
    SSETransport,
    StreamableHTTPTransport,
    StreamableHttpTransport,
)
from fastmcp.exceptions import McpError
from tests.client.conftest import SERVED
from tests.client.site import (
    answer,
    data,
    discovered,
    error,
    events,
    handshake,
    initialized,
    said,
    site,
    stateless,
    tasks_of_the_client,
    text,
)
from tests.support.locks import ROOT
from tests.support.process import Server, eventually, listening, script, serve


@contextmanager
def served_on(port: int) -> Iterator[None]:
    """`served.py` on a port that another server had. The event loop stands still meanwhile."""
    process = subprocess.Popen(script(SERVED)(port), cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listening(port), 30, "the server is back")
        yield
    finally:
        process.kill()
        process.wait()


# --- against our own server in a process --------------------------------------------------------


async def test_end_to_end(served: Server, mode: str) -> None:
    heard: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append(done)

    async with Client(served.url, mode=mode) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        assert (await client.call_tool("tell", progress_handler=progress)).data == "told"
        assert heard == [0, 1, 2]
        assert "add" in {tool.name for tool in await client.list_tools()}
        many = await asyncio.gather(*(client.call_tool("add", {"a": i, "b": 1}) for i in range(50)))
        assert [result.data for result in many] == list(range(1, 51))
        assert client.transport.get_session_id() is None or mode == "legacy"


async def test_large_messages_both_ways(served: Server, mode: str) -> None:
    async with Client(served.url, mode=mode) as client:
        assert (await client.call_tool("length", {"text": "é" * 1_000_000})).data == 1_000_000
        assert len((await client.call_tool("long_text", {"size": 5_000_000})).data) == 5_000_000


async def test_a_time_out_is_exact_and_the_client_lives_on(served: Server, mode: str) -> None:
    async with Client(served.url, mode=mode) as client:
        began = time.monotonic()
        with pytest.raises(RequestTimeoutError):
            await client.call_tool("sleep", {"seconds": 30}, timeout=0.3)
        assert 0.29 < time.monotonic() - began < 2
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


# --- what goes over the wire --------------------------------------------------------------------


async def test_headers_of_the_stateless_era() -> None:
    async with site(stateless(said)) as seen, Client(seen.url) as client:
        await client.call_tool("naïve", {})
        headers, message = seen.headers[-1], seen.posts[-1]
    assert headers["content-type"] == "application/json"
    assert "application/json" in headers["accept"]
    assert "text/event-stream" in headers["accept"]
    assert headers["mcp-protocol-version"] == "2026-07-28"
    assert headers["mcp-method"] == "tools/call"
    assert headers["mcp-name"] == "=?base64?bmHDr3Zl?="
    assert "mcp-session-id" not in headers
    meta = message["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientInfo"]["name"] == "fastmcp"
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert meta["io.modelcontextprotocol/logLevel"] == "debug"
    assert seen.gets == []
    assert seen.deletes == 0


async def test_headers_of_the_handshake_era() -> None:
    async with site(handshake(said)) as seen, Client(seen.url, mode="legacy") as client:
        assert client.transport.get_session_id() == "s-1"
        await client.call_tool("x")
    methods = [post["method"] for post in seen.posts]
    assert methods == ["initialize", "notifications/initialized", "tools/call"]
    assert "mcp-session-id" not in seen.headers[0]
    assert "mcp-protocol-version" not in seen.headers[0]
    for headers in seen.headers[1:]:
        assert headers["mcp-session-id"] == "s-1"
        assert headers["mcp-protocol-version"] == "2025-11-25"
        assert "mcp-method" not in headers
    assert seen.deletes == 1


async def test_one_connection_for_a_hundred_calls() -> None:
    """For answers of both forms."""

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["id"] % 2:
            return await events(
                request, data({"jsonrpc": "2.0", "id": message["id"], "result": text("ok")})
            )
        return answer(message, text("ok"))

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        for _ in range(100):
            await client.call_tool("x")
        assert len(seen.connections) == 1


async def test_headers_given_by_a_function_are_made_for_each_request() -> None:
    made = 0

    async def headers() -> dict[str, str]:
        nonlocal made
        made += 1
        return {"X-Turn": str(made)}

    async with site(stateless(said)) as seen:
        async with Client(StreamableHttpTransport(seen.url, headers=headers)) as client:
            await client.call_tool("x")
            await client.call_tool("x")
        assert [sent["x-turn"] for sent in seen.headers] == ["1", "2", "3"]


@pytest.mark.parametrize("auth", ["secret", BearerAuth("secret")])
async def test_a_bearer_token_goes_with_every_request(auth: Any) -> None:
    async with site(handshake(said)) as seen:
        async with Client(seen.url, mode="legacy", auth=auth, timeout=5) as client:
            await client.call_tool("x")
        assert {headers.get("authorization") for headers in seen.headers} == {"Bearer secret"}
    assert "secret" not in repr(client)


async def test_both_spellings_are_one_class() -> None:
    assert StreamableHTTPTransport is StreamableHttpTransport


async def test_arguments_the_transport_cannot_take() -> None:
    with pytest.raises(ValueError, match="http"):
        StreamableHttpTransport("ftp://x")
    with pytest.raises(ValueError, match="aiohttp"):
        StreamableHttpTransport("http://x", httpx_client_factory=lambda: None)
    with pytest.raises(ValueError, match="transport_order"):
        StreamableHttpTransport("http://x", order="both")


@pytest.mark.parametrize("status", [307, 308])
async def test_redirects_keep_method_and_body(status: int) -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if request.path == "/mcp/":
            return web.Response(status=status, headers={"Location": "/mcp"})
        return await stateless(said)(request, message)

    async with site(post, path="/mcp/") as seen, Client(seen.url, auth="t") as client:
        await client.call_tool("x")
        await client.call_tool("x")
    # The slash is learnt: only the first request goes both ways.
    assert len(seen.posts) == 4
    assert {headers["authorization"] for headers in seen.headers} == {"Bearer t"}


async def test_a_redirect_elsewhere_takes_no_token_along() -> None:
    async with site(stateless(said)) as other:

        async def away(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": other.url})

        transport = StreamableHttpTransport("http://replaced", {"X-Api-Key": "k", "Cookie": "c"})
        async with site(away) as seen:
            transport.url = seen.url
            async with Client(transport, auth="secret") as client:
                await client.call_tool("x")
    assert seen.headers[-1]["x-api-key"] == "k"
    assert other.headers[-1]["mcp-name"] == "x"
    for headers in other.headers:
        assert not {"authorization", "cookie", "x-api-key"} & set(headers)


async def test_a_redirect_brings_no_credentials() -> None:
    """Beside the client's own they would be two, and an error that is nobody's to understand."""

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if request.path == "/mcp":
            other = seen.url.replace("//", "//u:p@").replace("/mcp", "/other")
            return web.Response(status=307, headers={"Location": other})
        return await stateless(said)(request, message)

    async with site(post) as seen, Client(seen.url, auth="t") as client:
        await client.call_tool("x")
    assert {headers["authorization"] for headers in seen.headers} == {"Bearer t"}


async def test_credentials_in_the_url_are_sent_and_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusing = asyncio.Event()

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if refusing.is_set():
            return web.Response(status=400)
        if request.path == "/mcp":
            return web.Response(status=307, headers={"Location": "/mcp/?key=s3cret"})
        return await stateless(said)(request, message)

    caplog.set_level(logging.DEBUG)
    async with site(post) as seen:
        url = seen.url.replace("//", "//user:s3cret@") + "?key=s3cret"
        async with Client(url) as client:
            await client.call_tool("x")
            refusing.set()
            with pytest.raises(McpError) as caught:
                await client.call_tool("x")
        told = [str(caught.value), repr(client), client.transport.describe()]
    servers = {"a": {"url": url}, "b": {"url": url, "transport": "sse"}}
    for away in (url, {"a": servers["a"]}, {"b": servers["b"]}, servers):
        with pytest.raises(RuntimeError, match="failed to connect") as failed:
            async with Client(away):  # nobody listens there any more
                pass
        told.append(str(failed.value))
    basic = base64.b64encode(b"user:s3cret").decode()
    assert {headers["authorization"] for headers in seen.headers} == {f"Basic {basic}"}
    assert all("/mcp" in text for text in told)
    logged = [r.getMessage() for r in caplog.records if r.name.startswith("fastmcp")]
    assert "s3cret" not in "".join([*told, *logged])


async def test_two_credentials_are_one_too_many() -> None:
    for make in (StreamableHttpTransport, SSETransport, Client):
        with pytest.raises(ValueError, match="Leave one of them out") as caught:
            make("http://user:s3cret@127.0.0.1:1/mcp", auth="token")
        assert "s3cret" not in str(caught.value)
    with pytest.raises(ValueError, match="Not an http or https URL"):
        StreamableHttpTransport("http://")


async def test_redirects_without_end() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/mcp?again"})

    async with site(post) as seen:
        with pytest.raises(McpError, match="redirects"):
            async with Client(seen.url, mode="legacy"):
                pass


# --- which era ----------------------------------------------------------------------------------


async def test_auto_falls_back_to_the_handshake_and_remembers() -> None:
    async with site(handshake(said)) as seen:
        transport = StreamableHttpTransport(seen.url)
        async with Client(transport) as client:
            assert client.protocol_version == "2025-11-25"
        async with Client(transport) as client:
            await client.call_tool("x")
        assert seen.count("server/discover") == 1
        assert seen.count("initialize") == 2


@pytest.mark.parametrize("status", [400, 404, 405, 406, 500])
async def test_any_refusal_without_a_modern_error_means_handshake(status: int) -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "server/discover":
            return web.Response(status=status, text="no")
        return await handshake(said)(request, message)

    async with site(post) as seen, Client(seen.url) as client:
        assert client.protocol_version == "2025-11-25"


async def test_a_discover_result_that_does_not_fit_means_handshake() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "server/discover":
            return answer(message, {"supportedVersions": ["2026-07-28"]})
        return await handshake(said)(request, message)

    async with site(post) as seen, Client(seen.url) as client:
        assert client.protocol_version == "2025-11-25"


async def test_an_unsupported_version_is_retried_with_a_supported_one() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if len(seen.posts) == 1:
            return error(message, -32022, "no", 400, {"supported": ["2026-07-28"]})
        return answer(message, discovered())

    async with site(post) as seen, Client(seen.url) as client:
        assert client.protocol_version == "2026-07-28"
        assert seen.count("server/discover") == 2
        assert seen.count("initialize") == 0


async def test_no_version_in_common() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return error(message, -32022, "no", 400, {"supported": ["2099-01-01"]})

    async with site(post) as seen:
        with pytest.raises(McpError, match="2099-01-01"):
            async with Client(seen.url):
                pass
        assert len(seen.posts) == 1


async def test_a_server_that_lets_nobody_in_is_not_asked_twice() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=401)

    async with site(post) as seen:
        with pytest.raises(HttpStatusError) as caught:
            async with Client(seen.url):
                pass
        assert caught.value.status == 401
        assert len(seen.posts) == 1


# --- servers that go away or fall silent --------------------------------------------------------


async def test_nobody_there() -> None:
    client = Client("http://127.0.0.1:9/mcp")
    with pytest.raises(RuntimeError, match="Client failed to connect"):
        async with client:
            pass
    assert not client.is_connected()


async def test_a_server_that_never_answers() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with site(post) as seen:
        began = time.monotonic()
        with pytest.raises(RuntimeError, match="Failed to initialize server session"):
            async with Client(seen.url, init_timeout=0.2):
                pass
        assert time.monotonic() - began < 2
        assert tasks_of_the_client() == []


async def test_t5_a_stream_that_ends_without_the_answer() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return await events(request, ": nothing\n\n")

    for era in (stateless, handshake):
        async with site(era(call)) as seen, Client(seen.url) as client:
            with pytest.raises(ConnectionClosedError):
                async with asyncio.timeout(2):
                    await client.call_tool("x")


async def test_a_connection_cut_in_the_middle() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: {")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        with pytest.raises(ConnectionClosedError):
            async with asyncio.timeout(2):
                await client.call_tool("x")


async def test_a_stream_that_never_ends_after_the_answer() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(
            data({"jsonrpc": "2.0", "id": message["id"], "result": text("ok")}).encode()
        )
        await asyncio.Event().wait()
        return response

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        async with asyncio.timeout(2):
            for _ in range(5):
                await client.call_tool("x")


async def test_t22_pings_do_not_keep_a_call_alive() -> None:
    """Only an answer stops the clock."""

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            ping = {"jsonrpc": "2.0", "id": "p", "method": "ping"}
            await response.write(data(ping).encode() + b": alive\n\n")
            await asyncio.sleep(0.02)

    async with site(handshake(call)) as seen, Client(seen.url, mode="legacy") as client:
        with pytest.raises(RequestTimeoutError):
            await client.call_tool("x", timeout=0.2)
        await seen.until(lambda: seen.count("notifications/cancelled"))
        cancelled = [p for p in seen.posts if p.get("method") == "notifications/cancelled"]
        call_id = next(p["id"] for p in seen.posts if p.get("method") == "tools/call")
        assert cancelled[0]["params"]["requestId"] == call_id


async def test_a_stateless_call_is_cancelled_by_closing_its_response() -> None:
    gone = asyncio.Event()

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b": alive\n\n")
                await asyncio.sleep(0.01)
        except ConnectionError:
            gone.set()
            raise

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        with pytest.raises(RequestTimeoutError):
            await client.call_tool("x", timeout=0.1)
        async with asyncio.timeout(5):
            await gone.wait()
        assert seen.count("notifications/cancelled") == 0


async def test_a_response_that_is_too_large() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["id"] % 2:
            return answer(message, text("x" * 300_000))
        return await events(
            request, data({"jsonrpc": "2.0", "id": message["id"], "result": text("x" * 300_000)})
        )

    async with site(stateless(call)) as seen:
        transport = StreamableHttpTransport(seen.url)
        transport.max_message_bytes = 100_000
        async with Client(transport) as client:
            for _ in range(2):
                with pytest.raises(ResponseTooLargeError, match="max_message_bytes"):
                    await client.call_tool("x")


async def test_an_answer_that_is_no_mcp() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["id"] % 2:
            return web.Response(text="<html>", content_type="text/html")
        return web.Response(text="{", content_type="application/json")

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        for _ in range(2):
            with pytest.raises(HttpStatusError):
                await client.call_tool("x")


async def test_leaving_is_prompt_beside_a_server_that_hangs() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return await handshake(said)(request, message)

    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with site(post, get=hang) as seen:
        async with Client(seen.url, mode="legacy") as client:
            await client.call_tool("x")
            began = time.monotonic()
        assert time.monotonic() - began < 2


async def test_the_server_was_replaced_while_the_client_idled() -> None:
    """A pooled connection that died meanwhile is not used, so nothing is lost on it."""
    with serve(script(SERVED), clean=False) as server:
        async with Client(server.url) as client:
            assert (await client.call_tool("add", {"a": 1, "b": 1})).data == 2
            server.stop(signal.SIGKILL)
            with served_on(server.port):
                assert (await client.call_tool("add", {"a": 1, "b": 1})).data == 2


# --- sessions that are lost ---------------------------------------------------------------------


class Restarting:
    """A handshake-era server that forgets its sessions."""

    def __init__(self) -> None:
        self.epoch = 1
        self.served = 0
        self.refuse = 0
        self.unknown = (404, "Session not found")

    async def __call__(self, request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if self.refuse:
            self.refuse -= 1
            return web.Response(status=404)
        if message["method"] == "initialize":
            return answer(message, initialized(), **{"Mcp-Session-Id": f"s-{self.epoch}"})
        if request.headers.get("Mcp-Session-Id") != f"s-{self.epoch}":
            status, words = self.unknown
            return error(message, -32000, words, status)
        if "id" not in message:
            return web.Response(status=202)
        self.served += 1
        return answer(message, text(str(self.served)))


@pytest.mark.parametrize(
    "unknown",
    [
        (404, "Session not found"),
        (400, "Bad Request: No valid session ID provided"),
        (400, "Bad Request: Server not initialized"),
    ],
)
async def test_a_lost_session_is_opened_anew_once(unknown: tuple[int, str]) -> None:
    """Ten calls find the session lost; one initialize, every call served once."""
    server = Restarting()
    server.unknown = unknown
    async with site(server) as seen, Client(seen.url, mode="legacy") as client:
        await client.call_tool("x")
        server.epoch = 2
        await asyncio.gather(*(client.call_tool("x") for _ in range(10)))
        assert seen.count("initialize") == 2
        assert server.served == 11
        assert client.transport.get_session_id() == "s-2"


async def test_a_proxy_that_is_late_to_see_the_new_server() -> None:
    server = Restarting()
    async with site(server) as seen, Client(seen.url, mode="legacy") as client:
        await client.call_tool("x")
        server.epoch, server.refuse = 2, 3
        async with asyncio.timeout(3):
            await client.call_tool("x")


async def test_a_session_that_stays_lost_is_an_error() -> None:
    server = Restarting()
    async with site(server) as seen, Client(seen.url, mode="legacy") as client:
        server.refuse = 1_000_000
        with pytest.raises(HttpStatusError) as caught:
            async with asyncio.timeout(5):
                await client.call_tool("x")
        assert caught.value.status == 404
        assert len(seen.posts) < 15


async def test_the_logging_level_survives_a_lost_session() -> None:
    server = Restarting()
    async with site(server) as seen, Client(seen.url, mode="legacy") as client:
        await client.set_logging_level("error")
        server.epoch = 2
        await client.call_tool("x")
        assert seen.count("logging/setLevel") == 2


# --- the stream the server speaks on unasked ----------------------------------------------------


async def test_the_standing_stream_delivers_notifications() -> None:
    heard = asyncio.Event()

    async def get(request: web.Request) -> web.StreamResponse:
        assert request.headers["Mcp-Session-Id"] == "s-1"
        assert request.headers["MCP-Protocol-Version"] == "2025-11-25"
        return await events(
            request, data({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        )

    async with (
        site(handshake(said), get=get) as seen,
        Client(seen.url, mode="legacy", message_handler=lambda _: heard.set()),
    ):
        async with asyncio.timeout(5):
            await heard.wait()


# --- resumption ---------------------------------------------------------------------------------


async def test_a_broken_stream_is_resumed_after_the_servers_retry_time() -> None:
    calls: list[Any] = []

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        calls.append(message["id"])
        return await events(request, "id: e-1\nretry: 200\ndata: \n\n")

    async def get(request: web.Request) -> web.StreamResponse:
        if "Last-Event-ID" not in request.headers:
            return web.Response(status=405)
        at.append(time.monotonic())
        assert request.headers["Last-Event-ID"] == "e-1"
        frame = data({"jsonrpc": "2.0", "id": calls[0], "result": text("late")})
        return await events(request, f"id: e-2\n{frame}")

    at: list[float] = []
    async with site(handshake(call), get=get) as seen, Client(seen.url, mode="legacy") as client:
        began = time.monotonic()
        result = await client.call_tool("x")
        assert result.content[0].text == "late"  # type: ignore[union-attr]
        assert 0.18 < at[0] - began < 3
        assert seen.count("tools/call") == 1


# --- arguments in headers -----------------------------------------------------------------------


def tool(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": properties}}


async def test_annotated_arguments_become_headers() -> None:
    region = {"type": "string", "x-mcp-header": "Region"}
    listed = [
        tool("good", region=region, deep={"type": "object", "properties": {"n": {
            "type": "integer", "x-mcp-header": "N"}}}),
        tool("number", x={"type": "number", "x-mcp-header": "X"}),
        tool("twice", a=region, b={"type": "string", "x-mcp-header": "REGION"}),
        tool("items", a={"type": "array", "items": region}),
        tool("space", a={"type": "string", "x-mcp-header": "a b"}),
    ]  # fmt: skip

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "tools/list":
            return answer(message, {"tools": listed, "resultType": "complete"})
        if "mcp-param-region" not in seen.headers[-1]:
            return error(message, -32020, "Header mismatch: Mcp-Param-Region is missing", 400)
        return answer(message, text("ok"))

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        # Never listed: the server's refusal makes the client look.
        await client.call_tool("good", {"region": "Zürich", "deep": {"n": 7}})
        assert seen.headers[-1]["mcp-param-region"] == "=?base64?WsO8cmljaA==?="
        assert seen.headers[-1]["mcp-param-n"] == "7"
        assert [tool.name for tool in await client.list_tools()] == ["good"]


async def test_annotated_arguments_may_be_models_and_enumerations() -> None:
    """The header says what the body says of them."""

    class Region(enum.Enum):
        NORTH = "north"

    class Level(enum.IntEnum):
        HIGH = 3

    class Where(pydantic.BaseModel):
        city: str
        zone: Region = Region.NORTH
        near: bool | None = None

    @dataclass
    class Lane:
        number: int

    def annotated(kind: str, name: str) -> dict[str, str]:
        return {"type": kind, "x-mcp-header": name}

    where = {"city": annotated("string", "City"), "zone": annotated("string", "Zone"),
             "near": annotated("boolean", "Near")}  # fmt: skip
    listed = [
        tool(
            "go",
            region=annotated("string", "Region"),
            level=annotated("integer", "Level"),
            where={"type": "object", "properties": where},
            lane={"type": "object", "properties": {"number": annotated("integer", "Lane")}},
            load={"type": "string"},
        ),
        tool("plain", region={"type": "string"}),
    ]

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "tools/list":
            return answer(message, {"tools": listed, "resultType": "complete"})
        return answer(message, text("ok"))

    def mirrored() -> dict[str, str]:
        return {k: v for k, v in seen.headers[-1].items() if k.startswith("mcp-param-")}

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        await client.list_tools()
        arguments = {"region": Region.NORTH, "level": Level.HIGH, "where": Where(city="Ulm"),
                     "lane": Lane(2), "load": "heavy"}  # fmt: skip
        await client.call_tool("go", arguments)
        sent = seen.posts[-1]["params"]["arguments"]
        assert sent == {
            "region": "north",
            "level": 3,
            "where": {"city": "Ulm", "zone": "north"},
            "lane": {"number": 2},
            "load": "heavy",
        }
        assert mirrored() == {
            "mcp-param-region": "north",
            "mcp-param-level": "3",
            "mcp-param-city": "Ulm",
            "mcp-param-zone": "north",
            "mcp-param-lane": "2",
        }
        await client.call_tool("go", {"load": "light"})
        assert mirrored() == {}
        await client.call_tool("plain", {"region": Region.NORTH})
        assert mirrored() == {}


# --- listings -----------------------------------------------------------------------------------


async def test_pages_are_followed_and_bounded() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        page = int(message["params"].get("cursor", "0"))
        last = page == 4 and not endless
        return answer(
            message,
            {"tools": [tool(f"t{page}")]} | ({} if last else {"nextCursor": str(page + 1)}),
        )

    endless = False
    async with site(stateless(call)) as seen, Client(seen.url) as client:
        assert [t.name for t in await client.list_tools()] == ["t0", "t1", "t2", "t3", "t4"]
        endless = True
        with pytest.raises(RuntimeError, match="max_pages"):
            await client.list_tools(max_pages=7)


async def test_a_cursor_that_repeats_ends_the_listing() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return answer(message, {"tools": [tool("t")], "nextCursor": "same"})

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        assert len(await client.list_tools()) == 2
