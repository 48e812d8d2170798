"""What a client mirrors, a server finds no fault with; anything else it does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.protocol.param_headers import is_annotated, mirror, mismatch, param_headers

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "count": {"type": "integer", "x-mcp-header": "Count"},
        "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
        "where": {
            "type": "object",
            "properties": {"zone": {"type": "string", "x-mcp-header": "Zone"}},
        },
        "free": {"type": "string"},
    },
}
EXPECTED = param_headers(SCHEMA)

_text = st.text(max_size=20)
_arguments = st.fixed_dictionaries(
    {},
    optional={
        "region": _text | st.none(),
        "count": st.integers(-(2**53) + 1, 2**53 - 1) | st.none(),
        "dry": st.booleans(),
        "where": st.fixed_dictionaries({}, optional={"zone": _text}) | st.none() | _text,
        "free": _text,
    },
)


def sent(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}


@settings(deadline=None, derandomize=True, max_examples=300)
@given(_arguments)
def test_what_a_client_mirrors_is_right(arguments: dict[str, Any]):
    assert mismatch(arguments, EXPECTED, sent(mirror(arguments, EXPECTED))) is None


@settings(deadline=None, derandomize=True, max_examples=300)
@given(_arguments, _arguments)
def test_what_another_call_mirrors_is_wrong(arguments: dict[str, Any], other: dict[str, Any]):
    ours, theirs = mirror(arguments, EXPECTED), mirror(other, EXPECTED)
    assert (mismatch(arguments, EXPECTED, sent(theirs)) is None) is (ours == theirs)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.binary(max_size=20), st.text(max_size=3))
def test_any_header(value: bytes, region: str):
    mismatch({"region": region}, EXPECTED, {b"mcp-param-region": value})


@pytest.mark.parametrize(
    ("value", "said", "same"),
    [
        (42, "42.0", True),
        (42, "42.000", True),
        (42.0, "42", True),
        (-7, "-7", True),
        (0, "-0", True),
        (42, "042", True),
        (42, "42.5", False),
        (42, "4.2e1", False),
        (42, "+42", False),
        (42, "\uff14\uff12", False),
        (42, "0x2a", False),
        (42, "1" * 5000, False),
        (True, "1", False),
        ("42", "42.0", True),  # no integer, which is for the tool's validation to say
    ],
)
def test_integers_are_compared_as_numbers(value: Any, said: str, same: bool):
    found = mismatch({"count": value}, EXPECTED, {b"mcp-param-count": said.encode()})
    assert (found is None) is same


def test_texts_are_compared_as_texts():
    found = mismatch({"region": "42"}, EXPECTED, {b"mcp-param-region": b"42.0"})
    assert found == "Mcp-Param-Region header says '42.0', the argument 'region' is '42'"


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        (SCHEMA, True),
        ({"anyOf": [{"items": {"x-mcp-header": "X"}}]}, True),
        ({"$defs": {"a": {"x-mcp-header": "X"}}}, True),
        ({"type": "object", "required": ["x-mcp-header"]}, False),
        ({}, False),
    ],
)
def test_most_schemas_have_no_annotation(schema: dict[str, Any], found: bool):
    assert is_annotated(schema) is found
