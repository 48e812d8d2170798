"""OpenTelemetry, where the program has it: one span for each request, and whose child it is; and
counts of what is rare.

Nothing is loaded for its own sake. Spans go to a tracer provider, and whoever sets one has loaded
`opentelemetry.trace` to do so: while that is not among the loaded modules nobody listens, and a
request pays one look into a dict. It is looked every time, because a provider may be set after
the server was started; once found it is kept, because a process sets it only once.

What a span says is told by the semantic conventions for MCP (open-telemetry/
semantic-conventions-genai, docs/gen-ai/mcp.md): its name, its attributes, what an error is, and
that the context in `_meta` is its parent. Arguments and results are never in it, and words of a
peer only up to a length.

This module alone loads `opentelemetry` for the package; `fastmcp.telemetry` is for people.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError as PydanticError

from fastmcp.exceptions import DisabledError, FastMCPError, McpError, NotFoundError
from fastmcp.settings import TelemetryMode
from fastmcp.utilities.trace_context import TRACE_KEYS, trace_context

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Counter
    from opentelemetry.trace import Span, SpanKind

__all__ = ["INSTRUMENTATION", "SUPPRESSED", "TRACE_API", "RequestSpan", "Telemetry", "Tracing"]

TRACE_API: Final = "opentelemetry.trace"
"""Whoever has an interest in spans has loaded this module."""
_METRICS_API: Final = "opentelemetry.metrics"
"""And in counts, this one."""
INSTRUMENTATION: Final = "fastmcp"
SUPPRESSED: Final = "fastmcp-suppress-telemetry"
"""The key in OpenTelemetry's context that says: no spans of this package in here."""

_INVALID_PARAMS: Final = -32602
_INTERNAL_ERROR: Final = -32603
_LONGEST: Final = 256
"""Characters of what a peer chose."""
_DEEPEST: Final = 20
"""Causes of an exception that are looked at."""
_EXPECTED: Final = (FastMCPError, McpError, NotFoundError, DisabledError, PydanticError)

_TARGETS: Final = {
    # method: member of params, attribute
    "tools/call": ("name", "gen_ai.tool.name"),
    "prompts/get": ("name", "gen_ai.prompt.name"),
    "resources/read": ("uri", "mcp.resource.uri"),
    "resources/subscribe": ("uri", "mcp.resource.uri"),
    "resources/unsubscribe": ("uri", "mcp.resource.uri"),
}


class Telemetry:
    """Whether the requests of one server or one client are traced.

    Args:
        mode: "native" for spans as soon as there is a tracer provider, "propagation_only" for
            trace context and no spans; of "off" nobody makes one.
    """

    def __init__(self, mode: TelemetryMode) -> None:
        self._tracing = Tracing(spans=False) if mode == "propagation_only" else None
        self._counts = mode == "native"

    @classmethod
    def of(cls, mode: TelemetryMode) -> Telemetry | None:
        """What a mode means; None for "off"."""
        return None if mode == "off" else cls(mode)

    def tracing(self) -> Tracing | None:
        """What traces a request that begins now, or None where nobody listens."""
        if self._tracing is None and TRACE_API in sys.modules and _has_provider():
            self._tracing = Tracing(spans=True)
        return self._tracing

    def count(self, name: str, what: str, attributes: Mapping[str, str]) -> None:
        """One more, for whoever counts. Not for what happens with every call.

        Args:
            name: of the counter.
            what: is counted, in a sentence.
            attributes: of this one; their values should be few.
        """
        if self._counts and _METRICS_API in sys.modules:
            bounded = {key: _bounded(value) for key, value in attributes.items()}
            _counter(name, what).add(1, bounded)


@functools.cache
def _counter(name: str, what: str) -> Counter:
    from opentelemetry import metrics

    # One of a program that has set no provider yet begins to count when it does.
    return metrics.get_meter(INSTRUMENTATION, _version()).create_counter(name, description=what)


@functools.cache
def _version() -> str:
    return importlib.metadata.version("fastmcp-streamline")


def _has_provider() -> bool:
    import opentelemetry.trace as api

    return type(api.get_tracer_provider()) not in (api.ProxyTracerProvider, api.NoOpTracerProvider)


class Tracing:
    """OpenTelemetry's API, loaded.

    Args:
        spans: False for trace context alone.
    """

    def __init__(self, *, spans: bool) -> None:
        from opentelemetry import context, propagate, trace

        self._spans = spans
        self._context, self._propagate, self._trace = context, propagate, trace
        self._tracer = trace.get_tracer(INSTRUMENTATION, _version())

    @contextmanager
    def incoming(
        self, method: str, params: Mapping[str, Any], attributes: Mapping[str, str | int]
    ) -> Generator[RequestSpan]:
        """Serve a peer's request inside a SERVER span.

        Its parent is the context in `_meta`; then the one that the transport brought, if any, is
        linked. Where `_meta` has none, that one is the parent.

        Args:
            method: of the request.
            params: of the request.
            attributes: what is known beside these.
        """
        ambient = parent = self._context.get_current()
        carried = trace_context(params.get("_meta"))
        if carried:
            parent = self._propagate.extract(carried, context=ambient)
        with self._span(self._trace.SpanKind.SERVER, method, params, attributes, parent) as span:
            yield span

    @contextmanager
    def outgoing(
        self, method: str, params: dict[str, Any], attributes: Mapping[str, str | int]
    ) -> Generator[tuple[RequestSpan, dict[str, Any]]]:
        """Make a request inside a CLIENT span, and await its answer there.

        Returns:
            The span, and the params with the trace context in their `_meta`.
        """
        current = self._context.get_current()
        with self._span(self._trace.SpanKind.CLIENT, method, params, attributes, current) as span:
            yield span, self.carrying(params)

    def carrying(self, params: dict[str, Any]) -> dict[str, Any]:
        """The params of a request, with the current trace context in their `_meta`."""
        carrier: dict[str, str] = {}
        self._propagate.inject(carrier)
        carried = {key: carrier[key] for key in TRACE_KEYS if key in carrier}
        if not carried:
            return params
        return {**params, "_meta": {**(params.get("_meta") or {}), **carried}}

    @contextmanager
    def _span(
        self,
        kind: SpanKind,
        method: str,
        params: Mapping[str, Any],
        attributes: Mapping[str, str | int],
        parent: Context,
    ) -> Generator[RequestSpan]:
        context, trace = self._context, self._trace
        span = trace.INVALID_SPAN
        inside = parent
        if self._spans and not context.get_value(SUPPRESSED, parent):
            name, described = _describe(method, params)
            for key, value in attributes.items():
                described[key] = _bounded(value) if isinstance(value, str) else value
            ambient = trace.get_current_span().get_span_context()
            known = trace.get_current_span(parent).get_span_context()
            apart = ambient.is_valid and ambient.span_id != known.span_id
            links = [trace.Link(ambient)] if apart else None
            span = self._tracer.start_span(name, parent, kind, described, links)
            inside = trace.set_span_in_context(span, parent)
        token = context.attach(inside)
        traced = RequestSpan(self, span, incoming=kind is trace.SpanKind.SERVER)
        try:
            yield traced
        except BaseException as exc:
            traced.raised(exc)
            raise
        finally:
            context.detach(token)
            span.end()

    @property
    def error(self) -> Any:
        """The status of a span whose request failed."""
        return self._trace.StatusCode.ERROR


class RequestSpan:
    """The span of a request; where none is wanted, one that records nothing.

    Attributes:
        tracing: what it was made by.
    """

    __slots__ = ("_incoming", "_span", "tracing")

    def __init__(self, tracing: Tracing, span: Span, *, incoming: bool) -> None:
        self.tracing = tracing
        self._span = span
        self._incoming = incoming

    def answered(self, method: str, result: Mapping[str, Any]) -> None:
        """The request has a result. A tool's may still say that the tool failed."""
        if method == "tools/call" and result.get("isError") is True:
            self._fail("tool_error")

    def raised(self, exc: BaseException) -> None:
        """The request has none, but this."""
        if isinstance(exc, asyncio.CancelledError):
            self._fail("cancelled")
        elif type(exc) is McpError or (self._incoming and isinstance(exc, McpError)):
            # Whoever asks has subclasses of it for what is no answer (client/errors).
            self._span.set_attribute("rpc.response.status_code", str(exc.code))
            # What does not fit is quoted by the message that says so.
            self._fail(str(exc.code), None if exc.code == _INVALID_PARAMS else exc.message)
            if exc.code == _INTERNAL_ERROR:
                self.record(exc)
        else:
            self._fail(type(exc).__name__)
            self.record(exc)

    def record(self, exc: BaseException) -> None:
        """Record what an exception came from, if that is nothing an author says to a client."""
        for _ in range(_DEEPEST):
            if exc.__cause__ is None:
                break
            exc = exc.__cause__
        if not isinstance(exc, _EXPECTED):
            self._span.record_exception(exc)

    def _fail(self, kind: str, message: str | None = None) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(self.tracing.error, None if message is None else _bounded(message))


def _describe(method: str, params: Mapping[str, Any]) -> tuple[str, dict[str, str | int]]:
    """The name of a request's span, and the attributes that name its target. A URI is no part of
    the name: there may be as many as there are things in the world."""
    method = _bounded(method)
    attributes: dict[str, str | int] = {"mcp.method.name": method}
    member, attribute = _TARGETS.get(method, ("", ""))
    target = params.get(member)
    if not isinstance(target, str):
        return method, attributes
    attributes[attribute] = target = _bounded(target)
    if method == "tools/call":
        attributes["gen_ai.operation.name"] = "execute_tool"
    return (method if member == "uri" else f"{method} {target}"), attributes


def _bounded(text: str) -> str:
    """A text that any exporter can send: not long, and without the halves of characters."""
    return text[:_LONGEST].encode("utf-8", "replace").decode()
