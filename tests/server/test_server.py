"""What an author of a server holds: construction, decorators, lists, the program's own calls."""

from __future__ import annotations

import logging
from typing import Any

import mcp_types
import pytest

from fastmcp import FastMCP
from fastmcp.exceptions import NotFoundError, ToolError, ValidationError
from fastmcp.prompts import Prompt
from fastmcp.resources import Resource
from fastmcp.server.middleware import Middleware
from tests.support.asgi import STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)


def test_names_and_info():
    assert FastMCP().name.startswith("FastMCP-")
    mcp = FastMCP("n", "use it", version=2, website_url="https://w.example")
    assert (mcp.name, mcp.version, mcp.website_url) == ("n", "2", "https://w.example")
    assert repr(mcp) == "FastMCP('n')"
    assert mcp.instructions == "use it"
    mcp.instructions = "or not"
    assert mcp.instructions == "or not"


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"host": "x"}, TypeError, "no longer accepts `host`"),
        ({"sampling_handler": 1}, TypeError, "no longer accepts"),
        ({"nonsense": 1}, TypeError, "unexpected keyword argument"),
        ({"list_page_size": 0}, ValueError, "positive"),
        ({"cache_ttl": 0}, ValueError, "cache_ttl"),
        ({"cache_scope": "public"}, ValueError, "needs cache_ttl"),
        ({"version": ["1"]}, TypeError, "Version must be"),
        ({"client_log_level": "loud"}, ValueError, "client_log_level"),
        ({"on_disconnect": "maybe"}, ValueError, '"cancel" or "continue"'),
    ],
)
def test_what_it_does_not_take(options: dict[str, Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        FastMCP("x", **options)


def test_decorators_return_the_function():
    mcp = FastMCP("d")

    def f() -> str:
        return "f"

    assert mcp.tool(f) is f
    assert mcp.tool()(f) is f
    assert mcp.tool("g")(f) is f
    assert mcp.tool(name="h")(f) is f
    assert mcp.tool(f, name="i") is f
    assert mcp.prompt(f) is f
    assert mcp.resource("r://f")(f) is f
    with pytest.raises(TypeError):
        mcp.tool("a", name="b")
    with pytest.raises(TypeError):
        mcp.resource(f)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_pagination(version: str, size: int):
    mcp = FastMCP("pages", list_page_size=size)
    for number in range(7):
        mcp.tool(lambda: 1, name=f"t{number}")
    peer = await Peer(mcp.http_app(), version).open()
    names: list[str] = []
    pages, cursor = 0, None
    while pages == 0 or cursor is not None:
        params = {} if cursor is None else {"cursor": cursor}
        result = (await peer.request("tools/list", params)).result
        assert len(result["tools"]) <= size
        names += [tool["name"] for tool in result["tools"]]
        cursor = result.get("nextCursor")
        pages += 1
    assert names == [f"t{number}" for number in range(7)]
    assert pages == -(-7 // size)


async def test_a_list_that_changed_between_pages_is_noticed():
    mcp = FastMCP("pages", list_page_size=2)
    for number in range(5):
        mcp.tool(lambda: 1, name=f"t{number}")
    peer = await Peer(mcp.http_app()).open()
    cursor = (await peer.request("tools/list")).result["nextCursor"]
    mcp.remove_tool("t0")
    live = await peer.request("tools/list", {"cursor": cursor})
    assert live.error["code"] == -32602


@pytest.mark.parametrize("version", ERAS)
async def test_enable_and_disable(version: str):
    mcp = FastMCP("v")
    for name, tags in (("a", {"x"}), ("b", {"y"}), ("c", set())):
        mcp.tool(lambda: 1, name=name, tags=tags)
    peer = await Peer(mcp.http_app(), version).open()

    async def names() -> list[str]:
        return [tool["name"] for tool in (await peer.request("tools/list")).result["tools"]]

    assert await names() == ["a", "b", "c"]
    assert mcp.disable(tags={"x"}) is mcp
    assert await names() == ["b", "c"]
    live = await peer.call("a")
    said = live.error["message"] if peer.stateless else live.text
    assert said == "Unknown tool: 'a'"
    mcp.enable(tags={"x"}, only=True)
    assert await names() == ["a"]
    assert (await peer.call("a")).text == "1"


async def test_the_program_calls():
    mcp = FastMCP("p")

    @mcp.tool
    async def add(a: int, b: int) -> int:
        return a + b

    assert (await mcp.call_tool("add", {"a": 1, "b": 2})).structured_content == {"result": 3}
    with pytest.raises(NotFoundError):
        await mcp.call_tool("nobody")
    with pytest.raises(ValidationError):
        await mcp.call_tool("add", {"a": "x"})
    with pytest.raises(NotFoundError):
        await mcp.read_resource("r://none")
    with pytest.raises(NotFoundError):
        await mcp.render_prompt("nobody")
    assert await mcp.get_tool("add") is not None
    assert await mcp.get_tool("nobody") is None


async def test_strict_validation():
    for strict in (False, True):
        mcp = FastMCP("s", strict_input_validation=strict)

        @mcp.tool
        async def double(n: int) -> int:
            return 2 * n

        peer = await Peer(mcp.http_app()).open()
        assert (await peer.call("double", {"n": "5"})).result.get("isError", False) is strict


async def test_instructions_and_capabilities():
    mcp = FastMCP("i", "use it", experimental_capabilities={"x": {}})
    for version in ERAS:
        peer = Peer(mcp.http_app(), version)
        if peer.stateless:
            result = (await peer.request("server/discover")).result
        else:
            params = {
                "protocolVersion": version,
                "capabilities": {},
                "clientInfo": {"name": "c", "version": "1"},
            }
            result = (await peer.request("initialize", params)).result
        assert result["instructions"] == "use it"
        assert result["capabilities"]["experimental"] == {"x": {}}
        for kind in ("tools", "prompts", "resources"):
            assert result["capabilities"][kind]["listChanged"] is True
        assert result["capabilities"]["resources"]["subscribe"] is True
        assert "completions" not in result["capabilities"]


def test_unknown_transport():
    with pytest.raises(ValueError, match="Unknown transport"):
        FastMCP("x").run("pigeon")  # type: ignore[arg-type]


def test_local_components_are_removed():
    mcp = FastMCP("local")
    mcp.tool(lambda: 1, name="t")
    mcp.prompt(lambda: "p", name="p")
    mcp.resource("r://x", name="r")(lambda: "x")
    mcp.resource("r://{y}", name="y")(lambda y: y)
    local = mcp.local_provider
    for remove, name in (
        (local.remove_tool, "t"),
        (local.remove_prompt, "p"),
        (local.remove_resource, "r://x"),
        (local.remove_template, "r://{y}"),
    ):
        remove(name)
        with pytest.raises(KeyError):
            remove(name)


@pytest.mark.parametrize("era", ERAS)
async def test_own_components_may_return_plain_values(era: str):
    class Note(Resource):
        async def read(self) -> Any:
            return self.name

    class Ask(Prompt):
        async def render(self, arguments: dict[str, Any] | None = None) -> Any:
            return "say it"

    mcp = FastMCP("own")
    mcp.add_resource(Note(uri="r://n", name="noted", mime_type="text/x-note"))
    mcp.add_prompt(Ask(name="ask"))
    peer = Peer(mcp.http_app(), era)
    if era != STATELESS:
        await peer.open()
    [content] = (await peer.request("resources/read", {"uri": "r://n"})).result["contents"]
    assert content == {"uri": "r://n", "mimeType": "text/x-note", "text": "noted"}
    [message] = (await peer.request("prompts/get", {"name": "ask"})).result["messages"]
    assert message == {"role": "user", "content": {"type": "text", "text": "say it"}}


async def test_expected_failures_are_logged_without_what_the_client_sent(
    caplog: pytest.LogCaptureFixture,
):
    mcp = FastMCP("logs")

    @mcp.tool
    def quiet(n: int) -> None:
        raise ToolError("no", log_level=logging.INFO)

    with caplog.at_level(logging.INFO):
        with pytest.raises(ValidationError):
            await mcp.call_tool("quiet", {"n": "secret"})
        with pytest.raises(ToolError):
            await mcp.call_tool("quiet", {"n": 1})
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        ("WARNING", "Invalid arguments for tool 'quiet': int_parsing"),
        ("INFO", "Error calling tool 'quiet'"),
    ]
    assert all(record.exc_info is None for record in caplog.records)


async def test_middleware_may_change_what_discover_says():
    class Add(Middleware):
        async def on_discover(self, context: Any, call_next: Any) -> Any:
            assert isinstance(context.message, mcp_types.DiscoverRequest)
            found = await call_next(context)
            return found.model_copy(update={"instructions": "added"})

    peer = Peer(FastMCP("d", middleware=[Add()]).http_app(), STATELESS)
    assert (await peer.request("server/discover")).result["instructions"] == "added"
