"""Elicitation: the server asks the user, the handler answers.

A form's schema becomes a Python type (a dataclass whose fields carry the schema's defaults), so
that a handler answers with `response_type(name=...)`, with a dict, with the bare value where the
form has the one field `value`, or with an `ElicitResult` that declines. Sources: 2025-11-25,
client/elicitation; SEP-1034 for defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias, TypeVar, cast

import pydantic
from pydantic_core import to_jsonable_python

from fastmcp.client.context import RequestContext
from fastmcp.utilities import mcp_types
from fastmcp.utilities.json_schema_type import json_schema_to_type
from fastmcp.utilities.mcp_types import (
    ElicitRequestFormParams,
    ElicitRequestParams,
    ElicitRequestURLParams,
)

__all__ = [
    "ElicitRequestFormParams",
    "ElicitRequestParams",
    "ElicitRequestURLParams",
    "ElicitResult",
    "ElicitationHandler",
    "elicit",
]

T = TypeVar("T")


class ElicitResult(mcp_types.ElicitResult, Generic[T]):
    """An answer that says what the user did: `accept` (with content), `decline` or `cancel`."""

    content: Any = None  # pyright: ignore[reportIncompatibleVariableOverride]  # a dataclass is fine too


ElicitationHandler: TypeAlias = Callable[
    [str, "type[Any] | None", ElicitRequestParams, Any], Awaitable[Any] | Any
]
"""`(message, response_type, params, context)`, plain or async; a plain value means accept."""


async def elicit(
    handler: ElicitationHandler, params: dict[str, Any], context: RequestContext
) -> dict[str, Any]:
    """The result of `elicitation/create`, ready for the wire."""
    asked: ElicitRequestFormParams | ElicitRequestURLParams
    response_type: type[Any] | None = None
    properties: dict[str, Any] = {}
    required: list[str] = []
    if params.get("mode") == "url":
        asked = ElicitRequestURLParams.model_validate(params)
    else:
        asked = ElicitRequestFormParams.model_validate(params)
        properties = asked.requested_schema.get("properties") or {}
        required = asked.requested_schema.get("required") or []
        if properties:
            response_type = json_schema_to_type(asked.requested_schema)
    given = handler(asked.message, response_type, asked, context)
    answer = await given if inspect.isawaitable(given) else given
    if not isinstance(answer, mcp_types.ElicitResult):
        answer = ElicitResult[Any](action="accept", content=answer)
    result: dict[str, Any] = {"action": answer.action}
    if answer.meta is not None:
        result["_meta"] = answer.meta
    if answer.action == "accept" and asked.mode == "form":
        content = answer.content
        if response_type is not None and isinstance(content, response_type):
            # Only the type knows the names that are no identifiers in Python. Defaults stand in it
            # as the schema gave them, a date as text: pydantic would warn that they are no dates.
            adapter = pydantic.TypeAdapter[Any](response_type)
            content = adapter.dump_python(content, mode="json", by_alias=True, warnings=False)
        result["content"] = _content(content, properties, required)
    return result


def _content(content: Any, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    plain = to_jsonable_python(content, by_alias=True)
    if plain is None and not properties:
        return {}
    if not isinstance(plain, dict):
        if set(properties) != {"value"}:
            raise ValueError(
                "The elicitation handler must return an object that fits the requested schema "
                f"(a dict, a dataclass or a model), not {content!r}."
            )
        plain = {"value": plain}
    filled = cast("dict[str, Any]", plain)
    for name, schema in properties.items():
        if name not in filled and isinstance(schema, dict) and "default" in schema:
            filled[name] = cast("dict[str, Any]", schema)["default"]
    # A form has no null values: a field that was left empty is left out.
    return {key: value for key, value in filled.items() if value is not None or key in required}
