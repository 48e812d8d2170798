"""Sampling through Google's Gemini API.

A result of a tool names the tool there and not the call, so the call is looked up in the
conversation. What a model signs of its thoughts travels in `_meta` of the call, and goes back
with it if the server keeps that; otherwise the signature that the API documents for calls it did
not make itself stands in for it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from typing import Any, Final, cast

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
    from google.genai import Client, errors, types
except ImportError as exc:
    raise ImportError(
        "GoogleGenaiSamplingHandler needs the package google-genai: "
        "pip install 'fastmcp-streamline[gemini]'"
    ) from exc

__all__ = ["GoogleGenaiSamplingHandler"]

_SIGNATURE: Final = "google.dev/thoughtSignature"
_UNSIGNED: Final = b"skip_thought_signature_validator"
_CHOICES: Final = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
_STOPS: Final = {"STOP": "endTurn", "MAX_TOKENS": "maxTokens"}


class GoogleGenaiSamplingHandler:
    """Answers the server's requests for completions with a Gemini model.

    Args:
        default_model: used where the server's hints name no Gemini model.
        client: a `google.genai.Client`, for a key, an address or time-outs of your own; None for
            one made of the environment (GEMINI_API_KEY or GOOGLE_API_KEY).
        thinking_budget: how many tokens the model may think, 0 for none, None for its default.
    """

    sampling_capabilities = conversation.CAPABILITIES

    def __init__(
        self,
        default_model: str,
        client: Client | None = None,
        thinking_budget: int | None = None,
    ) -> None:
        self.client = client or Client()
        self.default_model = default_model
        self.thinking_budget = thinking_budget

    async def __call__(
        self, messages: list[SamplingMessage], params: CreateMessageRequestParams, context: Any
    ) -> CreateMessageResult | CreateMessageResultWithTools:
        model = conversation.choose_model(
            params.model_preferences, self.default_model, (), "gemini-"
        )
        config: dict[str, Any] = {
            "system_instruction": params.system_prompt,
            "temperature": params.temperature,
            "max_output_tokens": params.max_tokens,
            "stop_sequences": params.stop_sequences,
        }
        if self.thinking_budget is not None:
            config["thinking_config"] = {"thinking_budget": self.thinking_budget}
        if params.tools:
            declared = [
                {
                    "name": tool.name,
                    "description": tool.description or "",
                    "parameters_json_schema": _without_titles(conversation.input_schema(tool)),
                }
                for tool in params.tools
            ]
            mode = (params.tool_choice.mode if params.tool_choice else None) or "auto"
            config["tools"] = [{"function_declarations": declared}]
            config["tool_config"] = {"function_calling_config": {"mode": _CHOICES[mode]}}
            config["automatic_function_calling"] = {"disable": True}  # they are the server's tools
        contents, whole = _contents(messages), types.GenerateContentConfig(**config)
        try:
            models = cast("Any", self.client.aio.models)
            response: types.GenerateContentResponse = await models.generate_content(
                model=model, contents=contents, config=whole
            )
        except errors.APIError as exc:
            raise conversation.refused("Google", exc, exc.code) from exc
        except Exception as exc:  # of whichever HTTP package it found
            raise conversation.refused("Google", exc, None) from exc
        return _result(response, model, with_tools=bool(params.tools))


def _contents(messages: Iterable[SamplingMessage]) -> list[types.Content]:
    names: dict[str, str] = {}
    contents: list[types.Content] = []
    for message in messages:
        given = conversation.blocks(message)
        names |= {block.id: block.name for block in given if isinstance(block, ToolUseContent)}
        role = "user" if message.role == "user" else "model"
        parts = [_part(block, names) for block in given]
        if parts:
            contents.append(types.Content(role=role, parts=parts))
    return contents


def _part(block: conversation.Block, names: dict[str, str]) -> types.Part:
    if isinstance(block, TextContent):
        return types.Part(text=block.text)
    if isinstance(block, (ImageContent, AudioContent)):
        data = types.Blob(data=base64.b64decode(block.data), mime_type=block.mime_type)
        return types.Part(inline_data=data)
    if isinstance(block, ToolUseContent):
        signed = (block.meta or {}).get(_SIGNATURE)
        return types.Part(
            function_call=types.FunctionCall(id=block.id, name=block.name, args=block.input),
            thought_signature=_UNSIGNED if signed is None else base64.b64decode(signed),
        )
    texts: list[str] = []
    for part in conversation.result_blocks(block):
        if not isinstance(part, TextContent):
            raise conversation.unsupported(part, "a tool's result")
        texts.append(part.text)
    return types.Part(
        function_response=types.FunctionResponse(
            id=block.tool_use_id,
            name=_tool_of(block, names),
            response={"error" if block.is_error else "result": "\n".join(texts)},
        )
    )


def _tool_of(result: ToolResultContent, names: dict[str, str]) -> str:
    name = names.get(result.tool_use_id)
    if name is None:
        raise conversation.unsupported(
            result, "a conversation that does not hold the call it belongs to"
        )
    return name


def _without_titles(schema: Any) -> Any:
    """A schema without the titles that pydantic writes, which make some models call wrongly. A
    property that is called "title" stays."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value)
        for key, value in cast("dict[str, Any]", schema).items()
        if not (key == "title" and isinstance(value, str))
    }


def _result(
    response: types.GenerateContentResponse, model: str, *, with_tools: bool
) -> CreateMessageResult | CreateMessageResultWithTools:
    if not response.candidates:
        feedback = response.prompt_feedback
        reason = feedback.block_reason if feedback is not None else None
        why = f": the prompt was blocked ({reason.name})" if reason is not None else ""
        raise McpError(INTERNAL_ERROR, f"The model {model} gave no answer{why}")
    candidate = response.candidates[0]
    given: list[conversation.Block] = []
    for part in (candidate.content.parts if candidate.content is not None else None) or ():
        if part.thought:
            continue
        if part.text:
            given.append(TextContent(type="text", text=part.text))
        elif part.function_call is not None:
            given.append(_tool_use(part, part.function_call))
        elif part.inline_data is not None and part.inline_data.data is not None:
            given.append(_data(part.inline_data.data, part.inline_data.mime_type or ""))
    finished = candidate.finish_reason
    stop = None if finished is None else _STOPS.get(finished.name, finished.name)
    if any(isinstance(block, ToolUseContent) for block in given):
        stop = "toolUse"
    return conversation.answer(response.model_version or model, given, stop, with_tools=with_tools)


def _tool_use(part: types.Part, call: types.FunctionCall) -> ToolUseContent:
    name = call.name or "unknown"
    signed = part.thought_signature
    return ToolUseContent(
        type="tool_use",
        id=call.id or f"{name}_{secrets.token_hex(4)}",
        name=name,
        input=dict(call.args or {}),
        **(  # under its alias, as every `_meta`
            {} if signed is None else {"_meta": {_SIGNATURE: base64.b64encode(signed).decode()}}
        ),
    )


def _data(data: bytes, mime_type: str) -> ImageContent | AudioContent:
    text = base64.b64encode(data).decode()
    if mime_type.startswith("audio/"):
        return AudioContent(type="audio", data=text, mime_type=mime_type)
    return ImageContent(type="image", data=text, mime_type=mime_type)
