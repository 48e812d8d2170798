"""What one `tools/call` costs in Python calls, tasks and queues: fixed ceilings.

A count is the same on every machine, which a time is not; it grows when somebody adds a stage
to the way of a call, and then this test says so. It must not depend on how many tools or
sessions there are.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import pytest
from pydantic import Field

from fastmcp import Context, FastMCP
from fastmcp.server.http import StarletteWithLifespan
from fastmcp.server.middleware import Middleware
from fastmcp.settings import get_settings

JSON_CEILING = 120
STREAM_CEILING = 200
MIDDLEWARE_CEILING = 12
MODEL_CEILING = 5
META = "io.modelcontextprotocol/"
ERAS = ("2025-11-25", "2026-07-28")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path):
    before, get_settings().home = get_settings().home, tmp_path
    yield
    get_settings().home = before


def build(
    tools: int, mirrored: bool = False, middleware: Sequence[Middleware] = ()
) -> StarletteWithLifespan:
    mcp = FastMCP("budget", middleware=list(middleware))

    @mcp.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    async def step(ctx: Context) -> str:
        await ctx.report_progress(1, 1)
        return "done"

    if mirrored:

        @mcp.tool
        async def go(
            region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
        ) -> str:
            return region

    for number in range(tools - 2):
        mcp.tool(lambda: 1, name=f"filler_{number}")
    return mcp.http_app()


class Caller:
    """Puts requests straight into the application and counts what one of them does."""

    def __init__(self, app: StarletteWithLifespan, version: str) -> None:
        self.app = app
        self.version = version
        self.session: bytes | None = None
        self.calls: Counter[str] = Counter()
        self.tasks = 0
        self.queues = 0

    async def post(
        self, method: str, params: dict[str, Any], count: bool = False
    ) -> list[dict[str, Any]]:
        headers = [
            (b"host", b"127.0.0.1:8000"),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json, text/event-stream"),
        ]
        if self.version == "2026-07-28":
            params = {
                **params,
                "_meta": {
                    **params.get("_meta", {}),
                    META + "protocolVersion": self.version,
                    META + "clientCapabilities": {},
                    META + "clientInfo": {"name": "c", "version": "1"},
                },
            }
            headers += [
                (b"mcp-protocol-version", self.version.encode()),
                (b"mcp-method", method.encode()),
                (b"mcp-name", params.get("name", "").encode()),
            ]
        elif self.session is not None:
            headers += [
                (b"mcp-protocol-version", self.version.encode()),
                (b"mcp-session-id", self.session),
            ]
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        gone = asyncio.Event()
        whole = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if whole:
                return whole.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/mcp",
            "raw_path": b"/mcp",
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 1),
        }
        own = {receive.__code__, send.__code__}

        def profile(frame: FrameType, event: str, _: Any) -> None:
            if event != "call" or frame.f_code in own:
                return
            name = frame.f_code.co_qualname if sys.version_info >= (3, 11) else ""
            self.calls[f"{frame.f_code.co_filename}:{name}"] += 1
            if name.startswith("Queue.") and "asyncio" in frame.f_code.co_filename:
                self.queues += 1

        if not count:
            await self.app(scope, receive, send)
        else:
            loop = asyncio.get_running_loop()

            def factory(loop: Any, coroutine: Any, **kwargs: Any) -> asyncio.Task[Any]:
                self.tasks += 1
                return asyncio.Task(coroutine, loop=loop, **kwargs)

            loop.set_task_factory(factory)
            # What the collector finds meanwhile may have callbacks in Python, which are not ours.
            gc.collect()
            gc.disable()
            sys.setprofile(profile)
            try:
                await self.app(scope, receive, send)
            finally:
                sys.setprofile(None)
                gc.enable()
                loop.set_task_factory(None)
        return sent

    async def initialize(self) -> None:
        sent = await self.post(
            "initialize",
            {
                "protocolVersion": self.version,
                "capabilities": {},
                "clientInfo": {"name": "c", "version": "1"},
            },
        )
        self.session = dict(sent[0]["headers"])[b"mcp-session-id"]

    async def measure(self, params: dict[str, Any]) -> int:
        """The Python calls of a `tools/call` that is not the first."""
        if self.version != "2026-07-28" and self.session is None:
            await self.initialize()
        await self.post("tools/call", params)
        sent = await self.post("tools/call", params, count=True)
        assert sent[0]["status"] == 200
        body = b"".join(message.get("body", b"") for message in sent[1:])
        assert b'"isError":false' in body, body
        return sum(self.calls.values())


ADD = {"name": "add", "arguments": {"a": 1, "b": 2}}
STEP = {"name": "step", "arguments": {}, "_meta": {"progressToken": "p"}}


@pytest.mark.parametrize("version", ERAS)
async def test_a_json_answer(version: str):
    caller = Caller(build(2), version)
    calls = await caller.measure(ADD)
    assert calls <= JSON_CEILING, "\n".join(f"{n} {name}" for name, n in caller.calls.items())
    assert caller.tasks == 0
    assert caller.queues == 0


@pytest.mark.parametrize("version", ERAS)
async def test_a_streamed_answer(version: str):
    caller = Caller(build(2), version)
    calls = await caller.measure(STEP)
    assert calls <= STREAM_CEILING, "\n".join(f"{n} {name}" for name, n in caller.calls.items())
    assert caller.tasks <= 1
    assert caller.queues == 0


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("params", [ADD, STEP], ids=["json", "stream"])
async def test_the_number_of_tools_does_not_matter(version: str, params: dict[str, Any]):
    few, many = Caller(build(2), version), Caller(build(500), version)
    assert await few.measure(params) == await many.measure(params), many.calls - few.calls


@pytest.mark.parametrize("version", ERAS)
async def test_what_travels_in_headers_costs_only_the_tools_that_have_it(version: str):
    alone, beside = Caller(build(2), version), Caller(build(2, mirrored=True), version)
    assert await alone.measure(ADD) == await beside.measure(ADD)


async def test_the_number_of_sessions_does_not_matter():
    app = build(2)
    alone = Caller(app, "2025-11-25")
    before = await alone.measure(ADD)
    for _ in range(1000):
        await Caller(app, "2025-11-25").initialize()
    alone.calls.clear()
    assert await alone.measure(ADD) == before
    fresh = Caller(app, "2025-11-25")
    assert await fresh.measure(ADD) == before


class Passes(Middleware):
    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        return await call_next(context)


class Looks(Middleware):
    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        assert context.message.name
        return await call_next(context)


@pytest.mark.parametrize("version", ERAS)
async def test_a_middleware_costs_its_own_frame(version: str):
    async def cost(*middleware: Middleware) -> int:
        return await Caller(build(2, middleware=middleware), version).measure(ADD)

    none, one = await cost(), await cost(Passes())
    assert none < one <= none + MIDDLEWARE_CEILING
    assert await cost(*[Passes()] * 5) == one + 4
    # The model of the message is made once, where somebody looks.
    assert await cost(Looks()) <= one + MODEL_CEILING
    assert await cost(*[Looks()] * 5) == await cost(Looks()) + 4
