"""Prompts: messages that a client may ask for by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmcp.prompts import base
from fastmcp.prompts.base import Message, Prompt, PromptArgument, PromptResult
from fastmcp.prompts.function_prompt import FunctionPrompt, prompt

if TYPE_CHECKING:
    from fastmcp.prompts.base import PromptMessage

__all__ = [
    "FunctionPrompt",
    "Message",
    "Prompt",
    "PromptArgument",
    "PromptMessage",
    "PromptResult",
    "prompt",
]


def __getattr__(name: str) -> Any:
    if name == "PromptMessage":  # a model of the protocol, loaded when it is asked for
        return base.PromptMessage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
