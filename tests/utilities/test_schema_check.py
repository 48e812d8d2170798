"""Schemas of authors: which are taken, and what is said of values that do not fit."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fastmcp.utilities.schema_check import SchemaCheck


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "objct"}, "objct"),
        ({"$schema": "https://example.com/own"}, "dialect 'https://example.com/own' is not one of"),
        ({"$schema": 5}, "5 is not of type"),
        ({"$ref": "https://example.com/x.json"}, "references to other documents are not followed"),
        ({"$ref": "file:///etc/hostname"}, "references to other documents are not followed"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
        ({"pattern": "("}, "regex"),
        (5, "boolean"),
        ({"const": {1}}, "set"),
    ],
)
def test_schemas_that_cannot_be_used(schema: Any, why: str):
    with pytest.raises(ValueError, match="The input schema cannot be used: ") as caught:
        SchemaCheck(schema, "input schema")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07", "2019-09", "2020-12"])
def test_dialects(draft: str):
    place = f"draft/{draft}" if draft.startswith("20") else draft
    check = SchemaCheck(
        {"$schema": f"http{'s' * draft.startswith('20')}://json-schema.org/{place}/schema"}
        | {"required": ["a"]},
        "schema",
    )
    assert check.complaint({"a": 1}) is None
    assert check.complaint({}) == '- "a" is a required property'


def test_the_keywords_of_2020_12():
    check = SchemaCheck(
        {
            "type": "object",
            "$defs": {"n": {"$anchor": "number", "type": "integer"}},
            "properties": {"a": {"$ref": "#number"}, "list": {"prefixItems": [{"const": 1}]}},
            "dependentRequired": {"a": ["b"]},
            "if": {"required": ["c"]},
            "then": {"required": ["d"]},
            "unevaluatedProperties": False,
        },
        "schema",
    )
    assert check.complaint({"list": [1]}) is None
    assert check.complaint({"b": 2}) == (
        "- Unevaluated properties are not allowed ('b' was unexpected)"
    )
    assert check.complaint({"a": 1}) == '- "b" is a required property'
    assert '- a: "x" is not of type "integer"' in (check.complaint({"a": "x"}) or "")
    assert check.complaint({"list": [2]}) == "- list.0: 1 was expected"


def test_complaints_have_an_end():
    check = SchemaCheck({"items": {"type": "string"}}, "schema")
    said = check.complaint(list(range(1000)))
    assert said is not None
    assert said.splitlines()[0] == '- 0: 0 is not of type "string"'
    assert said.splitlines()[10:] == ["- and more"]
    longest = SchemaCheck({"type": "integer"}, "schema").complaint("x" * 10_000)
    assert longest is not None
    assert len(longest) < 400


def test_what_is_no_json():
    check = SchemaCheck({"properties": {"a": {"type": "integer"}}}, "schema")
    said = check.complaint({"a": object()})
    assert said is not None
    assert said.startswith("- Unsupported type")


def test_a_pattern_that_would_take_for_ever():
    check = SchemaCheck({"type": "string", "pattern": r"^(a+)+(?=b)c$"}, "schema")
    assert check.complaint("a" * 60) is not None


def test_it_is_shared_by_copies():
    check = SchemaCheck({}, "schema")
    assert copy.deepcopy(check) is check


def test_patterns_that_look_around_have_a_bound():
    """They begin anew at each character; 100,000 would take a quarter of a minute."""
    check = SchemaCheck({"items": {"pattern": "(?=a)a*$"}}, "schema")
    assert check.complaint(["aaa"]) is None
    assert "does not match" in (check.complaint(["a" * 100 + "!"]) or "")
    for value in (["a" * 100_000 + "!"], {"a" * 100_000: 1}, ["a" * 9_000] * 3):
        assert "too large" in (check.complaint(value) or "")
    plain = SchemaCheck({"items": {"pattern": "a*$"}}, "schema")
    assert plain.complaint(["a" * 100_000]) is None


def test_patterns_that_would_need_more_memory_than_there_is_are_none():
    """An engine's memory grows with the square of the groups; 32,000 need 86 GB, and the process
    ends without a word."""
    with pytest.raises(ValueError, match="cannot be used"):
        SchemaCheck({"pattern": "(a*)*" * 16_000 + "$"}, "schema")
