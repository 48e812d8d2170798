"""What a tool's result becomes in the client's hands: blocks, structure, and typed `data`.

`data` is the structured content read through a type built from the tool's output schema: objects
become dataclasses, date-times `datetime`, arrays of unique items sets; a result the server
wrapped as `{"result": ...}` is unwrapped. Types are made once per schema.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, cast

import mcp_types
import pydantic

from fastmcp.exceptions import ToolError
from fastmcp.protocol.jsonrpc import dump
from fastmcp.utilities.json_schema_type import json_schema_to_type

__all__ = ["CallToolResult", "parse_data", "raise_tool_error"]

logger = logging.getLogger("fastmcp.client")

_WRAP: Final = "x-fastmcp-wrap-result"


@dataclass
class CallToolResult:
    """The result of a tool call.

    Attributes:
        content: the content blocks.
        structured_content: the structured content as it came, None where there was none.
        meta: `_meta` of the result.
        data: the structured content as Python values, or None.
        is_error: whether the tool failed.
    """

    content: list[mcp_types.ContentBlock]
    structured_content: Any
    meta: dict[str, Any] | None
    data: Any = None
    is_error: bool = False


def raise_tool_error(name: str, result: mcp_types.CallToolResult) -> None:
    """Raise the `ToolError` of a failed call: the first text it holds."""
    if not result.is_error:
        return
    for block in result.content:
        if isinstance(block, mcp_types.TextContent):
            raise ToolError(block.text)
    raise ToolError(f"Tool {name!r} failed and gave no text.")


class _Readers:
    """Validators by the JSON text of their schema, the least recently used forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._made: OrderedDict[bytes, pydantic.TypeAdapter[Any]] = OrderedDict()

    def get(self, schema: dict[str, Any]) -> pydantic.TypeAdapter[Any]:
        key = dump(schema)
        adapter = self._made.get(key)
        if adapter is None:
            adapter = pydantic.TypeAdapter[Any](json_schema_to_type(schema))
            self._made[key] = adapter
            if len(self._made) > self._size:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(key)
        return adapter


_readers: Final = _Readers(512)


def parse_data(name: str, result: mcp_types.CallToolResult, schema: dict[str, Any] | None) -> Any:
    """The `data` of a result; None where there is no structure, or it does not fit.

    Args:
        name: of the tool, for the log.
        result: of the call.
        schema: the tool's output schema, None where it has none.
    """
    value: Any = result.structured_content
    if value is None:
        return None
    if _is_wrapped(result.meta, schema):
        value = _member(value, "result")
        schema = None if schema is None else _schema_of_result(schema)
    if schema is None:
        return value
    try:
        return _readers.get(schema).validate_python(value)
    except Exception as exc:
        logger.error("The result of tool %r does not fit its output schema: %s", name, exc)
        return None


def _is_wrapped(meta: dict[str, Any] | None, schema: dict[str, Any] | None) -> bool:
    if schema is not None:
        return bool(schema.get(_WRAP))
    own = (meta or {}).get("fastmcp")
    return isinstance(own, dict) and bool(cast("dict[str, Any]", own).get("wrap_result"))


def _member(value: Any, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def _schema_of_result(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of what is wrapped, with the definitions it may refer to."""
    inner = _member(schema.get("properties"), "result")
    if not isinstance(inner, dict):
        return None
    kept = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return kept | cast("dict[str, Any]", inner)
