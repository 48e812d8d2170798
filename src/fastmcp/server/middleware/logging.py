"""Every message as a pair of log lines: one when it starts, one when it ends.

`LoggingMiddleware` writes `key=value` words, `StructuredLoggingMiddleware` one JSON object per
line. Payloads are left out unless asked for: they are the client's data and may hold secrets.
Neither reads HTTP headers, so credentials cannot get into a line this way.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pydantic_core

from fastmcp.server.middleware.middleware import CallNext, Middleware, MiddlewareContext

__all__ = ["LoggingMiddleware", "StructuredLoggingMiddleware"]

PayloadSerializer = Callable[[Any], str]

_CHARS_PER_TOKEN = 4
"""A rule of thumb for English text and JSON; the figure in the log is called an estimate."""


class _MessageLog(Middleware):
    """What both looks share: when a line is written and which facts are in it."""

    def __init__(
        self,
        logger: logging.Logger,
        log_level: int,
        include_payloads: bool,
        include_payload_length: bool,
        estimate_payload_tokens: bool,
        max_payload_length: int | None,
        methods: list[str] | None,
        payload_serializer: PayloadSerializer | None,
    ) -> None:
        self.logger = logger
        self.log_level = log_level
        self.include_payloads = include_payloads
        self.include_payload_length = include_payload_length
        self.estimate_payload_tokens = estimate_payload_tokens
        self.max_payload_length = max_payload_length
        self.methods = methods
        self.payload_serializer = payload_serializer

    def _format(self, facts: dict[str, Any]) -> str:
        raise NotImplementedError

    async def on_message(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        if self.methods and context.method not in self.methods:
            return await call_next(context)
        about = {"method": context.method or "unknown", "source": context.source}
        kind = context.type
        if self.logger.isEnabledFor(self.log_level):
            start = {"event": f"{kind}_start", **about, **self._payload(context)}
            self.logger.log(self.log_level, "%s", self._format(start))
        started = time.perf_counter()
        try:
            result = await call_next(context)
        except Exception as error:
            facts = {"event": f"{kind}_error", **about, "duration_ms": _since(started)}
            self.logger.error("%s", self._format({**facts, "error": str(error)}))
            raise
        if self.logger.isEnabledFor(self.log_level):
            facts = {"event": f"{kind}_success", **about, "duration_ms": _since(started)}
            self.logger.log(self.log_level, "%s", self._format(facts))
        return result

    def _payload(self, context: MiddlewareContext[Any]) -> dict[str, Any]:
        if not (
            self.include_payloads or self.include_payload_length or self.estimate_payload_tokens
        ):
            return {}
        payload = self._serialize(context.message)
        facts: dict[str, Any] = {}
        if self.estimate_payload_tokens:
            facts["payload_tokens"] = len(payload) // _CHARS_PER_TOKEN
        if self.include_payload_length:
            facts["payload_length"] = len(payload)
        if self.include_payloads:
            limit = self.max_payload_length
            if limit is not None and len(payload) > limit:
                payload = payload[:limit] + "..."
            facts["payload"] = payload
            facts["payload_type"] = type(context.message).__name__
        return facts

    def _serialize(self, message: Any) -> str:
        serialize = self.payload_serializer or _to_json
        try:
            return serialize(message)
        except Exception as error:
            # A line in a log must not fail the call it is about.
            self.logger.warning(
                "The payload of a %s could not be written as text (%s: %s); logging its repr. "
                "Give payload_serializer= a function that can.",
                type(message).__name__,
                type(error).__name__,
                error,
            )
            return repr(message)


class LoggingMiddleware(_MessageLog):
    """Logs messages as `key=value` words.

    Args:
        logger: where to; default `fastmcp.middleware.logging`.
        log_level: level of the lines of a message that goes well; errors are ERROR.
        include_payloads: add the message itself, as JSON.
        include_payload_length: add the number of its characters.
        estimate_payload_tokens: add a quarter of that number.
        max_payload_length: longer payloads are cut, in characters.
        methods: only these; None or empty for all.
        payload_serializer: message to text; default JSON.
    """

    def __init__(
        self,
        *,
        logger: logging.Logger | None = None,
        log_level: int = logging.INFO,
        include_payloads: bool = False,
        include_payload_length: bool = False,
        estimate_payload_tokens: bool = False,
        max_payload_length: int = 1000,
        methods: list[str] | None = None,
        payload_serializer: PayloadSerializer | None = None,
    ) -> None:
        super().__init__(
            logger or logging.getLogger("fastmcp.middleware.logging"),
            log_level,
            include_payloads,
            include_payload_length,
            estimate_payload_tokens,
            max_payload_length,
            methods,
            payload_serializer,
        )

    def _format(self, facts: dict[str, Any]) -> str:
        return " ".join(f"{key}={value}" for key, value in facts.items())


class StructuredLoggingMiddleware(_MessageLog):
    """Logs messages as one JSON object per line, for programs that read logs.

    Args:
        logger: where to; default `fastmcp.middleware.structured_logging`.
        log_level: level of the lines of a message that goes well; errors are ERROR.
        include_payloads: add the message itself, as a JSON string, whole.
        include_payload_length: add the number of its characters.
        estimate_payload_tokens: add a quarter of that number.
        methods: only these; None or empty for all.
        payload_serializer: message to text; default JSON.
    """

    def __init__(
        self,
        *,
        logger: logging.Logger | None = None,
        log_level: int = logging.INFO,
        include_payloads: bool = False,
        include_payload_length: bool = False,
        estimate_payload_tokens: bool = False,
        methods: list[str] | None = None,
        payload_serializer: PayloadSerializer | None = None,
    ) -> None:
        super().__init__(
            logger or logging.getLogger("fastmcp.middleware.structured_logging"),
            log_level,
            include_payloads,
            include_payload_length,
            estimate_payload_tokens,
            None,
            methods,
            payload_serializer,
        )

    def _format(self, facts: dict[str, Any]) -> str:
        return json.dumps(facts, default=str)


def _to_json(message: Any) -> str:
    return pydantic_core.to_json(message, by_alias=True, serialize_unknown=True).decode()


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
