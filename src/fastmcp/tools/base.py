"""A tool, and what calling one gives.

`Tool` is what a server lists and calls; how it runs is its subclass's business. A subclass
with a `run` of its own may have any JSON Schema as its `parameters`: it is kept as it stands.

`ToolResult` is on the way of every call, so it is a plain class that holds the wire form and
makes the protocol's models only for those who ask for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

import mcp_types
from pydantic import Field, field_validator

from fastmcp.exceptions import ToolError
from fastmcp.protocol.param_headers import ParamHeader, param_headers
from fastmcp.settings import OnDisconnect
from fastmcp.tools.content import Block, block_model, block_wire, has_content, to_blocks
from fastmcp.utilities.components import FastMCPComponent, dump_model
from fastmcp.utilities.serialization import SerializationError, to_jsonable
from fastmcp.utilities.tasks import TaskConfig, task_config
from fastmcp.utilities.types import NotSet, NotSetT

__all__ = ["WRAP_KEYWORD", "WRAP_META", "Tool", "ToolResult", "derive_title"]

WRAP_KEYWORD = "x-fastmcp-wrap-result"
"""Marks an output schema whose only property `result` holds a value that is no object."""

WRAP_META: dict[str, Any] = {"fastmcp": {"wrap_result": True}}
"""The `_meta` of a result whose structured content is wrapped. Shared: not to be changed."""


class ToolResult:
    """What a tool gives back: content for the model, structured content for programs.

    Args:
        content: blocks, or any value that becomes them; from `structured_content` if omitted.
        structured_content: anything whose JSON form is an object.
        meta: the result's `_meta`.
        is_error: the tool failed; the content says why.

    Raises:
        ValueError: neither content nor structured content, or the latter is no object.
    """

    __slots__ = ("_blocks", "is_error", "meta", "structured_content")

    def __init__(
        self,
        content: Any = None,
        structured_content: Any = None,
        meta: dict[str, Any] | None = None,
        is_error: bool = False,
    ) -> None:
        if content is None and structured_content is None:
            raise ValueError("Either content or structured_content must be provided")
        self._blocks: list[Block] = to_blocks(structured_content if content is None else content)
        if structured_content is not None:
            structured_content = _as_object(structured_content)
        self.structured_content: dict[str, Any] | None = structured_content
        self.meta = meta
        self.is_error = is_error

    @classmethod
    def of(
        cls,
        blocks: list[Block],
        structured_content: dict[str, Any] | None,
        meta: dict[str, Any] | None,
        is_error: bool = False,
    ) -> ToolResult:
        """A result of parts that are already in their final form: nothing is checked."""
        self = cls.__new__(cls)
        self._blocks = blocks
        self.structured_content = structured_content
        self.meta = meta
        self.is_error = is_error
        return self

    @classmethod
    def from_mcp_result(cls, result: mcp_types.CallToolResult) -> ToolResult:
        """A protocol result as it stands."""
        blocks = cast("list[Block]", list(result.content))
        return cls.of(blocks, result.structured_content, result.meta, bool(result.is_error))

    @property
    def content(self) -> list[mcp_types.ContentBlock]:
        """The content blocks. The list is the result's own: changes to it are sent."""
        blocks = self._blocks
        if any(isinstance(block, dict) for block in blocks):
            blocks[:] = [block_model(block) for block in blocks]
        return cast("list[mcp_types.ContentBlock]", blocks)

    @content.setter
    def content(self, value: Any) -> None:
        self._blocks = to_blocks(value)

    def to_wire(self) -> dict[str, Any]:
        """The JSON-ready result."""
        wire: dict[str, Any] = {
            "content": [b if type(b) is dict else block_wire(b) for b in self._blocks]
        }
        if self.structured_content is not None:
            wire["structuredContent"] = self.structured_content
        wire["isError"] = self.is_error
        if self.meta is not None:
            wire["_meta"] = self.meta
        return wire

    def to_mcp_result(self) -> mcp_types.CallToolResult:
        """The protocol's model of the result."""
        return mcp_types.CallToolResult.model_validate(self.to_wire())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ToolResult):
            return NotImplemented
        return self.to_wire() == other.to_wire()

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return (
            f"ToolResult(content={self._blocks!r}, structured_content={self.structured_content!r},"
            f" meta={self.meta!r}, is_error={self.is_error})"
        )


def _as_object(value: Any) -> dict[str, Any]:
    try:
        found = to_jsonable(value)
    except SerializationError as error:
        raise ValueError(f"structured_content has no JSON form: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(
            f"structured_content must be a dict or None. Got {type(value).__name__}: {value!r}."
            " Put it into one, for example {'result': ...}."
        )
    return cast("dict[str, Any]", found)


def derive_title(name: str) -> str:
    """`my_tool` -> `My Tool`: what is listed for a tool without a title."""
    return name.replace("_", " ").replace("-", " ").title()


class Tool(FastMCPComponent):
    """Something a client can call.

    Args:
        parameters: the JSON Schema of the arguments; goes to clients unchanged.
        output_schema: the JSON Schema of the structured content, an object's; None for none.
        annotations: hints for clients (read-only, destructive, ...), and another place for a title.
        execution: how the tool may be run (task support).
        timeout: seconds after which a call fails.
        on_disconnect: whether a client that leaves cancels the call ("cancel") or not ("continue"),
            in the handshake era; None for the server's policy.
        strict: take arguments without coercion. The server sets it when the tool is added.
        task_config: whether it may run as a task.
        return_type: the annotation the output schema came from.
    """

    KEY_PREFIX: ClassVar[str] = "tool"
    # What `from_function` makes. It is a subclass, so its module sets this when imported.
    FUNCTION_TOOL: ClassVar[type[Tool]]

    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    output_schema: dict[str, Any] | None = None
    annotations: mcp_types.ToolAnnotations | None = None
    execution: mcp_types.ToolExecution | None = None
    timeout: float | None = None
    on_disconnect: OnDisconnect | None = Field(default=None, exclude=True, repr=False)
    strict: bool = Field(default=False, exclude=True, repr=False)
    task_config: TaskConfig = Field(
        default_factory=lambda: TaskConfig("forbidden"), exclude=True, repr=False
    )
    return_type: Any = Field(default=None, exclude=True, repr=False)

    @field_validator("parameters")
    @classmethod
    def _headers_are_allowed(cls, schema: dict[str, Any]) -> dict[str, Any]:
        param_headers(schema)  # clients would drop the whole tool
        return schema

    @field_validator("task_config", mode="before")
    @classmethod
    def _is_task_config(cls, value: Any) -> TaskConfig:
        return task_config(value)

    @field_validator("output_schema")
    @classmethod
    def _output_is_object(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        check_output_schema(schema)
        return schema

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Call the tool.

        Args:
            arguments: as the client sent them, not yet checked.

        Raises:
            ValidationError: the arguments do not fit.
            ToolError: the tool says no.
        """
        raise NotImplementedError(f"{type(self).__name__} must override run()")

    def convert_result(self, value: Any) -> ToolResult:
        """Whatever a function returned, as a result that fits the output schema.

        Raises:
            ToolError: there is an output schema and the value has no JSON form.
            ValueError: there is an output schema for objects and the value is none.
        """
        if isinstance(value, ToolResult):
            return value
        if isinstance(value, mcp_types.CallToolResult):
            return ToolResult.from_mcp_result(value)
        schema = self.output_schema
        own_content = has_content(value)
        if isinstance(value, bytes | bytearray) or (own_content and schema is None):
            return ToolResult.of(to_blocks(value), None, None)
        try:
            structured = self._to_jsonable(value)
        except SerializationError as error:
            if schema is not None:
                raise ToolError(
                    f"Could not serialize the return value of tool {self.name!r} for its output"
                    f" schema: {error}. Return something JSON can carry, or give the tool"
                    " output_schema=None."
                ) from error
            return ToolResult.of(to_blocks(value), None, None)
        blocks: list[Block] = to_blocks(value if own_content or value is None else structured)
        if structured is None and value is not None:
            blocks = [{"type": "text", "text": "null"}]  # NaN and infinity have no JSON number
        if schema is None:
            is_object = isinstance(structured, dict)
            found = cast("dict[str, Any]", structured) if is_object else None
            return ToolResult.of(blocks, found, None)
        if schema.get(WRAP_KEYWORD):
            return ToolResult.of(blocks, {"result": structured}, WRAP_META)
        return ToolResult.of(blocks, _as_object(structured), None)

    def _to_jsonable(self, value: Any) -> Any:
        return to_jsonable(value)

    @property
    def param_headers(self) -> tuple[ParamHeader, ...]:
        """The parameters that clients repeat in HTTP headers (`x-mcp-header`), mostly none."""
        # Of the schema that clients are shown: a reference hides what is behind it.
        return self._derive(
            "param_headers", lambda: param_headers(self._wire_schemas(dereference=True)[0])
        )

    def display_title(self) -> str:
        """The title that is listed: the tool's, else its annotations', else made of the name."""
        return self._title_of(self.name, self.annotations)

    def _title_of(self, name: str, annotations: Any) -> str:
        if self.title is not None:
            return self.title
        if isinstance(annotations, dict):
            title = cast("dict[str, Any]", annotations).get("title")
        else:
            title = getattr(annotations, "title", None)
        return derive_title(name) if title is None else str(title)

    def to_wire(self, *, dereference: bool = True) -> dict[str, Any]:
        """The JSON-ready entry of tools/list. Not to be changed: it is kept and shared.

        Args:
            dereference: put definitions where they are used, in schemas inferred from functions.
        """
        return self._derive(("wire", dereference), lambda: self._make_entry(dereference))

    def _make_entry(self, dereference: bool) -> dict[str, Any]:
        entry = self._wire_base()
        entry["title"] = self.display_title()
        entry["inputSchema"], output = self._wire_schemas(dereference)
        if output is not None:
            entry["outputSchema"] = output
        if self.annotations is not None:
            entry["annotations"] = dump_model(self.annotations)
        if self.execution is not None:
            entry["execution"] = dump_model(self.execution)
        return entry

    def _wire_schemas(self, dereference: bool) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Input and output schema for a listing; as they are, unless a subclass made them."""
        return self.parameters, self.output_schema

    def to_mcp_tool(self, **overrides: Any) -> mcp_types.Tool:
        """The protocol's model of the tool.

        Args:
            overrides: fields of `mcp_types.Tool` to set instead, by their Python names.
        """
        model = mcp_types.Tool.model_validate(self.to_wire(dereference=False))
        if not overrides:
            return model
        if "title" not in overrides and self.title is None:
            overrides["title"] = self._title_of(
                overrides.get("name", self.name), overrides.get("annotations", self.annotations)
            )
        return model.model_copy(update=overrides)

    @staticmethod
    def from_function(
        fn: Callable[..., Any],
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        tags: set[str] | None = None,
        annotations: mcp_types.ToolAnnotations | dict[str, Any] | None = None,
        output_schema: dict[str, Any] | NotSetT | None = NotSet,
        meta: dict[str, Any] | None = None,
        task: bool | TaskConfig | None = None,
        timeout: float | None = None,
        auth: Any = None,
        run_in_thread: bool | None = None,
        max_concurrency: int | None = None,
        on_disconnect: OnDisconnect | None = None,
    ) -> Tool:
        """A tool that calls `fn`; see `FunctionTool.from_function`."""
        return Tool.FUNCTION_TOOL.from_function(
            fn,
            name=name,
            version=version,
            title=title,
            description=description,
            icons=icons,
            tags=tags,
            annotations=annotations,
            output_schema=output_schema,
            meta=meta,
            task=task,
            timeout=timeout,
            auth=auth,
            run_in_thread=run_in_thread,
            max_concurrency=max_concurrency,
            on_disconnect=on_disconnect,
        )


def check_output_schema(schema: dict[str, Any] | None) -> None:
    """Refuse a schema that does not describe an object.

    Raises:
        ValueError: structured content is an object by the protocol's definition, so a schema of
            anything else could never be met.
    """
    if schema is None or schema.get("type") == "object":
        return
    if "type" not in schema and ("properties" in schema or "$ref" in schema):
        return
    raise ValueError(
        "Output schemas must represent object types due to MCP spec limitations."
        f" Received: {schema!r}"
    )
