"""How a client begins and what it says in passing: initialize, discover, ping, log level,
notifications."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import ValidationError

from fastmcp.protocol import meta
from fastmcp.protocol.era2025 import initialize_result, read_initialize
from fastmcp.protocol.era2026 import discover_result
from fastmcp.protocol.errors import invalid_params, unfit_params
from fastmcp.protocol.tasks import TASKS_EXTENSION
from fastmcp.protocol.versions import Era
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.providers.base import About
from fastmcp.utilities import mcp_types

__all__ = ["HANDLERS", "capabilities", "notice", "pass_on"]

_logger: Final = logging.getLogger("fastmcp.server")

_ABOUT_ONE_HOP: Final = frozenset(
    ("notifications/initialized", "notifications/progress", "notifications/cancelled")
)
"""Notifications that concern a request, or the connection itself: who they are for is known."""


def capabilities(engine: Engine, context: Context, about: About | None = None) -> dict[str, Any]:
    """What this server offers to this client (ServerCapabilities).

    Args:
        about: what the servers behind it say of themselves.

    Changes are pushed on a session's own stream, and in the stateless era to who listens to them
    (`subscriptions/listen`). Without either (handshake era, stateless HTTP) they are not announced.
    Extensions are declared in the stateless era alone: the other schemas have no place for them.
    """
    pushed = context.session is not None or context.call.era is Era.STATELESS
    declared: dict[str, Any] = {
        "logging": {},
        "prompts": {"listChanged": pushed},
        "resources": {"subscribe": pushed, "listChanged": pushed},
        "tools": {"listChanged": pushed},
    }
    behind: Mapping[str, Any] = {} if about is None else about.capabilities
    if engine.completion_handler is not None or "completions" in behind:
        declared["completions"] = {}
    experimental: dict[str, Any] = {
        **behind.get("experimental", {}),
        **(engine.experimental_capabilities or {}),
    }
    if experimental:
        declared["experimental"] = experimental
    if context.call.era is Era.STATELESS:
        extensions: dict[str, Any] = {**behind.get("extensions", {}), **engine.extensions}
        extensions.pop(TASKS_EXTENSION, None)  # a task behind could not be looked after
        if engine.view(context).offers_tasks:
            extensions[TASKS_EXTENSION] = {}
        if extensions:
            declared["extensions"] = extensions
    return declared


async def _introduced(engine: Engine, context: Context) -> tuple[dict[str, Any], str | None]:
    """The server's capabilities and instructions, for this client."""
    about = None if engine.providers is None else await engine.providers.about()
    instructions = engine.instructions
    if instructions is None and about is not None:
        instructions = about.instructions
    return capabilities(engine, context, about), instructions


async def _initialize(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    version, _, _ = read_initialize(params)
    if not engine.middleware:
        offered, instructions = await _introduced(engine, context)
        return initialize_result(version, offered, engine.server_info, instructions)
    try:
        message = mcp_types.InitializeRequest.model_validate(
            {"method": "initialize", "params": params}
        )
    except ValidationError as exc:
        raise unfit_params(exc) from None
    result = await engine.through(context, "initialize", "on_initialize", message, _initialized)
    return _plain(result)


async def _initialized(engine: Engine, context: Context, message: Any) -> Any:
    """What a middleware's `call_next` gives for `initialize`."""
    version, _, _ = read_initialize(context.call.params)
    offered, instructions = await _introduced(engine, context)
    return mcp_types.InitializeResult.model_validate(
        initialize_result(version, offered, engine.server_info, instructions)
    )


async def _discover(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    if not engine.middleware:
        return discover_result(*await _introduced(engine, context))
    try:
        message = mcp_types.DiscoverRequest.model_validate(
            {"method": "server/discover", "params": params}
        )
    except ValidationError as exc:
        raise unfit_params(exc) from None
    result = await engine.through(context, "server/discover", "on_discover", message, _discovered)
    return _plain(result)


async def _discovered(engine: Engine, context: Context, message: Any) -> Any:
    return mcp_types.DiscoverResult.model_validate(
        discover_result(*await _introduced(engine, context))
    )


def _plain(result: Any) -> dict[str, Any]:
    if isinstance(result, dict):
        return cast("dict[str, Any]", result)
    # What nobody said is left out: the models' defaults would pass for the server's own hints.
    dumped = result.model_dump(by_alias=True, mode="json", exclude_none=True, exclude_unset=True)
    return cast("dict[str, Any]", dumped)


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
    elif engine.providers is not None and context.call.method not in _ABOUT_ONE_HOP:
        await pass_on(engine, context, context.call.method, params)
    return {}


async def pass_on(engine: Engine, context: Context, method: str, params: dict[str, Any]) -> None:
    """Let those behind this server hear a notification of the client's."""
    if engine.providers is not None:
        await engine.providers.hear(method, params)


HANDLERS: Final[dict[str, Handler]] = {
    "initialize": _initialize,
    "server/discover": _discover,
    "ping": _ping,
    "logging/setLevel": _set_level,
}
