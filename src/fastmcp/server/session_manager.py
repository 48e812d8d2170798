"""Makes, verifies and ends handshake-era sessions, at any worker.

A session id is a signed token (`protocol/session_token`): every worker that has the key can
verify it and rebuild the session, so a restart or another worker loses none. What is kept in
this process is a cache of a few idle records, and the records that have something open; an
abandoned session costs nothing. What changed during a session is asked of the backplane when a
record is rebuilt, and told by it from then on.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from fastmcp.protocol import jsonrpc, session_token
from fastmcp.protocol.jsonrpc import RequestId, Response
from fastmcp.protocol.session_token import Claims
from fastmcp.server.backplane.base import (
    ENDED,
    Answered,
    Backplane,
    BackplaneDown,
    Cancelled,
    Message,
    Noted,
    Resync,
    Said,
    StreamClosed,
)
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.session_keys import SessionKeys
from fastmcp.server.sessions import Session
from fastmcp.utilities.spawning import spawn

__all__ = ["SessionManager"]

_logger: Final = logging.getLogger("fastmcp.server.sessions")

_CLIENT_INFO_KEPT: Final = ("name", "title", "version")
"""Icons, descriptions and the like would make the session id outgrow a header."""

_USED: Final = "used"
_ASK: Final = re.compile(r"([0-9a-f]{8})\.[0-9]+")
"""A question's id, which begins with the name of the worker that asked."""
_LOOKS: Final = 8
"""How many records are looked at to find one that can go: the work of a request is bounded."""
_SET: Final = 5.0
"""Seconds by which the clock differs from the time that went by when somebody has set it."""


class SessionManager:
    """The sessions of one application.

    Args:
        keys: signs and verifies the ids.
        workers: the other workers, who serve the same sessions.
        idle_timeout: seconds after which an unused session ends, or None for never.
        lifetime: seconds after which any session ends, or None for never.
        capacity: how many idle records are kept, so that their ids need not be verified again.
    """

    def __init__(
        self,
        keys: SessionKeys,
        workers: Workers,
        idle_timeout: float | None = None,
        lifetime: float | None = None,
        capacity: int = 512,
    ) -> None:
        self._workers = workers
        self._keys = keys
        self._idle_timeout = idle_timeout
        self._lifetime = lifetime
        self._capacity = capacity
        self._records: OrderedDict[str, Session] = OrderedDict()
        self._by_name: dict[str, Session] = {}
        self._began = time.time()
        self._was_set = 0.0
        self._offset = self._began - monotonic()
        self._keeping: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked: dict[str, dict[str, str | None]] = {}
        workers.listen(self._receive)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def backplane(self) -> Backplane:
        """The way to the other workers."""
        return self._workers.backplane

    @property
    def worker(self) -> str:
        """This worker's name in the ids of its questions: an answer finds the way by it."""
        return self.backplane.worker

    def start(self) -> None:
        """From now on, say of what is open here that it is in use."""
        if self._idle_timeout is not None:
            loop = asyncio.get_running_loop()
            self._keeping = loop.create_task(self._keep_alive(self._idle_timeout))

    def stop(self) -> None:
        """Say so no more."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None

    # from an id to a session

    def create(
        self,
        version: str,
        client_info: dict[str, Any],
        client_capabilities: dict[str, Any],
        owner: str = "",
    ) -> Session:
        """A new session.

        Raises:
            McpError: the client's capabilities do not fit into a header.
        """
        kept = {k: client_info[k] for k in _CLIENT_INFO_KEPT if k in client_info}
        claims = Claims(
            jti=secrets.token_urlsafe(12),
            ver=version,
            cap=client_capabilities,
            cli=kept,
            own=owner,
            iat=int(time.time()),
        )
        token = session_token.issue(claims, self._keys.sign)
        session = self._session(token, claims)
        session.last_used = time.time()
        self._remember(session)
        return session

    def known(self, token: str, owner: str = "") -> Session | None:
        """The session of an id, where it is known to be good without asking anyone; else `find`."""
        session = self._records.get(token)
        if session is None or session.owner != owner:
            return None
        if session.ends_at is not None and time.time() > session.ends_at:
            return None
        idle = self._idle_timeout
        # Used later than now: see `find`.
        if idle is not None and abs(time.time() - session.last_used) > idle / 10:
            return None  # that it is used has to be noted, or that it is over
        self._records.move_to_end(token)
        return session

    async def find(self, token: str, owner: str = "") -> Session | None:
        """The session of an id, or None: unknown, forged, ended, expired or somebody else's.

        The five are alike on purpose: a stranger learns nothing (basic/security, hijacking).

        Raises:
            BackplaneDown: whether it goes on cannot be known now.
        """
        session = self._records.get(token)
        if session is None:
            session = await self._rebuild(token)
        if session is None or session.owner != owner:
            return None
        now = time.time()
        if session.ends_at is not None and now > session.ends_at:
            self._drop(session)
            return None
        if self._idle_timeout is not None:
            self._notice_the_clock(now)
            idle = now - session.last_used
            if idle > self._idle_timeout and not session.busy:
                await self.end(session)
                return None
            session.last_used = now
            if idle > self._idle_timeout / 10:
                with suppress(BackplaneDown):  # others may count it as idle; here it goes on
                    await self.note(session, {_USED: f"{now:.3f}"})
        return session

    def _notice_the_clock(self, now: float) -> None:
        """Workers tell each other by the clock when a session was used. Where that was set, nobody
        has been idle for so long, and how long is not known: it is counted from now."""
        difference = now - monotonic() - self._offset
        if abs(difference) > _SET:
            self._offset += difference
            self._was_set = now
            for session in self._records.values():
                session.last_used = now
            _logger.warning(
                "The clock was set by %+.0f s: the time that sessions may be idle begins anew",
                difference,
            )

    async def _rebuild(self, token: str) -> Session | None:
        claims = session_token.read(token, self._keys.verify)
        if claims is None:
            return None
        # What is noted while this is asked may be told before it is answered.
        noted = self._asked.setdefault(claims.jti, {})
        try:
            facts = {**await self.backplane.notes(claims.jti), **noted}
        finally:
            self._asked.pop(claims.jti, None)
        if facts.get(ENDED) is not None:
            return None
        known = self._records.get(token)  # another request may have been faster
        if known is not None:
            return known
        session = self._session(token, claims)
        # When it was used last is kept by whoever keeps it; a restart forgets that, and ends none.
        session.last_used = max(session.last_used, claims.iat, self._began)
        if (used := facts.get(_USED)) is not None:
            session.last_used = max(float(used), self._was_set)
        session.learn(facts)
        self._remember(session)
        return session

    def _session(self, token: str, claims: Claims) -> Session:
        return Session(
            token,
            claims.ver,
            claims.cli,
            claims.cap,
            claims.own,
            name=claims.jti,
            ends_at=None if self._lifetime is None else claims.iat + self._lifetime,
            keeper=self,
        )

    async def end(self, session: Session) -> None:
        """Terminate: from now on its id is unknown everywhere (2025-11-25, "Session Management").

        Raises:
            BackplaneDown: others could not be told, so it goes on everywhere.
        """
        await self.note(session, {ENDED: "1"})
        self._drop(session)

    def forget(self, session: Session) -> None:
        """It never began: its id was given to nobody."""
        self._drop(session)

    def _drop(self, session: Session) -> None:
        self._records.pop(session.id, None)
        self._by_name.pop(session.name, None)
        session.close()

    def open_sessions(self) -> list[Session]:
        """The sessions that have something open in this process."""
        return [session for session in self._records.values() if session.busy]

    def _remember(self, session: Session) -> None:
        self._records[session.id] = session
        self._by_name[session.name] = session
        looks = _LOOKS
        while len(self._records) > self._capacity and looks:
            looks -= 1
            id, oldest = next(iter(self._records.items()))
            if oldest.busy:
                self._records.move_to_end(id)
            else:
                del self._records[id]
                self._by_name.pop(oldest.name, None)

    # to other workers

    async def note(self, session: Session, facts: Mapping[str, str | None]) -> None:
        """Keep facts of a session for all workers."""
        left = None if session.ends_at is None else max(1.0, session.ends_at - time.time())
        await self.backplane.note(session.name, facts, left)

    async def fact(self, session: Session, name: str) -> str | None:
        """One fact, as it is now."""
        return await self.backplane.fact(session.name, name)

    async def answer(self, session: Session, response: Response) -> bool:
        """Hand the client's answer to whoever waits for it, at whichever worker.

        Returns:
            False where the worker that asked is gone, or cannot be reached by design.
        Raises:
            BackplaneDown: it cannot be reached now.
        """
        if session.answer(response):
            return True
        asked = _ASK.fullmatch(str(response.id))
        worker = asked[1] if asked is not None else self.worker
        if worker == self.worker:
            # Nobody waits (any more): the call is over, which is no fault of the client's; or
            # nobody here ever asked so.
            _logger.debug("an answer to %r that nobody waits for", response.id)
            return True
        message = Answered(session.name, str(response.id), _encode(response))
        return await self.backplane.send(worker, message)

    async def cancel_elsewhere(self, session: Session, id: RequestId) -> None:
        with suppress(BackplaneDown):  # a notification is not answered, whatever becomes of it
            await self.backplane.broadcast(Cancelled(session.name, id))

    async def say_elsewhere(self, session: Session, message: bytes) -> None:
        await self._tell_streams(session, Said(session.name, message))

    async def stop_elsewhere(self, session: Session) -> None:
        await self._tell_streams(session, StreamClosed(session.name))

    async def _tell_streams(self, session: Session, message: Message) -> None:
        """Tell the workers where the standalone stream is."""
        for worker in session.streams_at:
            try:
                if await self.backplane.send(worker, message):
                    continue
            except BackplaneDown:
                continue
            if worker != self.worker:  # it died without a word
                session.learn({f"stream:{worker}": None})

    # from other workers

    def _receive(self, message: Message) -> None:
        if isinstance(message, Resync):
            self._resync()
            return
        if isinstance(message, (Answered, Cancelled, Noted, Said, StreamClosed)):
            session = self._by_name.get(message.session)
            if session is not None:
                self._hear(session, message)
            elif isinstance(message, Noted) and message.session in self._asked:
                self._asked[message.session].update(message.facts)

    def _hear(
        self, session: Session, message: Answered | Cancelled | Noted | Said | StreamClosed
    ) -> None:
        if isinstance(message, Answered):
            answer = jsonrpc.decode(message.response)
            if not isinstance(answer, Response) or not session.answer(answer):
                _logger.debug("an answer to %r that nobody waits for", message.ask)
        elif isinstance(message, Cancelled):
            session.cancel(message.request)
        elif isinstance(message, Said):
            if session.stream is not None:
                session.stream.put(message.message)
        elif isinstance(message, StreamClosed):
            if session.stream is not None:
                session.stream.stop()
        elif message.facts.get(ENDED) is not None:
            self._drop(session)
        else:
            self._learn(session, message.facts)

    def _learn(self, session: Session, facts: Mapping[str, str | None]) -> None:
        session.learn(facts)
        if (used := facts.get(_USED)) is not None:
            session.last_used = max(session.last_used, float(used))
        if session.stream is not None and self._elsewhere(session, facts):
            session.stream.close()

    def _elsewhere(self, session: Session, facts: Mapping[str, str | None]) -> bool:
        """Whether these facts say that the standalone stream, of which there is one, is not here
        any more. That it is here is no news, though another worker may say so: it tells those
        that it meets all it knows."""
        opened = session.streams_of(facts)
        return bool(opened) and self.worker not in opened

    def _resync(self) -> None:
        """Something may have been missed: idle records are rebuilt at their next use, the
        others look again now."""
        for id, session in list(self._records.items()):
            if session.busy:
                spawn(self._look_again(session), self._tasks)
            else:
                del self._records[id]
                self._by_name.pop(session.name, None)

    async def _look_again(self, session: Session) -> None:
        with suppress(BackplaneDown):  # the next reconnection says so again
            facts = await self.backplane.notes(session.name)
            if ENDED in facts:
                self._drop(session)
                return
            self._learn(session, facts)
            if session.stream is not None and not self._elsewhere(session, facts):
                await session.announce()

    async def _keep_alive(self, idle_timeout: float) -> None:
        """What has something open here is in use, and other workers must know."""
        while True:
            await asyncio.sleep(idle_timeout / 4)
            now = time.time()
            for session in self.open_sessions():
                session.last_used = now
                try:
                    await self.note(session, {_USED: f"{now:.3f}"})
                except BackplaneDown:
                    break


def _encode(response: Response) -> bytes:
    if response.error is not None:
        return jsonrpc.encode_error(response.id, response.error)
    return jsonrpc.encode_result(response.id or "", response.result)
