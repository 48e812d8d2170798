"""What the vendors' handlers have in common: how a conversation is read, and an answer written.

A message is a list of blocks in every vendor's API, each kind of block has its own form there,
and what has none is refused in words that say which block of which message it was. What the
vendor's API says when it fails is for the client's log: the server, which gets the error, is a
third party.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR, invalid_params
from fastmcp.protocol.jsonrpc import dump
from fastmcp.utilities import mcp_types
from fastmcp.utilities.mcp_types import (
    AudioContent,
    CreateMessageResult,
    CreateMessageResultWithTools,
    EmbeddedResource,
    ImageContent,
    ModelPreferences,
    ResourceLink,
    SamplingCapability,
    SamplingMessage,
    SamplingToolsCapability,
    TextContent,
    TextResourceContents,
    ToolResultContent,
    ToolUseContent,
)

__all__ = [
    "CAPABILITIES",
    "Block",
    "answer",
    "blocks",
    "choose_model",
    "input_schema",
    "refused",
    "result_blocks",
    "unsupported",
]

logger = logging.getLogger("fastmcp.client.sampling")

Block: TypeAlias = TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent

CAPABILITIES: Final = SamplingCapability(tools=SamplingToolsCapability())
"""What a client with one of these handlers declares, unless it is told otherwise."""


def blocks(message: SamplingMessage) -> list[Block]:
    """The content of a message, which may be one block or several."""
    content = message.content
    return content if isinstance(content, list) else [content]


def result_blocks(result: ToolResultContent) -> list[TextContent | ImageContent | AudioContent]:
    """What a tool gave back, as text, images and sounds. Structure without text is its JSON."""
    found: list[TextContent | ImageContent | AudioContent] = []
    for block in result.content:
        if isinstance(block, EmbeddedResource):
            if not isinstance(block.resource, TextResourceContents):
                raise unsupported(block, "a tool's result")
            found.append(TextContent(type="text", text=block.resource.text))
        elif isinstance(block, ResourceLink):
            found.append(TextContent(type="text", text=f"{block.name}: {block.uri}"))
        else:
            found.append(block)
    if not found and result.structured_content is not None:
        text = dump(result.structured_content).decode()
        found.append(TextContent(type="text", text=text))
    return found


def unsupported(block: object, where: str) -> McpError:
    """A block that a vendor has no form for. The fault is in the server's request."""
    kind = getattr(block, "type", type(block).__name__)
    mime = getattr(block, "mime_type", None)
    what = f"{kind} ({mime})" if mime else str(kind)
    return invalid_params(f"The client's model does not take {what} in {where}")


def choose_model(
    preferences: ModelPreferences | None, default: str, known: Sequence[str], own: str | None
) -> str:
    """The model that the server's hints mean (2025-11-25, client/sampling, "Model Hints": they are
    parts of names, in order of preference, and advisory).

    Args:
        preferences: of the server.
        default: where no hint fits, and where one fits it as well as others.
        known: the vendor's models.
        own: how names of the vendor's models begin: one that begins so and is not known is taken
            as it is, where it names more than the family; None for known models only.
    """
    for hint in (preferences.hints if preferences is not None else None) or ():
        name = hint.name
        if not name:
            continue
        if name in known:
            return name
        if name in default:
            return default
        fitting = [model for model in known if name in model]
        if fitting:
            return fitting[0]
        if own is not None and name.startswith(own) and any(map(str.isdigit, name)):
            return name
    return default


def input_schema(tool: mcp_types.Tool) -> dict[str, Any]:
    """The schema of a tool's arguments, with the type that vendors insist on."""
    return {"type": "object", **tool.input_schema}


def answer(
    model: str,
    given: Iterable[Block],
    stop_reason: str | None,
    *,
    with_tools: bool,
) -> CreateMessageResult | CreateMessageResultWithTools:
    """The result of sampling.

    Args:
        model: that answered.
        given: what it said.
        stop_reason: in the words of MCP where it has them, else in the vendor's.
        with_tools: whether the server offered tools, and so may get several blocks.
    Raises:
        McpError: the model said nothing.
    """
    content = list(given)
    if with_tools and content:
        return CreateMessageResultWithTools(
            role="assistant", model=model, content=content, stop_reason=stop_reason
        )
    texts = [block.text for block in content if isinstance(block, TextContent)]
    single: TextContent | ImageContent | AudioContent | None = None
    if texts:
        single = TextContent(type="text", text="".join(texts))
    for block in content:
        if single is None and isinstance(block, (ImageContent, AudioContent)):
            single = block
    if single is None:
        hint = "; maxTokens was too small for an answer" if stop_reason == "maxTokens" else ""
        raise McpError(
            INTERNAL_ERROR,
            f"The model {model} gave no answer (it stopped because of {stop_reason!r}{hint})",
        )
    return CreateMessageResult(
        role="assistant", model=model, content=single, stop_reason=stop_reason
    )


def refused(vendor: str, exc: Exception, status: int | None) -> McpError:
    """A failure of the vendor's API, as the server may hear of it; the log says more.

    Args:
        vendor: whose API.
        exc: what its package raised.
        status: of the HTTP response, None where there was none.
    """
    logger.warning("Sampling failed: %s", exc)
    if status is None:
        said = "could not be reached"
    elif status in (401, 403):
        said = f"does not let this client in (HTTP {status})"
    elif status == 429:
        said = "is asked too often by this client (HTTP 429)"
    else:
        said = f"refused the request (HTTP {status})"
    return McpError(INTERNAL_ERROR, f"The API of {vendor} {said}; the client's log says more")
