"""stdio: one JSON message a line on standard input and output.

Standard output belongs to the protocol alone ("MUST NOT write anything to its stdout that is
not a valid MCP message"), so file descriptor 1 is moved away first and points to standard
error from then on: an author's `print` cannot break the connection.
End of input is the signal to stop (2026-07-28, basic/transports/stdio, "Shutdown"); what was
asked before it is answered still, for a moment.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Generator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import BinaryIO, Final

from fastmcp.server.engine import Engine
from fastmcp.server.transports.pipe import PipeConnection, StdioExchange

__all__ = ["serve_stdio"]

_GRACE: Final = 2.0
"""Seconds that running calls have after the end of input."""
_AHEAD: Final = 64
"""Lines read ahead; a client that sends faster than it is served waits, not our memory."""


async def serve_stdio(engine: Engine) -> None:
    """Serve the process's standard streams until the end of input."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue(_AHEAD)
    with _own_stdout() as stdout, ThreadPoolExecutor(1, "fastmcp-stdout") as writer:

        def put(data: bytes) -> None:
            stdout.write(data + b"\n")
            stdout.flush()

        async def write(data: bytes) -> None:
            await loop.run_in_executor(writer, put, data)

        threading.Thread(
            target=_read_lines, args=(sys.stdin.buffer, loop, lines), daemon=True
        ).start()
        async with engine.lifespan.use():
            connection = PipeConnection(engine, write, StdioExchange)
            try:
                while line := await lines.get():
                    if line.strip():
                        await connection.receive(line)
                await connection.drain(_GRACE)
            except BrokenPipeError:
                return
            finally:
                await connection.close()


def _read_lines(
    stdin: BinaryIO, loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[bytes]
) -> None:
    """A thread of its own: any kind of standard input can be read by it, on any system."""
    while True:
        try:
            line = stdin.readline()
        except (OSError, ValueError):
            line = b""
        try:
            asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
        except (RuntimeError, CancelledError):  # the loop ended meanwhile
            return
        if not line:
            return


@contextmanager
def _own_stdout() -> Generator[BinaryIO]:
    sys.stdout.flush()
    try:
        own = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    except (OSError, ValueError):  # replaced by an object without a descriptor
        yield sys.stdout.buffer
        return
    with os.fdopen(own, "wb") as stdout:
        try:
            yield stdout
        finally:
            sys.stdout.flush()
            os.dup2(own, 1)
