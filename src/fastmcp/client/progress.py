"""Progress of a call, as its server reports it (2025-11-25, basic/utilities/progress)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

__all__ = ["ProgressHandler", "default_progress_handler"]

logger = logging.getLogger("fastmcp.client.progress")

ProgressHandler: TypeAlias = Callable[[float, float | None, str | None], Awaitable[Any] | Any]
"""`(progress, total, message)`, plain or async: how far, of how much (None if unknown), a word."""


async def default_progress_handler(
    progress: float, total: float | None, message: str | None
) -> None:
    """Writes the progress to the log at DEBUG."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    share = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
    logger.debug("Progress: %s%s", share, f" ({message})" if message else "")
