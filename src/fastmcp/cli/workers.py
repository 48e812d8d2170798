"""`fastmcp run --workers N`: a small parent, one listening socket, N children that serve it.

Each child is a whole process that imports the server itself. The parent keeps the socket open
all the time, so no connection is refused while a child is replaced. A child that dies is
started again, later and later while it cannot even start. SIGHUP replaces them one after
another: the new one must serve before the old one is told to stop.

Sessions are shared because session ids are signed with a key that lies in FASTMCP_HOME.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from fastmcp.cli.errors import CliError
from fastmcp.cli.supervisor import Child, Wishes, say

__all__ = ["serve"]

_LOOK_SECONDS = 0.1
_BACKLOG = 2048
_START_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 30.0


def serve(
    words: Sequence[str], count: int, host: str, port: int, banner: bool, grace: float
) -> int:
    """Run `fastmcp run <words>` in several children that serve one socket.

    Args:
        words: the command line of a child, after `run`.
        count: how many.
        host: the address to listen on.
        port: the port.
        banner: whether the first child may print its banner; others never do.
        grace: seconds that calls have when a child is told to stop.

    Returns:
        exit code: 0 after SIGINT or SIGTERM, 1 when no child could ever start.

    Raises:
        CliError: the address cannot be listened on.
    """
    wishes = Wishes()
    wishes.hear_renew()
    with _listen(host, port) as listener:
        crew = _Crew(words, listener, wishes, grace)
        crew.slots = [_Slot(crew.start(banner and index == 0)) for index in range(count)]
        try:
            while not wishes.stop.wait(_LOOK_SECONDS):
                if wishes.renew.is_set():
                    wishes.renew.clear()
                    crew.renew()
                if not crew.mend():
                    return 1
        finally:
            listener.close()
            crew.end()
    return 0


class _Slot:
    """The place of one worker, whoever holds it."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.failures = 0
        self.due: float | None = None
        """When the next one shall start; None while one runs."""


class _Crew:
    def __init__(
        self, words: Sequence[str], listener: socket.socket, wishes: Wishes, grace: float
    ) -> None:
        self.slots: list[_Slot] = []
        self._words = words
        self._listener = listener
        self._wishes = wishes
        self._grace = grace
        self._served = False

    def start(self, banner: bool = False) -> Child:
        words = self._words if banner else ["--no-banner", *self._words]
        return Child(words, listener=self._listener)

    def mend(self) -> bool:
        """Replace who has died; False where there is no hope."""
        for slot in self.slots:
            code = slot.child.code
            self._served = slot.child.ready or self._served
            if code is None:
                continue
            if slot.due is None:
                if not self._served:
                    say("the server cannot start: its error is above.")
                    return False
                slot.failures = 0 if slot.child.ready else slot.failures + 1
                pause = min(2.0**slot.failures - 1, _LONGEST_PAUSE_SECONDS)
                slot.due = time.monotonic() + pause
                say(f"worker {slot.child.pid} ended with code {code}: starting another.")
            if time.monotonic() >= slot.due:
                slot.child.end(0, self._wishes.hurry)
                slot.child, slot.due = self.start(), None
        return True

    def renew(self) -> None:
        """Replace every worker, one after another, unless the new ones cannot start."""
        say("SIGHUP: restarting the workers one after another.")
        for slot in self.slots:
            fresh = self.start()
            if not self._serves(fresh):
                fresh.end(0, self._wishes.hurry)
                if not self._wishes.stop.is_set():
                    say("the new worker cannot start: the old ones go on.")
                return
            slot.child.end(self._grace, self._wishes.hurry)
            slot.child, slot.due = fresh, None

    def _serves(self, child: Child) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while child.code is None and not child.ready and time.monotonic() < deadline:
            if self._wishes.stop.wait(_LOOK_SECONDS):
                return False
        return child.code is None and child.ready

    def end(self) -> None:
        for slot in self.slots:
            slot.child.terminate()
        for slot in self.slots:
            slot.child.end(self._grace, self._wishes.hurry)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CliError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --host or --port, "
            "or end what listens there."
        ) from error
