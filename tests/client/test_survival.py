"""What a client bears: servers that restart, vanish, fall silent, are too busy or close their
streams, and the time-outs that end what cannot be borne. A test with a T in its name is that one of
the list of what users of MCP over HTTP report.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from fastmcp import Client, FastMCP
from fastmcp.client.errors import (
    ConnectionClosedError,
    HttpStatusError,
    RequestTimeoutError,
    SessionLostError,
)
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import McpError
from fastmcp.utilities.tests import temporary_settings
from tests.client.conftest import SERVED
from tests.client.site import (
    Handler,
    answer,
    data,
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
from tests.support.extent import extent
from tests.support.nginx import nginx
from tests.support.process import Server, script, serve

ERAS = [pytest.param(stateless, id="stateless"), pytest.param(handshake, id="handshake")]
Era = Callable[[Handler], Handler]


def listed(**hints: bool) -> dict[str, Any]:
    """A listing of the one tool `x`, with these annotations."""
    return {
        "tools": [{"name": "x", "inputSchema": {"type": "object"}, "annotations": hints}],
        "resultType": "complete",
    }


class Failing:
    """A server that fails its first calls in one way and serves those that follow."""

    def __init__(
        self,
        fail: Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]],
        times: int = 2,
        hints: dict[str, bool] | None = None,
    ) -> None:
        self.fail = fail
        self.left = times
        self.hints = hints or {}
        self.at: list[float] = []

    async def __call__(self, request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "tools/list":
            return answer(message, listed(**self.hints))
        self.at.append(time.monotonic())
        if self.left:
            self.left -= 1
            return await self.fail(request, message)
        return answer(message, text("ok"))


def status(code: int, **headers: str) -> Handler:
    """Answers with a status and a text."""

    async def fail(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        headers_ = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text="not now", headers=headers_)

    return fail


async def cut(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    """Reads the request and closes the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


# --- the server restarts -------------------------------------------------------------------------


async def test_t2_a_restart_costs_one_handshake() -> None:
    """Killed and started again: the next ten calls succeed at once, after one new initialize."""
    with serve(script(SERVED), clean=False) as first:
        port = first.port
        async with Client(first.url, mode="legacy") as client:
            before = (await client.call_tool("pid")).data
            session = client.transport.get_session_id()
            first.stop(signal.SIGKILL)
            calls = [asyncio.create_task(client.call_tool("pid")) for _ in range(10)]
            await asyncio.sleep(0)  # they set out while nobody is there
            with serve(script(SERVED), clean=False, port=port) as second:
                began = time.monotonic()
                pids = {result.data for result in await asyncio.gather(*calls)}
                assert time.monotonic() - began < 3
                assert pids == {second.process.pid}
                assert before != second.process.pid
                assert client.transport.get_session_id() != session


async def test_t2_what_was_carried_out_is_not_sent_again() -> None:
    """The session goes while a call is at work: it is not known what became of it."""

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return await events(request, "id: e-1\nretry: 10\ndata: \n\n")

    async def get(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404 if "Last-Event-ID" in request.headers else 405)

    async with site(handshake(call), get=get) as seen, Client(seen.url, mode="legacy") as client:
        with pytest.raises(SessionLostError, match="not known") as caught:
            await client.call_tool("x")
        assert caught.value.reached
        assert seen.count("tools/call") == 1


async def test_an_idempotent_call_is_sent_again_in_the_new_session() -> None:
    async def lose(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return await events(request, "id: e-1\nretry: 10\ndata: \n\n")

    async def get(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404 if "Last-Event-ID" in request.headers else 405)

    server = Failing(lose, 1, {"idempotentHint": True})
    async with (
        site(handshake(server), get=get) as seen,
        Client(seen.url, mode="legacy") as client,
    ):
        await client.list_tools()
        assert (await client.call_tool("x")).content[0].text == "ok"
        assert seen.count("initialize") == 2
        assert seen.count("tools/call") == 2


async def test_t2_a_server_that_says_404_for_ever() -> None:
    lost = False

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if lost:
            return web.Response(status=404)
        return await handshake(said)(request, message)

    async with site(post) as seen, Client(seen.url, mode="legacy", timeout=1) as client:
        await client.call_tool("x")
        lost = True
        began = time.monotonic()
        with pytest.raises((HttpStatusError, RequestTimeoutError)):
            await client.call_tool("x")
        assert time.monotonic() - began < 1.5
        assert len(seen.posts) < 15


async def test_a_session_that_is_lost_at_once_again() -> None:
    """Also by the request that restores the level of the log, within the renewal itself."""
    forgetful = False

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if forgetful and "id" in message and message.get("method") != "initialize":
            return web.Response(status=404)
        return await handshake(said)(request, message)

    async with site(post) as seen, Client(seen.url, mode="legacy") as client:
        await client.set_logging_level("error")
        forgetful = True
        with pytest.raises(SessionLostError):
            async with asyncio.timeout(5):
                await client.call_tool("x")


async def test_a_stream_is_not_resumed_in_another_session() -> None:
    """Its own was lost and replaced meanwhile, by a call that found it out."""
    session = "s-1"
    broken = asyncio.Event()

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message.get("method") == "initialize":
            return answer(message, initialized(), **{"Mcp-Session-Id": session})
        if "id" not in message:
            return web.Response(status=202)
        if request.headers["Mcp-Session-Id"] != session:
            return web.Response(status=404)
        if message["params"]["name"] == "quick":
            return answer(message, text("ok"))
        broken.set()
        return await events(request, "id: 7\nretry: 500\ndata: \n\n")

    async with site(post) as seen, Client(seen.url, mode="legacy") as client:
        slow = asyncio.create_task(client.call_tool("slow"))
        await broken.wait()
        session = "s-2"
        await client.call_tool("quick")
        with pytest.raises(SessionLostError) as caught:
            await asyncio.wait_for(slow, 5)
        assert caught.value.reached
        assert all("last-event-id" not in headers for headers in seen.gets)


async def test_whoever_waits_for_a_new_session_hears_that_the_client_leaves() -> None:
    """As an error, not as a cancellation that nobody asked for."""
    lost = False
    renewing = asyncio.Event()

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if lost and message.get("method") == "initialize":
            renewing.set()
            await asyncio.Event().wait()
        if lost:
            return web.Response(status=404)
        return await handshake(said)(request, message)

    async with site(post) as seen:
        async with Client(seen.url, mode="legacy") as client:
            await client.call_tool("x")
            lost = True
            call = asyncio.create_task(client.call_tool("x"))
            await renewing.wait()
            began = time.monotonic()
        assert time.monotonic() - began < 1
        with pytest.raises(ConnectionClosedError, match="left"):
            await asyncio.wait_for(call, 5)


# --- the server dies or falls silent -------------------------------------------------------------


@pytest.mark.parametrize("tool", ["die", "doze"])
async def test_t5_the_server_dies(tool: str, mode: str) -> None:
    """In the call, or by a signal from outside: the error comes at once, leaving is quiet."""
    before = asyncio.all_tasks()
    with serve(script(SERVED), clean=False) as server:
        async with Client(server.url, mode=mode, timeout=20) as client:
            await client.list_tools()
            at_work = asyncio.Event()

            async def progress(*_: Any) -> None:
                at_work.set()

            arguments = {"seconds": 6} if tool == "doze" else {}
            call = asyncio.create_task(client.call_tool(tool, arguments, progress_handler=progress))
            began = time.monotonic()
            if tool == "doze":
                await at_work.wait()
                began = time.monotonic()
                server.stop(signal.SIGKILL)
            with pytest.raises(ConnectionClosedError):
                await call
            assert time.monotonic() - began < 2
            began = time.monotonic()
        assert time.monotonic() - began < 2
    assert asyncio.all_tasks() == before


async def test_t5_it_accepts_and_never_answers() -> None:
    """The time-out, exactly, and an error of another type."""

    async def hang(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    for era in (stateless, handshake):
        async with site(era(hang)) as seen:
            async with Client(seen.url) as client:
                began = time.monotonic()
                with pytest.raises(RequestTimeoutError) as caught:
                    await client.call_tool("x", timeout=0.5)
                assert 0.49 < time.monotonic() - began < 1.5
                assert not isinstance(caught.value, ConnectionClosedError)
                began = time.monotonic()
            assert time.monotonic() - began < 2
    assert tasks_of_the_client() == []


# --- time-outs -----------------------------------------------------------------------------------


async def test_t22_a_time_out_cancels_the_server(served: Server, mode: str) -> None:
    async with Client(served.url, mode=mode, timeout=1) as client:
        began = time.monotonic()
        with pytest.raises(RequestTimeoutError):
            await client.call_tool("sleep", {"seconds": 30})
        assert 0.99 < time.monotonic() - began < 2
        # The call's own time-out goes before the client's, and 0 means none.
        with pytest.raises(RequestTimeoutError, match=r"0\.2 seconds"):
            await client.call_tool("sleep", {"seconds": 30}, timeout=0.2)
        result = await client.call_tool("sleep", {"seconds": 1.2}, timeout=0)
        assert result.data == "slept"


@pytest.mark.long
@pytest.mark.timeout(150)
async def test_t22_a_call_may_take_as_long_as_it_takes(served: Server, mode: str) -> None:
    """With nothing said about time, straight, behind an nginx at its defaults and behind a proxy of
    ours, all of them silent; and so long may a client be idle."""
    seconds = extent(1, 70)  # longer than most time-outs on the way
    location = f"location / {{ proxy_pass http://127.0.0.1:{served.port}; }}"
    proxying = [sys.executable, "-m", "fastmcp", "run", served.url, "--no-banner"]

    def proxy(port: int) -> list[str]:
        return [*proxying, "--transport", "http", "--port", str(port)]

    async def calls(url: str) -> None:
        async with Client(url, mode=mode) as client, Client(url, mode=mode) as idle:
            before = idle.transport.get_session_id()
            assert (await idle.call_tool("add", {"a": 1, "b": 2})).data == 3
            assert (await client.call_tool("sleep", {"seconds": seconds})).data == "slept"
            assert (await idle.call_tool("add", {"a": 1, "b": 2})).data == 3
            assert idle.transport.get_session_id() == before

    with nginx(location) as behind, serve(proxy) as relayed:
        await asyncio.gather(*map(calls, (served.url, behind.url, relayed.url)))


async def beats(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    """Six progress reports and as many comments within a second, and then the answer."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for step in range(6):
        params = {"progressToken": message["params"]["_meta"]["progressToken"], "progress": step}
        report = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
        await response.write(data(report).encode() + b": alive\n\n")
        await asyncio.sleep(0.15)
    await response.write(
        data({"jsonrpc": "2.0", "id": message["id"], "result": text("ok")}).encode()
    )
    return response


@pytest.mark.parametrize("era", ERAS)
async def test_t22_progress_extends_the_time_only_if_asked(era: Era) -> None:
    async with site(era(beats)) as seen:
        async with Client(seen.url, timeout=0.5) as client:
            with pytest.raises(RequestTimeoutError):
                await client.call_tool("x")
        async with Client(seen.url, timeout=0.5, progress_extends_timeout=True) as client:
            assert (await client.call_tool("x")).content[0].text == "ok"


async def test_t22_silence_is_not_life_and_comments_are() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(8):
            await response.write(b": alive\n\n")
            await asyncio.sleep(0.1)
        if message["params"]["name"] == "silent":
            await asyncio.Event().wait()
        await response.write(
            data({"jsonrpc": "2.0", "id": message["id"], "result": text("ok")}).encode()
        )
        return response

    async with site(stateless(call)) as seen, Client(seen.url, sse_read_timeout=0.4) as client:
        assert (await client.call_tool("x")).content[0].text == "ok"
        began = time.monotonic()
        with pytest.raises(ConnectionClosedError, match="sse_read_timeout"):
            await client.call_tool("silent")
        assert 1.1 < time.monotonic() - began < 3


async def test_a_silent_stream_is_resumed_where_it_can_be() -> None:
    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        asked.append(message["id"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"id: e-1\nretry: 10\ndata: \n\n")
        await asyncio.Event().wait()
        return response

    async def get(request: web.Request) -> web.StreamResponse:
        if "Last-Event-ID" not in request.headers:
            return web.Response(status=405)
        frame = data({"jsonrpc": "2.0", "id": asked[0], "result": text("late")})
        return await events(request, f"id: e-2\n{frame}")

    asked: list[Any] = []
    async with (
        site(handshake(call), get=get) as seen,
        Client(seen.url, mode="legacy", sse_read_timeout=0.3) as client,
    ):
        assert (await client.call_tool("x")).content[0].text == "late"


def test_where_there_is_no_silence_to_measure() -> None:
    with pytest.raises(ValueError, match="sse_read_timeout"):
        Client(FastMCP("here"), sse_read_timeout=1)
    transport = StreamableHttpTransport("http://127.0.0.1/mcp", sse_read_timeout=5)
    assert transport.sse_read_timeout == 5


# --- a server that is away for a moment ----------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("code", [429, 503])
async def test_what_was_refused_is_sent_again(era: Era, code: int) -> None:
    """Neither status says that anything was done, so any call may follow; and it does not follow
    before the server wants it to."""
    server = Failing(status(code, Retry_After="1"), 1)
    async with site(era(server)) as seen, Client(seen.url) as client:
        assert (await client.call_tool("x")).content[0].text == "ok"
        assert 0.95 < server.at[1] - server.at[0] < 3
        server.left, server.fail = 2, status(code)
        assert (await client.call_tool("x")).content[0].text == "ok"
        assert server.at[4] - server.at[2] < 2


async def test_a_refusal_with_a_json_rpc_error_is_one_too() -> None:
    async def fail(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return error(message, -32000, "The server is stopping", 503)

    server = Failing(fail, 2)
    async with site(stateless(server)) as seen, Client(seen.url) as client:
        assert (await client.call_tool("x")).content[0].text == "ok"
        server.left = 1_000_000
        with pytest.raises(HttpStatusError, match="stopping") as caught:
            await client.call_tool("x", timeout=2)
        assert caught.value.code == -32000


async def test_a_wish_beyond_the_time_out_is_not_waited_for() -> None:
    server = Failing(status(503, Retry_After="30"), 1_000_000)
    async with site(stateless(server)) as seen, Client(seen.url, timeout=5) as client:
        began = time.monotonic()
        with pytest.raises(HttpStatusError) as caught:
            await client.call_tool("x")
        assert time.monotonic() - began < 2
        assert caught.value.retry_after == 30
        assert len(server.at) == 1


@pytest.mark.parametrize("fail", [cut, status(502), status(504)], ids=["cut", "502", "504"])
async def test_what_may_have_been_done_is_sent_again_only_if_that_is_safe(fail: Handler) -> None:
    for hints in ({}, {"destructiveHint": True}, {"idempotentHint": True}, {"readOnlyHint": True}):
        server = Failing(fail, 2, hints)
        async with site(stateless(server)) as seen, Client(seen.url) as client:
            await client.list_tools()
            if "idempotentHint" in hints or "readOnlyHint" in hints:
                assert (await client.call_tool("x")).content[0].text == "ok"
                assert len(server.at) == 3
            else:
                with pytest.raises((ConnectionClosedError, HttpStatusError)) as caught:
                    await client.call_tool("x")
                assert caught.value.reached
                assert len(server.at) == 1


async def test_a_gateway_that_asks_for_the_request_again() -> None:
    server = Failing(status(502, Retry_After="0"), 1)
    async with site(stateless(server)) as seen, Client(seen.url) as client:
        assert (await client.call_tool("x")).content[0].text == "ok"


async def test_what_only_reads_is_asked_again() -> None:
    tries = 0

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        nonlocal tries
        tries += 1
        if tries < 3:
            return await cut(request, message)
        return answer(message, listed())

    async with site(stateless(call)) as seen, Client(seen.url) as client:
        assert [tool.name for tool in await client.list_tools()] == ["x"]


async def test_a_time_out_over_a_busy_server_says_so() -> None:
    async with site(status(503, Retry_After="0")) as seen:
        with pytest.raises(RuntimeError, match=r"^Failed to initialize server session: HTTP 503"):
            async with Client(seen.url, init_timeout=0.5):
                pass


async def test_patience_ends() -> None:
    """A server that stays away is an error that says so, in the time the setting gives it."""
    with temporary_settings(client_retry_seconds=0.5), serve(script(SERVED), clean=False) as server:
        async with Client(server.url) as client:
            server.stop(signal.SIGKILL)
            began = time.monotonic()
            with pytest.raises(ConnectionClosedError, match="no response"):
                await client.call_tool("add", {"a": 1, "b": 1})
            assert time.monotonic() - began < 2


async def test_a_busy_server_may_be_entered_late() -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if len(seen.posts) < 3:
            return web.Response(status=503)
        return await stateless(said)(request, message)

    async with site(post) as seen, Client(seen.url) as client:
        assert client.protocol_version == "2026-07-28"


@pytest.mark.parametrize("wish", [{}, {"Retry_After": "1"}], ids=["busy", "come back"])
async def test_a_server_that_stays_busy_is_not_taken_for_an_old_one(wish: dict[str, str]) -> None:
    """Nor asked for ever, by a client without a time-out, though it wants to be each time."""
    with temporary_settings(client_retry_seconds=0.3):
        async with asyncio.timeout(10), site(status(503, **wish)) as seen:
            with pytest.raises(HttpStatusError) as caught:
                async with Client(seen.url):
                    pass
            assert caught.value.status == 503
            assert seen.count("initialize") == 0


# --- the stream the server speaks on unasked -----------------------------------------------------


async def test_t23_a_stream_that_closes_is_not_stormed() -> None:
    """The pauses grow, and calls go on meanwhile."""

    async def get(request: web.Request) -> web.StreamResponse:
        at.append(time.monotonic())
        return await events(request, ": closing\n\n")

    at: list[float] = []
    async with site(handshake(said), get=get) as seen, Client(seen.url, mode="legacy") as client:
        await client.call_tool("x")
        await seen.until(lambda: len(seen.gets) == 3)
        assert 0.7 < at[1] - at[0] < 1.6 < at[2] - at[1]
        await client.call_tool("x")


@pytest.mark.long
async def test_t23_a_server_that_was_away_is_heard_again() -> None:
    """It is asked seldom while it is away, and soon after its return the stream stands again."""
    away, seldom = extent(2, 10), extent(2, 6)
    at: list[float] = []
    stands = asyncio.Event()

    async def get(request: web.Request) -> web.StreamResponse:
        at.append(time.monotonic())
        if at[-1] - at[0] < away:
            return web.Response(status=503)
        stands.set()
        return await events(request, ": here again\n\n")

    async with site(handshake(said), get=get) as seen, Client(seen.url, mode="legacy") as client:
        await seen.until(lambda: seen.gets)
        await client.call_tool("x")
        async with asyncio.timeout(away + 8):
            await stands.wait()
        back = at[0] + away
        assert sum(moment < back for moment in at) <= seldom
        assert at[-1] - back < 5
        await client.call_tool("x")


async def test_t23_the_servers_own_pause_counts() -> None:
    async def get(request: web.Request) -> web.StreamResponse:
        at.append(time.monotonic())
        return await events(request, "retry: 1700\n\n")

    at: list[float] = []
    async with site(handshake(said), get=get) as seen, Client(seen.url, mode="legacy"):
        await seen.until(lambda: len(seen.gets) == 2)
        assert at[1] - at[0] > 1.69


@pytest.mark.parametrize("code", [405, 404])
async def test_t23_a_server_without_the_stream_is_not_asked_twice(code: int) -> None:
    async def get(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code)

    async with site(handshake(said), get=get) as seen, Client(seen.url, mode="legacy") as client:
        await seen.until(lambda: len(seen.gets) == 1)
        tasks = [task for task in asyncio.all_tasks() if "_listen" in repr(task)]
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await client.call_tool("x")
        assert len(seen.gets) == 1
        assert seen.count("initialize") == 1


async def test_a_lost_session_is_found_lost_by_the_stream() -> None:
    """A client that only listens hears of the changes after a restart too."""
    session = "s-1"
    heard = asyncio.Event()

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message.get("method") == "initialize":
            return answer(message, initialized(), **{"Mcp-Session-Id": session})
        return await handshake(said)(request, message)

    async def get(request: web.Request) -> web.StreamResponse:
        nonlocal session
        if request.headers["Mcp-Session-Id"] != session:
            return web.Response(status=404)
        if session == "s-1":
            session = "s-2"  # the server restarts under the stream
            return await events(request, ": bye\n\n")
        changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        return await events(request, data(changed))

    async with (
        site(post, get=get) as seen,
        Client(seen.url, mode="legacy", message_handler=lambda _: heard.set()) as client,
    ):
        async with asyncio.timeout(10):
            await heard.wait()
        assert seen.count("initialize") == 2
        assert client.transport.get_session_id() == "s-2"


# --- tasks ---------------------------------------------------------------------------------------


async def test_t31_entered_in_one_task_and_left_in_another(served: Server, mode: str) -> None:
    before = asyncio.all_tasks()
    client = Client(served.url, mode=mode)
    stack = AsyncExitStack()
    await asyncio.create_task(stack.enter_async_context(client))  # type: ignore[arg-type]
    assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
    await asyncio.create_task(stack.aclose())
    assert not client.is_connected()
    assert asyncio.all_tasks() == before


async def test_t31_left_by_an_error_in_a_task_group_that_is_cancelled(
    served: Server, mode: str
) -> None:
    """The error comes out as it is, calls under way end, and no task is left."""
    before = asyncio.all_tasks()
    began = time.monotonic()

    async def stay() -> None:
        async with Client(served.url, mode=mode) as client:
            calls = [
                asyncio.create_task(client.call_tool("sleep", {"seconds": 30})) for _ in range(3)
            ]
            try:
                await client.call_tool("add", {"a": 1, "b": 2})
                raise KeyError("the user's own")
            finally:
                for call in calls:
                    call.cancel()

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(stay())
            group.create_task(asyncio.sleep(30))

    with pytest.raises(ExceptionGroup) as caught:
        await together()
    assert caught.group_contains(KeyError)
    assert time.monotonic() - began < 5
    assert asyncio.all_tasks() == before


async def test_t31_calls_of_others_end_when_the_last_one_leaves(served: Server, mode: str) -> None:
    client = Client(served.url, mode=mode)
    async with client:
        call = asyncio.create_task(client.call_tool("sleep", {"seconds": 30}))
        await client.call_tool("add", {"a": 1, "b": 2})
    began = time.monotonic()
    with pytest.raises(McpError):
        await call
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("resumed", [False, True])
async def test_t31_an_open_response_ends_when_the_client_leaves(resumed: bool) -> None:
    """Also where the server does not end it with the session."""
    reached = asyncio.Event()

    async def never_ends(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": alive\n\n")
        reached.set()
        await asyncio.sleep(30)
        return response

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if not resumed:
            return await never_ends(request)
        return await events(request, "id: 1\nretry: 10\ndata:\n\n")

    async def get(request: web.Request) -> web.StreamResponse:
        if "Last-Event-ID" not in request.headers:
            return web.Response(status=405)
        return await never_ends(request)

    async with site(handshake(post), get=get) as seen:
        async with Client(seen.url, mode="legacy") as client:
            call = asyncio.create_task(client.call_tool("x"))
            await reached.wait()
        began = time.monotonic()
        with pytest.raises(ConnectionClosedError, match="the client left"):
            await asyncio.wait_for(call, 5)
        assert time.monotonic() - began < 2
        assert tasks_of_the_client() == []


@pytest.mark.parametrize("pausing", ["resume", "again"])
async def test_t31_a_call_that_pauses_ends_when_the_client_leaves(pausing: str) -> None:
    """Before it resumes a stream, or is sent again."""
    reached = asyncio.Event()

    async def call(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        reached.set()
        if pausing == "again":
            return web.Response(status=503, headers={"Retry-After": "30"})
        return await events(request, "id: 1\nretry: 30000\ndata:\n\n")

    async with site(handshake(call)) as seen:
        async with Client(seen.url, mode="legacy") as client:
            waiting = asyncio.create_task(client.call_tool("x"))
            await reached.wait()
        began = time.monotonic()
        with pytest.raises((ConnectionClosedError, HttpStatusError)):
            await asyncio.wait_for(waiting, 10)
        assert time.monotonic() - began < 2


# --- what is remembered --------------------------------------------------------------------------


async def test_the_era_is_asked_for_once_per_address() -> None:
    """Every client of this process knows it then (2026-07-28, basic/versioning)."""
    async with site(handshake(said)) as seen:
        for _ in range(3):
            async with Client(seen.url) as client:
                assert client.protocol_version == "2025-11-25"
        assert seen.count("server/discover") == 1
        assert seen.count("initialize") == 3
