"""How a client begins and what it says in passing: initialize, discover, ping, log level,
notifications."""

from __future__ import annotations

import logging
from typing import Any, Final, cast

import mcp_types
from pydantic import ValidationError

from fastmcp.protocol import meta
from fastmcp.protocol.era2025 import initialize_result, read_initialize
from fastmcp.protocol.era2026 import discover_result
from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.versions import Era
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler

__all__ = ["HANDLERS", "capabilities", "notice"]

_logger: Final = logging.getLogger("fastmcp.server")


def capabilities(engine: Engine, context: Context) -> dict[str, Any]:
    """What this server offers to this client (ServerCapabilities).

    Changes are pushed on a session's own stream, so without a session (stateless HTTP) they
    are not announced. Nor in the stateless era, whose way to hear them
    (`subscriptions/listen`) is not served yet.
    """
    pushed = context.session is not None
    declared: dict[str, Any] = {
        "logging": {},
        "prompts": {"listChanged": pushed},
        "resources": {"subscribe": pushed, "listChanged": pushed},
        "tools": {"listChanged": pushed},
    }
    if engine.completion_handler is not None:
        declared["completions"] = {}
    if engine.extensions and context.call.era is Era.STATELESS:
        declared["extensions"] = dict(engine.extensions)
    if engine.experimental_capabilities:
        declared["experimental"] = dict(engine.experimental_capabilities)
    return declared


async def _initialize(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    version, _, _ = read_initialize(params)
    if not engine.middleware:
        return initialize_result(
            version, capabilities(engine, context), engine.server_info, engine.instructions
        )
    try:
        message = mcp_types.InitializeRequest.model_validate(
            {"method": "initialize", "params": params}
        )
    except ValidationError as exc:
        raise invalid_params(f"Invalid params: {exc}") from None
    result = await engine.through(context, "initialize", "on_initialize", message, _initialized)
    return _plain(result)


async def _initialized(engine: Engine, context: Context, message: Any) -> Any:
    """What a middleware's `call_next` gives for `initialize`."""
    version, _, _ = read_initialize(context.call.params)
    return mcp_types.InitializeResult.model_validate(
        initialize_result(
            version, capabilities(engine, context), engine.server_info, engine.instructions
        )
    )


async def _discover(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    if not engine.middleware:
        return discover_result(capabilities(engine, context), engine.instructions)
    try:
        message = mcp_types.DiscoverRequest.model_validate(
            {"method": "server/discover", "params": params}
        )
    except ValidationError as exc:
        raise invalid_params(f"Invalid params: {exc}") from None
    result = await engine.through(context, "server/discover", "on_discover", message, _discovered)
    return _plain(result)


async def _discovered(engine: Engine, context: Context, message: Any) -> Any:
    return mcp_types.DiscoverResult.model_validate(
        discover_result(capabilities(engine, context), engine.instructions)
    )


def _plain(result: Any) -> dict[str, Any]:
    if isinstance(result, dict):
        return cast("dict[str, Any]", result)
    return cast("dict[str, Any]", result.model_dump(by_alias=True, mode="json", exclude_none=True))


async def _ping(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    return {}


async def _set_level(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    level = params.get("level")
    if not isinstance(level, str) or level not in meta.LOG_LEVELS:
        raise invalid_params(f"Invalid params: level must be one of {', '.join(meta.LOG_LEVELS)}")
    session = context.session
    if session is not None:
        await session.set_log_level(level)
    return {}


async def notice(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Take a notification. An unknown one, or one about nothing we know, is ignored
    (basic/patterns/cancellation, "Error Handling")."""
    session = context.session
    if context.call.method == "notifications/cancelled" and session is not None:
        _logger.debug(
            "the client cancels request %r: %s", params.get("requestId"), params.get("reason")
        )
        await session.cancel_anywhere(params.get("requestId"))
    return {}


HANDLERS: Final[dict[str, Handler]] = {
    "initialize": _initialize,
    "server/discover": _discover,
    "ping": _ping,
    "logging/setLevel": _set_level,
}
