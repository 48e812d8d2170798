"""One request in, one response out; the transports are only its shores.

`Engine.handle` finds the method's handler (an era that lacks the method has no handler, and
that absence is the only gate), gives it a `Context`, and encodes what comes back for the era.
It runs in the task that owns the response and returns the bytes to write: no queue, no task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from fastmcp.exceptions import McpError
from fastmcp.protocol.classify import Call, Notice
from fastmcp.protocol.era2025 import suit
from fastmcp.protocol.era2026 import CacheHint, complete
from fastmcp.protocol.errors import INTERNAL_ERROR, method_not_found
from fastmcp.protocol.jsonrpc import encode_error, encode_result
from fastmcp.protocol.methods import HANDSHAKE_METHODS, METHODS, STATELESS_METHODS
from fastmcp.protocol.versions import Era
from fastmcp.server.bus import Bus
from fastmcp.server.completions import CompletionHandler
from fastmcp.server.context import Context, Server, get_context
from fastmcp.server.exchange import Exchange
from fastmcp.server.lifespan import RunningLifespan
from fastmcp.server.middleware.middleware import Middleware, MiddlewareContext, compose
from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.base import Provider
from fastmcp.server.registry import LIST_CHANGES, Registry, View
from fastmcp.server.skills import EXTENSION as SKILLS
from fastmcp.server.skills import SETTINGS as SKILLS_SETTINGS
from fastmcp.server.skills import SkillSource
from fastmcp.server.state import SessionState
from fastmcp.settings import OnDisconnect

__all__ = ["Engine", "Handler", "is_cancelled"]

_logger: Final = logging.getLogger("fastmcp.server")

_NOTIFICATION: Final = "notifications/"
Chain: TypeAlias = Callable[[MiddlewareContext[Any]], Awaitable[Any]]

Handler: TypeAlias = "Callable[[Engine, Context, dict[str, Any]], Awaitable[dict[str, Any]]]"
"""Serves one method: the request's params in, the result's members out."""


def is_cancelled(error: BaseException) -> bool:
    """Whether an error is the cancellation of the current task, by its client or its server; and
    not one of something that the author's code awaited."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


class Engine:
    """What a server is, without a socket.

    Attributes:
        facade: the `FastMCP` object that handlers see as `ctx.fastmcp`.
        group: the name its author gave it, or "": what its workers have in common.
        registry: its components.
        providers: whom it asks for those it does not have itself, or None.
        extensions: the settings it announces by the identifier of an extension, in the
            stateless era.
        server_info: the `Implementation` it calls itself.
        middleware: outermost first; the chains are composed from it once.
        mask_error_details: whether unexpected errors are told to clients without their text.
        on_disconnect: whether a client that leaves cancels its call, in the handshake era.
    """

    def __init__(
        self,
        *,
        facade: Server,
        group: str,
        handlers: Mapping[str, Handler],
        notice_handler: Handler,
        registry: Registry,
        server_info: dict[str, Any],
        instructions: str | None,
        middleware: list[Middleware],
        lifespan: RunningLifespan,
        bus: Bus,
        session_state: SessionState,
        mask_error_details: bool,
        client_log_level: str | None,
        page_size: int | None,
        cache_hint: CacheHint,
        experimental_capabilities: Mapping[str, Any] | None,
        on_disconnect: OnDisconnect,
    ) -> None:
        self.facade = facade
        self.group = group
        self.registry = registry
        self.providers: AggregateProvider | None = None
        self.extensions: dict[str, Any] = {}
        self.server_info = server_info
        self.instructions = instructions
        self.middleware = middleware
        self.lifespan = lifespan
        self.bus = bus
        self.session_state = session_state
        self.mask_error_details = mask_error_details
        self.client_log_level = client_log_level
        self.page_size = page_size
        self.cache_hint = cache_hint
        self.experimental_capabilities = experimental_capabilities
        self.on_disconnect: OnDisconnect = on_disconnect
        self.completion_handler: CompletionHandler | None = None
        self._handshake = {m: h for m, h in handlers.items() if m in HANDSHAKE_METHODS}
        self._stateless = {m: h for m, h in handlers.items() if m in STATELESS_METHODS}
        self._hints = {method: cache_hint for method, row in METHODS.items() if row.cacheable}
        self._notice_handler = notice_handler
        self._chains: dict[str, Chain] = {}
        self._composed_from: list[Middleware] = []
        registry.on_change = bus.publish

    def view(self, context: Context) -> View:
        """The components that the client of a call sees."""
        visibility = context.visibility
        return self.registry.view if visibility is None else visibility.view(self.registry)

    def add_provider(self, provider: Provider) -> None:
        """Ask a provider too, after those that are there."""
        if self.providers is None:
            self.providers = AggregateProvider()
        self.providers.add_provider(provider)
        if isinstance(provider, SkillSource):
            self.extensions.setdefault(SKILLS, SKILLS_SETTINGS)
        provider.listeners = (*provider.listeners, self.bus.publish)
        for change in LIST_CHANGES.values():
            self.bus.publish(change())

    # the wire

    async def handle(self, call: Call, exchange: Exchange) -> tuple[bytes, int]:
        """Serve one request.

        Returns:
            The JSON-RPC response, and its error code or 0.
        Raises:
            asyncio.CancelledError: the request was taken back, or the server stops.
        """
        context = Context(self.facade, call, exchange)
        token = context.activate()
        stateless = call.era is Era.STATELESS
        try:
            handler = (self._stateless if stateless else self._handshake).get(call.method)
            if handler is None:
                raise method_not_found(call.method)
            if self.middleware and METHODS[call.method].hook is None:
                handler = self._around(call.method, handler)
            result = await handler(self, context, call.params)
            if stateless:
                complete(result, self.server_info, self._hints.get(call.method))
            else:
                result = suit(result, call.version)
            return encode_result(call.id, result), 0
        except McpError as exc:
            return encode_error(call.id, exc), exc.code
        except Exception:
            _logger.exception("%s failed", call.method)
        except (SystemExit, asyncio.CancelledError) as exc:  # a call ends itself, not the server
            if is_cancelled(exc):
                raise
            _logger.error("%s failed: the handler raised %r", call.method, exc)
        finally:
            context.deactivate(token)
        error = McpError(INTERNAL_ERROR, "Internal error: the server's log says more")
        return encode_error(call.id, error), INTERNAL_ERROR

    async def notice(self, notice: Notice, exchange: Exchange) -> None:
        """Take one notification of the client. It is never answered, whatever is wrong with it."""
        call = Call(notice.era, notice.version, "", notice.method, notice.params, {})
        context = Context(self.facade, call, exchange)
        token = context.activate()
        try:
            if self.middleware:
                await self.through(
                    context,
                    notice.method,
                    None,
                    notice.params,
                    self._notice_handler,
                    "notification",
                )
            else:
                await self._notice_handler(self, context, notice.params)
        except Exception:
            _logger.exception("%s failed", notice.method)
        except (SystemExit, asyncio.CancelledError) as exc:
            if is_cancelled(exc):
                raise
            _logger.error("%s failed: the handler raised %r", notice.method, exc)
        finally:
            context.deactivate(token)

    # middleware

    async def through(
        self,
        context: Context,
        method: str,
        hook: str | None,
        message: Any,
        handler: Callable[[Engine, Context, Any], Awaitable[Any]],
        type: str = "request",
    ) -> Any:
        """Call `handler` through the middleware chain of its method.

        A method has one handler, so its chain is composed once. All notifications share one
        chain: their methods are the client's words, and must neither fill the memory nor pass
        for a request's.
        """
        key = _NOTIFICATION if type == "notification" else method
        if self._composed_from != self.middleware:
            self._composed_from = list(self.middleware)
            self._chains.clear()
        chain = self._chains.get(key)
        if chain is None:

            async def innermost(inner: MiddlewareContext[Any]) -> Any:
                return await handler(self, inner.fastmcp_context or get_context(), inner.message)

            chain = self._chains[key] = compose(self.middleware, key, hook, innermost)
        return await chain(
            MiddlewareContext(
                message=message,
                fastmcp_context=context,
                source="client",
                type="notification" if type == "notification" else "request",
                method=method,
            )
        )

    def _around(self, method: str, handler: Handler) -> Handler:
        async def run(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
            return await engine.through(context, method, None, params, handler)

        return run

    # the program itself

    async def inside(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Run a feature for the program: in the current call's context, or in a detached one."""
        context = Context.current()
        if context is not None and context.fastmcp is self.facade:
            return await function(self, context, *arguments)
        async with Context(self.facade) as context:
            return await function(self, context, *arguments)
