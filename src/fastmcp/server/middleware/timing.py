"""How long requests take, as log lines.

`TimingMiddleware` writes one line per request, `DetailedTimingMiddleware` one per operation on
a component, with its name. Both measure what lies inside of them: put them first to include
the other middleware.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from fastmcp.server.middleware.middleware import CallNext, Middleware, MiddlewareContext

__all__ = ["DetailedTimingMiddleware", "TimingMiddleware"]


class _Timer(Middleware):
    def __init__(self, logger: logging.Logger, log_level: int) -> None:
        self.logger = logger
        self.log_level = log_level

    async def _timed(
        self, what: str, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        started = time.perf_counter()
        try:
            result = await call_next(context)
        except Exception as error:
            self.logger.log(
                self.log_level, "%s failed after %.2fms: %s", what, _since(started), error
            )
            raise
        self.logger.log(self.log_level, "%s completed in %.2fms", what, _since(started))
        return result


class TimingMiddleware(_Timer):
    """Logs the method and the time of every request.

    Args:
        logger: where to; default `fastmcp.timing`.
        log_level: a level of `logging`.
    """

    def __init__(self, logger: logging.Logger | None = None, log_level: int = logging.INFO) -> None:
        super().__init__(logger or logging.getLogger("fastmcp.timing"), log_level)

    async def on_request(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._timed(f"Request {context.method}", context, call_next)


class DetailedTimingMiddleware(_Timer):
    """Logs the time of every tool call, resource read, prompt and list, with its name.

    Args:
        logger: where to; default `fastmcp.timing.detailed`.
        log_level: a level of `logging`.
    """

    def __init__(self, logger: logging.Logger | None = None, log_level: int = logging.INFO) -> None:
        super().__init__(logger or logging.getLogger("fastmcp.timing.detailed"), log_level)

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._timed(f"Tool '{_field(context, 'name')}'", context, call_next)

    async def on_read_resource(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._timed(f"Resource '{_field(context, 'uri')}'", context, call_next)

    async def on_get_prompt(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._timed(f"Prompt '{_field(context, 'name')}'", context, call_next)

    async def on_list_tools(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._timed("List tools", context, call_next)

    async def on_list_resources(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._timed("List resources", context, call_next)

    async def on_list_resource_templates(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._timed("List resource templates", context, call_next)

    async def on_list_prompts(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        return await self._timed("List prompts", context, call_next)


def _field(context: MiddlewareContext[Any], name: str) -> Any:
    return getattr(context.message, name, "unknown")


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
