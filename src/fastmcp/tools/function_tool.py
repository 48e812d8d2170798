"""A tool that calls a function, and `@tool`, which says that a function is to be one.

The way of a call: the client's dict into the prebuilt validator, the keyword arguments into the
function, what it returns into a `ToolResult`. Nothing is inspected, resolved or built here that
could be at definition.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, Self, TypeVar, cast, overload

import msgspec
import pydantic_core
from pydantic import Field, SkipValidation, field_validator, model_validator

from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.protocol.param_headers import is_annotated, param_headers
from fastmcp.settings import OnDisconnect
from fastmcp.tools.base import WRAP_KEYWORD, WRAP_META, Tool, ToolResult
from fastmcp.tools.content import has_content
from fastmcp.tools.output import Output, read_output
from fastmcp.utilities import mcp_types
from fastmcp.utilities.decorating import Decoration, attach, decorate, metadata_of
from fastmcp.utilities.json_schema import dereference_refs
from fastmcp.utilities.schema_check import SchemaCheck
from fastmcp.utilities.signatures import FunctionCall, component_name, read_function
from fastmcp.utilities.tasks import TaskConfig
from fastmcp.utilities.types import NotSet, NotSetT

__all__ = ["FunctionTool", "ToolMeta", "tool", "tool_decoration"]

F = TypeVar("F", bound=Callable[..., Any])


class ToolMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What `@tool(...)` says of a function, until it becomes a tool."""

    name: str | None = None
    version: str | int | float | None = None
    title: str | None = None
    description: str | None = None
    icons: list[mcp_types.Icon] | None = None
    tags: set[str] | None = None
    output_schema: dict[str, Any] | NotSetT | None = NotSet
    annotations: mcp_types.ToolAnnotations | dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    task: bool | TaskConfig | None = None
    timeout: float | None = None
    auth: Any = None
    run_in_thread: bool | None = None
    max_concurrency: int | None = None
    on_disconnect: OnDisconnect | None = None

    def given(self) -> dict[str, Any]:
        """The keyword arguments of `from_function`."""
        return msgspec.structs.asdict(self)


class FunctionTool(Tool):
    """A tool made of a function.

    Args:
        fn: the function.
        function: everything worked out about calling it.
        output: what is known of its results.
        run_in_thread: run a synchronous function off the event loop.
        max_concurrency: how many calls may run at the same time.
    """

    OWN_CHECKS = True

    fn: SkipValidation[Callable[..., Any]] = Field(exclude=True, repr=False)
    function: SkipValidation[FunctionCall] = Field(exclude=True, repr=False)
    output: SkipValidation[Output] = Field(exclude=True, repr=False)
    run_in_thread: bool = Field(default=True, exclude=True, repr=False)
    max_concurrency: int | None = Field(default=None, ge=1, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _read_fn(cls, given: Any) -> Any:
        """Let `FunctionTool(fn=..., name=..., parameters=...)` do without the rest."""
        if not isinstance(given, dict) or "function" in given or "fn" not in given:
            return cast("Any", given)
        fields = cast("dict[str, Any]", given)
        in_thread = fields.get("run_in_thread") is not False
        limit = fields.get("max_concurrency")
        function = read_function(
            fields["fn"], noun="tools", in_thread=in_thread, max_concurrency=limit
        )
        return {"output": read_output(function.returns), **fields, "function": function}

    @field_validator("parameters")
    @classmethod
    def _headers_are_allowed(cls, schema: dict[str, Any]) -> dict[str, Any]:
        if is_annotated(schema):
            param_headers(dereference_refs(schema))  # clients are shown it without references
        return schema

    @classmethod
    def from_function(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        fn: Callable[..., Any],
        *,
        metadata: ToolMeta | None = None,
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
    ) -> Self:
        """A tool that calls `fn`.

        Args:
            fn: a function, a bound method, a partial or an object with `__call__`.
            metadata: what `@tool` said of it; then nothing else may be given. Where nothing is
                given at all, what `@tool` left on `fn` counts.
            name: the function's by default.
            version: any; PEP 440 for a defined order.
            title: made of the name by default.
            description: the docstring's prose by default.
            icons: shown by clients.
            tags: the author's groups.
            annotations: hints for clients.
            output_schema: a JSON Schema, against which results are held; None for none; from the
                return annotation if not given.
            meta: listed as `_meta`.
            task: whether the tool may run as a task; True lets the client's knowledge decide.
            timeout: seconds a call may take.
            auth: checks that decide who may see and call it.
            run_in_thread: False runs a synchronous function on the event loop.
            max_concurrency: how many calls may run at the same time, the others wait in order; by
                default any number, a synchronous function's up to its fair part of the threads.
            on_disconnect: what a client that leaves does to a running call in the handshake era:
                "cancel" or "continue"; the server's policy by default.

        Raises:
            TypeError: `fn` cannot be called.
            ValueError: its parameters cannot be passed by name; a lambda has no name; a schema or
                a header parameter is not allowed; a time-out that nothing could enforce; a value
                out of its range.
        """
        given = ToolMeta(
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
        if metadata is not None and given != ToolMeta():
            raise TypeError(
                "Cannot pass both 'metadata' and individual parameters to from_function()."
            )
        if given == ToolMeta():
            metadata = metadata or metadata_of(fn, ToolMeta)
        return cls._make(fn, metadata or given)

    @classmethod
    def _make(cls, fn: Callable[..., Any], facts: ToolMeta) -> Self:
        in_thread = facts.run_in_thread is not False
        limit = facts.max_concurrency
        function = read_function(fn, noun="tools", in_thread=in_thread, max_concurrency=limit)
        name = component_name(fn, facts.name)
        if facts.timeout is not None and not in_thread and not function.is_async:
            raise ValueError(
                f"Tool {name!r}: timeout cannot be enforced when run_in_thread=False on a sync"
                " function: on the event loop nothing can interrupt it. Drop one of the two."
            )
        output = read_output(function.returns)
        given = facts.output_schema
        schema = output.schema if isinstance(given, NotSetT) else given
        description = facts.description
        annotations = facts.annotations
        if isinstance(annotations, dict):
            annotations = mcp_types.ToolAnnotations.model_validate(annotations)
        # Set only where it was said: what was not is the server's to decide (`FastMCP(tasks=...)`).
        said: dict[str, Any] = {} if facts.task is None else {"task_config": facts.task}
        return cls(
            name=name,
            version=cast("str | None", facts.version),
            title=facts.title,
            description=function.doc.description if description is None else description,
            icons=facts.icons,
            tags=set(facts.tags or ()),
            meta=facts.meta,
            auth=facts.auth,
            parameters=copy.deepcopy(function.schema),
            output_schema=schema,
            annotations=annotations,
            timeout=facts.timeout,
            return_type=function.returns,
            fn=function.fn,
            function=function,
            output=output,
            run_in_thread=in_thread,
            max_concurrency=limit,
            on_disconnect=facts.on_disconnect,
            **said,
        )

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        function = self.function
        try:
            if self.strict:
                kwargs = function.validate_strict(arguments)
            else:
                kwargs = function.validate(arguments)
        except pydantic_core.ValidationError as error:
            raise ValidationError(str(error)) from error
        value: Any
        if self.timeout is not None or function.gate is not None:
            value = await self._run_bounded(kwargs)
        elif function.direct:
            value = await function.fn(**kwargs)
        else:
            value = await function.invoke(kwargs)
        # The plain cases, in this frame: text and numbers whose JSON form is known.
        kind = value.__class__
        if self.output.plain and (kind is str or kind is int or kind is bool):
            text = value if kind is str else str(value) if kind is int else _BOOL[value]
            schema = self.output_schema
            if schema is None:
                return ToolResult.of([{"type": "text", "text": text}], None, None)
            if WRAP_KEYWORD in schema:
                return ToolResult.of([{"type": "text", "text": text}], {"result": value}, WRAP_META)
        if not mcp_types.is_loaded() and has_content(value):
            await mcp_types.load()
        return self.convert_result(value)

    async def _run_bounded(self, kwargs: dict[str, Any]) -> Any:
        """Within its time, the wait for its turn included."""
        function = self.function
        timer = asyncio.timeout(self.timeout)
        try:
            async with timer:
                if function.gate is None:
                    return await function.invoke(kwargs)
                async with function.gate.here():
                    return await function.invoke(kwargs)
        except TimeoutError as error:
            if not timer.expired():  # the body's own
                raise
            raise ToolError(
                f"Error calling tool '{self.name}': Tool '{self.name}' execution timed out after"
                f" {self.timeout}s"
            ) from error

    def _make_output_check(self) -> SchemaCheck | None:
        # What an annotation promises its own serializer keeps.
        if self.output_schema == self.output.schema:
            return None
        return super()._make_output_check()

    def _to_jsonable(self, value: Any) -> Any:
        return self.output.to_jsonable(value)

    def _wire_schemas(self, dereference: bool) -> tuple[dict[str, Any], dict[str, Any] | None]:
        given, output = self.parameters, self.output_schema
        # Only what was inferred is rewritten: a schema of the author's goes out as it stands.
        if dereference and given == self.function.schema:
            given = dereference_refs(given)
        if dereference and output is not None and output == self.output.schema:
            output = dereference_refs(output)
        return given, output


_BOOL = {True: "true", False: "false"}
Tool.FUNCTION_TOOL = FunctionTool


tool_decoration = Decoration(
    noun="tool",
    metadata=ToolMeta,
    build=lambda fn, facts: FunctionTool.from_function(fn, metadata=facts),
)
"""How functions become tools: shared by `@tool` and `@mcp.tool`."""


@overload
def tool(name_or_fn: F, /) -> F: ...
@overload
def tool(
    name_or_fn: str | None = None,
    *,
    name: str | None = None,
    version: str | int | float | None = None,
    title: str | None = None,
    description: str | None = None,
    icons: list[mcp_types.Icon] | None = None,
    tags: set[str] | None = None,
    output_schema: dict[str, Any] | NotSetT | None = NotSet,
    annotations: mcp_types.ToolAnnotations | dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
    task: bool | TaskConfig | None = None,
    timeout: float | None = None,
    auth: Any = None,
    run_in_thread: bool = True,
    max_concurrency: int | None = None,
    on_disconnect: OnDisconnect | None = None,
) -> Callable[[F], F]: ...
def tool(name_or_fn: Any = None, **given: Any) -> Any:
    """Say that a function is to be a tool; `add_tool` or a provider makes it one.

    Forms: `@tool`, `@tool()`, `@tool("name")`, `@tool(name="name", ...)`. The function itself is
    returned, with what was said in `fn.__fastmcp__`. Arguments as for `Tool.from_function`.
    """
    return decorate(tool_decoration, name_or_fn, given, attach)
