"""The in-process peer: what an in-memory client is connected to (`protocol/link`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastmcp.protocol.link import Deliver
from fastmcp.server.engine import Engine
from fastmcp.server.transports.pipe import MemoryExchange, PipeConnection

__all__ = ["connect_in_process"]


@asynccontextmanager
async def connect_in_process(engine: Engine, deliver: Deliver) -> AsyncGenerator[Deliver]:
    """One connection to the server; its lifespan runs meanwhile."""
    async with engine.lifespan.use():
        connection = PipeConnection(engine, deliver, MemoryExchange)
        try:
            yield connection.receive
        finally:
            await connection.close()
