"""One running child: its pipes, its stderr, and its end.

One JSON-RPC message per line in each direction. The child is ended as the specification asks:
its stdin is closed, and only one that stays is terminated, then killed (2025-11-25,
basic/lifecycle, "Shutdown"; 2026-07-28, basic/transports/stdio). Signals go to its whole process
group, because a wrapper (`npx`, `uvx`, `sh -c`) passes nothing on, and what the child leaves
running in that group is ended too. What this process cannot do, when it is killed itself, its
guard does (`stdio_guard.py`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, cast

from fastmcp.client.errors import ConnectionClosedError, ResponseTooLargeError
from fastmcp.client.transports.pipe import PipeChannel
from fastmcp.client.transports.stdio_guard import Guard
from fastmcp.client.transports.stdio_stderr import LogFile, Stderr
from fastmcp.utilities.waiting import is_set_within

__all__ = ["Child", "Command"]

_CLOSE_SECONDS: Final = 2.0
"""How long a child may take to end after its stdin was closed."""
_TERMINATE_SECONDS: Final = 1.0
"""And after SIGTERM."""
_STRAGGLER_SECONDS: Final = 0.3
"""How long what the child started may outlive it before that is ended as well."""
_POLL_SECONDS: Final = 0.02

_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way only

_OTHER_HALF_SECONDS: Final = 0.3

_GET: Final = {
    "bun": "Install Bun (https://bun.sh)",
    "deno": "Install Deno (https://deno.com)",
    "docker": "Install Docker (https://docs.docker.com/get-docker)",
    "node": "Install Node.js (https://nodejs.org)",
    "npx": "Install Node.js (https://nodejs.org), which brings npx",
    "uv": "Install uv (https://docs.astral.sh/uv)",
    "uvx": "Install uv (https://docs.astral.sh/uv), which brings uvx",
}


class Command(NamedTuple):
    """What is run.

    Attributes:
        program: its name or path.
        args: its arguments.
        env: its whole environment.
        cwd: where it runs; None for here.
        log_file: where its stderr goes; None for this process's own.
        limit: the longest line accepted of it, in bytes.
    """

    program: str
    args: list[str]
    env: dict[str, str]
    cwd: str | None
    log_file: LogFile | None
    limit: int


def _why_not(command: Command, exc: OSError) -> OSError:
    """An error of starting it, with what to do about it. Where a whole command line was given as
    the program, its further words may be secret: clients of a proxy read this."""
    first, *others = command.program.split(" ", 1)
    program = f"{first} ..." if others else first
    if command.cwd is not None and not Path(command.cwd).is_dir():
        said = f"the folder to run the server in does not exist: cwd={command.cwd!r}"
    elif isinstance(exc, FileNotFoundError):
        name = Path(program).stem.lower()
        place = f"in {os.path.dirname(program)}" if os.path.dirname(program) else "on the PATH"
        said = f"the command {program!r} was not found {place}. "
        if " " in program and not os.path.dirname(program):
            said += "Give the program alone as command, and the words after it as args."
        else:
            said += f"{_GET.get(name, 'Install it')}, or give its full path as command."
    elif isinstance(exc, PermissionError):
        said = (
            f"the command {program!r} may not be run: it is no program, or not marked as one "
            "(chmod +x). Start a script with its interpreter."
        )
    else:
        said = f"the command {program!r} could not be started: {exc.strerror or exc}"
    return type(exc)(said)


class _Wire(asyncio.SubprocessProtocol):
    """The child's pipes: lines out of its stdout, messages into its stdin.

    Args:
        command: what runs.
        on_gone: called once when the child can no longer be spoken to.
    """

    def __init__(self, command: Command, on_gone: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self.channel = PipeChannel(self._write, self._read)
        self.exited = asyncio.Event()
        self.stderr = Stderr(command.log_file, lambda: _tell(loop, self._stderr_over))
        self.stderr_ended = asyncio.Event()
        self._known_over = asyncio.Event()
        self._on_gone = on_gone
        self._limit = command.limit
        self._buffer = bytearray()
        self._scanned = 0
        self._spoken = False
        self._stdout_ended = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    @property
    def group(self) -> int:
        """The process group of the child, whose leader it is."""
        assert self._transport is not None
        return self._transport.get_pid()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def _write(self, message: bytes) -> None:
        stdin = self._stdin()
        if stdin is None or stdin.is_closing():
            # It ends, as a rule, and how says more; that is known a moment later.
            await is_set_within(self._known_over, 3 * _OTHER_HALF_SECONDS)
            raise self.channel.closed or ConnectionClosedError("the server's stdin is closed")
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
            self._line(bytes(buffer[start:end]))
            start = end + 1
            end = buffer.find(b"\n", start)
        del buffer[:start]
        self._scanned = len(buffer)
        if len(buffer) > self._limit:
            self._over(str(ResponseTooLargeError(self._limit)))
            self.close()

    def _line(self, line: bytes, *, last: bool = False) -> None:
        line = line.strip()
        if line:
            self._spoken = self.channel.feed(line, last=last) or self._spoken

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._line(bytes(self._buffer), last=True)  # its last message may lack the newline
            self._buffer.clear()
            self._stdout_ended = True
            self._going()
        self._writable.set()

    def process_exited(self) -> None:
        self.exited.set()
        self._writable.set()
        self._going()

    def _stderr_over(self) -> None:
        self.stderr_ended.set()
        if self._stdout_ended or self.exited.is_set():
            self._going()

    def _going(self) -> None:
        """The end has three parts: stdout may still hold an answer when the process is gone, the
        exit code comes after stdout's end, and stderr says why. A grandchild may keep the pipes
        open for good."""
        if self._stdout_ended and self.exited.is_set() and self.stderr_ended.is_set():
            self._gone()
        else:
            asyncio.get_running_loop().call_later(_OTHER_HALF_SECONDS, self._gone)

    def _gone(self) -> None:
        assert self._transport is not None
        code = self._transport.get_returncode()
        if code is None:
            how = "closed its stdout"
        elif code < 0:
            how = f"was ended by {_name_of(-code)}"
        else:
            how = f"ended with exit code {code}"
        # Later it is for the log: an error of a call may be shown to who must not see it.
        self._over(f"the server process {how}{'' if self._spoken else self.stderr.epitaph()}")

    def _over(self, why: str) -> None:
        if self.channel.closed is None:
            self.channel.end(why)
            self._known_over.set()
            self._on_gone()

    def close(self) -> None:
        """End the pipes, and the process if it still runs."""
        assert self._transport is not None
        self._transport.close()

    async def rest(self) -> None:
        """End the stay, not the child: who still waits in it learns that the client left, and the
        server that nobody waits."""
        left, stdin = self.channel, self._stdin()
        if left.closed is None:
            self.channel = left.following()
            if stdin is not None and not stdin.is_closing():
                stdin.writelines(cancelled + b"\n" for cancelled in left.cancellations())
        if not self._writable.is_set():  # whoever waits for room in the pipe waits no more
            self._writable.set()
            self._writable.clear()
        await left.finish()

    async def stop(self) -> None:
        """End the child politely, then firmly; at once where this is cancelled."""
        try:
            stdin = self._stdin()
            if stdin is not None:
                stdin.close()
            if not await self._ends_within(_CLOSE_SECONDS):
                self._signal(signal.SIGTERM)
                if not await self._ends_within(_TERMINATE_SECONDS):
                    self._signal(_KILL)
                    await self._ends_within(_TERMINATE_SECONDS)
            await is_set_within(self.stderr_ended, _OTHER_HALF_SECONDS)
        except asyncio.CancelledError:
            self._signal(_KILL)
            raise
        finally:
            self.close()
            await self.channel.finish()

    def _signal(self, number: int) -> bool:
        """Signal the child and what it started. Returns whether there was anything."""
        assert self._transport is not None
        try:
            if sys.platform != "win32":
                os.killpg(self.group, number)
            elif number != 0:
                self._transport.send_signal(number)
        except (ProcessLookupError, PermissionError):  # the latter: zombies, on macOS
            return False
        return sys.platform != "win32"

    async def _ends_within(self, seconds: float) -> bool:
        if not await is_set_within(self.exited, seconds):
            return False
        try:
            async with asyncio.timeout(_STRAGGLER_SECONDS):
                # Nobody is told of the end of a grandchild: there is no event to wait for.
                while self._signal(0):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            return False
        return True


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop ended first
        loop.call_soon_threadsafe(callback)


class Child:
    """A child from its start to its end, both in one task.

    The task makes a kept child end with its event loop: `asyncio.run` cancels what still runs.

    Args:
        command: what to run.

    Attributes:
        in_use: whether somebody speaks to it.
    """

    def __init__(self, command: Command) -> None:
        self.in_use = False
        self._command = command
        self._loop = asyncio.get_running_loop()
        self._wire: asyncio.Future[_Wire] = self._loop.create_future()
        self._wire.add_done_callback(lambda made: made.cancelled() or made.exception())
        self._leave = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep())

    @property
    def alive(self) -> bool:
        """Whether it can be spoken to from the running loop, now or soon."""
        if self._leave.is_set() or self._keeper.done():
            return False
        if self._loop is not asyncio.get_running_loop():
            return False
        made = self._wire
        return not made.done() or (
            not made.cancelled()
            and made.exception() is None
            and made.result().channel.closed is None
        )

    async def channel(self) -> PipeChannel:
        """What it is spoken to through in this stay, as soon as it runs.

        Raises:
            OSError: it could not be started.
        """
        return (await asyncio.shield(self._wire)).channel

    async def rest(self) -> None:
        """End the stay of who speaks to it; the next one has a channel of its own."""
        await self._wire.result().rest()

    async def stop(self) -> None:
        """End it."""
        if self._loop is asyncio.get_running_loop():  # one that ended has ended the child
            self._leave.set()
            await asyncio.wait([self._keeper])

    async def _keep(self) -> None:
        guard: Guard | None = None
        try:
            guard = await Guard.start()  # first, so that the child is never without one
            wire = await self._start(guard)
        except asyncio.CancelledError:
            self._wire.cancel()
            raise
        except Exception as exc:
            self._wire.set_exception(exc)
            return
        else:
            self._wire.set_result(wire)
            with suppress(asyncio.CancelledError):
                await self._leave.wait()
            await wire.stop()
        finally:
            if guard is not None:
                await guard.dismiss()

    async def _start(self, guard: Guard | None) -> _Wire:
        command, loop = self._command, asyncio.get_running_loop()
        wire = _Wire(command, self._gone)
        try:
            await loop.subprocess_exec(
                lambda: wire,
                # The child's PATH decides, not the client's, so that `env` can change it.
                shutil.which(command.program, path=command.env.get("PATH")) or command.program,
                *command.args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=wire.stderr.fd,
                env=command.env,
                cwd=command.cwd,
                # A group of its own: Ctrl-C is the client's, which ends the child in its own way.
                start_new_session=True,
            )
        except OSError as exc:
            raise _why_not(command, exc) from exc
        finally:
            wire.stderr.begin()
        if guard is not None:
            guard.watch(wire.group)
        return wire

    def _gone(self) -> None:
        """It ended by itself. Whoever uses it ends what is left of it; else it is done now."""
        if not self.in_use:
            self._leave.set()
