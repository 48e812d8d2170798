"""Where the messages of HTTP+SSE are posted, at whichever worker.

A session's id says which worker holds its stream. A message that comes to another one is sent
there, with the header it came with, and is answered as that worker says: 202 only where it was
taken. A worker that is gone has taken its streams along, so their sessions are unknown, like those
that are forged, over, or somebody else's; the answer says how to go on. One that does not answer
in time may have taken the message, and that is said.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, cast
from urllib.parse import parse_qs

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Reject
from fastmcp.protocol.errors import INTERNAL_ERROR, INVALID_REQUEST
from fastmcp.protocol.headers import is_json
from fastmcp.protocol.jsonrpc import UNREADABLE, encode_error
from fastmcp.protocol.session_token import StreamClaims, read_stream
from fastmcp.server.access import owner_of
from fastmcp.server.backplane.base import BackplaneDown, Message, Posted, Taken
from fastmcp.server.backplane.line import MAX_FRAME
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.session_keys import SessionKeys
from fastmcp.server.transports.asgi import (
    JSON_HEADERS,
    BodyTooLarge,
    ClientGone,
    Headers,
    Receive,
    Scope,
    Send,
    read_body,
    respond,
    respond_early,
)
from fastmcp.server.transports.door import Door, refuse, reject
from fastmcp.server.transports.limits import RETRY_AFTER
from fastmcp.server.transports.sse import Marks, SseStreams
from fastmcp.utilities.spawning import spawn

__all__ = ["MessageEndpoint"]

_ACCEPTED: Final = b"Accepted"
_TEXT: Final[Headers] = [(b"content-type", b"text/plain; charset=utf-8")]
_PATIENCE: Final = 5.0
"""Seconds that another worker has to say whether it took a message."""

Answer: TypeAlias = tuple[int, bytes]
"""Status and body."""


class _Request(msgspec.Struct, frozen=True, array_like=True):
    """What another worker's handlers may want to know of a POST."""

    path: str
    root_path: str
    query_string: bytes
    scheme: str
    client: tuple[str, int | None] | None
    headers: list[tuple[bytes, bytes]]
    body: bytes


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Request).decode


class MessageEndpoint:
    """The ASGI application that takes the messages.

    Args:
        workers: the others who serve this application.
        keys: verify the ids of the sessions, and seal what one worker sends another.
        door: lets requests in.
        streams: those that are open in this process.
        lifetime: seconds after which a session ends, or None for never.
        path: where a stream is opened.
        marks: of each response.
    """

    def __init__(
        self,
        workers: Workers,
        keys: SessionKeys,
        door: Door,
        streams: SseStreams,
        lifetime: float | None,
        path: str,
        marks: Marks,
    ) -> None:
        self._workers = workers
        self._keys = keys
        self._door = door
        self._streams = streams
        self._lifetime = lifetime
        self._path = path
        self._marks = marks
        self._far = _FarStreams(workers, keys, self._take)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = self._marks.put(scope, send)
        headers = await self._door.enter(scope, send)
        if headers is None:
            return
        if scope["method"] != "POST":
            message = f"Method not allowed: {scope['method'][:20]}; messages are posted here"
            await refuse(send, 405, message, headers=[(b"allow", b"POST")])
            return
        if not is_json(headers.get(b"content-type")):
            await refuse(send, 415, "Unsupported media type: send Content-Type: application/json")
            return
        body = await self._read(headers, receive, send)
        if body is None:
            return
        query = cast("bytes", scope["query_string"]).decode("latin-1")
        given = parse_qs(query, encoding="latin-1").get("session_id")
        if not given:
            await refuse(
                send, 400, f"session_id is missing: post to the address that GET {self._path} names"
            )
            return
        claims = self._claims(given[0], owner_of(scope))
        if claims is None:
            status, said = self._gone()
        elif claims.at == self._workers.backplane.worker:
            status, said = await self._take(claims.sse, scope, body)
        else:
            try:
                answer = await self._far.post(claims, scope, body)
            except BackplaneDown as down:
                await reject(send, Reject(503, down))
                return
            status, said = answer or self._gone()
        found = _TEXT if status == 202 else JSON_HEADERS
        await respond(send, status, said, [*found, RETRY_AFTER] if status in (429, 503) else found)

    async def _read(
        self, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> bytes | None:
        """The body; None where the request was answered, or its client left."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._streams.running.add(task)
        try:
            limit = self._streams.limits.body_bytes
            return await read_body(receive, headers.get(b"content-length"), limit)
        except BodyTooLarge as exc:
            refusal = self._streams.limits.body_too_large()
            said = encode_error(None, refusal.error)
            if exc.more:
                close = [*JSON_HEADERS, (b"connection", b"close")]
                await respond_early(send, receive, refusal.status, said, close)
            else:
                await reject(send, refusal)
        except ClientGone:
            pass
        except asyncio.CancelledError:  # the server stops, and its patience is over
            task.uncancel()
            await refuse(send, 503, "The server stops; try again in a moment")
        finally:
            self._streams.running.discard(task)
        return None

    def _claims(self, token: str, owner: str) -> StreamClaims | None:
        """What a session's id says; None where it is no good, or not for this owner."""
        claims = read_stream(token, self._keys.verify)
        if claims is None or claims.own != owner:
            return None
        if self._lifetime is not None and time.time() > claims.iat + self._lifetime:
            return None
        return claims

    def _gone(self) -> Answer:
        successor = self._marks.successor
        instead = "" if successor is None else f", or connect to {successor} (Streamable HTTP)"
        return _refusal(
            404,
            "Session not found: its stream has ended, or is held by a worker that cannot be "
            f"reached. Open a new one with GET {self._path} and initialize again{instead}. Workers "
            "on several machines find each other through Redis: FASTMCP_REDIS_URL",
        )

    async def _take(self, name: str, scope: Scope | _Request, body: bytes) -> Answer:
        """Give a message to its session, whose stream should be here."""
        conversation = self._streams.open.get(name)
        if conversation is None or conversation.stream.over:
            return self._gone()
        if conversation.stream.stopping:
            return _refusal(503, "The server stops; try again in a moment")
        if isinstance(scope, _Request):
            # Who asks was found out where the request came in, and is who opened the stream; its
            # token may be another one.
            scope = {**conversation.scope, "method": "POST", **_scope(scope)}
            await self._door.identify(scope)
        refusal = await conversation.receive(body, scope)
        if refusal is None:
            return 202, _ACCEPTED
        return refusal.status, encode_error(refusal.id, refusal.error)


class _FarStreams:
    """The streams that other workers hold.

    Args:
        workers: who they are.
        keys: seal what is sent.
        take: gives what they send here to its session.
    """

    def __init__(
        self,
        workers: Workers,
        keys: SessionKeys,
        take: Callable[[str, _Request, bytes], Awaitable[Answer]],
    ) -> None:
        self._workers = workers
        self._keys = keys
        self._take = take
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Taken]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        workers.listen(self._receive)

    async def post(self, claims: StreamClaims, scope: Scope, body: bytes) -> Answer | None:
        """Send a message to the worker that holds the stream; None where there is no such worker.

        Raises:
            BackplaneDown: it cannot be reached now, and has not got it.
        """
        backplane = self._workers.backplane
        client = scope.get("client")
        request = _Request(
            scope["path"],
            scope.get("root_path", ""),
            scope["query_string"],
            scope["scheme"],
            None if client is None else (client[0], client[1]),
            [(name, value) for name, value in scope["headers"]],
            body,
        )
        sealed = self._keys.seal(_purpose(claims.sse), _encode(request))
        if len(sealed) > MAX_FRAME - 1024:
            return _refusal(413, "Content too large to be sent to the worker that holds the stream")
        number = next(self._numbers)
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        message = Posted(backplane.worker, number, claims.sse, sealed)
        try:
            if not await backplane.send(claims.at, message):
                return None
            async with asyncio.timeout(_PATIENCE):
                taken = await future
        except TimeoutError:
            return _refusal(
                504,
                f"The worker that holds the stream did not answer within {_PATIENCE:g} seconds; "
                "whether it took the message is not known",
                INTERNAL_ERROR,
            )
        finally:
            del self._asked[number]
        return taken.status, taken.body

    def _receive(self, message: Message) -> None:
        if isinstance(message, Taken):
            future = self._asked.get(message.ask)
            if future is not None and not future.done():
                future.set_result(message)
        elif isinstance(message, Posted):
            spawn(self._serve(message), self._tasks)

    async def _serve(self, posted: Posted) -> None:
        data = self._keys.unseal(_purpose(posted.stream), posted.request)
        try:
            request = _decode(data or b"")
        except UNREADABLE:
            status, body = _refusal(
                404,
                "The workers of this server have different session keys, or releases: its "
                "operator has to give them one FASTMCP_SESSION_KEY, and one release",
            )
        else:
            status, body = await self._take(posted.stream, request, request.body)
        try:
            await self._workers.backplane.send(posted.worker, Taken(posted.ask, status, body))
        except BackplaneDown:
            return  # it will say that it does not know


def _purpose(stream: str) -> str:
    return f"sse {stream}"


def _scope(request: _Request) -> Scope:
    return {
        "path": request.path,
        "raw_path": request.path.encode(),
        "root_path": request.root_path,
        "query_string": request.query_string,
        "scheme": request.scheme,
        "client": request.client,
        "headers": request.headers,
    }


def _refusal(status: int, message: str, code: int = INVALID_REQUEST) -> Answer:
    return status, encode_error(None, McpError(code, message))
