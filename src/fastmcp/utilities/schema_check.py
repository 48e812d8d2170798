"""Values held against a JSON Schema that somebody wrote by hand.

The dialect is 2020-12, or what `$schema` names: draft 4, 6, 7 or 2019-09. Nothing is ever
fetched: a schema that refers to another document is refused when it is read, not taken for one
that allows everything (2026-07-28, basic/index, "JSON Schema Usage"). What references multiply is
counted beforehand (`schema_cost.py`).

Patterns are somebody else's too. Small ones are matched by an engine that reads a text once. What
looks around or back, or is large, needs one that begins anew at each character: it costs the square
of a text's length, and memory with the square of its groups, so both are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from fastmcp.utilities.schema_cost import SchemaCost

__all__ = ["SchemaCheck"]

_DIALECTS: Final = "2020-12 (the default), 2019-09, 7, 6, 4"
_MOST_LINES: Final = 10
_LONGEST: Final = 300
_SMALL_PATTERN: Final = 100_000
_LARGEST_PATTERN: Final = 1_000_000
"""Bytes of a compiled pattern."""
_MOST_SQUARED: Final = 10_000**2
"""Of the lengths of all texts, where the engine begins anew: tenths of a second."""


class SchemaCheck:
    """A schema made ready to judge values.

    Args:
        schema: the schema.
        what: it describes, for the error: "input schema of tool 'x'".
    Raises:
        ValueError: it is no valid schema, of a dialect that is not known, refers to something
            outside of itself, or has no end.
    """

    __slots__ = ("_begins_anew", "_cost", "_fits", "_validator")

    def __init__(self, schema: Any, what: str) -> None:
        import jsonschema_rs  # a few megabytes that most servers never need

        once = jsonschema_rs.RegexOptions(size_limit=_SMALL_PATTERN)
        anew = jsonschema_rs.FancyRegexOptions(size_limit=_LARGEST_PATTERN)
        try:
            self._begins_anew = False
            try:
                validator: Any = _made(schema, once)
            except ValueError:
                self._begins_anew = True
                validator = _made(schema, anew)
            self._cost = SchemaCost(schema)
        except (ValueError, TypeError) as error:
            text = _said(error)
            if text.startswith("Unknown meta-schema"):
                text = f"its dialect {schema['$schema']!r} is not one of draft {_DIALECTS}"
            raise ValueError(f"The {what} cannot be used: {text}") from None
        self._validator = validator
        self._fits = validator.is_valid

    def __deepcopy__(self, memo: Any) -> SchemaCheck:
        return self  # nothing in it changes

    def complaint(self, value: Any) -> str | None:
        """What is wrong with a value, one line each and at most ten; None where it fits."""
        try:
            if self._cost.is_too_much(value) or (self._begins_anew and _squared(value)):
                return "- it is too large or nested too deeply for its schema to be checked"
            if self._fits(value):
                return None
            lines: list[str] = []
            for error in self._validator.iter_errors(value):
                if len(lines) == _MOST_LINES:
                    lines.append("- and more")
                    break
                at = ".".join(map(str, error.instance_path))
                lines.append(f"- {at}: {_said(error)}" if at else f"- {_said(error)}")
            return "\n".join(lines)
        except ValueError as error:  # the program's own arguments may hold what JSON does not
            return f"- {_said(error)}"


def _made(schema: Any, patterns: Any) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema, retriever=_refuse, pattern_options=patterns)


def _squared(value: Any) -> bool:
    """Whether the texts of a value, and its names, are too long for patterns of the second kind."""
    left, waiting = _MOST_SQUARED, [value]
    while waiting and left >= 0:
        part = waiting.pop()
        if isinstance(part, str):
            left -= len(part) ** 2
        elif isinstance(part, Mapping):
            members = cast("Mapping[Any, Any]", part)
            waiting += [*members, *members.values()]
        elif isinstance(part, (list, tuple)):
            waiting += cast("list[Any]", part)
    return left < 0


def _refuse(uri: str) -> Any:
    raise ValueError(f"references to other documents are not followed: {uri}")


def _said(error: Exception) -> str:
    text = str(getattr(error, "message", error))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
