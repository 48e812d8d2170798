"""Tool arguments that travel as HTTP headers too, where a tool's schema says so (`x-mcp-header`).

A client over HTTP must mirror them and must drop tools whose annotations break the rules
(2026-07-28, basic/transports/streamable-http, "Custom Headers from Tool Parameters").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

from fastmcp.protocol.headers import encode_value, param_text

__all__ = ["HeaderMap", "header_map", "mirrored"]

HeaderMap: TypeAlias = dict[tuple[str, ...], str]
"""Path of the property (a chain of `properties` keys) to the name after `Mcp-Param-`."""

_ANNOTATION: Final = "x-mcp-header"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TYPES: Final = ("string", "integer", "boolean")


def header_map(schema: Mapping[str, Any]) -> HeaderMap:
    """The annotated properties of an input schema.

    Raises:
        ValueError: an annotation breaks the rules; says which.
    """
    found: HeaderMap = {}
    _collect(schema, (), True, found)
    names = [name.lower() for name in found.values()]
    if len(set(names)) != len(names):
        raise ValueError(f"two parameters have the same {_ANNOTATION}")
    return found


def _collect(schema: Any, path: tuple[str, ...], reachable: bool, found: HeaderMap) -> None:
    """Walks a schema; `reachable` while the way led through `properties` alone."""
    if isinstance(schema, list):
        for part in cast("list[Any]", schema):
            _collect(part, path, False, found)
        return
    if not isinstance(schema, Mapping):
        return
    schema = cast("Mapping[str, Any]", schema)
    if _ANNOTATION in schema:
        name = schema[_ANNOTATION]
        where = ".".join(path) or "the schema itself"
        if not reachable or not path:
            raise ValueError(f"{_ANNOTATION} of {where} is not reachable by properties alone")
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"{_ANNOTATION} of {where} is {name!r}, which names no HTTP header")
        if schema.get("type") not in _TYPES:
            raise ValueError(f"{_ANNOTATION} of {where}, which is no {', '.join(_TYPES)}")
        found[path] = name
    for keyword, value in schema.items():
        if keyword == "properties" and isinstance(value, Mapping):
            for name, part in cast("Mapping[str, Any]", value).items():
                _collect(part, (*path, name), reachable, found)
        elif keyword in ("default", "const", "enum", "examples"):
            continue  # data, not schema
        else:
            _collect(value, path, False, found)


def mirrored(arguments: Mapping[str, Any], headers: HeaderMap) -> dict[str, str]:
    """The HTTP headers of a call; a parameter without a value has none."""
    result: dict[str, str] = {}
    for path, name in headers.items():
        value: Any = arguments
        for step in path:
            value = (
                cast("Mapping[str, Any]", value).get(step) if isinstance(value, Mapping) else None
            )
        text = param_text(value)
        if text is not None:
            result[f"Mcp-Param-{name}"] = encode_value(text)
    return result
