"""The backplane of one process: listeners in a dict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastmcp.server.backplane.base import Change, Listener

__all__ = ["MemoryBackplane"]


class MemoryBackplane:
    """Tells the listeners of this process.

    A change may come from any thread (a sync tool that adds a tool runs on one), so each
    listener is called on the loop it subscribed from.
    """

    def __init__(self) -> None:
        self._listeners: dict[Listener, asyncio.AbstractEventLoop] = {}

    def publish(self, change: Change) -> None:
        for listener, loop in list(self._listeners.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(listener, change)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self._listeners[listener] = asyncio.get_running_loop()

        def unsubscribe() -> None:
            self._listeners.pop(listener, None)

        return unsubscribe
