"""A prompt, its messages, and what rendering one gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from fastmcp.exceptions import ArgumentError
from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import FastMCPComponent, dump_model
from fastmcp.utilities.model_fields import Content
from fastmcp.utilities.serialization import to_text
from fastmcp.utilities.types import content_blocks

__all__ = [
    "InputRequiredPromptResult",
    "Message",
    "Prompt",
    "PromptArgument",
    "PromptMessage",
    "PromptResult",
]

if TYPE_CHECKING:
    from fastmcp.utilities.mcp_types import PromptMessage
else:

    def __getattr__(name: str) -> Any:
        if name == "PromptMessage":
            return mcp_types.PromptMessage
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Message(BaseModel):
    """One message of a prompt.

    Args:
        content: text, a content block, or any value, which becomes JSON text.
        role: who says it.
    """

    model_config = ConfigDict(defer_build=True)

    role: Literal["user", "assistant"]
    content: Content

    def __init__(self, content: Any, role: Literal["user", "assistant"] = "user") -> None:
        if not isinstance(content, content_blocks()):
            text = content if isinstance(content, str) else to_text(content)
            content = mcp_types.TextContent(type="text", text=text)
        super().__init__(role=role, content=content)

    def to_wire(self) -> dict[str, Any]:
        """The JSON-ready message."""
        return {"role": self.role, "content": dump_model(self.content)}

    def to_mcp_prompt_message(self) -> PromptMessage:
        """The protocol's model of the message."""
        return mcp_types.PromptMessage(role=self.role, content=self.content)


class PromptArgument(BaseModel):
    """An argument of a prompt; its value is always text.

    Args:
        name: what clients call it.
        description: what to give for it.
        required: whether the prompt can do without.
        title: for people.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    name: str
    description: str | None = None
    required: bool = False
    title: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """The JSON-ready argument."""
        return self.model_dump(mode="json", exclude_none=True)


class PromptResult:
    """What rendering gives.

    Args:
        messages: text for one user message, or a list of `Message`.
        description: of the result.
        meta: the result's `_meta`.

    Raises:
        TypeError: `messages` is or has something else.
    """

    __slots__ = ("description", "messages", "meta")

    def __init__(
        self,
        messages: str | list[Message],
        description: str | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        self.messages: list[Message] = _messages(messages)
        self.description = description
        self.meta = meta

    def to_wire(self) -> dict[str, Any]:
        """The JSON-ready result."""
        wire: dict[str, Any] = {"messages": [message.to_wire() for message in self.messages]}
        if self.description is not None:
            wire["description"] = self.description
        if self.meta is not None:
            wire["_meta"] = self.meta
        return wire

    def to_mcp_prompt_result(self) -> mcp_types.GetPromptResult:
        """The protocol's model of the result."""
        return mcp_types.GetPromptResult.model_validate(self.to_wire())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PromptResult):
            return NotImplemented
        return self.to_wire() == other.to_wire()

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"PromptResult({self.messages!r}, description={self.description!r})"


class InputRequiredPromptResult(PromptResult):
    """What a prompt returns that asks its client before it can be rendered (2026-07-28,
    basic/patterns/mrtr). A prompt may return the `InputRequiredResult` itself.

    Args:
        input_required: the questions, and what the prompt wants to have back with the answers.
    """

    __slots__ = ("input_required",)

    def __init__(self, input_required: mcp_types.InputRequiredResult) -> None:
        super().__init__([])
        self.input_required = input_required

    def to_wire(self) -> dict[str, Any]:
        return dump_model(self.input_required)


def _messages(given: Any) -> list[Message]:
    if isinstance(given, str):
        return [Message(given)]
    if not isinstance(given, list):
        raise TypeError(f"messages must be str or list[Message], got {type(given).__name__}")
    items = cast("list[Any]", given)
    for index, item in enumerate(items):
        if not isinstance(item, Message):
            raise TypeError(
                f"messages[{index}] must be Message, got {type(item).__name__}."
                f" Use Message({item!r}) to wrap the value."
            )
    return items


class Prompt(FastMCPComponent):
    """Messages that a client can ask for by name.

    Args:
        arguments: what the client may give, all of it text.
    """

    KEY_PREFIX: ClassVar[str] = "prompt"
    # What `from_function` makes. It is a subclass, so its module sets this when imported.
    FUNCTION_PROMPT: ClassVar[type[Prompt]]

    arguments: list[PromptArgument] = Field(default_factory=list[PromptArgument])

    async def render(self, arguments: dict[str, Any] | None = None) -> PromptResult:
        """The messages for these arguments.

        Raises:
            ArgumentError: a required argument is missing.
            PromptError: the prompt cannot be rendered; the text is for the client.
        """
        raise NotImplementedError(f"{type(self).__name__} must override render()")

    def check_required(self, arguments: dict[str, Any]) -> None:
        """Refuse arguments that lack a required one.

        Raises:
            ArgumentError: naming those that are missing.
        """
        missing = {a.name for a in self.arguments if a.required} - set(arguments)
        if missing:
            names = ", ".join(map(repr, sorted(missing)))
            raise ArgumentError(f"Missing required arguments: {{{names}}}")

    def convert_result(self, value: Any) -> PromptResult:
        """Whatever a function returned, as a result.

        Raises:
            TypeError: it is no text, no list of messages and texts, and no `PromptResult`.
        """
        if isinstance(value, PromptResult):
            return value
        if mcp_types.is_loaded() and isinstance(value, mcp_types.InputRequiredResult):
            return InputRequiredPromptResult(value)
        if isinstance(value, str | Message):
            return PromptResult([_message(value)], self.description, self.meta_of_result())
        if not isinstance(value, list | tuple):
            raise TypeError(
                "Prompt must return str, list[Message], or PromptResult, got"
                f" {type(value).__name__}"
            )
        messages: list[Message] = []
        for index, item in enumerate(cast("list[Any]", value)):
            if not isinstance(item, str | Message):
                raise TypeError(
                    f"messages[{index}] must be Message or str, got {type(item).__name__}."
                    f" Use Message({item!r}) to wrap the value."
                )
            messages.append(_message(item))
        return PromptResult(messages, self.description, self.meta_of_result())

    def meta_of_result(self) -> dict[str, Any] | None:
        """The author's `meta`, which a result carries too, without `fastmcp` facts."""
        return {k: v for k, v in (self.meta or {}).items() if k != "fastmcp"} or None

    def _make_wire(self) -> dict[str, Any]:
        entry = self._wire_base()
        entry["arguments"] = [argument.to_wire() for argument in self.arguments]
        return entry

    def to_mcp_prompt(self, **overrides: Any) -> mcp_types.Prompt:
        """The protocol's model; `overrides` are its fields by their Python names."""
        model = mcp_types.Prompt.model_validate(self.to_wire())
        return model.model_copy(update=overrides) if overrides else model

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
        meta: dict[str, Any] | None = None,
        auth: Any = None,
    ) -> Prompt:
        """A prompt that calls `fn`; see `FunctionPrompt.from_function`."""
        return Prompt.FUNCTION_PROMPT.from_function(
            fn,
            name=name,
            version=version,
            title=title,
            description=description,
            icons=icons,
            tags=tags,
            meta=meta,
            auth=auth,
        )


def _message(item: str | Message) -> Message:
    return Message(item) if isinstance(item, str) else item
