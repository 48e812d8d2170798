"""Schemas that describe more work than there is time for are found out before it is done."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fastmcp.utilities.schema_check import SchemaCheck
from fastmcp.utilities.schema_cost import SchemaCost

TREE = {
    "$defs": {
        "leaf": {"type": "object", "properties": {"value": {"type": "integer"}}},
        "node": {
            "type": "object",
            "properties": {
                "left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "right": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "value": {"type": "integer"},
            },
            "required": ["value"],
        },
    },
    "$ref": "#/$defs/node",
}
ANY_JSON = {
    "anyOf": [
        {"type": ["string", "null", "number"]},
        {"type": "array", "items": {"$ref": "#"}},
        {"type": "object", "additionalProperties": {"$ref": "#"}},
    ]
}


def doubling(levels: int, *, name: str = "#/$defs/d{}", **of_each: str) -> dict[str, Any]:
    """Definitions that name the next one twice: 2**levels ways to the last."""
    definitions: dict[str, Any] = {"d" + str(levels): {"type": "object"}}
    for level in range(levels):
        target = {"$ref": name.format(level + 1)}
        definitions[f"d{level}"] = {"allOf": [target, dict(target)]}
    for level in range(levels + 1):
        for word, value in of_each.items():
            definitions[f"d{level}"]["$" + word] = value.format(level)
    return {"$defs": definitions, "$ref": name.format(0)}


def deep(levels: int, name: str = "a") -> dict[str, Any]:
    value: dict[str, Any] = {"value": 1}
    for _ in range(levels):
        value = {"value": 1, name: value}
    return value


def complaint(schema: Any, value: Any) -> str | None:
    return SchemaCheck(schema, "schema").complaint(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"not": {"$ref": "#"}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$dynamicAnchor": "x", "anyOf": [{"$dynamicRef": "#x"}]},
    ],
)
def test_what_has_no_end_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match="without end"):
        SchemaCheck(schema, "schema")


@pytest.mark.parametrize(
    "schema",
    [
        doubling(60),
        doubling(60, name="#d{}", anchor="d{}"),
        {"$id": "http://example.com/root", **doubling(60, name="d{}", id="d{}")},
    ],
)
def test_what_multiplies_is_refused(schema: Any) -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match="too often"):
        SchemaCheck(schema, "schema")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("words", [("properties",), ("items",), ("prefixItems",)])
def test_what_multiplies_with_depth_is_refused_when_a_value_is_deep(words: Any) -> None:
    [word] = words
    inner: Any = {"a": {"$ref": "#"}} if word == "properties" else {"$ref": "#"}
    inner = [inner] if word == "prefixItems" else inner
    schema = {"anyOf": [{word: inner, "minProperties": 9}, {word: inner}, {"type": "string"}]}
    value: Any = deep(60)
    if word != "properties":
        value = "x"
        for _ in range(60):
            value = [value]
    began = time.monotonic()
    assert "nested too deeply" in str(complaint(schema, value))
    assert time.monotonic() - began < 5


def test_ordinary_recursion_is_checked_at_any_depth() -> None:
    assert complaint(TREE, deep(150, "left")) is None
    assert "left" in str(complaint(TREE, {"value": 1, "left": {"value": 1, "left": 5}}))
    assert complaint(ANY_JSON, deep(150)) is None
    assert complaint(ANY_JSON, [[["x"]], {"a": [None] * 50_000}]) is None


def test_a_balanced_tree_is_checked() -> None:
    def tree(levels: int) -> Any:
        if not levels:
            return None
        return {"value": 1, "left": tree(levels - 1), "right": tree(levels - 1)}

    assert complaint(TREE, tree(12)) is None


def test_references_into_data_lead_nowhere() -> None:
    schema = {"default": {"type": "string"}, "properties": {"a": {"$ref": "#/default"}}}
    assert complaint(schema, {"a": "x"}) is None


MANY = 4000
NUMBERS: dict[str, Any] = {f"p{place}": {"type": "integer"} for place in range(MANY)}


MANY_PARTS: list[tuple[dict[str, Any], Any]] = [
    ({"properties": NUMBERS}, dict.fromkeys(NUMBERS, 1)),
    ({"allOf": [{"properties": {n: {}}} for n in NUMBERS]}, dict.fromkeys(NUMBERS, 1)),
    ({"prefixItems": list(NUMBERS.values())}, [1] * MANY),
    (
        {"patternProperties": {f"^{n}$": {} for n in range(90)}, "properties": NUMBERS},
        dict.fromkeys(NUMBERS, 1),
    ),
    (
        {
            "$defs": {"wide": {"allOf": [{"properties": {"y": {}}} for _ in range(400)]}},
            "properties": {name: {"$ref": "#/$defs/wide"} for name in NUMBERS},
        },
        {name: {"y": 1} for name in list(NUMBERS)[:1000]},
    ),
    (
        {"properties": {**NUMBERS, "next": {"anyOf": [{"$ref": "#"}]}}},
        deep(150, "next"),
    ),
]


@pytest.mark.parametrize(
    ("schema", "value"),
    MANY_PARTS,
    ids=["properties", "allOf", "prefixItems", "patternProperties", "shared", "recursive"],
)
def test_many_parts_are_counted_in_the_time_of_reading_them(schema: Any, value: Any) -> None:
    """Seconds to minutes where each name is looked for among all parts."""
    began = time.process_time()
    assert complaint(schema, value) is None
    assert time.process_time() - began < 2


def test_a_large_value_is_no_deep_one() -> None:
    value = [{"a": [1, "x", None]}] * 150_000
    assert complaint(ANY_JSON, value) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"enum": [{"a": place} for place in range(MANY)]}}, [{"a": MANY - 1}] * MANY),
        ({"patternProperties": {f"^(q|r)+{n}$": True for n in range(MANY)}}, NUMBERS),
    ],
    ids=["enum", "patternProperties"],
)
def test_what_a_large_value_is_held_against_one_by_one_is_counted(schema: Any, value: Any) -> None:
    assert "too large" in str(complaint(schema, value))


def test_a_tower_of_any_height_is_refused() -> None:
    with pytest.raises(ValueError, match="too often"):
        SchemaCost(doubling(5000))
