"""Log messages of the server, and where they go unless the user says otherwise.

They are a server's words about itself: the default handler writes them to the logger
`fastmcp.client.from_server`, at the nearest of Python's levels.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from fastmcp.protocol.meta import LOG_LEVELS
from fastmcp.utilities.mcp_types import LoggingLevel, LoggingMessageNotificationParams

__all__ = ["LogHandler", "LogMessage", "check_level", "default_log_handler"]

from_server = logging.getLogger("fastmcp.client.from_server")

LogMessage: TypeAlias = LoggingMessageNotificationParams
"""`.level`, `.logger` and `.data` (FastMCP servers send `{"msg": ..., "extra": ...}`)."""

LogHandler: TypeAlias = Callable[[LogMessage], Awaitable[Any] | Any]
"""`(message)`, plain or async."""

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "alert": logging.CRITICAL,
    "emergency": logging.CRITICAL,
}


def check_level(level: LoggingLevel) -> LoggingLevel:
    """A level of the protocol. A server refuses every request that has another.

    Raises:
        ValueError: none of them.
    """
    if level not in LOG_LEVELS:
        raise ValueError(f"A log level is one of {', '.join(LOG_LEVELS)}, not {level!r}.")
    return level


async def default_log_handler(message: LogMessage) -> None:
    """Writes a server's message to the log of the client."""
    origin = f" ({message.logger})" if message.logger else ""
    from_server.log(
        _LEVELS.get(message.level, logging.INFO),
        "Received %s from server%s: %s",
        message.level.upper(),
        origin,
        message.data,
    )
