"""Types from schemas, and what values become in them."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import Any

import pydantic
import pytest
from pydantic import AnyUrl, BaseModel, TypeAdapter

from fastmcp.utilities.json_schema_type import json_schema_to_type


def read(schema: Any, value: Any) -> Any:
    return TypeAdapter[Any](json_schema_to_type(schema)).validate_python(value)


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


INTEGER = {"type": "integer"}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "integer"}, 5, 5),
        ({"type": "number"}, 5, 5.0),
        ({"type": "string"}, "a", "a"),
        ({"type": "boolean"}, True, True),
        ({"type": "null"}, None, None),
        ({}, {"any": "thing"}, {"any": "thing"}),
        (True, [1], [1]),
        ({"type": "array"}, [1, "a"], [1, "a"]),
        ({"type": "array", "items": INTEGER}, [1, 2], [1, 2]),
        ({"type": "array", "items": INTEGER, "uniqueItems": True}, [2, 1], {1, 2}),
        ({"type": "object"}, {"a": 1}, {"a": 1}),
        ({"type": "object", "additionalProperties": INTEGER}, {"a": 1}, {"a": 1}),
        ({"enum": ["a", 1, None]}, "a", "a"),
        ({"const": 5}, 5, 5),
        ({"type": ["integer", "null"]}, None, None),
        ({"anyOf": [INTEGER, {"type": "null"}]}, None, None),
        ({"oneOf": [INTEGER, {"type": "string"}]}, "5", "5"),
        ({"$ref": "https://elsewhere.example/schema.json"}, "kept", "kept"),
        ({"type": "no-such-type"}, "kept", "kept"),
    ],
)
def test_values(schema: Any, value: Any, expected: Any) -> None:
    result = read(schema, value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("format", "text", "expected"),
    [
        ("date-time", "2020-01-02T03:04:05", datetime.datetime(2020, 1, 2, 3, 4, 5)),
        ("date", "2020-01-02", datetime.date(2020, 1, 2)),
        ("time", "03:04:05", datetime.time(3, 4, 5)),
        ("duration", "PT1H", datetime.timedelta(hours=1)),
        ("uri", "https://a.example/b", AnyUrl("https://a.example/b")),
        ("uuid", "12345678123456781234567812345678", uuid.UUID("12345678" * 4)),
        ("no-such-format", "text", "text"),
    ],
)  # fmt: skip
def test_formats(format: str, text: str, expected: Any) -> None:
    assert read({"type": "string", "format": format}, text) == expected


def test_an_object_becomes_a_dataclass_named_root() -> None:
    kind = json_schema_to_type(an_object(a=INTEGER, b={"type": "string"}) | {"required": ["a"]})
    assert dataclasses.is_dataclass(kind)
    assert kind.__name__ == "Root"
    value = read(an_object(a=INTEGER, b={"type": "string"}) | {"required": ["a"]}, {"a": 1})
    assert value.a == 1
    assert value.b is None


def test_a_title_or_a_name_names_the_class() -> None:
    titled = an_object(a=INTEGER) | {"title": "My Thing"}
    assert json_schema_to_type(titled).__name__ == "My_Thing"
    assert json_schema_to_type(titled, "Other").__name__ == "Other"


def test_a_missing_required_property_does_not_fit() -> None:
    with pytest.raises(pydantic.ValidationError, match="a"):
        read(an_object(a=INTEGER) | {"required": ["a"]}, {})


def test_defaults_are_applied_and_read() -> None:
    schema = an_object(
        n={"type": "integer", "default": 3},
        on={"type": "string", "format": "date", "default": "2020-01-02"},
        names={"type": "array", "items": {"type": "string"}, "default": ["x"]},
        nothing={"type": "string", "default": None},
    )
    value = read(schema, {})
    assert (value.n, value.names, value.nothing) == (3, ["x"], None)
    assert value.on == datetime.date(2020, 1, 2)
    value.names.append("y")
    assert read(schema, {}).names == ["x"]


def test_the_class_can_be_made_by_hand() -> None:
    kind = json_schema_to_type(an_object(a=INTEGER, b={"type": "integer", "default": 2}))
    assert kind(a=1).b == 2


def test_nested_objects() -> None:
    value = read(an_object(inner=an_object(deep={"type": "string"})), {"inner": {"deep": "x"}})
    assert value.inner.deep == "x"


def test_names_that_are_no_identifiers() -> None:
    schema = an_object(**{"x-y": INTEGER, "class": INTEGER, "1st": INTEGER, "_low": INTEGER})
    value = read(schema, {"x-y": 1, "class": 2, "1st": 3, "_low": 4})
    assert (value.x_y, value.class_, value.field_1st, value.field_low) == (1, 2, 3, 4)


def test_unnamed_properties_are_kept_where_the_schema_says_so() -> None:
    schema = an_object(a=INTEGER)
    assert not hasattr(read(schema, {"a": 1, "more": 2}), "more")
    value = read(schema | {"additionalProperties": True}, {"a": 1, "more": 2})
    assert isinstance(value, BaseModel)
    assert value.more == 2  # type: ignore[attr-defined]


def test_references_into_the_document() -> None:
    schema = {
        "$defs": {"Name": {"type": "string"}, "a/b": INTEGER},
        **an_object(name={"$ref": "#/$defs/Name"}, n={"$ref": "#/$defs/a~1b"}),
    }
    value = read(schema, {"name": "x", "n": 1})
    assert (value.name, value.n) == ("x", 1)


def test_a_schema_that_contains_itself() -> None:
    node = an_object(
        v=INTEGER,
        next={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
        children={"type": "array", "items": {"$ref": "#/$defs/Node"}},
    )
    schema = {"$defs": {"Node": node}, "$ref": "#/$defs/Node"}
    value = read(schema, {"v": 1, "next": {"v": 2}, "children": [{"v": 3}]})
    assert value.next.v == 2
    assert value.children[0].v == 3
    root = an_object(v=INTEGER, next={"$ref": "#"})
    assert read(root, {"v": 1, "next": {"v": 2}}).next.v == 2


def test_references_in_a_circle_are_any_value() -> None:
    assert read({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, 5) == 5


def test_all_of_puts_objects_together() -> None:
    schema = {
        "$defs": {"Base": an_object(a=INTEGER)},
        "allOf": [{"$ref": "#/$defs/Base"}, an_object(b=INTEGER)],
    }
    value = read(schema, {"a": 1, "b": 2})
    assert (value.a, value.b) == (1, 2)
    assert read({"allOf": [{"type": "string"}, {"minLength": 1}]}, "x") == "x"


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ({"type": "integer", "minimum": 3}, 2),
        ({"type": "number", "exclusiveMaximum": 3}, 3),
        ({"type": "string", "maxLength": 1}, "ab"),
        ({"type": "array", "minItems": 1}, []),
        ({"enum": ["a"]}, "b"),
    ],
)
def test_simple_limits_hold(schema: Any, wrong: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        read(schema, wrong)


def test_a_short_schema_that_describes_an_endless_type():
    """Each definition holds the next one twice: thirty of them are a thousand million parts."""
    defs: dict[str, Any] = {
        f"d{i}": {
            "anyOf": [
                {"$ref": f"#/$defs/d{i + 1}"},
                {"type": "array", "items": {"$ref": f"#/$defs/d{i + 1}"}},
            ]
        }
        for i in range(30)
    }
    defs["d30"] = {"type": "string"}
    made = json_schema_to_type({"$ref": "#/$defs/d0", "$defs": defs})
    assert TypeAdapter(made).validate_python("x") == "x"


def test_limits_go_to_the_types_they_are_of():
    schema = {"type": ["string", "number"], "minLength": 2, "minimum": 10}
    assert [read(schema, value) for value in ("ab", 10)] == ["ab", 10]
    for value in ("a", 9):
        with pytest.raises(pydantic.ValidationError):
            read(schema, value)


def test_properties_of_one_python_name():
    found = read(an_object(**{"a-b": INTEGER, "a_b": INTEGER, "": INTEGER}), {"a-b": 1, "a_b": 2})
    assert (found.a_b, found.a_b_2) == (1, 2)


def test_a_tuple():
    schema = {"type": "array", "prefixItems": [INTEGER, {"type": "string"}], "maxItems": 2}
    assert read(schema, [1, "a"]) == (1, "a")
