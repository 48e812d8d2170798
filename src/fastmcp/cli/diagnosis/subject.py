"""The endpoint under examination: what the user wants to know, and what is known so far.

Each check reads here what the ones before it found out, so that nothing is asked twice, and leaves
here what it finds out itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from multidict import CIMultiDict
from yarl import URL

from fastmcp.cli.diagnosis.finding import Finding
from fastmcp.cli.diagnosis.speech import BOTH, Answer, Speech
from fastmcp.cli.diagnosis.wire import Http
from fastmcp.protocol.versions import LATEST_STATELESS

__all__ = ["Findings", "Session", "Subject", "Wishes"]

Findings: TypeAlias = AsyncGenerator[Finding]
"""What a check is: it finds one thing after the other, so that what it found is kept where its
time runs out."""


@dataclass(frozen=True)
class Wishes:
    """What the user asks for.

    Attributes:
        origin: of the pages that are to use the server.
        idle: seconds that streams are watched.
        call: a tool to call.
        arguments: its arguments.
        lets_in: whether the user gave headers that let in.
    """

    origin: str | None = None
    idle: float = 20.0
    call: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    lets_in: bool = False


class Session(NamedTuple):
    """A session of the handshake era; `id` is None where the server gave none."""

    id: str | None
    version: str


class Subject:
    """One endpoint.

    Args:
        given: the URL as the user wrote it.
        http: carries the requests.
        speech: speaks MCP with it; its `url` moves to where redirects lead.
        wishes: what is asked for.

    Attributes:
        local: whether it is on this machine or in a private network.
        reached: whether it answers HTTP.
        first: the answer to `server/discover`, the first request of all.
        locked: whether it wants authorization and the doctor has none that it takes.
        open_to_all: whether it answers without authorization.
        stateless: the stateless revisions it serves.
        handshake: the handshake revisions it agreed to.
        shakes_hands: whether it answers `initialize`, with whatever revision.
        session: of the newest of these.
        legacy: where HTTP+SSE of 2024-11-05 wants its messages.
        server: what it calls itself.
        opened: sessions that are to be ended.
        heads: of responses, to see who answers.
    """

    def __init__(self, given: URL, http: Http, speech: Speech, wishes: Wishes) -> None:
        self.given = given
        self.http = http
        self.speech = speech
        self.wishes = wishes
        self.local = False
        self.reached = False
        self.first = Answer()
        self.locked = False
        self.open_to_all = False
        self.stateless: tuple[str, ...] = ()
        self.handshake: tuple[str, ...] = ()
        self.shakes_hands = False
        self.session: Session | None = None
        self.legacy: URL | None = None
        self.server: dict[str, Any] = {}
        self.opened: list[Session] = []
        self.heads: list[CIMultiDict[str]] = []

    @property
    def url(self) -> URL:
        """The endpoint."""
        return self.speech.url

    @property
    def streamable(self) -> bool:
        """Whether it speaks Streamable HTTP, in either era."""
        return bool(self.stateless or self.handshake)

    @property
    def understood(self) -> bool:
        """Whether it is known what it is: which protocol, or that it lets nobody in."""
        return self.streamable or self.shakes_hands or self.locked or self.legacy is not None

    @property
    def name(self) -> str:
        """The endpoint as it can be told: without user, password and query."""
        return str(self.url.with_user(None).with_query(None))

    async def ask_lightly(
        self,
        *,
        session: Session | None = None,
        accept: str = BOTH,
        extra: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request that has no effect, in an era that the server speaks.

        Args:
            session: another than the doctor's own.
            accept: for Accept.
            extra: further headers.
        """
        session = session or self.session
        if session is not None:
            return await self.speech.ask(
                "ping", version=session.version, session=session.id, accept=accept, extra=extra
            )
        version = self.stateless[-1] if self.stateless else LATEST_STATELESS
        return await self.speech.ask("server/discover", version=version, accept=accept, extra=extra)

    async def end(self, session: Session) -> Answer | None:
        """End a session, as whoever opened it should (2025-11-25, basic/transports, "Session
        Management", 5); None where it is none that can be ended."""
        if session in self.opened:
            self.opened.remove(session)
        if session.id is None:
            return None
        headers = self.speech.headers(version=session.version, session=session.id)
        return await self.speech.plain("DELETE", headers)
