"""Several servers as one: servers in this process, in child processes, and some that are away."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import mcp_types
import pytest
from aiohttp import web

from fastmcp import Client, Context, FastMCP
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.errors import ConnectionClosedError
from fastmcp.client.reshaping import Reshaping, ToolChange
from fastmcp.client.transports import (
    FastMCPTransport,
    MCPConfigTransport,
    StdioTransport,
    StreamableHttpTransport,
)
from fastmcp.client.transports.composite import CompositeTransport, Member
from fastmcp.exceptions import McpError, ToolError
from fastmcp.protocol.versions import Era
from tests.client.conftest import CHANGING, ODD, SERVED
from tests.client.ears import Ears
from tests.client.site import answer, discovered, handshake, initialized, site, text
from tests.support.locks import ROOT
from tests.support.process import Server, free_port, script, serve, until


class Legacy(FastMCPTransport):
    """To a server object of ours, as if it spoke the handshake era only."""

    legacy_only = True


def server(name: str) -> FastMCP:
    mcp = FastMCP(name, instructions=f"I am {name}.")

    @mcp.tool(tags={"kind"})
    async def who() -> str:
        return name

    @mcp.tool
    async def slow(ctx: Context, steps: int) -> str:
        for step in range(steps):
            await ctx.report_progress(step, steps)
            await ctx.info(f"{name} {step}")
        return name

    @mcp.tool
    async def ask(ctx: Context) -> str:
        said = await ctx.sample("How?")
        chosen = await ctx.elicit("Really?", bool)
        roots = await ctx.list_roots()
        return f"{said.text} {chosen} {[str(root.uri) for root in roots]}"

    @mcp.tool
    async def stuck() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(name)
        return ""

    @mcp.tool
    async def grow(ctx: Context) -> str:
        mcp.add_tool(grown)
        return "grown"

    @mcp.tool
    async def write(ctx: Context) -> str:
        params = mcp_types.ResourceUpdatedNotificationParams(uri="data://note")
        await ctx.send_notification(mcp_types.ResourceUpdatedNotification(params=params))
        return "written"

    @mcp.tool
    async def link() -> mcp_types.ResourceLink:
        return mcp_types.ResourceLink(type="resource_link", name="note", uri="data://note")

    @mcp.resource("data://note")
    async def note() -> str:
        return f"note of {name}"

    @mcp.resource("data://{day}/diary")
    async def diary(day: str) -> str:
        return f"{name} on {day}"

    @mcp.prompt
    async def plead(what: str) -> str:
        return f"{name}: {what}"

    @mcp.completion
    async def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return [f"{name} {argument.value}"]

    return mcp


def grown() -> str:
    return "I am new"


cancelled: list[str] = []


def composite(*names: str, legacy: set[str] | None = None, prefixed: bool = True) -> Any:
    return CompositeTransport(
        {
            name: Member((Legacy if name in (legacy or ()) else FastMCPTransport)(server(name)))
            for name in names
        },
        prefixed,
    )


@pytest.fixture(params=["stateless", "mixed", "legacy"])
def two(request: pytest.FixtureRequest) -> CompositeTransport:
    """Two servers in each mixture of eras."""
    legacy = {"stateless": set[str](), "mixed": {"sun"}, "legacy": {"sun", "moon"}}
    return composite("sun", "moon", legacy=legacy[request.param])


async def test_two_servers_are_one(two: CompositeTransport) -> None:
    async with Client(two) as client:
        names = {tool.name for tool in await client.list_tools()}
        assert {"sun_who", "moon_who"} <= names
        assert (await client.call_tool("sun_who")).data == "sun"
        assert (await client.call_tool("moon_who")).data == "moon"

        assert {str(r.uri) for r in await client.list_resources()} == {
            "data://sun/note",
            "data://moon/note",
        }
        [content] = await client.read_resource("data://moon/note")
        assert (str(content.uri), content.text) == ("data://moon/note", "note of moon")  # type: ignore[union-attr]
        assert {t.uri_template for t in await client.list_resource_templates()} == {
            "data://sun/{day}/diary",
            "data://moon/{day}/diary",
        }
        [content] = await client.read_resource("data://sun/may/diary")
        assert content.text == "sun on may"  # type: ignore[union-attr]

        assert {p.name for p in await client.list_prompts()} == {"sun_plead", "moon_plead"}
        prompt = await client.get_prompt("moon_plead", {"what": "shine"})
        assert prompt.messages[0].content.text == "moon: shine"  # type: ignore[union-attr]

        assert client.instructions == "# sun\nI am sun.\n\n# moon\nI am moon."


async def test_the_era_in_front(two: CompositeTransport) -> None:
    """The stateless one if all speak it."""
    stateless = not any(member.transport.legacy_only for member in two.members.values())
    for _ in range(2):  # what it was the first time changes nothing
        async with Client(two) as client:
            assert client.session.era is (Era.STATELESS if stateless else Era.HANDSHAKE)
    async with Client(two, mode="legacy") as client:
        assert client.session.era is Era.HANDSHAKE
        assert (await client.call_tool("sun_who")).data == "sun"


async def test_completion_and_links(two: CompositeTransport) -> None:
    async with Client(two) as client:
        for ref in (
            mcp_types.PromptReference(type="ref/prompt", name="sun_plead"),
            mcp_types.ResourceTemplateReference(type="ref/resource", uri="data://sun/{day}/diary"),
        ):
            completion = await client.complete(ref, {"name": "what", "value": "sh"})
            assert completion.values == ["sun sh"]
        [link] = (await client.call_tool("moon_link")).content
        [content] = await client.read_resource(link.uri)  # type: ignore[union-attr]
        assert content.text == "note of moon"  # type: ignore[union-attr]


async def test_progress_and_log_messages_of_each_call(two: CompositeTransport) -> None:
    logged: list[tuple[str | None, Any]] = []

    async def log(message: Any) -> None:
        logged.append((message.logger, message.data["msg"]))

    async def call(name: str, steps: int) -> list[float]:
        heard: list[float] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            heard.append(done)

        await client.call_tool(f"{name}_slow", {"steps": steps}, progress_handler=progress)
        return heard

    async with Client(two, log_handler=log) as client:
        assert await asyncio.gather(call("sun", 3), call("moon", 2)) == [[0, 1, 2], [0, 1]]
    assert sorted(data for _, data in logged) == ["moon 0", "moon 1", "sun 0", "sun 1", "sun 2"]
    assert {logger for logger, _ in logged} == {"sun", "moon"}


async def test_questions_are_answered_by_the_one_client(two: CompositeTransport) -> None:
    async def elicit(message: str, kind: Any, params: Any, context: Any) -> ElicitResult[Any]:
        return ElicitResult(action="accept", content={"value": True})

    client = Client(
        two,
        sampling_handler=lambda messages, params, context: "Well.",
        elicitation_handler=elicit,
        roots=["file:///home"],
    )
    async with client:
        for name in ("sun", "moon"):
            said = (await client.call_tool(f"{name}_ask")).data
            assert said.startswith("Well. ")
            assert "data=True" in said
            assert "file:///home" in said


async def test_cancelling_a_call_cancels_it_there(two: CompositeTransport) -> None:
    cancelled.clear()
    async with Client(two) as client:
        with pytest.raises(McpError, match="timed out"):
            await client.call_tool("moon_stuck", timeout=0.2)
        assert (await client.call_tool("moon_who")).data == "moon"
        call = asyncio.create_task(client.call_tool("sun_stuck"))
        await client.call_tool("sun_who")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: cancelled == ["moon", "sun"], "both servers cancel", 5)


async def test_a_changed_list_is_told_and_listed(two: CompositeTransport) -> None:
    changed = asyncio.Event()

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            changed.set()

    async with Client(two, message_handler=hear) as client:
        before = await client.list_tools()
        async with asyncio.timeout(10):
            while not changed.is_set():  # a subscription takes a moment to be there
                await client.call_tool("moon_grow")
                await asyncio.sleep(0.05)
        assert len(await client.list_tools()) == len(before) + 1
        assert (await client.call_tool("moon_grown")).data == "I am new"


async def test_a_resource_that_changed_is_told_under_its_name(two: CompositeTransport) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            heard.put_nowait(str(message.params.uri))

    async with Client(two, message_handler=hear) as client:
        await client.subscribe_resource("data://moon/note")
        await client.call_tool("sun_write")  # nobody asked for it
        await client.call_tool("moon_write")
        assert await asyncio.wait_for(heard.get(), 5) == "data://moon/note"

        await client.subscribe_resource("data://sun/note")
        await client.call_tool("sun_write")
        assert await asyncio.wait_for(heard.get(), 5) == "data://sun/note"

        with pytest.raises(McpError):
            await client.subscribe_resource("data://mars/note")  # and the others stay

        await client.unsubscribe_resource("data://moon/note")
        uris = {"data://moon/note"}
        async with asyncio.timeout(15):
            while "data://moon/note" in uris:  # a subscription outlives its successor's beginning
                uris = set()
                await client.call_tool("moon_write")
                await client.call_tool("sun_write")
                while "data://sun/note" not in uris or not heard.empty():
                    uris.add(await heard.get())


async def test_unknown_names(two: CompositeTransport) -> None:
    async with Client(two) as client:
        with pytest.raises(ToolError, match=r"Unknown tool: 'mars_who'\. The servers are 'sun'"):
            await client.call_tool("mars_who")
        with pytest.raises(ToolError, match="nothing"):
            await client.call_tool("sun_nothing")
        with pytest.raises(McpError, match="Unknown prompt"):
            await client.get_prompt("plead")
        with pytest.raises(McpError, match="Unknown resource"):
            await client.read_resource("data://mars/note")


async def test_ping_and_level_where_the_era_has_them() -> None:
    heard: list[Any] = []

    async def log(message: Any) -> None:
        heard.append(message.data["msg"])

    client = Client(composite("sun", "moon", legacy={"sun"}), log_handler=log)
    async with client:
        assert await client.ping()
        for name in ("sun", "moon"):
            await client.call_tool(f"{name}_slow", {"steps": 1})
        assert heard == ["sun 0", "moon 0"]
        await client.set_logging_level("error")
        for name in ("sun", "moon"):
            await client.call_tool(f"{name}_slow", {"steps": 1})
        assert heard == ["sun 0", "moon 0"]


# --- names -------------------------------------------------------------------------------------


async def test_the_longest_name_of_a_server_decides() -> None:
    a, a_b = FastMCP("a"), FastMCP("a_b")
    a.add_tool(lambda_named("b_x", "b_x of a"))
    a.add_tool(lambda_named("b_y", "b_y of a"))
    a_b.add_tool(lambda_named("x", "x of a_b"))
    members = {"a": Member(FastMCPTransport(a)), "a_b": Member(FastMCPTransport(a_b))}
    async with Client(CompositeTransport(members)) as client:
        assert (await client.call_tool("a_b_x")).data == "x of a_b"
        assert (await client.call_tool("a_b_y")).data == "b_y of a"  # a_b has no y
        assert {tool.name for tool in await client.list_tools()} == {"a_b_x", "a_b_y"}


def lambda_named(name: str, says: str) -> Any:
    def fn() -> str:
        return says

    fn.__name__ = name
    return fn


async def test_without_prefixes_the_first_has_the_name() -> None:
    async with Client(composite("sun", "moon", prefixed=False)) as client:
        assert [tool.name for tool in await client.list_tools()].count("who") == 1
        assert (await client.call_tool("who")).data == "sun"
        [content] = await client.read_resource("data://note")
        assert content.text == "note of sun"  # type: ignore[union-attr]
        [content] = await client.read_resource("data://june/diary")
        assert content.text == "sun on june"  # type: ignore[union-attr]


async def test_pages_are_read_to_the_end() -> None:
    many, one = FastMCP("many", list_page_size=2), FastMCP("one")
    for i in range(7):
        many.add_tool(lambda_named(f"t{i}", "t"))
    one.add_tool(lambda_named("t", "t"))
    members = {"many": Member(FastMCPTransport(many)), "one": Member(FastMCPTransport(one))}
    async with Client(CompositeTransport(members)) as client:
        names = [tool.name for tool in await client.list_tools()]
        assert names == [*(f"many_t{i}" for i in range(7)), "one_t"]


async def test_the_most_cautious_page_says_how_long_a_list_holds() -> None:
    pages = [("a", 60_000, "public", "1"), ("b", 1_000, "public", "2"), ("c", 5_000, "private", "")]

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "server/discover":
            return answer(message, discovered())
        name, ttl, scope, cursor = pages[int(message["params"].get("cursor", "0"))]
        page: dict[str, Any] = {"tools": [{"name": name, "inputSchema": {"type": "object"}}]}
        page |= {"resultType": "complete", "ttlMs": ttl, "cacheScope": scope}
        return answer(message, {**page, **({"nextCursor": cursor} if cursor else {})})

    async with site(post) as seen:
        member = Member(StreamableHttpTransport(seen.url))
        async with Client(CompositeTransport({"far": member})) as client:
            listed = await client.session.request("tools/list", {})
    assert [tool["name"] for tool in listed["tools"]] == ["far_a", "far_b", "far_c"]
    assert (listed["ttlMs"], listed["cacheScope"]) == (1_000, "private")


async def test_a_list_without_end(caplog: pytest.LogCaptureFixture) -> None:
    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        if message["method"] == "server/discover":
            return answer(message, discovered())
        at = int(message["params"].get("cursor", "0"))
        tool = {"name": f"t{at}", "inputSchema": {"type": "object"}}
        page = {"tools": [tool], "nextCursor": str(at + 1)}
        return answer(
            message, {**page, "resultType": "complete", "ttlMs": 0, "cacheScope": "public"}
        )

    async with site(post) as seen:
        member = Member(StreamableHttpTransport(seen.url))
        async with Client(CompositeTransport({"far": member})) as client:
            assert len(await client.list_tools()) == 250
    assert "has no end; the first 250 are taken" in caplog.text


# --- servers that are away ---------------------------------------------------------------------


def config(**servers: Mapping[str, Any]) -> dict[str, Any]:
    return {"mcpServers": servers}


CHILD = {"command": sys.executable, "args": [str(SERVED)], "env": {"PYTHONPATH": str(ROOT)}}


async def test_one_is_away_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    away = {"url": f"http://127.0.0.1:{port}/mcp"}
    changed = asyncio.Event()

    async def hear(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            changed.set()

    client = Client(config(here=CHILD, away=away), message_handler=hear, mode="legacy")
    async with client:
        assert (await client.call_tool("here_add", {"a": 1, "b": 1})).data == 2
        assert {tool.name.split("_")[0] for tool in await client.list_tools()} == {"here"}
        with pytest.raises(McpError, match="the server 'away': "):
            await client.call_tool("away_add", {"a": 1, "b": 1})
        [warning] = [r for r in caplog.records if "cannot be reached" in r.message]
        assert "'away'" in warning.message
        with serve(script(SERVED), port=port, clean=False):

            async def is_listed() -> bool:
                return "away_add" in {tool.name for tool in await client.list_tools()}

            await until(is_listed, "the other server is there", 30)
            assert (await client.call_tool("away_add", {"a": 1, "b": 1})).data == 2
            await asyncio.wait_for(changed.wait(), 5)
    await client.close()


async def test_one_loses_its_session_and_the_client_hears_of_it() -> None:
    """What changed meanwhile nobody tells: so everything there may have."""
    ears, current = Ears(), "s-1"
    subscribed: list[tuple[str, str]] = []

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        method, params = message.get("method"), message.get("params")
        if method == "initialize":
            can = {"tools": {"listChanged": True}, "resources": {"subscribe": True}}
            result = {**initialized(), "capabilities": can}
            return answer(message, result, **{"Mcp-Session-Id": current})
        if method == "server/discover" or "id" not in message:
            return await handshake(post)(request, message)
        if request.headers["Mcp-Session-Id"] != current:
            return web.Response(status=404)
        if method == "resources/subscribe":
            subscribed.append((current, params["uri"]))
        return answer(message, text("ok") if method == "tools/call" else {})

    async with site(post) as old:
        members = {"old": Member(StreamableHttpTransport(old.url)),
                   "sun": Member(FastMCPTransport(server("sun")))}  # fmt: skip
        async with Client(CompositeTransport(members), message_handler=ears) as client:
            await client.subscribe_resource("data://old/note")
            await client.call_tool_mcp("old_x", {})
            assert ears.heard == []
            current = "s-2"
            await client.call_tool_mcp("old_x", {})
            await ears.until("tools")
            await ears.until("data://old/note")
            assert subscribed == [("s-1", "data://note"), ("s-2", "data://note")]
            assert client.session.era is Era.HANDSHAKE


async def test_one_that_is_started_anew_is_told_again_what_is_wanted(mode: str) -> None:
    changing = {**CHILD, "args": [str(CHANGING)]}
    ears, uri = Ears(), "data://a/reads"
    client = Client(config(a=changing, b=changing), message_handler=ears, mode=mode)
    async with client:
        await client.subscribe_resource(uri)
        with pytest.raises(McpError):
            await client.call_tool("a_die")
        assert ears.heard == []
        await client.call_tool("a_grow", {"name": "grown"})  # which starts it
        await ears.until(uri)  # it is another now
        await client.call_tool("a_touch", {"uri": "data://reads"})
        await ears.until(uri, 2)
        told = ears.heard.count("tools")
        await client.call_tool("a_grow", {"name": "more"})
        await ears.until("tools", told + 1)
    await client.close()


async def test_one_dies_and_the_other_goes_on() -> None:
    client = Client(config(a=CHILD, b=CHILD))
    async with client:
        with pytest.raises(McpError, match=r"the server 'a': .*exit code 3") as died:
            await client.call_tool("a_die")
        assert isinstance(died.value, ConnectionClosedError)
        assert died.value.reached  # it may have acted before
        assert (await client.call_tool("b_add", {"a": 1, "b": 1})).data == 2
        assert (await client.call_tool("a_add", {"a": 1, "b": 1})).data == 2  # started anew
    await client.close()


async def test_one_that_does_not_answer_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    silent = StdioTransport(sys.executable, [str(ODD), "silent"], keep_alive=False)
    members = {"silent": Member(silent), "sun": Member(FastMCPTransport(server("sun")))}
    async with Client(CompositeTransport(members), init_timeout=5) as client:
        assert "'silent' did not answer within 4 seconds" in caplog.text
        assert (await client.call_tool("sun_who")).data == "sun"
        assert {tool.name.split("_")[0] for tool in await client.list_tools()} == {"sun"}
        with pytest.raises(McpError, match=r"the server 'silent': no answer within 5 seconds"):
            await client.call_tool("silent_who")


async def test_all_are_away() -> None:
    gone = {"command": "no-such-command"}
    with pytest.raises(RuntimeError) as caught:
        async with Client(
            config(a=gone, b={"command": sys.executable, "args": [str(ODD), "dies"]})
        ):
            pass
    said = str(caught.value)
    assert said.startswith("Client failed to connect: no server is there. a: the command 'no-such")
    assert "b: the server process ended with exit code 1: ModuleNotFoundError" in said


async def test_resources_over_http_and_stdio(served: Server) -> None:
    """Both eras, two kinds of transport, subscriptions and headers, out of a configuration."""
    client = Client(config(web={"url": served.url}, child=CHILD))
    async with client:
        calls = [client.call_tool(f"{name}_add", {"a": i, "b": 1}) for i in range(10)
                 for name in ("web", "child")]  # fmt: skip
        assert [r.data for r in await asyncio.gather(*calls)] == [i // 2 + 1 for i in range(20)]
        for name in ("web", "child"):
            [content] = await client.read_resource(f"data://{name}/greeting")
            assert content.text == "hello"  # type: ignore[union-attr]
    await client.close()


# --- changed tools -----------------------------------------------------------------------------

CHANGES = {
    "add": {
        "name": "plus_ten",
        "description": "Adds ten.",
        "tags": ["sums"],
        "arguments": {
            "a": {"name": "number", "description": "Any number."},
            "b": {"hide": True, "default": 10},
        },
    },
    "die": {"enabled": False},
}


@pytest.mark.parametrize("several", [False, True])
async def test_tools_are_changed(several: bool) -> None:
    changed = {**CHILD, "tools": CHANGES, "exclude_tags": ["kind"]}
    client = Client(config(x=changed, y=CHILD) if several else config(x=changed))
    prefix = "x_" if several else ""
    async with client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        tool = tools[f"{prefix}plus_ten"]
        assert tool.description == "Adds ten."
        assert tool.input_schema["properties"].keys() == {"number"}
        assert tool.input_schema["required"] == ["number"]
        assert tool.meta is not None
        assert tool.meta["fastmcp"]["tags"] == ["sums"]
        assert not tools.keys() & {f"{prefix}add", f"{prefix}die"}
        assert (await client.call_tool(f"{prefix}plus_ten", {"number": 4})).data == 14
        for name, arguments in (("add", {"a": 1, "b": 1}), ("die", {}), ("plus_ten", {"b": 1})):
            with pytest.raises(ToolError, match=r"Unknown tool|no argument"):
                await client.call_tool(prefix + name, arguments)
    await client.close()


async def test_tags_decide_what_is_there() -> None:
    with_tag = Member(FastMCPTransport(server("sun")), Reshaping(include_tags={"kind"}))
    without = Member(FastMCPTransport(server("moon")), Reshaping(exclude_tags={"kind"}))
    async with Client(CompositeTransport({"sun": with_tag, "moon": without})) as client:
        names = {tool.name for tool in await client.list_tools()}
        assert "sun_who" in names
        assert "moon_who" not in names
        assert not {name for name in names if name.startswith("sun_")} - {"sun_who"}
    async with Client(CompositeTransport({"sun": with_tag, "moon": without})) as client:
        assert (await client.call_tool("sun_who")).data == "sun"  # without having listed
        for hidden in ("sun_link", "moon_who"):
            with pytest.raises(ToolError, match="Unknown tool"):
                await client.call_tool(hidden)


def test_changes_that_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="both become 'x'"):
        Reshaping({"a": ToolChange(name="x"), "b": ToolChange(name="x")})
    with pytest.raises(ValueError, match=r"server 'x'.*tools\.add\.nam"):
        MCPConfigTransport(config(x={**CHILD, "tools": {"add": {"nam": "y"}}}))
