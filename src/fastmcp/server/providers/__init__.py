"""Where a server's components come from besides the server itself.

Most are loaded when asked for: skills bring a parser of YAML with them, and what stands for another
server stands above the engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.base import Provider

if TYPE_CHECKING:
    from fastmcp.server.forwarding.provider import ProxyProvider as ProxyProvider
    from fastmcp.server.providers.fastmcp_provider import FastMCPProvider as FastMCPProvider
    from fastmcp.server.providers.skills import ClaudeSkillsProvider as ClaudeSkillsProvider
    from fastmcp.server.providers.skills import SkillProvider as SkillProvider
    from fastmcp.server.providers.skills import SkillsDirectoryProvider as SkillsDirectoryProvider

__all__ = [
    "AggregateProvider",
    "ClaudeSkillsProvider",
    "FastMCPProvider",
    "Provider",
    "ProxyProvider",
    "SkillProvider",
    "SkillsDirectoryProvider",
]

_WHERE = {
    "ClaudeSkillsProvider": "fastmcp.server.providers.skills",
    "FastMCPProvider": "fastmcp.server.providers.fastmcp_provider",
    "ProxyProvider": "fastmcp.server.forwarding.provider",
    "SkillProvider": "fastmcp.server.providers.skills",
    "SkillsDirectoryProvider": "fastmcp.server.providers.skills",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
