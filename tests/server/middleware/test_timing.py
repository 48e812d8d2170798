"""Timing: one line per request or per operation, also for those that fail."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace
from typing import Any

import pytest

from fastmcp.server.middleware import MiddlewareContext
from fastmcp.server.middleware.middleware import TYPED_HOOKS, compose
from fastmcp.server.middleware.timing import DetailedTimingMiddleware, TimingMiddleware


async def run(middleware: Any, method: str, message: Any, error: Exception | None = None) -> Any:
    async def handler(context: Any) -> Any:
        if error is not None:
            raise error
        return "result"

    chain = compose([middleware], method, TYPED_HOOKS.get(method), handler)
    return await chain(MiddlewareContext(message=message, method=method))


async def test_requests(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    assert await run(TimingMiddleware(), "tools/call", None) == "result"
    with pytest.raises(ValueError, match="boo"):
        await run(TimingMiddleware(), "ping", None, ValueError("boo"))
    lines = caplog.messages
    assert re.fullmatch(r"Request tools/call completed in \d+\.\d\dms", lines[0])
    assert re.fullmatch(r"Request ping failed after \d+\.\d\dms: boo", lines[1])
    assert {record.name for record in caplog.records} == {"fastmcp.timing"}


@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("tools/call", "Tool 'x'"),
        ("resources/read", "Resource 'data://x'"),
        ("prompts/get", "Prompt 'x'"),
        ("tools/list", "List tools"),
        ("resources/list", "List resources"),
        ("resources/templates/list", "List resource templates"),
        ("prompts/list", "List prompts"),
    ],
)
async def test_operations(caplog: pytest.LogCaptureFixture, method: str, what: str):
    caplog.set_level(logging.INFO)
    message = SimpleNamespace(name="x", uri="data://x")
    await run(DetailedTimingMiddleware(), method, message)
    assert caplog.messages[0].startswith(f"{what} completed in ")
    assert caplog.records[0].name == "fastmcp.timing.detailed"


async def test_own_logger_and_level(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    await run(TimingMiddleware(logging.getLogger("mine"), logging.DEBUG), "ping", None)
    assert (caplog.records[0].name, caplog.records[0].levelno) == ("mine", logging.DEBUG)
