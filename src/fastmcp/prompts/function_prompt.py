"""A prompt that calls a function, and `@prompt`.

The protocol's prompt arguments are text. A parameter that is not text is told to clients with
the JSON Schema of what to write, and what they write is decoded; a parameter that takes text
gets it as it is, even where it looks like JSON.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, Self, TypeVar, overload

import msgspec
import pydantic_core
from pydantic import ConfigDict, Field, PydanticUserError, SkipValidation, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from fastmcp.exceptions import ArgumentError, PromptError
from fastmcp.prompts.base import Prompt, PromptArgument, PromptResult
from fastmcp.utilities import mcp_types
from fastmcp.utilities.decorating import Decoration, attach, decorate
from fastmcp.utilities.hints import EMPTY
from fastmcp.utilities.signatures import FunctionCall, component_name, read_function

__all__ = ["FunctionPrompt", "PromptMeta", "prompt", "prompt_decoration"]

F = TypeVar("F", bound=Callable[..., Any])


class PromptMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What `@prompt(...)` says of a function, until it becomes a prompt."""

    name: str | None = None
    version: str | int | float | None = None
    title: str | None = None
    description: str | None = None
    icons: list[mcp_types.Icon] | None = None
    tags: set[str] | None = None
    meta: dict[str, Any] | None = None
    auth: Any = None


class FunctionPrompt(Prompt):
    """A prompt made of a function.

    Args:
        fn: the function.
        function: everything worked out about calling it.
        decoders: for the parameters that are not text: text -> value.
    """

    fn: SkipValidation[Callable[..., Any]] = Field(exclude=True, repr=False)
    function: SkipValidation[FunctionCall] = Field(exclude=True, repr=False)
    decoders: SkipValidation[dict[str, TypeAdapter[Any]]] = Field(exclude=True, repr=False)

    @classmethod
    def from_function(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        fn: Callable[..., Any],
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        tags: set[str] | None = None,
        meta: dict[str, Any] | None = None,
        auth: Any = None,
    ) -> Self:
        """A prompt that calls `fn`.

        Args:
            fn: a function; it returns text, a list of messages and texts, or a `PromptResult`.
            name: the function's by default.
            version: any; PEP 440 for a defined order.
            title: for people.
            description: the docstring's prose by default.
            icons: shown by clients.
            tags: the author's groups.
            meta: listed as `_meta`.
            auth: checks that decide who may see and get it.

        Raises:
            TypeError: `fn` cannot be called.
            ValueError: its parameters cannot be passed by name, or a lambda has no name.
        """
        return cls.of(
            fn,
            PromptMeta(
                name=name,
                version=version,
                title=title,
                description=description,
                icons=icons,
                tags=tags,
                meta=meta,
                auth=auth,
            ),
        )

    @classmethod
    def of(cls, fn: Callable[..., Any], facts: PromptMeta) -> Self:
        """A prompt that calls `fn`, with what `@prompt` said of it."""
        name = component_name(fn, facts.name)
        function = read_function(fn, noun="prompts")
        decoders = {
            name: adapter
            for name, parameter in function.parameters.items()
            if (adapter := _decoder(parameter)) is not None
        }
        properties: dict[str, dict[str, Any]] = function.schema["properties"]
        required = function.schema.get("required", [])
        described = facts.description is not None
        return cls.model_validate(
            {
                "name": name,
                "version": facts.version,
                "title": facts.title,
                "description": facts.description if described else function.doc.description,
                "icons": facts.icons,
                "tags": set(facts.tags or ()),
                "meta": facts.meta,
                "auth": facts.auth,
                "arguments": [
                    PromptArgument(
                        name=argument,
                        description=_describe(schema.get("description"), decoders.get(argument)),
                        required=argument in required,
                    )
                    for argument, schema in properties.items()
                ],
                "fn": function.fn,
                "function": function,
                "decoders": decoders,
            }
        )

    async def render(self, arguments: dict[str, Any] | None = None) -> PromptResult:
        given = arguments or {}
        self.check_required(given)
        # Names that are no arguments are left out: an injected parameter is not the client's.
        known = {name: given[name] for name in self.function.parameters if name in given}
        decoded = {name: self._decode(name, value) for name, value in known.items()}
        try:
            kwargs = self.function.validate(decoded)
        except pydantic_core.ValidationError as error:
            raise ArgumentError(str(error)) from error
        return self.convert_result(await self.function.invoke(kwargs))

    def _decode(self, name: str, value: Any) -> Any:
        adapter = self.decoders.get(name)
        if adapter is None or not isinstance(value, str):
            return value
        try:
            return _decode_text(adapter, value)
        except ValueError as error:
            raise PromptError(
                f"Could not convert argument '{name}' with value '{value}' to expected type"
                f" {self.function.parameters[name].annotation}. Error: {error}"
            ) from ArgumentError(str(error))


def _decode_text(adapter: TypeAdapter[Any], text: str) -> Any:
    """Text as it is where the type takes text; else decoded as JSON; else as pydantic reads it."""
    try:
        plain = adapter.validate_python(text)
    except pydantic_core.ValidationError:
        return adapter.validate_json(text)
    if isinstance(plain, str):
        return plain
    try:
        return adapter.validate_json(text)
    except pydantic_core.ValidationError:
        return plain


def _decoder(parameter: inspect.Parameter) -> TypeAdapter[Any] | None:
    """What decodes a parameter's text; None where it stays text."""
    hint = parameter.annotation
    if hint is EMPTY or hint is str:
        return None
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:
        return TypeAdapter(hint)  # a class with a configuration of its own


def _describe(description: str | None, decoder: TypeAdapter[Any] | None) -> str | None:
    """An argument's description, with a note on what to write if it is not text."""
    if decoder is None:
        return description
    try:
        schema = json.dumps(decoder.json_schema(), separators=(",", ":"))
    except (PydanticUserError, PydanticSchemaGenerationError, TypeError):
        return description
    note = (
        f"Provide a value matching the following JSON schema: {schema}."
        " Encode non-string values as JSON."
    )
    return f"{description}\n\n{note}" if description else note


Prompt.FUNCTION_PROMPT = FunctionPrompt

prompt_decoration: Decoration[FunctionPrompt, PromptMeta] = Decoration(
    noun="prompt", metadata=PromptMeta, build=FunctionPrompt.of
)
"""How functions become prompts: shared by `@prompt` and `@mcp.prompt`."""


@overload
def prompt(name_or_fn: F, /) -> F: ...
@overload
def prompt(
    name_or_fn: str | None = None,
    *,
    name: str | None = None,
    version: str | int | float | None = None,
    title: str | None = None,
    description: str | None = None,
    icons: list[mcp_types.Icon] | None = None,
    tags: set[str] | None = None,
    meta: dict[str, Any] | None = None,
    auth: Any = None,
) -> Callable[[F], F]: ...
def prompt(name_or_fn: Any = None, **given: Any) -> Any:
    """Say that a function is to be a prompt; `add_prompt` makes it one.

    Forms: `@prompt`, `@prompt()`, `@prompt("name")`, `@prompt(name="name", ...)`. The function
    itself is returned, with what was said in `fn.__fastmcp__`.
    """
    return decorate(prompt_decoration, name_or_fn, given, attach)
