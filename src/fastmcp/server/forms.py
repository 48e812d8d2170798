"""A form: a Python type as questions to a person, and the answers as a value of that type.

`requestedSchema` is a flat object of strings, numbers, booleans, choices and lists of choices, each
with a few keywords (2025-11-25 and 2026-07-28, client/elicitation, "Requested Schema"). A form is
written in these alone: every field is built anew from the keywords its kind may have, and what the
protocol cannot say (other formats, open bounds, multiples) is left out and checked when the answer
comes. A type that no such form can ask for is refused.

Python knows more than the form, so three things are translated both ways. A scalar is the one field
`value`. Choices that are no strings are asked for by their JSON text. And a form has no null: what
may be None is what may be left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import TypeAdapter, ValidationError, WithJsonSchema, create_model
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_json

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.server.asking import Asker, complaints
from fastmcp.utilities.json_schema import dereference_refs, inline_root_ref

__all__ = ["Form", "form_of", "object_form"]

Schema = dict[str, Any]

_VALUE: Final = "value"
_CHOICES_SINCE: Final = "2025-11-25"
"""Titled choices in `oneOf`, and lists of choices (SEP-1330). 2025-06-18 has `enumNames` and no
lists. Defaults and patterns came with it too (SEP-1034), but an older client may overlook them."""

_KEYWORDS: Final[dict[str, tuple[str, ...]]] = {
    "string": ("minLength", "maxLength", "pattern", "format", "default"),
    "integer": ("minimum", "maximum", "default"),
    "number": ("minimum", "maximum", "default"),
    "boolean": ("default",),
    "array": ("minItems", "maxItems", "default"),
}
_FORMATS: Final = frozenset({"email", "uri", "date", "date-time"})
_PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_KNOWN: Final = (
    "a form has strings, numbers, booleans, choices (Literal, Enum) and lists of choices"
)


@dataclass(frozen=True)
class Form:
    """How one question is put, and how its answer is read.

    Attributes:
        schema: the `requestedSchema`, in the words of the newest version.
        adapter: reads an answer.
        wrapped: the answer is the one field `value`.
        spelled: by field, the choices that are no strings, by the text they are asked for with.
        nullable: the fields that are None when they are left out.
    """

    schema: Schema
    adapter: TypeAdapter[Any]
    wrapped: bool
    spelled: Mapping[str, Mapping[str, Any]]
    nullable: frozenset[str]

    def worded_for(self, asker: Asker) -> Schema:
        """The schema in the words of the client's version.

        Raises:
            ToolError: that version has no words for it.
        """
        if asker.version >= _CHOICES_SINCE:
            return self.schema
        fields: dict[str, Schema] = {}
        for name, field in self.schema["properties"].items():
            if field["type"] == "array":
                asker.demand(_CHOICES_SINCE, f"several choices at once (field {name!r})")
            if "oneOf" in field:
                options = field["oneOf"]
                field = {key: value for key, value in field.items() if key != "oneOf"}
                field["enum"] = [option["const"] for option in options]
                field["enumNames"] = [option["title"] for option in options]
            fields[name] = field
        return {**self.schema, "properties": fields}

    def read(self, content: Any) -> Any:
        """The answer as a value of the type that was asked for.

        Raises:
            McpError: the client's answer does not fit the form.
        """
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise _misfit("it is no object")
        given = cast("dict[str, Any]", content)
        answer = {name: value for name, value in given.items() if value is not None}
        for name, field in self.schema["properties"].items():
            if name in answer:
                answer[name] = self._read_field(name, field, answer[name])
            elif name in self.nullable:
                answer[name] = None
        try:
            read = self.adapter.validate_json(to_json(answer))
        except ValidationError as exc:
            raise _misfit(complaints(exc)) from None
        return getattr(read, _VALUE) if self.wrapped else read

    def _read_field(self, name: str, field: Schema, value: Any) -> Any:
        """Turn choices back into what they stand for."""
        offered = _offered(field)
        if offered is None:
            return value
        several = field["type"] == "array"
        if several and not isinstance(value, list):
            raise _misfit(f"{name}: it is no list of choices")
        spelled = self.spelled.get(name, {})
        chosen: list[Any] = []
        items = cast("list[Any]", value if several else [value])
        for item in items:
            text = item if isinstance(item, str) or not spelled else _text(item)
            if text not in offered:
                raise _misfit(f"{name}: the choices are {', '.join(map(repr, offered))}")
            chosen.append(spelled.get(text, text))
        return chosen if several else chosen[0]


def form_of(response_type: Any, title: str | None = None, description: str | None = None) -> Form:
    """The form that asks for a value of a type.

    Args:
        response_type: a scalar type, Literal, Enum, `list` of choices, a BaseModel, dataclass or
            TypedDict of these; or choices as data: `["a", "b"]`, `{"a": {"title": "A"}}`, and
            either inside a list for several answers.
        title: the title of the one field of what is no object.
        description: its description.

    Raises:
        TypeError: nothing was asked for, or the protocol cannot ask for it.
    """
    if response_type is None:
        raise TypeError(
            "ctx.elicit() needs a response_type: pass str, bool (for a confirmation), a Literal, "
            "a dataclass, ..."
        )
    asked = _choices(response_type)
    schema = _schema_of(asked, response_type)
    if schema.get("type") == "object" and "properties" in schema:
        if title is not None or description is not None:
            raise TypeError(
                "response_title and response_description are for a single value: the fields of "
                f"{response_type!r} have their own, write Field(title=..., description=...)"
            )
        return object_form(asked)
    answer: Any = create_model("Answer", **{_VALUE: asked})
    form = object_form(answer, wrapped=True)
    field = form.schema["properties"][_VALUE]
    if field.get("title") == _VALUE.title():  # pydantic's invention
        del field["title"]
    field.update({"title": title} if title is not None else {})
    field.update({"description": description} if description is not None else {})
    return form


def object_form(response_type: Any, *, wrapped: bool = False) -> Form:
    """The form of a type whose JSON is an object.

    Raises:
        TypeError: one of its fields cannot be asked for.
    """
    schema = _schema_of(response_type, response_type)
    required: list[str] = schema.get("required", [])
    fields: dict[str, Schema] = {}
    spelled: dict[str, dict[str, Any]] = {}
    nullable: set[str] = set()
    for name, written in cast("dict[str, Schema]", schema.get("properties", {})).items():
        written, may_be_null = _without_null(written)
        if may_be_null and name in required:
            nullable.add(name)
        fields[name], choices = _field(name, written)
        if choices:
            spelled[name] = choices
    requested: Schema = {"type": "object", "properties": fields}
    required = [name for name in required if name not in nullable]
    if required:
        requested["required"] = required
    adapter = TypeAdapter[Any](response_type)
    return Form(requested, adapter, wrapped, spelled, frozenset(nullable))


class _FormSchema(GenerateJsonSchema):
    ignored_warning_kinds: ClassVar[Any] = {"skipped-choice", "non-serializable-default"}

    def decimal_schema(self, schema: Any) -> Schema:
        """A number; pydantic's own says that it may be a text as well."""
        field: Schema = {"type": "number"}
        self.update_with_validations(field, schema, self.ValidationsMapping.numeric)
        return field


def _schema_of(asked: Any, response_type: Any) -> Schema:
    try:
        schema = TypeAdapter[Any](asked).json_schema(schema_generator=_FormSchema)
    except (PydanticUserError, PydanticUndefinedAnnotation) as exc:
        raise TypeError(f"ctx.elicit() cannot ask for {response_type!r}: {exc}") from None
    return dereference_refs(inline_root_ref(schema))


# choices as data


def _choices(response_type: Any) -> Any:
    """The type of choices that were given as data; a type as it is."""
    if isinstance(response_type, str) or not isinstance(response_type, (Mapping, Sequence)):
        return response_type
    one = _one_of(cast("Any", response_type))
    if one is not None:
        return one
    items = list(cast("Sequence[Any]", response_type))
    several = _one_of(items[0]) if len(items) == 1 else None
    if several is not None:
        return list[several]
    raise TypeError(
        f"ctx.elicit() cannot ask for {response_type!r}: choices are a list of strings, a mapping "
        "of value to {'title': ...}, or either inside a list for several answers"
    )


def _one_of(choices: Any) -> Any:
    """`["a", "b"]` or `{"a": {"title": "A"}}` as a type; None for anything else."""
    if not choices or isinstance(choices, str) or not isinstance(choices, (Mapping, Sequence)):
        return None
    words = list(cast("Sequence[Any] | Mapping[Any, Any]", choices))
    if not all(isinstance(word, str) for word in words):
        return None
    if not isinstance(choices, Mapping):
        return Literal[tuple(words)]
    titled = cast("Mapping[str, Any]", choices)
    options = [{"const": word, "title": _title(titled[word], word)} for word in words]
    return Annotated[Literal[tuple(words)], WithJsonSchema({"type": "string", "oneOf": options})]


def _title(detail: Any, value: str) -> str:
    if isinstance(detail, Mapping):
        return str(cast("Mapping[str, Any]", detail).get("title", value))
    return value if detail is None else str(detail)


# fields


def _without_null(field: Schema) -> tuple[Schema, bool]:
    """A field without its null, and whether it had one. `X | None` is X that may be left out."""
    if "const" in field and "enum" not in field:
        field = {**field, "enum": [field["const"]]}
        del field["const"]
    null = False
    variants: Any = field.get("anyOf")
    if isinstance(variants, list) and all(_is_titled(v) for v in cast("list[Any]", variants)):
        field = {"oneOf": variants, **{key: v for key, v in field.items() if key != "anyOf"}}
    elif isinstance(variants, list) and field.get("type") != "array":
        pairs = [_without_null(v) for v in cast("list[Schema]", variants)]
        kept = [v for v, _ in pairs if v.get("type") != "null"]
        null = len(kept) < len(pairs) or any(inner for _, inner in pairs)
        merged = _merged(kept)
        if merged is not None:
            field = {**merged, **{key: v for key, v in field.items() if key != "anyOf"}}
    elif None in field.get("enum", ()):
        null = True
        field = {**field, "enum": [word for word in field["enum"] if word is not None]}
    if field.get("default", ...) is None:
        field = {key: value for key, value in field.items() if key != "default"}
    return field, null


def _is_titled(option: Any) -> bool:
    return isinstance(option, dict) and "const" in option and "title" in option


def _merged(variants: list[Schema]) -> Schema | None:
    """A union as one field that means the same, or None where no field does."""
    if len(variants) == 1:
        return variants[0]
    if variants and all("enum" in variant for variant in variants):
        words = [word for variant in variants for word in variant["enum"]]
        return {"enum": list(dict.fromkeys(words))}
    kinds = {variant.get("type") for variant in variants}
    if kinds == {"integer", "number"}:
        return next(variant for variant in variants if variant["type"] == "number")
    return None


def _field(name: str, written: Schema) -> tuple[Schema, dict[str, Any]]:
    """A field in the words of the protocol, and its choices that are no strings.

    Raises:
        TypeError: the protocol has no such field.
    """
    if written.get("writeOnly") or written.get("format") == "password":
        # "Servers MUST NOT use form mode elicitation to request sensitive information".
        raise TypeError(
            f"ctx.elicit() must not ask for a secret (field {name!r}): what is typed into a form "
            "passes through the client. Send the user to a page of yours with ctx.elicit_url()"
        )
    field: Schema = {"title": written["title"]} if "title" in written else {}
    if "description" in written:
        field["description"] = written["description"]
    spelled: dict[str, Any] = {}
    if written.get("type") == "array":
        field["type"] = "array"
        field["items"], spelled = _items(name, written.get("items"))
    elif _has_choices(written):
        choices, spelled = _choice(name, written)
        field.update(choices)
    elif written.get("type") in _KEYWORDS:
        field["type"] = written["type"]
    else:
        raise _cannot(name, written)
    for keyword in _KEYWORDS[field["type"]] if not _has_choices(field) else ("default",):
        value = _keyword(keyword, field, written)
        if value is not None:
            field[keyword] = value
    return field, spelled


def _keyword(keyword: str, field: Schema, written: Schema) -> Any:
    """The value of one keyword, or None where there is none or the protocol cannot say it."""
    value = written.get(keyword)
    if keyword == "format":
        return value if value in _FORMATS else None
    if keyword == "default":
        return _default(field, value)
    if keyword in ("minimum", "maximum") and value is None:
        value = written.get(f"exclusive{keyword.title()}")
        if value is not None and field["type"] == "integer":
            return math.floor(value) + 1 if keyword == "minimum" else math.ceil(value) - 1
    return value


def _default(field: Schema, value: Any) -> Any:
    """A default that fits its field; the type gives any other itself, when none is answered."""
    offered = _offered(field)
    if field["type"] == "array":
        words = cast("list[Any]", value) if isinstance(value, list) else None
        texts = None if words is None else [_text(word) for word in words]
        return texts if texts is not None and set(texts) <= set(offered or ()) else None
    if offered is not None:
        return _text(value) if value is not None and _text(value) in offered else None
    fits = isinstance(value, _PYTHON[field["type"]])
    return value if fits and (field["type"] == "boolean") == isinstance(value, bool) else None


def _has_choices(written: Schema) -> bool:
    return "enum" in written or "oneOf" in written


def _items(name: str, written: Any) -> tuple[Schema, dict[str, Any]]:
    """The choices of a list (SEP-1330: `enum`, or `anyOf` where they have titles)."""
    if not isinstance(written, dict):
        raise _cannot(name, {"type": "array"})
    items, _ = _without_null(cast("Schema", written))
    if not _has_choices(items):
        raise TypeError(
            f"ctx.elicit() cannot ask for a free list (field {name!r}): only what is chosen may be "
            "several, so write list[Literal[...]] or list[SomeEnum]"
        )
    choices, spelled = _choice(name, items)
    if "enumNames" in choices:
        pairs = zip(choices["enum"], choices["enumNames"], strict=True)
        return {"anyOf": [{"const": word, "title": title} for word, title in pairs]}, spelled
    return ({"anyOf": choices["oneOf"]} if "oneOf" in choices else choices), spelled


def _choice(name: str, written: Schema) -> tuple[Schema, dict[str, Any]]:
    """Choices in the form that they were written in: `oneOf`, `enum`, or the older `enumNames`."""
    listed: Any = written.get("oneOf")
    if isinstance(listed, list):
        options = cast("list[Any]", listed)
        if not all(isinstance(option, dict) and "const" in option for option in options):
            raise _cannot(name, written)
        values: list[Any] = [option["const"] for option in options]
        titles = [str(option.get("title", option["const"])) for option in options]
        pairs = zip(values, titles, strict=True)
        titled = [{"const": _text(value), "title": title} for value, title in pairs]
        field: Schema = {"type": "string", "oneOf": titled}
    else:
        values = written["enum"]
        field = {"type": "string", "enum": [_text(value) for value in values]}
        names: Any = written.get("enumNames")
        if isinstance(names, list) and len(cast("list[Any]", names)) == len(values):
            field["enumNames"] = [str(word) for word in cast("list[Any]", names)]
    texts = [_text(value) for value in values]
    if not texts or len(set(texts)) != len(texts):
        raise TypeError(
            f"ctx.elicit() cannot ask for field {name!r}: its choices {values!r} "
            + ("cannot be told apart as text" if texts else "are none")
        )
    plain = all(isinstance(value, str) for value in values)
    return field, {} if plain else dict(zip(texts, values, strict=True))


def _text(value: Any) -> str:
    """What a choice is asked for with: the protocol's choices are strings."""
    return value if isinstance(value, str) else to_json(value).decode()


def _offered(field: Schema) -> list[str] | None:
    """The choices of a field, or None where it has none."""
    place: Schema = field["items"] if field["type"] == "array" else field
    if "enum" in place:
        return place["enum"]
    options = place.get("oneOf") or place.get("anyOf")
    return None if options is None else [option["const"] for option in options]


def _cannot(name: str, written: Schema) -> TypeError:
    kind = written.get("type") or " or ".join(key for key in ("anyOf", "oneOf") if key in written)
    return TypeError(
        f"ctx.elicit() cannot ask for field {name!r} ({kind or 'any value'}): {_KNOWN}. "
        "Make its parts fields of their own, or ask more than once"
    )


def _misfit(what: str) -> McpError:
    return McpError(INTERNAL_ERROR, f"The client's answer does not fit the form: {what}")
