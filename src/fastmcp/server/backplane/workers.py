"""This worker among the others of its application.

An application has one backplane, whoever in it has something to tell the other workers: its
sessions, calls that wait for their clients, subscriptions. Here it is started and stopped, once for
all of them, and here what comes in is handed round.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from fastmcp.server.backplane.base import Backplane, Message, Receive
from fastmcp.server.backplane.memory import MemoryBackplane
from fastmcp.server.bus import Bus

__all__ = ["Workers"]

_logger: Final = logging.getLogger("fastmcp.server.backplane")


class Workers:
    """Whoever serves the same application.

    Args:
        bus: where this process's changes are published.
        backplane: reaches the others; by default there are none.

    Attributes:
        backplane: the one in use. It may be another after `start`, where the given one cannot
            be had.
    """

    def __init__(self, bus: Bus, backplane: Backplane | None = None) -> None:
        self.backplane: Backplane = backplane or MemoryBackplane(bus)
        self._bus = bus
        self._listeners: list[Receive] = []

    def listen(self, receive: Receive) -> Callable[[], None]:
        """Call back with each message of another worker. Returns the function that ends it."""
        self._listeners.append(receive)
        return lambda: self._listeners.remove(receive)

    async def start(self) -> None:
        """Begin to hear the others, and to be heard."""
        try:
            await self.backplane.start(self._hear)
        except OSError as exc:
            _logger.warning(
                "The workers of this server cannot reach each other (%s); where there are several, "
                "set FASTMCP_REDIS_URL",
                exc,
            )
            self.backplane = MemoryBackplane(self._bus)
            await self.backplane.start(self._hear)

    async def stop(self) -> None:
        """Hear and tell no more."""
        await self.backplane.stop()

    async def ready(self) -> bool:
        """Whether all that it needs can be reached."""
        return await self.backplane.ready()

    def _hear(self, message: Message) -> None:
        for receive in list(self._listeners):
            receive(message)
