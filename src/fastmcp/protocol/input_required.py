"""An answer that asks: what stands in an `input_required` result, and in the retry that follows.

Source: 2026-07-28, basic/patterns/mrtr.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.jsonrpc import as_object

__all__ = ["ASKS", "INPUT_REQUIRED", "SINCE", "input_responses", "required"]

INPUT_REQUIRED: Final = "input_required"

ASKS: Final = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
"""What may be asked, and the client capability that it takes."""

SINCE: Final = {"elicitation/create": "2025-06-18"}
"""What may be asked in a version and those that follow; what is not here, in all of them."""


def input_responses(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answers in a request, or None where it has none.

    Raises:
        McpError: they are no object.
    """
    if "inputResponses" not in params:
        return None
    responses = as_object(params["inputResponses"])
    if responses is None:
        raise invalid_params("Invalid params: inputResponses must be an object")
    return responses


def required(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `ClientCapabilities` that a client needs to be asked this."""
    name = ASKS[method]
    if method == "elicitation/create" and params.get("mode") == "url":
        return {name: {"url": {}}}
    if method == "sampling/createMessage" and params.get("tools"):
        return {name: {"tools": {}}}
    return {name: {}}
