"""Middleware in a server: what it sees, what it may change, what its errors become."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp_types import CallToolRequestParams

from fastmcp import Context, FastMCP
from fastmcp.exceptions import McpError, ToolError
from fastmcp.server.middleware import Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from tests.support.asgi import STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)


class Record(Middleware):
    """Notes every hook that is called."""

    def __init__(self, name: str = "", book: list[Any] | None = None) -> None:
        self.book: list[Any] = [] if book is None else book
        self.name = name

    async def on_message(self, context: Any, call_next: Any) -> Any:
        self.book.append((self.name + "message", context.method))
        return await call_next(context)

    async def on_request(self, context: Any, call_next: Any) -> Any:
        self.book.append((self.name + "request", context.method))
        return await call_next(context)

    async def on_notification(self, context: Any, call_next: Any) -> Any:
        self.book.append((self.name + "notification", context.method))
        return await call_next(context)

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        self.book.append((self.name + "call", context.message.name))
        return await call_next(context)


def build(*middleware: Middleware) -> FastMCP:
    mcp = FastMCP("chain", middleware=list(middleware))

    @mcp.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    async def who(ctx: Context) -> str:
        return ctx.request_id

    @mcp.resource("r://1")
    async def resource() -> str:
        return "r"

    @mcp.prompt
    async def prompt(x: str = "1") -> str:
        return x

    return mcp


async def test_order_and_kinds():
    book: list[Any] = []
    mcp = build(Record("out ", book), Record("in ", book))
    peer = await Peer(mcp.http_app()).open()
    assert book[:4] == [
        ("out message", "initialize"),
        ("out request", "initialize"),
        ("in message", "initialize"),
        ("in request", "initialize"),
    ]
    assert ("out notification", "notifications/initialized") in book
    book.clear()
    await peer.call("add", {"a": 1, "b": 2})
    assert book == [
        ("out message", "tools/call"),
        ("out request", "tools/call"),
        ("out call", "add"),
        ("in message", "tools/call"),
        ("in request", "tools/call"),
        ("in call", "add"),
    ]


@pytest.mark.parametrize("version", ERAS)
async def test_every_method_takes_its_own_way(version: str):
    """Chains are kept by method: none may answer for another."""
    record = Record()
    peer = await Peer(build(record).http_app(), version).open()
    for _ in range(2):
        assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"
        assert len((await peer.request("tools/list")).result["tools"]) == 2
        assert (await peer.request("resources/list")).result["resources"]
        assert (await peer.request("resources/read", {"uri": "r://1"})).result["contents"]
        assert (await peer.request("resources/templates/list")).result["resourceTemplates"] == []
        assert (await peer.request("prompts/list")).result["prompts"]
        assert (await peer.request("prompts/get", {"name": "prompt"})).result["messages"]
        if not peer.stateless:
            assert (await peer.request("ping")).result == {}
            assert (await peer.request("logging/setLevel", {"level": "info"})).result == {}
        else:
            assert (await peer.request("server/discover")).result["supportedVersions"]


@pytest.mark.parametrize("version", ERAS)
async def test_a_notification_is_no_request_whatever_it_is_called(version: str):
    """A client that names its notification like a request must not change that request."""
    record = Record()
    mcp = build(record)
    peer = await Peer(mcp.http_app(), version).open()
    for method in ("tools/call", "tools/list", "prompts/get"):
        body = {"jsonrpc": "2.0", "method": method, "params": {"name": "add"}}
        assert (await peer.post(body)).status == 202
        assert record.book[-1] == ("notification", method)
    assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"
    assert len((await peer.request("tools/list")).result["tools"]) == 2


async def test_the_names_of_notifications_fill_no_memory():
    mcp = build(Record())
    peer = await Peer(mcp.http_app()).open()
    before = len(mcp._engine._chains)
    for number in range(50):
        await peer.post({"jsonrpc": "2.0", "method": f"notifications/{number}"})
    assert len(mcp._engine._chains) <= before + 1


@pytest.mark.parametrize("version", ERAS)
async def test_each_call_has_its_own_context(version: str):
    seen: list[str] = []

    class Look(Middleware):
        async def on_call_tool(self, context: MiddlewareContext[Any], call_next: Any) -> Any:
            assert context.fastmcp_context is not None
            seen.append(context.fastmcp_context.request_id)
            # a middleware that loses the context on the way
            return await call_next(context.copy(fastmcp_context=None))

    peer = await Peer(build(Look()).http_app(), version).open()
    answers = await asyncio.gather(*(peer.call("who", id=f"id-{n}") for n in range(5)))
    assert [live.text for live in answers] == [f"id-{n}" for n in range(5)]
    assert sorted(seen) == [f"id-{n}" for n in range(5)]


async def test_it_may_change_message_and_result():
    class Change(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            message = context.message.model_copy(update={"arguments": {"a": 20, "b": 1}})
            result = await call_next(context.copy(message=message))
            return ToolResult(content=f"changed {result.structured_content}")

        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            return [tool for tool in await call_next(context) if tool.name != "who"]

    mcp = build(Change())
    peer = await Peer(mcp.http_app()).open()
    live = await peer.call("add", {"a": 1, "b": 2})
    assert live.text == "changed {'result': 21}"
    assert [tool["name"] for tool in (await peer.request("tools/list")).result["tools"]] == ["add"]
    assert [tool.name for tool in await mcp.list_tools()] == ["add"]
    assert len(await mcp.list_tools(run_middleware=False)) == 2


@pytest.mark.parametrize("looks_first", [True, False])
async def test_what_it_changes_in_the_message_reaches_the_tool(looks_first: bool):
    class Change(Middleware):
        async def on_message(self, context: Any, call_next: Any) -> Any:
            assert not looks_first or context.method != "tools/call" or context.message.name
            return await call_next(context.copy())

        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            assert type(context.message) is CallToolRequestParams
            assert context.message is context.message
            context.message.arguments["a"] = 30
            context.message.name = "add"
            return await call_next(context)

    peer = await Peer(build(Change()).http_app()).open()
    live = await peer.call("another", {"a": 1, "b": 2})
    assert live.text == "32"


class Raise(Middleware):
    def __init__(self, error: Exception, hook: str) -> None:
        async def fail(context: Any, call_next: Any) -> Any:
            raise error

        setattr(self, hook, fail)


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (McpError(-5, "mine"), -5, None),
        (ToolError("for the model"), None, "for the model"),
        (RuntimeError("broken"), None, "Error calling tool 'add': broken"),
    ],
)
async def test_errors_around_a_tool(
    version: str, error: Exception, code: int | None, text: str | None
):
    peer = await Peer(build(Raise(error, "on_call_tool")).http_app(), version).open()
    live = await peer.call("add", {"a": 1, "b": 2})
    assert live.status == 200
    if code is not None:
        assert (live.error["code"], live.error["message"]) == (code, "mine")
    else:
        assert live.result["isError"]
        assert live.text == text


@pytest.mark.parametrize("version", ERAS)
async def test_an_unexpected_error_elsewhere_is_internal_and_says_nothing(version: str):
    secret = RuntimeError("the password is 1234")
    peer = await Peer(build(Raise(secret, "on_list_tools")).http_app(), version).open()
    live = await peer.request("tools/list")
    assert live.status == 200
    assert live.error["code"] == -32603
    assert "1234" not in str(live.error)


async def test_a_refused_initialize_gives_no_session():
    app = build(Raise(McpError(-5, "go away"), "on_initialize")).http_app()
    peer = Peer(app)
    live = await peer.request(
        "initialize",
        {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        },
    )
    assert live.error["message"] == "go away"
    assert "mcp-session-id" not in live.headers
    assert app.sessions is not None
    assert len(app.sessions) == 0


async def test_an_error_of_a_notification_harms_nobody():
    class Fail(Middleware):
        async def on_notification(self, context: Any, call_next: Any) -> Any:
            raise RuntimeError("x")

    peer = await Peer(build(Fail()).http_app()).open()
    assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"


async def test_replaced_whole_it_counts():
    mcp = FastMCP("m")
    mcp.tool(lambda: "x", name="x")
    first, second = Record(), Record()
    mcp.middleware = [first]
    await mcp.call_tool("x")
    mcp.middleware = [second]
    await mcp.call_tool("x")
    assert first.book == second.book != []


async def test_added_later_it_counts():
    mcp = build()
    peer = await Peer(mcp.http_app()).open()
    await peer.call("add", {"a": 1, "b": 2})
    record = Record()
    mcp.add_middleware(record)
    await peer.call("add", {"a": 1, "b": 2})
    assert ("call", "add") in record.book


@pytest.mark.parametrize("with_middleware", [False, True])
async def test_versions_pass_through(with_middleware: bool):
    mcp = FastMCP("v", middleware=[Record()] if with_middleware else [])
    for version in ("1", "2"):
        mcp.tool(_saying(f"tool {version}"), name="t", version=version)
        mcp.resource("r://x", version=version)(_saying(f"resource {version}"))
        mcp.prompt(_saying(f"prompt {version}"), name="p", version=version)
    for wanted, got in ((None, "2"), ("1", "1")):
        assert f"tool {got}" in str((await mcp.call_tool("t", version=wanted)).content)
        assert f"resource {got}" in str((await mcp.read_resource("r://x", version=wanted)).contents)
        assert f"prompt {got}" in str((await mcp.render_prompt("p", version=wanted)).messages)
        peer = await Peer(mcp.http_app()).open()
        meta = {"fastmcp": {"version": wanted}} if wanted else None
        assert (await peer.call("t", meta=meta)).text == f"tool {got}"
        read = await peer.request("resources/read", {"uri": "r://x"}, meta=meta)
        assert read.result["contents"][0]["text"] == f"resource {got}"
        prompt = await peer.request("prompts/get", {"name": "p"}, meta=meta)
        assert prompt.result["messages"][0]["content"]["text"] == f"prompt {got}"


def _saying(text: str) -> Any:
    async def say() -> str:
        return text

    return say
