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
from contextlib import contextmanager, suppress
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
            # A client that reads no more is about to end the input too: that is the end, and
            # until then there is nobody to tell.
            with suppress(OSError, ValueError):
                stdout.write(data + b"\n")
                stdout.flush()

        async def write(data: bytes) -> None:
            await loop.run_in_executor(writer, put, data)

        threading.Thread(target=_read_lines, args=(loop, lines), daemon=True).start()
        async with engine.lifespan.use():
            connection = PipeConnection(engine, write, StdioExchange)
            try:
                while line := await lines.get():
                    if line.strip():
                        await connection.receive(line)
                await connection.drain(_GRACE)
            finally:
                await connection.stop()
                await connection.close()


def _read_lines(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[bytes]) -> None:
    """A thread of its own: any kind of standard input can be read by it, on any system."""
    stdin = _own_stdin()
    while True:
        try:
            line = stdin.readline()
        except (OSError, ValueError):
            line = b""
        put = lines.put(line)
        try:
            asyncio.run_coroutine_threadsafe(put, loop).result()
        except (RuntimeError, CancelledError):  # the loop ended meanwhile
            put.close()
            return
        if not line:
            return


def _own_stdin() -> BinaryIO:
    """Standard input, read by an object that only the reading thread has.

    The interpreter closes `sys.stdin` when it ends, and dies of it while another thread waits
    inside of it: after Ctrl-C that thread still does.
    """
    try:
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    except (OSError, ValueError):  # replaced by an object without a descriptor
        return sys.stdin.buffer


@contextmanager
def _own_stdout() -> Generator[BinaryIO]:
    sys.stdout.flush()
    try:
        own = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    except (OSError, ValueError):  # replaced by an object without a descriptor
        yield sys.stdout.buffer
        return
    stdout = os.fdopen(own, "wb")
    try:
        yield stdout
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        with suppress(OSError):  # nobody reads it any more
            stdout.close()
