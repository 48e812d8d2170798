"""One request's way back to whoever asked.

An exchange belongs to the transport that carries it; the engine and the handler see only this:
say something, ask something, and know what cannot be said here. An answer belongs to the
exchange, never to a JSON-RPC id, so two requests that share an id cannot swap results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from contextlib import nullcontext
from typing import Any, ClassVar, Literal, TypeAlias

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.protocol.subscriptions import Subscription
from fastmcp.server.rounds import Rounds
from fastmcp.server.sessions import Session
from fastmcp.settings import OnDisconnect
from fastmcp.utilities.tracing import RequestSpan

__all__ = ["Detached", "Exchange", "TransportName"]

TransportName: TypeAlias = Literal["stdio", "sse", "streamable-http"]


class Exchange:
    """What a handler can reach its client through.

    Attributes:
        session: the handshake-era session, or None (stateless era, stateless HTTP).
        scope: the ASGI scope of the HTTP request, or None where there is none.
        transport: the transport's public name; None for an in-memory client.
        task: the task that runs the handler; cancelling the request cancels it.
        cancelled: whether the client took the request back. Then nothing may be sent for it.
        rounds: where a handler waits that asks its client in the stateless era; None where the
            client can be asked directly, or not at all.
        on_disconnect: what its tool says a client that leaves means, or None where it does not
            say. Only HTTP knows clients that leave one request.
        span: the request's span, or None where nobody traces.
        task_id: the background task that the request is served as, or None.
        connection: the name of the connection that all requests of one client come through; ""
            where clients share one, as over HTTP.
        closers: called when that connection ends; None where there is none.
    """

    transport: ClassVar[TransportName | None] = None
    task: asyncio.Task[Any] | None = None
    cancelled = False
    on_disconnect: OnDisconnect | None = None
    asks: set[asyncio.Future[Any]] | None = None
    rounds: Rounds | None = None
    span: RequestSpan | None = None
    task_id: str | None = None
    connection = ""
    closers: list[Callable[[], None]] | None = None

    def __init__(
        self, session: Session | None = None, scope: MutableMapping[str, Any] | None = None
    ) -> None:
        self.session = session
        self.scope = scope

    @property
    def answered(self) -> bool:
        """Whether the client has had its answer already: that the call is a task."""
        return False

    async def emit(self, message: bytes) -> bool:
        """Put one message on this request's own stream.

        Returns:
            False where this exchange has no stream (a JSON-only answer) or lost it.
        """
        raise NotImplementedError

    async def tell(self, message: bytes) -> None:
        """Let the client hear a notification where it can; nobody waits for it."""
        await self.emit(message)

    async def finish(self, payload: bytes, status: int = 200) -> None:
        """Send the response. The handler may go on, and has nothing to say here any more."""
        raise NotImplementedError

    async def listen(self, subscription: Subscription) -> None:
        """Let the client hear what it subscribed to, until the server or the client ends it."""
        raise NotImplementedError

    def describe(self, progress: float, total: float | None, message: str | None) -> None:
        """Keep how far the call is, where it is a task that its client looks after."""

    async def close_stream(self) -> None:
        """End the response's body but not the handler; the client resumes (2025-11-25)."""

    def cancel(self) -> None:
        """The client takes the request back: stop the handler, send nothing more.

        Once: a second cancellation would break into the handler's own cleaning up.
        """
        if self.cancelled:
            return
        self.cancelled = True
        if self.task is not None:
            self.task.cancel()

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request to the client on this stream and await its answer (handshake era).

        Raises:
            McpError: the client answered with an error, or it cannot be asked here.
        """
        session = self.session
        if session is None:
            raise _no_back_channel(method)
        id, future = session.open_ask(asyncio.get_running_loop())
        if self.asks is None:
            self.asks = set()
        self.asks.add(future)
        asking = nullcontext((None, params))
        if self.span is not None:
            attributes = {"jsonrpc.request.id": id, "mcp.protocol.version": session.version}
            asking = self.span.tracing.outgoing(method, params, attributes)
        try:
            with asking as (_, params):
                if not await self.emit(session.encode_ask(id, method, params)):
                    raise _no_back_channel(method)
                return await future
        finally:
            self.asks.discard(future)
            session.close_ask(id)

    def lose(self, why: str) -> None:
        """The client is gone: whoever waits for its answer learns it now, not never."""
        for future in self.asks or ():
            if not future.done():
                future.set_exception(McpError(INTERNAL_ERROR, why))


class Detached(Exchange):
    """No client at all: a component called from the program itself."""

    async def emit(self, message: bytes) -> bool:
        return False


def _no_back_channel(method: str) -> McpError:
    return McpError(
        INTERNAL_ERROR,
        f"{method} cannot reach the client: this request has no back-channel "
        "(stateless_http, json_response, a client that accepts no event stream, "
        "or a call made by the program itself)",
    )
