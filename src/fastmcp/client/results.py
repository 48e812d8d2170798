"""What a tool's result becomes in the client's hands: blocks, structure, and typed `data`.

A tool that says what its results look like has to keep to it: what does not fit its output schema
is an error, because a program goes on with it as if it did (2026-07-28, server/tools, "Output
Schema"). `data` is what fits, read through a type built from the schema: objects become
dataclasses, date-times `datetime`, arrays of unique items sets; a result the server wrapped as
`{"result": ...}` is unwrapped. What the type cannot read is None. A schema that cannot be checked
(it refers elsewhere, has no end, is none) is no type either: that is said once, `data` is plain.
Schemas are compiled once, whichever client meets them, and not before a result needs them.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import pydantic

from fastmcp.exceptions import ToolError
from fastmcp.protocol.jsonrpc import as_object, dump
from fastmcp.utilities import mcp_types
from fastmcp.utilities.json_schema_type import json_schema_to_type
from fastmcp.utilities.schema_check import SchemaCheck

__all__ = ["CallToolResult", "OutputSchema", "parse_data", "raise_tool_error"]

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


class OutputSchema:
    """What a tool says of its structured results.

    Args:
        tool: its name, for what is said of it.
        schema: its output schema.
        version: of the tool that is listed, where the server has several.
    """

    def __init__(self, tool: str, schema: dict[str, Any], version: str | None = None) -> None:
        self.schema = schema
        self.version = version
        self.settled = False
        """Whether the server was asked for it again, after a result that did not fit."""
        self._tool = tool
        self._made: _Compiled | None = None

    def complaint(self, result: mcp_types.CallToolResult) -> str | None:
        """What is wrong with a result, None where it fits."""
        if "structured_content" not in result.model_fields_set:
            return "- there is no structured content, which its tool's output schema asks for"
        check = self._compiled().check
        return None if check is None else check.complaint(result.structured_content)

    def read(self, value: Any) -> Any:
        """A value that fits, as Python values; None where its type cannot be read."""
        made = self._compiled()
        if made.check is None:
            return value
        try:
            return made.reader().validate_python(value)
        except Exception as exc:
            logger.error("The result of tool %r cannot be read as its type: %s", self._tool, exc)
            return None

    def _compiled(self) -> _Compiled:
        if self._made is None:
            self._made = _compiled.get(self.schema, self._tool)
        return self._made


class _Compiled:
    """One schema, ready to judge and to read."""

    def __init__(self, schema: dict[str, Any], tool: str) -> None:
        self._schema = schema
        self._reader: pydantic.TypeAdapter[Any] | None = None
        self.check: SchemaCheck | None = None
        try:
            self.check = SchemaCheck(schema, f"output schema of tool {tool!r}")
        except ValueError as exc:
            logger.warning("%s. Its results are neither checked nor typed.", str(exc).rstrip("."))

    def reader(self) -> pydantic.TypeAdapter[Any]:
        if self._reader is None:
            self._reader = pydantic.TypeAdapter[Any](json_schema_to_type(_unwrapped(self._schema)))
        return self._reader


class _AllCompiled:
    """Schemas by their JSON text, the least recently used forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._made: OrderedDict[bytes, _Compiled] = OrderedDict()

    def get(self, schema: dict[str, Any], tool: str) -> _Compiled:
        key = dump(schema)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = _Compiled(schema, tool)
            if len(self._made) > self._size:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(key)
        return made


_compiled: Final = _AllCompiled(512)


def parse_data(result: mcp_types.CallToolResult, schema: OutputSchema | None) -> Any:
    """The `data` of a result that fits; None where there is no structure.

    Args:
        result: of the call.
        schema: the tool's output schema, None where it has none.
    """
    value: Any = result.structured_content
    if value is None:
        return None
    if _is_wrapped(result.meta, None if schema is None else schema.schema):
        value = _member(value, "result")
    return value if schema is None else schema.read(value)


def _is_wrapped(meta: dict[str, Any] | None, schema: dict[str, Any] | None) -> bool:
    if schema is not None:
        return bool(schema.get(_WRAP))
    return bool(_member((meta or {}).get("fastmcp"), "wrap_result"))


def _member(value: Any, name: str) -> Any:
    return (as_object(value) or {}).get(name)


def _unwrapped(schema: dict[str, Any]) -> dict[str, Any] | bool:
    """The schema of what is wrapped, with the definitions it may refer to."""
    if not schema.get(_WRAP):
        return schema
    inner = as_object(_member(schema.get("properties"), "result"))
    if inner is None:
        return True
    kept = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return kept | inner
