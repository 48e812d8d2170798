"""The output schema that a return annotation promises.

Structured content is an object, so only annotations whose JSON form is one are used as they
are; any other value is put under `result`, and the schema says so. Annotations that promise
nothing (no annotation, Any), that are content (a picture, a text block), or that say nothing
worth checking (a bare list) have no output schema.
"""

from __future__ import annotations

import collections.abc
import inspect
import types
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from fastmcp.tools.base import WRAP_KEYWORD, ToolResult
from fastmcp.tools.content import content_classes
from fastmcp.utilities import mcp_types
from fastmcp.utilities.hints import EMPTY
from fastmcp.utilities.json_schema import SchemaGenerator, drop_unused_defs, inline_root_ref
from fastmcp.utilities.serialization import to_jsonable

__all__ = ["Output", "read_output"]

_BARE_SEQUENCES = frozenset({list, tuple, collections.abc.Sequence})
_ITERATORS = frozenset(
    {
        collections.abc.Iterator,
        collections.abc.AsyncIterator,
        collections.abc.AsyncIterable,
        collections.abc.AsyncGenerator,
        collections.abc.Awaitable,
        collections.abc.Coroutine,
    }
)
# The JSON form of these is the value itself: no serializer of the annotation can differ.
_PLAIN = frozenset({str, int, float, bool, type(None), dict, list})


class Output:
    """What is known of a function's results.

    Attributes:
        schema: the output schema; None for none.
        to_jsonable: the JSON form of a result, by the annotation where it says more than the
            value does (a serializer, a format).
        plain: a str, int, bool or None returned is its own JSON form.
    """

    __slots__ = ("plain", "schema", "to_jsonable")

    def __init__(
        self, schema: dict[str, Any] | None, to_jsonable: Callable[[Any], Any], plain: bool
    ) -> None:
        self.schema = schema
        self.to_jsonable = to_jsonable
        self.plain = plain

    def __deepcopy__(self, memo: Any) -> Output:
        return self


def read_output(hint: Any) -> Output:
    """What the return annotation `hint` promises."""
    if hint is EMPTY or hint is None or hint is type(None) or hint is Any or _is_content(hint):
        return Output(None, to_jsonable, plain=True)
    bare = _core(hint)
    if _is_bare_sequence(bare) or (get_origin(bare) or bare) in _ITERATORS:
        return Output(None, to_jsonable, plain=True)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint, config=_config_for(bare))
        schema = adapter.json_schema(mode="serialization", schema_generator=SchemaGenerator)
    except (PydanticSchemaGenerationError, PydanticUserError, TypeError):
        return Output(None, to_jsonable, plain=True)
    schema = inline_root_ref(drop_unused_defs(schema))
    if hint is bare and _is_plain(bare):
        return Output(_object_schema(schema), to_jsonable, plain=True)
    serialize = partial(adapter.serializer.to_python, mode="json", warnings=False)
    return Output(_object_schema(schema), serialize, plain=False)


def _config_for(hint: Any) -> ConfigDict | None:
    # pydantic refuses a config beside a class that has its own.
    own = inspect.isclass(hint) and (
        hasattr(hint, "__pydantic_config__")
        or hasattr(hint, "model_config")
        or hasattr(hint, "__dataclass_fields__")
        or hasattr(hint, "__total__")
    )
    return None if own else ConfigDict(arbitrary_types_allowed=True)


def _object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "object" or "properties" in schema:
        return schema
    defs = schema.pop("$defs", None)
    wrapped: dict[str, Any] = {
        "type": "object",
        "properties": {"result": schema},
        "required": ["result"],
        WRAP_KEYWORD: True,
    }
    return {"$defs": defs, **wrapped} if defs else wrapped


def _core(hint: Any) -> Any:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint


def _members(hint: Any) -> tuple[Any, ...]:
    origin = get_origin(hint)
    return get_args(hint) if origin is Union or origin is types.UnionType else (hint,)


def _schemaless() -> tuple[type, ...]:
    if not mcp_types.is_loaded():
        return (*content_classes(), ToolResult)
    results = (mcp_types.CallToolResult, mcp_types.InputRequiredResult)
    return (*content_classes(), ToolResult, *results)


def _is_content(hint: Any) -> bool:
    """Whether a result may be content: bytes or blocks, alone, in a union or in a list."""
    hint = _core(hint)
    schemaless = _schemaless()
    for member in map(_core, _members(hint)):
        if inspect.isclass(member) and issubclass(member, (*schemaless, bytes, bytearray)):
            return True
        if get_origin(member) in {list, tuple, collections.abc.Sequence, set}:
            items = (m for arg in get_args(member) for m in map(_core, _members(_core(arg))))
            if any(inspect.isclass(item) and issubclass(item, schemaless) for item in items):
                return True
    return False


def _is_bare_sequence(hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin is None:
        return hint in _BARE_SEQUENCES if inspect.isclass(hint) else False
    if origin not in _BARE_SEQUENCES:
        return False
    return (
        not args or args in {(Any,), (Any, ...)}
        if origin is not tuple
        else (not args or args == (Any, ...))
    )


def _is_plain(hint: Any) -> bool:
    return all(get_args(member) == () and member in _PLAIN for member in _members(hint))
