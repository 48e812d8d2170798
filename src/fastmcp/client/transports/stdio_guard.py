"""A guard for a child process: it ends the child when this process can no longer do so.

A process that is killed cannot clean up, and the end of its pipes moves only a child that reads
its stdin. So a shell stands beside each child and waits on a pipe of its own. A line there means
that the child was ended in order; the pipe's end without one means that its parent is gone, and
then the child's whole process group gets the time to leave, SIGTERM, and SIGKILL, a second each.

It is `sh`, because that is on every POSIX system, begins in a millisecond and keeps less than a
megabyte. The kernel's own means (PR_SET_PDEATHSIG) tells one process only, not the group, and
fires at the end of the thread that started it. Where there is no shell, and on Windows, the
child has no guard.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Final, cast

from fastmcp.utilities.waiting import is_set_within

__all__ = ["Guard"]

logger = logging.getLogger("fastmcp.client")

_SHELL: Final = "/bin/sh"
_SCRIPT: Final = """\
read -r group || exit 0
read -r done && exit 0
for signal in 0 0 TERM KILL; do
    kill -s "$signal" -- "-$group" 2>/dev/null || exit 0
    sleep 1
done"""
"""Signal 0 only looks whether the group is still there."""


class Guard(asyncio.SubprocessProtocol):
    """A running guard."""

    def __init__(self) -> None:
        self._gone = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def start(cls) -> Guard | None:
        """Post a guard; None where the system has no means for one."""
        if sys.platform == "win32":
            return None
        try:
            _, guard = await asyncio.get_running_loop().subprocess_exec(
                cls,
                _SHELL,
                "-c",
                _SCRIPT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                start_new_session=True,  # what ends our group must not end the guard
            )
        except OSError as exc:
            logger.debug("No guard for the server process: %s", exc)
            return None
        return guard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def process_exited(self) -> None:
        self._gone.set()

    def watch(self, group: int) -> None:
        """Say what is guarded: a process group."""
        self._say(f"{group}\n")

    async def dismiss(self) -> None:
        """The group was ended: the guard may go."""
        self._say("\n\n")  # a line for each of its two questions
        try:
            if not await is_set_within(self._gone, 1.0):
                logger.debug("The guard of a server process did not go")
        finally:
            self._close()

    def _say(self, text: str) -> None:
        stdin = self._stdin()
        if stdin is not None:
            stdin.write(text.encode())

    def _stdin(self) -> asyncio.WriteTransport | None:
        assert self._transport is not None
        return cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(0))

    def _close(self) -> None:
        assert self._transport is not None
        self._transport.close()
