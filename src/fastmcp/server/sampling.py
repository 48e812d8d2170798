"""Sampling: a handler lets the client's model answer, with tools and with a type to answer in.

One question is one `sampling/createMessage`. Where the model uses tools they run here, and what
they gave goes back with the whole conversation: `sample_step` is one round of that, `sample` goes
on until the model has answered (2025-11-25, client/sampling, "Multi-turn Tool Loop"). An answer of
a type is asked for with a tool that takes such a value; of a client without tools, as JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeAlias, TypedDict, TypeVar, cast

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.server.asking import Asker, lacking
from fastmcp.server.sampling_messages import (
    METHOD,
    TOOLS_SINCE,
    SamplingMessages,
    check,
    history_of,
    read,
    said,
    uses_tools,
    worded_for,
)
from fastmcp.server.sampling_tools import FINAL, TypedAnswer, entry, run, tools_of
from fastmcp.tools.base import Tool
from fastmcp.utilities import mcp_types

__all__ = [
    "IncludeContext",
    "SampleStep",
    "SamplingMessages",
    "SamplingOptions",
    "SamplingResult",
    "ToolChoiceOption",
    "sample",
    "sample_step",
]

T = TypeVar("T")

ToolChoiceOption: TypeAlias = Literal["auto", "required", "none"]
IncludeContext: TypeAlias = Literal["none", "thisServer", "allServers"]

_TOOLS: Final[dict[str, Any]] = {"sampling": {"tools": {}}}

_MAX_ROUNDS: Final = 100
"""Rounds of one `sample` ("Both parties SHOULD implement iteration limits for tool loops")."""
_MAX_MISSES: Final = 3
"""Answers in a row that are not of the type asked for, before the one that ends the sampling."""


@dataclass(frozen=True)
class SamplingResult(Generic[T]):
    """What the client's model said in the end.

    Attributes:
        text: the text of the answer, a typed answer's JSON, or None where it holds none.
        result: the answer in the type that was asked for; its text where none was.
        history: the conversation with its last answer; `sample` and `sample_step` go on from it.
        message: the last `CreateMessageResult`, with the model's name and the reason it stopped.
    """

    text: str | None
    result: T
    history: list[mcp_types.SamplingMessage]
    message: mcp_types.CreateMessageResultWithTools


@dataclass(frozen=True)
class SampleStep:
    """One answer of the client's model, and what its tools gave.

    Attributes:
        response: the answer.
        history: the conversation with the answer and the tools' results.
    """

    response: mcp_types.CreateMessageResultWithTools
    history: list[mcp_types.SamplingMessage]

    @property
    def text(self) -> str | None:
        """The text of the answer, or None where it holds none."""
        texts = [b.text for b in self.response.content_as_list if b.type == "text"]
        return "".join(texts) if texts else None

    @property
    def tool_calls(self) -> list[mcp_types.ToolUseContent]:
        """What the model wants to call."""
        return [b for b in self.response.content_as_list if b.type == "tool_use"]

    @property
    def is_tool_use(self) -> bool:
        """Whether the model waits for tools."""
        return bool(self.tool_calls)


class SamplingOptions(TypedDict, total=False):
    """How the model is asked.

    Attributes:
        system_prompt: the system prompt the client may use.
        temperature: the sampling temperature.
        max_tokens: the most tokens to generate; 512 by default.
        model_preferences: preferences, or the names of models to hint at.
        tools: functions or tools that the model may use.
        tool_choice: "auto" (the model decides, the default), "required" (the first answer has to
            use a tool) or "none".
        tool_concurrency: how many tools run at the same time, 0 for any number; by default one
            after the other.
        mask_error_details: do not tell the model the text of unexpected errors; by default as the
            server does it with its clients.
        stop_sequences: texts at which the model stops.
        metadata: for the maker of the model.
        include_context: whose context the client adds; all but "none" are deprecated.
    """

    system_prompt: str | None
    temperature: float | None
    max_tokens: int | None
    model_preferences: mcp_types.ModelPreferences | str | Sequence[str] | None
    tools: Sequence[Tool | Callable[..., Any]] | None
    tool_choice: ToolChoiceOption | None
    tool_concurrency: int | None
    mask_error_details: bool | None
    stop_sequences: Sequence[str] | None
    metadata: Mapping[str, Any] | None
    include_context: IncludeContext | None


async def sample_step(
    asker: Asker,
    messages: SamplingMessages,
    execute_tools: bool,
    masked: bool,
    options: SamplingOptions,
) -> SampleStep:
    """Ask the model once; see `Context.sample_step`."""
    rounds = _Rounds(asker, messages, masked, options)
    return await rounds.ask(options.get("tool_choice"), execute_tools)


async def sample(
    asker: Asker,
    messages: SamplingMessages,
    result_type: Any,
    masked: bool,
    options: SamplingOptions,
) -> SamplingResult[Any]:
    """Ask the model until it has answered; see `Context.sample`."""
    rounds = _Rounds(asker, messages, masked, options)
    if result_type not in (None, str):
        return await _sample_typed(rounds, TypedAnswer.of(result_type))
    choice = options.get("tool_choice")
    for _ in range(_MAX_ROUNDS):
        step = await rounds.ask(choice)
        if not step.is_tool_use:
            return SamplingResult(step.text, step.text or "", step.history, step.response)
        choice = None  # a model that always had to use a tool would never answer
    raise _endless()


async def _sample_typed(rounds: _Rounds, typed: TypedAnswer) -> SamplingResult[Any]:
    """Go on until the model has given a value of the type."""
    choice: ToolChoiceOption | None = None
    how = typed.instruction
    if rounds.tools or rounds.takes_tools:
        if FINAL in rounds.tools:
            raise ValueError(f"With result_type, no tool may be called {FINAL!r}")
        rounds.tools[FINAL] = typed
        choice, how = "required", f"Call the tool {FINAL!r}."
    else:
        rounds.say(how)
    misses = 0
    for _ in range(_MAX_ROUNDS):
        step = await rounds.ask(choice)
        if not step.is_tool_use:
            typed.read_text(step.text or "")
        if typed.values:
            text = typed.adapter.dump_json(typed.values[0], by_alias=True).decode()
            return SamplingResult(text, typed.values[0], step.history, step.response)
        if not step.is_tool_use:
            rounds.say(f"{typed.complaint}\n{how}")
        elif all(use.name != FINAL for use in step.tool_calls):
            misses = 0
            continue
        misses += 1
        if misses > _MAX_MISSES:
            raise McpError(
                INTERNAL_ERROR,
                f"The client's model gave no answer of the type asked for in {misses} attempts. "
                f"{typed.complaint}",
            )
    raise _endless()


def _endless() -> McpError:
    return McpError(
        INTERNAL_ERROR,
        f"The client's model used tools for {_MAX_ROUNDS} rounds and gave no answer",
    )


class _Rounds:
    """A conversation with the client's model, round by round.

    Attributes:
        tools: what the model may use, by name.
        history: the conversation so far.
    """

    def __init__(
        self, asker: Asker, messages: SamplingMessages, masked: bool, options: SamplingOptions
    ) -> None:
        _check_options(options)
        self.tools = tools_of(options.get("tools"))
        self.history = history_of(messages)
        self._asker = asker
        self._options = options
        self._masked = masked if (own := options.get("mask_error_details")) is None else own

    @property
    def takes_tools(self) -> bool:
        """Whether the client can be asked to sample with tools."""
        known = self._asker.version >= TOOLS_SINCE
        return known and not lacking(_TOOLS, self._asker.capabilities)

    def say(self, text: str) -> None:
        """Add a message to the model."""
        self.history.append(said(text))

    async def ask(self, choice: ToolChoiceOption | None, execute_tools: bool = True) -> SampleStep:
        """One round: the model's answer, and the results of the tools it used."""
        check(self.history)
        asker, options = self._asker, self._options
        params = {"messages": worded_for(self.history, asker), **_params(options)}
        required: dict[str, Any] = {}
        if self.tools:
            params["tools"] = [entry(tool) for tool in self.tools.values()]
            if choice is not None:
                params["toolChoice"] = {"mode": choice}
        if self.tools or uses_tools(self.history):
            asker.demand(TOOLS_SINCE, "sampling with tools")
            required["tools"] = {}
        if options.get("include_context") in ("thisServer", "allServers"):
            required |= {"context": {}} if asker.version >= TOOLS_SINCE else {}
        answer = await asker.ask(METHOD, params, {"sampling": required})
        response = read(answer, {} if choice == "none" else self.tools)
        self.history.append(mcp_types.SamplingMessage(role="assistant", content=response.content))
        step = SampleStep(response, self.history)
        if execute_tools and step.is_tool_use:
            results = await self._use(step.tool_calls)
            self.history.append(mcp_types.SamplingMessage(role="user", content=list(results)))
        return step

    async def _use(
        self, uses: Sequence[mcp_types.ToolUseContent]
    ) -> list[mcp_types.ToolResultContent]:
        """What the model's tool uses give, in their order."""
        concurrency = self._options.get("tool_concurrency")
        if concurrency is None:
            return [await run(use, self.tools, self._masked) for use in uses]
        turn = asyncio.Semaphore(concurrency or len(uses))

        async def in_turn(use: mcp_types.ToolUseContent) -> mcp_types.ToolResultContent:
            async with turn:
                return await run(use, self.tools, self._masked)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(use)) for use in uses]
        return [task.result() for task in tasks]


def _check_options(options: SamplingOptions) -> None:
    unknown = options.keys() - SamplingOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"Sampling has no option {', '.join(sorted(unknown))}")
    tokens, at_once = options.get("max_tokens"), options.get("tool_concurrency")
    if tokens is not None and tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {tokens}")
    if at_once is not None and at_once < 0:
        raise ValueError(
            "tool_concurrency is None (one tool after the other), 0 (all at once) or a number of "
            f"tools, not {at_once}"
        )
    choice = options.get("tool_choice")
    if choice not in (None, "auto", "required", "none"):
        raise ValueError(f"tool_choice is 'auto', 'required' or 'none', not {choice!r}")
    if choice is not None and not options.get("tools"):
        raise ValueError(f"tool_choice={choice!r} needs tools to choose from")


def _params(options: SamplingOptions) -> dict[str, Any]:
    """The params that are the same in every round."""
    params: dict[str, Any] = {
        "maxTokens": options.get("max_tokens") or 512,
        "systemPrompt": options.get("system_prompt"),
        "temperature": options.get("temperature"),
        "modelPreferences": _preferences(options.get("model_preferences")),
        "stopSequences": options.get("stop_sequences"),
        "metadata": options.get("metadata"),
        "includeContext": options.get("include_context"),
    }
    return {name: value for name, value in params.items() if value is not None}


def _preferences(
    preferences: mcp_types.ModelPreferences | str | Sequence[str] | None,
) -> dict[str, Any] | None:
    if preferences is None:
        return None
    if isinstance(preferences, mcp_types.ModelPreferences):
        return preferences.model_dump(by_alias=True, mode="json", exclude_none=True)
    names = [preferences] if isinstance(preferences, str) else list(preferences)
    if not all(isinstance(cast("object", name), str) for name in names):
        raise ValueError(
            "model_preferences is a ModelPreferences, the name of a model or a list of names"
        )
    return {"hints": [{"name": name} for name in names]}
