"""The server as an ASGI application: a Starlette app around one MCP endpoint.

Starlette brings routing, mounting, custom routes and the user's middleware; the endpoint
itself is plain ASGI (`transports/streamable_http`) and is reached at its path with and without
a trailing slash, without a redirect.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeAlias

from starlette._utils import get_route_path
from starlette.applications import Starlette
from starlette.middleware import Middleware as ASGIMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as CustomRoute
from starlette.types import Receive, Scope, Send

from fastmcp.server.engine import Engine
from fastmcp.server.event_store import EventStore
from fastmcp.server.session_keys import load_session_keys
from fastmcp.server.sessions import SessionManager
from fastmcp.server.transports.asgi import ASGIApp
from fastmcp.server.transports.http_exchange import StreamPolicy
from fastmcp.server.transports.limits import Limits
from fastmcp.server.transports.security import (
    DEFAULT_HOSTS,
    HostOriginGuard,
    HostOriginGuardMiddleware,
    guard_mode,
)
from fastmcp.server.transports.streamable_http import StreamableHTTP
from fastmcp.settings import get_settings

__all__ = [
    "DEFAULT_HOSTS",
    "ASGIMiddleware",
    "CustomRoute",
    "HostOriginGuardMiddleware",
    "HttpHandler",
    "StarletteWithLifespan",
    "create_base_app",
    "create_streamable_http_app",
]

HttpHandler: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Serves a custom route."""

_logger: Final = logging.getLogger("fastmcp.server.http")


class StarletteWithLifespan(Starlette):
    """A Starlette application whose lifespan a parent application can run.

    Requests for the MCP endpoint take a short way: where no middleware stands around it, it is
    called at once instead of through the router and Starlette's two error middlewares, which
    have nothing to do there (the endpoint answers its own errors) and cost as much as a call.
    """

    sessions: SessionManager | None = None
    _endpoint: ASGIApp | None = None
    _endpoint_paths: frozenset[str] = frozenset()

    def serve_endpoint(self, paths: Sequence[str], endpoint: ASGIApp) -> None:
        """Name the endpoint and where it is; its routes come first."""
        self._endpoint = endpoint
        self._endpoint_paths = frozenset(paths)
        # The empty path exists only as the rest of a mount's own path; Starlette routes no such.
        self.router.routes[:0] = [CustomRoute(path, endpoint) for path in paths if path]

    def close_streams(self) -> None:
        """End the streams that have no end of their own, so that a server can stop."""
        if self.sessions is not None:
            for session in self.sessions.open_sessions():
                if session.stream is not None:
                    session.stream.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            self._endpoint is not None
            and not self.user_middleware
            and scope["type"] == "http"
            and get_route_path(scope) in self._endpoint_paths
        ):
            scope["app"] = self
            await self._endpoint(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    @property
    def lifespan(self) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
        """Give this to the parent: `FastAPI(lifespan=mcp_app.lifespan)`."""
        return self.router.lifespan_context


def create_base_app(
    routes: Sequence[BaseRoute],
    middleware: Sequence[ASGIMiddleware],
    debug: bool = False,
    lifespan: Callable[[Any], AbstractAsyncContextManager[Any]] | None = None,
) -> StarletteWithLifespan:
    """A Starlette application with these routes."""
    return StarletteWithLifespan(
        routes=list(routes), middleware=list(middleware), debug=debug, lifespan=lifespan
    )


def create_streamable_http_app(
    engine: Engine,
    *,
    path: str,
    routes: Sequence[BaseRoute] = (),
    middleware: Sequence[ASGIMiddleware] = (),
    json_response: bool = False,
    stateless_http: bool = False,
    debug: bool = False,
    host_origin_protection: bool | str = "auto",
    allowed_hosts: Sequence[str] | None = None,
    allowed_origins: Sequence[str] | None = None,
    session_idle_timeout: float | None = None,
    event_store: EventStore | None = None,
    retry_interval: int | None = None,
    max_body_bytes: int | None = None,
) -> StarletteWithLifespan:
    """The application that serves one MCP endpoint.

    Args:
        engine: the server.
        path: where the endpoint is; with and without the trailing slash.
        routes: further routes, not guarded and not authenticated.
        middleware: the user's, outside of everything.
        json_response: answer calls as JSON always; notifications of a call are then dropped.
        stateless_http: no sessions; any worker answers any request.
        debug: Starlette's debug pages.
        host_origin_protection: the DNS rebinding guard, see `HostOriginGuardMiddleware`.
        allowed_hosts: hosts it lets through.
        allowed_origins: origins it lets through.
        session_idle_timeout: seconds after which an unused session ends, or None.
        event_store: keeps the streams of calls, so that clients can resume them.
        retry_interval: milliseconds after which a client shall come back to a broken stream.
        max_body_bytes: the largest request body; the setting's by default.
    Raises:
        ValueError: a setting is out of its range.
    """
    settings = get_settings()
    sessions: SessionManager | None = None
    if not stateless_http:
        keys = load_session_keys(settings.session_keys, settings.home)
        sessions = SessionManager(keys, session_idle_timeout)
    policy = StreamPolicy(
        json_only=json_response,
        after=settings.http_stream_after,
        keepalive=settings.http_keepalive_interval,
    )
    mode = guard_mode(host_origin_protection)
    guard = HostOriginGuard(allowed_hosts, allowed_origins, mode) if mode is not None else None
    endpoint = StreamableHTTP(
        engine,
        sessions,
        policy,
        Limits.of(settings, max_body_bytes),
        _LazyLifespan(engine).start,
        guard,
        event_store,
        retry_interval,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with engine.lifespan.use():
            try:
                yield
            finally:
                app.close_streams()

    app = create_base_app(routes, middleware, debug, lifespan)
    app.sessions = sessions
    app.serve_endpoint(_both_spellings(path), endpoint)
    app.state.path = path
    app.state.transport_type = "streamable-http"
    return app


def _both_spellings(path: str) -> list[str]:
    path = "/" + path.strip("/")
    return [path, path + "/"] if path != "/" else ["/", ""]


class _LazyLifespan:
    """Enters the server's lifespan with the first request when the parent application did not.

    Starlette and FastAPI do not run the lifespan of what is mounted in them. It is held until
    the event loop ends, which cancels the lifespan's own task and so leaves it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def start(self) -> None:
        if not self._engine.lifespan.running:
            _logger.info(
                "The parent application does not run this server's lifespan, so it starts now; "
                "write lifespan=mcp_app.lifespan to run it with the parent's"
            )
        await self._engine.lifespan.acquire()
