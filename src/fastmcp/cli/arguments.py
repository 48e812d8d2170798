"""`key=value` words of a command line to the arguments of a tool, by the tool's input schema.

A shell has only text. The schema says what each value is meant to be: `n=5` is a number where
the schema says integer and text where it says string. Lists and objects are written as JSON.
What the schema does not settle is read as JSON if it is JSON, else taken as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from fastmcp.cli.errors import CliError

__all__ = ["parse_arguments", "parse_words"]

Schema = Mapping[str, Any]

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_ARTICLES = {"integer": "an integer", "array": "a JSON list", "object": "a JSON object"}


class _Misfit(ValueError):
    """The text is not of the type."""


def parse_words(words: Sequence[str], input_json: str | None) -> dict[str, Any]:
    """The arguments as given: values of `input_json` as they are, those of words as text.

    Raises:
        CliError: a word is not `key=value`, or `input_json` is not a JSON object.
    """
    given: Any = {}
    if input_json is not None:
        try:
            given = json.loads(input_json)
        except ValueError as error:
            raise CliError(f"--input-json is not JSON: {error}.", 2) from error
        if not isinstance(given, dict):
            raise CliError('--input-json must be a JSON object, such as {"a": 1}.', 2)
    arguments = cast("dict[str, Any]", given)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise CliError(f"{word!r} is not an argument; write key=value.", 2)
        arguments[key] = value
    return arguments


def parse_arguments(words: Sequence[str], input_json: str | None, schema: Schema) -> dict[str, Any]:
    """The arguments with the values of words turned into what the schema asks for.

    Args:
        words: each `key=value`.
        input_json: a JSON object, taken as it is; a word of the same key wins.
        schema: the tool's input schema.

    Raises:
        CliError: a value is not what the schema asks for.
    """
    arguments = parse_words(words, input_json)
    properties = cast("Schema", schema.get("properties", {}))
    for key in {word.partition("=")[0] for word in words}:
        own = cast("Schema", properties.get(key, {}))
        text = arguments[key]
        try:
            arguments[key] = _coerce(text, own, schema)
        except _Misfit as misfit:
            raise CliError(f"Argument {key} must be {misfit}, not {text!r}.", 2) from None
    return arguments


def _coerce(text: str, schema: Schema, root: Schema) -> Any:
    schema = _follow(schema, root)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return _first_fit(text, [cast("Schema", choice) for choice in choices], root)
    kinds = schema.get("type")
    if isinstance(kinds, list):
        names = cast("list[str]", kinds)
        return _first_fit(text, [{**schema, "type": name} for name in names], root)
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if allowed is not None:
        return _one_of(text, cast("list[Any]", allowed))
    reader = _READERS.get(cast("str", kinds))
    return _as_json_or_text(text) if reader is None else reader(text)


def _follow(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    found: Any = root
    for part in reference[2:].split("/"):
        found = cast("Schema", found).get(part.replace("~1", "/").replace("~0", "~"), {})
    return cast("Schema", found)


def _first_fit(text: str, choices: list[Schema], root: Schema) -> Any:
    """The first choice the text fits; plain text last, because everything fits it."""
    misfits: list[str] = []
    for choice in sorted(choices, key=lambda choice: _follow(choice, root).get("type") == "string"):
        try:
            return _coerce(text, choice, root)
        except _Misfit as misfit:
            misfits.append(str(misfit))
    raise _Misfit(" or ".join(misfits))


def _one_of(text: str, allowed: list[Any]) -> Any:
    for value in allowed:
        if value == text or (not isinstance(value, str) and json.dumps(value) == text):
            return value
    raise _Misfit("one of " + ", ".join(str(value) for value in allowed))


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _Misfit("an integer") from None


def _number(text: str) -> float:
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise _Misfit("a number") from None


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise _Misfit("true or false")


def _null(text: str) -> None:
    if text not in ("null", ""):
        raise _Misfit("null")


def _json_of(kind: type, name: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, kind):
            raise _Misfit(_ARTICLES[name])
        return value

    return read


def _as_json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


_READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "null": _null,
    "array": _json_of(list, "array"),
    "object": _json_of(dict, "object"),
}
