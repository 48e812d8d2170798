"""Sampling: the server asks the client's model for a completion.

A handler gets the messages and the parameters and returns text or a whole result. Source:
2025-11-25, client/sampling. `handlers/` has handlers for the APIs of model vendors.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from fastmcp.client.context import RequestContext
from fastmcp.utilities.mcp_types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    CreateMessageResultWithTools,
    SamplingMessage,
    TextContent,
)

__all__ = [
    "RequestContext",
    "SamplingHandler",
    "SamplingHandlerResult",
    "SamplingMessage",
    "SamplingParams",
    "create_message",
]

SamplingParams: TypeAlias = CreateMessageRequestParams
SamplingHandlerResult: TypeAlias = str | CreateMessageResult | CreateMessageResultWithTools
SamplingHandler: TypeAlias = Callable[
    [list[SamplingMessage], SamplingParams, Any],
    SamplingHandlerResult | Awaitable[SamplingHandlerResult],
]
"""`(messages, params, context)`, plain or async, returns text or a result."""


async def create_message(
    handler: SamplingHandler, params: dict[str, Any], context: RequestContext
) -> dict[str, Any]:
    """The result of `sampling/createMessage`, ready for the wire."""
    asked = CreateMessageRequestParams.model_validate(params)
    given = handler(asked.messages, asked, context)
    result = await given if inspect.isawaitable(given) else given
    if isinstance(result, str):
        result = CreateMessageResult(
            role="assistant", model="fastmcp", content=TextContent(type="text", text=result)
        )
    dumped = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    dumped.pop("resultType", None)  # an input response is a bare object, not a Result
    return dumped
