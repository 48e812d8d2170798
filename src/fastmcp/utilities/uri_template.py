"""URI templates: the part of RFC 6570 that names resources, read backwards.

`{x}` is one path segment, `{x*}` any number of them, `{?a,b}` query parameters, `{?list*}` one
that may be repeated. A hyphen in a name is an underscore in the parameter. Values are
URL-decoded. Literal text matches as written and percent-encoded alike, because a URI comes
here in either form (clients normalise URIs, in-process callers do not).

Of the ways a URI can be taken apart the one counts in which the first parameter is the longest,
then the second. Read from its end a URI gives that one without trying the others: the last
parameter ends where the text before it is found first. So it is matched backwards, and only a
`{x*}` that others stand before is ever taken back. Templates and URIs are other people's words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, cast
from urllib.parse import quote, unquote

__all__ = ["UriTemplate", "is_template"]

_EXPRESSION = re.compile(r"\{(\?[^{}]*|[^{}?]+)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_MOST_STEPS = 2**26
"""Of a match with `{x*}` after other parameters, where the time grows with a power of the length:
a URI may have 8192 characters for one of them (RFC 9110, 4.1, asks for 8000), and fewer for more.
"""
_LONGEST = 8192
"""Characters of a template: it is taken apart and compiled before anybody asks for anything."""
_RESERVED = ":/?#[]@!$&'()*+,;="


def is_template(uri: str) -> bool:
    """Whether the text has parameters in it."""
    return "{" in uri and "}" in uri


def _parameter(name: str) -> str:
    return name.replace("-", "_")


class UriTemplate:
    """A template taken apart, ready to match URIs.

    Attributes:
        text: as written.
        path: parameters in the path, in order.
        query: parameters in the query, in order.
        exploded: those of the query that may be repeated (`{?list*}`).

    Raises:
        ValueError: a parameter's name is no identifier, two parameters have one name, or the text
            has more than 8192 characters.
    """

    __slots__ = ("_longest", "_query_names", "_regex", "exploded", "path", "query", "text")

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise ValueError(
                f"URI template {text[:80]!r}... has {len(text)} characters; at most {_LONGEST}"
            )
        self.text = text
        self.path: list[str] = []
        self.query: list[str] = []
        self.exploded: set[str] = set()
        self._query_names: dict[str, str] = {}  # name in the URI -> parameter
        written: dict[str, str] = {}
        literals: list[str] = []
        variables: list[tuple[str, bool]] = []
        literal = ""
        position = 0
        for match in _EXPRESSION.finditer(text):
            literal += text[position : match.start()]
            position = match.end()
            body = match.group(1)
            if body.startswith("?"):
                for name in filter(None, (part.strip() for part in body[1:].split(","))):
                    self._add_query(name, written)
                continue
            many = body.endswith("*")
            parameter = self._claim(body.removesuffix("*"), written)
            self.path.append(parameter)
            variables.append((parameter, many))
            literals.append(literal)
            literal = ""
        wildcards = sum(many for _, many in variables[1:])
        self._longest = int(_MOST_STEPS ** (1 / (wildcards + 1))) if wildcards else None
        pattern = _backwards(literal + text[position:])
        for index in reversed(range(len(variables))):
            parameter, many = variables[index]
            before = _backwards(literals[index])
            if index == 0:
                pattern += f"(?P<{parameter}>{'.+' if many else '[^/]+'}){before}"
            elif many:
                pattern += f"(?P<{parameter}>.+?){before}"
            else:
                pattern += f"(?>(?P<{parameter}>[^/]+?){before})"
        self._regex = re.compile(pattern, re.DOTALL)

    def _add_query(self, name: str, written: dict[str, str]) -> None:
        plain = name.removesuffix("*")
        parameter = self._claim(plain, written)
        self.query.append(parameter)
        self._query_names[plain] = parameter
        if name.endswith("*"):
            self.exploded.add(parameter)

    def _claim(self, name: str, written: dict[str, str]) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"URI template {self.text!r}: '{name}' is no parameter name; use letters, digits,"
                " '_' and '-', and start with a letter or '_'"
            )
        parameter = _parameter(name)
        if parameter in written:
            other = written[parameter]
            if other == name:
                raise ValueError(f"URI template {self.text!r} has the parameter '{name}' twice")
            raise ValueError(
                f"URI template parameters '{other}' and '{name}' both normalize to '{parameter}'."
                " Use one or the other, not both."
            )
        written[parameter] = name
        return parameter

    @property
    def parameters(self) -> list[str]:
        """All parameters, those of the path first."""
        return [*self.path, *self.query]

    def match(self, uri: str, lists: Collection[str] = ()) -> dict[str, Any] | None:
        """The parameters' values, decoded; None if the URI is not of this form.

        Args:
            uri: a whole URI. Its fragment is no part of a resource's identity.
            lists: query parameters that hold lists though not exploded: `a,b` is two items.
        """
        if "#" not in self.text:
            uri = uri.partition("#")[0]
        path, _, query = uri.partition("?")
        if self._longest is not None and len(path) > self._longest:
            return None
        found = self._regex.fullmatch(path[::-1])
        if found is None:
            return None
        values: dict[str, Any] = {name: unquote(found[name][::-1]) for name in self.path}
        if not query or not self._query_names:
            return values
        for raw_name, raw in (pair.partition("=")[::2] for pair in query.split("&")):
            name = self._query_names.get(unquote(raw_name.replace("+", " ")))
            if name is None:
                continue
            if name in self.exploded:
                cast("list[str]", values.setdefault(name, [])).append(_decode(raw))
            elif name not in values:
                # Split before decoding: `%2C` is a comma inside an item (RFC 6570, 3.2.8).
                values[name] = _split(raw) if name in lists else _decode(raw)
        return values

    def expand(self, values: Mapping[str, Any]) -> str:
        """The URI for these values: the inverse of `match`. Query parameters may be missing.

        Raises:
            KeyError: a path parameter is missing.
        """

        def replace(match: re.Match[str]) -> str:
            body = match.group(1)
            if not body.startswith("?"):
                safe = "/" if body.endswith("*") else ""
                return quote(str(values[_parameter(body.removesuffix("*"))]), safe=safe)
            pairs: list[str] = []
            for name, parameter in self._query_names.items():
                value = values.get(parameter)
                if value is None:
                    continue
                if isinstance(value, list | tuple):
                    items = [quote(str(item), safe="") for item in cast("list[Any]", value)]
                    if parameter in self.exploded:
                        pairs += [f"{quote(name)}={item}" for item in items]
                    else:
                        pairs.append(f"{quote(name)}={','.join(items)}")
                else:
                    pairs.append(f"{quote(name)}={quote(str(value), safe='')}")
            return "?" + "&".join(pairs) if pairs else ""

        parts: list[str] = []
        position = 0
        for match in _EXPRESSION.finditer(self.text):
            parts += [_encode(self.text[position : match.start()]), replace(match)]
            position = match.end()
        return "".join([*parts, _encode(self.text[position:])])


def _decode(raw: str) -> str:
    return unquote(raw.replace("+", " "))


def _split(raw: str) -> list[str]:
    return [_decode(item) for item in raw.split(",")] if raw else []


def _encode(text: str) -> str:
    """Literal text as RFC 6570, 3.1 wants it in a URI: what is escaped already stays."""
    parts: list[str] = []
    position = 0
    for match in _ESCAPED.finditer(text):
        parts += [quote(text[position : match.start()], safe=_RESERVED), match.group()]
        position = match.end()
    return "".join([*parts, quote(text[position:], safe=_RESERVED)])


def _backwards(text: str) -> str:
    """A pattern for literal text read from its end, written or percent-encoded."""
    pattern = ""
    position = 0
    while position < len(text):
        escaped = _ESCAPED.match(text, position)
        if escaped is not None:
            pattern = f"(?i:{re.escape(escaped.group()[::-1])}){pattern}"
            position = escaped.end()
            continue
        character = text[position]
        encoded = quote(character, safe=_RESERVED)
        written = re.escape(character)
        if encoded != character:
            written = f"(?:{written}|(?i:{encoded[::-1]}))"
        pattern = written + pattern
        position += 1
    return pattern
