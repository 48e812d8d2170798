"""Servers in a subprocess, spoken to through its standard streams.

One JSON-RPC message per line in each direction; stderr is the server's own. The child is ended
as the specification asks: its stdin is closed, and only one that stays is terminated, then
killed (2025-11-25, basic/lifecycle, "Shutdown"; 2026-07-28, basic/transports/stdio).
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, Self, TextIO, cast

from fastmcp.client.errors import ConnectionClosedError, ResponseTooLargeError
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.pipe import PipeChannel

__all__ = ["FastMCPStdioTransport", "PythonStdioTransport", "StdioTransport"]

_CLOSE_SECONDS: Final = 2.0
"""How long a child may take to end after its stdin was closed."""
_TERMINATE_SECONDS: Final = 1.0
"""And after SIGTERM."""

_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way only

_OTHER_HALF_SECONDS: Final = 0.2

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


class _Wire(asyncio.SubprocessProtocol):
    """The child's pipes: lines out of its stdout, messages into its stdin."""

    def __init__(self, max_message_bytes: int) -> None:
        self.channel = PipeChannel(self._write, self._read)
        self.exited = asyncio.Event()
        self._limit = max_message_bytes
        self._buffer = bytearray()
        self._scanned = 0
        self._stdout_ended = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def _write(self, message: bytes) -> None:
        stdin = self._stdin()
        if stdin is None or stdin.is_closing():
            raise ConnectionClosedError("the server's stdin is closed")
        stdin.write(message + b"\n")
        await self._writable.wait()

    def _read(self, reading: bool) -> None:
        assert self._transport is not None
        stdout = cast("asyncio.ReadTransport | None", self._transport.get_pipe_transport(1))
        if stdout is None or stdout.is_closing():
            return
        if reading:
            stdout.resume_reading()
        else:
            stdout.pause_reading()

    def _stdin(self) -> asyncio.WriteTransport | None:
        assert self._transport is not None
        return cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(0))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        start, end = 0, buffer.find(b"\n", self._scanned)
        while end >= 0:
            line = bytes(buffer[start:end]).strip()
            if line:
                self.channel.feed(line)
            start = end + 1
            end = buffer.find(b"\n", start)
        del buffer[:start]
        self._scanned = len(buffer)
        if len(buffer) > self._limit:
            self.channel.end(str(ResponseTooLargeError(self._limit)))
            self.close()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._stdout_ended = True
            self._going()
        self._writable.set()

    def process_exited(self) -> None:
        self.exited.set()
        self._writable.set()
        self._going()

    def _going(self) -> None:
        """The end has two halves: stdout may still hold an answer when the process is gone, and
        the exit code comes after stdout's end. A grandchild may keep stdout open for good."""
        if self._stdout_ended and self.exited.is_set():
            self._gone()
        else:
            asyncio.get_running_loop().call_later(_OTHER_HALF_SECONDS, self._gone)

    def _gone(self) -> None:
        assert self._transport is not None
        code = self._transport.get_returncode()
        how = "closed its stdout" if code is None else f"ended with exit code {code}"
        self.channel.end(f"the server process {how}")

    def close_stdin(self) -> None:
        """Tell the child that nothing more will come."""
        stdin = self._stdin()
        if stdin is not None:
            stdin.close()

    def close(self) -> None:
        """End the pipes, and the process if it still runs."""
        assert self._transport is not None
        self._transport.close()

    async def stop(self) -> None:
        """End the child politely, then firmly."""
        transport = self._transport
        assert transport is not None
        self.close_stdin()
        if not await self._ends_within(_CLOSE_SECONDS):
            self._signal(signal.SIGTERM)
            if not await self._ends_within(_TERMINATE_SECONDS):
                self._signal(_KILL)
                await self._ends_within(_TERMINATE_SECONDS)
        transport.close()
        await self.channel.finish()

    def _signal(self, number: int) -> None:
        """Signal the child and what it started: a wrapper (`sh -c`, `npx`) passes nothing on."""
        assert self._transport is not None
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self._transport.get_pid(), number)
            else:  # pragma: no cover  (Windows)
                self._transport.send_signal(number)

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.exited.wait()
        except TimeoutError:
            return False
        return True


class _Child:
    """A running child and the task that will end it.

    The task makes a kept child end with its event loop: `asyncio.run` cancels what still runs.
    """

    def __init__(self, wire: _Wire) -> None:
        self.wire = wire
        self.in_use = False
        self.loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep())

    @property
    def alive(self) -> bool:
        return self.wire.channel.closed is None and self.loop is asyncio.get_running_loop()

    async def _keep(self) -> None:
        with suppress(asyncio.CancelledError):
            await self._leave.wait()
        await self.wire.stop()

    async def stop(self) -> None:
        if self.loop is asyncio.get_running_loop():  # one that ended has ended the child
            self._leave.set()
            await asyncio.wait([self._keeper])


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
        log_file: where its stderr goes, a path (appended to) or an open file; None for the
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
        log_file: Path | TextIO | None = None,
    ) -> None:
        self.command = command
        self.args = args
        self.env = env
        self.cwd = cwd
        self.keep_alive = True if keep_alive is None else keep_alive
        self.log_file = log_file
        self._child: _Child | None = None

    @asynccontextmanager
    async def open_channel(self) -> AsyncGenerator[PipeChannel]:
        """Start the child, or take the kept one."""
        child = self._child
        if child is None or not child.alive or child.in_use:
            child = await self._start()
            if self.keep_alive and (self._child is None or not self._child.alive):
                self._child = child
        child.in_use = True
        try:
            yield child.wire.channel
        finally:
            child.in_use = False
            if child is not self._child or not child.alive:
                await child.stop()
                if self._child is child:
                    self._child = None

    def describe(self) -> str:
        """The command."""
        return shlex.join([self.command, *self.args])

    def forwarding(self, headers: Callable[[], Mapping[str, str]]) -> Self:
        """The same command, with a child of its own that nobody takes over."""
        other = super().forwarding(headers)
        other.keep_alive, other._child = False, None
        return other

    async def connect(self) -> None:
        """Start the child before a client needs it."""
        if self._child is None or not self._child.alive:
            self._child = await self._start()

    async def disconnect(self) -> None:
        """End the kept child."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    async def close(self) -> None:
        """End the kept child."""
        await self.disconnect()

    async def _start(self) -> _Child:
        loop = asyncio.get_running_loop()
        env = child_environment(self.env)
        stderr, opened = self._stderr()
        try:
            _, wire = await loop.subprocess_exec(
                lambda: _Wire(self.max_message_bytes),
                # The child's PATH decides, not the client's, so that `env` can change it.
                shutil.which(self.command, path=env.get("PATH")) or self.command,
                *self.args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env=env,
                cwd=self.cwd,
                # A group of its own: Ctrl-C is the client's, which ends the child in its own way.
                start_new_session=True,
            )
        finally:
            if opened is not None:
                opened.close()
        return _Child(wire)

    def _stderr(self) -> tuple[Any, IO[Any] | None]:
        """Where the child's stderr goes, and what has to be closed once it has it."""
        if self.log_file is None:
            return None, None
        if isinstance(self.log_file, (str, Path)):
            opened = open(self.log_file, "ab")  # noqa: SIM115  (closed by the caller)
            return opened, opened
        return self.log_file, None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(command={self.command!r}, args={self.args!r})>"


def _script(script_path: str | Path, suffix: str, kind: str) -> str:
    path = Path(script_path).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"Script not found: {script_path}")
    if path.suffix != suffix:
        raise ValueError(f"Not a {kind} script: {script_path}")
    return str(path)


class PythonStdioTransport(StdioTransport):
    """Runs a Python script.

    Args:
        script_path: the script.
        args: its arguments.
        env, cwd, keep_alive, log_file: as in StdioTransport.
        python_cmd: the interpreter.
    """

    def __init__(
        self,
        script_path: str | Path,
        args: list[str] | None = None,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        python_cmd: str = sys.executable,
        keep_alive: bool | None = None,
        log_file: Path | TextIO | None = None,
    ) -> None:
        path = _script(script_path, ".py", "Python")
        super().__init__(python_cmd, [path, *(args or [])], env, cwd, keep_alive, log_file)
        self.script_path = Path(path)


class FastMCPStdioTransport(StdioTransport):
    """Runs `fastmcp run script`, so that the script needs no `mcp.run()` of its own.

    Args:
        script_path: the script.
        args: arguments after it.
        env, cwd, keep_alive, log_file: as in StdioTransport.
    """

    def __init__(
        self,
        script_path: str | Path,
        args: list[str] | None = None,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        keep_alive: bool | None = None,
        log_file: Path | TextIO | None = None,
    ) -> None:
        path = _script(script_path, ".py", "Python")
        super().__init__("fastmcp", ["run", path, *(args or [])], env, cwd, keep_alive, log_file)
        self.script_path = Path(path)
