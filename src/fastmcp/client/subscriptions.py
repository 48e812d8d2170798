"""What the client hears of changes at the server, in either era.

In the handshake era a server tells of its lists unasked, and of a resource after
`resources/subscribe`; both belong to the session, and a session that was opened anew is told
again. In the stateless era there is one `subscriptions/listen`, whose filter is the sum of what is
wanted: the lists that the message handler hears of, those that are cached, and the resources that
were subscribed to. Where nothing is wanted, nothing is opened. A filter that changes is asked for
anew, and the old subscription ends after the new one was acknowledged.

A subscription that ends is asked for again for as long as the session lives, patiently. What
happened meanwhile nobody tells: so what is cached is forgotten, and when the server listens again
the handlers hear that everything they listen to may have changed. What a server does not honor is
not told; only a resource that was subscribed to is an error then.

Sources: 2026-07-28, basic/patterns/subscriptions; 2025-11-25, server/resources, "Subscriptions".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Protocol, cast

from fastmcp.client.channel import Channel, Outgoing
from fastmcp.client.errors import (
    ConnectionClosedError,
    HttpStatusError,
    NotLetInYetError,
    RequestTimeoutError,
    refuses,
)
from fastmcp.client.stream_patience import StreamPatience
from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from fastmcp.protocol.jsonrpc import as_object, encode_notification, encode_request
from fastmcp.protocol.meta import SUBSCRIPTION_ID
from fastmcp.protocol.subscriptions import LIST_FIELDS, LISTEN, RESOURCE_UPDATED, URIS
from fastmcp.protocol.versions import Era
from fastmcp.utilities.spawning import spawn
from fastmcp.utilities.waiting import is_set_within

__all__ = ["Subscriptions"]

logger = logging.getLogger("fastmcp.client")

_ACKNOWLEDGED_WITHIN: Final = 30.0
"""Seconds after which a server that acknowledges nothing counts as one that is away."""
_AT_ONCE: Final = 2.0
"""Seconds that opening a session waits for its subscription, so that what changes from then on is
heard; a server that takes longer is not waited for."""
_OVERLAP: Final = 1.0
"""Seconds that a subscription goes on beside the one that replaces it: what it was told just
before may still be on its way, and heard twice is better than not at all."""
_MOST_STREAMS: Final = 4
"""That overlap, where resources are subscribed to one after the other."""


class Session(Protocol):
    """What is needed of the client's session."""

    channel: Channel
    era: Era | None
    protocol_version: str | None
    timeout: float | None
    base_meta: dict[str, Any] | None

    def announces(self, method: str) -> bool:
        """Whether the server says that it tells of these changes."""
        ...

    async def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return its result."""
        ...

    async def exchange(
        self, method: str, params: dict[str, Any], seconds: float | None
    ) -> dict[str, Any]:
        """The same, also while the session is being opened."""
        ...

    async def send_quietly(self, body: bytes, seconds: float = ...) -> None:
        """Send a notification that nobody waits for."""
        ...


class Subscriptions:
    """Those of one session.

    Args:
        session: with the server.
        told: hears a change, as its notification would be heard.
        lost: hears that changes were missed.
    """

    def __init__(
        self,
        session: Session,
        told: Callable[[str, dict[str, Any]], Awaitable[None]],
        lost: Callable[[], Awaitable[None]],
    ) -> None:
        self._session = session
        self._told = told
        self._lost = lost
        self._lists: set[str] = set()
        self._uris: dict[str, None] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._streams: dict[int | str, _Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._wanted_anew = asyncio.Event()
        self._settled = asyncio.Event()
        self._refused: McpError | None = None
        self._missed = False

    # --- what is wanted ------------------------------------------------------------------------

    async def open(self, methods: Iterable[str]) -> None:
        """The session is open: listen to these notifications, and wait a moment until the server
        does."""
        if self.want(methods) and not await is_set_within(self._settled, _AT_ONCE):
            self._missed = True  # perhaps; it is told when the server listens

    def want(self, methods: Iterable[str]) -> bool:
        """Listen to these notifications too, as far as the server announces them; the handshake
        era tells of them unasked. Whether that needs a subscription."""
        if self._session.era is not Era.STATELESS or self._refused is not None:
            return False
        wanted = {name for name in methods if name in LIST_FIELDS and self._session.announces(name)}
        if wanted <= self._lists:
            return False
        self._lists |= wanted
        self._ask()
        return True

    async def subscribe(self, uri: str) -> None:
        """Listen to the changes of a resource.

        Raises:
            McpError: the server does not tell of them, or cannot be reached.
        """
        if self._session.era is not Era.STATELESS:
            await self._session.request("resources/subscribe", {"uri": uri})
            self._uris[uri] = None
            return
        if uri in self._uris and uri not in self._waiting:
            return
        if self._refused is not None:
            raise self._refused
        honored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(uri, []).append(honored)
        self._uris[uri] = None
        self._ask()
        seconds = self._session.timeout
        try:
            async with asyncio.timeout(seconds):
                await honored
        except TimeoutError as exc:
            raise RequestTimeoutError(LISTEN, seconds or 0) from exc
        finally:
            self._withdraw(uri, honored)

    def _withdraw(self, uri: str, honored: asyncio.Future[None]) -> None:
        """Whoever gave up waiting for a resource wants it no more, unless others still do."""
        waiting = self._waiting.get(uri, [])
        if honored in waiting:
            waiting.remove(honored)
            if not waiting:
                del self._waiting[uri]
                self._uris.pop(uri, None)
                self._ask()

    async def unsubscribe(self, uri: str) -> None:
        """Listen to them no more."""
        if self._session.era is not Era.STATELESS:
            await self._session.request("resources/unsubscribe", {"uri": uri})
            self._uris.pop(uri, None)
        elif uri in self._uris:
            del self._uris[uri]
            self._settle(uri, None)
            self._ask()

    async def renew(self) -> None:
        """The session of the handshake era was opened anew: subscribe again. Everything may have
        changed."""
        for uri in list(self._uris):
            try:
                await self._session.exchange("resources/subscribe", {"uri": uri}, None)
            except McpError as exc:
                logger.warning("The server tells no more of changes of %r: %s", uri, exc)
                self._uris.pop(uri, None)
        announced = [method for method in LIST_FIELDS if self._session.announces(method)]
        spawn(self._everything(announced, list(self._uris), {}), self._tasks)

    def acknowledged(self, params: dict[str, Any]) -> None:
        """The server says what it honors of a subscription."""
        id = (as_object(params.get("_meta")) or {}).get(SUBSCRIPTION_ID)
        stream = self._streams.get(id) if isinstance(id, (int, str)) else None
        if stream is not None:
            stream.acknowledged(_honored(params.get("notifications")))

    async def stop(self) -> None:
        """End them all."""
        tasks = [*self._tasks, *([] if self._keeper is None else [self._keeper])]
        for uri in list(self._waiting):
            self._settle(uri, ConnectionClosedError("the client left"))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    # --- the one subscription ------------------------------------------------------------------

    def _filter(self) -> dict[str, Any]:
        asked: dict[str, Any] = {LIST_FIELDS[method]: True for method in sorted(self._lists)}
        return asked | ({URIS: list(self._uris)} if self._uris else {})

    def _ask(self) -> None:
        self._wanted_anew.set()
        if self._keeper is None or self._keeper.done():
            self._settled.clear()
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        """Keep one subscription open whose filter is what is wanted."""
        patience = StreamPatience()
        stream: _Stream | None = None
        try:
            while self._session.channel.closed is None:
                self._wanted_anew.clear()
                wanted = self._filter()
                if wanted != (stream.asked if stream is not None else {}):
                    patience.begin()
                    stream = await self._replaced(stream, wanted)
                    if stream is None and not self._filter():
                        return
                    if stream is not None and self._missed:
                        spawn(self._everything_on(stream), self._tasks)
                    self._missed = stream is None
                if stream is None and self._refused is not None:
                    return
                asked = stream is not None and stream.asked == wanted
                await self._until_something(stream, None if asked else patience.pause())
                if stream is not None and stream.over:
                    logger.debug("The subscription ended: %s", stream.error or "the server said so")
                    stream, self._missed = None, True
                    await self._lost()
                    await self._until_something(None, patience.pause())
        finally:
            self._settled.set()

    async def _replaced(self, old: _Stream | None, wanted: dict[str, Any]) -> _Stream | None:
        """The subscription for a filter. Where it cannot be had, the old one goes on."""
        if old is not None and (not wanted or self._refused is not None):
            new = None if not wanted else old
        else:
            new = await self._opened(wanted) or old
        if old is not None and new is not old:
            spawn(old.end_after(0 if new is None else _OVERLAP), self._tasks)
            for oldest in list(self._streams.values())[:-_MOST_STREAMS]:
                oldest.task.cancel()
        return new

    async def _until_something(self, stream: _Stream | None, pause: float | None) -> None:
        """Wait until the filter changes, the stream ends, or the time is over."""
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._wanted_anew.wait())]
        if stream is not None:
            waits.append(stream.task)
        try:
            await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waits[0].cancel()

    async def _opened(self, wanted: dict[str, Any]) -> _Stream | None:
        """A subscription that was acknowledged; None where there is none, now or ever."""
        stream = _Stream(self._session, wanted, self._tasks)
        self._streams[stream.id] = stream
        stream.task.add_done_callback(lambda _: self._streams.pop(stream.id, None))
        error: McpError | None = await stream.opened()
        if error is None:
            self._refused = None
            honored = stream.honored or {}
            for uri in wanted.get(URIS, ()):
                told = uri in honored.get(URIS, ())
                self._settle(uri, None if told else _not_told(uri))
            self._settled.set()
            return stream
        logger.debug("The server does not listen: %s", error)
        waiting = list(self._waiting)
        for uri in waiting:
            self._settle(uri, error)
        if _is_refusal(error) and not (waiting and error.code == INVALID_PARAMS):
            self._refused = error  # and not because of what was asked for last
        self._settled.set()
        return None

    def _settle(self, uri: str, error: McpError | None) -> None:
        """Those who wait for a resource to be listened to wait no more."""
        waiting = self._waiting.pop(uri, [])
        for honored in waiting:
            if honored.done():
                continue
            if error is None:
                honored.set_result(None)
            else:
                honored.set_exception(error)
        if waiting and error is not None:
            self._uris.pop(uri, None)

    async def _everything_on(self, stream: _Stream) -> None:
        honored = stream.honored or {}
        methods = [method for method, field in LIST_FIELDS.items() if honored.get(field)]
        await self._everything(methods, honored.get(URIS, []), {SUBSCRIPTION_ID: stream.id})

    async def _everything(
        self, methods: Iterable[str], uris: Iterable[str], meta: dict[str, Any]
    ) -> None:
        """Changes were missed: all that is listened to may be another."""
        params: dict[str, Any] = {"_meta": meta} if meta else {}
        await self._lost()
        for method in methods:
            await self._told(method, params)
        for uri in uris:
            await self._told(RESOURCE_UPDATED, {**params, "uri": uri})


class _Stream:
    """One `subscriptions/listen`, in a task of its own until it ends.

    Args:
        session: with the server.
        asked: the filter.
        held: holds the task.

    Attributes:
        id: of the request, and so of all that belongs to it.
        asked: the filter.
        honored: what the server tells of it; None before it says so.
        error: why it ended; None where the server ended it on purpose.
    """

    def __init__(
        self, session: Session, asked: dict[str, Any], held: set[asyncio.Task[None]]
    ) -> None:
        self._session = session
        channel = session.channel
        channel.last_id = self.id = channel.last_id + 1
        self.asked = asked
        self.honored: dict[str, Any] | None = None
        self.error: McpError | None = None
        self._known = asyncio.Event()
        self.task = spawn(self._listen(), held)

    @property
    def over(self) -> bool:
        """Whether it ended."""
        return self.task.done()

    def acknowledged(self, honored: dict[str, Any]) -> None:
        """The server listens."""
        if self.honored is None:
            self.honored = honored
            self._known.set()

    async def opened(self) -> McpError | None:
        """Wait for the acknowledgement. Returns why there is none."""
        if not await is_set_within(self._known, _ACKNOWLEDGED_WITHIN):
            self.error = RequestTimeoutError(LISTEN, _ACKNOWLEDGED_WITHIN)
        if self.honored is not None:
            return None
        self.task.cancel()
        # A result without an acknowledgement is of a server that answers anything.
        return self.error or McpError(
            METHOD_NOT_FOUND, "The server answered subscriptions/listen without acknowledging it."
        )

    async def end_after(self, seconds: float) -> None:
        """End it, a little later."""
        await asyncio.wait([self.task], timeout=seconds)
        self.task.cancel()

    async def _listen(self) -> None:
        session = self._session
        params = {"notifications": self.asked, "_meta": session.base_meta}
        body = encode_request(self.id, LISTEN, params)
        outgoing = Outgoing(self.id, LISTEN, body, session.protocol_version, stateless=True)
        try:
            response = await session.channel.request(outgoing)
            self.error = response.error
        except McpError as exc:
            self.error = exc
        except asyncio.CancelledError:
            if session.channel.is_pipe:  # over HTTP the closed response says it
                await self._cancelled()
            raise
        except Exception as exc:  # the user's function of headers, which may do better next time
            logger.exception("The server could not be asked for its changes")
            self.error = McpError(INTERNAL_ERROR, str(exc))
        finally:
            self._known.set()

    async def _cancelled(self) -> None:
        params = {"requestId": self.id, "reason": "the client listens no more"}
        cancelled = encode_notification("notifications/cancelled", params)
        await self._session.send_quietly(cancelled, _AT_ONCE)


def _honored(said: object) -> dict[str, Any]:
    """What an acknowledgement honors, in the form of the filter; what has another is not honored
    (schema, `SubscriptionFilter`)."""
    notifications = as_object(said) or {}
    uris = notifications.get(URIS)
    told = cast("list[object]", uris) if isinstance(uris, list) else []
    lists = {field: bool(notifications.get(field)) for field in LIST_FIELDS.values()}
    return lists | {URIS: [uri for uri in told if isinstance(uri, str)]}


def _not_told(uri: str) -> McpError:
    return McpError(
        METHOD_NOT_FOUND, f"The server does not tell of changes of {uri!r}: it did not honor it."
    )


def _is_refusal(error: McpError) -> bool:
    """Whether it would be the same again: an answer of the server's own, or of something before
    it, that is neither a fault nor a matter of time."""
    if isinstance(error, (ConnectionClosedError, NotLetInYetError, RequestTimeoutError)):
        return False
    if isinstance(error, HttpStatusError):
        return refuses(error.status)
    return error.code != INTERNAL_ERROR
