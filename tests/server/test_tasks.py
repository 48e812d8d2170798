"""The tasks extension: calls that are answered with a task, over HTTP, as a client sees them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from mcp_types import InputRequiredResult
from starlette.middleware import Middleware as ASGIMiddleware
from starlette.middleware.authentication import AuthenticationMiddleware

from fastmcp import Client, Context, FastMCP
from fastmcp.exceptions import McpError, ToolError
from fastmcp.server.bus import TaskChanged
from fastmcp.server.middleware import Middleware
from fastmcp.settings import get_settings
from fastmcp.tools import Tool
from fastmcp.utilities.tasks import TaskConfig
from tests.server.test_access import Basic, as_user
from tests.support.asgi import STATELESS, Live, Peer, settled

TASKS = "io.modelcontextprotocol/tasks"
KNOWS_TASKS = {"extensions": {TASKS: {}}}
KNOWS_ALL = {**KNOWS_TASKS, "elicitation": {}, "sampling": {}, "roots": {}}
_SECONDS = 10.0


class Watcher(Peer):
    """A client that looks after tasks."""

    async def begin(self, tool: str, arguments: dict[str, Any] | None = None, **kw: Any) -> str:
        """Calls a tool; the id of the task that it is answered with."""
        result = (await self.call(tool, arguments, **kw)).result
        assert result["resultType"] == "task", result
        return result["taskId"]

    async def get(self, id: str) -> dict[str, Any]:
        return (await self.request("tasks/get", {"taskId": id})).result

    async def until(self, id: str, *statuses: str) -> dict[str, Any]:
        """Looks after a task until it has one of these statuses; by default until it is over."""
        wanted = statuses or ("completed", "failed", "cancelled")
        deadline = time.monotonic() + _SECONDS
        while (state := await self.get(id))["status"] not in wanted:
            assert time.monotonic() < deadline, state
            await asyncio.sleep(0.005)
        return state

    async def update(self, id: str, **responses: Any) -> dict[str, Any]:
        params = {"taskId": id, "inputResponses": responses}
        return (await self.request("tasks/update", params)).result

    async def cancel(self, id: str) -> dict[str, Any]:
        return (await self.request("tasks/cancel", {"taskId": id})).result


@asynccontextmanager
async def serving(
    mcp: FastMCP, capabilities: dict[str, Any] = KNOWS_ALL, **options: Any
) -> AsyncIterator[Watcher]:
    app = mcp.http_app(**{"shutdown_grace": 0, **options})
    async with app.lifespan(app):
        yield Watcher(app, STATELESS, capabilities=capabilities)


@pytest.fixture
def mcp() -> FastMCP:
    mcp = FastMCP("tasks")

    @mcp.tool
    async def plain() -> str:
        return "plain"

    @mcp.tool(task=True)
    async def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool(task=TaskConfig(mode="required", poll_interval=timedelta(seconds=2)))
    async def job() -> str:
        return "done"

    @mcp.tool(task=True)
    async def fails() -> str:
        raise ToolError("no")

    @mcp.tool(task=True)
    async def waits(ctx: Context) -> str:
        await ctx.report_progress(1, 4)
        await asyncio.Event().wait()
        return "never"

    @mcp.tool(task=True)
    async def asks(ctx: Context) -> str:
        answer = await ctx.elicit("What is your name?", str)
        return f"Hello, {getattr(answer, 'data', answer.action)}"

    @mcp.tool(task=True)
    async def asks_all(ctx: Context) -> list[str]:
        name, thought, roots = await asyncio.gather(
            ctx.elicit("?", str), ctx.sample("?"), ctx.list_roots()
        )
        return [getattr(name, "data", ""), str(thought.text), str(roots[0].uri)]

    return mcp


# handlers that return their questions


def name_wanted(state: str) -> InputRequiredResult:
    params = {"message": "Name?", "requestedSchema": {"type": "object", "properties": {}}}
    request = {"method": "elicitation/create", "params": params}
    return InputRequiredResult.model_validate(
        {"inputRequests": {"name": request}, "requestState": state}
    )


@pytest.mark.parametrize("before", [True, False])
async def test_a_handler_that_returns_its_questions(mcp: FastMCP, no_leaks: None, before: bool):
    """At once: then the call is answered with them, and becomes a task later. Or after it has
    waited for something: then it is a task already, and they are the task's."""

    @mcp.tool(task=True)
    async def guard(ctx: Context, greeting: str) -> str | InputRequiredResult:
        if not before:
            await asyncio.sleep(0)
        if ctx.input_responses is None or "name" not in ctx.input_responses:
            return name_wanted("first")
        if ctx.request_state == "first":
            await asyncio.sleep(0)
            return name_wanted("second")
        await asyncio.sleep(0)
        return f"{greeting} {ctx.input_responses['name'].content['name']} {ctx.request_state}"

    answer = {"action": "accept", "content": {"name": "Ann"}}
    async with serving(mcp) as client:
        params = {"name": "guard", "arguments": {"greeting": "Hello"}}
        result = (await client.request("tools/call", params)).result
        if before:
            assert result["resultType"] == "input_required"
            assert "taskId" not in result
            retry = {"inputResponses": {"name": answer}, "requestState": result["requestState"]}
            result = (await client.request("tools/call", {**params, **retry})).result
        keys: set[str] = set()
        for _ in range(1 if before else 2):
            state = await client.until(result["taskId"], "input_required")
            (key,) = state["inputRequests"]
            assert "requestState" not in state
            keys.add(key)
            await client.update(result["taskId"], **{key: answer})
        assert len(keys) == (1 if before else 2), "no key is used twice"
        state = await client.until(result["taskId"])
        assert state["result"]["content"][0]["text"] == "Hello Ann second"


# what a task is


async def test_a_call_is_answered_with_a_task(mcp: FastMCP, no_leaks: None):
    async with serving(mcp) as client:
        created = (await client.call("add", {"a": 1, "b": 2})).result
        assert created.keys() == {
            "resultType", "taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs",
            "pollIntervalMs", "_meta",
        }  # fmt: skip
        assert (created["status"], created["pollIntervalMs"]) == ("working", 5000)
        state = await client.until(created["taskId"])
        assert state["resultType"] == "complete"
        assert (state["status"], state["createdAt"]) == ("completed", created["createdAt"])
        assert state["result"]["structuredContent"] == {"result": 3}
        sync = Watcher(client.app, STATELESS)
        assert state["result"] == (await sync.call("add", {"a": 1, "b": 2})).result
        assert (await client.get(created["taskId"])) == state  # looking changes nothing


async def test_an_error_of_the_tool_completes_the_task(mcp: FastMCP):
    async with serving(mcp) as client:
        state = await client.until(await client.begin("fails"))
        assert (state["status"], state["result"]["isError"]) == ("completed", True)
        assert state["result"]["content"][0]["text"] == "no"
        state = await client.until(await client.begin("add", {"a": "x"}))
        assert (state["status"], state["result"]["isError"]) == ("completed", True)


async def test_an_error_of_the_protocol_fails_it(mcp: FastMCP):
    class Refuses(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            if context.message.name == "add":
                raise McpError(-32000, "not today", {"why": "it is Sunday"})
            return await call_next(context)

    mcp.add_middleware(Refuses())
    async with serving(mcp, {**KNOWS_TASKS, "elicitation": {}}) as client:
        state = await client.until(await client.begin("add", {"a": 1, "b": 2}))
        error = {"code": -32000, "message": "not today", "data": {"why": "it is Sunday"}}
        assert (state["status"], state["error"]) == ("failed", error)
        assert state["statusMessage"] == "not today"
        state = await client.until(await client.begin("asks_all"))
        assert (state["status"], state["error"]["code"]) == ("failed", -32021)


async def test_the_handler_knows_that_it_is_a_task(mcp: FastMCP):
    seen: dict[str, Any] = {}

    @mcp.tool(task=True)
    async def knows(ctx: Context) -> None:
        seen[str(ctx.task_id)] = (ctx.is_background_task, ctx.origin_request_id)

    async with serving(mcp) as client:
        id = await client.begin("knows", id="the-id")
        await client.until(id)
        await Watcher(client.app, STATELESS).call("knows", id="7")
    assert seen == {id: (True, "the-id"), "None": (False, "7")}


async def test_progress_is_the_status_message(mcp: FastMCP):
    @mcp.tool(task=True)
    async def half(ctx: Context) -> None:
        await ctx.report_progress(1, 2, "half \ud800 way")
        await ctx.info("nobody hears this")
        await ctx.elicit("?", str)

    async with serving(mcp) as client:
        id = await client.begin("waits")
        while "statusMessage" not in (state := await client.get(id)):
            assert state["status"] == "working"
        assert state["statusMessage"] == "1 of 4"
        id = await client.begin("half")
        assert (await client.until(id, "input_required"))["statusMessage"] == "half ? way"


async def test_a_synchronous_function_runs_in_a_thread(mcp: FastMCP):
    @mcp.tool(task=True)
    def sync() -> str:
        return "from a thread"

    async with serving(mcp) as client:
        state = await client.until(await client.begin("sync"))
        assert state["result"]["content"][0]["text"] == "from a thread"


async def test_text_that_is_no_text(mcp: FastMCP):
    """Half a surrogate pair is a question mark: what is kept is read again."""

    @mcp.tool(task=True)
    async def half() -> str:
        return "\ud800"

    @mcp.tool(task=True)
    async def half_asks(ctx: Context) -> None:
        await ctx.elicit("\ud800", str)

    class Refuses(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            if context.message.name == "add":
                raise McpError(-32000, "\ud800")
            return await call_next(context)

    mcp.add_middleware(Refuses())
    async with serving(mcp) as client:
        state = await client.until(await client.begin("half"))
        assert state["result"]["content"][0]["text"] == "?"
        state = await client.until(await client.begin("add", {"a": 1, "b": 1}))
        assert state["error"] == {"code": -32000, "message": "?"}
        state = await client.until(await client.begin("half_asks"), "input_required")
        [request] = state["inputRequests"].values()
        assert request["params"]["message"] == "?"


async def test_the_old_hint_means_nothing(mcp: FastMCP):
    async with serving(mcp) as client:
        params = {"name": "plain", "arguments": {}, "task": {"ttl": 60000}}
        assert (await client.request("tools/call", params)).text == "plain"
        assert (await client.call("add", {"a": 1, "b": 1})).result["resultType"] == "task"


# who may


async def test_who_does_not_know_tasks_is_answered_with_the_result(mcp: FastMCP):
    for capabilities in ({}, {"tasks": {}}, {"extensions": {}}, {"extensions": {TASKS: None}}):
        async with serving(mcp, capabilities) as client:
            assert (await client.call("add", {"a": 1, "b": 2}, valid=False)).text == "3"


async def test_what_needs_tasks_is_refused_without(mcp: FastMCP):
    async with serving(mcp) as client:
        id = await client.begin("job")
        stranger = Watcher(client.app, STATELESS)
        refused = [
            await stranger.call("job"),
            await stranger.request("tasks/get", {"taskId": id}),
            await stranger.request("tasks/update", {"taskId": id, "inputResponses": {}}),
            await stranger.request("tasks/cancel", {"taskId": "nothing"}),
        ]
        for live in refused:
            assert (live.status, live.error["code"]) == (400, -32021)
            assert live.error["data"] == {"requiredCapabilities": KNOWS_TASKS}
        assert (await client.until(id))["pollIntervalMs"] == 2000


async def test_the_handshake_era_has_no_tasks(mcp: FastMCP):
    app = mcp.http_app()
    async with app.lifespan(app):
        peer = await Peer(app, "2025-11-25", capabilities=KNOWS_ALL).open()
        assert (await peer.call("add", {"a": 1, "b": 2})).text == "3"
        assert (await peer.call("job")).error["code"] == -32021
        live = await peer.request("tasks/get", {"taskId": "x"}, valid=False)
        assert live.error["code"] == -32601


async def test_the_server_says_that_it_has_tasks(mcp: FastMCP):
    async with serving(mcp) as client:
        capabilities = (await client.request("server/discover")).result["capabilities"]
        assert capabilities["extensions"] == KNOWS_TASKS["extensions"]
        assert "tasks" not in capabilities
    async with serving(FastMCP("none")) as client:
        assert "extensions" not in (await client.request("server/discover")).result["capabilities"]


@pytest.mark.parametrize("method", ["tasks/result", "tasks/list"])
async def test_what_is_gone_is_not_found(mcp: FastMCP, method: str):
    async with serving(mcp) as client:
        live = await client.request(method, {"taskId": "x"}, valid=False)
        assert (live.status, live.error["code"]) == (404, -32601)


async def test_a_task_is_nobody_elses(mcp: FastMCP):
    guard = ASGIMiddleware(AuthenticationMiddleware, backend=Basic())
    async with serving(mcp, middleware=[guard]) as client:
        client.headers = as_user("ann")
        id = await client.begin("asks")
        await client.until(id, "input_required")
        unknown = (await client.request("tasks/get", {"taskId": "nothing"})).error
        for stranger in (as_user("bob"), {}):
            client.headers = stranger
            update = {"taskId": id, "inputResponses": {}}
            for method, params in (
                ("tasks/get", {"taskId": id}),
                ("tasks/update", update),
                ("tasks/cancel", {"taskId": id}),
            ):
                assert (await client.request(method, params)).error == unknown
        client.headers = as_user("ann")
        assert (await client.get(id))["status"] == "input_required"


async def test_ids_cannot_be_guessed(mcp: FastMCP):
    async with serving(mcp) as client:
        ids = {await client.begin("job") for _ in range(50)}
        secrets = {id.partition(".")[2] for id in ids}
        assert len(secrets) == 50
        assert {len(secret) for secret in secrets} == {32}
        for id in ids:
            assert (await client.request("tasks/get", {"taskId": id[:-1]})).error["code"] == -32602


@pytest.mark.parametrize("id", ["", "nothing", "0badcafe.x", "../../x.y", "é", None, 5, ["x"]])
@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_an_unknown_task(mcp: FastMCP, method: str, id: Any):
    async with serving(mcp) as client:
        params = {"taskId": id, "inputResponses": {}}
        headers = {"mcp-name": "=?base64?w6k=?="} if id == "é" else {}
        live = await client.request(method, params, valid=False, headers=headers)
        code = -32602 if isinstance(id, str) else -32020
        assert live.error["code"] == code, live.body


async def test_the_header_names_the_task(mcp: FastMCP):
    async with serving(mcp) as client:
        id = await client.begin("waits")
        live = await client.request("tasks/get", {"taskId": id}, headers={"mcp-name": "other"})
        assert (live.status, live.error["code"]) == (400, -32020)


# input


async def test_a_task_asks_and_goes_on(mcp: FastMCP, no_leaks: None):
    async with serving(mcp) as client:
        id = await client.begin("asks")
        state = await client.until(id, "input_required")
        [(key, request)] = state["inputRequests"].items()
        assert request["method"] == "elicitation/create"
        assert request["params"]["message"] == "What is your name?"
        assert (await client.get(id))["inputRequests"] == state["inputRequests"]
        answer = {"action": "accept", "content": {"value": "Ann"}}
        ignored = {"nobody": {"action": "cancel"}}
        ack = await client.update(id, **{key: answer}, **ignored)
        assert ack.keys() == {"resultType", "_meta"}
        state = await client.until(id)
        assert state["result"]["content"][0]["text"] == "Hello, Ann"
        assert (await client.update(id, **{key: answer})).keys() == ack.keys()
        assert await client.get(id) == state


async def test_several_questions_are_answered_one_by_one(mcp: FastMCP):
    answers = {
        "elicitation/create": {"action": "accept", "content": {"value": "Ann"}},
        "sampling/createMessage": {
            "role": "assistant",
            "model": "m",
            "content": {"type": "text", "text": "deep"},
        },
        "roots/list": {"roots": [{"uri": "file:///here"}]},
    }
    async with serving(mcp) as client:
        id = await client.begin("asks_all")
        open = (await client.until(id, "input_required"))["inputRequests"]
        assert len(open) == 3
        while open:
            key, request = open.popitem()
            await client.update(id, **{key: answers[request["method"]]})
            if open:
                state = await client.get(id)
                assert (state["status"], state["inputRequests"].keys()) == (
                    "input_required",
                    open.keys(),
                )
        state = await client.until(id)
        assert state["result"]["structuredContent"]["result"] == ["Ann", "deep", "file:///here"]


async def test_a_key_is_never_used_again(mcp: FastMCP):
    @mcp.tool(task=True)
    async def twice(ctx: Context) -> str:
        said = [(await ctx.elicit(f"{n}?", str)).action for n in range(3)]
        return " ".join(said)

    async with serving(mcp) as client:
        id = await client.begin("twice")
        keys: list[str] = []
        for _ in range(3):
            state = await client.until(id, "input_required")
            [key] = state["inputRequests"]
            keys.append(key)
            await client.update(id, **{old: {"action": "decline"} for old in keys})
        assert len(set(keys)) == 3
        assert (await client.until(id))["result"]["content"][0]["text"] == "decline decline decline"


@pytest.mark.parametrize("response", [None, 5, "x", [], {}, {"action": "maybe"}, {"roots": []}])
async def test_what_is_no_answer_is_refused_and_the_task_waits_on(mcp: FastMCP, response: Any):
    async with serving(mcp) as client:
        id = await client.begin("asks")
        [key] = (await client.until(id, "input_required"))["inputRequests"]
        params = {"taskId": id, "inputResponses": {key: response}}
        live = await client.request("tasks/update", params, valid=False)
        assert live.error["code"] == -32602
        assert key in live.error["message"]
        assert list((await client.get(id))["inputRequests"]) == [key]


@pytest.mark.parametrize("responses", [None, 5, []])
async def test_responses_are_an_object(mcp: FastMCP, responses: Any):
    async with serving(mcp) as client:
        params = {"taskId": await client.begin("asks"), "inputResponses": responses}
        live = await client.request("tasks/update", params, valid=False)
        assert live.error["code"] == -32602
        assert "inputResponses" in live.error["message"]


async def test_a_question_that_is_given_up_is_open_no_more(mcp: FastMCP):
    @mcp.tool(task=True)
    async def impatient(ctx: Context, go: bool = False) -> str:
        try:
            async with asyncio.timeout(0.05):
                await ctx.elicit("?", str)
        except TimeoutError:
            await asyncio.Event().wait()
        return "answered"

    async with serving(mcp) as client:
        id = await client.begin("impatient")
        await client.until(id, "input_required")
        assert "inputRequests" not in await client.until(id, "working")


# the end


async def test_cancelling_stops_the_function_once(mcp: FastMCP, no_leaks: None):
    seen: list[str] = []
    begun, over = asyncio.Event(), asyncio.Event()

    @mcp.tool(task=True)
    async def tidy(ctx: Context) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            seen.append(f"tidies, cancelled={ctx.cancelled}")
            over.set()

    async with serving(mcp) as client:
        id = await client.begin("tidy")
        await asyncio.wait_for(begun.wait(), _SECONDS)
        for _ in range(3):
            assert (await client.cancel(id)).keys() == {"resultType", "_meta"}
        state = await client.get(id)
        assert state["status"] == "cancelled"
        assert "client" in state["statusMessage"]
        await asyncio.wait_for(over.wait(), _SECONDS)
        assert seen == ["tidies, cancelled=True"]
        assert await client.get(id) == state


async def test_cancelling_before_the_first_step_and_after_the_last(mcp: FastMCP):
    async with serving(mcp) as client:
        id = await client.begin("job")
        done = await client.until(id)
        await client.cancel(id)
        assert await client.get(id) == done


async def test_a_stubborn_function_is_cancelled_all_the_same(mcp: FastMCP, no_leaks: None):
    @mcp.tool(task=True)
    async def stubborn(ctx: Context) -> str:
        try:
            await ctx.elicit("?", str)
        except asyncio.CancelledError:
            await ctx.elicit("And now?", str)
        return "done"

    async with serving(mcp) as client:
        id = await client.begin("stubborn")
        await client.until(id, "input_required")
        await client.cancel(id)
        state = await client.get(id)
        assert state["status"] == "cancelled"
        assert "inputRequests" not in state


async def test_the_end_of_the_server_ends_its_tasks(mcp: FastMCP, no_leaks: None):
    seen: list[str] = []

    @mcp.tool(task=True)
    async def short() -> None:
        seen.append("begins")
        await asyncio.sleep(0.05)
        seen.append("ends")

    @mcp.tool(task=True)
    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cut short")

    begin = time.monotonic()
    async with serving(mcp, shutdown_grace=0.3) as client:
        await client.begin("short")
        await client.begin("long")
        await client.until(await client.begin("asks"), "input_required")
    assert seen == ["begins", "ends", "cut short"]
    assert time.monotonic() - begin < 5


# being told


ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
TOLD = TaskChanged.method


async def listen(client: Watcher, *ids: str, **filter: Any) -> Live:
    """A subscription that was acknowledged."""
    live = client.start("subscriptions/listen", {"notifications": {"taskIds": ids, **filter}})
    return await live.until(lambda live: live.messages)


def honored(live: Live) -> dict[str, Any]:
    assert live.messages[0]["method"] == ACKNOWLEDGED
    return live.messages[0]["params"]["notifications"]


async def next_told(live: Live, number: int) -> dict[str, Any]:
    """What is told as such a one, without the stamp."""
    await live.until(lambda live: len(live.sent(TOLD)) > number)
    params = dict(live.sent(TOLD)[number]["params"])
    assert params.pop("_meta") == live.messages[0]["params"]["_meta"]
    return params


async def leave(*lives: Live) -> None:
    for live in lives:
        live.leave()
        await live.done()


async def test_who_listens_is_told_how_its_tasks_are(mcp: FastMCP, no_leaks: None):
    go_on = asyncio.Event()

    @mcp.tool(task=True)
    async def steps(ctx: Context) -> str:
        await go_on.wait()
        go_on.clear()
        answer = await ctx.elicit("?", str)
        await go_on.wait()
        return answer.action

    async with serving(mcp) as client:
        id, other = await client.begin("steps"), await client.begin("waits")
        live = await listen(client, id, toolsListChanged=True)
        assert honored(live) == {"taskIds": [id], "toolsListChanged": True}
        states = [await next_told(live, 0)]
        go_on.set()
        states.append(await next_told(live, 1))
        [key] = states[1]["inputRequests"]
        await client.update(id, **{key: {"action": "decline"}})
        states.append(await next_told(live, 2))
        go_on.set()
        states.append(await next_told(live, 3))
        statuses = ["working", "input_required", "working", "completed"]
        assert [state["status"] for state in states] == statuses
        assert states[3]["result"]["content"][0]["text"] == "decline"
        looked = await client.get(id)
        assert states[3] == {name: looked[name] for name in states[3]}
        await client.cancel(id)
        await client.cancel(other)
        mcp.tool(lambda: "x", name="fresh")
        await live.until(lambda live: live.sent("notifications/tools/list_changed"))
        assert len(live.sent(TOLD)) == 4  # nothing follows the end, and others are not told
        await leave(live)


async def test_what_happened_before_one_listened_is_told(mcp: FastMCP, no_leaks: None):
    async with serving(mcp) as client:
        ids = [await client.begin("fails"), await client.begin("waits")]
        await client.until(ids[0])
        first, second = await listen(client, *ids), await listen(client, *ids)
        for live in (first, second):
            told = [await next_told(live, number) for number in range(2)]
            assert [state["taskId"] for state in told] == ids
            assert [state["status"] for state in told] == ["completed", "working"]
        await client.cancel(ids[1])
        for live in (first, second):
            assert (await next_told(live, 2))["status"] == "cancelled"
        await leave(first, second)


async def test_who_does_not_read_is_told_how_its_tasks_are_in_the_end(mcp: FastMCP):
    async with serving(mcp) as client:
        ids = [await client.begin("waits") for _ in range(2)]
        params = {"notifications": {"taskIds": ids}}
        live = client.start("subscriptions/listen", params, stall=2)
        await live.until(lambda live: live.messages)
        await client.cancel(ids[0])
        for _ in range(2000):  # more than are kept
            mcp.bus.publish(TaskChanged("another"))
        await settled()
        live.resume()
        told = [await next_told(live, number) for number in range(3)]
        assert [(state["taskId"], state["status"]) for state in told] == [
            (ids[0], "working"),
            (ids[1], "working"),
            (ids[0], "cancelled"),  # and that of the other is known
        ]
        await leave(live)


async def test_other_peoples_tasks_are_not_listened_to(mcp: FastMCP):
    guard = ASGIMiddleware(AuthenticationMiddleware, backend=Basic())
    async with serving(mcp, middleware=[guard]) as client:
        client.headers = as_user("bob")
        his = await client.begin("waits")
        client.headers = as_user("ann")
        hers = await client.begin("waits")
        live = await listen(client, his, "nothing", hers, hers)
        nothing = await listen(client, his)
        assert (honored(live), honored(nothing)) == ({"taskIds": [hers]}, {})
        assert (await next_told(live, 0))["taskId"] == hers
        client.headers = as_user("bob")
        await client.cancel(his)
        client.headers = as_user("ann")
        await client.cancel(hers)
        assert (await next_told(live, 1))["status"] == "cancelled"
        assert (len(live.sent(TOLD)), nothing.sent(TOLD)) == (2, [])
        await leave(live, nothing)


async def test_who_does_not_know_tasks_cannot_listen_to_them(mcp: FastMCP):
    async with serving(mcp) as client:
        id = await client.begin("waits")
        stranger = Watcher(client.app, STATELESS)
        for ids in ([id], ["nothing"]):
            live = await stranger.request(
                "subscriptions/listen", {"notifications": {"taskIds": ids}}
            )
            assert (live.status, live.error["code"]) == (400, -32021)
            assert live.error["data"] == {"requiredCapabilities": KNOWS_TASKS}
        live = await listen(stranger)
        assert honored(live) == {}
        await leave(live)
        too_many = {"notifications": {"taskIds": [id] * 101}}
        live = await client.request("subscriptions/listen", too_many)
        assert live.error["code"] == -32602
        assert "may list 100" in live.error["message"]


async def test_nothing_is_published_of_a_task_that_nobody_watches(mcp: FastMCP):
    heard: asyncio.Queue[Any] = asyncio.Queue()
    unsubscribe = mcp.bus.subscribe(heard.put_nowait)
    async with serving(mcp) as client:
        await client.until(await client.begin("job"))
        await settled()
        assert heard.empty()
    unsubscribe()


# limits


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Any:
    def limit(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setattr(get_settings(), name, value)

    return limit


def waiting() -> FastMCP:
    mcp = FastMCP("waiting")

    @mcp.tool(task=True)
    async def wait() -> str:
        await asyncio.Event().wait()
        return ""

    @mcp.tool(task=True)
    async def text(size: int) -> str:
        return "x" * size

    return mcp


async def test_a_task_is_forgotten_when_its_time_is_over(limits: Any, no_leaks: None):
    limits(tasks_lifetime=0.3, tasks_retention=0.1)
    async with serving(waiting()) as client:
        for tool, ttl in (("wait", 300), ("text", 100)):
            created = (await client.call(tool, {"size": 1} if tool == "text" else {})).result
            assert created["ttlMs"] == 300
            id = created["taskId"]
            deadline = time.monotonic() + _SECONDS
            while "result" in (live := await client.request("tasks/get", {"taskId": id})).response:
                assert time.monotonic() < deadline
                if live.result["status"] == "completed":
                    assert ttl <= live.result["ttlMs"] < 300
                await asyncio.sleep(0.005)
            assert live.error["code"] == -32602
            assert "expired" in live.error["message"]


async def test_only_so_many_run(limits: Any):
    limits(tasks_max=3)
    async with serving(waiting()) as client:
        ids = [await client.begin("wait") for _ in range(3)]
        error = (await client.call("wait")).error
        assert "FASTMCP_TASKS_MAX" in error["message"]
        assert [(await client.get(id))["status"] for id in ids] == ["working"] * 3
        await client.cancel(ids[0])
        await client.begin("wait")


async def test_only_so_many_of_one_principal_run(limits: Any):
    limits(tasks_max_per_owner=2)
    guard = ASGIMiddleware(AuthenticationMiddleware, backend=Basic())
    async with serving(waiting(), middleware=[guard]) as client:
        client.headers = as_user("ann")
        ids = [await client.begin("wait") for _ in range(2)]
        error = (await client.call("wait")).error
        assert "FASTMCP_TASKS_MAX_PER_OWNER" in error["message"]
        client.headers = as_user("bob")
        await client.begin("wait")
        client.headers = as_user("ann")
        await client.cancel(ids[0])
        await client.begin("wait")


async def test_the_oldest_outcomes_make_room(limits: Any):
    limits(tasks_max_kept_bytes=20_000)
    async with serving(waiting()) as client:
        running = await client.begin("wait")
        ids: list[str] = []
        for _ in range(6):
            ids.append(await client.begin("text", {"size": 2000}))
            await client.until(ids[-1])
        looks = [await client.request("tasks/get", {"taskId": id}) for id in ids]
        known = ["result" in look.response for look in looks]
        assert known == sorted(known)
        assert not known[0]
        assert known[-1]
        assert (await client.get(running))["status"] == "working"


# what an author says


async def test_the_servers_default():
    mcp = FastMCP("all", tasks=True)

    @mcp.tool
    async def a() -> str:
        return "a"

    @mcp.tool(task=False)
    async def b() -> str:
        return "b"

    async def c() -> str:
        return "c"

    mcp.add_tool(c)
    mcp.add_tool(Tool.from_function(c, name="d", task=TaskConfig(mode="forbidden")))
    assert [tool.name for tool in await mcp.get_tasks()] == ["a", "c"]
    async with serving(mcp) as client:
        assert (await client.until(await client.begin("c")))["status"] == "completed"
        assert (await client.call("b")).text == "b"


def test_what_task_may_be():
    mcp = FastMCP("x")
    with pytest.raises(TypeError, match="TaskConfig"):
        mcp.tool(task="required")(waiting)  # pyright: ignore
    with pytest.raises(ValueError, match="optional"):
        TaskConfig(mode="sometimes")  # pyright: ignore
    with pytest.raises(ValueError, match="millisecond"):
        TaskConfig(poll_interval=timedelta(0))
    assert TaskConfig.from_bool(True) == TaskConfig("optional", timedelta(seconds=5))
    assert not TaskConfig.from_bool(False).supports_tasks()


async def test_a_program_that_calls_its_own_tool_gets_the_result(mcp: FastMCP):
    assert (await mcp.call_tool("job")).structured_content == {"result": "done"}


async def test_our_client_is_answered_with_results(mcp: FastMCP, no_leaks: None):
    async with Client(mcp) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        with pytest.raises(McpError, match="must know tasks"):
            await client.call_tool("job")
