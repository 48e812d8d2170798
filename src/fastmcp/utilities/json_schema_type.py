"""A Python type from a JSON Schema: what a tool's result or a form's answer is read into.

Objects become dataclasses (`Root` where the schema has no title) so that `result.data.name` works;
formats become their Python types; an array of unique simple values a set. It is a reading aid,
not a validator: what it cannot express (conditions, patterns of names, dependencies) it leaves
to `Any` instead of refusing. A `$ref` is followed inside the document only, never fetched.
"""

from __future__ import annotations

import dataclasses
import keyword
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, Union, cast
from uuid import UUID

import pydantic
from pydantic import AnyUrl, ConfigDict, Field, Json

__all__ = ["json_schema_to_type"]

_FORMATS: Final[dict[str, Any]] = {
    "date-time": datetime,
    "date": date,
    "time": time,
    "duration": timedelta,
    "uri": AnyUrl,
    "uuid": UUID,
    "json": Json,
}
_SIMPLE: Final = (str, int, float, bool, datetime, date, time, timedelta, AnyUrl, UUID)
_OF_NUMBERS: Final = {
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
_OF_TEXT: Final = {"minLength": "min_length", "maxLength": "max_length"}
_OF_ARRAYS: Final = {"minItems": "min_length", "maxItems": "max_length"}
_MISSING: Final = object()
_MOST_PARTS: Final = 5000
"""Parts of one schema that are read. References let a short text describe a type of any size."""


def json_schema_to_type(schema: Mapping[str, Any] | bool, name: str | None = None) -> Any:
    """The type that values of a schema are read into.

    Args:
        schema: JSON Schema, any draft that names its definitions `$defs` or `definitions`.
        name: of the class of the outermost object; None for its title, or `Root`.
    Returns:
        a type, or a typing construct, that `pydantic.TypeAdapter` takes.
    """
    if isinstance(schema, bool):
        return Any
    return _Builder(schema).build(schema, name)


class _Builder:
    """One schema document; the classes made for its definitions are made once."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._made: dict[int, Any] = {}
        self._making: set[int] = set()
        self._parts = 0

    def build(self, schema: Any, name: str | None = None) -> Any:
        self._parts += 1
        if not isinstance(schema, Mapping) or self._parts > _MOST_PARTS:
            return Any
        schema = cast("Mapping[str, Any]", schema)
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]), name)
        if "const" in schema:
            return _literal([schema["const"]])
        if "enum" in schema:
            return _literal(schema["enum"])
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return _union([self.build(part) for part in _list(schema[word])])
        if "allOf" in schema:
            return self._all_of(schema, name)
        kind = schema.get("type")
        if isinstance(kind, list):
            kinds = cast("list[str]", kind)
            return _union([self.build({**schema, "type": one}, name) for one in kinds])
        if kind is None and "properties" in schema:
            kind = "object"
        return self._typed(schema, kind, name)

    def _typed(self, schema: Mapping[str, Any], kind: Any, name: str | None) -> Any:
        match kind:
            case "string":
                made = _FORMATS.get(str(schema.get("format")), str)
                return _limited(made, schema, _OF_TEXT) if made is str else made
            case "integer":
                return _limited(int, schema, _OF_NUMBERS)
            case "number":
                return _limited(float, schema, _OF_NUMBERS)
            case "boolean":
                return bool
            case "null":
                return type(None)
            case "array":
                return self._array(schema)
            case "object":
                return self._object(schema, name)
            case _:
                return Any

    def _array(self, schema: Mapping[str, Any]) -> Any:
        parts = _list(schema.get("prefixItems"))
        if parts and schema.get("maxItems") == len(parts):
            return tuple[tuple(self.build(part) for part in parts)]
        item = self.build(schema.get("items"))
        if schema.get("uniqueItems") and item in _SIMPLE:
            return set[item]
        return _limited(list[item], schema, _OF_ARRAYS)

    def _find(self, reference: str) -> Mapping[str, Any] | None:
        """What a reference names, inside this document."""
        target: object = self._document
        if not reference.startswith("#"):
            return None
        for part in filter(None, reference[1:].split("/")):
            part = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping):
                return None
            target = cast("Mapping[str, object]", target).get(part)
        return cast("Mapping[str, Any]", target) if isinstance(target, Mapping) else None

    def _reference(self, reference: str, name: str | None) -> Any:
        target = self._find(reference)
        if target is None:
            return Any
        key = id(target)
        if key in self._making:
            later = self._made.get(key)
            return later.reference() if isinstance(later, _Later) else Any
        if key not in self._made:
            self._making.add(key)
            title = name or (reference.rpartition("/")[2] if reference != "#" else None)
            made = self.build(target, target.get("title") or title)
            self._making.discard(key)
            if not isinstance(made, type):
                return made  # pydantic repeats it at every place, so it is counted at every place
            self._made.setdefault(key, made)
        return self._made[key]

    def _all_of(self, schema: Mapping[str, Any], name: str | None) -> Any:
        """The parts of an object put together; anything else that `allOf` joins is any value."""
        parts = _list(schema["allOf"])
        if not all(isinstance(part, Mapping) for part in parts):
            return Any
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        if len(parts) == 1 and not rest.keys() & {"type", "properties"}:
            return self.build(parts[0], name)
        merged: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        for part in (rest, *(self._resolved(part) for part in parts)):
            if part.get("type", "object") != "object":
                return Any
            merged["properties"].update(_dict(part.get("properties")))
            merged["required"].extend(_list(part.get("required")))
        return self._object({**rest, **merged}, name)

    def _resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(16):
            if "$ref" not in part:
                return part
            part = self._find(str(part["$ref"])) or {"type": None}
        return {"type": None}

    def _object(self, schema: Mapping[str, Any], name: str | None) -> Any:
        properties = _dict(schema.get("properties"))
        extra = schema.get("additionalProperties")
        if not properties:
            return dict[str, self.build(extra)] if isinstance(extra, Mapping) else dict[str, Any]
        title = _identifier(str(name or schema.get("title") or "Root"))
        key = id(schema)
        self._made[key] = later = _Later()
        self._making.add(key)
        required = _list(schema.get("required"))
        attributes = _attributes(properties)
        fields = [
            self._field(attribute, property_name, part, property_name in required)
            for attribute, (property_name, part) in zip(attributes, properties.items(), strict=True)
        ]
        made = _dataclass(title, fields) if extra is not True else _open_model(title, fields)
        later.type = made
        self._made[key] = made
        self._making.discard(key)
        return made

    def _field(
        self, attribute: str, name: str, schema: Any, required: bool
    ) -> tuple[str, Any, Any, str]:
        """(attribute, type, default or _MISSING, name on the wire)."""
        kind = self.build(schema)
        default: Any = _MISSING
        if isinstance(schema, Mapping) and "default" in schema:
            default = cast("Mapping[str, Any]", schema)["default"]
            if default is None:
                kind = kind | None
        elif not required:
            default, kind = None, kind | None
        return attribute, kind, default, name


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _dict(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


class _Later:
    """Stands for a class that contains itself until it is made."""

    def __init__(self) -> None:
        self.type: Any = None
        self._adapter: pydantic.TypeAdapter[Any] | None = None

    def reference(self) -> Any:
        """A type that reads as the class does."""
        return Annotated[Any, pydantic.PlainValidator(self._read)]

    def _read(self, value: Any) -> Any:
        if self._adapter is None:
            self._adapter = pydantic.TypeAdapter[Any](self.type)
        return self._adapter.validate_python(value)


def _union(kinds: list[Any]) -> Any:
    if not kinds or Any in kinds:
        return Any
    return Union[tuple(kinds)]  # noqa: UP007  (made at run time)


def _literal(values: Any) -> Any:
    """Literal takes what can be compared by identity of value; others are any value."""
    given = _list(values)
    if not given or not all(
        value is None or isinstance(value, (str, int, bool)) for value in given
    ):
        return Any
    return Literal[tuple(given)]


def _limited(kind: Any, schema: Mapping[str, Any], words: Mapping[str, str]) -> Any:
    """The type with its limits. A schema of several types has those of all of them."""
    limits: dict[str, Any] = {
        word: schema[name]
        for name, word in words.items()
        if isinstance(schema.get(name), (int, float)) and not isinstance(schema[name], bool)
    }
    return Annotated[kind, Field(**limits)] if limits else kind


def _identifier(name: str) -> str:
    cleaned = re.sub(r"\W", "_", name)
    if not cleaned or cleaned[0].isdigit() or cleaned.startswith("_"):
        cleaned = "field" + (cleaned if cleaned.startswith("_") else f"_{cleaned}")
    return cleaned + "_" if keyword.iskeyword(cleaned) else cleaned


def _attributes(names: Iterable[str]) -> list[str]:
    """A Python name for each property, all different: `a-b` beside `a_b` becomes `a_b_2`."""
    found: dict[str, None] = {}
    counts: dict[str, int] = {}
    for name in names:
        attribute = wanted = _identifier(name)
        while attribute in found:
            counts[wanted] = counts.get(wanted, 1) + 1
            attribute = f"{wanted}_{counts[wanted]}"
        found[attribute] = None
    return list(found)


def _aliased(kind: Any, attribute: str, name: str) -> Any:
    return kind if attribute == name else Annotated[kind, Field(alias=name)]


def _dataclass(title: str, fields: list[tuple[str, Any, Any, str]]) -> Any:
    def spec(field: tuple[str, Any, Any, str]) -> Any:
        attribute, kind, default, name = field
        kind = _aliased(kind, attribute, name)
        if default is _MISSING:
            return attribute, kind
        if isinstance(default, (dict, list)):
            given = cast("Any", default)
            return attribute, kind, dataclasses.field(default_factory=lambda: given.copy())
        return attribute, kind, dataclasses.field(default=default)

    ordered = sorted(fields, key=lambda field: field[2] is not _MISSING)
    made = dataclasses.make_dataclass(title, [spec(field) for field in ordered])
    # Defaults are JSON: a date's is text until it is validated too.
    made.__pydantic_config__ = ConfigDict(validate_default=True)  # pyright: ignore[reportAttributeAccessIssue]
    return made


def _open_model(title: str, fields: list[tuple[str, Any, Any, str]]) -> Any:
    """A class that keeps properties its schema does not name, as attributes."""
    specs: dict[str, Any] = {
        attribute: (
            kind,
            Field(
                ... if default is _MISSING else default,
                alias=None if attribute == name else name,
            ),
        )
        for attribute, kind, default, name in fields
    }
    config = ConfigDict(extra="allow", populate_by_name=True, protected_namespaces=())
    return pydantic.create_model(title, __config__=config, **specs)
