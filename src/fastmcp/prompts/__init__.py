"""Prompts: messages that a client may ask for by name."""

from fastmcp.prompts.base import Message, Prompt, PromptArgument, PromptMessage, PromptResult
from fastmcp.prompts.function_prompt import FunctionPrompt, prompt

__all__ = [
    "FunctionPrompt",
    "Message",
    "Prompt",
    "PromptArgument",
    "PromptMessage",
    "PromptResult",
    "prompt",
]
