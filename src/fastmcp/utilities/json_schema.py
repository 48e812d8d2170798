"""JSON Schemas as they go to clients: no noise, and no `$ref` where one can do without.

Many clients do not follow `$ref`, so `dereference_refs` puts the definition where it is used.
A definition that contains itself cannot be put anywhere: it stays in `$defs`, and so do the
references to it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, ClassVar, cast

from pydantic.json_schema import GenerateJsonSchema

__all__ = [
    "SchemaGenerator",
    "compress_schema",
    "dereference_refs",
    "drop_unused_defs",
    "inline_root_ref",
    "subschemas",
]

Schema = dict[str, Any]

_LOCAL = "#/$defs/"
# Keywords whose value is data, not a schema: a "$ref" or a "title" inside it means nothing.
_DATA = frozenset({"const", "default", "enum", "example", "examples"})
# Keywords whose value maps names to schemas: the keys are names, not keywords.
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})


class SchemaGenerator(GenerateJsonSchema):
    """pydantic's generator without the titles it invents from names.

    A title an author wrote (`Field(title=...)`, `ConfigDict(title=...)`) stays.
    """

    ignored_warning_kinds: ClassVar[Any] = {"skipped-choice", "non-serializable-default"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._enums: dict[str, str] = {}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def _get_alias_name(self, field: Any, name: str) -> str:
        # pydantic writes a field's alias only where its model asks for that; its schema of what
        # it writes would name the alias always.
        if self.mode == "serialization" and not self._config.serialize_by_alias:
            return name
        return super()._get_alias_name(field, name)

    def model_schema(self, schema: Any) -> Schema:
        return _without_title(super().model_schema(schema), schema["cls"].__name__)

    def dataclass_schema(self, schema: Any) -> Schema:
        return _without_title(super().dataclass_schema(schema), schema["cls"].__name__)

    def typed_dict_schema(self, schema: Any) -> Schema:
        cls = schema.get("cls")
        name = cls.__name__ if cls is not None else None
        return _without_title(super().typed_dict_schema(schema), name)

    def generate(self, schema: Any, mode: Any = "validation") -> Schema:
        result: Schema = super().generate(schema, mode)
        # pydantic titles an enum after the methods that could be overridden have run.
        todo = [result]
        while todo:
            current = todo.pop()
            if "enum" in current or "const" in current:
                _without_title(current, self._enums.get(cast("str", current.get("title"))))
            todo.extend(subschemas(current))
        return result

    def enum_schema(self, schema: Any) -> Schema:
        name = schema["cls"].__name__
        self._enums[name] = name
        return super().enum_schema(schema)


def _without_title(schema: Schema, invented: str | None) -> Schema:
    if schema.get("title") == invented:
        schema.pop("title", None)
    return schema


def subschemas(schema: Schema) -> Iterator[Schema]:
    """The schemas directly inside `schema`, `$defs` included."""
    for keyword, value in schema.items():
        if keyword in _DATA:
            continue
        if keyword in _NAMED and isinstance(value, dict):
            yield from (v for v in cast("Schema", value).values() if isinstance(v, dict))
        elif isinstance(value, dict):
            yield cast("Schema", value)
        elif isinstance(value, list):
            yield from (v for v in cast("list[Any]", value) if isinstance(v, dict))


def _local_name(schema: Schema) -> str | None:
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref.startswith(_LOCAL):
        return ref[len(_LOCAL) :].replace("~1", "/").replace("~0", "~")
    return None


def _names_used(schema: Schema, *, skip_defs: bool = False) -> set[str]:
    """The names of `$defs` that `schema` refers to, directly or within its parts."""
    found: set[str] = set()
    todo = [schema]
    first = True
    while todo:
        current = todo.pop()
        name = _local_name(current)
        if name is not None:
            found.add(name)
        if first and skip_defs:
            current = {k: v for k, v in current.items() if k != "$defs"}
        first = False
        todo.extend(subschemas(current))
    return found


def _closure(start: set[str], edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(start)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(edges.get(name, ()))
    return seen


def _defs_of(schema: Schema) -> dict[str, Schema]:
    defs = schema.get("$defs")
    return cast("dict[str, Schema]", defs) if isinstance(defs, dict) else {}


def drop_unused_defs(schema: Schema) -> Schema:
    """A copy (of the top level) without the `$defs` that nothing refers to."""
    defs = _defs_of(schema)
    if not defs:
        return {k: v for k, v in schema.items() if k != "$defs"}
    edges = {name: _names_used(definition) for name, definition in defs.items()}
    used = _closure(_names_used(schema, skip_defs=True), edges)
    kept = {name: definition for name, definition in defs.items() if name in used}
    rest = {k: v for k, v in schema.items() if k != "$defs"}
    return {"$defs": kept, **rest} if kept else rest


def dereference_refs(schema: Schema) -> Schema:
    """A copy of `schema` with every reference to its own `$defs` replaced by the definition.

    Keywords beside a `$ref` (a description, a default) win over those of the definition.
    References to a definition that contains itself stay, with it. Anything else a `$ref` may
    point at (another document, an anchor) is left alone.
    """
    defs = _defs_of(schema)
    if not defs:
        return copy.deepcopy(schema)
    edges = {name: _names_used(definition) for name, definition in defs.items()}
    recursive = {name for name in defs if name in _closure(edges[name], edges)}

    def expand(value: Any, *, named: bool = False) -> Any:
        if isinstance(value, list):
            return [expand(item) for item in cast("list[Any]", value)]
        if not isinstance(value, dict):
            return value
        node = cast("Schema", value)
        if named:
            return {name: expand(item) for name, item in node.items()}
        name = _local_name(node)
        if name is not None and name in defs and name not in recursive:
            beside = {k: v for k, v in node.items() if k != "$ref"}
            return {**expand(defs[name]), **expand(beside)}
        return {
            keyword: copy.deepcopy(item)
            if keyword in _DATA
            else expand(item, named=keyword in _NAMED)
            for keyword, item in node.items()
        }

    return drop_unused_defs(
        {
            **expand({k: v for k, v in schema.items() if k != "$defs"}),
            "$defs": {name: expand(definition) for name, definition in defs.items()},
        }
    )


def inline_root_ref(schema: Schema) -> Schema:
    """A copy whose top level is the definition it refers to, for recursive models at the root."""
    name = _local_name(schema)
    defs = _defs_of(schema)
    if name is None or name not in defs:
        return schema
    rest = {k: v for k, v in schema.items() if k != "$ref"}
    return drop_unused_defs({**copy.deepcopy(defs[name]), **rest})


def compress_schema(
    schema: Schema,
    prune_params: list[str] | None = None,
    prune_additional_properties: bool = False,
    prune_titles: bool = False,
    dereference: bool = False,
) -> Schema:
    """A smaller copy of `schema`.

    Args:
        schema: the schema of an object.
        prune_params: names of properties to drop, from `required` too.
        prune_additional_properties: drop `additionalProperties: false`.
        prune_titles: drop every `title`.
        dereference: replace references by their definitions, see `dereference_refs`.
    """
    result: Schema = copy.deepcopy(schema)
    for name in prune_params or ():
        result.get("properties", {}).pop(name, None)
        if name in result.get("required", ()):
            result["required"] = [other for other in result["required"] if other != name]
            if not result["required"]:
                del result["required"]
    todo = [result]
    while todo:
        current = todo.pop()
        if prune_titles and isinstance(current.get("title"), str):
            del current["title"]
        if prune_additional_properties and current.get("additionalProperties") is False:
            del current["additionalProperties"]
        todo.extend(subschemas(current))
    return dereference_refs(result) if dereference else drop_unused_defs(result)
