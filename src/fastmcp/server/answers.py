"""What a client answers to what it was asked, held against the protocol's models.

An answer comes as a response on the call's stream, in `inputResponses` of a retry or of a task's
update; it is a stranger's words in each case.
"""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from fastmcp.protocol.errors import invalid_params
from fastmcp.utilities import mcp_types

__all__ = ["Answer", "check_answer", "read_answer", "read_any"]

_Sampled: TypeAlias = "mcp_types.CreateMessageResult | mcp_types.CreateMessageResultWithTools"
Answer: TypeAlias = "mcp_types.ElicitResult | _Sampled | mcp_types.ListRootsResult"


@functools.cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    sampled = mcp_types.CreateMessageResult | mcp_types.CreateMessageResultWithTools
    return {
        "elicitation/create": TypeAdapter(mcp_types.ElicitResult),
        "sampling/createMessage": TypeAdapter(sampled),
        "roots/list": TypeAdapter(mcp_types.ListRootsResult),
        "": TypeAdapter(mcp_types.ElicitResult | sampled | mcp_types.ListRootsResult),
    }


def read_answer(method: str, answer: Any) -> Answer:
    """The model of an answer to a request of that method.

    Raises:
        ValidationError: it is none.
    """
    return _adapters()[method].validate_python(answer)


def read_any(answer: Any) -> Answer:
    """The same, where nobody knows what was asked: no two kinds of answers are alike."""
    return _adapters()[""].validate_python(answer)


def check_answer(key: str, method: str, answer: Any) -> Answer:
    """The same, for an entry of `inputResponses`.

    Raises:
        McpError: it is none; the text names the entry and what is wrong with it, and not what
            stood there.
    """
    try:
        return read_answer(method, answer)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid_params(
            f"Invalid params: inputResponses[{key!r}] does not answer {method} "
            f"({where or 'it'}: {first['msg']})"
        ) from None
