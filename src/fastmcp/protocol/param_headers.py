"""Tool arguments that travel as HTTP headers too, where an input schema says so (`x-mcp-header`).

Both sides read the same rules: a server refuses to offer a tool whose annotations break them,
a client drops such a tool and mirrors the values of all others
(2026-07-28, basic/transports/streamable-http, "Custom Headers from Tool Parameters").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

from fastmcp.protocol.headers import PARAM_PREFIX, decode_value, encode_value, param_text

__all__ = ["ParamHeader", "is_annotated", "mirror", "mismatch", "param_headers"]

_KEYWORD: Final = "x-mcp-header"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A header name (RFC 9110, section 5.6.2)."""
_TYPES: Final = ("integer", "string", "boolean")
_WHOLE: Final = re.compile(r"(-?[0-9]{1,400})(\.0+)?")
"""A whole number in decimal, as far as a JSON number reaches."""
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
        text = param_text(_value_at(arguments, header.path))
        if text is not None:
            result[f"Mcp-Param-{header.name}"] = encode_value(text)
    return result


def mismatch(
    arguments: Mapping[str, Any],
    expected: Iterable[ParamHeader],
    headers: Mapping[bytes, bytes],
) -> str | None:
    """How the headers of a call contradict its arguments, or None ("Server Behavior for Custom
    Headers").

    A header without a value in the arguments contradicts them too: whoever routes by the header
    would act on something the tool never sees. Headers that no parameter asks for are nobody's.

    Args:
        arguments: of the call.
        expected: the annotated parameters of its tool.
        headers: of the request, names in lower case.
    """
    for header in expected:
        shown = f"Mcp-Param-{header.name}"
        name = ".".join(header.path)
        raw = headers.get(f"{PARAM_PREFIX}{header.name}".lower().encode())
        text = param_text(_value_at(arguments, header.path))
        if raw is None and text is not None:
            return f"{shown} header is missing, the argument {name!r} is {text!r}"
        if raw is None:
            continue
        said = decode_value(raw)
        if said is None:
            return f"{shown} header value {raw.decode('latin-1')!r} is malformed"
        if text is None:
            return f"{shown} header says {said!r}, the body has no such argument {name!r}"
        if said != text and not (header.type == "integer" and _same_number(said, text)):
            return f"{shown} header says {said!r}, the argument {name!r} is {text!r}"
    return None


def is_annotated(schema: Any) -> bool:
    """Whether an annotation may be somewhere in a schema. Most have none, and that is soon seen."""
    if isinstance(schema, Mapping):
        fields = cast("Mapping[str, Any]", schema)
        return _KEYWORD in fields or any(is_annotated(value) for value in fields.values())
    return isinstance(schema, list) and any(map(is_annotated, cast("list[Any]", schema)))


def _value_at(arguments: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at exactly this path of `properties`, or None."""
    value: Any = arguments
    for step in path:
        value = cast("Mapping[str, Any]", value).get(step) if isinstance(value, Mapping) else None
    return value


def _same_number(said: str, text: str) -> bool:
    """Integers are compared as numbers: `42.0` is 42 ("Server Validation")."""
    one, other = _WHOLE.fullmatch(said), _WHOLE.fullmatch(text)
    return one is not None and other is not None and int(one[1]) == int(other[1])


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
