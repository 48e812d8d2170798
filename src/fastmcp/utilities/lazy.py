"""Modules that only some servers need, loaded when something of them is first used.

`later` stands for a module; what is read of it loads it. Type checkers see the import that it
stands for, and so does the import law (tests/layers), which holds for it as for any other:

    if TYPE_CHECKING:
        import uvicorn
    else:
        uvicorn = later("uvicorn")

A pipe has one client, who waits for the first answer most of all, so a server on one starts with
what that takes. A server over HTTP has many, who do not expect to wait for each other: it loads
the rest before it serves the first (`load_all`).
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Final

__all__ = ["later", "load_all"]

_awaited: Final[dict[str, None]] = {}
"""What some module has asked for, in that order."""


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)  # so that it is found the next time
        return value


def later(name: str) -> Any:
    """What can be used in place of the module of that name, which is not loaded yet."""
    _awaited.setdefault(name)
    return _Later(name)


def load_all() -> None:
    """Load every module that somebody stands ready to load, and those that they do."""
    while _awaited:
        name, _ = _awaited.popitem()
        importlib.import_module(name)
