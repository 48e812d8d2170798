"""Connections that a client holds and does nothing with, and what becomes of them.

uvicorn ends a connection that is idle between two requests (`timeout_keep_alive`), and no other.
One that says nothing, or half a request, and one whose answer is not read, it would hold for ever,
each with a descriptor and with what was written for it: an application sees nothing of the first,
and its part in the last is over when it has sent. So the connections of a uvicorn that serves ours
are looked at four times within the time that their clients have. Where a client owed something at
five looks and nothing had moved, the connection is ended; half a request hears why, with a 408
(RFC 9110, section 15.5.9). Nothing of this is on the path of a request.

Where descriptors run out, uvloop hangs up on whoever connects and says nothing: here it is said.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Collection
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import uvicorn

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INVALID_REQUEST
from fastmcp.protocol.jsonrpc import encode_error

__all__ = ["HeldConnections", "hang_up_on_unread", "watch_connections"]

_logger: Final = logging.getLogger("fastmcp.server.http")
_LOOKS: Final = 4
_TICKS: Final = 10
"""How often uvicorn ticks, in a second."""

Kind: TypeAlias = Literal["nothing", "half", "unread"]


_uvicorn_on_tick: Final = uvicorn.Server.on_tick
_limits: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[float, float]]] = (
    WeakKeyDictionary()
)
_watched: Final[WeakKeyDictionary[uvicorn.Server, HeldConnections]] = WeakKeyDictionary()


def watch_connections(read: float, write: float) -> None:
    """From now on the connections of the uvicorn that runs on this loop are looked after, where one
    does. Its ticks are led through here: an application is not told which server it has.

    Args:
        read: see `HeldConnections`.
        write: likewise.
    """
    _limits[asyncio.get_running_loop()] = read, write
    uvicorn.Server.on_tick = _on_tick


def hang_up_on_unread(connections: Collection[Any]) -> None:
    """End those on which an answer lies unread: the server stops, and its clients had their time.

    Args:
        connections: of a uvicorn.
    """
    for connection in list(connections):
        owed = _owed_on(connection)
        if owed is not None and owed.kind == "unread":
            _end(connection, owed.kind, 0)


async def _on_tick(self: uvicorn.Server, counter: int) -> bool:
    """uvicorn's own, after its connections were looked at."""
    held = _watched.get(self)
    if held is None and (limits := _limits.get(asyncio.get_running_loop())) is not None:
        held = _watched[self] = HeldConnections(self.server_state.connections, *limits)
    if held is not None:
        try:
            held.tick(counter)
        except Exception:  # a uvicorn that is made otherwise serves on
            _logger.exception("Connections that clients hold cannot be looked after here")
            _limits.pop(asyncio.get_running_loop(), None)
            _watched.pop(self, None)
    return await _uvicorn_on_tick(self, counter)


class _Owed(NamedTuple):
    """What a client owes.

    Attributes:
        kind: a request, the rest of one, or to read.
        of: which request or body it is; the same object, or something has moved.
        size: what lies there unread; the same, or something has moved.
    """

    kind: Kind
    of: object = None
    size: int = 0

    def is_still(self, before: _Owed) -> bool:
        return self.kind == before.kind and self.of is before.of and self.size == before.size


class HeldConnections:
    """The connections of one uvicorn.

    Args:
        connections: its protocols: those it has now.
        read: seconds until a request has to be there; 0 for no limit.
        write: seconds that an answer may lie unread; 0 for no limit.
    """

    def __init__(self, connections: Collection[Any], read: float, write: float) -> None:
        self._connections = connections
        self._seconds: dict[Kind, float] = {"nothing": read, "half": read, "unread": write}
        self._owed: dict[Any, tuple[_Owed, int]] = {}
        shortest = min((limit for limit in (read, write) if limit), default=0.0)
        self._every = max(1, round(shortest / _LOOKS * _TICKS)) if shortest else 0
        self._exhausted = False

    def tick(self, counter: int) -> None:
        """Uvicorn ticks; `counter` says how often it has."""
        if counter % _TICKS == 0:
            self._look_for_descriptors()
        if self._every and counter % self._every == 0:
            self._look()

    def _look(self) -> None:
        """Looks are counted, and no seconds: a process that was halted has not looked."""
        owed: dict[Any, tuple[_Owed, int]] = {}
        ended: dict[Kind, int] = {}
        for connection in list(self._connections):
            now = _owed_on(connection)
            if now is None or not self._seconds[now.kind]:
                continue
            before, looks = self._owed.get(connection, (now, -1))
            looks = looks + 1 if now.is_still(before) else 0
            if looks * self._every < round(self._seconds[now.kind] * _TICKS):
                owed[connection] = now, looks
            else:
                _end(connection, now.kind, self._seconds[now.kind])
                ended[now.kind] = ended.get(now.kind, 0) + 1
        self._owed = owed
        for kind, count in ended.items():
            seconds = self._seconds[kind]
            _logger.info("%d connection(s) ended: %s", count, _WHY[kind].format(seconds))

    def _look_for_descriptors(self) -> None:
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as exc:
            if not self._exhausted and exc.errno in (errno.EMFILE, errno.ENFILE):
                self._exhausted = True
                _logger.warning(
                    "No file descriptor is left (%s) with %d connections open: whoever connects "
                    "now is turned away. Raise the limit of the process (ulimit -n)",
                    exc.strerror,
                    len(self._connections),
                )
        else:
            if self._exhausted:
                self._exhausted = False
                _logger.warning("There are file descriptors again")


_WHY: Final[dict[Kind, str]] = {
    "nothing": "no request came in {:g} s (FASTMCP_HTTP_READ_TIMEOUT)",
    "half": "nothing of a request came in {:g} s (FASTMCP_HTTP_READ_TIMEOUT) but a part",
    "unread": "the client read nothing of an answer in {:g} s (FASTMCP_HTTP_WRITE_TIMEOUT)",
}


def _owed_on(connection: Any) -> _Owed | None:
    """What its client owes on a connection; None where it is the server's turn, or uvicorn's own
    timer runs. (Any: uvicorn's protocols have no common type. One for another protocol than HTTP
    has no `cycle`.)"""
    cycle: Any = getattr(connection, "cycle", connection)
    if cycle is connection or connection.transport is None:
        return None
    unread: int = connection.transport.get_write_buffer_size()
    if unread:
        return _Owed("unread", None, unread)
    if connection.transport.is_closing():
        return None
    scope = connection.scope
    if cycle is None or (scope is not None and cycle.scope is not scope):
        return _Owed("nothing" if scope is None else "half", scope)
    # Of a body that comes, each part is another object. One that lies there is the application's
    # to take; one of h11's, which are immutable, cannot be told from the next.
    body: Any = getattr(cycle, "body", None)
    if (
        cycle.more_body
        and not (cycle.response_started or cycle.waiting_for_100_continue)
        and not getattr(connection, "pipeline", None)
        and isinstance(body, bytearray)
        and not body
    ):
        return _Owed("half", body)
    return None


def _end(connection: Any, kind: Kind, seconds: float) -> None:
    transport: Any = connection.transport
    if kind == "unread":
        transport.abort()
        return
    if kind == "half":
        transport.write(_half(seconds))
    transport.close()


def _half(seconds: float) -> bytes:
    message = (
        f"Request timeout: nothing but a part of the request came in {seconds:g} s, the limit that "
        "FASTMCP_HTTP_READ_TIMEOUT sets; send it again, whole"
    )
    body = encode_error(None, McpError(INVALID_REQUEST, message))
    return (
        b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
