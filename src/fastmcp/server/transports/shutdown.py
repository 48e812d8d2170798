"""Hear that the server is told to stop, and give what runs its time to finish.

An ASGI server that stops waits for its open responses and tells them nothing: a standalone
stream, which ends only when its client leaves, would keep it from stopping for ever. So the
application listens for itself, from its start. A wish to stop comes in two ways:

- a signal, to the main thread. The handler that is there (uvicorn's, gunicorn's, Python's own)
  is called as before;
- `should_exit` of a uvicorn that somebody runs himself, in a thread perhaps, where no signal is
  heard. uvicorn tells its application only when all connections are gone, so its `shutdown` is
  led through here first.

Streams then end at once. Running calls have a grace time; when it is over they are cancelled,
and whoever carries them answers with `stopped()`. A second SIGINT means "at once".

A call that keeps the event loop (see `stalled`) cannot be cancelled on it. Signal handlers run in
the midst of what the main thread does, so one raises there what cancels a call: at the second
SIGINT, and where the grace time is over, of which a thread then reminds it by the same signal.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import partial
from socket import socket
from time import monotonic
from types import FrameType
from typing import Any, Final

import uvicorn

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.server.transports.held import hang_up_on_unread
from fastmcp.server.transports.stalled import is_standing_still
from fastmcp.utilities.spawning import Interrupted

__all__ = ["Grace", "Server", "on_stop", "stopped", "stopping"]

_SIGNALS: Final = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    _SIGNALS.append(signal.SIGBREAK)

_listeners: Final[dict[_Listener, None]] = {}
"""In the order in which they are told."""
_replaced: Final[dict[int, Callable[[int, FrameType | None], Any]]] = {}
_heard: Final[dict[int, float]] = {}
"""The signals that came, and when, by the monotonic clock; no `threading.Event`, whose lock a
handler may find taken."""
_reminded: Final[set[int]] = set()
"""The signals with which a thread asks to interrupt what keeps the loop."""
_HEARING: Final = 0.25
_uvicorn_shutdown: Final = uvicorn.Server.shutdown


def stopping() -> bool:
    """Whether this process has been told to stop: it is not ready for new work."""
    return bool(_heard)


def stopped() -> McpError:
    """What a call is told that the end of the server cut short."""
    return McpError(
        INTERNAL_ERROR,
        "The server stopped before the call was done; what it had begun may be half done",
    )


def on_stop(callback: Callable[[], None]) -> Callable[[], None]:
    """Call back on this event loop when the server that runs this task is told to stop.

    Returns:
        The function that forgets the callback.
    """
    task = asyncio.current_task()
    return _listen(_Listener(callback, (task,) if task is not None else ()))


class Grace:
    """The calls that an application serves, and the time they have once it is told to stop.

    Args:
        seconds: until what still runs is cancelled.

    Attributes:
        running: a call's task is put in when it begins and taken out when it is over.
        told: called back when the wish to stop is heard.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.running: set[asyncio.Task[Any]] = set()
        self.told: list[Callable[[], None]] = []
        self._begin: Callable[[], None] | None = None
        self._over = False

    def interrupt_if_over(self) -> None:
        """On another thread: have what keeps the loop of the main thread interrupted, once a server
        that was told to stop has waited for it as long as calls have."""
        if not _heard or monotonic() - min(_heard.values()) < self.seconds:
            return
        if not is_standing_still():  # another thread's does, which no signal reaches
            return
        number = signal.SIGTERM
        main = threading.main_thread().ident
        if main and hasattr(signal, "pthread_kill") and signal.getsignal(number) is _handle:
            _reminded.add(number)
            signal.pthread_kill(main, number)

    def listen(self) -> Callable[[], None]:
        """From now on the wish to stop is heard, on this loop.

        Returns:
            The function that ends it.
        """
        loop = asyncio.get_running_loop()
        begun = False

        def begin() -> None:
            nonlocal begun
            if not begun:  # a signal, and then uvicorn's shutdown that follows from it
                begun = True
                for tell in self.told:
                    tell()
                loop.call_later(self.seconds, end)

        def end() -> None:
            self._over = True
            for task in [task for task in self.running if task.get_loop() is loop]:
                task.cancel()

        self._begin, self._over = begin, False
        for known in list(_listeners):  # a copy: other threads have servers as well
            if known.loop.is_closed():
                _listeners.pop(known, None)
        return _listen(_Listener(begin, self.running, end, self.seconds))

    async def rest(self, tasks: AbstractSet[asyncio.Task[Any]]) -> None:
        """Let what runs beside the calls come to its end, in the time that they have."""
        if not tasks:
            return
        self.running |= tasks
        if self._over:
            for task in tasks:
                task.cancel()
        elif self._begin is not None:
            self._begin()
        await asyncio.wait(tasks, timeout=self.seconds + 1)
        self.running -= tasks


class Server(uvicorn.Server):
    """The uvicorn of our own runners.

    Attributes:
        terminated: SIGTERM came. Whoever runs it ends the process in order, whatever else runs
            there.
    """

    terminated = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM:
            self.terminated = self.should_exit = True
        else:
            super().handle_exit(sig, frame)


class _Listener:
    """Who is told.

    Args:
        begin: the wish to stop.
        tasks: whose server it is that must be told to stop.
        hurry: the second wish, to stop at once.
        grace: seconds that the listener needs between `begin` and its end.
    """

    __slots__ = ("begin", "grace", "hurry", "loop", "tasks")

    def __init__(
        self,
        begin: Callable[[], None],
        tasks: Collection[asyncio.Task[Any]],
        hurry: Callable[[], None] | None = None,
        grace: float = 0,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.begin = begin
        self.tasks = tasks
        self.hurry = hurry
        self.grace = grace


def _listen(listener: _Listener) -> Callable[[], None]:
    uvicorn.Server.shutdown = _shutdown
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            # A server installs its handlers anew with each run, so this is looked at each time.
            current = signal.getsignal(number)
            if callable(current) and current is not _handle:
                _replaced[number] = current
                signal.signal(number, _handle)
                _heard.clear()  # another run than the one that was told to stop
    _listeners[listener] = None
    if _heard:
        listener.loop.call_soon(listener.begin)
    return partial(_forget, listener)


def _forget(listener: _Listener) -> None:
    _listeners.pop(listener, None)
    if not _listeners and threading.current_thread() is threading.main_thread():
        for number, handler in _replaced.items():
            if signal.getsignal(number) is _handle:
                signal.signal(number, handler)


def _handle(number: int, frame: FrameType | None) -> None:
    if number in _reminded:
        _reminded.discard(number)
        if is_standing_still():
            raise Interrupted
        return
    again = bool(_heard)
    _heard.setdefault(number, monotonic())
    hurry = again and number == signal.SIGINT
    for listener in list(_listeners):
        callback = listener.hurry if hurry else listener.begin
        if callback is not None and not listener.loop.is_closed():
            listener.loop.call_soon_threadsafe(callback)
    replaced = _replaced[number]
    server = getattr(replaced, "__self__", None)
    if number == signal.SIGTERM and isinstance(server, uvicorn.Server):
        # When uvicorn has ended it raises the signal again, and nobody survives SIGTERM: the
        # loop would not be closed, and the exit code be that of a crash. SIGINT it turns into
        # a normal end.
        if again:
            return
        if not isinstance(server, Server):
            number = signal.SIGINT
    replaced(number, frame)
    if hurry and is_standing_still():
        raise Interrupted


def _waiting_at(server: uvicorn.Server) -> list[socket]:
    """The connections that the system has made and uvicorn has not taken yet."""
    found: list[socket] = []
    for listening in server.servers:
        for door in listening.sockets:
            # OSError: nobody waits (any more), or there is no descriptor for him.
            with suppress(OSError), socket(fileno=os.dup(door.fileno())) as ours:
                ours.setblocking(False)
                while True:
                    connection, _ = ours.accept()
                    connection.setblocking(False)
                    found.append(connection)
    return found


def _tell(server: uvicorn.Server) -> None:
    """Tell whoever serves a request of this server."""
    served = server.server_state.tasks
    told = [one for one in list(_listeners) if not served.isdisjoint(one.tasks)]
    for listener in told:
        listener.begin()
    if told and server.config.timeout_graceful_shutdown is None:
        # For what does not let itself be cancelled: uvicorn would wait for ever.
        longest = max(listener.grace for listener in told)
        server.config.timeout_graceful_shutdown = math.ceil(longest) + 1


async def _shutdown(self: uvicorn.Server, sockets: list[socket] | None = None) -> None:
    """uvicorn's own, after its application was told."""
    _tell(self)
    loop = asyncio.get_running_loop()
    ours = [one for one in _listeners if one.loop is loop]
    if ours:
        # The call is over whose answer is not read: nobody gives its client up but we.
        grace = max(listener.grace for listener in ours)
        loop.call_later(grace, hang_up_on_unread, self.server_state.connections)
        # uvicorn closes at once what has connected and not been heard yet, and its client is
        # reset without knowing whether its request was read. So whoever waits at the door is let
        # in, the door is closed, and who is inside has a moment to say what he wants.
        # Sockets that were given are shared with other workers, which take who waits there.
        waiting = _waiting_at(self) if not sockets and not self.config.is_ssl else []
        for server in self.servers:
            server.close()
        protocol: Any = self.config.http_protocol_class  # its type knows no arguments
        for connection in waiting:
            await loop.connect_accepted_socket(
                lambda: protocol(
                    config=self.config,
                    server_state=self.server_state,
                    app_state=self.lifespan.state,
                ),
                connection,
            )
        await asyncio.sleep(_HEARING)
        _tell(self)  # what came meanwhile
    await _uvicorn_shutdown(self, sockets)
