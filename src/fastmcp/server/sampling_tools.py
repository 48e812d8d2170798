"""What the client's model may do in a sampling: use tools that run here, and answer with a value.

What the model says is the client's word and nobody's promise. An unknown tool, arguments that do
not fit, a tool that failed, a value that is not of the type: the model is told and may do better.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, cast

from pydantic import Field, PrivateAttr, SkipValidation, TypeAdapter
from pydantic import ValidationError as PydanticError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import from_json, to_json

from fastmcp.exceptions import FastMCPError, ToolError, ValidationError
from fastmcp.server.asking import complaints
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities import mcp_types
from fastmcp.utilities.json_schema import SchemaGenerator, dereference_refs, inline_root_ref
from fastmcp.utilities.spawning import ends_more_than_a_call

__all__ = ["FINAL", "TypedAnswer", "entry", "run", "tools_of"]

_logger: Final = logging.getLogger("fastmcp.server.sampling")

FINAL: Final = "final_response"
"""The tool that takes a typed answer."""


def tools_of(given: Sequence[Tool | Callable[..., Any]] | None) -> dict[str, Tool]:
    tools: dict[str, Tool] = {}
    for item in given or ():
        tool = item if isinstance(item, Tool) else Tool.from_function(item)
        if tool.name in tools:
            raise ValueError(f"Two tools are called {tool.name!r}: the model could not choose")
        tools[tool.name] = tool
    return tools


def entry(tool: Tool) -> dict[str, Any]:
    """A tool as the model sees it."""
    found = tool.to_wire()
    return {key: found[key] for key in ("name", "description", "inputSchema") if key in found}


async def run(
    use: mcp_types.ToolUseContent, tools: Mapping[str, Tool], masked: bool
) -> mcp_types.ToolResultContent:
    """One tool use. Whatever goes wrong in it is told to the model, not raised."""
    tool = tools.get(use.name)
    if tool is None:
        return _failed(use, f"Unknown tool: {use.name!r}. The tools are: {', '.join(tools)}")
    try:
        # Arguments are a model's words: what does not check them itself has them checked.
        run = tool.run if tool.OWN_CHECKS else tool.run_checked
        result = await run(use.input)
        return mcp_types.ToolResultContent(
            tool_use_id=use.id, content=result.content, is_error=result.is_error or None
        )
    except ValidationError as exc:
        return _failed(use, str(exc))
    except FastMCPError as exc:
        _logger.log(exc.log_level, "Error calling sampling tool %r", use.name)
        return _failed(use, str(exc))
    except Exception as exc:
        _logger.exception("Error calling sampling tool %r", use.name)
        return _failed(use, _told(use, exc, masked))
    except BaseException as exc:
        if ends_more_than_a_call(exc):
            raise
        _logger.error("Error calling sampling tool %r: it raised %r", use.name, exc)
        return _failed(use, _told(use, RuntimeError(f"it raised {exc!r}"), masked))


def _told(use: mcp_types.ToolUseContent, exc: Exception, masked: bool) -> str:
    text = f"Error calling tool {use.name!r}"
    return text if masked else f"{text}: {exc}"


def _failed(use: mcp_types.ToolUseContent, text: str) -> mcp_types.ToolResultContent:
    content = mcp_types.TextContent(type="text", text=text)
    return mcp_types.ToolResultContent(tool_use_id=use.id, content=[content], is_error=True)


class TypedAnswer(Tool):
    """The tool that takes the answer of a type, and the reader of such an answer given as text."""

    OWN_CHECKS: ClassVar[bool] = True

    adapter: SkipValidation[TypeAdapter[Any]] = Field(exclude=True, repr=False)
    wrapped: bool = Field(exclude=True, repr=False)
    _values: list[Any] = PrivateAttr(default_factory=list[Any])
    _complaint: str = PrivateAttr(default="")

    @classmethod
    def of(cls, result_type: Any) -> TypedAnswer:
        """
        Raises:
            TypeError: the type has no JSON Schema.
        """
        try:
            adapter = TypeAdapter[Any](result_type)
            schema = adapter.json_schema(schema_generator=SchemaGenerator)
        except (PydanticUserError, PydanticUndefinedAnnotation) as exc:
            raise TypeError(f"ctx.sample() cannot ask for {result_type!r}: {exc}") from None
        schema = dereference_refs(inline_root_ref(schema))
        wrapped = schema.get("type") != "object"
        if wrapped:
            definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
            schema = {
                "type": "object",
                "properties": {"value": schema},
                "required": ["value"],
                **definitions,
            }
        return cls(
            name=FINAL,
            description="Give the final answer with this tool, when nothing is left to do.",
            parameters=schema,
            adapter=adapter,
            wrapped=wrapped,
        )

    @property
    def values(self) -> list[Any]:
        """The answers that fitted, first one first."""
        return self._values

    @property
    def complaint(self) -> str:
        """Why the last answer did not fit."""
        return self._complaint

    @property
    def instruction(self) -> str:
        """What a model without tools is told to do."""
        return (
            "Answer with one JSON value and nothing else. It must match this JSON Schema:\n"
            + json.dumps(self.parameters)
        )

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        self._take(arguments)
        if self._complaint:
            raise ToolError(self._complaint, log_level=logging.INFO)
        return ToolResult.of([{"type": "text", "text": "The answer was taken."}], None, None)

    def read_text(self, text: str) -> None:
        """An answer that came as text: JSON, perhaps between fences."""
        _, opened, rest = text.partition("```")
        inside, closed, _ = rest.removeprefix("json").partition("```")
        try:
            self._take(from_json((inside if opened and closed else text).strip()))
        except ValueError as exc:
            self._complaint = f"The answer is not JSON: {exc}"

    def _take(self, given: Any) -> None:
        if self.wrapped and isinstance(given, dict) and "value" in given:
            given = cast("dict[str, Any]", given)["value"]
        try:
            self._values.append(self.adapter.validate_json(to_json(given)))
            self._complaint = ""
        except PydanticError as exc:
            self._complaint = f"The answer does not fit: {complaints(exc)}"
