"""Schemas made smaller, and references put where they are used."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fastmcp.utilities.json_schema import (
    compress_schema,
    dereference_refs,
    drop_unused_defs,
    inline_root_ref,
)


def ref(name: str, **beside: Any) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}", **beside}


def test_keywords_beside_a_reference_win() -> None:
    schema = {
        "properties": {"a": ref("A", description="mine", default={"$ref": "#/$defs/A"})},
        "$defs": {"A": {"type": "object", "description": "theirs"}},
    }
    assert dereference_refs(schema) == {
        "properties": {
            "a": {"type": "object", "description": "mine", "default": {"$ref": "#/$defs/A"}}
        }
    }


def test_references_within_definitions_and_lists() -> None:
    schema = {
        "anyOf": [ref("A"), {"items": ref("B")}],
        "$defs": {"A": {"properties": {"b": ref("B")}}, "B": {"type": "integer"}, "C": {}},
    }
    assert dereference_refs(schema) == {
        "anyOf": [{"properties": {"b": {"type": "integer"}}}, {"items": {"type": "integer"}}]
    }


def test_recursion_stays() -> None:
    schema = {
        "properties": {"tree": ref("Tree"), "leaf": ref("Leaf")},
        "$defs": {
            "Tree": {"properties": {"kids": {"items": ref("Branch")}, "leaf": ref("Leaf")}},
            "Branch": {"properties": {"tree": ref("Tree")}},
            "Leaf": {"type": "string"},
        },
    }
    result = dereference_refs(schema)
    assert result["properties"] == {"tree": ref("Tree"), "leaf": {"type": "string"}}
    assert set(result["$defs"]) == {"Tree", "Branch"}
    assert result["$defs"]["Tree"]["properties"]["leaf"] == {"type": "string"}


def test_what_is_not_ours_is_left_alone() -> None:
    schema = {
        "properties": {"a": {"$ref": "https://e.org/x"}, "b": {"$ref": "#anchor"}, "c": ref("No")},
        "$defs": {"A": {}},
    }
    assert dereference_refs(schema) == {"properties": schema["properties"]}


def test_properties_named_like_keywords() -> None:
    schema = {
        "properties": {"$ref": {"type": "string"}, "$defs": ref("A"), "title": ref("A")},
        "$defs": {"A": {"title": "T", "type": "string"}},
    }
    result = compress_schema(schema, prune_titles=True, dereference=True)
    assert result == {
        "properties": {
            "$ref": {"type": "string"},
            "$defs": {"type": "string"},
            "title": {"type": "string"},
        }
    }


def test_root_reference() -> None:
    node = {"type": "object", "properties": {"kids": {"items": ref("Node")}}}
    schema = {**ref("Node"), "$defs": {"Node": node}}
    assert inline_root_ref(schema) == {**node, "$defs": {"Node": node}}
    assert inline_root_ref({"type": "string"}) == {"type": "string"}


def test_compress() -> None:
    schema = {
        "title": "T",
        "type": "object",
        "properties": {"a": {"title": "A", "default": {"title": "data"}}, "b": ref("B")},
        "required": ["b"],
        "additionalProperties": False,
        "$defs": {"B": {"title": "B"}},
    }
    assert compress_schema(schema) == schema
    assert compress_schema(
        schema, prune_params=["b"], prune_additional_properties=True, prune_titles=True
    ) == {"type": "object", "properties": {"a": {"default": {"title": "data"}}}}
    assert compress_schema(schema, prune_params=["a"])["required"] == ["b"]
    assert schema["title"] == "T"


NAMES = st.sampled_from(["A", "B", "C"])
SCHEMAS = st.recursive(
    st.one_of(st.just({"type": "string"}), NAMES.map(ref)),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from(["x", "y"]), inner).map(lambda p: {"properties": p}),
        inner.map(lambda s: {"items": s}),
        st.lists(inner, min_size=1, max_size=2).map(lambda s: {"anyOf": s}),
    ),
    max_leaves=6,
)


@given(SCHEMAS, st.fixed_dictionaries({"A": SCHEMAS, "B": SCHEMAS, "C": SCHEMAS}))
def test_no_reference_points_nowhere(schema: dict[str, Any], defs: dict[str, Any]) -> None:
    whole = {**schema, "$defs": defs}
    result = dereference_refs(whole)
    kept = set(result.get("$defs", {}))

    def used(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"].rpartition("/")[2]} if "$ref" in value else set()
            return own.union(*(used(item) for item in value.values()))
        if isinstance(value, list):
            return set().union(*(used(item) for item in value))
        return set()

    assert used(result) == kept
    assert dereference_refs(result) == result
    assert drop_unused_defs(result) == result
