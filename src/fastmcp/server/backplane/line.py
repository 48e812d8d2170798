"""One connection between two workers of a machine: both prove the session key, then frames.

The folder of the sockets is closed to others already; the proof makes sure that a mistake in its
permissions, or a worker with another key, opens nothing. Each side signs both names, both chances
and its own part in it, so that a proof is good for one connection and one direction.
A frame is its length in four bytes, big-endian, and the message.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Final

import msgspec

from fastmcp.server.session_keys import SessionKeys

__all__ = ["LIMIT", "MAX_FRAME", "Line", "Proof", "Stranger", "frame"]

MAX_FRAME: Final = 64 * 1024 * 1024
"""Bytes of the largest message, and of what may wait for a worker that does not read."""

LIMIT: Final = 1024 * 1024
"""Bytes that are read ahead."""

_HIGH: Final = 64 * 1024
_PURPOSE: Final = "workers of one machine"
_NAME_BYTES: Final = 8
_NONCE_BYTES: Final = 32
_PROOF_BYTES: Final = 32


def frame(data: bytes) -> bytes:
    """A message as it goes over the line.

    Raises:
        ValueError: it is larger than MAX_FRAME.
    """
    if len(data) > MAX_FRAME:
        raise ValueError(
            f"A message of {len(data)} bytes is too large for another worker: at most {MAX_FRAME}"
        )
    return len(data).to_bytes(4, "big") + data


class Stranger(Exception):
    """The other side does not have our session key."""


class Proof:
    """What a worker proves itself with.

    Args:
        keys: of the session ids.
        group: which server.
        worker: its own name.
    """

    def __init__(self, keys: SessionKeys, group: str, worker: str) -> None:
        self._keys = keys
        self._group = group
        self._worker = worker

    async def call(
        self, worker: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> str:
        """The side that connects: say who we are, see the other's proof, and give ours.

        Args:
            worker: who is at the other end.
        Returns:
            The same.
        Raises:
            Stranger: the other side failed.
            asyncio.IncompleteReadError, OSError: it hung up.
        """
        ours = secrets.token_bytes(_NONCE_BYTES)
        writer.write(self._worker.encode() + ours)
        theirs = await reader.readexactly(_NONCE_BYTES)
        proof = await reader.readexactly(_PROOF_BYTES)
        names_and_nonces = (self._worker, worker, ours, theirs)
        if not self._keys.verify_mac(_PURPOSE, self._said("called", *names_and_nonces), proof):
            raise Stranger
        writer.write(self._keys.mac(_PURPOSE, self._said("caller", *names_and_nonces)))
        return worker

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """The side that is connected to. Returns the other's name; raises as `call` does."""
        hello = await reader.readexactly(_NAME_BYTES + _NONCE_BYTES)
        worker, theirs = hello[:_NAME_BYTES].decode("latin-1"), hello[_NAME_BYTES:]
        ours = secrets.token_bytes(_NONCE_BYTES)
        names_and_nonces = (worker, self._worker, theirs, ours)
        writer.write(ours + self._keys.mac(_PURPOSE, self._said("called", *names_and_nonces)))
        proof = await reader.readexactly(_PROOF_BYTES)
        if not self._keys.verify_mac(_PURPOSE, self._said("caller", *names_and_nonces), proof):
            raise Stranger
        return worker

    def _said(self, *what: str | bytes) -> bytes:
        return msgspec.msgpack.encode((self._group, *what))


class Line:
    """A connection to a worker that has proved itself.

    Attributes:
        worker: its name.
        greeted: set when it has told all that it knew before the line was there.
    """

    def __init__(
        self, worker: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.worker = worker
        self.greeted = asyncio.Event()
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=_HIGH)

    @property
    def waiting(self) -> int:
        """Bytes that the worker has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    @property
    def full(self) -> bool:
        """Whether so much waits that one should wait as well (`drained`)."""
        return self.waiting > _HIGH

    def write(self, framed: bytes) -> bool:
        """Put a frame on its way; how much may wait is the caller's to watch.

        Returns:
            False where the line is gone.
        """
        if self._writer.is_closing():
            return False
        self._writer.write(framed)
        return True

    async def drained(self, seconds: float) -> bool:
        """Wait until the worker has taken enough of what waits. False: the line is gone.

        Raises:
            TimeoutError: it takes longer than this.
        """
        async with asyncio.timeout(seconds):
            with suppress(ConnectionError):
                await self._writer.drain()
        return not self._writer.is_closing()

    async def read(self) -> bytes:
        """The next message.

        Raises:
            asyncio.IncompleteReadError, OSError: the line is gone.
            ValueError: what comes are no frames.
        """
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        if size > MAX_FRAME:
            raise ValueError(f"a frame of {size} bytes")
        return await self._reader.readexactly(size)

    def close(self) -> None:
        """Hang up when what was said has arrived."""
        self._writer.close()

    def abort(self) -> None:
        """Hang up now."""
        self._writer.transport.abort()

    async def closed(self, seconds: float) -> None:
        """Wait until it is hung up; after this time, hang up."""
        closing = asyncio.ensure_future(self._writer.wait_closed())
        await asyncio.wait([closing], timeout=seconds)
        if not closing.done():
            self.abort()
        with suppress(OSError):
            await closing
