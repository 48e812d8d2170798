"""A network that fails: a TCP proxy on the loopback interface that does harm at chosen bytes.

A `Fault` says in which direction of which connection, after how many bytes, and what: `delay`
holds the bytes for a while, `stall` for good, `cut` closes both ways, `reset` does it with RST,
`truncate` ends this direction and drops what would have followed, `half-close` ends it and leaves
the other one open, `duplicate` sends the next piece twice. One fault strikes once; everything else
passes as it came.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["delay", "stall", "cut", "reset", "truncate", "half-close", "duplicate"]
Direction = Literal["to server", "to client"]

KINDS: Final[tuple[Kind, ...]] = (
    "delay",
    "stall",
    "cut",
    "reset",
    "truncate",
    "half-close",
    "duplicate",
)
_PIECE: Final = 64 * 1024


@dataclass
class Fault:
    """One thing that goes wrong.

    Attributes:
        connection: the how manyeth, from 0, of those that clients open.
        direction: of the bytes that are counted and harmed.
        at: after how many bytes of that direction; one more must come for it to strike.
        kind: what happens.
        seconds: of a delay.
    """

    connection: int
    direction: Direction
    at: int
    kind: Kind
    seconds: float = 0.0
    struck: bool = False


def some_faults(seed: int, *, connections: int = 4, longest: int = 4000) -> list[Fault]:
    """One to three faults, the same for the same seed."""
    chance = random.Random(seed)
    return [
        Fault(
            connection=chance.randrange(connections),
            direction=chance.choice(("to server", "to client")),
            at=chance.randrange(longest)
            if chance.random() < 0.8
            else chance.randrange(longest * 8),
            kind=chance.choice(KINDS),
            seconds=chance.uniform(0.0, 0.2),
        )
        for _ in range(chance.randint(1, 3))
    ]


@dataclass
class Network:
    """The proxy, and what it saw."""

    port: int = 0
    connections: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The MCP endpoint behind it."""
        return f"http://127.0.0.1:{self.port}/mcp"


class _Connection:
    """Two pumps, one for each direction."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        faults: list[Fault],
    ) -> None:
        self._writers = (client[1], server[1])
        self._pumps = [
            asyncio.create_task(
                self._pump(client[0], server[1], [f for f in faults if f.direction == "to server"])
            ),
            asyncio.create_task(
                self._pump(server[0], client[1], [f for f in faults if f.direction == "to client"])
            ),
        ]

    async def run(self) -> None:
        """Until both directions have ended."""
        try:
            await asyncio.gather(*self._pumps, return_exceptions=True)
        finally:
            self.close()

    def close(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        for writer in self._writers:
            writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: list[Fault]
    ) -> None:
        passed = 0
        waiting = sorted(faults, key=lambda fault: fault.at)
        try:
            while piece := await reader.read(_PIECE):
                while waiting and waiting[0].at < passed + len(piece):
                    fault = waiting.pop(0)
                    before = max(0, fault.at - passed)
                    writer.write(piece[:before])
                    passed, piece = passed + before, piece[before:]
                    await writer.drain()
                    fault.struck = True
                    if not await self._strike(fault, writer, piece):
                        return
                writer.write(piece)
                passed += len(piece)
                await writer.drain()
        except OSError:
            self.close()
            return
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _strike(self, fault: Fault, writer: asyncio.StreamWriter, piece: bytes) -> bool:
        """Does the harm; whether this direction goes on."""
        match fault.kind:
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "stall":
                await asyncio.Event().wait()
            case "duplicate":
                writer.write(piece)
            case "truncate":
                with suppress(OSError, RuntimeError):
                    writer.write_eof()
                await asyncio.Event().wait()  # and what follows is never read
            case "half-close":
                with suppress(OSError, RuntimeError):
                    writer.write_eof()
                return False
            case "cut":
                self.close()
                return False
            case "reset":
                for end in self._writers:
                    raw: socket.socket = end.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.transport.abort()
                self.close()
                return False
        return True


@asynccontextmanager
async def failing(port: int, faults: list[Fault]) -> AsyncGenerator[Network]:
    """A network in front of the server on `port`, until the block ends."""
    network = Network(faults=faults)
    open_ones: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = network.connections
        network.connections += 1
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        try:
            server = await asyncio.open_connection("127.0.0.1", port)
            mine = [fault for fault in faults if fault.connection == number]
            await _Connection((reader, writer), server, mine).run()
        except (OSError, asyncio.CancelledError):
            writer.close()
        finally:
            open_ones.discard(task)

    listener = await asyncio.start_server(accepted, "127.0.0.1", 0)
    network.port = listener.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        listener.close()
        for task in open_ones:
            task.cancel()
        if open_ones:
            await asyncio.wait(open_ones, timeout=5)
