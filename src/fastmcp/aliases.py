"""Old import paths that still work: the one table of them, with the date each came in.

An alias is a module that holds nothing: the first name taken from it loads the new home and
warns. It stands in `sys.modules` from the start, so that importing it never overwrites an
attribute of its package that has the same name (`fastmcp.prompts.prompt` is a decorator).
"""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any, Final

from fastmcp.exceptions import FastMCPDeprecationWarning

__all__ = ["ALIASES", "install"]

ALIASES: Final[dict[str, tuple[str, str]]] = {
    # old path: (new path, since)
    "fastmcp.tools.tool": ("fastmcp.tools", "2026-11-23"),
    "fastmcp.resources.resource": ("fastmcp.resources", "2026-11-23"),
    "fastmcp.prompts.prompt": ("fastmcp.prompts", "2026-11-23"),
    "fastmcp.server.tasks": ("fastmcp.utilities.tasks", "2026-11-26"),
}


class _Alias(ModuleType):
    def __init__(self, name: str, target: str, since: str) -> None:
        super().__init__(name, f"Moved to `{target}` ({since}).")
        self.__target = target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(self.__target), name)
        warnings.warn(
            f"{self.__name__} has moved: write `from {self.__target} import {name}`",
            FastMCPDeprecationWarning,
            stacklevel=2,
        )
        setattr(self, name, value)
        return value


def install() -> None:
    """Make the old paths importable."""
    for name, (target, since) in ALIASES.items():
        sys.modules.setdefault(name, _Alias(name, target, since))
