"""Message logging: the two looks, payloads only when asked for, and never a failed call."""

from __future__ import annotations

import json
import logging
from typing import Any

import pydantic
import pytest

from fastmcp.server.middleware import MiddlewareContext
from fastmcp.server.middleware.logging import LoggingMiddleware, StructuredLoggingMiddleware
from fastmcp.server.middleware.middleware import compose


class Message(pydantic.BaseModel):
    name: str
    arguments: dict[str, Any]


async def run(middleware: Any, error: Exception | None = None, **fields: Any) -> Any:
    async def handler(context: Any) -> Any:
        if error is not None:
            raise error
        return "result"

    fields = {"message": Message(name="add", arguments={"a": 1}), "method": "tools/call", **fields}
    return await compose([middleware], "tools/call", None, handler)(MiddlewareContext(**fields))


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)


async def test_words(caplog: pytest.LogCaptureFixture):
    assert await run(LoggingMiddleware()) == "result"
    start, end = caplog.messages
    assert start == "event=request_start method=tools/call source=client"
    assert end.startswith("event=request_success method=tools/call source=client duration_ms=")
    assert {record.name for record in caplog.records} == {"fastmcp.middleware.logging"}


async def test_json(caplog: pytest.LogCaptureFixture):
    await run(StructuredLoggingMiddleware(include_payloads=True, include_payload_length=True))
    start, end = map(json.loads, caplog.messages)
    payload = '{"name":"add","arguments":{"a":1}}'
    assert start == {
        "event": "request_start",
        "method": "tools/call",
        "source": "client",
        "payload_length": len(payload),
        "payload": payload,
        "payload_type": "Message",
    }
    assert end["event"] == "request_success"
    assert end["duration_ms"] >= 0


async def test_errors_are_logged_and_passed_on(caplog: pytest.LogCaptureFixture):
    with pytest.raises(ValueError, match="boo"):
        await run(LoggingMiddleware(), ValueError("boo"))
    record = caplog.records[-1]
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("event=request_error method=tools/call source=client")
    assert record.getMessage().endswith("error=boo")


async def test_payload_is_cut_and_estimated(caplog: pytest.LogCaptureFixture):
    middleware = LoggingMiddleware(
        include_payloads=True,
        estimate_payload_tokens=True,
        max_payload_length=5,
        payload_serializer=lambda message: "x" * 40,
    )
    await run(middleware)
    assert "payload_tokens=10 payload=xxxxx... payload_type=Message" in caplog.messages[0]


async def test_a_serializer_that_fails_does_not_fail_the_call(caplog: pytest.LogCaptureFixture):
    def broken(message: Any) -> str:
        raise RuntimeError("no")

    middleware = LoggingMiddleware(include_payloads=True, payload_serializer=broken)
    assert await run(middleware) == "result"
    assert "could not be written as text (RuntimeError: no)" in caplog.messages[0]


async def test_only_the_named_methods(caplog: pytest.LogCaptureFixture):
    await run(LoggingMiddleware(methods=["tools/list"]))
    assert caplog.messages == []


async def test_notifications(caplog: pytest.LogCaptureFixture):
    await run(LoggingMiddleware(), type="notification", method="notifications/cancelled")
    assert caplog.messages[0].startswith("event=notification_start method=notifications/cancelled")
