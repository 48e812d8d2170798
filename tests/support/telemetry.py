"""A real OpenTelemetry SDK for the length of a block, and the spans it exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import metrics, trace
from opentelemetry.metrics import _internal
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.util._once import Once


class Spans:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def all(self, kind: SpanKind | None = None, method: str | None = None) -> list[ReadableSpan]:
        """The ended spans of a kind and a method, oldest first."""
        return [
            span
            for span in self.exporter.get_finished_spans()
            if (kind is None or span.kind is kind)
            and (method is None or (span.attributes or {}).get("mcp.method.name") == method)
        ]

    def server(self, method: str = "tools/call") -> ReadableSpan:
        """The one SERVER span of a method."""
        (span,) = self.all(SpanKind.SERVER, method)
        return span

    def client(self, method: str = "tools/call") -> ReadableSpan:
        """The one CLIENT span of a method."""
        (span,) = self.all(SpanKind.CLIENT, method)
        return span

    def named(self, name: str) -> ReadableSpan:
        """The one span of this name."""
        (span,) = [span for span in self.all() if span.name == name]
        return span


@contextmanager
def meter_provider() -> Iterator[InMemoryMetricReader]:
    """Set a provider of meters, and take it away again, as above."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    try:
        yield reader
    finally:
        provider.shutdown()
        _internal._METER_PROVIDER = None
        _internal._METER_PROVIDER_SET_ONCE = Once()


@contextmanager
def tracer_provider() -> Iterator[Spans]:
    """Set a provider, as a program does, and take it away again, which no program can: the other
    tests of this process have none."""
    spans = Spans()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans.exporter))
    trace.set_tracer_provider(provider)
    try:
        yield spans
    finally:
        provider.shutdown()
        trace._TRACER_PROVIDER = None
        trace._TRACER_PROVIDER_SET_ONCE = Once()


def parent_of(span: ReadableSpan) -> int:
    """The id of its parent, or 0."""
    return 0 if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    """Its own id."""
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def trace_of(span: ReadableSpan) -> int:
    """The id of its trace."""
    context = span.get_span_context()
    assert context is not None
    return context.trace_id
