"""The spans of a server, over real HTTP, as a real SDK exports them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import mcp_types
import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from starlette.middleware import Middleware as ASGIMiddleware

from fastmcp import Context, FastMCP
from fastmcp.exceptions import McpError, ToolError
from fastmcp.server.middleware import Middleware
from fastmcp.telemetry import suppress_fastmcp_telemetry
from fastmcp.utilities.tests import run_server_async, temporary_settings
from tests.support.locks import ROOT
from tests.support.sse_peer import SsePeer
from tests.support.telemetry import (
    Spans,
    id_of,
    meter_provider,
    parent_of,
    trace_of,
    tracer_provider,
)
from tests.support.wire import Wire

ERAS = ["2025-11-25", "2026-07-28"]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with tracer_provider() as spans:
        yield spans


@pytest.fixture(params=ERAS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


class Busy(McpError):
    """An author's own."""


def server() -> FastMCP:
    mcp = FastMCP("traced")

    @mcp.tool
    async def look() -> dict[str, Any]:
        with trace.get_tracer("author").start_as_current_span("author's"):
            pass
        return {
            "span": trace.get_current_span().get_span_context().span_id,
            "state": dict(trace.get_current_span().get_span_context().trace_state),
            "baggage": dict(baggage.get_all()),
        }

    @mcp.tool
    def look_in_thread() -> int:
        return trace.get_current_span().get_span_context().span_id

    @mcp.tool
    async def crash(secret: str) -> str:
        raise ValueError("out of luck")

    @mcp.tool
    async def refuse() -> str:
        raise ToolError("not today")

    @mcp.tool
    async def take_back(ctx: Context) -> str:
        ctx.exchange.cancel()
        await asyncio.sleep(60)
        return "never"

    @mcp.resource("data://greeting")
    async def greeting() -> str:
        return "hello"

    @mcp.resource("data://broken")
    async def broken() -> str:
        raise RuntimeError("the disk is gone")

    @mcp.resource("data://busy")
    async def busy() -> str:
        raise Busy(-32050, "come back later")

    @mcp.prompt
    async def plead(what: str) -> str:
        return f"Please, {what}!"

    return mcp


class Instrumented:
    """What an instrumented ASGI server does: the context of the headers, and a span of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {key.decode(): value.decode() for key, value in scope.get("headers", ())}
        with trace.get_tracer("asgi").start_as_current_span(
            "POST /mcp", propagate.extract(headers), SpanKind.SERVER
        ):
            await self.app(scope, receive, send)


class _Wrapped:
    def __init__(self, mcp: FastMCP) -> None:
        self.mcp = mcp

    async def run_http_async(self, *args: Any, **kwargs: Any) -> None:
        middleware = [ASGIMiddleware(Instrumented)]
        await self.mcp.run_http_async(*args, middleware=middleware, **kwargs)


@asynccontextmanager
async def serving(
    version: str, mcp: FastMCP | None = None, instrumented: bool = False
) -> AsyncIterator[Wire]:
    """A client of a running server, and no spans yet."""
    mcp = mcp or server()
    async with (
        run_server_async(_Wrapped(mcp) if instrumented else mcp) as url,
        Wire(url, version) as wire,
    ):
        if not wire.stateless:
            await wire.initialize()
        yield wire


def data(answer: Any) -> Any:
    return answer.result["structuredContent"]


async def test_a_span_of_each_call(spans: Spans, version: str):
    async with serving(version) as wire:
        said = data(await wire.call("look", id="seven"))
    span = spans.server()
    assert span.name == "tools/call look"
    assert dict(span.attributes or {}) == {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": version,
        "jsonrpc.request.id": "seven",
        "gen_ai.tool.name": "look",
        "gen_ai.operation.name": "execute_tool",
        "network.transport": "tcp",
        **({} if wire.stateless else {"mcp.session.id": (span.attributes or {})["mcp.session.id"]}),
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is None
    assert said["span"] == id_of(span)
    assert parent_of(spans.named("author's")) == id_of(span)


async def test_the_other_methods(spans: Spans, version: str):
    async with serving(version) as wire:
        await wire.request("tools/list")
        await wire.request("resources/read", {"uri": "data://greeting"})
        await wire.request("prompts/get", {"name": "plead", "arguments": {"what": "rain"}})
    assert spans.server("tools/list").name == "tools/list"
    read = spans.server("resources/read")
    assert read.name == "resources/read"
    assert (read.attributes or {})["mcp.resource.uri"] == "data://greeting"
    prompt = spans.server("prompts/get")
    assert prompt.name == "prompts/get plead"
    assert (prompt.attributes or {})["gen_ai.prompt.name"] == "plead"


async def test_a_session_goes_by_its_name(spans: Spans):
    async with serving("2025-11-25") as wire:
        await wire.call("look")
        name = str((spans.server().attributes or {})["mcp.session.id"])
        assert spans.server("initialize").attributes == {
            **(spans.server("initialize").attributes or {}),
            "mcp.session.id": name,
        }
        assert wire.session_id
        assert wire.session_id not in json.dumps([s.to_json() for s in spans.all()])
        wire.session_id = name
        answer = await wire.call("look")
        assert answer.status == 404, "the name gives access"


async def test_notifications_have_none(spans: Spans):
    async with serving("2025-11-25"):
        pass  # sends notifications/initialized
    assert [span.name for span in spans.all(SpanKind.SERVER)] == ["initialize"]


async def test_a_call_of_several_rounds(spans: Spans):
    mcp = server()

    @mcp.tool
    async def ask(ctx: Context) -> str:
        return str((await ctx.elicit("Name?", str)).data)

    @mcp.tool
    async def guard(ctx: Context) -> Any:
        if ctx.input_responses is None:
            return mcp_types.InputRequiredResult(request_state="asked")
        return "told"

    async with serving("2026-07-28", mcp) as wire:
        wire.capabilities = {"elicitation": {}}
        asked = (await wire.call("ask", id="one")).result
        ((key, question),) = asked["inputRequests"].items()
        params = {
            "name": "ask",
            "inputResponses": {key: {"action": "accept", "content": {"value": "Ada"}}},
            "requestState": asked["requestState"],
        }
        meta = {"traceparent": TRACEPARENT}
        answer = await wire.request("tools/call", params, id="two", meta=meta)
        assert answer.text == "Ada"
        await wire.call("guard", id="three")
    whole, retry, guarded = sorted(
        spans.all(SpanKind.SERVER, "tools/call"), key=lambda span: span.start_time or 0
    )
    # The span of the first request is as long as its handler, and the question is asked in it.
    carried = question["params"]["_meta"]["traceparent"]
    assert f"{id_of(whole):016x}" in carried
    assert (whole.end_time or 0) > (retry.start_time or 0)
    assert parent_of(retry) == int(PARENT, 16)
    ids = [(span.attributes or {})["jsonrpc.request.id"] for span in (whole, retry, guarded)]
    assert ids == ["one", "two", "three"]


async def test_a_call_that_is_run_again_is_no_error(spans: Spans):
    mcp = server()

    @mcp.tool(annotations={"readOnlyHint": True})
    async def ask(ctx: Context) -> str:
        return str((await ctx.elicit("Name?", str)).data)

    async with serving("2026-07-28", mcp) as wire:
        wire.capabilities = {"elicitation": {}}
        asked = (await wire.call("ask", id="one")).result
        (key,) = asked["inputRequests"]
        params = {
            "name": "ask",
            "inputResponses": {key: {"action": "accept", "content": {"value": "Ada"}}},
            "requestState": asked["requestState"],
        }
        for id in ("two", "three"):  # the second time its handler is gone
            answer = await wire.request("tools/call", params, id=id)
            assert answer.text == "Ada"
    ended = spans.all(SpanKind.SERVER, "tools/call")
    assert all(span.status.status_code is StatusCode.UNSET for span in ended)


async def test_the_parent_is_in_meta(spans: Spans, version: str):
    async with serving(version) as wire:
        meta = {"traceparent": TRACEPARENT, "tracestate": "rojo=1", "baggage": "user=ada,x=%20y"}
        said = data(await wire.call("look", meta=meta))
    span = spans.server()
    assert f"{trace_of(span):032x}" == TRACE
    assert f"{parent_of(span):016x}" == PARENT
    assert span.parent is not None
    assert span.parent.is_remote
    assert said["state"] == {"rojo": "1"}
    assert said["baggage"] == {"user": "ada", "x": "y"}


async def test_the_parent_is_in_the_headers(spans: Spans, version: str):
    async with serving(version, instrumented=True) as wire:
        await wire.call("look", headers={"traceparent": TRACEPARENT})
    span = spans.server()
    (http,) = [s for s in spans.all() if id_of(s) == parent_of(span)]
    assert http.name == "POST /mcp"
    assert f"{parent_of(http):016x}" == PARENT
    assert f"{trace_of(span):032x}" == TRACE
    assert not span.links


async def test_meta_goes_before_the_headers(spans: Spans, version: str):
    """One HTTP request may be a retry, or carry several messages: the span of the client's call
    is the parent, the HTTP request is linked."""
    other = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    async with serving(version, instrumented=True) as wire:
        await wire.call("look", headers={"traceparent": other}, meta={"traceparent": TRACEPARENT})
    span = spans.server()
    assert f"{parent_of(span):016x}" == PARENT
    (link,) = span.links
    assert f"{link.context.trace_id:032x}" == "1" * 32


async def test_a_function_in_a_thread(spans: Spans, version: str):
    async with serving(version) as wire:
        said = data(await wire.call("look_in_thread"))
    assert said["result"] == id_of(spans.server())


# what goes wrong


def failure(span: ReadableSpan) -> tuple[StatusCode, Any, Any]:
    attributes = span.attributes or {}
    return (
        span.status.status_code,
        attributes.get("error.type"),
        attributes.get("rpc.response.status_code"),
    )


async def test_a_tool_that_crashes(spans: Spans, version: str):
    async with serving(version) as wire:
        await wire.call("crash", {"secret": "hunter2"})
    span = spans.server()
    assert failure(span) == (StatusCode.ERROR, "tool_error", None)
    (event,) = span.events
    assert event.name == "exception"
    assert (event.attributes or {})["exception.type"] == "ValueError"
    assert "hunter2" not in span.to_json()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("refuse", {}), ("crash", {"secret": ["hunter2"]})],
    ids=["a ToolError", "arguments that do not fit"],
)
async def test_a_tool_that_says_no(
    spans: Spans, version: str, name: str, arguments: dict[str, Any]
):
    async with serving(version) as wire:
        assert (await wire.call(name, arguments)).result["isError"]
    span = spans.server()
    assert failure(span) == (StatusCode.ERROR, "tool_error", None)
    assert not span.events
    assert "hunter2" not in span.to_json()


async def test_an_unknown_tool(spans: Spans, version: str):
    """A result in the handshake era, and an error in the stateless one."""
    async with serving(version) as wire:
        await wire.call("nobody")
    said = ("-32602", "-32602") if wire.stateless else ("tool_error", None)
    assert failure(spans.server()) == (StatusCode.ERROR, *said)


async def test_an_error_of_the_protocol(spans: Spans, version: str):
    async with serving(version) as wire:
        answer = await wire.request("resources/read", {"uri": "data://nothing"})
    span = spans.server("resources/read")
    code = str(answer.error["code"])
    assert failure(span) == (StatusCode.ERROR, code, code)
    assert span.status.description == (None if wire.stateless else answer.error["message"])
    assert not span.events


async def test_arguments_that_do_not_fit_are_not_told(spans: Spans, version: str):
    mcp = server()
    mcp.add_middleware(Middleware())
    async with serving(version, mcp) as wire:
        wire.validate = False
        secret = {"name": "plead", "arguments": {"what": ["hunter2"]}}
        await wire.request("prompts/get", secret)
    span = spans.server("prompts/get")
    assert failure(span) == (StatusCode.ERROR, "-32602", "-32602")
    assert "hunter2" not in span.to_json()


async def test_an_error_of_an_author_s_own(spans: Spans, version: str):
    async with serving(version) as wire:
        await wire.request("resources/read", {"uri": "data://busy"})
    span = spans.server("resources/read")
    assert failure(span) == (StatusCode.ERROR, "-32050", "-32050")
    assert not span.events


async def test_a_resource_that_crashes(spans: Spans, version: str):
    async with serving(version) as wire:
        await wire.request("resources/read", {"uri": "data://broken"})
    span = spans.server("resources/read")
    assert failure(span) == (StatusCode.ERROR, "-32603", "-32603")
    assert [(e.attributes or {})["exception.type"] for e in span.events] == ["RuntimeError"]


async def test_an_unknown_method(spans: Spans):
    async with serving("2025-11-25") as wire:
        wire.validate = False
        answer = await wire.request("tools/" + "x" * 5000)
    (span,) = [span for span in spans.all() if span.name.startswith("tools/")]
    assert answer.error["code"] == -32601
    assert failure(span) == (StatusCode.ERROR, "-32601", "-32601")
    assert len(span.name) <= 256


async def test_a_call_that_is_taken_back(spans: Spans, version: str):
    async with serving(version) as wire:
        wire.validate = False
        await wire.call("take_back")
        assert failure(spans.server()) == (StatusCode.ERROR, "cancelled", None)
        assert not spans.server().events


# a peer that means no good

HOSTILE: list[Any] = [
    "",
    "garbage",
    5,
    None,
    [],
    {"a": "b"},
    True,
    "00-" + "0" * 32 + "-" + PARENT + "-01",
    f"00-{TRACE}-" + "0" * 16 + "-01",
    f"ff-{TRACE}-{PARENT}-01",
    TRACEPARENT.upper(),
    TRACEPARENT + "-more",
    TRACEPARENT + "\n",
    TRACEPARENT + "x" * 100_000,
    "00-\u0661" + TRACE[1:] + f"-{PARENT}-01",
]


async def test_what_is_no_trace_context_is_ignored(
    spans: Spans, version: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    async with serving(version) as wire:
        wire.validate = False
        for value in HOSTILE:
            meta = {"traceparent": value, "tracestate": value, "baggage": value}
            said = data(await wire.call("look", meta=meta))
            assert said["state"] == said["baggage"] == {}
    called = spans.all(SpanKind.SERVER, "tools/call")
    assert len(called) == len(HOSTILE)
    assert all(span.parent is None for span in called)
    assert not [r for r in caplog.records if r.name.startswith("opentelemetry")]


async def test_a_bad_rest_does_not_spoil_the_parent(
    spans: Spans, version: str, caplog: pytest.LogCaptureFixture
):
    bad = [
        {"tracestate": "a=" + "b" * 5000},
        {"tracestate": "no state"},
        {"tracestate": ",".join(f"k{n}=v" for n in range(40))},
        {"baggage": "x=" + "y" * 50_000},
        {"baggage": 'no baggage, = , \u00e9=1, a b=c, a="b", k=v;;'},
        {"baggage": ["a=b"], "tracestate": {"a": "b"}},
    ]
    async with serving(version) as wire:
        wire.validate = False
        for rest in bad:
            said = data(await wire.call("look", meta={"traceparent": TRACEPARENT, **rest}))
            assert said["state"] == said["baggage"] == {}, rest
    assert {parent_of(span) for span in spans.all(SpanKind.SERVER, "tools/call")} == {
        int(PARENT, 16)
    }
    assert not [r for r in caplog.records if r.name.startswith("opentelemetry")]


async def test_long_words_of_a_client(spans: Spans, version: str):
    async with serving(version) as wire:
        wire.validate = False
        await wire.call("x" * 5000, id="y" * 5000)
    span = spans.server()
    assert all(len(str(value)) <= 256 for value in (span.attributes or {}).values())
    assert len(span.name) < 300


# whether at all


async def test_propagation_only(spans: Spans, version: str):
    with temporary_settings(telemetry_mode="propagation_only"):
        mcp = server()
    async with serving(version, mcp) as wire:
        await wire.call("look", meta={"traceparent": TRACEPARENT})
        await wire.call("crash", {"secret": "x"})
    (own,) = spans.all()
    assert own.name == "author's"
    assert f"{parent_of(own):016x}" == PARENT


async def test_off(spans: Spans, version: str):
    with temporary_settings(telemetry_mode="off"):
        mcp = server()
    async with serving(version, mcp) as wire:
        said = data(await wire.call("look", meta={"traceparent": TRACEPARENT}))
    (own,) = spans.all()
    assert own.parent is None
    assert said["span"] == 0


async def test_suppressed(spans: Spans):
    mcp = server()
    with suppress_fastmcp_telemetry():
        async with serving("2026-07-28", mcp) as wire:
            await wire.call("look", meta={"traceparent": TRACEPARENT})
    (own,) = spans.all()
    assert f"{parent_of(own):016x}" == PARENT


async def test_a_provider_that_is_set_later(version: str):
    async with serving(version) as wire:
        await wire.call("look")
        with tracer_provider() as spans:
            await wire.call("look")
            assert spans.server().name == "tools/call look"


# what it costs where nobody listens

ALONE = """
import asyncio, json, sys
import fastmcp
from fastmcp import Client, FastMCP
assert not seen(), "import"
mcp = FastMCP("alone")
@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b
assert not seen(), "server"
async def main():
    from fastmcp.utilities.tests import run_server_async
    async with run_server_async(mcp) as url:
        for mode in ("auto", "legacy"):
            async with Client(url, mode=mode) as client:
                meta = {"traceparent": "00-%s-%s-01"}
                assert (await client.call_tool("add", {"a": 1, "b": 2}, meta=meta)).data == 3
asyncio.run(main())
assert not seen(), "call"
print("fine")
""" % (TRACE, PARENT)  # noqa: UP031  (the program is full of braces)
SEEN = "import sys\ndef seen():\n    return [m for m in sys.modules if 'opentelemetry' in m]\n"


def python(program: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("mode", ["native", "off"])
def test_nothing_is_loaded_unasked(mode: str, tmp_path: Any):
    said = python(SEEN + ALONE, FASTMCP_TELEMETRY_MODE=mode, FASTMCP_HOME=str(tmp_path))
    assert said.endswith("fine\n")


HOPS = """
import asyncio
from fastmcp.settings import get_settings
from tests.budget.test_hops import ADD, STEP, Caller, build
async def count(mode):
    get_settings().telemetry_mode = mode
    found = []
    for version in ("2025-11-25", "2026-07-28"):
        for params in (ADD, STEP):
            caller = Caller(build(2), version)
            found.append(await caller.measure(params))
    return found
async def main():
    off = await count("off")
    native = await count("native")
    assert native == off, (native, off)
    import opentelemetry.trace
    loaded = await count("native")
    assert all(more - less <= 7 for more, less in zip(loaded, off)), (loaded, off)
asyncio.run(main())
"""


def test_no_call_is_longer_where_nobody_listens(tmp_path: Any):
    """Not one Python call where OpenTelemetry is not loaded; a look at its provider where some
    library loaded it and nobody set one."""
    python(HOPS, FASTMCP_HOME=str(tmp_path))


# counts


async def test_sessions_over_the_deprecated_transport_are_counted():
    app = FastMCP("counted").http_app(legacy_sse=True)
    with meter_provider() as reader:
        for version in ("2024-11-05", "2025-11-25", "2024-11-05"):
            peer = await SsePeer(app, version).open()
            await peer.leave()
        found = {}
        for resource in json.loads(reader.get_metrics_data().to_json())["resource_metrics"]:
            for scope in resource["scope_metrics"]:
                found |= {metric["name"]: metric for metric in scope["metrics"]}
    points = found["fastmcp.server.legacy_sse.sessions"]["data"]["data_points"]
    assert {point["attributes"]["mcp.protocol.version"]: point["value"] for point in points} == {
        "2024-11-05": 2,
        "2025-11-25": 1,
    }
    assert {point["attributes"]["mcp.client.name"] for point in points} == {"old peer"}
