"""Where the two sides meet without a network.

The in-memory client talks to a server through this contract, so that neither side imports
the other: bytes in both directions, one JSON-RPC message each, as on a pipe.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias, runtime_checkable

__all__ = ["Deliver", "InProcessServer"]

Deliver: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Takes one message."""


@runtime_checkable
class InProcessServer(Protocol):
    """A server object that a client in the same process can be connected to."""

    def connect_in_process(self, deliver: Deliver) -> AbstractAsyncContextManager[Deliver]:
        """Open a connection.

        Args:
            deliver: is awaited with every message of the server.
        Returns:
            A context manager: entered it gives the function that takes the client's messages
            (it returns when the message was accepted, not when it was answered); left it ends
            the connection, and everything that was still running for it is cancelled. The
            server's lifespan runs while at least one connection is open.
        """
        ...
