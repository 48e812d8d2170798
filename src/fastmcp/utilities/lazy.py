"""Modules that only some servers need, loaded when something of them is first used.

`later` stands for a module; what is read of it loads it. Type checkers see the import that it
stands for, and so does the import law (tests/layers), which holds for it as for any other:

    if TYPE_CHECKING:
        import uvicorn
    else:
        uvicorn = later("uvicorn")

A server starts with what each of its calls takes, and the first call that takes more loads it. A
few milliseconds of that nobody notices. What takes longer is awaited (`load`): a thread loads it,
and whoever else calls is served meanwhile.
"""

from __future__ import annotations

import asyncio
import importlib
from types import ModuleType
from typing import Any, Final

from fastmcp.utilities.threads import run_in_thread

__all__ = ["later", "load"]

_loaded: Final[set[str]] = set()
"""What has been awaited. What is in `sys.modules` may be half there."""
_loading: Final[dict[str, asyncio.Task[ModuleType]]] = {}
"""What is being awaited: those who wait for the same go on together."""


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)  # so that it is found the next time
        return value


def later(name: str) -> Any:
    """What can be used in place of the module of that name, which is not loaded yet."""
    return _Later(name)


async def load(name: str) -> None:
    """Load the module of that name while the loop goes on."""
    if name in _loaded:
        return
    loop = asyncio.get_running_loop()
    loading = _loading.get(name)
    if loading is None or loading.get_loop() is not loop:
        loading = loop.create_task(run_in_thread(importlib.import_module, name))
        _loading[name] = loading
    try:
        await asyncio.shield(loading)
        _loaded.add(name)
    finally:
        if loading.done():
            _loading.pop(name, None)
