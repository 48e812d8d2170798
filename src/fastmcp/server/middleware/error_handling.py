"""Errors counted, logged and turned into JSON-RPC errors; and requests tried again.

Both judge an exception by its cause where it has one: a tool's `ValueError` arrives as the
`ToolError` that was raised from it.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from fastmcp.exceptions import McpError, NotFoundError
from fastmcp.server.middleware.middleware import CallNext, Middleware, MiddlewareContext

__all__ = ["ErrorHandlingMiddleware", "RetryMiddleware"]

ErrorCallback = Callable[[Exception, MiddlewareContext[Any]], None]

_MAX_STATS = 1000
"""Kinds of errors counted one by one; a client that invents methods cannot grow the table."""

# FastMCP's codes for errors its middleware transforms; users match on them.
_RESOURCE_NOT_FOUND = -32002
_NOT_FOUND = -32001
_SERVER_ERROR = -32000
_INVALID_PARAMS = -32602
_INTERNAL_ERROR = -32603


class ErrorHandlingMiddleware(Middleware):
    """Logs and counts errors, and sends them as JSON-RPC errors with a code that fits.

    Args:
        logger: where to; default `fastmcp.errors`.
        include_traceback: add the traceback to the log line.
        error_callback: called with every error and its message; what it raises is logged.
        transform_errors: turn errors into `McpError`; False passes them on as they are, so that
            a tool's error stays an `isError` result.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        include_traceback: bool = False,
        error_callback: ErrorCallback | None = None,
        transform_errors: bool = True,
    ) -> None:
        self.logger = logger or logging.getLogger("fastmcp.errors")
        self.include_traceback = include_traceback
        self.error_callback = error_callback
        self.transform_errors = transform_errors
        self.error_counts: Counter[str] = Counter()

    async def on_message(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        try:
            return await call_next(context)
        except Exception as error:
            self._report(error, context)
            if not self.transform_errors or isinstance(error, McpError):
                raise
            raise _as_mcp_error(error, context) from error

    def get_error_stats(self) -> dict[str, int]:
        """How often each kind of error came, by `<type>:<method>`."""
        return dict(self.error_counts)

    def _report(self, error: Exception, context: MiddlewareContext[Any]) -> None:
        kind = type(error).__name__
        method = context.method or "unknown"
        key = f"{kind}:{method}"
        if key in self.error_counts or len(self.error_counts) < _MAX_STATS:
            self.error_counts[key] += 1
        text = f"Error in {method}: {kind}: {error}"
        if self.include_traceback:
            text = f"{text}\n{''.join(traceback.format_exception(error))}"
        self.logger.error("%s", text)
        if self.error_callback is None:
            return
        try:
            self.error_callback(error, context)
        except Exception:
            self.logger.exception("The error_callback of ErrorHandlingMiddleware failed.")


class RetryMiddleware(Middleware):
    """Tries a request again when it failed for a reason that may pass.

    Only put it around handlers that may run twice.

    Args:
        max_retries: further tries after the first.
        base_delay: seconds before the first of them.
        max_delay: longest pause, seconds.
        backoff_multiplier: each pause is this many times the one before.
        retry_exceptions: which errors may pass; compared with the error and with its cause.
        logger: where to; default `fastmcp.retry`.
    """

    def __init__(
        self,
        max_retries: int = 3,
        base_delay: float = 1.0,
        max_delay: float = 60.0,
        backoff_multiplier: float = 2.0,
        retry_exceptions: tuple[type[Exception], ...] = (ConnectionError, TimeoutError),
        logger: logging.Logger | None = None,
    ) -> None:
        self.max_retries = max_retries
        self.base_delay = base_delay
        self.max_delay = max_delay
        self.backoff_multiplier = backoff_multiplier
        self.retry_exceptions = retry_exceptions
        self.logger = logger or logging.getLogger("fastmcp.retry")

    async def on_request(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        for attempt in range(self.max_retries):
            try:
                return await call_next(context)
            except Exception as error:
                if not self._may_pass(error):
                    raise
                delay = min(self.base_delay * self.backoff_multiplier**attempt, self.max_delay)
                self.logger.warning(
                    "Request %s failed (attempt %d/%d): %s: %s. Retrying in %.1fs...",
                    context.method,
                    attempt + 1,
                    self.max_retries + 1,
                    type(error).__name__,
                    error,
                    delay,
                )
            await asyncio.sleep(delay)
        return await call_next(context)

    def _may_pass(self, error: Exception) -> bool:
        return isinstance(error, self.retry_exceptions) or isinstance(
            error.__cause__, self.retry_exceptions
        )


def _as_mcp_error(error: Exception, context: MiddlewareContext[Any]) -> McpError:
    cause = error.__cause__ or error
    if isinstance(cause, (NotFoundError, FileNotFoundError, KeyError)):
        if (context.method or "").startswith("resources/"):
            return McpError(_RESOURCE_NOT_FOUND, f"Resource not found: {error}")
        return McpError(_NOT_FOUND, f"Not found: {error}")
    if isinstance(cause, (ValueError, TypeError)):
        return McpError(_INVALID_PARAMS, f"Invalid params: {error}")
    if isinstance(cause, PermissionError):
        return McpError(_SERVER_ERROR, f"Permission denied: {error}")
    if isinstance(cause, TimeoutError):
        return McpError(_SERVER_ERROR, f"Request timeout: {error}")
    return McpError(_INTERNAL_ERROR, f"Internal error: {error}")
