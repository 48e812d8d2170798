"""What the supervisors (`--reload`, `--workers`) share: a child that serves, and their signals.

A child is a whole process that runs our own command line anew. It holds one end of a socket
pair. The end of its supervisor, SIGKILL included, is the end of what it can read there, and
then it stops as on SIGTERM: a server that nobody supervises any more would keep the port. In the
other direction it writes one byte, when it serves. (On Windows a child inherits no socket, and
goes without.)
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

__all__ = ["Child", "Wish", "Wishes", "say", "supervised"]

_MARGIN_SECONDS = 3.0
"""What a child needs to end beyond the grace time of its calls."""
_HURRY_SECONDS = 5.0
"""What it needs to end at once: on a machine that has other things to do, still a while."""
_STEP_SECONDS = 0.05


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(f"fastmcp: {text}", file=sys.stderr, flush=True)


class Wish:
    """Something that a signal asks for, and that its supervisor waits for.

    A `threading.Event` will not do: it is set under a lock that is not reentrant, and a handler
    runs in the middle of whatever the main thread does, its `wait` with that lock held included.
    A `SimpleQueue` is made for that.
    """

    def __init__(self) -> None:
        self._said = False
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """It is wished."""
        self._said = True
        self._bell.put(None)

    def clear(self) -> None:
        """It is done; who wishes it again says so again."""
        self._said = False

    def is_set(self) -> bool:
        """Whether it is wished."""
        return self._said

    def wait(self, seconds: float) -> bool:
        """Wait for it.

        Args:
            seconds: how long at most.

        Returns:
            whether it is wished.
        """
        if not self._said:
            with suppress(queue.Empty):
                self._bell.get(timeout=seconds)
        return self._said


class Wishes:
    """The signals of a supervisor, which only notes them.

    Attributes:
        stop: SIGINT or SIGTERM came.
        hurry: SIGINT came when it was to stop already.
        renew: SIGHUP came.
    """

    def __init__(self) -> None:
        self.stop = Wish()
        self.hurry = Wish()
        self.renew = Wish()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def hear_renew(self) -> None:
        """From now on SIGHUP is a wish and not the end."""
        signal.signal(signal.SIGHUP, self._renew)

    def _renew(self, number: int, frame: Any) -> None:
        self.renew.set()

    def _stop(self, number: int, frame: Any) -> None:
        if self.stop.is_set() and number == signal.SIGINT:
            self.hurry.set()
        self.stop.set()


class Child:
    """A process that runs `fastmcp run <words>`.

    Args:
        words: the command line after `run`.
        environment: what its environment has besides ours.
        listener: a listening socket that it shall serve.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str] | None = None,
        listener: socket.socket | None = None,
    ) -> None:
        # -P: the child's own import path must not begin with the working directory.
        command = [sys.executable, "-P", "-m", "fastmcp", "run", "--no-reload"]
        self._link: socket.socket | None = None
        theirs: list[socket.socket] = []
        handed: list[int] = []
        if os.name == "posix":
            self._link, end = socket.socketpair()
            self._link.setblocking(False)
            theirs.append(end)
            handed.append(end.fileno())
            command += ["--supervisor-fd", str(end.fileno())]
        if listener is not None:
            handed.append(listener.fileno())
            command += ["--listen-fd", str(listener.fileno())]
        # Our own command line again, word by word, without a shell.
        self._process = subprocess.Popen(  # noqa: S603
            [*command, *words], env={**os.environ, **(environment or {})}, pass_fds=handed
        )
        for end in theirs:
            end.close()
        self._ready = False

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    @property
    def ready(self) -> bool:
        """Whether it serves, or did."""
        if not self._ready and self._link is not None:
            try:
                self._ready = bool(self._link.recv(1))
            except OSError:  # nothing said yet
                return False
        return self._ready

    def terminate(self) -> None:
        """Tell it to stop."""
        # SIGTERM also after Ctrl-C, which a terminal sends to the child as well: a server takes
        # a second SIGINT for "at once", a SIGTERM after it for the same wish again.
        if self.code is None:
            self._process.terminate()

    def end(self, grace: float, hurry: Wish) -> None:
        """Tell it to stop and wait until it has.

        Args:
            grace: seconds that its calls have.
            hurry: set when nobody wants to wait any longer.
        """
        self.terminate()
        if not self._ended_within(grace + _MARGIN_SECONDS, hurry):
            if hurry.is_set():
                self._process.send_signal(signal.SIGINT)
                self._ended_within(_HURRY_SECONDS, Wish())
            if self.code is None:
                self._process.kill()
        self._process.wait()
        if self._link is not None:
            self._link.close()

    def _ended_within(self, seconds: float, hurry: Wish) -> bool:
        for _ in range(int(seconds / _STEP_SECONDS)):
            if self.code is not None or hurry.wait(_STEP_SECONDS):
                break
        return self.code is not None


def supervised(descriptor: int) -> socket.socket:
    """In a child: stop when the supervisor is no more.

    Args:
        descriptor: the child's end of the socket pair.

    Returns:
        the same as a socket; one byte written to it says that this process serves.
    """
    link = socket.socket(fileno=descriptor)

    def wait() -> None:
        with suppress(OSError):  # it is reset where the supervisor had not read our byte
            link.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="fastmcp-supervisor", daemon=True).start()
    return link
