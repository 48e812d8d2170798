"""Values that fit a definition of the published schemas, and values that nearly do.

`instances(version, name)` is a hypothesis strategy that reads the JSON schema as the protocol's own
files write it (`$ref`, `anyOf`, objects, arrays, enumerations): each value it makes is valid.
`mutated` breaks one in one place. Values are small: what is looked for is a wrong shape, not a
large one.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from tests.support import schema

Json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
"""Any JSON value."""

_DEPTH = 5
"""References followed into one another; beyond, what is optional is left out."""

_FORMATS = {
    "uri": st.sampled_from(["data://greeting", "file:///home/ada", "x:y", "data://nope"]),
    "uri-template": st.sampled_from(["data://users/{name}", "x:{y}"]),
    "byte": st.sampled_from(["", "AAEC"]),
    "date-time": st.just("2026-07-28T00:00:00Z"),
}


def instances(version: str, name: str) -> st.SearchStrategy[Any]:
    """Values of one definition.

    Args:
        version: of the protocol.
        name: the definition's.
    """
    return _of(version, schema.definitions(version)[name], 0)


def _of(version: str, part: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        definition = schema.definitions(version)[name]
        return st.deferred(lambda: _of(version, definition, depth + 1))
    for keyword in ("anyOf", "oneOf"):
        if keyword in part:
            branches = part[keyword]
            if depth > _DEPTH:
                branches = branches[:1]
            return st.one_of(*(_of(version, branch, depth) for branch in branches))
    if "const" in part:
        return st.just(part["const"])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    kind = part.get("type")
    if isinstance(kind, list):
        return st.one_of(*(_of(version, {**part, "type": one}, depth) for one in kind))
    if kind == "object" or "properties" in part:
        return _object(version, part, depth)
    if kind == "array":
        return st.lists(
            _of(version, part.get("items", {}), depth + 1),
            min_size=part.get("minItems", 0),
            max_size=max(2, part.get("minItems", 0)),
        )
    return _scalar(part, kind)


def _scalar(part: dict[str, Any], kind: str | None) -> st.SearchStrategy[Any]:
    if kind == "string":
        return _FORMATS.get(part.get("format", ""), st.text(max_size=8))
    if kind == "integer":
        return st.integers(int(part.get("minimum", -3)), int(part.get("maximum", 100)))
    if kind == "number":
        return st.floats(part.get("minimum", 0), part.get("maximum", 1), allow_nan=False)
    if kind == "boolean":
        return st.booleans()
    if kind == "null":
        return st.none()
    return Json


def _object(version: str, part: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    properties = part.get("properties", {})
    required = set(part.get("required", ()))
    parts = {key: _of(version, value, depth + 1) for key, value in properties.items()}
    optional = {} if depth > _DEPTH else {k: v for k, v in parts.items() if k not in required}
    known = st.fixed_dictionaries(
        {key: parts.get(key, Json) for key in required}, optional=optional
    )
    more = part.get("additionalProperties")
    if not isinstance(more, dict) or depth > _DEPTH:
        return known
    extra = st.dictionaries(
        st.text(min_size=1, max_size=5), _of(version, more, depth + 1), max_size=2
    )
    return st.tuples(extra, known).map(lambda pair: {**pair[0], **pair[1]})


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The same value, broken in one place: something is left out, replaced, or added."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places:
        return draw(Json)
    holder, key = draw(st.sampled_from(places))
    how = draw(st.sampled_from(["leave out", "replace", "add"]))
    if how == "leave out":
        del holder[key]
    elif how == "replace":
        holder[key] = draw(Json)
    elif isinstance(holder, dict):
        holder[draw(st.text(max_size=6))] = draw(Json)
    else:
        holder.insert(key, draw(Json))
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every member of every object and array in it."""
    found: list[tuple[Any, Any]] = []
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in members:
        found.append((value, key))
        found += _places(inner)
    return found
