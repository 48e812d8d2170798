"""What a handler asks its user for: a Python type out, a typed answer back.

`requestedSchema` allows a flat object of primitive fields and enumerations alone
(specification, client/elicitation, "Requested Schema"). A scalar type is wrapped into one
field named `value` and unwrapped again; choices may be given as plain data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Final, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from typing_extensions import is_typeddict  # also knows the TypedDict pydantic wants on 3.11

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.utilities.json_schema import dereference_refs

__all__ = [
    "AcceptedElicitation",
    "CancelledElicitation",
    "DeclinedElicitation",
    "ElicitConfig",
    "ElicitationResult",
    "get_elicitation_schema",
    "handle_elicit_accept",
    "parse_elicit_response_type",
]

T = TypeVar("T")
_VALUE: Final = "value"


@dataclass
class AcceptedElicitation(Generic[T]):
    """The user answered; `data` is of the type that was asked for."""

    data: T
    action: Literal["accept"] = "accept"


@dataclass
class DeclinedElicitation:
    """The user said no."""

    action: Literal["decline"] = "decline"


@dataclass
class CancelledElicitation:
    """The user closed the question without an answer."""

    action: Literal["cancel"] = "cancel"


ElicitationResult = AcceptedElicitation[T] | DeclinedElicitation | CancelledElicitation


@dataclass(frozen=True)
class ElicitConfig:
    """How one question is put, and how its answer is read."""

    schema: dict[str, Any]
    adapter: TypeAdapter[Any] | None
    wrapped: bool


def parse_elicit_response_type(
    response_type: Any,
    *,
    response_title: str | None = None,
    response_description: str | None = None,
) -> ElicitConfig:
    """Turn what the author asks for into a schema.

    Args:
        response_type: a scalar type, Literal, Enum, `list` of these, a BaseModel, dataclass or
            TypedDict of primitive fields; or choices as data: `["a", "b"]`,
            `{"a": {"title": "A"}}`, and either inside a list for several answers.
        response_title: the title of a scalar's one field.
        response_description: its description.
    Raises:
        TypeError: the type is None or has fields the protocol cannot ask for.
    """
    if response_type is None:
        raise TypeError(
            "ctx.elicit() needs a response_type: pass str, bool, a Literal, a dataclass, ..."
        )
    field = _choices(response_type)
    if field is not None:
        return ElicitConfig(_wrap(field, response_title, response_description), None, True)
    if _is_object_type(response_type):
        return ElicitConfig(
            get_elicitation_schema(response_type), TypeAdapter(response_type), False
        )
    try:
        adapter = TypeAdapter[Any](response_type)
    except PydanticUserError as exc:
        raise TypeError(f"ctx.elicit() cannot ask for {response_type!r}: {exc}") from None
    field = _flatten(dereference_refs(adapter.json_schema()))
    _check_field(_VALUE, field)
    return ElicitConfig(_wrap(field, response_title, response_description), adapter, True)


def get_elicitation_schema(response_type: Any) -> dict[str, Any]:
    """The `requestedSchema` of an object type.

    Raises:
        TypeError: a field is neither a primitive nor an enumeration of strings.
    """
    schema = dereference_refs(TypeAdapter(response_type).json_schema())
    properties = {
        name: _flatten(field)
        for name, field in cast("dict[str, Any]", schema.get("properties", {})).items()
    }
    for name, field in properties.items():
        _check_field(name, field)
    result: dict[str, Any] = {"type": "object", "properties": properties}
    if schema.get("required"):
        result["required"] = schema["required"]
    return result


def handle_elicit_accept(config: ElicitConfig, content: Any) -> AcceptedElicitation[Any]:
    """Read the accepted answer.

    Raises:
        McpError: the client's answer does not fit the schema it was given.
    """
    if not isinstance(content, dict):
        content = {}
    answer: Any = cast("dict[str, Any]", content)
    if config.wrapped:
        if _VALUE not in answer:
            raise McpError(
                INTERNAL_ERROR, f"The client accepted the elicitation without the field {_VALUE!r}"
            )
        answer = answer[_VALUE]
    if config.adapter is None:
        _check_choice(config.schema["properties"][_VALUE], answer)
        return AcceptedElicitation(answer)
    try:
        return AcceptedElicitation(config.adapter.validate_python(answer))
    except ValidationError as exc:
        raise McpError(
            INTERNAL_ERROR, f"The client's answer does not fit the elicitation's schema: {exc}"
        ) from None


def _is_object_type(response_type: Any) -> bool:
    if not isinstance(response_type, type):
        return False
    cls = cast("type[Any]", response_type)
    return issubclass(cls, BaseModel) or is_dataclass(cls) or is_typeddict(cls)


def _choices(response_type: Any) -> dict[str, Any] | None:
    """The field of choices given as data, or None where it is a type."""
    if isinstance(response_type, Mapping) and response_type:
        return {"type": "string", "oneOf": _titled(cast("Mapping[str, Any]", response_type))}
    if not isinstance(response_type, (Sequence, Mapping)) or isinstance(response_type, str):
        return None
    items = list(cast("Sequence[Any]", response_type))
    if items and all(isinstance(item, str) for item in items):
        return {"type": "string", "enum": list(items)}
    if len(items) == 1:
        inner: Any = items[0]
        if isinstance(inner, Mapping) and inner:
            titled = _titled(cast("Mapping[str, Any]", inner))
            return {"type": "array", "items": {"anyOf": titled}}
        if isinstance(inner, Sequence) and not isinstance(inner, str) and inner:
            return {
                "type": "array",
                "items": {"type": "string", "enum": list(cast("Sequence[str]", inner))},
            }
    raise TypeError(
        f"ctx.elicit() cannot ask for {response_type!r}: choices are a list of strings, a mapping "
        "of value to {'title': ...}, or either inside a list for several answers"
    )


def _titled(choices: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"const": value, "title": _title(detail, value)} for value, detail in choices.items()]


def _title(detail: Any, value: str) -> str:
    """The title of a choice: its own, or the value itself."""
    if isinstance(detail, Mapping):
        return str(cast("Mapping[str, Any]", detail).get("title", value))
    return str(detail)


def _wrap(field: dict[str, Any], title: str | None, description: str | None) -> dict[str, Any]:
    if title is not None:
        field = {**field, "title": title}
    if description is not None:
        field = {**field, "description": description}
    return {"type": "object", "properties": {_VALUE: field}, "required": [_VALUE]}


def _flatten(field: dict[str, Any]) -> dict[str, Any]:
    """Write what pydantic emits in the forms the protocol knows."""
    if "const" in field and "enum" not in field:
        field = {**field, "enum": [field["const"]]}
        del field["const"]
    variants = field.get("anyOf")
    if isinstance(variants, list) and field.get("type") != "array":
        kept = [v for v in cast("list[dict[str, Any]]", variants) if v.get("type") != "null"]
        if len(kept) > 1:
            kept = _merged(kept)
        if len(kept) == 1:  # Optional[X] is X that may be left out
            field = {**{k: v for k, v in field.items() if k != "anyOf"}, **kept[0]}
            if field.get("default", ...) is None:
                del field["default"]
    all_of = field.get("allOf")
    if isinstance(all_of, list) and len(cast("list[Any]", all_of)) == 1:
        field = {
            **cast("dict[str, Any]", all_of[0]),
            **{k: v for k, v in field.items() if k != "allOf"},
        }
    if field.get("type") == "array" and isinstance(field.get("items"), dict):
        items = _flatten(field["items"])
        items.pop("title", None) if "enum" in items else None
        field = {**field, "items": items}
    return field


def _merged(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A union as one field, where the protocol knows one that means the same."""
    types = {variant.get("type") for variant in variants}
    if types == {"integer", "number"}:
        return [variant for variant in variants if variant["type"] == "number"]
    variants = [_flatten(variant) for variant in variants]
    if types == {"string"} and all("enum" in variant for variant in variants):
        return [{"type": "string", "enum": [word for v in variants for word in v["enum"]]}]
    return variants


def _check_field(name: str, field: dict[str, Any]) -> None:
    kind = field.get("type")
    if kind in ("string", "integer", "number", "boolean"):
        return
    if kind == "array":
        items = field.get("items")
        if isinstance(items, dict) and ("enum" in items or "anyOf" in items):
            return
    raise TypeError(
        f"ctx.elicit() cannot ask for field {name!r} ({field}): the protocol knows strings, "
        "numbers, booleans, enumerations of strings and lists of these enumerations"
    )


def _check_choice(field: dict[str, Any], answer: Any) -> None:
    if field["type"] == "array":
        options = field["items"]
        allowed = options.get("enum") or [option["const"] for option in options["anyOf"]]
        good = isinstance(answer, list) and all(
            item in allowed for item in cast("list[Any]", answer)
        )
    else:
        allowed = field.get("enum") or [option["const"] for option in field["oneOf"]]
        good = answer in allowed
    if not good:
        raise McpError(
            INTERNAL_ERROR, f"The client answered {answer!r}; the choices were {allowed}"
        )
