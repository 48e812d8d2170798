"""Sampling through OpenAI's Chat Completions API, and the many servers that speak it as well.

Results of tools are messages of their own there, and images and sounds are the user's only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, cast, get_args

from fastmcp.client.sampling.handlers import conversation
from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.utilities.mcp_types import (
    AudioContent,
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
    import openai
    from openai.types.chat import ChatCompletion
    from openai.types.chat_model import ChatModel
except ImportError as exc:
    raise ImportError(
        "OpenAISamplingHandler needs the package openai: pip install 'fastmcp-streamline[openai]'"
    ) from exc

__all__ = ["OpenAISamplingHandler"]

_IMAGES: Final = ("image/gif", "image/jpeg", "image/png", "image/webp")
_SOUNDS: Final = {
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
}
_STOPS: Final = {"stop": "endTurn", "length": "maxTokens", "tool_calls": "toolUse"}


class OpenAISamplingHandler:
    """Answers the server's requests for completions with a model of OpenAI.

    Args:
        default_model: used where the server's hints name no model of OpenAI.
        client: an `openai.AsyncOpenAI`, for a key, an address or time-outs of your own; None for
            one made of the environment (OPENAI_API_KEY).
    """

    sampling_capabilities = conversation.CAPABILITIES

    def __init__(self, default_model: str, client: openai.AsyncOpenAI | None = None) -> None:
        self.client = client or openai.AsyncOpenAI()
        self.default_model = default_model

    async def __call__(
        self, messages: list[SamplingMessage], params: CreateMessageRequestParams, context: Any
    ) -> CreateMessageResult | CreateMessageResultWithTools:
        request: dict[str, Any] = {
            "model": conversation.choose_model(
                params.model_preferences, self.default_model, get_args(ChatModel), None
            ),
            "messages": _messages(params.system_prompt, messages),
            "max_completion_tokens": params.max_tokens,
        }
        if params.temperature is not None:
            request["temperature"] = params.temperature
        if params.stop_sequences:
            request["stop"] = params.stop_sequences
        if params.tools:
            request["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description or "",
                        "parameters": conversation.input_schema(tool),
                    },
                }
                for tool in params.tools
            ]
            if params.tool_choice is not None and params.tool_choice.mode is not None:
                request["tool_choice"] = params.tool_choice.mode
        try:
            completion: ChatCompletion = await cast("Any", self.client).chat.completions.create(
                **request
            )
        except openai.APIStatusError as exc:
            raise conversation.refused("OpenAI", exc, exc.status_code) from exc
        except openai.APIError as exc:
            raise conversation.refused("OpenAI", exc, None) from exc
        return _result(completion, with_tools=bool(params.tools))


def _messages(system: str | None, messages: Iterable[SamplingMessage]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in messages:
        parts: list[dict[str, Any]] = []
        calls: list[dict[str, Any]] = []
        for block in conversation.blocks(message):
            if isinstance(block, ToolResultContent):  # before what the user says about it
                sent.append(_tool_result(block))
            elif isinstance(block, ToolUseContent):
                called = {"name": block.name, "arguments": json.dumps(block.input)}
                calls.append({"id": block.id, "type": "function", "function": called})
            else:
                parts.append(_part(block, message.role))
        if not parts and not calls:
            continue
        whole: dict[str, Any] = {"role": message.role}
        if len(parts) == 1 and parts[0]["type"] == "text":
            whole["content"] = parts[0]["text"]
        elif parts or not calls:
            whole["content"] = parts
        if calls:
            whole["tool_calls"] = calls
        sent.append(whole)
    return sent


def _part(block: TextContent | ImageContent | AudioContent, role: str) -> dict[str, Any]:
    if isinstance(block, TextContent):
        return {"type": "text", "text": block.text}
    if role == "user":
        if isinstance(block, ImageContent) and block.mime_type in _IMAGES:
            url = f"data:{block.mime_type};base64,{block.data}"
            return {"type": "image_url", "image_url": {"url": url}}
        if isinstance(block, AudioContent) and block.mime_type in _SOUNDS:
            sound = {"data": block.data, "format": _SOUNDS[block.mime_type]}
            return {"type": "input_audio", "input_audio": sound}
    raise conversation.unsupported(block, f"a message of the {role}")


def _tool_result(result: ToolResultContent) -> dict[str, Any]:
    texts: list[str] = []
    for block in conversation.result_blocks(result):
        if not isinstance(block, TextContent):
            raise conversation.unsupported(block, "a tool's result")
        texts.append(block.text)
    return {"role": "tool", "tool_call_id": result.tool_use_id, "content": "\n".join(texts)}


def _result(
    completion: ChatCompletion, *, with_tools: bool
) -> CreateMessageResult | CreateMessageResultWithTools:
    if not completion.choices:
        raise McpError(INTERNAL_ERROR, f"The model {completion.model} gave no answer")
    choice = completion.choices[0]
    said = choice.message
    given: list[conversation.Block] = []
    text = said.content or said.refusal
    if text:
        given.append(TextContent(type="text", text=text))
    for call in said.tool_calls or ():
        if call.type == "function":
            arguments = _arguments(call.function.name, call.function.arguments)
            given.append(
                ToolUseContent(
                    type="tool_use", id=call.id, name=call.function.name, input=arguments
                )
            )
    stop = _STOPS.get(choice.finish_reason, choice.finish_reason)
    if any(isinstance(block, ToolUseContent) for block in given):
        stop = "toolUse"  # a tool that had to be used is reported as "stop"
    return conversation.answer(completion.model, given, stop, with_tools=with_tools)


def _arguments(tool: str, text: str) -> dict[str, Any]:
    try:
        arguments: object = json.loads(text or "{}")
    except json.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise McpError(INTERNAL_ERROR, f"The model called {tool} with what is no JSON object")
    return cast("dict[str, Any]", arguments)
