"""A handshake-era session: what a client agreed to in `initialize`, and what is open for it here.

What never changes came with its id. What changes (log level, subscriptions, visibility) are
facts that all workers share; what is open (running requests, questions, the standalone stream)
belongs to the worker that holds it, and the `Keeper` reaches the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from fastmcp.protocol import jsonrpc
from fastmcp.protocol.jsonrpc import RequestId, Response
from fastmcp.server.backplane.base import STATE
from fastmcp.server.registry import SessionVisibility, VisibilityRule

__all__ = ["Keeper", "OpenStream", "Running", "Session"]

_LEVEL: Final = "level"
_RULES: Final = "rules"
_SUBSCRIBED: Final = "sub:"
_STREAM: Final = "stream:"
_read_rules: Final = msgspec.json.Decoder(list[VisibilityRule]).decode
_NONE: Final[frozenset[str]] = frozenset()


class Running(Protocol):
    """A request that is being served."""

    def cancel(self) -> None: ...


class OpenStream(Protocol):
    """The session's own event stream: messages that belong to no request."""

    def put(self, message: bytes) -> None: ...

    def close(self) -> None: ...

    def stop(self) -> None: ...


class Keeper(Protocol):
    """Whoever makes a session known to all workers. A session of a pipe has none."""

    @property
    def worker(self) -> str: ...

    async def note(self, session: Session, facts: Mapping[str, str | None]) -> None: ...

    async def fact(self, session: Session, name: str) -> str | None: ...

    async def answer(self, session: Session, response: Response) -> bool: ...

    async def cancel_elsewhere(self, session: Session, id: RequestId) -> None: ...

    async def say_elsewhere(self, session: Session, message: bytes) -> None: ...

    async def stop_elsewhere(self, session: Session) -> None: ...


class Session:
    """One handshake-era session.

    Attributes:
        id: what the client knows it by: the signed token over HTTP, a random name on a pipe.
        name: what workers know it by: a part of the id that gives no access.
        version: the negotiated protocol version.
        client_info: the client's name, title and version.
        client_capabilities: what the client can be asked for.
        owner: hash of the principal it belongs to, "" for nobody in particular.
        ends_at: when it is over whatever happens, in seconds since the epoch, or None.
        last_used: by anyone, as far as is known here; in seconds since the epoch.
        log_level: the least severe level the client wants, or None where it did not say.
        subscriptions: resource URIs whose updates the client wants.
        visibility: what `ctx.enable_components` changed for it, or None.
        inflight: its requests that are being served here, and their ids; the newest comes last.
        stream: the standalone stream, where it is open at this worker.
        streams_at: the workers where it is open.
        closers: called when it is over for this worker.
    """

    __slots__ = (
        "_asked",
        "asks",
        "client_capabilities",
        "client_info",
        "closers",
        "ends_at",
        "id",
        "inflight",
        "keeper",
        "last_used",
        "log_level",
        "name",
        "owner",
        "stream",
        "streams_at",
        "subscriptions",
        "version",
        "visibility",
    )

    def __init__(
        self,
        id: str,
        version: str,
        client_info: dict[str, Any],
        client_capabilities: dict[str, Any],
        owner: str = "",
        *,
        name: str | None = None,
        ends_at: float | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self.id = id
        self.name = id if name is None else name
        self.version = version
        self.client_info = client_info
        self.client_capabilities = client_capabilities
        self.owner = owner
        self.ends_at = ends_at
        self.keeper = keeper
        self.last_used = 0.0
        self.log_level: str | None = None
        self.subscriptions = _NONE
        self.visibility: SessionVisibility | None = None
        self.stream: OpenStream | None = None
        self.streams_at = _NONE
        self.inflight: dict[Running, RequestId] = {}
        self.asks: dict[RequestId, asyncio.Future[Any]] = {}
        self.closers: list[Callable[[], None]] = []
        self._asked = 0

    @property
    def task_ids(self) -> frozenset[str]:
        """None: background tasks exist in the stateless era alone."""
        return _NONE

    @property
    def audience(self) -> str:
        """Its name among the workers."""
        return self.name

    @property
    def busy(self) -> bool:
        """Whether something is open at this worker."""
        return bool(self.inflight or self.asks or self.stream)

    # facts that all workers share

    async def set_log_level(self, level: str) -> None:
        """Send the client nothing below this level."""
        await self._note({_LEVEL: level})

    async def subscribe(self, uri: str) -> None:
        """Tell the client when this resource is updated."""
        await self._note({_SUBSCRIBED + uri: ""})

    async def unsubscribe(self, uri: str) -> None:
        """Tell it no more."""
        await self._note({_SUBSCRIBED + uri: None})

    async def show(self, visibility: SessionVisibility | None) -> None:
        """Let the client see other components than the rest of the clients do."""
        rules = msgspec.json.encode(visibility.rules).decode() if visibility is not None else None
        await self._note({_RULES: rules})

    async def open_stream(self, stream: OpenStream) -> None:
        """The standalone stream is here from now on; where it was before, it ends: the older
        connection may be dead without anyone having noticed."""
        if self.stream is not None:
            self.stream.close()
        self.stream = stream
        await self.announce()

    async def announce(self) -> None:
        """Say that the standalone stream is here and nowhere else: told and kept for all workers,
        so that each can reach it and an older one ends."""
        if self.keeper is not None:
            elsewhere = self.streams_at - {self.keeper.worker}
            gone = {_STREAM + worker: None for worker in elsewhere}
            await self._note({**gone, _STREAM + self.keeper.worker: ""})

    @staticmethod
    def streams_of(facts: Mapping[str, str | None]) -> set[str]:
        """The workers that have the standalone stream, as these facts say."""
        return {
            fact.removeprefix(_STREAM)
            for fact, value in facts.items()
            if fact.startswith(_STREAM) and value is not None
        }

    async def close_stream(self, stream: OpenStream) -> None:
        """This one is over."""
        if self.stream is stream:
            self.stream = None
            if self.keeper is not None:
                await self._note({_STREAM + self.keeper.worker: None})

    async def remember(self, key: str, value: str | None) -> None:
        """Keep a value of the author's; None forgets it."""
        await self._note({STATE + key: value})

    async def recall(self, key: str) -> str | None:
        """The value of a key."""
        return None if self.keeper is None else await self.keeper.fact(self, STATE + key)

    async def _note(self, facts: Mapping[str, str | None]) -> None:
        self.learn(facts)
        if self.keeper is not None:
            await self.keeper.note(self, facts)

    def learn(self, facts: Mapping[str, str | None]) -> None:
        """Take facts that another worker noted, or that were kept for all."""
        for fact, value in facts.items():
            if fact == _LEVEL:
                self.log_level = value
            elif fact == _RULES:
                self.visibility = None
                if value is not None:
                    self.visibility = SessionVisibility()
                    self.visibility.add(_read_rules(value))
            elif fact.startswith(_SUBSCRIBED):
                uri = fact.removeprefix(_SUBSCRIBED)
                self.subscriptions = _with(self.subscriptions, uri, value is not None)
            elif fact.startswith(_STREAM):
                worker = fact.removeprefix(_STREAM)
                self.streams_at = _with(self.streams_at, worker, value is not None)

    # requests of the client that are running

    def begin(self, id: RequestId, exchange: Running) -> None:
        self.inflight[exchange] = id

    def end(self, exchange: Running) -> None:
        if self.inflight.pop(exchange, None) is not None:
            self.last_used = time.time()  # idle is counted from here, not from the start

    def cancel(self, id: object) -> bool:
        """Cancel the newest request with this id that runs here; ids may repeat
        (basic/cancellation). False where none does."""
        for exchange, its in reversed(self.inflight.items()):
            if its == id:
                exchange.cancel()
                return True
        return False

    async def cancel_anywhere(self, id: object) -> None:
        """The same, whichever worker it runs at."""
        if not self.cancel(id) and self.keeper is not None and isinstance(id, (int, str)):
            await self.keeper.cancel_elsewhere(self, id)

    # requests to the client that wait for an answer

    def open_ask(self, loop: asyncio.AbstractEventLoop) -> tuple[str, asyncio.Future[Any]]:
        """A new question's id, which names the worker that waits, and the future of its answer."""
        self._asked += 1
        worker = self.keeper.worker if self.keeper is not None else "ask"
        id = f"{worker}.{self._asked}"
        future: asyncio.Future[Any] = loop.create_future()
        self.asks[id] = future
        return id, future

    @staticmethod
    def encode_ask(id: str, method: str, params: dict[str, Any]) -> bytes:
        return jsonrpc.encode_request(id, method, params)

    def close_ask(self, id: RequestId) -> None:
        self.asks.pop(id, None)

    def answer(self, response: Response) -> bool:
        """Hand the client's answer to whoever waits for it; False where nobody here does."""
        future = self.asks.get(response.id) if response.id is not None else None
        if future is None or future.done():
            return False
        if response.error is not None:
            future.set_exception(response.error)
        else:
            future.set_result(response.result)
        return True

    async def answer_anywhere(self, response: Response) -> bool:
        """The same, whichever worker waits for it.

        Returns:
            False where the worker that asked is gone.
        Raises:
            BackplaneDown: it cannot be reached now.
        """
        if self.keeper is None:
            return self.answer(response)
        return await self.keeper.answer(self, response)

    # messages that belong to no request

    async def say(self, message: bytes) -> None:
        """Put a message on the standalone stream, at whichever worker it is; nobody may listen."""
        if self.stream is not None:
            self.stream.put(message)
        elif self.keeper is not None and self.streams_at:
            await self.keeper.say_elsewhere(self, message)

    async def stop_stream(self) -> None:
        """End the standalone stream, wherever it is; its client is told when to come back."""
        if self.stream is not None:
            self.stream.stop()
        elif self.keeper is not None and self.streams_at:
            await self.keeper.stop_elsewhere(self)

    def close(self) -> None:
        """End everything that is open for this session here."""
        for exchange in list(self.inflight):
            exchange.cancel()
        for future in list(self.asks.values()):
            future.cancel()
        if self.stream is not None:
            self.stream.close()
        while self.closers:
            self.closers.pop()()


def _with(members: frozenset[str], member: str, present: bool) -> frozenset[str]:
    return members | {member} if present else members - {member}
