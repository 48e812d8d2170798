"""Parameters that a client repeats in HTTP headers: `x-mcp-header` in an input schema.

Rules: 2026-07-28, basic/transports/streamable-http, "Schema Extension". A name is a header
token, unique whatever its case; the parameter is an integer, a string or a boolean; and the
way to it from the schema's root is `properties` all along.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from fastmcp.utilities.json_schema import subschemas

__all__ = ["HEADER_KEYWORD", "HeaderParam", "check_header_params", "find_header_params"]

HEADER_KEYWORD = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TYPES = frozenset({"integer", "string", "boolean"})


class HeaderParam(NamedTuple):
    """One parameter that travels in a header as well.

    Attributes:
        header: the header's name in lower case: `mcp-param-region`.
        path: the property's path in the arguments.
        type: "integer", "string" or "boolean".
    """

    header: str
    path: tuple[str, ...]
    type: str


def find_header_params(schema: dict[str, Any]) -> tuple[HeaderParam, ...]:
    """The header parameters of an input schema, those that break a rule left out."""
    found: dict[str, HeaderParam] = {}
    for path, prop in _reachable(schema, ()):
        name: Any = prop.get(HEADER_KEYWORD)
        if _problem(name, prop) is None:
            header = f"mcp-param-{name.lower()}"
            found.setdefault(header, HeaderParam(header, path, cast("str", prop["type"])))
    return tuple(found.values())


def check_header_params(schema: dict[str, Any]) -> None:
    """Refuse annotations that would make clients drop the whole tool.

    Raises:
        ValueError: an annotation breaks a rule; the text says which and what to write.
    """
    seen: dict[str, str] = {}
    for path, prop in _reachable(schema, ()):
        name: Any = prop.get(HEADER_KEYWORD)
        where = ".".join(path)
        problem = _problem(name, prop)
        if problem is None and name.lower() in seen:
            problem = f"the name is taken by parameter '{seen[name.lower()]}'"
        if problem is not None:
            raise ValueError(f"{HEADER_KEYWORD} {name!r} of parameter '{where}': {problem}")
        seen[name.lower()] = where
    todo, carriers = [schema], 0
    while todo:
        current = todo.pop()
        carriers += HEADER_KEYWORD in current
        todo.extend(subschemas(current))
    if carriers > len(seen):
        raise ValueError(
            f"{HEADER_KEYWORD} is only allowed on parameters, and on properties of objects that are"
            " parameters: not inside of lists, optional objects or recursive models"
        )


def _reachable(
    schema: dict[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    for name, prop in cast("dict[str, Any]", properties).items():
        if not isinstance(prop, dict):
            continue
        schema_of = cast("dict[str, Any]", prop)
        if HEADER_KEYWORD in schema_of:
            yield (*path, name), schema_of
        yield from _reachable(schema_of, (*path, name))


def _problem(name: Any, prop: dict[str, Any]) -> str | None:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        return "a header name is one or more letters, digits or any of !#$%&'*+-.^_`|~"
    if prop.get("type") not in _TYPES:
        return "only parameters of type integer, string or boolean can travel in a header"
    return None
