"""A JSON-RPC batch over HTTP (2025-03-26 alone).

Its requests run side by side; what they say on the way and their responses share one stream.
A client that reads no event stream gets the responses as one JSON array
(2025-03-26, basic/transports, "Sending Messages to the Server").
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from fastmcp.protocol.classify import Batch, Call, Notice, Reply
from fastmcp.protocol.headers import Accepts
from fastmcp.protocol.jsonrpc import Malformed, encode_error
from fastmcp.server.backplane.base import BackplaneDown
from fastmcp.server.engine import Engine
from fastmcp.server.exchange import Exchange
from fastmcp.server.sessions import Session
from fastmcp.server.transports.asgi import Receive, Scope, Send
from fastmcp.server.transports.http_exchange import HttpExchange, Patience, StreamPolicy
from fastmcp.server.transports.shutdown import stopped

__all__ = ["BatchExchange"]


class _Member(Exchange):
    """One request of a batch: it speaks through the batch's own exchange."""

    transport = "streamable-http"

    def __init__(self, whole: HttpExchange) -> None:
        super().__init__(whole.session, whole.scope)
        self._whole = whole
        self.asks = whole.asks  # when the stream is lost, so is every member's question

    async def emit(self, message: bytes) -> bool:
        return not self.cancelled and await self._whole.emit(message)


class BatchExchange(HttpExchange):
    """The answer to a whole batch."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        scope: Scope,
        session: Session | None,
        accepts: Accepts,
        policy: StreamPolicy,
        patience: Patience,
        disconnect_cancels: bool,
    ) -> None:
        super().__init__(
            receive, send, scope, session, accepts, policy, patience, disconnect_cancels
        )

    async def serve(self, task: asyncio.Task[None], engine: Engine, batch: Batch) -> None:
        """Run everything in it and answer.

        Args:
            task: the current one.
            engine: the server.
            batch: what was sent.
        """
        self.begin(task)
        self.asks = set()
        loop = asyncio.get_running_loop()
        running: list[asyncio.Task[bytes | None]] = []
        responses: list[bytes] = []
        for item in batch.items:
            if isinstance(item, Call):
                running.append(loop.create_task(self._call(engine, item)))
            elif isinstance(item, Notice):
                await engine.notice(item, _Member(self))
            elif isinstance(item, Reply):
                if self.session is not None:
                    with suppress(BackplaneDown):  # one answer of a batch has no status of its own
                        await self.session.answer_anywhere(item.response)
            else:
                responses.append(_malformed(item))
        try:
            await asyncio.gather(*running)
        except asyncio.CancelledError:
            task.uncancel()
            if self.cancelled:  # its client left, and takes everything back
                await self.abandon()
                return
            # The server stops: each of them was told, and answers.
        responses.extend(r for r in await asyncio.gather(*running) if r is not None)
        if not responses:
            await self.accept()
            return
        await self.finish(b"[" + b",".join(responses) + b"]")

    async def _call(self, engine: Engine, call: Call) -> bytes | None:
        member = _Member(self)
        member.task = asyncio.current_task()
        session = self.session
        if session is not None:
            call.version = session.version
            session.begin(call.id, member)
        payload = None
        try:
            payload, _ = await engine.handle(call, member)
        except asyncio.CancelledError:
            if not member.cancelled:
                payload = encode_error(call.id, stopped())
        finally:
            if session is not None:
                session.end(member)
        return None if member.cancelled else payload


def _malformed(item: Malformed) -> bytes:
    return encode_error(item.id, item)
