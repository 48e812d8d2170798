"""A tool, and what calling one gives.

`Tool` is what a server lists and calls; how it runs is its subclass's business. A subclass
with a `run` of its own may have any JSON Schema as its `parameters`: it is kept as it stands, and
arguments and results are held against it.

`ToolResult` is on the way of every call, so it is a plain class that holds the wire form and
makes the protocol's models only for those who ask for them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Self, cast

from pydantic import Field, field_validator, model_validator

from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.protocol.era2025 import WRAP_KEYWORD, WRAP_META, is_object_schema
from fastmcp.protocol.param_headers import ParamHeader, is_annotated, param_headers
from fastmcp.settings import OnDisconnect
from fastmcp.tools.content import Block, block_model, block_wire, has_content, to_blocks
from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import FastMCPComponent, dump_model
from fastmcp.utilities.model_fields import ToolAnnotations, ToolExecution
from fastmcp.utilities.schema_check import SchemaCheck
from fastmcp.utilities.serialization import SerializationError, to_jsonable
from fastmcp.utilities.tasks import TaskConfig, task_config
from fastmcp.utilities.types import NotSet, NotSetT

__all__ = [
    "WRAP_KEYWORD",
    "WRAP_META",
    "InputRequiredToolResult",
    "Tool",
    "ToolResult",
    "derive_title",
]


class ToolResult:
    """What a tool gives back: content for the model, structured content for programs.

    Args:
        content: blocks, or any value that becomes them; from `structured_content` if omitted.
        structured_content: anything that has a JSON form.
        meta: the result's `_meta`.
        is_error: the tool failed; the content says why.

    Attributes:
        bare: the structured content stands for itself and is not, or need not be, an object. The
            handshake era knows objects alone: there it goes out under `result`.

    Raises:
        ValueError: neither content nor structured content, or the latter has no JSON form.
    """

    __slots__ = ("_blocks", "bare", "is_error", "meta", "structured_content")

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
            structured_content = _as_json(structured_content)
        self.structured_content: Any = structured_content
        self.bare = not isinstance(structured_content, dict | None)
        self.meta = meta
        self.is_error = is_error

    @classmethod
    def of(
        cls,
        blocks: list[Block],
        structured_content: Any,
        meta: dict[str, Any] | None,
        is_error: bool = False,
        bare: bool = False,
    ) -> ToolResult:
        """A result of parts that are already in their final form: nothing is checked."""
        self = cls.__new__(cls)
        self._blocks = blocks
        self.structured_content = structured_content
        self.bare = bare
        self.meta = meta
        self.is_error = is_error
        return self

    @classmethod
    def from_mcp_result(cls, result: mcp_types.CallToolResult) -> ToolResult:
        """A protocol result as it stands."""
        blocks = cast("list[Block]", list(result.content))
        structured: Any = result.structured_content
        bare = not isinstance(structured, dict | None)
        return cls.of(blocks, structured, result.meta, bool(result.is_error), bare)

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
        if self.structured_content is not None or self.bare:  # null, where a schema allows it
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


def _as_json(value: Any) -> Any:
    try:
        return to_jsonable(value)
    except SerializationError as error:
        raise ValueError(f"structured_content has no JSON form: {error}") from error


def _no_form(tool: str, error: Exception, promised: bool) -> str:
    where, way_out = "", ""
    if promised:
        where, way_out = " for its output schema", ", or give the tool output_schema=None"
    return (
        f"Could not serialize the return value of tool {tool!r}{where}: {error}. Return something"
        f" JSON can carry{way_out}."
    )


def _no_object(value: Any) -> str:
    return (
        f"structured_content must be a dict, as its output schema says. Got {type(value).__name__}:"
        f" {value!r}. Put it into one, for example {{'result': ...}}."
    )


def derive_title(name: str) -> str:
    """`my_tool` -> `My Tool`: what is listed for a tool without a title."""
    return name.replace("_", " ").replace("-", " ").title()


class InputRequiredToolResult(ToolResult):
    """What a tool returns that asks its client before it can go on (2026-07-28,
    basic/patterns/mrtr). A tool may return the `InputRequiredResult` itself.

    Args:
        input_required: the questions, and what the tool wants to have back with the answers.
    """

    __slots__ = ("input_required",)

    def __init__(self, input_required: mcp_types.InputRequiredResult) -> None:
        super().__init__(content=[])
        self.input_required = input_required

    def to_wire(self) -> dict[str, Any]:
        return dump_model(self.input_required)


class Tool(FastMCPComponent):
    """Something a client can call.

    Args:
        parameters: the JSON Schema of the arguments; goes to clients unchanged.
        output_schema: the JSON Schema of the structured content; None for none.
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
    OWN_CHECKS: ClassVar[bool] = False
    """Whether `run` itself holds arguments and results against the schemas."""
    SPEAKS_FOR_ITSELF: ClassVar[bool] = False
    """Whether an `McpError` of `run` is the answer itself: another server's, handed on as it is.
    Any other tool that raises one has failed, which the model is told."""
    # What `from_function` makes. It is a subclass, so its module sets this when imported.
    FUNCTION_TOOL: ClassVar[type[Tool]]

    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    output_schema: dict[str, Any] | None = None
    annotations: ToolAnnotations = None
    execution: ToolExecution = None
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

    @model_validator(mode="after")
    def _schemas_can_be_used(self) -> Self:
        if self.parameters.get("type", "object") != "object":
            raise ValueError(
                f"The input schema of tool {self.name!r} must be of type object, because arguments"
                f" are one; it is of type {self.parameters['type']!r}"
            )
        if not self.OWN_CHECKS:
            self._input_check()
        self._output_check()
        return self

    def _input_check(self) -> SchemaCheck:
        return self._derive(
            "input check",
            lambda: SchemaCheck(self.parameters, f"input schema of tool {self.name!r}"),
        )

    def _output_check(self) -> SchemaCheck | None:
        """What results are held against; None where they need not be."""
        return self._derive("output check", self._make_output_check)

    def _make_output_check(self) -> SchemaCheck | None:
        if self.output_schema is None:
            return None
        return SchemaCheck(self.output_schema, f"output schema of tool {self.name!r}")

    @field_validator("task_config", mode="before")
    @classmethod
    def _is_task_config(cls, value: Any) -> TaskConfig:
        return task_config(value)

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Call the tool.

        Args:
            arguments: as the client sent them, not yet checked.

        Raises:
            ValidationError: the arguments do not fit.
            ToolError: the tool says no.
        """
        raise NotImplementedError(f"{type(self).__name__} must override run()")

    async def run_checked(self, arguments: dict[str, Any]) -> ToolResult:
        """`run` for a class that leaves the checks to the schemas (server/tools, "Security
        Considerations": all inputs are validated).

        Raises:
            ValidationError: the arguments do not fit the input schema.
            ToolError: the tool says no.
            ValueError: the result does not fit the output schema.
        """
        complaint = self._input_check().complaint(arguments)
        if complaint is not None:
            raise ValidationError(f"Invalid arguments for tool {self.name!r}:\n{complaint}")
        return self.promised(await self.run(arguments))

    def promised(self, result: ToolResult) -> ToolResult:
        """A result, if it is what the output schema promises (server/tools, "Output Schema").

        Raises:
            ValueError: it is not.
        """
        check = self._output_check()
        if check is None or result.is_error or isinstance(result, InputRequiredToolResult):
            return result
        if result.structured_content is None and not result.bare:
            raise ValueError("it has an output schema, and gave no structured content")
        content: Any = result.structured_content
        if self._promises_any_json():
            result.bare = True
        elif type(content) is not dict:
            raise ValueError(_no_object(content))
        complaint = check.complaint(content)
        if complaint is not None:
            raise ValueError(f"its result does not fit its output schema:\n{complaint}")
        return result

    def _promises_any_json(self) -> bool:
        schema = self.output_schema
        return schema is not None and self._derive("bare", lambda: not is_object_schema(schema))

    def convert_result(self, value: Any) -> ToolResult:
        """Whatever a function returned, as a result that fits the output schema.

        Raises:
            ToolError: the value has no JSON form, which a text can do without and a schema cannot.
            ValueError: there is an output schema and the value does not fit it.
        """
        if isinstance(value, ToolResult):
            return self.promised(value)
        if mcp_types.is_loaded():
            if isinstance(value, mcp_types.CallToolResult):
                return self.promised(ToolResult.from_mcp_result(value))
            if isinstance(value, mcp_types.InputRequiredResult):
                return InputRequiredToolResult(value)
        schema = self.output_schema
        own_content = has_content(value)
        if isinstance(value, bytes | bytearray) or (own_content and schema is None):
            return ToolResult.of(to_blocks(value), None, None)
        try:
            structured = self._to_jsonable(value)
        except SerializationError as error:
            if schema is None:
                with suppress(SerializationError):
                    return ToolResult.of(to_blocks(value), None, None)
            raise ToolError(_no_form(self.name, error, schema is not None)) from error
        blocks: list[Block] = to_blocks(value if own_content or value is None else structured)
        bare = self._promises_any_json()
        if structured is None and (bare or value is not None):
            blocks = [{"type": "text", "text": "null"}]  # NaN and infinity have no JSON number
        if schema is None:
            is_object = isinstance(structured, dict)
            found = cast("dict[str, Any]", structured) if is_object else None
            return ToolResult.of(blocks, found, None)
        if schema.get(WRAP_KEYWORD):
            return self.promised(ToolResult.of(blocks, {"result": structured}, WRAP_META))
        if not bare and not isinstance(structured, dict):
            raise ValueError(_no_object(value))
        return self.promised(ToolResult.of(blocks, structured, None, bare=bare))

    def _to_jsonable(self, value: Any) -> Any:
        return to_jsonable(value)

    @property
    def param_headers(self) -> tuple[ParamHeader, ...]:
        """The parameters that clients repeat in HTTP headers (`x-mcp-header`), mostly none."""
        return self._derive("param_headers", self._read_param_headers)

    def _read_param_headers(self) -> tuple[ParamHeader, ...]:
        if not is_annotated(self.parameters):
            return ()
        # Of the schema that clients are shown: a reference hides what is behind it.
        return param_headers(self._wire_schemas(dereference=True)[0])

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
        given, output = self._wire_schemas(dereference)
        entry["inputSchema"] = given if "type" in given else {"type": "object", **given}
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
