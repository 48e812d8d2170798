"""One pipe for everything: both eras at once, and bad input that breaks nothing."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp import Context
from fastmcp.server.bus import ResourceUpdated
from tests.server.transports.conftest import Stage
from tests.support import schema
from tests.support.asgi import CLIENT_INFO, META, STATELESS, settled
from tests.support.extent import extent

pytestmark = pytest.mark.usefixtures("no_leaks")


class Pipe:
    """The client's end. Every message is held against the schema of its version."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.got: list[Any] = []
        self.send: Any = None
        self._methods: dict[Any, str] = {}
        self._changed = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def deliver(self, data: bytes) -> None:
        if self.gate is not None:
            await self.gate.wait()
        assert b"\n" not in data
        message = json.loads(data)
        stateless = "resultType" in message.get("result", {})
        stateless = stateless or META + "subscriptionId" in str(message.get("params"))
        version = STATELESS if stateless else self.version
        method = self._methods.get(message.get("id")) if "result" in message else None
        schema.check(message, version, "server", method)
        self.got.append(message)
        self._changed.set()

    async def tell(self, message: Any) -> None:
        if isinstance(message, dict) and "id" in message and "method" in message:
            self._methods[message["id"]] = message["method"]
        await self.send(message if isinstance(message, bytes) else json.dumps(message).encode())

    async def start(self, id: Any, method: str, **params: Any) -> None:
        await self.tell({"jsonrpc": "2.0", "id": id, "method": method, "params": params})

    async def stateless(self, id: Any, method: str, meta: Any = None, **params: Any) -> None:
        full = {
            META + "protocolVersion": STATELESS,
            META + "clientCapabilities": {},
            META + "clientInfo": CLIENT_INFO,
            **(meta or {}),
        }
        await self.start(id, method, **params, _meta=full)

    async def until(self, condition: Any) -> Any:
        async with asyncio.timeout(10):
            while True:
                for message in self.got:
                    if condition(message):
                        return message
                self._changed.clear()
                await self._changed.wait()

    async def answer(self, id: Any) -> Any:
        """The response to a request."""
        return await self.until(lambda m: m.get("id") == id and "method" not in m)

    async def initialize(self, **capabilities: Any) -> Any:
        await self.start(
            "init",
            "initialize",
            protocolVersion=self.version,
            capabilities=capabilities,
            clientInfo=CLIENT_INFO,
        )
        result = (await self.answer("init"))["result"]
        await self.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return result


@asynccontextmanager
async def connected(stage: Stage, version: str = "2025-11-25") -> AsyncIterator[Pipe]:
    pipe = Pipe(version)
    async with stage.mcp.connect_in_process(pipe.deliver) as send:
        pipe.send = send
        yield pipe


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_every_handshake_version(stage: Stage, version: str):
    async with connected(stage, version) as pipe:
        assert (await pipe.initialize())["protocolVersion"] == version
        await pipe.start(1, "tools/call", name="add", arguments={"a": 1, "b": 2})
        assert (await pipe.answer(1))["result"]["content"][0]["text"] == "3"


async def test_both_eras_on_one_pipe(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.stateless(1, "server/discover")
        assert (await pipe.answer(1))["result"]["supportedVersions"] == [STATELESS]
        await pipe.initialize()
        await pipe.stateless(2, "tools/call", name="add", arguments={"a": 1, "b": 2})
        assert (await pipe.answer(2))["result"]["resultType"] == "complete"
        await pipe.start(3, "tools/call", name="add", arguments={"a": 1, "b": 2})
        assert "resultType" not in (await pipe.answer(3))["result"]


async def test_before_the_handshake(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.start(1, "ping")
        assert (await pipe.answer(1))["result"] == {}
        await pipe.start(2, "tools/list")
        assert (await pipe.answer(2))["error"]["code"] == -32600
        await pipe.start(3, "initialize", protocolVersion=5)
        assert (await pipe.answer(3))["error"]["code"] == -32602


async def test_bad_stateless_requests(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.stateless(1, "ping")
        assert (await pipe.answer(1))["error"]["code"] == -32601
        await pipe.stateless(2, "tools/list", meta={META + "protocolVersion": "2099-01-01"})
        error = (await pipe.answer(2))["error"]
        assert (error["code"], error["data"]["requested"]) == (-32022, "2099-01-01")
        await pipe.stateless(3, "tools/list", meta={META + "clientCapabilities": None})
        assert (await pipe.answer(3))["error"]["code"] == -32602
        await pipe.stateless(4, "tools/list", meta={META + "logLevel": []})
        assert (await pipe.answer(4))["error"]["code"] == -32602


async def test_calls_run_side_by_side_and_log_comes_before_the_answer(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.initialize()
        await pipe.start(1, "tools/call", name="wait", arguments={"tag": "late"})
        await stage.started.wait()
        await pipe.start(
            2, "tools/call", name="step", arguments={"n": 2}, _meta={"progressToken": "p"}
        )
        await pipe.answer(2)
        methods = [m.get("method", m.get("id")) for m in pipe.got[1:]]
        assert methods == ["notifications/progress"] * 2 + ["notifications/message", 2]
        stage.go_on.set()
        assert (await pipe.answer(1))["result"]["content"][0]["text"] == "late"


async def test_same_id_twice(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.initialize()
        for text in ("a", "b"):
            await pipe.start(1, "tools/call", name="echo", arguments={"text": text})
        await pipe.until(lambda _: sum(m.get("id") == 1 for m in pipe.got) == 2)
        texts = [m["result"]["content"][0]["text"] for m in pipe.got if m.get("id") == 1]
        assert sorted(texts) == ["a", "b"]


async def asked(pipe: Pipe, id: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Call the tool that asks: what it asks, and what a retry has to say."""
    able = {META + "clientCapabilities": {"elicitation": {}}}
    await pipe.stateless(id, "tools/call", able, name="ask_name", arguments={})
    result = (await pipe.answer(id))["result"]
    assert result["resultType"] == "input_required"
    (key,) = result["inputRequests"]
    answer = {key: {"action": "accept", "content": {"value": "Ada"}}}
    return able, {"inputResponses": answer, "requestState": result["requestState"]}


async def test_a_call_that_asks(stage: Stage):
    async with connected(stage, STATELESS) as pipe:
        for id in (1, 3):
            able, retry = await asked(pipe, id)
            await pipe.stateless(id + 1, "tools/call", able, name="ask_name", arguments={}, **retry)
            result = (await pipe.answer(id + 1))["result"]
            assert result["content"][0]["text"] == "accept: Ada"


async def test_a_retry_is_cancelled_by_its_own_id(stage: Stage):
    @stage.mcp.tool
    async def ask_then_wait(ctx: Context) -> str:
        await ctx.elicit("Name?", str)
        stage.started.set()
        try:
            await stage.go_on.wait()
        except asyncio.CancelledError:
            stage.cancelled.set()
            raise
        return "done"

    able = {META + "clientCapabilities": {"elicitation": {}}}
    async with connected(stage, STATELESS) as pipe:
        call = {"name": "ask_then_wait", "arguments": {}}
        await pipe.stateless(1, "tools/call", able, **call)
        result = (await pipe.answer(1))["result"]
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
        await pipe.tell({**cancel, "params": {"requestId": 1}})  # which is answered already
        (key,) = result["inputRequests"]
        answers = {key: {"action": "accept", "content": {"value": "Ada"}}}
        state = result["requestState"]
        await pipe.stateless(
            2, "tools/call", able, **call, inputResponses=answers, requestState=state
        )
        await stage.started.wait()
        await pipe.tell({**cancel, "params": {"requestId": 2}})
        await stage.cancelled.wait()
        await settled()
        assert not [message for message in pipe.got if message.get("id") == 2]


async def test_a_call_that_waits_ends_with_its_pipe(stage: Stage):
    async with connected(stage, STATELESS) as pipe:
        await asked(pipe, 1)


@pytest.mark.parametrize("era", ["handshake", "stateless"])
@pytest.mark.parametrize("tool", ["wait", "stubborn"])
async def test_cancellation(stage: Stage, era: str, tool: str):
    async with connected(stage) as pipe:
        await pipe.initialize()
        begin = pipe.start if era == "handshake" else pipe.stateless
        await begin(5, "tools/call", name=tool, arguments={})
        await stage.started.wait()
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        await pipe.tell(cancel)
        await pipe.tell(cancel)
        await stage.cancelled.wait()
        await pipe.start(6, "ping")
        await pipe.answer(6)
        await settled()
        assert not [m for m in pipe.got if m.get("id") == 5 or m.get("method")]


async def test_cancelled_before_it_began(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.initialize()
        session = pipe.send.__self__.session
        for begin in (pipe.start, pipe.stateless):
            await begin(5, "tools/call", name="wait", arguments={})
            await pipe.tell(
                {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
            )
        await settled()
        assert not session.inflight
        assert not pipe.send.__self__._stateless
        assert not stage.started.is_set()


async def test_questions(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.initialize(elicitation={})
        await pipe.start(1, "tools/call", name="ask_name", arguments={})
        question = await pipe.until(lambda m: m.get("method") == "elicitation/create")
        reply = {"action": "accept", "content": {"value": "Bo"}}
        await pipe.tell({"jsonrpc": "2.0", "id": question["id"], "result": reply})
        assert (await pipe.answer(1))["result"]["content"][0]["text"] == "accept: Bo"


async def test_closing_stops_what_runs(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.initialize(elicitation={})
        await pipe.start(1, "tools/call", name="wait", arguments={})
        await pipe.start(2, "tools/call", name="ask_name", arguments={})
        await pipe.until(lambda m: m.get("method") == "elicitation/create")
        await stage.started.wait()
        await pipe.tell({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        stage.mcp.tool(lambda: "x", name="late_change")
    assert stage.cancelled.is_set()
    got = len(pipe.got)
    await settled()
    assert len(pipe.got) == got


async def test_closing_lets_handlers_clean_up(stage: Stage):
    cleaned: list[bool] = []
    begun = asyncio.Event()

    @stage.mcp.tool
    async def careful() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            cleaned.append(True)

    async with connected(stage) as pipe:
        await pipe.initialize()
        await pipe.start(1, "tools/call", name="careful", arguments={})
        await begun.wait()
    assert cleaned == [True]


async def test_changes_are_told(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.initialize()
        stage.mcp.tool(lambda: "x", name="fresh")
        await pipe.until(lambda m: m.get("method") == "notifications/tools/list_changed")
        stage.mcp.disable(names={"fresh"}, components={"tool"})
        await pipe.until(
            lambda _: (
                sum(m.get("method") == "notifications/tools/list_changed" for m in pipe.got) == 2
            )
        )


# subscriptions

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"


async def subscribe(pipe: Pipe, id: Any, **filter: Any) -> Any:
    """Returns the acknowledgement."""
    await pipe.stateless(id, "subscriptions/listen", notifications=filter)
    return await pipe.until(lambda m: m.get("method") == ACKNOWLEDGED and id in told(m))


def told(message: Any) -> list[Any]:
    """The subscription it is for."""
    meta = message.get("params", {}).get("_meta", {})
    return [meta[META + "subscriptionId"]] if meta else []


def heard(pipe: Pipe, id: Any) -> list[str]:
    """What was said on a subscription, in order."""
    return [m["method"] for m in pipe.got if id in told(m)]


async def cancel(pipe: Pipe, id: Any) -> None:
    params = {"requestId": id}
    await pipe.tell({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})


async def test_subscriptions_share_the_pipe(stage: Stage):
    async with connected(stage) as pipe:
        first = await subscribe(pipe, "a", toolsListChanged=True, promptsListChanged=True)
        assert first["params"]["notifications"] == {
            "toolsListChanged": True,
            "promptsListChanged": True,
        }
        await subscribe(pipe, 2, resourceSubscriptions=["a:1"], toolsListChanged=True)
        stage.mcp.tool(lambda: "x", name="fresh")
        stage.mcp.bus.publish(ResourceUpdated("a:2"))
        stage.mcp.bus.publish(ResourceUpdated("a:1"))
        await pipe.until(lambda m: m.get("method") == UPDATED)
        assert heard(pipe, "a") == [ACKNOWLEDGED, CHANGED]
        assert heard(pipe, 2) == [ACKNOWLEDGED, CHANGED, UPDATED]
        await pipe.stateless(3, "tools/call", name="add", arguments={"a": 1, "b": 2})
        assert (await pipe.answer(3))["result"]["content"][0]["text"] == "3"


async def test_tasks_are_told_on_the_pipe(stage: Stage):
    @stage.mcp.tool(task=True)
    async def asks(ctx: Context) -> str:
        return (await ctx.elicit("?", str)).action

    capabilities = {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}
    meta = {META + "clientCapabilities": capabilities}

    def states(subscription: Any) -> list[str]:
        messages = [m["params"] for m in pipe.got if subscription in told(m)]
        return [params["status"] for params in messages if "status" in params]

    async with connected(stage) as pipe:
        await pipe.stateless(1, "tools/call", meta, name="asks", arguments={})
        id = (await pipe.answer(1))["result"]["taskId"]
        filter = {"taskIds": [id, "nothing"]}
        await pipe.stateless("l", "subscriptions/listen", meta, notifications=filter)
        acknowledged = await pipe.until(lambda m: m.get("method") == ACKNOWLEDGED)
        assert acknowledged["params"]["notifications"] == {"taskIds": [id]}
        asked = await pipe.until(lambda m: "inputRequests" in m.get("params", {}))
        [key] = asked["params"]["inputRequests"]
        responses = {key: {"action": "decline"}}
        await pipe.stateless(2, "tasks/update", meta, taskId=id, inputResponses=responses)
        ended = await pipe.until(lambda m: m.get("params", {}).get("status") == "completed")
        assert ended["params"]["result"]["content"][0]["text"] == "decline"
        assert states("l")[-2:] in (["input_required", "completed"], ["working", "completed"])
        await pipe.stateless(3, "subscriptions/listen", notifications=filter)
        assert (await pipe.answer(3))["error"]["code"] == -32021


async def test_a_subscription_is_cancelled_and_others_go_on(stage: Stage):
    async with connected(stage) as pipe:
        for id in (1, 2):
            await subscribe(pipe, id, toolsListChanged=True)
        await cancel(pipe, 1)
        await cancel(pipe, 1)
        await settled()
        stage.mcp.tool(lambda: "x", name="fresh")
        await pipe.until(lambda m: m.get("method") == CHANGED)
        await settled()
        assert heard(pipe, 1) == [ACKNOWLEDGED]
        assert heard(pipe, 2) == [ACKNOWLEDGED, CHANGED]
        assert not [m for m in pipe.got if "id" in m]


async def test_the_server_ends_subscriptions_with_their_results(stage: Stage):
    async with connected(stage) as pipe:
        for id in (1, "two"):
            await subscribe(pipe, id, toolsListChanged=True)
        stage.mcp.tool(lambda: "x", name="fresh")  # said before the end is told before it
        await pipe.send.__self__.stop()
        for id in (1, "two"):
            result = (await pipe.answer(id))["result"]
            assert result["resultType"] == "complete"
            assert result["_meta"][META + "subscriptionId"] == id
            assert heard(pipe, id) == [ACKNOWLEDGED, CHANGED]


async def test_the_end_of_the_connection_ends_subscriptions(stage: Stage):
    async with connected(stage) as pipe:
        await subscribe(pipe, 1, toolsListChanged=True)
        listening = pipe.send.__self__._listening
    assert not listening.tasks
    stage.mcp.tool(lambda: "x", name="fresh")
    await settled()
    assert heard(pipe, 1) == [ACKNOWLEDGED]


async def test_a_pipe_that_is_not_read_holds_nothing_but_places(stage: Stage):
    async with connected(stage) as pipe:
        await subscribe(pipe, 1, toolsListChanged=True, resourceSubscriptions=["a:1", "a:2"])
        pipe.gate = asyncio.Event()
        stage.mcp.bus.publish(ResourceUpdated("a:1"))
        await settled()
        tasks = len(asyncio.all_tasks())
        for number in range(3000):
            stage.mcp.bus.publish(ResourceUpdated(f"a:{number % 2}"))
        await settled()
        assert len(asyncio.all_tasks()) == tasks
        pipe.gate.set()
        # The first was being written; then all that it listens to, and no other.
        await pipe.until(lambda _: len(heard(pipe, 1)) == 5)
        assert heard(pipe, 1)[1:] == [UPDATED, CHANGED, UPDATED, UPDATED]


async def test_so_many_subscriptions_and_no_more(stage: Stage):
    async with connected(stage) as pipe:
        for id in range(100):
            await subscribe(pipe, id, toolsListChanged=True)
        await pipe.stateless("more", "subscriptions/listen", notifications={})
        error = (await pipe.answer("more"))["error"]
        assert error["code"] == -32000
        assert "holds 100 open" in error["message"]
        await cancel(pipe, 7)
        await settled()
        await subscribe(pipe, "again", toolsListChanged=True)


async def test_malformed_filters(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.stateless(1, "subscriptions/listen")
        assert (await pipe.answer(1))["error"]["code"] == -32602
        await pipe.stateless(2, "subscriptions/listen", notifications={"toolsListChanged": 1})
        assert (await pipe.answer(2))["error"]["code"] == -32602
        await pipe.initialize()
        await pipe.start(3, "subscriptions/listen", notifications={})
        assert (await pipe.answer(3))["error"]["code"] == -32601


async def test_initialize_again(stage: Stage):
    async with connected(stage) as pipe:
        await pipe.initialize()
        await pipe.start(1, "tools/call", name="wait", arguments={})
        await stage.started.wait()
        pipe.got.clear()
        await pipe.initialize()
        await stage.cancelled.wait()
        await pipe.start(2, "ping")
        await pipe.answer(2)


async def test_batches(stage: Stage):
    batch = [{"jsonrpc": "2.0", "id": i, "method": "ping"} for i in (1, 2)]
    async with connected(stage, "2025-03-26") as pipe:
        await pipe.initialize()
        initialize = {"jsonrpc": "2.0", "id": 9, "method": "initialize", "params": {}}
        await pipe.tell([*batch, initialize])
        for id in (1, 2):
            assert (await pipe.answer(id))["result"] == {}
        assert (await pipe.answer(9))["error"]["code"] == -32600
        await pipe.start(3, "tools/call", name="add", arguments={"a": 1, "b": 2})
        await pipe.answer(3)
    async with connected(stage) as pipe:
        await pipe.initialize()
        await pipe.tell(batch)
        assert (await pipe.until(lambda m: "error" in m))["error"]["code"] == -32600


ODD = [
    b"nonsense",
    b"{}",
    b"[",
    b"[]",
    b"\xff",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": []}}',
    b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": {}}}',
    b'{"jsonrpc": "2.0", "method": "notifications/cancelled"}',
    b'{"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "add"}}',
    b'{"jsonrpc": "2.0", "id": 1, "result": 5}',
    b'{"jsonrpc": "2.0", "id": 1, "error": 5}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": 5}}',
]


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
async def test_odd_input_breaks_nothing(
    stage: Stage, data: bytes, opened: bool, caplog: pytest.LogCaptureFixture
):
    async with connected(stage) as pipe:
        if opened:
            await pipe.initialize()
        await pipe.tell(data)
        await pipe.stateless("after", "tools/call", name="add", arguments={"a": 1, "b": 2})
        assert (await pipe.answer("after"))["result"]["content"][0]["text"] == "3"
    assert not [r for r in caplog.records if r.exc_info]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
_message = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={
        "id": st.integers() | st.text(max_size=3) | _json,
        "method": st.sampled_from(
            ["initialize", "ping", "tools/call", "notifications/cancelled", "logging/setLevel"]
        )
        | _json,
        "params": st.dictionaries(
            st.sampled_from(["name", "arguments", "requestId", "level", "_meta", "clientInfo"]),
            _json | st.sampled_from(["add", {META + "protocolVersion": STATELESS}]),
        )
        | _json,
        "result": _json,
        "error": _json,
    },
)


@pytest.mark.long
@settings(max_examples=extent(60, 200), deadline=None, derandomize=True)
@given(
    messages=st.lists(_message | st.lists(_message, max_size=2), max_size=6), opened=st.booleans()
)
def test_fuzz(messages: list[Any], opened: bool):
    async def run() -> None:
        stage = Stage()
        stage.go_on.set()
        async with connected(stage, "2025-03-26") as pipe:
            pipe.version = "2025-11-25"  # errors without an id have a schema there
            if opened:
                await pipe.initialize()
            for message in messages:
                await pipe.send(json.dumps(message).encode())
            await pipe.stateless("after", "tools/call", name="add", arguments={"a": 1, "b": 2})
            assert (await pipe.answer("after"))["result"]["content"][0]["text"] == "3"

    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(run())
    finally:
        logging.disable(logging.NOTSET)
