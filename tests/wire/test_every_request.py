"""Every method, in every version, in every shape a client may give it: the answer fits the schema.

Requests are made from the published schemas, as they should be and broken in one place. Whatever
comes, the answer is a valid message of its version, its status is no server error, nothing is
logged with a stack trace, and no task and no suspended handler is left.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fastmcp import Context, FastMCP
from fastmcp.server.providers.skills import SkillsDirectoryProvider
from fastmcp.settings import get_settings
from tests.support import schema
from tests.support.asgi import HANDSHAKE, META, STATELESS, Live, Peer, settled
from tests.support.extent import extent
from tests.support.generate import Json, instances, mutated
from tests.support.locks import ROOT

ALL = (*HANDSHAKE, STATELESS)
SKILLS = ROOT / "tests" / "conformance" / "skills"
TASKS = "io.modelcontextprotocol/tasks"
ABLE = {"elicitation": {}, "sampling": {}, "roots": {}, "extensions": {TASKS: {}}}
NAMES = {
    "name": ("greet", "ask", "think", "fail", "plain", "letter", "job", "nope"),
    "uri": ("data://greeting", "data://u/x", "data://nope"),
}
"""What requests name: components that are there, and one that is not."""


def server() -> FastMCP:
    mcp = FastMCP("every request", providers=[SkillsDirectoryProvider(SKILLS)])

    @mcp.tool
    def greet(name: str = "you") -> str:
        return f"Hello, {name}"

    @mcp.tool
    async def ask(ctx: Context) -> str:
        name, sure = await asyncio.gather(ctx.elicit("Name?", str), ctx.elicit("Sure?", bool))
        return f"{name.action} {sure.action}"

    @mcp.tool
    async def think(ctx: Context) -> list[str]:
        thought = await ctx.sample("Think")
        roots = await ctx.list_roots()
        return [str(thought.text), *(str(root.uri) for root in roots)]

    @mcp.tool
    def fail() -> int:
        raise ValueError("on purpose")

    @mcp.tool(task=True)
    async def job(ctx: Context) -> str:
        await asyncio.sleep(0)
        return (await ctx.elicit("Name?", str)).action

    @mcp.prompt
    def plain() -> str:
        return "plain"

    @mcp.prompt
    async def letter(ctx: Context, to: str = "you") -> str:
        return f"{to}, {(await ctx.elicit('Name?', str)).action}"

    @mcp.resource("data://greeting")
    def greeting() -> str:
        return "Hello"

    @mcp.resource("data://u/{name}")
    async def user(name: str, ctx: Context) -> str:
        return f"{name}, {(await ctx.elicit('Name?', str)).action}"

    @mcp.completion
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return ["one", "two"]

    return mcp


class Loop:
    """An event loop for many examples, and a server on it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.app = server().http_app()
        self.peers: dict[str, Peer] = {}

    async def peer(self, version: str) -> Peer:
        if version not in self.peers:
            self.peers[version] = await Peer(self.app, version, capabilities=ABLE).open()
        return self.peers[version]

    async def tasks(self) -> set[Any]:
        """What runs that an exchange began."""
        await settled()
        return {
            task
            for task in asyncio.all_tasks()
            if task.get_name() == "asgi exchange" or "rounds" in repr(task.get_coro())
        }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    known = get_settings()
    before = known.home, known.input_required_total
    known.home, known.input_required_total = tmp_path_factory.mktemp("home"), 5
    loop = Loop()
    yield loop

    async def end() -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await settled()

    loop.loop.run_until_complete(end())
    loop.loop.close()
    known.home, known.input_required_total = before


class Traces(logging.Handler):
    """Stack traces of the server's own making; that of a tool which fails is the author's."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and "calling tool" not in record.getMessage():
            self.seen.append(self.format(record))


@pytest.fixture(scope="module")
def traces() -> Iterator[Traces]:
    handler = Traces()
    logger = logging.getLogger("fastmcp")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def requests(version: str) -> list[str]:
    """The methods that a client may send."""
    return sorted(schema.methods(version, "ClientRequest"))


PLAIN: dict[str, dict[str, Any]] = {
    "tasks/update": {"inputResponses": {}},
    "skills/get": {"uri": "skill://pdf-processing/SKILL.md"},
    "resources/directory/read": {"uri": "skill://pdf-processing"},
    "tools/call": {"name": "greet"},
    "resources/read": {"uri": "data://greeting"},
    "resources/subscribe": {"uri": "data://greeting"},
    "resources/unsubscribe": {"uri": "data://greeting"},
    "prompts/get": {"name": "plain"},
    "logging/setLevel": {"level": "info"},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "letter"},
        "argument": {"name": "to", "value": "o"},
    },
}
"""Params with which a method gives a result; empty ones do for the others."""


ABSENT = {"tasks/get", "tasks/result", "tasks/cancel", "tasks/list"}
"""Experiments of 2025-11-25, which 2026-07-28 has replaced by an extension."""


def named(message: dict[str, Any], which: int) -> dict[str, Any]:
    """The same request for something that there may be."""
    params = message.get("params")
    if isinstance(params, dict):
        for field, known in NAMES.items():
            if field in params:
                params[field] = known[which % len(known)]
        if isinstance(params.get("arguments"), dict) and which % 2:
            params["arguments"] = {}
    return message


def described(message: Any, version: str, drop: bool) -> Any:
    """With the `_meta` that the stateless era asks for, unless it is to be wrong."""
    if version == STATELESS and not drop and isinstance(message, dict):
        params = message.setdefault("params", {})
        if isinstance(params, dict):
            meta = {
                META + "protocolVersion": version,
                META + "clientInfo": {"name": "g", "version": "1"},
                META + "clientCapabilities": ABLE,
            }
            token = (params.get("_meta") or {}).get("progressToken")
            params["_meta"] = meta if token is None else {**meta, "progressToken": token}
    return message


def headers(peer: Peer, message: Any) -> dict[str, str]:
    method = message.get("method") if isinstance(message, dict) else None
    params = message.get("params") if isinstance(message, dict) else None
    found = peer.standard_headers(
        method if isinstance(method, str) else None, params if isinstance(params, dict) else None
    )
    return {name: value.encode("ascii", "ignore").decode() for name, value in found.items()}


async def begin_task(running: Loop) -> str:
    """A task that asks for something."""
    plain = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "job"}}
    live = await exchange(running, STATELESS, described(plain, STATELESS, False), True)
    return live.result["taskId"]


async def exchange(running: Loop, version: str, message: Any, valid: bool) -> Live:
    """One request and its answer. A stream that does not end by itself is left; what the server
    asks on it gets no answer, but the client leaves."""
    peer = await running.peer(version)
    method = message.get("method") if isinstance(message, dict) else None

    def judge(answer: Any) -> None:
        known = method if valid and isinstance(method, str) else None
        schema.check(answer, version, "server", known)

    live = peer.send("POST", json.dumps(message).encode(), headers(peer, message), judge=judge)
    await live.until(lambda live: live.finished or live.messages or live.task.done())
    if not live.finished:
        if peer.stateless:
            live.leave()
        else:
            id = message.get("id")
            await peer.notify("notifications/cancelled", {"requestId": id})
        await live.until(lambda live: live.finished or live.task.done())
    return live


def check(live: Live, message: Any, valid: bool, version: str) -> None:
    assert live.status < 500, (live.status, live.body)
    if live.is_stream or not live.body:
        return
    answer = json.loads(live.body)
    assert "error" in answer or "result" in answer
    if not valid:
        return
    assert answer.get("id") == message["id"]
    if "error" in answer:
        assert answer["error"]["code"] != -32603 or "client" in answer["error"]["message"], answer
    else:
        schema.check(answer, version, "server", message["method"])


async def no_handler_is_left(running: Loop) -> None:
    """At most those that may wait do; they are told apart by nothing else than their number."""
    assert len(await running.tasks()) <= 5


pytestmark = pytest.mark.long

RUNS = settings(
    max_examples=extent(12, 25),
    deadline=None,
    phases=[Phase.generate],  # what is made is small; to shrink it would only take time
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize(
    ("version", "method"),
    [(version, method) for version in ALL for method in requests(version)],
)
def test_every_request(running: Loop, traces: Traces, version: str, method: str) -> None:
    definition = schema.methods(version, "ClientRequest")[method]
    if method != "initialize":  # which every peer has said already
        plain = {"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(PLAIN.get(method, {}))}
        if version == STATELESS and method.startswith("tasks/"):
            plain["params"]["taskId"] = running.loop.run_until_complete(begin_task(running))
        live = running.loop.run_until_complete(
            exchange(running, version, described(plain, version, False), True)
        )
        answer = live.messages[-1]
        if method in ABSENT and version != STATELESS:
            assert answer["error"]["code"] == -32601
        else:
            assert "result" in answer or method == "subscriptions/listen", answer

    @RUNS
    @given(st.data())
    def run(data: st.DataObject) -> None:
        message = named(data.draw(instances(version, definition)), data.draw(st.integers(0, 41)))
        message = {
            "jsonrpc": "2.0",
            "id": data.draw(st.integers(1, 99) | st.text(max_size=4)),
            **message,
        }
        wrong_meta = data.draw(st.booleans()) and data.draw(st.booleans())
        message = described(message, version, wrong_meta)
        valid = not wrong_meta or version != STATELESS
        if data.draw(st.booleans()):
            message, valid = data.draw(mutated(message)), False

        async def go() -> None:
            live = await exchange(running, version, message, valid)
            check(live, message, valid, version)
            await no_handler_is_left(running)

        running.loop.run_until_complete(go())
        assert not traces.seen, traces.seen

    run()


@pytest.mark.parametrize("version", ALL)
def test_anything_at_all(running: Loop, traces: Traces, version: str) -> None:
    @RUNS
    @given(Json)
    def run(message: Any) -> None:
        async def go() -> None:
            live = await exchange(running, version, message, False)
            assert live.status < 500

        running.loop.run_until_complete(go())
        assert not traces.seen, traces.seen

    run()


RESULTS = {
    "elicitation/create": "ElicitResult",
    "sampling/createMessage": "CreateMessageResult",
    "roots/list": "ListRootsResult",
}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "ask"}),
        ("tools/call", {"name": "think"}),
        ("prompts/get", {"name": "letter"}),
        ("resources/read", {"uri": "data://u/x"}),
    ],
)
def test_rounds(running: Loop, traces: Traces, method: str, params: dict[str, Any]) -> None:
    """What is asked is answered as it should be, or not quite, or not at all."""

    def answer(data: st.DataObject, asked: dict[str, Any]) -> dict[str, Any]:
        answers = {
            key: data.draw(instances(STATELESS, RESULTS[request["method"]]))
            for key, request in asked["inputRequests"].items()
        }
        retry: dict[str, Any] = {"inputResponses": answers, "requestState": asked["requestState"]}
        return data.draw(mutated(retry)) if data.draw(st.integers(0, 3)) == 0 else retry

    @RUNS
    @given(st.data())
    def run(data: st.DataObject) -> None:
        more: dict[str, Any] = {}
        for number in range(data.draw(st.integers(1, 5))):
            message = {
                "jsonrpc": "2.0",
                "id": number,
                "method": method,
                "params": {**params, **more},
            }
            message = described(message, STATELESS, False)
            live = running.loop.run_until_complete(exchange(running, STATELESS, message, True))
            assert live.status < 500
            result = live.response.get("result")
            if result is None or result["resultType"] == "complete":
                break
            more = answer(data, result)
        running.loop.run_until_complete(no_handler_is_left(running))
        assert not traces.seen, traces.seen

    run()


@pytest.mark.parametrize("method", requests("2024-11-05"))
def test_every_request_on_a_pipe(running: Loop, traces: Traces, method: str) -> None:
    """The oldest version, which knows pipes alone."""
    version = "2024-11-05"
    definition = schema.methods(version, "ClientRequest")[method]
    got: dict[Any, dict[str, Any]] = {}
    changed = asyncio.Event()

    async def deliver(data: bytes) -> None:
        message = json.loads(data)
        schema.check(message, version, "server")
        got[str(message.get("id"))] = message
        changed.set()

    async def answered(send: Any, message: Any, id: str) -> None:
        """Send a message, and wait until everything before a ping of this id has been read."""
        await send(json.dumps(message).encode())
        await send(json.dumps({"jsonrpc": "2.0", "id": id, "method": "ping"}).encode())
        async with asyncio.timeout(20):
            while id not in got:
                changed.clear()
                await changed.wait()
        await settled()

    async def conversation(data: st.DataObject) -> None:
        async with server().connect_in_process(deliver) as send:
            info = {"name": "g", "version": "1"}
            hello = {"protocolVersion": version, "capabilities": ABLE, "clientInfo": info}
            first = {"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": hello}
            await answered(send, first, "a")
            assert got["hello"]["result"]["protocolVersion"] == version
            for number in range(5):
                message = named(
                    data.draw(instances(version, definition)), data.draw(st.integers(0, 41))
                )
                message = {"jsonrpc": "2.0", "id": f"m{number}", **message}
                valid = data.draw(st.booleans())
                await answered(
                    send, message if valid else data.draw(mutated(message)), f"p{number}"
                )
                if valid and "result" in got.get(f"m{number}", {}):
                    schema.check(got[f"m{number}"], version, "server", method)

    @settings(RUNS, max_examples=extent(5, 10))
    @given(st.data())
    def run(data: st.DataObject) -> None:
        got.clear()
        running.loop.run_until_complete(conversation(data))
        assert not traces.seen, traces.seen

    run()
