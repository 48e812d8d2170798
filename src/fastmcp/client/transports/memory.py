"""The in-process transport: a client and a server object in one event loop.

The server is anything that satisfies `protocol.link.InProcessServer`; the client never imports
the server's side. Its lifespan runs while the outermost connection is open.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.pipe import PipeChannel
from fastmcp.protocol.link import InProcessServer

__all__ = ["FastMCPTransport"]


class FastMCPTransport(ClientTransport):
    """Connects to a server object.

    Args:
        mcp: the server.
        raise_exceptions: kept for FastMCP's signature; the errors of an in-process server reach
            its client as those of any other do.
    """

    def __init__(self, mcp: InProcessServer, raise_exceptions: bool = False) -> None:
        self.server = mcp
        self.raise_exceptions = raise_exceptions

    @asynccontextmanager
    async def open_channel(self) -> AsyncGenerator[PipeChannel]:
        """Open a connection to the server."""
        channel: PipeChannel | None = None

        async def deliver(data: bytes) -> None:
            if channel is not None:
                channel.feed(data)

        async with self.server.connect_in_process(deliver) as post:
            channel = PipeChannel(post)
            try:
                yield channel
            finally:
                await channel.finish()

    def describe(self) -> str:
        """The server's name."""
        return str(getattr(self.server, "name", self.server))

    def __repr__(self) -> str:
        return f"<FastMCPTransport(server={getattr(self.server, 'name', self.server)!r})>"
