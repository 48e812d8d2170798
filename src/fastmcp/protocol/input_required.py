"""An answer that asks: what stands in an `input_required` result, and in the retry that follows.

Source: 2026-07-28, basic/patterns/mrtr.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.jsonrpc import as_object

__all__ = ["ASKS", "INPUT_REQUIRED", "fits", "input_responses", "missing", "required"]

INPUT_REQUIRED: Final = "input_required"

ASKS: Final = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
"""What may be asked, and the client capability that it takes."""

_ACTIONS: Final = ("accept", "decline", "cancel")
_ROLES: Final = ("user", "assistant")


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


def fits(method: str, answer: Any) -> bool:
    """Whether this can be an answer to a request of that method."""
    found = as_object(answer)
    if found is None:
        return False
    if method == "elicitation/create":
        content = found.get("content")
        return found.get("action") in _ACTIONS and (content is None or isinstance(content, dict))
    if method == "sampling/createMessage":
        return (
            found.get("role") in _ROLES
            and isinstance(found.get("model"), str)
            and isinstance(found.get("content"), (dict, list))
        )
    roots = found.get("roots")
    return isinstance(roots, list) and all(
        isinstance(root, dict) and isinstance(cast("dict[str, Any]", root).get("uri"), str)
        for root in cast("list[Any]", roots)
    )


def required(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `ClientCapabilities` that a client needs to be asked this."""
    name = ASKS[method]
    if method == "elicitation/create" and params.get("mode") == "url":
        return {name: {"url": {}}}
    if method == "sampling/createMessage" and params.get("tools"):
        return {name: {"tools": {}}}
    return {name: {}}


def missing(wanted: Mapping[str, Any], declared: Mapping[str, Any]) -> bool:
    """Whether a client did not declare a capability.

    Args:
        wanted: as `required` gives it.
        declared: the client's capabilities.
    """
    for name, parts in wanted.items():
        have = as_object(declared.get(name))
        if have is None or any(part not in have for part in parts):
            return True
        # A client that names modes of elicitation has no others (client/elicitation,
        # "Capabilities"); an empty object stands for forms.
        if name == "elicitation" and not parts and have and "form" not in have:
            return True
    return False
