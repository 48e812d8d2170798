"""Hear that the process is told to stop, before the server waits for its connections.

An ASGI server waits for open responses when it stops, and tells them nothing: a standalone
stream, which ends only when its client leaves, would keep it from stopping for ever. So whoever
holds such a stream asks to be called when SIGINT or SIGTERM arrives. The handler that is there
(uvicorn's, gunicorn's, Python's own) is called as before.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

__all__ = ["on_stop"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_listeners: Final[dict[object, tuple[asyncio.AbstractEventLoop, Callable[[], None]]]] = {}
_replaced: Final[dict[int, Callable[[int, FrameType | None], Any]]] = {}


def on_stop(callback: Callable[[], None]) -> Callable[[], None]:
    """Call back on this event loop when the process is told to stop.

    Outside of the main thread no signal can be heard; whoever runs a server there ends it
    otherwise.

    Returns:
        The function that forgets the callback.
    """
    key = object()
    _listeners[key] = (asyncio.get_running_loop(), callback)
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            # A server installs its handlers anew with each run, so this is looked at each time.
            current = signal.getsignal(number)
            if callable(current) and current is not _handle:
                _replaced[number] = current
                signal.signal(number, _handle)

    def forget() -> None:
        _listeners.pop(key, None)

    return forget


def _handle(number: int, frame: FrameType | None) -> None:
    for loop, callback in list(_listeners.values()):
        if not loop.is_closed():
            loop.call_soon_threadsafe(callback)
    _replaced[number](number, frame)
