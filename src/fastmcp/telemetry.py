"""OpenTelemetry for people: a tracer, and trace context in and out of `_meta`.

Servers and clients trace their requests by themselves, as soon as the program has a tracer
provider. This module is for code that has spans of its own to add, or that carries `_meta` by
hand. Importing it loads `opentelemetry.trace`, which the rest of the package never does unasked.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, NoOpTracer, Span, StatusCode, Tracer

from fastmcp.settings import TelemetryMode, get_settings
from fastmcp.utilities.trace_context import TRACE_KEYS, trace_context
from fastmcp.utilities.tracing import INSTRUMENTATION, SUPPRESSED

__all__ = [
    "INSTRUMENTATION_NAME",
    "TRACE_PARENT_KEY",
    "TRACE_STATE_KEY",
    "extract_trace_context",
    "get_tracer",
    "inject_trace_context",
    "native_spans_enabled",
    "record_span_error",
    "suppress_fastmcp_telemetry",
    "telemetry_mode",
]

INSTRUMENTATION_NAME: Final = INSTRUMENTATION
TRACE_PARENT_KEY, TRACE_STATE_KEY = TRACE_KEYS[:2]


class _NoTracer(NoOpTracer):
    """Leaves the current span current, where `NoOpTracer` puts an invalid one over it."""

    @contextmanager
    def start_as_current_span(  # pyright: ignore[reportIncompatibleMethodOverride]  (see below)
        self, *args: Any, **kwargs: Any
    ) -> Generator[Span]:
        # OpenTelemetry's own kind of context manager, which decorates coroutines too, is private.
        yield INVALID_SPAN


_NO_TRACER: Final = _NoTracer()


def telemetry_mode() -> TelemetryMode:
    """FASTMCP_TELEMETRY_MODE, or "propagation_only" where spans are suppressed."""
    mode = get_settings().telemetry_mode
    if mode == "native" and otel_context.get_value(SUPPRESSED):
        return "propagation_only"
    return mode


def native_spans_enabled() -> bool:
    """Whether this package makes spans here and now."""
    return telemetry_mode() == "native"


@contextmanager
def suppress_fastmcp_telemetry() -> Generator[None]:
    """No spans of this package inside the block; trace context is carried on, and other
    libraries' spans are made."""
    token = otel_context.attach(otel_context.set_value(SUPPRESSED, True))
    try:
        yield
    finally:
        otel_context.detach(token)


def get_tracer(version: str | None = None) -> Tracer:
    """A tracer named "fastmcp"; one that makes no spans where this package makes none.

    Args:
        version: of the code that makes the spans.
    """
    return trace.get_tracer(INSTRUMENTATION_NAME, version) if native_spans_enabled() else _NO_TRACER


def inject_trace_context(meta: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """A `_meta` that carries the current trace context.

    Args:
        meta: what else it holds; it is left as it is.
    Returns:
        A new dict, or `meta` itself where there is no trace context, or the mode is "off".
    """
    if telemetry_mode() == "off":
        return meta
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    carried = {key: carrier[key] for key in TRACE_KEYS if key in carrier}
    return {**(meta or {}), **carried} if carried else meta


def extract_trace_context(meta: dict[str, Any] | None) -> Context:
    """The context that a `_meta` brings, on top of the current one.

    Args:
        meta: of a request. What is malformed in it is as good as absent.
    Returns:
        The current context, where it is in a trace already, `meta` brings none, or the mode is
        "off".
    """
    current = otel_context.get_current()
    in_trace = trace.get_current_span(current).get_span_context().is_valid
    if in_trace or telemetry_mode() == "off":
        return current
    return propagate.extract(trace_context(meta), context=current)


def record_span_error(span: Span, exception: BaseException) -> None:
    """Record an exception on a span, and mark it as failed."""
    span.record_exception(exception)
    span.set_status(StatusCode.ERROR)
