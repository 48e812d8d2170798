"""Several ASGI lifespans as one, for a parent application that mounts an MCP server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

__all__ = ["combine_lifespans"]


def combine_lifespans(
    *lifespans: Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]],
) -> Callable[[Any], AbstractAsyncContextManager[dict[str, Any]]]:
    """One lifespan that enters all of them in order and leaves them in reverse.

    Args:
        lifespans: functions of the application that return async context managers, such as
            a FastAPI lifespan and `mcp_app.lifespan`.
    Returns:
        A lifespan that yields what they yield, merged; a later one wins.
    """

    @asynccontextmanager
    async def combined(app: Any) -> AsyncGenerator[dict[str, Any]]:
        state: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            for lifespan in lifespans:
                state.update(await stack.enter_async_context(lifespan(app)) or {})
            yield state

    return combined
