"""Several servers as one: a channel that answers for all of them.

The client in front sees one server. Opening it opens a session with each; its requests are routed
by name (`client/routing.py`) and answered by the one they belong to, lists are those of all. It
speaks the stateless era in front where all servers do, else that of the handshake; behind, each
server is spoken to in its own. So a question of a server is answered behind, by the handlers of
the client in front, and a change that has to be listened to there is told unasked here.

A server that is away takes nothing with it but what it offers (`upstream.py`).
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, Final, NamedTuple, Self

from fastmcp.client.channel import Handshaken, Outgoing, Receiver
from fastmcp.client.errors import ConnectionClosedError, HttpStatusError, SessionLostError, why_of
from fastmcp.client.progress import ProgressHandler
from fastmcp.client.reshaping import Reshaping
from fastmcp.client.routing import Names, Place, map_links
from fastmcp.client.session import ClientSession
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.listings import LIST_CHANGED, LISTS, Listings, as_object_list
from fastmcp.client.transports.upstream import Upstream, all_of
from fastmcp.exceptions import McpError
from fastmcp.protocol import meta
from fastmcp.protocol.errors import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    RESOURCE_NOT_FOUND_2025,
    method_not_found,
)
from fastmcp.protocol.jsonrpc import Notification, RequestId, Response, as_object, load
from fastmcp.protocol.negotiation import AUTO, LEGACY
from fastmcp.protocol.param_headers import mirror
from fastmcp.protocol.subscriptions import ACKNOWLEDGED, KINDS, LISTEN, RESOURCE_UPDATED, URIS
from fastmcp.protocol.versions import LATEST_HANDSHAKE, STATELESS_VERSIONS, Era
from fastmcp.utilities.spawning import is_cancelled

__all__ = ["CompositeTransport", "Member"]

logger = logging.getLogger("fastmcp.client")

_START_SECONDS: Final = 30.0
"""How long the client's start waits for servers that take their time; those that take longer are
announced when they come."""
_KIND_OF: Final = {kind.method: kind for kind in KINDS}
_OWN_META: Final = (
    meta.PROGRESS_TOKEN,
    meta.PROTOCOL_VERSION,
    meta.CLIENT_INFO,
    meta.CLIENT_CAPABILITIES,
)
"""What `_meta` says of the connection in front; each one behind has its own."""


class Member(NamedTuple):
    """One server of a composite.

    Attributes:
        transport: to it.
        reshaping: what the client sees of its tools.
    """

    transport: ClientTransport
    reshaping: Reshaping = Reshaping()


class CompositeTransport(ClientTransport):
    """Connects to several servers as if they were one.

    Args:
        members: by name.
        prefixed: whether names begin with that of their server.
    """

    def __init__(self, members: Mapping[str, Member], prefixed: bool = True) -> None:
        self.members = dict(members)
        self.prefixed = prefixed
        self.starts_server = any(each.transport.starts_server for each in self.members.values())

    @property
    def remembered_era(self) -> Era | None:
        """Always None: each server's transport remembers its own."""
        return None

    @remembered_era.setter
    def remembered_era(self, era: Era | None) -> None:
        pass

    @asynccontextmanager
    async def open_channel(self) -> AsyncGenerator[CompositeChannel]:
        """Give a channel; the first request on it connects to the servers."""
        channel = CompositeChannel(self.members, self.prefixed)
        try:
            yield channel
        finally:
            await channel.close()

    def describe(self) -> str:
        """The servers."""
        return ", ".join(member.transport.describe() for member in self.members.values())

    def forwarding(self, headers: Callable[[], Mapping[str, str]]) -> Self:
        """The same servers, by transports that share nothing with anybody else's."""
        other = super().forwarding(headers)
        other.members = {
            name: member._replace(transport=member.transport.forwarding(headers))
            for name, member in self.members.items()
        }
        return other

    def server_url(self) -> str | None:
        """The URLs of all, with what they are called here, for so are their components. None where
        one has none, or shows other tools than its own: two of whom a change differs are two."""
        named = [
            [name, None if member.reshaping else member.transport.server_url()]
            for name, member in self.members.items()
        ]
        return None if any(url is None for _, url in named) else json.dumps([self.prefixed, named])

    def principal(self) -> str | None:
        """Who the client is for each of them. None where nobody can say of one."""
        each = [member.transport.principal() for member in self.members.values()]
        return None if None in each else json.dumps(each)

    def extensions(self) -> frozenset[str]:
        """By which the client is let in at any of them."""
        each = [member.transport.extensions() for member in self.members.values()]
        return frozenset(chain.from_iterable(each))

    async def close(self) -> None:
        """End what the servers' transports keep alive."""
        await all_of([member.transport.close() for member in self.members.values()])

    def __repr__(self) -> str:
        return f"<CompositeTransport({', '.join(map(repr, self.members))})>"


class CompositeChannel:
    """One open connection to all of them.

    Args:
        members: by name.
        prefixed: whether names begin with that of their server.
    """

    is_pipe = True
    address: tuple[str, int] | None = None

    def __init__(self, members: Mapping[str, Member], prefixed: bool) -> None:
        self.closed: Exception | None = None
        self.last_id = 0
        self.handshaken: Handshaken | None = None
        self._names = Names(members, prefixed)
        self._upstreams = {
            name: Upstream(
                name, member.transport, member.reshaping, self._said, self._missed, self._back
            )
            for name, member in members.items()
        }
        self._listings = Listings(self._names, self._upstreams)
        self._outer: ClientSession | None = None
        self._begun = False
        self._running: dict[RequestId, asyncio.Task[dict[str, Any]]] = {}
        self._listens: dict[RequestId, dict[str, Any]] = {}

    # --- as a channel --------------------------------------------------------------------------

    def attach(self, receiver: Receiver | None) -> None:
        """Say who hears the servers from now on, and answers them."""
        self._outer = receiver if isinstance(receiver, ClientSession) else None

    async def opened(self, version: str) -> None:
        """In the handshake era changes are told unasked."""
        await all_of([upstream.listen(LIST_CHANGED) for upstream in self._upstreams.values()])

    def session_id(self) -> str | None:
        """Each server has its own."""
        return None

    async def request(self, outgoing: Outgoing) -> Response:
        """Answer a request, or have it answered."""
        if self.closed is not None:
            raise self.closed
        task = asyncio.create_task(self._answer(outgoing))
        self._running[outgoing.id] = task
        try:
            return Response(outgoing.id, await task)
        except McpError as exc:
            return Response(outgoing.id, error=exc)
        except asyncio.CancelledError as exc:
            if is_cancelled(exc):
                raise
            why = self.closed or McpError(INVALID_REQUEST, "The request was cancelled")
            raise why from None
        finally:
            self._running.pop(outgoing.id, None)

    async def send(self, body: bytes, version: str | None) -> None:
        """Take a notification of the client."""
        message = as_object(load(body)) or {}
        method, params = message.get("method"), as_object(message.get("params")) or {}
        if method == "notifications/cancelled":
            # One whose caller is gone is cancelled already; this is for who says it by hand.
            task = self._running.get(params.get("requestId", ""))
            if task is not None:
                task.cancel()
        elif method == "notifications/roots/list_changed":
            told = [session.notify(method) for _, session in self._connected(Era.HANDSHAKE)]
            await all_of(told)

    async def close(self) -> None:
        """End the sessions, all at once."""
        self.closed = ConnectionClosedError("the client left")
        for task in self._running.values():
            task.cancel()
        await all_of([upstream.close() for upstream in self._upstreams.values()])

    def _connected(self, era: Era | None = None) -> list[tuple[Upstream, ClientSession]]:
        return [
            (upstream, session)
            for upstream in self._upstreams.values()
            if (session := upstream.connected) is not None and era in (None, session.era)
        ]

    # --- what the servers say ------------------------------------------------------------------

    async def _said(self, server: str, method: str, params: dict[str, Any]) -> None:
        params = dict(params)
        said_meta = dict(as_object(params.pop("_meta", None)) or {})
        said_meta.pop(meta.SUBSCRIPTION_ID, None)
        if said_meta:
            params["_meta"] = said_meta
        self._listings.changed(server, method)
        if method == RESOURCE_UPDATED:
            params["uri"] = self._names.public_uri(Place(server, str(params.get("uri", ""))))
        elif method == "notifications/message":
            params.setdefault("logger", server)
        outer = self._outer
        if outer is None:
            return
        kind = _KIND_OF.get(method)
        if outer.era is not Era.STATELESS or kind is None:
            await self._tell(outer, method, params)
            return
        for id, wanted in list(self._listens.items()):  # told only to who listens
            asked = wanted.get(kind.field)
            if asked is True or (isinstance(asked, list) and params.get(kind.key or "") in asked):
                stamped = {**params, "_meta": {**said_meta, meta.SUBSCRIPTION_ID: id}}
                await self._tell(outer, method, stamped)

    async def _tell(self, outer: ClientSession, method: str, params: dict[str, Any]) -> None:
        if method == "notifications/cancelled":  # of its session's own ids, where it was heard
            await outer.handlers.hear(method, params, None)
            return
        heard = outer.on_notification(Notification(method, params))
        if heard is not None:
            await heard

    def _missed(self, server: str) -> None:
        """Nobody told what changed there: what is known of it may be old."""
        for method in LIST_CHANGED:
            self._listings.changed(server, method)
        if self._outer is not None:
            self._outer.on_missed()

    async def _back(self, upstream: Upstream, uris: list[str]) -> None:
        """A server is there that was not: all that it offers may be another now."""
        logger.info("The server %r is there", upstream.name)
        self._missed(upstream.name)
        for method in LIST_CHANGED:
            await self._said(upstream.name, method, {})
        for uri in uris:
            await self._said(upstream.name, RESOURCE_UPDATED, {"uri": uri})

    # --- the beginning -------------------------------------------------------------------------

    async def _begin(self, mode: str) -> None:
        """Connect to all servers. It is enough that one is there."""
        outer = self._outer
        assert outer is not None
        if self._begun:
            return
        opening = [upstream.begin(outer, mode) for upstream in self._upstreams.values()]
        seconds = min(_START_SECONDS, (outer.init_timeout or _START_SECONDS) * 0.8)
        _, late = await asyncio.wait(opening, timeout=seconds)
        if not self._connected():
            reasons = [
                f"{name}: {upstream.why or f'no answer within {seconds:g} seconds'}"
                for name, upstream in self._upstreams.items()
            ]
            raise ConnectionClosedError(
                reasons[0] if len(reasons) == 1 else f"no server is there. {'; '.join(reasons)}",
                reached=False,
            )
        for upstream, task in zip(self._upstreams.values(), opening, strict=True):
            upstream.began()
            if task in late:
                logger.warning(
                    "The server %r did not answer within %g seconds; the client begins without it",
                    upstream.name,
                    seconds,
                )
        self._begun = True

    def _description(self) -> dict[str, Any]:
        """What all of them are together."""
        infos = [session.server_info for _, session in self._connected()]
        capabilities: dict[str, Any] = {}
        for upstream in self._upstreams.values():
            able = upstream.capabilities()
            if able is None:  # away, or not asked: nobody knows what it will offer
                able = {name: {"listChanged": True} for name in ("tools", "resources", "prompts")}
            _unite(capabilities, able)
        texts = [
            (upstream.name, session.instructions)
            for upstream, session in self._connected()
            if session.instructions
        ]
        alone = len(self._upstreams) == 1
        described: dict[str, Any] = {
            "capabilities": capabilities,
            "serverInfo": infos[0].model_dump(mode="json", by_alias=True, exclude_none=True)
            if alone and infos and infos[0] is not None
            else {"name": "MCPRouter", "version": importlib.metadata.version("fastmcp-streamline")},
        }
        if texts:
            described["instructions"] = (
                texts[0][1] if alone else "\n\n".join(f"# {name}\n{text}" for name, text in texts)
            )
        return described

    async def _initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        await self._begin(LEGACY)
        return {
            "protocolVersion": params.get("protocolVersion", LATEST_HANDSHAKE),
            **self._description(),
        }

    async def _discover(self) -> dict[str, Any]:
        await self._begin(AUTO)
        spoken = {session.protocol_version for _, session in self._connected()}
        if not all(version in STATELESS_VERSIONS for version in spoken):
            raise method_not_found("server/discover")
        described = self._description()
        info = described.pop("serverInfo")
        return {
            **described,
            "resultType": "complete",
            "supportedVersions": [v for v in STATELESS_VERSIONS if v in spoken],
            "_meta": {meta.SERVER_INFO: info},
            "ttlMs": 0,
            "cacheScope": "private",
        }

    # --- requests ------------------------------------------------------------------------------

    async def _answer(self, outgoing: Outgoing) -> dict[str, Any]:
        params: dict[str, Any] = load(outgoing.body).get("params") or {}
        method = outgoing.method
        if method == "initialize":
            return await self._initialize(params)
        if method == "server/discover":
            return await self._discover()
        await self._begin(outgoing.version or AUTO)
        if method == "ping" and not outgoing.stateless:
            return {}
        if method in LISTS:
            return await self._listings.all(method, outgoing.stateless)
        if method == LISTEN:
            return await self._listen(outgoing.id, params)
        if method == "logging/setLevel":
            await all_of([u.set_level(params["level"]) for u in self._upstreams.values()])
            return {}
        if method == "resources/subscribe":
            await self._subscribe(str(params.get("uri")))
            return {}
        if method == "resources/unsubscribe":
            await self._unsubscribe(str(params.get("uri")))
            return {}
        given: dict[str, Any] = as_object(params.pop("_meta", None)) or {}
        progress = self._progress(given.get(meta.PROGRESS_TOKEN))
        kept = {name: value for name, value in given.items() if name not in _OWN_META}
        if kept:
            params["_meta"] = kept
        if method == "tools/call":
            return await self._call(params, progress)
        if method == "resources/read":
            return await self._read(params, progress)
        if method == "prompts/get":
            place = await self._listings.find("prompts/list", str(params.get("name")))
            return await self._forward(place, method, {**params, "name": place.name}, progress)
        if method == "completion/complete":
            return await self._complete(params)
        raise method_not_found(method)

    def _progress(self, token: object) -> ProgressHandler | None:
        outer = self._outer
        if outer is None or token is None:
            return None

        async def heard(progress: float, total: float | None, message: str | None) -> None:
            said = {"progressToken": token, "progress": progress}
            said |= {} if total is None else {"total": total}
            said |= {} if message is None else {"message": message}
            await self._tell(outer, "notifications/progress", said)

        return heard

    async def _forward(
        self,
        place: Place,
        method: str,
        params: dict[str, Any],
        progress: ProgressHandler | None = None,
        headers: dict[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> dict[str, Any]:
        """Have a request answered by a server. The time-out is that of the request in front."""
        upstream = self._upstreams[place.server]
        session = await upstream.session()
        try:
            result = await session.request(
                method,
                params,
                timeout=0,
                progress=progress,
                headers=headers,
                repeatable=repeatable,
            )
        except (ConnectionClosedError, HttpStatusError) as exc:
            if isinstance(exc, SessionLostError) or exc.passing:
                raise upstream.down(why_of(exc), reached=exc.reached) from exc
            raise
        for message in as_object_list(result.get("messages")):
            map_links(message.get("content"), self._names, place.server)
        return result

    async def _call(
        self, params: dict[str, Any], progress: ProgressHandler | None
    ) -> dict[str, Any]:
        try:
            place = await self._listings.find("tools/list", str(params.get("name")))
            upstream = self._upstreams[place.server]
            own, arguments = upstream.reshaping.call(place.name, params.get("arguments") or {})
        except McpError as exc:
            if exc.code != INVALID_PARAMS:
                raise
            return _failed(exc)
        sent = {**params, "name": own, "arguments": arguments}
        session = await upstream.session()
        try:
            result = await self._call_there(session, place, sent, progress)
        except McpError as exc:
            if exc.code == INVALID_PARAMS and session.era is Era.STATELESS:
                return _failed(exc)
            if exc.code != HEADER_MISMATCH:
                raise
            await self._listings.of(upstream, "tools/list")  # it has other annotations by now
            result = await self._call_there(session, place, sent, progress)
        map_links(result.get("content"), self._names, place.server)
        return result

    async def _call_there(
        self,
        session: ClientSession,
        place: Place,
        params: dict[str, Any],
        progress: ProgressHandler | None,
    ) -> dict[str, Any]:
        own = params["name"]
        annotated = session.param_headers.get(own)
        headers = mirror(params["arguments"], annotated) if annotated else None
        repeatable = own in session.repeatable_tools
        return await self._forward(place, "tools/call", params, progress, headers, repeatable)

    async def _read(
        self, params: dict[str, Any], progress: ProgressHandler | None
    ) -> dict[str, Any]:
        uri = str(params.get("uri"))
        place = await self._listings.find("resources/list", uri)
        places = [place, *(other for other in self._names.uri_places(uri) if other != place)]
        for place in places:
            try:
                sent = {**params, "uri": place.name}
                result = await self._forward(place, "resources/read", sent, progress)
            except McpError as exc:
                # Without prefixes any server may have a template for it.
                if place is places[-1] or exc.code not in (INVALID_PARAMS, RESOURCE_NOT_FOUND_2025):
                    raise
            else:
                map_links(result.get("contents"), self._names, place.server)
                return result
        raise AssertionError("there is at least one place")

    async def _complete(self, params: dict[str, Any]) -> dict[str, Any]:
        ref: dict[str, Any] = as_object(params.get("ref")) or {}
        of_prompt = ref.get("type") == "ref/prompt"
        key = "name" if of_prompt else "uri"
        listed = "prompts/list" if of_prompt else "resources/templates/list"
        place = await self._listings.find(listed, str(ref.get(key, "")))
        sent = {**params, "ref": {**ref, key: place.name}}
        return await self._forward(place, "completion/complete", sent)

    # --- what the client listens to ------------------------------------------------------------

    async def _subscribe(self, uri: str) -> None:
        place = await self._listings.find("resources/list", uri)
        await self._upstreams[place.server].subscribe(place.name)

    async def _unsubscribe(self, uri: str) -> None:
        place = await self._listings.find("resources/list", uri)
        await self._upstreams[place.server].unsubscribe(place.name)

    async def _listen(self, id: RequestId, params: dict[str, Any]) -> dict[str, Any]:
        """A subscription of the stateless era, which lasts until it is cancelled. Of resources,
        those are honored whose servers listen."""
        asked: dict[str, Any] = as_object(params.get("notifications")) or {}
        honored: dict[str, Any] = {
            kind.field: True for kind in _KIND_OF.values() if asked.get(kind.field) is True
        }
        lists = [kind.method for kind in _KIND_OF.values() if kind.field in honored]
        uris: list[str] = [str(uri) for uri in asked.get(URIS) or ()]
        if uris:
            honored[URIS] = uris
        self._listens[id] = honored
        try:
            _, *subscribed = await asyncio.gather(
                all_of([upstream.listen(lists) for upstream in self._upstreams.values()]),
                *map(self._subscribe, uris),
                return_exceptions=True,
            )
            for uri, error in zip(list(uris), subscribed, strict=True):
                if isinstance(error, BaseException):
                    logger.debug("Changes of %r will not be told: %s", uri, error)
                    uris.remove(uri)
            if self._outer is not None:
                said = {"notifications": honored, "_meta": {meta.SUBSCRIPTION_ID: id}}
                await self._tell(self._outer, ACKNOWLEDGED, said)
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nobody sets it")
        finally:
            del self._listens[id]
            if self.closed is None:
                still = {uri for other in self._listens.values() for uri in other.get(URIS, ())}
                await all_of([self._unsubscribe(uri) for uri in uris if uri not in still])


def _failed(exc: McpError) -> dict[str, Any]:
    """A tool that is not there is a call that failed, for a client of either era."""
    return {"content": [{"type": "text", "text": exc.message}], "isError": True}


def _unite(into: dict[str, Any], more: dict[str, Any]) -> None:
    """All that either can do."""
    for name, value in more.items():
        have = into.get(name)
        if isinstance(have, dict) and isinstance(value, dict):
            _unite(have, value)  # pyright: ignore[reportUnknownArgumentType]  (JSON)
        elif not have:
            into[name] = dict(value) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]  (JSON)
