"""Where a server's components come from besides the server itself.

The providers of skills are loaded when asked for: they bring a parser of YAML with them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.base import Provider

if TYPE_CHECKING:
    from fastmcp.server.providers.skills import ClaudeSkillsProvider as ClaudeSkillsProvider
    from fastmcp.server.providers.skills import SkillProvider as SkillProvider
    from fastmcp.server.providers.skills import SkillsDirectoryProvider as SkillsDirectoryProvider

__all__ = [
    "AggregateProvider",
    "ClaudeSkillsProvider",
    "Provider",
    "SkillProvider",
    "SkillsDirectoryProvider",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("fastmcp.server.providers.skills"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
