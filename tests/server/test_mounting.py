"""A server that is mounted on another: its names, its middleware, its lifespan, its client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from fastmcp import Client, Context, FastMCP
from fastmcp.exceptions import (
    FastMCPDeprecationWarning,
    McpError,
    NotFoundError,
    ToolError,
    UpstreamError,
)
from fastmcp.server.bus import ResourceUpdated
from fastmcp.server.middleware import Middleware
from fastmcp.server.providers import AggregateProvider, FastMCPProvider, Provider
from tests.support.asgi import STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)


def kitchen(name: str = "kitchen", **settings: Any) -> FastMCP:
    server = FastMCP(name, **settings)

    @server.tool(tags={"hot"})
    async def cook(dish: str, ctx: Context) -> str:
        """Makes a dish."""
        await ctx.info(f"cooking {dish}")
        return f"{dish} from {ctx.fastmcp.name}, {ctx.lifespan_context.get('oven')}"

    @server.tool
    async def ask(ctx: Context) -> str:
        answer = await ctx.elicit("What?", str)
        return str(getattr(answer, "data", answer.action))

    @server.tool
    async def burn() -> str:
        raise ValueError("the secret recipe")

    @server.resource("menu://today")
    async def menu() -> str:
        return "soup"

    @server.resource("menu://days/{day}")
    async def of_day(day: str) -> str:
        return f"soup on {day}"

    @server.prompt
    async def praise(dish: str) -> str:
        return f"Praise {dish}"

    return server


async def names(server: FastMCP) -> list[str]:
    return [tool.name for tool in await server.list_tools()]


async def test_names():
    house = FastMCP("house")
    house.mount(kitchen(), "k")
    assert await names(house) == ["k_cook", "k_ask", "k_burn"]
    assert [r.uri for r in await house.list_resources()] == ["menu://k/today"]
    templates = await house.list_resource_templates()
    assert [t.uri_template for t in templates] == ["menu://k/days/{day}"]
    assert [p.name for p in await house.list_prompts()] == ["k_praise"]
    assert (await house.read_resource("menu://k/today")).contents[0].content == "soup"
    assert (await house.read_resource("menu://k/days/a b")).contents[0].content == "soup on a b"
    with pytest.raises(NotFoundError):
        await house.call_tool("cook", {"dish": "x"})
    with pytest.raises(NotFoundError):
        await house.read_resource("menu://today")


async def test_without_a_namespace_the_own_come_first_and_then_the_first():
    house = FastMCP("house")

    @house.tool
    async def ask() -> str:
        return "house"

    house.mount(kitchen("one"))
    house.mount(kitchen("two"))
    assert await names(house) == ["ask", "cook", "burn"]
    assert (await house.call_tool("ask")).structured_content == {"result": "house"}
    assert "from one" in (await house.call_tool("cook", {"dish": "x"})).content[0].text


async def test_other_names_for_tools():
    house = FastMCP("house")
    house.mount(kitchen(), "k", tool_names={"cook": "make", "burn": "cook"})
    assert await names(house) == ["k_make", "k_ask", "k_cook"]
    assert "soup" in (await house.call_tool("k_make", {"dish": "soup"})).content[0].text
    with pytest.raises(ToolError, match="secret"):
        await house.call_tool("k_cook")
    assert await house.get_tool("k_burn") is None


async def test_what_changes_there_changes_here():
    inner, house = kitchen(), FastMCP("house")
    house.mount(inner, "k")
    assert len(await names(house)) == 3

    @inner.tool
    async def wash() -> str:
        return "clean"

    assert "k_wash" in await names(house)
    assert (await house.call_tool("k_wash")).content[0].text == "clean"
    inner.local_provider.remove_tool("wash")
    assert "k_wash" not in await names(house)
    inner.disable(tags={"hot"})
    assert "k_cook" not in await names(house)
    house.disable(names={"k_ask"})
    assert await names(house) == ["k_burn"]


async def test_mounted_on_a_mounted_one():
    flat, house = FastMCP("flat"), FastMCP("house")
    flat.mount(kitchen(), "k")
    house.mount(flat, "f")
    assert "f_k_cook" in await names(house)
    assert (await house.read_resource("menu://f/k/days/x")).contents[0].content == "soup on x"
    found = await house.call_tool("f_k_cook", {"dish": "a"})
    assert "from kitchen" in found.content[0].text


class Waiter(Middleware):
    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        self.log.append(f"{self.name} {context.message.name}")
        return await call_next(context)

    async def on_list_tools(self, context: Any, call_next: Any) -> Any:
        found = await call_next(context)
        return [tool for tool in found if not tool.name.endswith("burn")]


async def test_its_middleware_sees_its_calls():
    log: list[str] = []
    house = FastMCP("house", middleware=[Waiter("house", log)])
    house.mount(kitchen(middleware=[Waiter("kitchen", log)]), "k")
    await house.call_tool("k_cook", {"dish": "x"})
    assert log == ["house k_cook", "kitchen cook"]
    assert await names(house) == ["k_cook", "k_ask"]


async def test_what_its_middleware_says_is_the_answer():
    class Closed(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            raise McpError(-32050, "closed on Mondays")

    house = FastMCP("house")
    house.mount(kitchen(middleware=[Closed()]), "k")
    with pytest.raises(McpError, match="closed on Mondays") as caught:
        await house.call_tool("k_cook", {"dish": "x"})
    assert caught.value.code == -32050


async def test_masked_there_is_masked_here(caplog: pytest.LogCaptureFixture):
    house = FastMCP("house")
    house.mount(kitchen(mask_error_details=True), "k")
    with pytest.raises(ToolError) as caught:
        await house.call_tool("k_burn")
    assert str(caught.value) == "Error calling tool 'burn'"
    FastMCP("vault", mask_error_details=True).mount(kitchen(), "k")
    assert "mask_error_details=True as well" in caplog.text


async def test_the_old_spelling():
    house = FastMCP("house")
    with pytest.warns(FastMCPDeprecationWarning, match="namespace"):
        house.mount(kitchen(), prefix="k")
    assert "k_cook" in await names(house)


async def test_as_a_provider():
    house = FastMCP("house", providers=[FastMCPProvider(kitchen())])
    house.add_provider(FastMCPProvider(kitchen("other")), namespace="o")
    assert await names(house) == ["cook", "ask", "burn", "o_cook", "o_ask", "o_burn"]


@pytest.mark.parametrize("version", ERAS)
async def test_on_the_wire(version: str):
    """Its lifespan runs, its handlers reach the client, its routes are served."""
    lived: list[str] = []

    @asynccontextmanager
    async def oven(server: Any) -> AsyncIterator[dict[str, str]]:
        lived.append("on")
        yield {"oven": "hot oven"}
        lived.append("off")

    inner, house = kitchen(lifespan=oven), FastMCP("house")
    house.mount(inner, "k")

    @inner.custom_route("/smell", methods=["GET"])
    async def smell(request: Request) -> PlainTextResponse:
        return PlainTextResponse("good")

    app = house.http_app()
    async with app.lifespan(app):
        peer = await Peer(app, version, capabilities={"elicitation": {}}).open()
        peer.log_level = "info"
        listed = (await peer.request("tools/list")).result["tools"]
        assert [tool["title"] for tool in listed] == ["K Cook", "K Ask", "K Burn"]
        assert listed[0]["inputSchema"]["required"] == ["dish"]
        assert listed[0]["_meta"] == {"fastmcp": {"tags": ["hot"]}}
        called = await peer.call("k_cook", {"dish": "soup"})
        assert called.text == "soup from kitchen, hot oven"
        said = called.sent("notifications/message")[0]["params"]["data"]
        assert said == {"msg": "cooking soup", "extra": None}
        assert (await peer.send("GET", path="/smell").done()).body == b"good"
    assert lived == ["on", "off"]


async def test_it_asks_the_client():
    house = FastMCP("house")
    house.mount(kitchen(), "k")
    app = house.http_app()
    async with app.lifespan(app):
        peer = await Peer(app, STATELESS, capabilities={"elicitation": {}}).open()
        asking = await peer.start_call("k_ask").until(lambda live: live.finished)
        first = asking.result
        assert first["resultType"] == "input_required"
        [key] = first["inputRequests"]
        answer = {"action": "accept", "content": {"value": "soup"}}
        params = {
            "name": "k_ask",
            "arguments": {},
            "requestState": first["requestState"],
            "inputResponses": {key: answer},
        }
        assert (await peer.request("tools/call", params)).text == "soup"


async def test_its_changes_are_told():
    inner, house = kitchen(), FastMCP("house")
    house.mount(inner, "k")
    app = house.http_app()
    async with app.lifespan(app):
        peer = await Peer(app).open()
        await peer.request("resources/subscribe", {"uri": "menu://k/today"})
        stream = peer.listen()
        await stream.until(lambda live: live.status)
        inner.tool(lambda: "x", name="more")
        inner.bus.publish(ResourceUpdated(uri="menu://today"))
        await stream.until(lambda live: len(live.messages) >= 2)
        assert stream.sent("notifications/tools/list_changed")
        [updated] = stream.sent("notifications/resources/updated")
        assert updated["params"] == {"uri": "menu://k/today"}
        stream.leave()
        await stream.done()


async def test_completion_of_its_own():
    inner, house = kitchen(), FastMCP("house")

    @inner.completion
    async def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return [f"{ref.name} {argument.value}"]

    house.mount(inner, "k")
    app = house.http_app()
    async with app.lifespan(app):
        peer = await Peer(app).open()
        params = {
            "ref": {"type": "ref/prompt", "name": "k_praise"},
            "argument": {"name": "dish", "value": "s"},
        }
        found = (await peer.request("completion/complete", params)).result["completion"]
        assert found["values"] == ["praise s"]
        params["ref"]["name"] = "praise"
        assert (await peer.request("completion/complete", params)).error["code"] == -32602


class Oven:
    """A lifespan, and when it was on."""

    def __init__(self) -> None:
        self.lived: list[str] = []
        self.failing = 0

    @asynccontextmanager
    async def __call__(self, server: Any) -> AsyncIterator[dict[str, str]]:
        assert Context.current() is None  # it belongs to no call
        if self.failing:
            self.failing -= 1
            raise RuntimeError("the secret fuse")
        self.lived.append("on")
        yield {"oven": "hot oven"}
        self.lived.append("off")


@pytest.mark.parametrize("had_one", [False, True])
@pytest.mark.parametrize("version", ERAS)
async def test_mounted_while_the_server_runs(version: str, had_one: bool):
    oven, house, late = Oven(), FastMCP("house"), FastMCP("late")
    if had_one:
        house.mount(FastMCP("early"))
    app = house.http_app()
    async with app.lifespan(app):
        peer = await Peer(app, version).open()
        assert (await peer.request("tools/list")).result["tools"] == []
        late.mount(kitchen(lifespan=oven), "k")
        house.mount(late)
        calls = [peer.call("k_cook", {"dish": dish}) for dish in ("soup", "rice", "figs")]
        answers = [answer.text for answer in await asyncio.gather(*calls)]
        assert answers == [f"{d} from kitchen, hot oven" for d in ("soup", "rice", "figs")]
        assert oven.lived == ["on"]
    assert oven.lived == ["on", "off"]


async def test_a_first_call_that_is_cancelled_ends_no_lifespan_of_others():
    begun, gate, lived = asyncio.Event(), asyncio.Event(), []

    @asynccontextmanager
    async def slow(server: Any) -> AsyncIterator[None]:
        begun.set()
        await gate.wait()
        lived.append("on")
        yield
        lived.append("off")

    house = FastMCP("house")
    async with Client(house) as client:
        house.mount(kitchen(lifespan=slow))
        first = asyncio.create_task(client.list_tools())
        await begun.wait()
        second = asyncio.create_task(client.call_tool("cook", {"dish": "soup"}))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.set()
        assert (await second).data == "soup from kitchen, None"
        assert lived == ["on"]
    assert lived == ["on", "off"]


async def test_a_late_lifespan_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture):
    oven, house = Oven(), FastMCP("house")
    oven.failing = 2
    async with Client(house) as client:
        house.mount(kitchen(lifespan=oven), "k")
        assert await client.list_tools() == []  # what others have could still be listed
        with pytest.raises(ToolError, match=r"'kitchen'.* could not be started") as failed:
            await client.call_tool("k_cook", {"dish": "soup"})
        assert "fuse" not in str(failed.value)
        assert "the secret fuse" in caplog.text
        assert (await client.call_tool("k_cook", {"dish": "soup"})).data.endswith("hot oven")
    assert oven.lived == ["on", "off"]


@pytest.mark.parametrize("version", ERAS)
async def test_one_that_cannot_be_started_keeps_nobody_from_the_others(version: str):
    oven, house, well = Oven(), kitchen("house"), kitchen("well")
    oven.failing = 1000
    app = house.http_app()
    async with app.lifespan(app):
        house.mount(kitchen(lifespan=oven), "k")
        house.mount(well, "w")
        peer = await Peer(app, version).open()
        listed = (await peer.request("tools/list")).result["tools"]
        assert [t["name"] for t in listed] == ["cook", "ask", "burn", "w_cook", "w_ask", "w_burn"]
        if version == STATELESS:
            asked = {"resourceSubscriptions": ["menu://w/today"]}
            live = peer.start("subscriptions/listen", {"notifications": asked})
            await live.until(lambda live: live.messages)
            well.engine.bus.publish(ResourceUpdated(uri="menu://today"))
            await live.until(lambda live: live.sent("notifications/resources/updated"))
            live.leave()
            await live.done()
        else:
            await peer.request("resources/subscribe", {"uri": "menu://w/today"})
            await peer.request("resources/unsubscribe", {"uri": "menu://w/today"})


async def test_providers_that_are_equal_or_have_no_hash():
    entered: list[int] = []

    @dataclass
    class Shelf(Provider):
        names: tuple[str, ...] = ()

        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            entered.append(id(self))
            yield

    first, second, late = Shelf(), Shelf(), Shelf()
    house = FastMCP("house", providers=[first, second])
    async with Client(house) as client:
        house.add_provider(late)
        await client.list_tools()
    assert entered == [id(first), id(second), id(late)]


@pytest.mark.parametrize("ticks", range(6))
async def test_a_late_lifespan_is_left_whenever_its_first_caller_leaves(ticks: int):
    lived: list[str] = []

    class Shelf(Provider):
        @asynccontextmanager
        async def lifespan(self) -> AsyncIterator[None]:
            lived.append("on")
            loop = asyncio.get_running_loop()

            def later(left: int) -> None:
                if left:
                    loop.call_soon(later, left - 1)
                else:
                    call.cancel()

            later(ticks)
            yield
            lived.append("off")

    shelves = AggregateProvider()
    async with shelves.lifespan():
        shelves.add_provider(Shelf())
        call = asyncio.create_task(shelves.list_tools())
        await asyncio.wait([call])
    async with asyncio.timeout(10):
        while lived != ["on", "off"]:  # noqa: ASYNC110  (a task of the loop says it)
            await asyncio.sleep(0)


async def test_a_server_that_stops_waits_for_no_late_lifespan():
    begun, never, house = asyncio.Event(), asyncio.Event(), FastMCP("house")

    @asynccontextmanager
    async def slow(server: Any) -> AsyncIterator[None]:
        begun.set()
        await never.wait()
        yield

    async with asyncio.timeout(10):
        async with house.engine.lifespan.use():
            house.mount(kitchen(lifespan=slow))
            call = asyncio.create_task(house.call_tool("cook", {"dish": "soup"}))
            await begun.wait()
        with pytest.raises(UpstreamError, match="before the server stopped"):
            await call


async def test_what_changes_on_a_server_that_was_mounted_late_is_told():
    inner, house, told = kitchen(), FastMCP("house"), asyncio.Event()

    async def hear(message: Any) -> None:
        if message.method == "notifications/tools/list_changed":
            told.set()

    async with Client(house, message_handler=hear) as client:
        house.mount(inner)
        async with asyncio.timeout(10):
            await told.wait()
            assert len(await client.list_tools()) == 3
            told.clear()

            @inner.tool
            def fry() -> str:
                return "fried"

            await told.wait()


async def test_a_circle_that_is_made_later():
    house, shelves = kitchen("house"), AggregateProvider()
    house.add_provider(shelves)
    async with Client(house) as client:
        shelves.add_provider(FastMCPProvider(house))
        assert [tool.name for tool in await client.list_tools()] == ["cook", "ask", "burn"]
    with pytest.raises(RuntimeError, match="for ever"):
        async with Client(house):
            pass


async def test_a_long_circle_that_is_made_later():
    house, barn, shelves = kitchen("house"), FastMCP("barn"), AggregateProvider()
    barn.add_provider(shelves)
    async with Client(house) as client:
        house.mount(barn)
        shelves.add_provider(FastMCPProvider(house))
        async with asyncio.timeout(10):
            assert {tool.name for tool in await client.list_tools()} == {"cook", "ask", "burn"}


def test_no_circle():
    one, two, three = FastMCP("one"), FastMCP("two"), FastMCP("three")
    one.mount(two)
    two.mount(three)
    with pytest.raises(ValueError, match=r"'one'.* cannot be mounted on .*'three'"):
        three.mount(one)
    with pytest.raises(ValueError, match=r"'one'.* cannot be mounted on .*'one'"):
        one.mount(one)
    with pytest.raises(ValueError, match="for ever"):
        three.add_provider(FastMCPProvider(one), namespace="n")
    with pytest.raises(ValueError, match="for ever"):
        three.add_provider(AggregateProvider([FastMCPProvider(two)]))
    one.mount(three)  # twice in the tree is no circle
