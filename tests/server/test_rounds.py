"""A handler that asks its client in the stateless era: one handler, several requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import mcp_types
import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection

from fastmcp import Client, Context, FastMCP
from fastmcp.exceptions import McpError
from fastmcp.server.middleware import Middleware as ServerMiddleware
from fastmcp.server.request_state import RequestStateSecurity
from fastmcp.tools import InputRequiredToolResult
from tests.server.transports.conftest import set_settings
from tests.support.asgi import STATELESS, Live, Peer, settled

pytestmark = pytest.mark.usefixtures("no_leaks")

ABLE = {"elicitation": {}, "sampling": {}, "roots": {}}
READ_ONLY = {"readOnlyHint": True}


class Asked:
    """A call that a client answers round by round.

    Args:
        peer: the client.
        method: of the request.
        params: of the request, the same in every round.
    """

    def __init__(self, peer: Peer, method: str, params: dict[str, Any]) -> None:
        self.peer = peer
        self.method = method
        self.params = params
        self.live: Live | None = None
        self.began: list[Live] = []

    async def send(self, **more: Any) -> dict[str, Any]:
        """The next request, answered: its result."""
        self.live = self.peer.start(self.method, {**self.params, **more})
        self.began.append(self.live)
        await self.live.until(lambda live: live.finished)
        return self.live.result

    async def retry(self, *answers: dict[str, Any], **named: dict[str, Any]) -> dict[str, Any]:
        """The next round, with an answer to each question in order, or by its key."""
        assert self.live is not None
        asked = self.live.result
        given = named or dict(zip(asked["inputRequests"], answers, strict=True))
        return await self.send(inputResponses=given, requestState=asked["requestState"])

    @property
    def error(self) -> dict[str, Any]:
        assert self.live is not None
        return self.live.error

    async def over(self) -> None:
        """Nothing of it is left: every request's task has ended."""
        for live in self.began:
            await live.done()


def calling(peer: Peer, tool: str, **arguments: Any) -> Asked:
    return Asked(peer, "tools/call", {"name": tool, "arguments": arguments})


def accept(**content: Any) -> dict[str, Any]:
    return {"action": "accept", "content": content}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": {"type": "text", "text": text}, "model": "m"}


def text(result: dict[str, Any]) -> str:
    assert result["resultType"] == "complete", result
    return result["content"][0]["text"]


class Site:
    """A server whose tools ask, and what they did."""

    def __init__(self, **options: Any) -> None:
        self.mcp = FastMCP("asking", **options)
        self.begun = 0
        self.cancelled = asyncio.Event()
        self.go_on = asyncio.Event()
        self.tasks: list[asyncio.Task[Any] | None] = []
        mcp = self.mcp

        @mcp.tool
        async def interview(ctx: Context, greeting: str = "Hello") -> str:
            self.begun += 1
            self.tasks.append(asyncio.current_task())
            try:
                name = await ctx.elicit("Your name?", str)
                self.tasks.append(asyncio.current_task())
                await ctx.report_progress(1, 2)
                model = await ctx.sample("Say hi")
                colour = await ctx.elicit("Your colour?", ["red", "blue"])
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return f"{greeting} {name.data}, {colour.data}, {model.text}"

        @mcp.tool
        async def all_at_once(ctx: Context) -> str:
            name, hi, roots = await asyncio.gather(
                ctx.elicit("Your name?", str), ctx.sample("Say hi"), ctx.list_roots()
            )
            return f"{name.data} {hi.text} {roots[0].uri}"

        @mcp.tool(annotations=READ_ONLY)
        async def look_up(ctx: Context) -> str:
            self.begun += 1
            first = await ctx.elicit("First?", str)
            second = await ctx.elicit("Second?", str)
            return f"{first.data} {second.data}"

        @mcp.tool
        async def works_on(ctx: Context) -> str:
            async def work() -> str:
                await self.go_on.wait()
                return "worked"

            work_done, name = await asyncio.gather(work(), ctx.elicit("Your name?", str))
            return f"{work_done} for {name.data}"

        @mcp.tool
        async def impatient(ctx: Context) -> str:
            try:
                async with asyncio.timeout(0.01):
                    await ctx.elicit("Quick?", bool)
            except TimeoutError:
                return "too late"
            return "in time"

        @mcp.tool
        async def waits_after(ctx: Context) -> str:
            name = await ctx.elicit("Your name?", str)
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return f"done for {name.data}"

        @mcp.tool
        async def breaks(ctx: Context) -> str:
            await ctx.elicit("Your name?", str)
            raise RuntimeError("it broke")

        @mcp.prompt
        async def ask_prompt(ctx: Context) -> str:
            return f"Greet {(await ctx.elicit('Whom?', str)).data}"

        @mcp.resource("data://asked/{id}")
        async def ask_resource(id: str, ctx: Context) -> str:
            return f"{id} for {(await ctx.elicit('Whom?', str)).data}"

    def peer(self, **options: Any) -> Peer:
        options.setdefault("capabilities", ABLE)
        return Peer(self.mcp.http_app(), STATELESS, **options)


@pytest.fixture
def site() -> Site:
    return Site()


class Names(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> Any:
        return AuthCredentials(), SimpleUser(conn.headers["authorization"])


# Round by round


async def test_a_handler_goes_on_where_it_stood(site: Site):
    call = calling(site.peer(), "interview")
    first = await call.send()
    assert first["resultType"] == "input_required"
    (question,) = first["inputRequests"].values()
    assert question["method"] == "elicitation/create"
    assert question["params"]["message"] == "Your name?"
    second = await call.retry(accept(value="Ada"))
    (question,) = second["inputRequests"].values()
    assert question["method"] == "sampling/createMessage"
    assert second["requestState"] != first["requestState"]
    await call.retry(said("hi"))
    assert text(await call.retry(accept(value="red"))) == "Hello Ada, red, hi"
    assert site.begun == 1
    assert site.tasks[0] is site.tasks[1], "a handler never changes its task"
    await call.over()


async def test_what_is_asked_at_once_is_asked_together(site: Site):
    call = calling(site.peer(), "all_at_once")
    asked = (await call.send())["inputRequests"]
    methods = [request["method"] for request in asked.values()]
    assert methods == ["elicitation/create", "sampling/createMessage", "roots/list"]
    roots = {"roots": [{"uri": "file:///home"}]}
    assert text(await call.retry(accept(value="Ada"), said("hi"), roots)) == "Ada hi file:///home"
    await call.over()


async def test_what_was_left_out_is_asked_again(site: Site):
    call = calling(site.peer(), "all_at_once")
    name, hi, roots = (await call.send())["inputRequests"]
    again = await call.retry(**{hi: said("hi")})
    assert list(again["inputRequests"]) == [name, roots]
    again = await call.retry(**{"unknown": accept(), name: accept(value="Ada")})
    assert list(again["inputRequests"]) == [roots]
    again = await call.send(requestState=again["requestState"])  # without any answer
    assert list(again["inputRequests"]) == [roots]
    assert text(await call.retry({"roots": [{"uri": "file:///x"}]})) == "Ada hi file:///x"
    await call.over()


async def test_it_speaks_through_the_request_that_is_there(site: Site):
    peer = site.peer()
    call = calling(peer, "interview")
    asked = await call.send()
    (key,) = asked["inputRequests"]
    live = peer.start(
        "tools/call",
        {
            **call.params,
            "inputResponses": {key: accept(value="Ada")},
            "requestState": asked["requestState"],
        },
        meta={"progressToken": "of the retry"},
    )
    call.began.append(live)
    await live.until(lambda live: live.finished)
    (progress,) = live.sent("notifications/progress")
    assert progress["params"]["progressToken"] == "of the retry"
    call.live = live
    await call.retry(said("hi"))
    await call.retry(accept(value="red"))
    await call.over()


async def test_it_works_on_while_it_asks(site: Site):
    call = calling(site.peer(), "works_on")
    await call.send()
    retry = asyncio.create_task(call.retry(accept(value="Ada")))
    await settled()
    assert not retry.done()
    site.go_on.set()
    assert text(await retry) == "worked for Ada"
    await call.over()


async def test_the_result_of_one_that_did_not_wait_is_kept_for_the_retry(site: Site):
    call = calling(site.peer(), "impatient")
    await call.send()
    await call.over()
    assert text(await call.retry(accept(value=True))) == "too late"
    await call.over()


async def test_its_error_is_the_answer_of_the_last_round(site: Site):
    call = calling(site.peer(), "breaks")
    await call.send()
    result = await call.retry(accept(value="Ada"))
    assert result["isError"]
    assert "it broke" in result["content"][0]["text"]
    await call.over()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("prompts/get", {"name": "ask_prompt"}),
        ("resources/read", {"uri": "data://asked/7"}),
    ],
)
async def test_prompts_and_resources_ask_too(site: Site, method: str, params: dict[str, Any]):
    call = Asked(site.peer(), method, params)
    asked = await call.send()
    assert asked["resultType"] == "input_required"
    assert "ttlMs" not in asked
    result = await call.retry(accept(value="Ada"))
    assert "Ada" in json.dumps(result)
    await call.over()


async def test_the_client_answers_by_itself(site: Site):
    async def answer(message: str, *_: Any) -> Any:
        return {"value": "Ada" if "name" in message else "red"}

    client = Client(
        site.mcp,
        mode="2026-07-28",
        elicitation_handler=answer,
        sampling_handler=lambda *_: "hi",
    )
    async with client:
        result = await client.call_tool("interview", {"greeting": "Hey"})
    assert result.data == "Hey Ada, red, hi"


# What is refused


async def test_a_round_is_answered_once(site: Site):
    call = calling(site.peer(), "interview")
    first = await call.send()
    (key,) = first["inputRequests"]
    await call.retry(accept(value="Ada"))
    again = call.peer.start(
        "tools/call",
        {
            **call.params,
            "inputResponses": {key: accept(value="Eve")},
            "requestState": first["requestState"],
        },
    )
    await again.done()
    assert again.error["code"] == -32602
    assert "used already" in again.error["message"]
    await call.retry(said("hi"))
    assert "Ada" in text(await call.retry(accept(value="red")))
    assert site.begun == 1
    await call.over()


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state + "A",
        lambda state: state[:-8] + "AAAAAAA=",
        lambda state: ("B" if state[0] == "A" else "A") + state[1:],
        lambda state: "",
        lambda state: "nonsense",
        lambda state: "é" * 10,
        lambda state: 7,
        lambda state: None,
    ],
)
async def test_a_changed_state_is_an_error(site: Site, change: Callable[[str], Any]):
    call = calling(site.peer(), "interview")
    asked = await call.send()
    bad = call.peer.start(
        "tools/call", {**call.params, "requestState": change(asked["requestState"])}, valid=False
    )
    await bad.done()
    assert bad.error["code"] == -32602
    assert "requestState" in bad.error["message"]
    assert site.begun == 1
    site.tasks[0].cancel()  # type: ignore[union-attr]  # it is there
    await call.over()


async def test_a_state_belongs_to_its_request(site: Site):
    call = calling(site.peer(), "interview", greeting="Hey")
    asked = await call.send()
    for params in (
        {"name": "interview", "arguments": {"greeting": "Hi"}},
        {"name": "interview"},
        {"name": "all_at_once", "arguments": {"greeting": "Hey"}},
    ):
        other = Asked(call.peer, "tools/call", params)
        with pytest.raises(AssertionError):
            await other.send(requestState=asked["requestState"])
        assert "another request" in other.error["message"]
    site.tasks[0].cancel()  # type: ignore[union-attr]  # it is there
    await call.over()


@pytest.mark.parametrize("bad", [None, [], "x", {"elicitation-1": 7}, {"elicitation-1": {}}])
async def test_answers_that_are_none_are_errors_and_lose_nothing(site: Site, bad: Any):
    call = calling(site.peer(), "interview")
    asked = await call.send()
    live = call.peer.start(
        "tools/call",
        {**call.params, "inputResponses": bad, "requestState": asked["requestState"]},
        valid=False,
    )
    await live.done()
    assert live.error["code"] == -32602
    assert "inputResponses" in live.error["message"]
    await call.retry(accept(value="Ada"))
    await call.retry(said("hi"))
    assert "Ada" in text(await call.retry(accept(value="red")))
    await call.over()


async def test_a_state_belongs_to_its_principal(site: Site):
    app = site.mcp.http_app(middleware=[Middleware(AuthenticationMiddleware, backend=Names())])
    ada, eve = (
        Peer(app, STATELESS, capabilities=ABLE, headers={"authorization": name})
        for name in ("ada", "eve")
    )
    call = calling(ada, "look_up")
    asked = await call.send()
    theft = calling(eve, "look_up")
    with pytest.raises(AssertionError):
        await theft.send(requestState=asked["requestState"])
    assert theft.error["code"] == -32602
    await call.retry(accept(value="a"))
    assert text(await call.retry(accept(value="b"))) == "a b"
    await call.over()
    assert isinstance(app, Starlette)


@pytest.mark.parametrize(
    ("capabilities", "required"),
    [({}, {"elicitation": {}}), ({"elicitation": {"url": {}}}, {"elicitation": {"form": {}}})],
)
async def test_a_client_is_not_asked_what_it_cannot_answer(
    site: Site, capabilities: dict[str, Any], required: dict[str, Any]
):
    live = await site.peer(capabilities=capabilities).call("interview")
    assert live.status == 400
    assert live.error["code"] == -32021
    assert live.error["data"] == {"requiredCapabilities": required}


# Ends


async def test_a_client_that_leaves_the_retry_cancels_the_call(site: Site):
    call = calling(site.peer(), "waits_after")
    asked = await call.send()
    (key,) = asked["inputRequests"]
    answers = {key: accept(value="Ada")}
    retry = call.peer.start(
        "tools/call",
        {**call.params, "inputResponses": answers, "requestState": asked["requestState"]},
    )
    await retry.until(lambda live: live.is_stream)
    retry.leave()
    await site.cancelled.wait()
    await retry.done()
    await call.over()
    late = calling(call.peer, "waits_after")
    with pytest.raises(AssertionError):
        await late.send(inputResponses=answers, requestState=asked["requestState"])
    assert late.error["code"] == -32603
    assert "cannot go on" in late.error["message"]


async def test_one_that_nobody_answers_is_given_up(site: Site):
    with set_settings(input_required_hold=0.02):
        call = calling(site.peer(), "interview")
    await call.send()
    await site.cancelled.wait()
    await call.over()
    with pytest.raises(AssertionError):
        await call.retry(accept(value="Ada"))
    assert call.error["code"] == -32603
    assert "not marked idempotent" in call.error["message"]
    assert site.begun == 1


async def test_one_that_may_runs_again_and_hears_what_was_answered(site: Site):
    with set_settings(input_required_hold=0.02):
        call = calling(site.peer(), "look_up")
    await call.send()
    await call.over()
    asked = await call.retry(accept(value="one"))  # it runs again, and asks only the second
    (question,) = asked["inputRequests"].values()
    assert question["params"]["message"] == "Second?"
    await call.over()
    assert text(await call.retry(accept(value="two"))) == "one two"
    assert site.begun == 3
    await call.over()


async def test_answers_that_are_too_much_to_carry_are_not_carried(site: Site):
    call = calling(site.peer(), "look_up")
    await call.send()
    asked = await call.retry(accept(value="x" * 300_000))
    assert len(asked["requestState"]) < 1000
    assert text(await call.retry(accept(value="two"))).endswith("x two")
    await call.over()


async def test_a_state_expires(site: Site):
    with set_settings(input_required_hold=5, request_state_ttl=0.001):
        call = calling(site.peer(), "look_up")
    asked = await call.send()
    await call.over()
    for _ in range(200):  # its time is told in whole seconds
        late = Asked(call.peer, "tools/call", call.params)
        try:
            await late.send(requestState=asked["requestState"])
        except AssertionError:
            break
        await asyncio.sleep(0.01)
    assert "expired" in late.error["message"]
    await late.over()


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("setting", ["input_required_limit", "input_required_total"])
async def test_there_are_so_many_and_the_oldest_goes_first(site: Site, setting: str, limit: int):
    with set_settings(**{setting: limit}):
        app = site.mcp.http_app(middleware=[Middleware(AuthenticationMiddleware, backend=Names())])
    ada, other = (
        Peer(app, STATELESS, capabilities=ABLE, headers={"authorization": name})
        for name in ("ada", "other")
    )
    stranger = calling(other, "interview")
    if setting == "input_required_limit":
        await stranger.send()
    calls = [calling(ada, "interview", greeting=str(n)) for n in range(5)]
    for call in calls:
        await call.send()
    for call in calls[:-limit]:
        await call.over()
        with pytest.raises(AssertionError):
            await call.retry(accept(value="Ada"))
        assert call.error["code"] == -32603
    for call in [*calls[-limit:], *([stranger] if stranger.live else [])]:
        await call.retry(accept(value="Ada"))
        await call.retry(said("hi"))
        assert "Ada" in text(await call.retry(accept(value="red")))
        await call.over()


async def test_who_is_nobody_in_particular_has_no_limit_of_his_own(site: Site):
    with set_settings(input_required_limit=1):
        peer = site.peer()
    calls = [calling(peer, "look_up") for _ in range(3)]
    for call in calls:
        await call.send()
    for call in calls:
        await call.retry(accept(value="a"))
        assert text(await call.retry(accept(value="b"))) == "a b"
        await call.over()


async def test_what_waits_counts_as_no_running_request(site: Site):
    with set_settings(http_max_requests=1):
        peer = site.peer()
    calls = [calling(peer, "interview") for _ in range(3)]
    for call in calls:
        await call.send()
    for call in calls:
        await call.retry(accept(value="Ada"))
        await call.retry(said("hi"))
        assert "Ada" in text(await call.retry(accept(value="red")))
        await call.over()


# What goes wrong between the turns of a loop


async def test_a_handler_that_ends_as_it_asks_is_answered_all_the_same(site: Site):
    @site.mcp.tool
    async def hasty(ctx: Context, turns: int) -> str:
        async def other() -> str:
            for _ in range(turns):
                await asyncio.sleep(0)
            return "other"

        first = asyncio.create_task(other())
        asked = asyncio.create_task(ctx.elicit("Name?", str))
        await asyncio.wait({first, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        await asyncio.wait({asked})
        return await first

    for turns in range(6):
        call = calling(site.peer(), "hasty", turns=turns)
        result = await call.send()
        if result["resultType"] == "input_required":
            assert text(await call.retry(accept(value="Ada"))) == "other"
        else:
            assert text(result) == "other"
        await call.over()


async def test_a_deadline_that_strikes_as_the_question_goes_out(site: Site):
    @site.mcp.tool
    async def at_once(ctx: Context) -> str:
        try:
            async with asyncio.timeout(0):
                await ctx.elicit("Name?", str)
        except TimeoutError:
            return "too late"
        return "in time"

    call = calling(site.peer(), "at_once")
    result = await call.send()
    if result["resultType"] == "input_required":
        result = await call.retry(accept(value="Ada"))
    assert text(result) == "too late"
    await call.over()


async def test_an_answer_that_comes_as_its_question_is_given_up(site: Site):
    asking: list[asyncio.Task[Any]] = []

    @site.mcp.tool
    async def gives_up(ctx: Context) -> str:
        asking.append(asyncio.create_task(ctx.elicit("Name?", str)))
        await asyncio.wait(asking)
        return "given up" if asking[0].cancelled() else "answered"

    peer = site.peer()
    call = calling(peer, "gives_up")
    asked = await call.send()
    (key,) = asked["inputRequests"]
    retry = peer.start(
        "tools/call",
        {
            **call.params,
            "inputResponses": {key: accept(value="Ada")},
            "requestState": asked["requestState"],
        },
    )
    asking[0].cancel()  # before the retry's first step, and after its question went out
    await retry.done()
    assert text(retry.result) == "given up"
    await call.over()


async def test_what_was_given_up_is_not_asked_again(site: Site):
    @site.mcp.tool
    async def three(ctx: Context) -> str:
        b = asyncio.create_task(ctx.elicit("B?", str))
        c = asyncio.create_task(ctx.elicit("C?", str))

        async def first() -> None:
            await ctx.elicit("A?", str)
            b.cancel()

        await asyncio.gather(first(), c)
        return str((await c).data)

    call = calling(site.peer(), "three")
    asked = (await call.send())["inputRequests"]
    (a,) = [key for key in asked if asked[key]["params"]["message"] == "A?"]
    again = await call.retry(**{a: accept(value="a")})
    (question,) = again["inputRequests"].values()
    assert question["params"]["message"] == "C?"
    assert text(await call.retry(accept(value="c"))) == "c"
    await call.over()


async def test_what_asks_after_the_call_is_over_is_told_so(site: Site):
    said: list[str] = []

    @site.mcp.tool
    async def insists(ctx: Context) -> str:
        try:
            await ctx.elicit("Name?", str)
        finally:
            try:
                await ctx.elicit("Please?", str)
            except Exception as exc:
                said.append(str(exc))
        return "never"

    later: list[asyncio.Task[Any]] = []

    @site.mcp.tool
    async def leaves_one_behind(ctx: Context) -> str:
        async def ask() -> None:
            await asyncio.sleep(0)
            try:
                await ctx.elicit("Name?", str)
            except Exception as exc:
                said.append(str(exc))

        later.append(asyncio.create_task(ask()))
        return "done"

    with set_settings(input_required_hold=0.02):
        peer = site.peer()
    call = calling(peer, "insists")
    await call.send()
    await call.over()
    assert "is over" in said.pop()
    assert (await peer.call("leaves_one_behind")).text == "done"
    await asyncio.wait(later)
    assert "is over" in said.pop()


async def test_a_question_of_middleware_makes_no_call_repeatable():
    paid: list[str] = []

    class Confirm(ServerMiddleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            await context.fastmcp_context.elicit("Sure?", bool)
            return await call_next(context)

    mcp = FastMCP("paying", middleware=[Confirm()])

    @mcp.tool
    async def pay() -> str:
        paid.append("paid")
        return "paid"

    peer = Peer(mcp.http_app(), STATELESS, capabilities=ABLE)
    call = calling(peer, "pay")
    asked = await call.send()
    await call.retry(accept(value=True))
    (key,) = asked["inputRequests"]
    again = calling(peer, "pay")
    with pytest.raises(AssertionError):
        await again.send(
            inputResponses={key: accept(value=True)}, requestState=asked["requestState"]
        )
    assert again.error["code"] == -32603
    assert paid == ["paid"]
    await call.over()


async def test_a_state_of_another_server_is_none():
    calls = [
        calling(
            Peer(Guarded(name=name).mcp.http_app(), STATELESS, capabilities=ABLE),
            "book",
            place="Oslo",
        )
        for name in ("one", "two")
    ]
    asked = [await call.send() for call in calls]
    with pytest.raises(AssertionError):
        await calls[1].send(requestState=asked[0]["requestState"])
    assert calls[1].error["code"] == -32602


async def test_a_state_that_is_too_long_is_its_authors_fault(caplog: pytest.LogCaptureFixture):
    mcp = FastMCP("long")

    @mcp.tool
    async def long(ctx: Context) -> Any:
        return mcp_types.InputRequiredResult(request_state="x" * 1_000_000)

    live = await Peer(mcp.http_app(), STATELESS).call("long")
    assert live.error["code"] == -32603
    assert "request_state" in live.error["message"]


# The guard pattern


def ask(**questions: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {
            "method": "elicitation/create",
            "params": {
                "message": key,
                "requestedSchema": {"type": "object", "properties": {key: schema}},
            },
        }
        for key, schema in questions.items()
    }


def required(state: str | None = None, **questions: dict[str, Any]) -> Any:
    return mcp_types.InputRequiredResult.model_validate(
        {"inputRequests": ask(**questions), "requestState": state}
    )


class Guarded:
    """Handlers that return their questions."""

    def __init__(self, name: str = "guarded", **options: Any) -> None:
        self.mcp = FastMCP(name, **options)
        self.states: list[str | None] = []
        mcp = self.mcp

        @mcp.tool
        async def book(ctx: Context, place: str) -> Any:
            self.states.append(ctx.request_state)
            answers = ctx.input_responses or {}
            if ctx.request_state is None:
                if "name" not in answers:
                    return InputRequiredToolResult(required(name={"type": "string"}))
                name = answers["name"].content["name"]
                return required(name, day={"type": "string"})
            if "day" not in answers:
                return required(ctx.request_state, day={"type": "string"})
            return f"{place} for {ctx.request_state} on {answers['day'].content['day']}"

        @mcp.prompt
        async def letter(ctx: Context) -> Any:
            if ctx.input_responses is None:
                return required(name={"type": "string"})
            return f"Dear {ctx.input_responses['name'].content['name']}"

        @mcp.resource("letter://one")
        async def letter_resource(ctx: Context) -> Any:
            if ctx.input_responses is None:
                return required(name={"type": "string"})
            return f"Dear {ctx.input_responses['name'].content['name']}"

        @mcp.tool
        async def never(ctx: Context) -> Any:
            return required(name={"type": "string"})

        @mcp.tool
        async def later(ctx: Context) -> Any:
            """No questions, only a state: the client shall call again."""
            count = int(ctx.request_state or 0)
            if count < 3:
                return mcp_types.InputRequiredResult(request_state=str(count + 1))
            return f"after {count}"


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


async def test_a_guard_is_called_anew_each_round(guarded: Guarded):
    call = calling(Peer(guarded.mcp.http_app(), STATELESS, capabilities=ABLE), "book", place="Oslo")
    first = await call.send()
    assert list(first["inputRequests"]) == ["name"]
    second = await call.retry(accept(name="Ada"))
    assert list(second["inputRequests"]) == ["day"]
    assert "Ada" not in second["requestState"]
    third = await call.retry(unknown=accept(day="Monday"))
    assert list(third["inputRequests"]) == ["day"]
    assert text(await call.retry(accept(day="Monday"))) == "Oslo for Ada on Monday"
    assert guarded.states == [None, None, "Ada", "Ada"]
    await call.over()


async def test_a_guard_without_its_state_hears_the_answers_all_the_same(guarded: Guarded):
    call = calling(Peer(guarded.mcp.http_app(), STATELESS, capabilities=ABLE), "book", place="Oslo")
    await call.send()
    asked = await call.send(inputResponses={"name": accept(name="Ada"), "other": accept()})
    assert list(asked["inputRequests"]) == ["day"]
    await call.over()


async def test_a_guard_that_only_wants_to_be_called_again(guarded: Guarded):
    call = calling(Peer(guarded.mcp.http_app(), STATELESS), "later")
    for _ in range(3):
        asked = await call.send(
            **({} if call.live is None else {"requestState": call.live.result["requestState"]})
        )
        assert "inputRequests" not in asked
    assert text(await call.send(requestState=asked["requestState"])) == "after 3"
    await call.over()


async def test_a_guard_respects_the_clients_capabilities(guarded: Guarded):
    live = await Peer(guarded.mcp.http_app(), STATELESS).call("book", {"place": "Oslo"})
    assert (live.status, live.error["code"]) == (400, -32021)


@pytest.mark.parametrize(
    ("method", "params"),
    [("prompts/get", {"name": "letter"}), ("resources/read", {"uri": "letter://one"})],
)
async def test_guards_of_prompts_and_resources(
    guarded: Guarded, method: str, params: dict[str, Any]
):
    call = Asked(Peer(guarded.mcp.http_app(), STATELESS, capabilities=ABLE), method, params)
    await call.send()
    assert "Dear Ada" in json.dumps(await call.retry(accept(name="Ada")))
    await call.over()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_same_guards_in_both_eras(guarded: Guarded, mode: str):
    async def answer(message: str, *_: Any) -> Any:
        return {"name": "Ada"} if message == "name" else {"day": "Monday"}

    async with Client(guarded.mcp, mode=mode, elicitation_handler=answer) as client:
        booked = await client.call_tool("book", {"place": "Oslo"})
        assert booked.content[0].text == "Oslo for Ada on Monday"
        assert (await client.call_tool("later")).content[0].text == "after 3"
        prompt = await client.get_prompt("letter")
        assert prompt.messages[0].content.text == "Dear Ada"
        (content,) = await client.read_resource("letter://one")
        assert content.text == "Dear Ada"
        why = "asked its client 32 times" if mode == "legacy" else "input_required_max_rounds"
        with pytest.raises(McpError, match=why):
            await client.call_tool("never")


async def test_keys_of_the_authors_own():
    one, two = (
        Guarded(request_state_security=RequestStateSecurity(keys=[key * 32])) for key in ("a", "b")
    )
    calls = [
        calling(Peer(s.mcp.http_app(), STATELESS, capabilities=ABLE), "book", place="Oslo")
        for s in (one, two)
    ]
    asked = [await call.send() for call in calls]
    with pytest.raises(AssertionError):
        await calls[1].send(requestState=asked[0]["requestState"])
    assert calls[1].error["code"] == -32602
    for call in calls:
        await call.over()
    with pytest.raises(ValueError, match="at least 16 bytes"):
        RequestStateSecurity(keys=["short"])
    with pytest.raises(ValueError, match="more than 0"):
        RequestStateSecurity(ttl=0)
