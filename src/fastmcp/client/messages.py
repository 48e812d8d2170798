"""Everything the server says of its own accord, for users who want to see all of it.

A message handler is a function of one argument, or a `MessageHandler` with a method for each
kind. It sees notifications and exceptions of the transport; the server's requests are answered
by the sampling, elicitation and roots handlers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import pydantic

from fastmcp.protocol.subscriptions import (
    PROMPTS_CHANGED,
    RESOURCE_UPDATED,
    RESOURCES_CHANGED,
    TOOLS_CHANGED,
)
from fastmcp.utilities import mcp_types

__all__ = ["Message", "MessageHandler", "MessageHandlerT", "heard_by", "notification_of"]

Message: TypeAlias = mcp_types.ServerNotification | Exception
MessageHandlerT: TypeAlias = Callable[[Any], Awaitable[Any] | Any]

_HOOKS: Final[dict[str, str]] = {
    "notifications/cancelled": "on_cancelled",
    "notifications/progress": "on_progress",
    "notifications/message": "on_logging_message",
    TOOLS_CHANGED: "on_tool_list_changed",
    RESOURCES_CHANGED: "on_resource_list_changed",
    PROMPTS_CHANGED: "on_prompt_list_changed",
    RESOURCE_UPDATED: "on_resource_updated",
}


def heard_by(handler: MessageHandlerT | None) -> frozenset[str]:
    """The notifications that a message handler does something with: of a `MessageHandler` those
    whose methods are overridden."""
    if handler is None:
        return frozenset()
    if not isinstance(handler, MessageHandler):
        return frozenset(_HOOKS)

    def overrides(name: str) -> bool:
        own = getattr(type(handler), name, None)
        return own is not getattr(MessageHandler, name) or name in vars(handler)

    if any(map(overrides, ("__call__", "dispatch", "on_message", "on_notification"))):
        return frozenset(_HOOKS)
    return frozenset(method for method, hook in _HOOKS.items() if overrides(hook))


def notification_of(method: str, params: dict[str, Any]) -> mcp_types.ServerNotification | None:
    """The model of a notification; None where there is none or it does not fit."""
    message: dict[str, Any] = {"method": method}
    if params:
        message["params"] = params
    try:
        return mcp_types.server_notification_adapter.validate_python(message)
    except pydantic.ValidationError:
        return None


class MessageHandler:
    """Override what you want to hear. `on_message` comes first, then the narrower hooks."""

    async def __call__(self, message: Message) -> None:
        await self.dispatch(message)

    async def dispatch(self, message: Message) -> None:
        """Calls the hooks that fit a message, the widest first."""
        await self.on_message(message)
        if isinstance(message, Exception):
            await self.on_exception(message)
            return
        await self.on_notification(message)
        hook = _HOOKS.get(message.method)
        if hook is not None:
            await getattr(self, hook)(message)

    async def on_message(self, message: Message) -> None:
        """Any message."""

    async def on_notification(self, message: mcp_types.ServerNotification) -> None:
        """Any notification."""

    async def on_exception(self, message: Exception) -> None:
        """The transport failed outside of a call."""

    async def on_progress(self, message: mcp_types.ProgressNotification) -> None:
        """Progress of a call."""

    async def on_logging_message(self, message: mcp_types.LoggingMessageNotification) -> None:
        """A log message."""

    async def on_tool_list_changed(self, message: mcp_types.ToolListChangedNotification) -> None:
        """The server's tools changed."""

    async def on_resource_list_changed(
        self, message: mcp_types.ResourceListChangedNotification
    ) -> None:
        """The server's resources changed."""

    async def on_prompt_list_changed(
        self, message: mcp_types.PromptListChangedNotification
    ) -> None:
        """The server's prompts changed."""

    async def on_resource_updated(self, message: mcp_types.ResourceUpdatedNotification) -> None:
        """A resource the client subscribed to changed."""

    async def on_cancelled(self, message: mcp_types.CancelledNotification) -> None:
        """The server gave up a request of its own."""
