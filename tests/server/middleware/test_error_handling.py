"""Errors: counted, logged, transformed; requests tried again with growing pauses."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from fastmcp.exceptions import McpError, NotFoundError, ToolError
from fastmcp.server.middleware import Middleware, MiddlewareContext
from fastmcp.server.middleware.error_handling import ErrorHandlingMiddleware, RetryMiddleware
from fastmcp.server.middleware.middleware import compose


async def run(middleware: Middleware, error: Exception, method: str = "tools/call") -> Any:
    async def handler(context: Any) -> Any:
        raise error

    chain = compose([middleware], method, None, handler)
    return await chain(MiddlewareContext(message=None, method=method))


@pytest.mark.parametrize(
    ("method", "error", "code", "text"),
    [
        ("tools/call", ValueError("x"), -32602, "Invalid params: x"),
        ("tools/call", TypeError("x"), -32602, "Invalid params: x"),
        ("tools/call", NotFoundError("x"), -32001, "Not found: x"),
        ("resources/read", NotFoundError("x"), -32002, "Resource not found: x"),
        ("resources/read", FileNotFoundError("x"), -32002, "Resource not found: x"),
        ("tools/call", PermissionError("x"), -32000, "Permission denied: x"),
        ("tools/call", TimeoutError("x"), -32000, "Request timeout: x"),
        ("tools/call", RuntimeError("x"), -32603, "Internal error: x"),
        ("tools/call", McpError(-5, "as it is"), -5, "as it is"),
    ],
)
async def test_transforms(method: str, error: Exception, code: int, text: str):
    with pytest.raises(McpError) as caught:
        await run(ErrorHandlingMiddleware(), error, method)
    assert (caught.value.error.code, caught.value.error.message) == (code, text)


async def test_the_cause_decides():
    error = ToolError("Error calling tool 'x': bad")
    error.__cause__ = ValueError("bad")
    with pytest.raises(McpError, match=r"^Invalid params: Error calling tool 'x': bad$"):
        await run(ErrorHandlingMiddleware(), error)


async def test_counts_logs_and_calls_back(caplog: pytest.LogCaptureFixture):
    seen: list[tuple[Exception, str | None]] = []
    middleware = ErrorHandlingMiddleware(
        error_callback=lambda error, context: seen.append((error, context.method)),
        transform_errors=False,
    )
    error = ToolError("no")
    for _ in range(2):
        with pytest.raises(ToolError, match="no"):
            await run(middleware, error)
    assert middleware.get_error_stats() == {"ToolError:tools/call": 2}
    assert caplog.messages == ["Error in tools/call: ToolError: no"] * 2
    assert seen == [(error, "tools/call")] * 2


async def test_a_callback_that_fails_is_logged(caplog: pytest.LogCaptureFixture):
    def broken(error: Exception, context: Any) -> None:
        raise RuntimeError("no")

    middleware = ErrorHandlingMiddleware(error_callback=broken, include_traceback=True)
    with pytest.raises(McpError):
        await run(middleware, ValueError("x"))
    assert "Traceback" in caplog.messages[0]
    assert "error_callback" in caplog.messages[1]


async def test_stats_are_bounded():
    middleware = ErrorHandlingMiddleware(logging.getLogger("quiet"))
    middleware.logger.setLevel(logging.CRITICAL)
    for number in range(1200):
        with pytest.raises(McpError):
            await run(middleware, ValueError("x"), f"made-up/{number}")
    assert len(middleware.get_error_stats()) == 1000


class Flaky:
    """Fails a number of times, then answers; keeps the pauses it was given."""

    def __init__(self, failures: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = failures
        self.error = error
        self.pauses: list[float] = []

        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        monkeypatch.setattr(asyncio, "sleep", pause)

    async def __call__(self, context: Any) -> str:
        if self.left:
            self.left -= 1
            raise self.error
        return "result"


async def retried(middleware: RetryMiddleware, handler: Flaky) -> Any:
    chain = compose([middleware], "tools/call", None, handler)
    return await chain(MiddlewareContext(message=None, method="tools/call"))


async def test_retries_what_may_pass(monkeypatch: pytest.MonkeyPatch):
    handler = Flaky(3, ConnectionError("net"), monkeypatch)
    assert await retried(RetryMiddleware(max_delay=3.0), handler) == "result"
    assert handler.pauses == [1.0, 2.0, 3.0]


async def test_gives_up_after_the_last(monkeypatch: pytest.MonkeyPatch):
    handler = Flaky(9, TimeoutError("slow"), monkeypatch)
    with pytest.raises(TimeoutError):
        await retried(RetryMiddleware(max_retries=2), handler)
    assert (len(handler.pauses), handler.left) == (2, 6)


async def test_retries_by_the_cause_of_a_tool_error(monkeypatch: pytest.MonkeyPatch):
    error = ToolError("Error calling tool 'x': net")
    error.__cause__ = ConnectionError("net")
    assert await retried(RetryMiddleware(), Flaky(1, error, monkeypatch)) == "result"


async def test_other_errors_pass_at_once(monkeypatch: pytest.MonkeyPatch):
    handler = Flaky(1, ValueError("bad"), monkeypatch)
    with pytest.raises(ValueError, match="bad"):
        await retried(RetryMiddleware(), handler)
    assert handler.pauses == []
