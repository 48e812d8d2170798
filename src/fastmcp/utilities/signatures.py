"""A function as a component sees it: which arguments a client may pass, and how they are checked.

All of it is worked out once, when the component is made: the annotations are resolved, the
injected parameters taken out, the JSON Schema and one pydantic-core validator built from the
rest. A call then costs one trip into that validator, which takes the client's dict and gives
the keyword arguments, without a Python frame of ours.

The validator's errors are titled `call[<function>]`, as clients of FastMCP know them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Annotated, Any, cast, get_args, get_origin

import pydantic_core
from pydantic import ConfigDict, TypeAdapter
from pydantic.fields import Field, FieldInfo
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from fastmcp.utilities.docstrings import ParsedDocstring, parse_docstring
from fastmcp.utilities.gate import Gate
from fastmcp.utilities.hints import EMPTY, callable_label, resolve_hints, unwrap_callable
from fastmcp.utilities.injection import Injection, find_injection
from fastmcp.utilities.json_schema import SchemaGenerator, drop_unused_defs
from fastmcp.utilities.threads import Lane

__all__ = ["FunctionCall", "component_name", "read_function"]

_CONFIG = ConfigDict(arbitrary_types_allowed=True)


class FunctionCall:
    """A function made ready to be called with a client's arguments.

    Attributes:
        fn: what is called.
        label: its name, in errors.
        parameters: the parameters a client may fill, by name, with resolved annotations.
        schema: their JSON Schema, without references resolved.
        validate: a client's dict -> keyword arguments; raises pydantic's ValidationError.
        injection: the other parameters; None if there are none.
        returns: the resolved return annotation, or EMPTY.
        is_async: the function is a coroutine function or an async generator function.
        is_generator: it yields, synchronously or not: its result is the list of what it yields.
        direct: calling it needs nothing but `await fn(**kwargs)`.
        doc: what its docstring says.
        lane: where its calls wait for a thread, if it is run in one.
        gate: where they wait otherwise; None where their number is not limited.
    """

    __slots__ = (
        "direct",
        "doc",
        "fn",
        "gate",
        "in_thread",
        "injection",
        "is_async",
        "is_generator",
        "label",
        "lane",
        "parameters",
        "returns",
        "schema",
        "validate",
        "validator",
    )

    def __init__(
        self,
        fn: Callable[..., Any],
        parameters: dict[str, inspect.Parameter],
        injection: Injection | None,
        returns: Any,
        doc: ParsedDocstring,
        in_thread: bool,
        max_concurrency: int | None,
    ) -> None:
        self.fn = fn
        self.label = callable_label(fn)
        self.parameters = parameters
        self.injection = injection
        self.returns = returns
        self.doc = doc
        self.in_thread = in_thread
        self.lane = Lane(max_concurrency)
        self.gate: Gate | None = None
        target = _innermost(fn)
        self.is_generator = inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(
            target
        )
        self.is_async = inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target)
        if max_concurrency is not None and (self.is_async or not in_thread):
            self.gate = Gate(max_concurrency)
        self.direct = injection is None and self.is_async and not self.is_generator
        adapter = _arguments_adapter(self.label, parameters)
        self.validator = _arguments_validator(self.label, adapter.core_schema)
        self.validate: Callable[[Any], dict[str, Any]] = self.validator.validate_python
        self.schema = _arguments_schema(adapter, doc)

    def __copy__(self) -> FunctionCall:
        return self  # nothing in it changes

    def __deepcopy__(self, memo: Any) -> FunctionCall:
        return self

    def validate_strict(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Check arguments without coercion: `"5"` is no int.

        JSON has no dates, bytes or enums, so strictness is that of JSON: their textual forms pass.
        """
        return self.validator.validate_json(pydantic_core.to_json(arguments), strict=True)

    async def invoke(self, kwargs: dict[str, Any]) -> Any:
        """Call the function with checked arguments: inject, keep off the loop, collect yields."""
        if self.injection is None:
            return await self._call(kwargs)
        if not self.injection.needs_scope:
            self.injection.mark(kwargs)
            return await self._call(kwargs)
        scope: AbstractAsyncContextManager[dict[str, Any]] = self.injection.values()
        async with scope as values:
            kwargs.update(values)
            return await self._call(kwargs)

    async def _call(self, kwargs: dict[str, Any]) -> Any:
        if self.is_async:
            if self.is_generator:
                return [item async for item in self.fn(**kwargs)]
            return await self.fn(**kwargs)
        call = self._collect if self.is_generator else self.fn
        result = await self.lane.run(call, **kwargs) if self.in_thread else call(**kwargs)
        return await result if inspect.isawaitable(result) else result

    def _collect(self, **kwargs: Any) -> list[Any]:
        return list(self.fn(**kwargs))


def read_function(
    fn: Any,
    *,
    noun: str,
    var_keyword: bool = False,
    in_thread: bool = True,
    max_concurrency: int | None = None,
) -> FunctionCall:
    """Work out everything about calling `fn`.

    Args:
        fn: a function, a bound method, a partial, a staticmethod or an object with `__call__`.
        noun: what it is to become, in the plural, for errors: "tools".
        var_keyword: whether `**kwargs` is allowed.
        in_thread: whether a synchronous function is run off the event loop.
        max_concurrency: how many calls may run at the same time; None for any number, in
            threads for the fair part of the pool.

    Raises:
        TypeError: `fn` cannot be called.
        ValueError: its parameters cannot be passed by name.
        NameError: an annotation names something that does not exist.
    """
    function = unwrap_callable(fn)
    # An object is described by its class, its arguments by `__call__`.
    inner_doc = parse_docstring(_innermost(function))
    outer_doc = inner_doc if isinstance(fn, partial) else parse_docstring(fn)
    hints = resolve_hints(function)
    injection = find_injection(function, hints)
    hidden = injection.names if injection is not None else frozenset[str]()
    parameters: dict[str, inspect.Parameter] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        _refuse_unnameable(parameter, noun, var_keyword)
        if name not in hidden:
            parameters[name] = parameter.replace(
                annotation=_with_description(hints.get(name, EMPTY))
            )
    doc = ParsedDocstring(outer_doc.description or inner_doc.description, inner_doc.parameters)
    return FunctionCall(
        function,
        parameters,
        injection,
        hints.get("return", EMPTY),
        doc,
        in_thread,
        max_concurrency,
    )


def component_name(fn: Any, name: str | None) -> str:
    """The name of a component made of `fn`: the one given, else the function's or its class's.

    Raises:
        ValueError: a lambda, and no name given.
    """
    found = name or getattr(fn, "__name__", None)
    if not found:
        target = _innermost(fn)
        found = getattr(target, "__name__", None) if target is not fn else None
        found = type(fn).__name__ if found in {None, "__call__"} else found
    if found == "<lambda>":
        raise ValueError("You must provide a name for lambda functions")
    return str(found)


def _innermost(fn: Any) -> Any:
    """The function that a partial or an object with `__call__` stands for."""
    while True:
        if hasattr(fn, "func") and hasattr(fn, "keywords"):
            fn = fn.func
        elif callable(fn) and not inspect.isroutine(fn) and not inspect.isclass(fn):
            fn = fn.__call__
        else:
            return fn


def _refuse_unnameable(parameter: inspect.Parameter, noun: str, var_keyword: bool) -> None:
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        raise ValueError(
            f"Functions with positional-only parameters are not supported as {noun}: MCP passes"
            f" arguments by name. Remove the '/' after parameter '{parameter.name}'."
        )
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        raise ValueError(f"Functions with *args are not supported as {noun}")
    if parameter.kind is inspect.Parameter.VAR_KEYWORD and not var_keyword:
        raise ValueError(f"Functions with **kwargs are not supported as {noun}")


def _with_description(hint: Any) -> Any:
    """`Annotated[T, "text"]` describes the parameter, unless a `Field` already does."""
    if get_origin(hint) is not Annotated:
        return hint
    items = get_args(hint)[1:]
    text = next((item for item in items if isinstance(item, str)), None)
    described = any(isinstance(item, FieldInfo) and item.description for item in items)
    if text is None or described:
        return hint
    return Annotated[hint, Field(description=text)]


def _arguments_adapter(label: str, parameters: dict[str, inspect.Parameter]) -> TypeAdapter[Any]:
    """pydantic's view of the parameters, read from a stand-in that has just these."""

    def stand_in(**arguments: Any) -> Any:
        return arguments

    annotations = {n: p.annotation for n, p in parameters.items() if p.annotation is not EMPTY}
    stand_in.__name__ = stand_in.__qualname__ = label
    stand_in.__annotations__ = annotations
    cast("Any", stand_in).__signature__ = inspect.Signature(list(parameters.values()))
    return TypeAdapter(cast("Any", stand_in), config=_CONFIG)


def _arguments_validator(label: str, schema: CoreSchema) -> SchemaValidator:
    """A validator that gives the keyword arguments themselves: the function it calls is `dict`."""
    outer: Any = schema
    call = outer["schema"] if outer["type"] == "definitions" else outer
    made = core_schema.call_schema(call["arguments_schema"], dict, function_name=label)
    if outer["type"] == "definitions":
        made = core_schema.definitions_schema(made, outer["definitions"])
    return SchemaValidator(made)


def _arguments_schema(adapter: TypeAdapter[Any], doc: ParsedDocstring) -> dict[str, Any]:
    schema = adapter.json_schema(schema_generator=SchemaGenerator)
    properties: dict[str, dict[str, Any]] = schema.setdefault("properties", {})
    for name, text in doc.parameters.items():
        if name in properties:
            properties[name].setdefault("description", text)
    return drop_unused_defs(schema)
