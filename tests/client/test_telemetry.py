"""The spans of a client, and one trace through clients and servers, as a real SDK exports it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from fastmcp import Client, Context, FastMCP
from fastmcp.client.elicitation import ElicitResult
from fastmcp.exceptions import McpError, ToolError
from fastmcp.telemetry import (
    extract_trace_context,
    get_tracer,
    inject_trace_context,
    record_span_error,
    suppress_fastmcp_telemetry,
    telemetry_mode,
)
from fastmcp.utilities.tests import run_server_async, temporary_settings
from tests.support.process import free_port
from tests.support.telemetry import Spans, id_of, parent_of, trace_of, tracer_provider


@pytest.fixture
def spans() -> Iterator[Spans]:
    with tracer_provider() as spans:
        yield spans


def server() -> FastMCP:
    mcp = FastMCP("heard")

    @mcp.tool
    async def meta(ctx: Context) -> dict[str, Any]:
        return {key: value for key, value in ctx.request_context.meta.items() if "/" not in key}

    @mcp.tool
    async def fail() -> str:
        raise ToolError("not today")

    @mcp.tool
    async def wait() -> str:
        await asyncio.sleep(60)
        return "waited"

    @mcp.tool
    async def ask(ctx: Context) -> str:
        answer = await ctx.elicit("Your name?", str)
        return str(getattr(answer, "data", answer.action))

    return mcp


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_request_and_its_service(spans: Spans, mode: str):
    async with run_server_async(server()) as url, Client(url, mode=mode) as client:
        with trace.get_tracer("user").start_as_current_span("user's"):
            result = await client.call_tool("meta", meta={"mine": 1})
        port = int(url.split(":")[2].partition("/")[0])
    request, service = spans.client(), spans.server()
    assert result.data["mine"] == 1
    assert f"{id_of(request):016x}" in result.data["traceparent"]
    assert request.name == service.name == "tools/call meta"
    assert parent_of(request) == id_of(spans.named("user's"))
    assert parent_of(service) == id_of(request)
    said = attributes(request)
    assert said.pop("jsonrpc.request.id") == attributes(service)["jsonrpc.request.id"]
    assert said == {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2026-07-28" if mode == "auto" else "2025-11-25",
        "gen_ai.tool.name": "meta",
        "gen_ai.operation.name": "execute_tool",
        "network.transport": "tcp",
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    opening = "server/discover" if mode == "auto" else "initialize"
    assert parent_of(spans.server(opening)) == id_of(spans.client(opening))


async def test_one_trace_through_two_servers(spans: Spans, mode: str):
    first = FastMCP("first")
    async with run_server_async(server()) as behind:

        @first.tool
        async def forward() -> dict[str, Any]:
            async with Client(behind, mode=mode) as inner:
                return (await inner.call_tool("meta")).data

        async with run_server_async(first) as url, Client(url, mode=mode) as client:
            with trace.get_tracer("user").start_as_current_span("user's") as root:
                token = context.attach(baggage.set_baggage("user", "ada"))
                said = (await client.call_tool("forward")).data
                context.detach(token)
    calls = spans.all(method="tools/call")
    chain = sorted(calls, key=lambda span: span.start_time or 0)
    assert [(span.kind, span.name) for span in chain] == [
        (SpanKind.CLIENT, "tools/call forward"),
        (SpanKind.SERVER, "tools/call forward"),
        (SpanKind.CLIENT, "tools/call meta"),
        (SpanKind.SERVER, "tools/call meta"),
    ]
    ids = [root.get_span_context().span_id, *map(id_of, chain)]
    assert [parent_of(span) for span in chain] == ids[:-1]
    assert {trace_of(span) for span in chain} == {root.get_span_context().trace_id}
    assert said["baggage"] == "user=ada"


async def test_in_memory(spans: Spans, mode: str):
    async with Client(server(), mode=mode) as client:
        await client.call_tool("meta")
    assert parent_of(spans.server()) == id_of(spans.client())
    assert not spans.server().links


async def test_calls_at_once(spans: Spans, mode: str):
    async with run_server_async(server()) as url, Client(url, mode=mode) as client:
        await asyncio.gather(*(client.call_tool("meta") for _ in range(10)))
    requests = spans.all(SpanKind.CLIENT, "tools/call")
    services = spans.all(SpanKind.SERVER, "tools/call")
    assert len(requests) == len(services) == 10
    assert {id_of(span) for span in requests} == {parent_of(span) for span in services}
    assert all(span.parent is None for span in requests)


async def test_a_question_of_the_server(spans: Spans):
    async def answer(*_: Any) -> ElicitResult:
        with trace.get_tracer("user").start_as_current_span("asking a person"):
            return ElicitResult(action="accept", content={"value": "Ada"})

    async with (
        run_server_async(server()) as url,
        Client(url, mode="legacy", elicitation_handler=answer) as client,
    ):
        assert (await client.call_tool("ask")).data == "Ada"
    question, answering = spans.client("elicitation/create"), spans.server("elicitation/create")
    assert parent_of(question) == id_of(spans.server())
    assert parent_of(answering) == id_of(question)
    assert parent_of(spans.named("asking a person")) == id_of(answering)
    asked = attributes(question)["jsonrpc.request.id"]
    assert asked == attributes(answering)["jsonrpc.request.id"]


# what goes wrong


def failure(span: ReadableSpan) -> tuple[StatusCode, Any, Any]:
    said = attributes(span)
    return span.status.status_code, said.get("error.type"), said.get("rpc.response.status_code")


async def test_a_tool_that_fails(spans: Spans, mode: str):
    async with run_server_async(server()) as url, Client(url, mode=mode) as client:
        with pytest.raises(ToolError):
            await client.call_tool("fail")
    assert failure(spans.client()) == (StatusCode.ERROR, "tool_error", None)


async def test_an_error_of_the_server(spans: Spans, mode: str):
    async with run_server_async(server()) as url, Client(url, mode=mode) as client:
        with pytest.raises(McpError) as caught:
            await client.get_prompt("nothing")
    code = str(caught.value.error.code)
    assert failure(spans.client("prompts/get")) == (StatusCode.ERROR, code, code)


async def test_no_answer_in_time(spans: Spans, mode: str):
    async with run_server_async(server()) as url, Client(url, mode=mode) as client:
        with pytest.raises(McpError):
            await client.call_tool("wait", timeout=0.2)
    assert failure(spans.client()) == (StatusCode.ERROR, "RequestTimeoutError", None)


async def test_nobody_waits_any_more(spans: Spans, mode: str):
    mcp, began, ended = FastMCP("patient"), asyncio.Event(), asyncio.Event()

    @mcp.tool
    async def wait() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with run_server_async(mcp) as url, Client(url, mode=mode) as client:
        call = asyncio.create_task(client.call_tool("wait"))
        async with asyncio.timeout(20):
            await began.wait()
            call.cancel()
            await asyncio.wait({call})
            await ended.wait()
    assert failure(spans.client()) == (StatusCode.ERROR, "cancelled", None)
    assert failure(spans.server()) == (StatusCode.ERROR, "cancelled", None)


async def test_nobody_there(spans: Spans):
    with pytest.raises(RuntimeError):
        async with Client(f"http://127.0.0.1:{free_port()}/mcp"):
            pass
    span = spans.client("server/discover")
    assert failure(span) == (StatusCode.ERROR, "ConnectionClosedError", None)


# whether at all


async def test_propagation_only(spans: Spans, mode: str):
    with temporary_settings(telemetry_mode="propagation_only"):
        client = Client(server(), mode=mode)
        with trace.get_tracer("user").start_as_current_span("user's") as span:
            async with client:
                said = (await client.call_tool("meta")).data
    assert [span.name for span in spans.all()] == ["user's"]
    assert f"{span.get_span_context().span_id:016x}" in said["traceparent"]


async def test_suppressed(spans: Spans, mode: str):
    user = trace.get_tracer("user")
    with user.start_as_current_span("user's") as span, suppress_fastmcp_telemetry():
        async with Client(server(), mode=mode) as client:
            said = (await client.call_tool("meta")).data
    assert [span.name for span in spans.all()] == ["user's"]
    assert f"{span.get_span_context().span_id:016x}" in said["traceparent"]


async def test_off(spans: Spans, mode: str):
    with temporary_settings(telemetry_mode="off"):
        client = Client(server(), mode=mode)
        with trace.get_tracer("user").start_as_current_span("user's"):
            async with client:
                said = (await client.call_tool("meta")).data
    assert [span.name for span in spans.all()] == ["user's"]
    assert said.keys() <= {"progressToken"}


# the module people use


def test_the_public_module(spans: Spans):
    tracer = get_tracer("1.0")
    with tracer.start_as_current_span("mine") as span:
        meta = inject_trace_context({"mine": 1})
        assert meta is not None
        assert meta["mine"] == 1
        assert f"{span.get_span_context().span_id:016x}" in meta["traceparent"]
        # Who is in a trace already stays in it.
        other = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}
        assert trace.get_current_span(extract_trace_context(other)) is span
        record_span_error(span, ValueError("out of luck"))
    found = trace.get_current_span(extract_trace_context(meta)).get_span_context()
    assert found.span_id == span.get_span_context().span_id
    assert inject_trace_context() is None
    (ended,) = spans.all()
    assert ended.status.status_code is StatusCode.ERROR
    assert ended.events[0].name == "exception"
    assert ended.instrumentation_scope is not None
    assert ended.instrumentation_scope.name == "fastmcp"


@pytest.mark.parametrize("traced", [None, {}, {"traceparent": "no"}, {"traceparent": 5}])
def test_nothing_to_extract(spans: Spans, traced: Any):
    assert not trace.get_current_span(extract_trace_context(traced)).get_span_context().is_valid


def test_the_mode(spans: Spans):
    assert telemetry_mode() == "native"
    with trace.get_tracer("user").start_as_current_span("user's") as outer:
        with suppress_fastmcp_telemetry():
            assert telemetry_mode() == "propagation_only"
            with get_tracer().start_as_current_span("none") as span:
                assert not span.is_recording()
                assert trace.get_current_span() is outer
            assert inject_trace_context() is not None
        with temporary_settings(telemetry_mode="off"), suppress_fastmcp_telemetry():
            assert telemetry_mode() == "off"
            assert inject_trace_context({"mine": 1}) == {"mine": 1}
    assert [span.name for span in spans.all()] == ["user's"]
