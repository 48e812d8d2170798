"""Servers in a subprocess, spoken to through its standard streams.

A transport is the recipe, a child (`stdio_child.py`) is what comes of it. A kept child serves one
stay after another; who enters while it is in use gets a child of their own, because a pipe is
one session. The recipes for scripts and package runners are in `stdio.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import PurePath
from typing import Final, Self

from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.pipe import PipeChannel
from fastmcp.client.transports.stdio_child import Child, Command
from fastmcp.client.transports.stdio_stderr import LogFile

__all__ = ["StdioTransport"]

_SCRIPTS: Final = (".py", ".js", ".mjs", ".cjs", ".ts")

_INHERITED: Final = (
    ("APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT",
     "PROCESSOR_ARCHITECTURE", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE")
    if sys.platform == "win32"
    else ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
)  # fmt: skip
"""The variables a child inherits. Not the whole environment: it holds the client's secrets."""


def child_environment(env: dict[str, str] | None) -> dict[str, str]:
    """The environment of a child: what is safe to inherit, and what the user gave."""
    inherited = {
        name: value
        for name in _INHERITED
        # A value that begins so is an exported shell function, which is code.
        if (value := os.environ.get(name)) is not None and not value.startswith("()")
    }
    return {**inherited, **(env or {})}


class StdioTransport(ClientTransport):
    """Runs a command and speaks to it through stdin and stdout.

    Args:
        command: the program.
        args: its arguments.
        env: variables beside the few that are inherited (HOME, PATH, USER and the like).
        cwd: where it runs.
        keep_alive: whether the child outlives `async with client`, to be used again by the next
            one; `await client.close()` ends it, and so does the end of the event loop.
            None means True.
        log_file: where its stderr goes: a path (appended to), an open file, or a logger, which
            gets a line each, such as `logging.getLogger("fastmcp.client.stdio")`. None for the
            client's own stderr.
    """

    starts_server = True
    max_message_bytes = 256 * 1024 * 1024
    """The longest line accepted from the server."""

    def __init__(
        self,
        command: str,
        args: list[str],
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        keep_alive: bool | None = None,
        log_file: LogFile | None = None,
    ) -> None:
        self.command = command
        self.args = args
        self.env = env
        self.cwd = cwd
        self.keep_alive = True if keep_alive is None else keep_alive
        self.log_file = log_file
        self._child: Child | None = None

    @asynccontextmanager
    async def open_channel(self) -> AsyncGenerator[PipeChannel]:
        """Start the child, or take the kept one."""
        child = self._take()
        keep = False
        try:
            yield await child.channel()
            await child.rest()
            keep = self.keep_alive
        finally:  # what fails here was never opened, and a child nobody got in to is not kept
            child.in_use = False
            if not keep or child is not self._child or not child.alive:
                if self._child is child:
                    self._child = None
                await child.stop()

    def _take(self) -> Child:
        """A child that nobody uses. Without a pause between look and grasp: many may enter."""
        child = self._child
        if child is None or not child.alive or child.in_use:
            child = self._begin()
            if self.keep_alive and (self._child is None or not self._child.alive):
                self._child = child
        child.in_use = True
        return child

    def describe(self) -> str:
        """The program, and the script where it runs one. Further arguments may be secret, and
        clients of a proxy read this."""
        program = PurePath(self.command.split()[0] if self.command.strip() else self.command)
        scripts = (arg for arg in self.args if arg.endswith(_SCRIPTS) and not arg.startswith("-"))
        script = next(scripts, None)
        return program.name if script is None else f"{program.name} {PurePath(script).name}"

    def forwarding(self, headers: Callable[[], Mapping[str, str]]) -> Self:
        """The same command, with a child of its own that nobody takes over."""
        other = super().forwarding(headers)
        other.keep_alive, other._child = False, None
        return other

    async def connect(self) -> None:
        """Start the child before a client needs it."""
        child = self._child
        if child is None or not child.alive:
            child = self._child = self._begin()
        await child.channel()

    async def disconnect(self) -> None:
        """End the kept child; where another client uses it, with that one's stay."""
        child, self._child = self._child, None
        if child is not None and not child.in_use:
            await child.stop()

    async def close(self) -> None:
        """End the kept child, as `disconnect` does."""
        await self.disconnect()

    def _begin(self) -> Child:
        return Child(
            Command(
                self.command,
                self.args,
                child_environment(self.env),
                None if self.cwd is None else str(self.cwd),
                self.log_file,
                self.max_message_bytes,
            )
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(command={self.command!r}, args={self.args!r})>"
