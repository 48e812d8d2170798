"""What of a `_meta` is trace context: everything W3C allows, and nothing that OpenTelemetry's
propagators would stumble over or log."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fastmcp.utilities.trace_context import trace_context

IDS = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
PARENT = f"00-{IDS}-01"


def extracted(meta: Any) -> Context:
    found = trace_context(meta)
    context = W3CBaggagePropagator().extract(found, Context())
    return TraceContextTextMapPropagator().extract(found, context)


@pytest.mark.parametrize(
    "parent", [PARENT, f"00-{IDS}-00", f"01-{IDS}-03", f"cc-{IDS}-01-later.on"]
)
def test_parents(parent: str):
    assert trace_context({"traceparent": parent}) == {"traceparent": parent}
    assert trace.get_current_span(extracted({"traceparent": parent})).get_span_context().is_valid


@pytest.mark.parametrize(
    "state", ["rojo=1", "rojo=1,congo=t61rcWkgMzE", "a1@b2=x y,2@c=~", " a=1 ,, b=2 "]
)
def test_states(state: str):
    found = extracted({"traceparent": PARENT, "tracestate": state})
    said = trace.get_current_span(found).get_span_context().trace_state
    assert len(said) == sum(bool(part.strip()) for part in state.split(","))


def test_a_state_belongs_to_a_parent():
    assert trace_context({"tracestate": "rojo=1"}) == {}


@pytest.mark.parametrize(
    ("value", "members"),
    [
        ("user=ada", {"user": "ada"}),
        ("a = 1 , b=%20x", {"a": "1", "b": "x"}),
        ("a=1;p;q=2 ; r = 3,b=", {"a": "1;p;q=2 ; r = 3", "b": ""}),
        ("no,a=1,=2,b=\u00e9,c=d e", {"a": "1"}),
        (",".join(f"k{n}=1" for n in range(500)), {f"k{n}": "1" for n in range(64)}),
        ("k" * 5000 + "=1,a=1", {"a": "1"}),
    ],
)
def test_baggage(value: str, members: dict[str, str]):
    assert dict(baggage.get_all(extracted({"baggage": value}))) == members


@pytest.mark.parametrize("meta", [None, 5, "traceparent", [], {"traceparent": [PARENT]}, {}])
def test_what_is_none(meta: Any):
    assert trace_context(meta) == {}


TEXT = st.text('0af-=,;@ \t%"\\\u00e9xX_*/', max_size=60) | st.text(max_size=20)


@given(
    st.fixed_dictionaries(
        {"traceparent": TEXT | st.just(PARENT), "tracestate": TEXT, "baggage": TEXT}
    )
)
@example({"traceparent": PARENT, "tracestate": "0=1", "baggage": "a=1;;"})
def test_what_is_left_is_never_complained_of(meta: dict[str, str]):
    complaints: list[logging.LogRecord] = []

    class Hear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.append(record)

    logger, hear = logging.getLogger("opentelemetry"), Hear()
    logger.addHandler(hear)
    try:
        extracted(meta)
    finally:
        logger.removeHandler(hear)
    assert not [record.getMessage() for record in complaints]


@pytest.mark.parametrize("member", ["a=" + " " * 4000 + '"', "a=b;c" + " " * 4000 + '"'])
def test_no_value_takes_long(member: str):
    """Less than a millisecond, and two hundred times that if blanks are matched again and again."""

    def seconds() -> float:
        began = time.perf_counter()
        trace_context({"baggage": f"{member},{member}"})
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.03
