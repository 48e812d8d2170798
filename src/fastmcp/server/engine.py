"""One request in, one response out; the transports are only its shores.

`Engine.handle` finds the method's handler (an era that lacks the method has no handler, and
that absence is the only gate), gives it a `Context`, and encodes what comes back for the era.
It runs in the task that owns the response and returns the bytes to write: no queue, no task.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from sys import modules
from typing import Any, Final, Literal, TypeAlias

from fastmcp.exceptions import McpError, UpstreamError
from fastmcp.protocol.classify import Call, Notice
from fastmcp.protocol.era2025 import suit
from fastmcp.protocol.era2026 import CacheHint, complete
from fastmcp.protocol.errors import INTERNAL_ERROR, internal_error, method_not_found
from fastmcp.protocol.input_required import INPUT_REQUIRED
from fastmcp.protocol.jsonrpc import encode_error, encode_result
from fastmcp.protocol.meta import check_extension_id
from fastmcp.protocol.methods import HANDSHAKE_METHODS, METHODS, STATELESS_METHODS
from fastmcp.protocol.request_state import RequestState
from fastmcp.protocol.versions import Era
from fastmcp.server.background.base import Tasks
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.bus import Bus
from fastmcp.server.completions import CompletionHandler
from fastmcp.server.context import Context, Server, get_context
from fastmcp.server.exchange import Exchange
from fastmcp.server.input_required import ask_for, receive
from fastmcp.server.lifespan import RunningLifespan
from fastmcp.server.middleware.middleware import Middleware, MiddlewareContext, compose
from fastmcp.server.mounted import MountedContext
from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.base import Provider
from fastmcp.server.providers.namespace import NamespacedProvider
from fastmcp.server.registry import LIST_CHANGES, Registry, View
from fastmcp.server.request_state import RequestStateSecurity
from fastmcp.server.rounds import Gone, Result, Rounds, Terms, answers_so_far, cannot_go_on
from fastmcp.server.rounds_elsewhere import SharedRounds
from fastmcp.server.session_keys import SessionKeys
from fastmcp.server.skills import EXTENSION as SKILLS
from fastmcp.server.skills import SETTINGS as SKILLS_SETTINGS
from fastmcp.server.skills import SkillSource
from fastmcp.server.state import SessionState
from fastmcp.server.telemetry import traced
from fastmcp.settings import OnDisconnect, get_settings
from fastmcp.utilities import mcp_types
from fastmcp.utilities.spawning import ends_more_than_a_call
from fastmcp.utilities.tracing import TRACE_API, Telemetry

__all__ = ["Engine", "Handler"]

_logger: Final = logging.getLogger("fastmcp.server")

_NOTIFICATION: Final = "notifications/"
Chain: TypeAlias = Callable[[MiddlewareContext[Any]], Awaitable[Any]]

Handler: TypeAlias = "Callable[[Engine, Context, dict[str, Any]], Awaitable[dict[str, Any]]]"
"""Serves one method: the request's params in, the result's members out."""


async def _unknown(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    raise method_not_found(context.call.method)


class Engine:
    """What a server is, without a socket.

    Attributes:
        facade: the `FastMCP` object that handlers see as `ctx.fastmcp`.
        group: the name its author gave it, or "": what its workers have in common.
        registry: its components.
        behind: whom it asks for those it does not have itself.
        providers: the same, or None where there is nobody to ask.
        server_info: the `Implementation` it calls itself.
        middleware: outermost first; the chains are composed from it once.
        mask_error_details: whether unexpected errors are told to clients without their text.
        on_disconnect: whether a client that leaves cancels its call, in the handshake era.
        extensions: what it speaks beside the core protocol: settings by identifier. Whoever serves
            an extension declares it with `declare_extension`.
        telemetry: says whether a request is traced; None if none ever is.
        tasks: the calls that go on after their answer.
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
        tasks: Tasks,
        mask_error_details: bool,
        client_log_level: str | None,
        page_size: int | None,
        cache_hint: CacheHint,
        experimental_capabilities: Mapping[str, Any] | None,
        on_disconnect: OnDisconnect,
        request_state: RequestStateSecurity,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.facade = facade
        self.group = group
        self.registry = registry
        self.behind = AggregateProvider()
        self.providers: AggregateProvider | None = None
        self.server_info = server_info
        self.instructions = instructions
        self.middleware = middleware
        self.lifespan = lifespan
        self.bus = bus
        self.session_state = session_state
        self.tasks = tasks
        self.mask_error_details = mask_error_details
        self.client_log_level = client_log_level
        self.page_size = page_size
        self.cache_hint = cache_hint
        self.experimental_capabilities = experimental_capabilities
        self.on_disconnect: OnDisconnect = on_disconnect
        self.request_state = request_state
        self.telemetry = telemetry
        self.completion_handler: CompletionHandler | None = None
        self.extensions: dict[str, dict[str, Any]] = {}
        self._handshake = {m: h for m, h in handlers.items() if m in HANDSHAKE_METHODS}
        self._stateless = {m: h for m, h in handlers.items() if m in STATELESS_METHODS}
        self._hints = {method: cache_hint for method, row in METHODS.items() if row.cacheable}
        self._notice_handler = notice_handler
        self._chains: dict[str, Chain] = {}
        self._composed_from: list[Middleware] = []
        registry.on_change = bus.publish

    def declare_extension(self, id: str, settings: dict[str, Any] | None = None) -> None:
        """Announce an extension in `server/discover` (basic/versioning, "Extension Negotiation").

        Args:
            id: a prefix and a name: "io.modelcontextprotocol/tasks".
            settings: as the extension defines them; none by default.
        Raises:
            ValueError: `id` is no such identifier.
        """
        check_extension_id(id)
        self.extensions[id] = settings or {}

    def rounds(self, keys: SessionKeys, workers: Workers | None = None, group: str = "") -> Rounds:
        """Where the handlers of one application, or of one pipe, wait for their clients.

        Args:
            keys: seal what clients carry, unless the author gave others.
            workers: the other workers, who can be asked what they hold.
            group: which server; its workers have this in common, and other servers have not.
        """
        settings = get_settings()
        own = self.request_state
        terms = Terms(
            settings.input_required_hold,
            own.ttl or settings.request_state_ttl,
            settings.input_required_limit,
            settings.input_required_total,
        )
        if workers is None:
            return Rounds(own.keys or keys, self.server_info, group, terms)
        return SharedRounds(workers, own.keys or keys, self.server_info, group, terms)

    def view(self, context: Context) -> View:
        """The components that the client of a call sees."""
        visibility = context.visibility
        return self.registry.view if visibility is None else visibility.view(self.registry)

    def add_provider(
        self,
        provider: Provider,
        namespace: str = "",
        tool_names: Mapping[str, str] | None = None,
    ) -> None:
        """Ask a provider too, after those that are there.

        Args:
            provider: to ask.
            namespace: what its components' names begin with here; "" for nothing.
            tool_names: other names for some of its tools.
        Raises:
            ValueError: its components are this server's.
        """
        self.check_is_no_circle(provider)
        if namespace or tool_names:
            provider = NamespacedProvider(provider, namespace, tool_names)
        self.behind.add_provider(provider)
        self.providers = self.behind
        if isinstance(provider, SkillSource):
            self.declare_extension(SKILLS, SKILLS_SETTINGS)
        provider.listeners = (*provider.listeners, self.bus.publish)
        for change in LIST_CHANGES.values():
            self.bus.publish(change())

    def check_is_no_circle(self, provider: Provider) -> None:
        """Refuse what would ask this server for what this server asks it for.

        Raises:
            ValueError: its components are this server's.
        """
        if provider.leads_to(self):
            raise ValueError(
                f"{provider!r} cannot be mounted on {self.facade!r}: it offers that server's "
                "components, and they would ask each other for ever"
            )

    # the wire

    async def handle(
        self, call: Call, exchange: Exchange, context: Context | None = None
    ) -> tuple[bytes, int]:
        """Serve one request.

        Args:
            call: the request.
            exchange: the way back to its client.
            context: the call's own, where it was made already.

        Returns:
            The JSON-RPC response, and its error code or 0. Nothing at all where the request has
            been answered meanwhile, by what its handler asked.
        Raises:
            asyncio.CancelledError: the request was taken back, or the server stops.
        """
        stateless = call.era is Era.STATELESS
        if context is None:
            if stateless and ("requestState" in call.params or "inputResponses" in call.params):
                return await self._next_round(call, exchange)
            context = Context(self.facade, call, exchange)
        token = context.activate()
        error: McpError | None = None
        try:
            handler = (self._stateless if stateless else self._handshake).get(call.method, _unknown)
            if self.middleware and handler is not _unknown and METHODS[call.method].hook is None:
                handler = self._around(call.method, handler)
            telemetry = self.telemetry
            tracing = None
            if telemetry is not None and TRACE_API in modules:
                tracing = telemetry.tracing()
            if tracing is not None:
                result = await traced(tracing, _content(handler))(self, context, call.params)
            else:
                result = await handler(self, context, call.params)
                if "resultType" in result and result["resultType"] == INPUT_REQUIRED:
                    result = await _ask_for(self, handler, context, result)
            if stateless:
                hint = self._hints.get(call.method)
                if hint is not None and context.visibility is not None:
                    hint = CacheHint(hint.ttl_ms)  # what this client sees is not for others
                complete(result, self.server_info, hint)
                if context.conversation is not None and await context.conversation.end(result):
                    return b"", 0
            else:
                result = suit(result, call.version)
            return encode_result(call.id, result), 0
        except McpError as exc:
            error = exc
        except UpstreamError as exc:
            error = McpError(INTERNAL_ERROR, str(exc))
        except Exception:
            _logger.exception("%s failed", call.method)
        except BaseException as exc:  # a call ends itself, not the server
            if ends_more_than_a_call(exc):
                if context.conversation is not None:
                    context.conversation.break_off()
                raise
            _logger.error("%s failed: the handler raised %r", call.method, exc)
        finally:
            context.over = True
            context.deactivate(token)
        if error is None:
            error = internal_error()
        if context.conversation is not None and await context.conversation.end(error):
            return b"", 0
        return encode_error(call.id, error), error.code

    async def _next_round(self, call: Call, exchange: Exchange) -> tuple[bytes, int]:
        """Serve a request that brings answers along, or what stands for them (`server/rounds`).

        Its handler waits for them, or is called anew and finds them in its context.
        """
        context, rounds = Context(self.facade, call, exchange), exchange.rounds
        try:
            await mcp_types.load()
            state = None if rounds is None else rounds.read(call, exchange)
            if rounds is not None and state is not None and state.call:
                result = await self._go_on(rounds, state, context)
                if result is not None:
                    return encode_result(call.id, result), 0
                context.answers = answers_so_far(state, call)
            else:
                receive(context, state, call)
        except McpError as exc:
            return encode_error(call.id, exc), exc.code
        except Exception:
            _logger.exception("%s failed", call.method)
            return encode_error(call.id, internal_error()), INTERNAL_ERROR
        return await self.handle(call, exchange, context)

    async def _go_on(self, rounds: Rounds, state: RequestState, context: Context) -> Result | None:
        """The next result of a handler that waits; None where it is to be run again."""

        async def handler(
            engine: Engine, context: Context, params: dict[str, Any]
        ) -> Result | None:
            try:
                return await rounds.go_on(state, context.call, context.exchange)
            except Gone as exc:
                if state.again:
                    return None
                raise cannot_go_on(exc) from None

        tracing = None if self.telemetry is None else self.telemetry.tracing()
        run = handler if tracing is None else traced(tracing, handler)
        return await run(self, context, context.call.params)

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
        except BaseException as exc:
            if ends_more_than_a_call(exc):
                raise
            _logger.error("%s failed: the handler raised %r", notice.method, exc)
        finally:
            context.deactivate(token)

    # middleware

    def through(
        self,
        context: Context,
        method: str,
        hook: str | None,
        message: Any,
        handler: Callable[[Engine, Context, Any], Awaitable[Any]],
        type: Literal["request", "notification"] = "request",
    ) -> Awaitable[Any]:
        """Call `handler` through the middleware chain of its method.

        All notifications share one chain: their methods are the client's words, and must neither
        fill the memory nor pass for a request's.
        """
        key = _NOTIFICATION if type == "notification" else method
        chain = self.chain(key, hook, handler)
        return chain(MiddlewareContext(message, context, "client", type, method))

    def chain(
        self,
        method: str,
        hook: str | None,
        handler: Callable[[Engine, Context, Any], Awaitable[Any]],
    ) -> Chain:
        """The middleware of a method, around its handler; it has one, so this is composed once."""
        if self._composed_from != self.middleware:
            self._composed_from = list(self.middleware)
            self._chains.clear()
        chain = self._chains.get(method)
        if chain is None:

            def innermost(inner: MiddlewareContext[Any]) -> Awaitable[Any]:
                context = inner.fastmcp_context or get_context()
                return handler(self, context, inner.said or inner.message)

            chain = self._chains[method] = compose(self.middleware, method, hook, innermost)
        return chain

    def _around(self, method: str, handler: Handler) -> Handler:
        async def run(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
            return await engine.through(context, method, None, params, handler)

        return run

    # the program itself

    async def inside(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Run a feature for the program: in the current call's context, or in a detached one.

        In the middle of another server's call, which this one is mounted on or a part of, its
        handlers have the client of that call.
        """
        context = Context.current()
        if context is not None and context.fastmcp is self.facade:
            return await function(self, context, *arguments)
        inner = Context(self.facade) if context is None else MountedContext(self.facade, context)
        async with inner:
            return await function(self, inner, *arguments)


async def _ask_for(
    engine: Engine, handler: Handler, context: Context, result: dict[str, Any]
) -> dict[str, Any]:
    """A handler returned its questions (`server/input_required`)."""
    return await ask_for(context, result, lambda: handler(engine, context, context.call.params))


def _content(handler: Handler) -> Handler:
    """A handler and what it asks for, as one: they have one span."""

    async def run(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        result = await handler(engine, context, params)
        if result.get("resultType") == INPUT_REQUIRED:
            result = await _ask_for(engine, handler, context, result)
        return result

    return run
