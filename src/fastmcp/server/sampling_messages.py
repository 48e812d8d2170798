"""The messages of a sampling: what an author gives, what the protocol allows, what a client says.

Three rules of SEP-1577 hold a conversation together (client/sampling, "Message Content
Constraints"): tool uses are the assistant's, their results the user's; a message with results holds
nothing else; and every use is followed at once by its result. Some model vendors refuse whatever
breaks them, so nothing that does is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from pydantic import ValidationError

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.server.asking import Asker, malformed
from fastmcp.tools.base import Tool
from fastmcp.utilities import mcp_types

__all__ = [
    "METHOD",
    "TOOLS_SINCE",
    "SamplingMessages",
    "check",
    "history_of",
    "read",
    "said",
    "uses_tools",
    "worded_for",
]

_MOST_USES: Final = 128
"""Tools that a model may use in one answer: each is run before it is asked again."""

SamplingMessages: TypeAlias = "str | Sequence[str | mcp_types.SamplingMessage]"

METHOD: Final = "sampling/createMessage"
TOOLS_SINCE: Final = "2025-11-25"
"""Tools, several blocks in a message, and capabilities for tools and context (SEP-1577)."""


def history_of(messages: SamplingMessages) -> list[mcp_types.SamplingMessage]:
    """A conversation of one's own, from what an author may give."""
    given: Sequence[Any] = [messages] if isinstance(messages, str) else messages
    if not given:
        raise ValueError("A sampling needs at least one message")
    return [
        said(message)
        if isinstance(message, str)
        else mcp_types.SamplingMessage.model_validate(message)
        for message in given
    ]


def said(text: str) -> mcp_types.SamplingMessage:
    """A text to the model."""
    content = mcp_types.TextContent(type="text", text=text)
    return mcp_types.SamplingMessage(role="user", content=content)


def _blocks(message: mcp_types.SamplingMessage, *types: str) -> list[Any]:
    return [block for block in message.content_as_list if block.type in types]


def uses_tools(history: Sequence[mcp_types.SamplingMessage]) -> bool:
    """Whether a conversation holds tool uses or their results."""
    return any(_blocks(message, "tool_use", "tool_result") for message in history)


def check(history: Sequence[mcp_types.SamplingMessage]) -> None:
    """Hold a conversation against "Message Content Constraints" (client/sampling).

    Raises:
        ValueError: it breaks one of them.
    """
    waiting: list[str] = []
    for place, message in enumerate(history):
        results = [block.tool_use_id for block in _blocks(message, "tool_result")]
        uses = [block.id for block in _blocks(message, "tool_use")]
        problem = None
        if results and len(results) != len(message.content_as_list):
            problem = "mixes tool results with other content: give those a message of their own"
        elif results and message.role != "user":
            problem = "holds tool results, so its role must be 'user'"
        elif uses and message.role != "assistant":
            problem = "holds tool uses, so its role must be 'assistant'"
        elif sorted(results) != sorted(waiting):
            problem = (
                f"must hold exactly the results of the tool uses before it: {waiting}"
                if waiting
                else f"holds results of tool uses that are not before it: {results}"
            )
        if problem is not None:
            raise ValueError(f"messages[{place}] {problem}")
        waiting = uses
    if waiting:
        raise ValueError(f"The messages end with tool uses that have no results: {waiting}")


def worded_for(history: Sequence[mcp_types.SamplingMessage], asker: Asker) -> list[dict[str, Any]]:
    """The messages as the client's version knows them: one block each, before there were lists."""
    dumped: list[dict[str, Any]] = [
        message.model_dump(by_alias=True, mode="json", exclude_none=True) for message in history
    ]
    if asker.version >= TOOLS_SINCE:
        return dumped
    one_each: list[dict[str, Any]] = []
    for message in dumped:
        content: Any = message["content"]
        blocks = cast("list[Any]", content) if isinstance(content, list) else [content]
        one_each += ({"role": message["role"], "content": block} for block in blocks)
    return one_each


def read(
    answer: dict[str, Any], tools: Mapping[str, Tool]
) -> mcp_types.CreateMessageResultWithTools:
    """The client's answer, if a conversation can go on with it.

    Raises:
        McpError: it cannot.
    """
    try:
        response = mcp_types.CreateMessageResultWithTools.model_validate(answer)
    except ValidationError as exc:
        raise malformed(METHOD, exc) from None
    blocks = response.content_as_list
    ids = [block.id for block in blocks if block.type == "tool_use"]
    wrong = None
    if any(block.type == "tool_result" for block in blocks):
        wrong = "the model answers with a tool's result, which only a server has"
    elif ids and not tools:
        wrong = "the model uses a tool, and it was offered none"
    elif len(ids) > _MOST_USES:
        wrong = f"the model uses more than {_MOST_USES} tools at once"
    elif len(set(ids)) != len(ids):
        wrong = "two of its tool uses have one id"
    if wrong is not None:
        raise McpError(INTERNAL_ERROR, f"The client's answer to {METHOD} is not valid: {wrong}")
    return response
