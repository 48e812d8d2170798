"""The methods a server answers, one file per family; together they are the engine's table."""

from __future__ import annotations

from typing import Final

from fastmcp.server.engine import Handler
from fastmcp.server.features import (
    completions,
    lifecycle,
    prompts,
    resources,
    skills,
    subscriptions,
    tasks,
    tools,
)

__all__ = ["HANDLERS"]

HANDLERS: Final[dict[str, Handler]] = {
    **lifecycle.HANDLERS,
    **tools.HANDLERS,
    **resources.HANDLERS,
    **prompts.HANDLERS,
    **completions.HANDLERS,
    **subscriptions.HANDLERS,
    **tasks.HANDLERS,
    **skills.HANDLERS,
}
