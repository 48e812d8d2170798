"""The backplane of the workers of one machine, over Unix sockets, with no setting.

Every worker is connected with every other: it listens first and connects to all who listen
second, so of two that start at the same time at least one finds the other. Where both do, there
are two lines; each side speaks on the first it has and hears on both, so nothing is told twice
and all of it in order. Each tells the other what it knows of sessions first: whoever starts
late knows what came before, as soon as it has started.

Nobody waits for a worker that does not read: it is dropped and comes back by itself when it can.
Two that meet and were both at work already look at everything again (`Resync`), for each may
have missed what the other said. Now and then every worker looks for others it is not connected
with; that mends all the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

from fastmcp.server.backplane.base import (
    Facts,
    Message,
    Noted,
    Published,
    Receive,
    Resync,
    decode_message,
    encode_message,
)
from fastmcp.server.backplane.line import LIMIT, MAX_FRAME, Line, Proof, Stranger, frame
from fastmcp.server.backplane.meeting import Meeting
from fastmcp.server.backplane.memory import MemoryBackplane, end_of
from fastmcp.server.bus import AnyChange, Bus, Change
from fastmcp.server.session_keys import SessionKeys
from fastmcp.utilities.spawning import spawn

__all__ = ["LocalBackplane"]

_logger: Final = logging.getLogger("fastmcp.server.backplane")
_AGAIN: Final = (0.05, 0.25, 1.0)
"""Pauses, in seconds, before a worker that hung up is called again: one that dies closes what it
listens on last, and must be found dead and not busy."""
_NEW: Final = b"new"
_WORKING: Final = b"working"
"""The end of a greeting; neither is a message."""


class LocalBackplane(MemoryBackplane):
    """The workers of one machine. Each keeps all facts, as `MemoryBackplane` does.

    Where this cannot be had (Windows, no folder of our own, sockets forbidden there), `start`
    raises OSError and leaves nothing behind: use `MemoryBackplane` instead and say so once.

    Args:
        bus: where this process's changes are published.
        home: `FASTMCP_HOME`; workers under one home find each other.
        group: which server, for example its name and path; its workers find each other.
        keys: of the session ids; a worker that has none of them is refused.
        patience: seconds another worker may take to prove itself, or to read on when it is told
            more than it takes.
    """

    def __init__(
        self, bus: Bus, home: Path, group: str, keys: SessionKeys, patience: float = 3.0
    ) -> None:
        super().__init__(bus)
        self._meeting = Meeting(home, group)
        self._group = group
        self._keys = keys
        self._patience = patience
        self._proof = Proof(keys, group, "")
        self._server: asyncio.Server | None = None
        self._open = False
        self._state = _NEW
        self._lines: dict[str, list[Line]] = {}
        self._reaching: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._dropped: set[str] = set()
        self._warned = False

    @property
    def alone(self) -> bool:
        return not self._lines

    async def start(self, receive: Receive) -> None:
        """Listen, connect to all who listen, and hear what they know.

        Raises:
            OSError: workers cannot meet on this machine; the message says why.
        """
        await super().start(receive)
        self._receive = receive
        self._proof = Proof(self._keys, self._group, self.worker)
        try:
            listener = self._meeting.open(self.worker)
        except OSError:
            await super().stop()
            raise
        self._open = True
        self._state = _NEW
        self._server = await asyncio.start_unix_server(self._called, sock=listener, limit=LIMIT)
        await self._look()
        self._state = _WORKING
        spawn(self._keep_looking(), self._tasks)

    async def stop(self) -> None:
        """Be found no more, and hang up when what was said last has arrived."""
        await super().stop()
        self._open = False
        server, self._server = self._server, None
        if server is None:
            return
        self._meeting.remove(self.worker)
        server.close()
        lines = [line for lines in self._lines.values() for line in lines]
        self._lines.clear()
        for line in lines:
            line.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.gather(*(line.closed(self._patience) for line in lines))

    async def send(self, worker: str, message: Message) -> bool:
        if worker not in self._lines and self._open:
            await self._reach([worker])
        lines = self._lines.get(worker)
        return lines is not None and await self._tell([lines[0]], message)

    async def broadcast(self, message: Message) -> None:
        await self._tell(self._everyone(), message)

    async def note(self, session: str, facts: Facts, ttl: float | None) -> None:
        await super().note(session, facts, ttl)
        await self.broadcast(Noted(session, dict(facts), end_of(ttl)))

    def _published(self, change: Change) -> None:
        super()._published(change)
        self._write(self._everyone(), Published(cast("AnyChange", change)))

    # Telling

    def _everyone(self) -> list[Line]:
        """One line to each worker, the one we speak on."""
        return [lines[0] for lines in self._lines.values()]

    async def _tell(self, lines: list[Line], message: Message) -> bool:
        """Tell these workers, side by side. Returns whether all of them could be told."""
        written = self._write(lines, message)
        full = [line for line in written if line.full]
        drained = await asyncio.gather(*map(self._drained, full)) if full else []
        return len(written) == len(lines) and all(drained)

    def _write(self, lines: list[Line], message: Message) -> list[Line]:
        """Put a message on its way. Returns the lines that took it."""
        if not lines:
            return lines
        try:
            framed = frame(encode_message(message))
        except ValueError as exc:
            _logger.warning("%s", exc)
            return []
        written: list[Line] = []
        for line in lines:
            if line.waiting > MAX_FRAME:
                self._drop(line.worker, "does not read")
            elif line.write(framed):
                written.append(line)
        return written

    async def _drained(self, line: Line) -> bool:
        try:
            return await line.drained(self._patience)
        except TimeoutError:
            self._drop(line.worker, "does not read")
            return False

    def _drop(self, worker: str, why: str) -> None:
        if self._lose(worker):
            self._dropped.add(worker)
            _logger.warning("The worker %s %s: dropped until it comes back", worker, why)

    def _lose(self, worker: str) -> bool:
        """Hang up on a worker, whole: what was on its way on one of two lines may be lost."""
        lines = self._lines.pop(worker, [])
        for line in lines:
            line.abort()
        return bool(lines)

    # Hearing

    async def _hear(self, line: Line, state: bytes) -> None:
        """Take what comes until the line ends.

        Args:
            line: to one worker.
            state: ours when the line was there.
        """
        try:
            while True:
                data = await line.read()
                if data in (_NEW, _WORKING):
                    self._dropped.discard(line.worker)
                    if data == state == _WORKING:
                        self.feed.forget_before(self.feed.position + 1)
                        self._deliver(Resync())
                    line.greeted.set()
                elif (message := decode_message(data)) is not None:
                    self._take(message, line)
        except (OSError, asyncio.IncompleteReadError):
            if line in self._lines.get(line.worker, ()):
                self._lose(line.worker)
                self._trying(line.worker)  # it died, or it dropped us
        except ValueError as exc:
            self._drop(line.worker, f"sent {exc}")
        finally:
            line.close()
            line.greeted.set()

    def _take(self, message: Message, line: Line) -> None:
        if isinstance(message, Published):
            self.feed.append(message.change)
        elif isinstance(message, Noted):
            if not line.greeted.is_set() and line.worker in self._dropped:
                # It had stopped listening: where we differ, we know better.
                known = self._notes.get(message.session)
                new = {name: v for name, v in message.facts.items() if name not in known}
                message = Noted(message.session, new, message.ends)
            self._notes.update(message.session, message.facts, message.ends)
        if not isinstance(message, Resync):
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        try:
            self._receive(message)
        except Exception:
            _logger.exception("A message of another worker could not be handled")

    # Connecting

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(2 * self._patience)
            await self._look()

    async def _look(self) -> None:
        """Connect to every worker there is that we are not connected with."""
        workers = self._meeting.workers()
        self._dropped &= workers
        await self._reach(workers - self._lines.keys() - {self.worker})

    async def _reach(self, workers: Iterable[str]) -> None:
        """Try to connect to workers, once to each however many want it."""
        trying = [self._trying(worker) for worker in workers]
        if trying:
            await asyncio.wait(trying)

    def _trying(self, worker: str) -> asyncio.Task[None]:
        task = self._reaching.get(worker)
        if task is None:
            task = self._reaching[worker] = spawn(self._call(worker), self._tasks)
            task.add_done_callback(lambda _: self._reaching.pop(worker))
        return task

    async def _call(self, worker: str) -> None:
        path = self._meeting.path(worker)  # the name may be what some client made up
        if path is None or worker == self.worker:
            return
        with suppress(OSError):  # too busy to answer in time: some other time
            async with asyncio.timeout(self._patience):
                for pause in _AGAIN:
                    try:
                        reader, writer = await asyncio.open_unix_connection(path, limit=LIMIT)
                    except (ConnectionRefusedError, FileNotFoundError):
                        self._meeting.remove(worker)
                        return
                    proof = self._proof.call(worker, reader, writer)
                    with suppress(ConnectionResetError, BrokenPipeError):
                        line = await self._admit(reader, writer, proof)
                        if line is not None:
                            await line.greeted.wait()
                            return
                    await asyncio.sleep(pause)

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
        else:
            spawn(self._answer(reader, writer), self._tasks)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            async with asyncio.timeout(self._patience):
                await self._admit(reader, writer, self._proof.answer(reader, writer))

    async def _admit(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        proof: Awaitable[str],
    ) -> Line | None:
        """The line that a connection becomes once the other side has proved itself; None where it
        hung up.

        Raises:
            PermissionError: it has another key.
        """
        worker = ""
        try:
            worker = await proof
        except Stranger as exc:
            if not self._warned:
                self._warned = True
                _logger.warning(
                    "A worker with another session key was refused: the workers of one server "
                    "need the same FASTMCP_SESSION_KEY, or the same FASTMCP_HOME and none"
                )
            raise PermissionError from exc
        except asyncio.IncompleteReadError:
            pass  # it refused us, or ended
        finally:
            if not worker:
                writer.transport.abort()
        return self._join(Line(worker, reader, writer)) if worker else None

    def _join(self, line: Line) -> Line:
        """Greet a worker with all we know, at one go, so that nothing newer comes in between."""
        lines = self._lines.setdefault(line.worker, [])
        if not lines:
            for session, facts, ends in self._notes.all():
                line.write(frame(encode_message(Noted(session, {**facts}, ends))))
        line.write(frame(self._state))
        lines.append(line)
        spawn(self._hear(line, self._state), self._tasks)
        return line
