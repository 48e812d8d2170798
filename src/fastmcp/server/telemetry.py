"""A request's span on the server: the handler runs inside it, and so does all that it calls.

What OpenTelemetry wants to know of a request is gathered here; what becomes of it is in
`utilities/tracing.py`. A session goes by its name, which gives no access: its id does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, TypeVar, cast

from fastmcp.server.context import Context
from fastmcp.utilities.tracing import Tracing

__all__ = ["traced"]

E = TypeVar("E")
R = TypeVar("R")
Handler: TypeAlias = Callable[[E, Context, dict[str, Any]], Awaitable[R]]

_OVER_HTTP: Final = ("streamable-http", "sse")


def traced(tracing: Tracing, handler: Handler[E, R]) -> Handler[E, R]:
    """A handler whose requests each have a span."""

    async def run(engine: E, context: Context, params: dict[str, Any]) -> R:
        method = context.call.method
        with tracing.incoming(method, params, _attributes(context)) as span:
            context.exchange.span = span
            result = await handler(engine, context, params)
            answer: object = result
            if isinstance(answer, dict):  # not as another worker wrote it
                span.answered(method, cast("dict[str, Any]", answer))
            return result

    return run


def _attributes(context: Context) -> dict[str, str]:
    call, session = context.call, context.session
    attributes = {
        "jsonrpc.request.id": str(call.id),
        "mcp.protocol.version": call.version,
        "network.transport": "tcp" if context.transport in _OVER_HTTP else "pipe",
    }
    if session is not None:
        attributes["mcp.session.id"] = session.name
    return attributes
