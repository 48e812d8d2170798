"""Sampling through Anthropic's Messages API, whose blocks are much like those of MCP."""

from __future__ import annotations

from typing import Any, Final, cast, get_args

from fastmcp.client.sampling.handlers import conversation
from fastmcp.utilities.mcp_types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    CreateMessageResultWithTools,
    ImageContent,
    SamplingMessage,
    TextContent,
    ToolResultContent,
    ToolUseContent,
)

try:
    import anthropic
    from anthropic.types import Message
    from anthropic.types.model import Model
except ImportError as exc:
    raise ImportError(
        "AnthropicSamplingHandler needs the package anthropic: "
        "pip install 'fastmcp-streamline[anthropic]'"
    ) from exc

__all__ = ["AnthropicSamplingHandler"]

_IMAGES: Final = ("image/gif", "image/jpeg", "image/png", "image/webp")
_STOPS: Final = {
    "end_turn": "endTurn",
    "max_tokens": "maxTokens",
    "stop_sequence": "stopSequence",
    "tool_use": "toolUse",
}
_CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}
_KNOWN: Final = tuple(
    name for part in get_args(Model) for name in get_args(part) if isinstance(name, str)
)


class AnthropicSamplingHandler:
    """Answers the server's requests for completions with a model of Anthropic.

    Args:
        default_model: used where the server's hints name no model of Anthropic.
        client: an `anthropic.AsyncAnthropic`, for a key, an address or time-outs of your own; None
            for one made of the environment (ANTHROPIC_API_KEY).
    """

    sampling_capabilities = conversation.CAPABILITIES

    def __init__(self, default_model: str, client: anthropic.AsyncAnthropic | None = None) -> None:
        self.client = client or anthropic.AsyncAnthropic()
        self.default_model = default_model

    async def __call__(
        self, messages: list[SamplingMessage], params: CreateMessageRequestParams, context: Any
    ) -> CreateMessageResult | CreateMessageResultWithTools:
        request: dict[str, Any] = {
            "model": conversation.choose_model(
                params.model_preferences, self.default_model, _KNOWN, "claude-"
            ),
            "messages": [
                {"role": message.role, "content": [_block(b, message.role) for b in given]}
                for message in messages
                if (given := conversation.blocks(message))
            ],
            "max_tokens": params.max_tokens,
            # Said, because without it the package refuses an answer that could take long.
            "timeout": self.client.timeout,
        }
        if params.system_prompt:
            request["system"] = params.system_prompt
        if params.temperature is not None:
            # Not every version of the package has the argument; the API has it.
            request["extra_body"] = {"temperature": params.temperature}
        if params.stop_sequences:
            request["stop_sequences"] = params.stop_sequences
        if params.tools:
            request["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description or "",
                    "input_schema": conversation.input_schema(tool),
                }
                for tool in params.tools
            ]
            if params.tool_choice is not None and params.tool_choice.mode is not None:
                request["tool_choice"] = {"type": _CHOICES[params.tool_choice.mode]}
        try:
            message: Message = await cast("Any", self.client).messages.create(**request)
        except anthropic.APIStatusError as exc:
            raise conversation.refused("Anthropic", exc, exc.status_code) from exc
        except anthropic.APIError as exc:
            raise conversation.refused("Anthropic", exc, None) from exc
        return _result(message, with_tools=bool(params.tools))


def _block(block: conversation.Block, role: str) -> dict[str, Any]:
    if isinstance(block, TextContent):
        return {"type": "text", "text": block.text}
    if isinstance(block, ToolUseContent):
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
    if isinstance(block, ToolResultContent):
        given = [_block(part, "user") for part in conversation.result_blocks(block)]
        return {
            "type": "tool_result",
            "tool_use_id": block.tool_use_id,
            "content": given,
            "is_error": bool(block.is_error),
        }
    if isinstance(block, ImageContent) and role == "user" and block.mime_type in _IMAGES:
        source = {"type": "base64", "media_type": block.mime_type, "data": block.data}
        return {"type": "image", "source": source}
    raise conversation.unsupported(block, f"a message of the {role}")


def _result(
    message: Message, *, with_tools: bool
) -> CreateMessageResult | CreateMessageResultWithTools:
    given: list[conversation.Block] = []
    for block in message.content:
        if block.type == "text":
            given.append(TextContent(type="text", text=block.text))
        elif block.type == "tool_use":
            called = cast("dict[str, Any]", block.input)
            given.append(
                ToolUseContent(type="tool_use", id=block.id, name=block.name, input=called)
            )
    stop = message.stop_reason
    reason = None if stop is None else _STOPS.get(stop, stop)
    return conversation.answer(message.model, given, reason, with_tools=with_tools)
