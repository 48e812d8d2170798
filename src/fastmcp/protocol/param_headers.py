"""Tool arguments that travel as HTTP headers too, where an input schema says so (`x-mcp-header`).

Both sides read the same rules: a server refuses to offer a tool whose annotations break them,
a client drops such a tool and mirrors the values of all others
(2026-07-28, basic/transports/streamable-http, "Custom Headers from Tool Parameters").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

from fastmcp.protocol.headers import encode_value, param_text

__all__ = ["ParamHeader", "mirror", "param_headers"]

_KEYWORD: Final = "x-mcp-header"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A header name (RFC 9110, section 5.6.2)."""
_TYPES: Final = ("integer", "string", "boolean")
_DATA: Final = frozenset({"default", "const", "enum", "examples"})
"""Keywords whose values are data: what looks like an annotation in there is none."""


class ParamHeader(NamedTuple):
    """One parameter that travels in a header as well.

    Attributes:
        name: what follows `Mcp-Param-` in the header's name.
        path: the `properties` keys that lead to the value in the arguments.
        type: "integer", "string" or "boolean".
    """

    name: str
    path: tuple[str, ...]
    type: str


def param_headers(schema: Mapping[str, Any]) -> tuple[ParamHeader, ...]:
    """The annotated parameters of an input schema.

    Raises:
        ValueError: an annotation breaks a rule; the text says which and where.
    """
    found: list[ParamHeader] = []
    _collect(schema, (), True, found)
    seen: dict[str, tuple[str, ...]] = {}
    for header in found:
        taken = seen.setdefault(header.name.lower(), header.path)
        if taken != header.path:
            raise ValueError(
                f"{_KEYWORD} {header.name!r} of parameter '{'.'.join(header.path)}': the name is "
                f"taken by parameter '{'.'.join(taken)}'"
            )
    return tuple(found)


def mirror(arguments: Mapping[str, Any], headers: Iterable[ParamHeader]) -> dict[str, str]:
    """The headers of a call; a parameter without a value has none ("Client Behavior")."""
    result: dict[str, str] = {}
    for header in headers:
        value: Any = arguments
        for step in header.path:
            value = (
                cast("Mapping[str, Any]", value).get(step) if isinstance(value, Mapping) else None
            )
        text = param_text(value)
        if text is not None:
            result[f"Mcp-Param-{header.name}"] = encode_value(text)
    return result


def _collect(schema: Any, path: tuple[str, ...], reachable: bool, found: list[ParamHeader]) -> None:
    """Walk a schema; `reachable` while the way led through `properties` alone."""
    if isinstance(schema, list):
        for part in cast("list[Any]", schema):
            _collect(part, path, False, found)
        return
    if not isinstance(schema, Mapping):
        return
    schema = cast("Mapping[str, Any]", schema)
    if _KEYWORD in schema:
        found.append(_read(schema, path, reachable))
    for keyword, value in schema.items():
        if keyword == "properties" and isinstance(value, Mapping):
            for name, part in cast("Mapping[str, Any]", value).items():
                _collect(part, (*path, name), reachable, found)
        elif keyword not in _DATA:
            _collect(value, path, False, found)


def _read(schema: Mapping[str, Any], path: tuple[str, ...], reachable: bool) -> ParamHeader:
    name: object = schema[_KEYWORD]
    kind: object = schema.get("type")
    if not reachable or not path:
        problem = (
            "it is only allowed on parameters, and on properties of objects that are parameters: "
            "not inside of lists, optional objects or recursive models"
        )
    elif not isinstance(name, str) or not _TOKEN.fullmatch(name):
        problem = "a header name is one or more letters, digits or any of !#$%&'*+-.^_`|~"
    elif not isinstance(kind, str) or kind not in _TYPES:
        problem = "only parameters of type integer, string or boolean can travel in a header"
    else:
        return ParamHeader(name, path, kind)
    raise ValueError(f"{_KEYWORD} {name!r} of parameter '{'.'.join(path)}': {problem}")
