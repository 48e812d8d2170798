"""The server as an ASGI application: a Starlette app around one MCP endpoint.

Starlette brings routing, mounting, custom routes and the user's middleware; the endpoint
itself is plain ASGI (`transports/streamable_http`) and is reached at its path with and without
a trailing slash, without a redirect. CORS, where it is asked for, stands outside of all that, so
that a page can read every answer: refusals, errors of middleware and error pages too.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

import msgspec
from starlette._utils import get_route_path
from starlette.applications import Starlette
from starlette.middleware import Middleware as ASGIMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as CustomRoute
from starlette.types import Message, Receive, Scope, Send

from fastmcp.server.backplane.base import Backplane
from fastmcp.server.backplane.local import LocalBackplane
from fastmcp.server.backplane.memory import MemoryBackplane
from fastmcp.server.backplane.redis import RedisBackplane
from fastmcp.server.backplane.redis_line import line_at
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.engine import Engine
from fastmcp.server.event_store import EventStore
from fastmcp.server.session_keys import SessionKeys, load_session_keys
from fastmcp.server.session_manager import SessionManager
from fastmcp.server.transports.asgi import ASGIApp
from fastmcp.server.transports.door import Door
from fastmcp.server.transports.health import (
    HEALTH_PATH,
    READINESS_PATH,
    Alive,
    Readiness,
    ReadinessCheck,
)
from fastmcp.server.transports.held import watch_connections
from fastmcp.server.transports.http_exchange import StreamPolicy
from fastmcp.server.transports.legacy_use import LegacyUse
from fastmcp.server.transports.limits import Limits
from fastmcp.server.transports.listen import ListenExchange
from fastmcp.server.transports.security import (
    DEFAULT_HOSTS,
    HostOriginGuard,
    HostOriginGuardMiddleware,
    guard_mode,
    origin_pattern,
)
from fastmcp.server.transports.shutdown import Grace, stopping
from fastmcp.server.transports.sse import Marks, SseEndpoint, SsePaths, SseStreams
from fastmcp.server.transports.sse_messages import MessageEndpoint
from fastmcp.server.transports.stalled import watch_loop
from fastmcp.server.transports.streamable_http import StreamableHTTP
from fastmcp.settings import get_settings
from fastmcp.utilities import mcp_types
from fastmcp.utilities.lazy import later
from fastmcp.utilities.spawning import spawn

if TYPE_CHECKING:
    from fastmcp.server.auth import bearer
    from fastmcp.server.auth.base import AuthProvider
else:
    bearer = later("fastmcp.server.auth.bearer")

__all__ = [
    "DEFAULT_HOSTS",
    "ASGIMiddleware",
    "CustomRoute",
    "HostOriginGuardMiddleware",
    "HttpHandler",
    "SsePaths",
    "StarletteWithLifespan",
    "create_base_app",
    "create_sse_app",
    "create_streamable_http_app",
]

HttpHandler: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Serves a custom route."""

_logger: Final = logging.getLogger("fastmcp.server.http")

_ORIGIN: Final = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#\s]+", re.IGNORECASE)
_CORS_METHODS: Final = ("GET", "POST", "DELETE", "OPTIONS")
_CORS_EXPOSED: Final = ("Mcp-Session-Id", "WWW-Authenticate", "Retry-After")
_CORS_MAX_AGE: Final = 7200
"""Seconds; browsers keep no preflight longer than that (Chromium) or a day (Firefox)."""


class StarletteWithLifespan(Starlette):
    """A Starlette application whose lifespan a parent application can run.

    Requests for the MCP endpoint take a short way: where no middleware stands around it, it is
    called at once instead of through the router and Starlette's two error middlewares, which
    have nothing to do there (the endpoint answers its own errors) and cost as much as a call.
    """

    sessions: SessionManager | None = None
    subscriptions: Collection[ListenExchange] = ()
    sse_streams: SseStreams | None = None
    legacy_use: LegacyUse | None = None
    """Who still uses HTTP+SSE, where that is served: numbers of this process."""
    _cors: Callable[[ASGIApp], ASGIApp] | None = None
    startup_error: Exception | None = None
    """What the server's lifespan raised on the way in."""
    _endpoint: ASGIApp | None = None
    _endpoint_paths: frozenset[str] = frozenset()

    def serve_endpoint(
        self,
        paths: Sequence[str],
        endpoint: ASGIApp,
        cors: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        """Name the endpoint and where it is; its routes come first.

        Args:
            paths: of the endpoint, in every spelling.
            endpoint: serves them.
            cors: puts CORS around an application: around this one, whichever way is taken.
        """
        self._cors = cors
        self._endpoint = endpoint if cors is None else cors(endpoint)
        self._endpoint_paths = frozenset(paths)
        # The empty path exists only as the rest of a mount's own path; Starlette routes no such.
        self.router.routes[:0] = [CustomRoute(path, endpoint) for path in paths if path]

    @cached_property
    def readiness(self) -> Readiness:
        """What must be well for `/readyz` to say so."""
        return Readiness()

    def add_readiness_check(self, name: str, check: ReadinessCheck) -> None:
        """Ask this too before `/readyz` (see `http_app(health=True)`) says that all is well.

        Args:
            name: what is checked, in one word: it stands in the answer.
            check: an async function without arguments that returns True where it is ready. It
                has two seconds; what it raises is logged and counts as no.
        """
        self.readiness.add(name, check)

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's stack, with CORS outside of it."""
        stack = super().build_middleware_stack()
        return stack if self._cors is None else self._cors(stack)

    def close_streams(self) -> None:
        """End the streams that have no end of their own, so that a server can stop."""
        if self.sessions is not None:
            for session in self.sessions.open_sessions():
                if session.stream is not None:
                    session.stream.close()
        for subscription in list(self.subscriptions):
            subscription.stop()
        if self.sse_streams is not None:
            self.sse_streams.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = get_route_path(scope) if scope.get("root_path") else scope["path"]
            endpoint = self._endpoint
            if endpoint is not None and path in self._endpoint_paths and not self.user_middleware:
                scope["app"] = self
                await endpoint(scope, receive, send)
                return
        elif scope["type"] == "lifespan":
            receive, send = _until_the_loop_ends(receive), _in_one_line(send, self)
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
    path: str | None,
    sse: SsePaths | None = None,
    routes: Sequence[BaseRoute] = (),
    middleware: Sequence[ASGIMiddleware] = (),
    json_response: bool = False,
    stateless_http: bool = False,
    debug: bool = False,
    host_origin_protection: bool | str = "auto",
    allowed_hosts: Sequence[str] | None = None,
    allowed_origins: Sequence[str] | None = None,
    session_idle_timeout: float | None = None,
    session_lifetime: float | None = None,
    event_store: EventStore | None = None,
    retry_interval: int | None = None,
    cors_origins: Sequence[str] | None = None,
    cors_credentials: bool = False,
    health: bool = False,
    shutdown_grace: float = 10.0,
    keepalive_interval: float | None = None,
    max_body_bytes: int | None = None,
    auth: AuthProvider | None = None,
) -> StarletteWithLifespan:
    """The application that serves one MCP endpoint, HTTP+SSE beside it, or that alone.

    Args:
        engine: the server.
        path: where the endpoint is, with and without the trailing slash; None for HTTP+SSE alone.
        sse: where HTTP+SSE is, or None.
        routes: further routes, not guarded and not authenticated.
        middleware: the user's, outside of everything.
        debug: Starlette's debug pages.
        auth: verifies the token of each request to an endpoint; its own routes are served too.
        json_response: as for `FastMCP.http_app`, and so are all others; None stands for the
            setting only in `keepalive_interval` and `max_body_bytes`, and else for nothing.
    Raises:
        ValueError: a setting is out of its range, or two paths are the same.
    """
    paths = [one for one in (path, sse and sse.stream, sse and sse.messages) if one is not None]
    if len({one.strip("/") for one in paths}) < len(paths):
        raise ValueError(
            f"The endpoint and the two paths of HTTP+SSE must differ, and are {', '.join(paths)}: "
            "see path=, FASTMCP_SSE_PATH and FASTMCP_MESSAGE_PATH"
        )
    _check_range("keepalive_interval", keepalive_interval)
    _check_range("retry_interval", retry_interval)
    _check_range("session_idle_timeout", session_idle_timeout, zero=False)
    _check_range("session_lifetime", session_lifetime, zero=False)
    _check_range("shutdown_grace", shutdown_grace)
    settings = get_settings()
    if event_store is None and settings.redis_url is not None and not stateless_http:
        event_store = EventStore(line_at(settings.redis_url.get_secret_value()))
    keys = load_session_keys(settings.session_keys, settings.home)
    group = f"{engine.group}{paths[0]}"
    workers = Workers(engine.bus, _backplane(engine, group, keys, event_store))
    sessions: SessionManager | None = None
    if not stateless_http and path is not None:
        sessions = SessionManager(keys, workers, session_idle_timeout, session_lifetime)
    policy = StreamPolicy(
        json_only=json_response,
        after=settings.http_stream_after,
        keepalive=(
            settings.http_keepalive_interval if keepalive_interval is None else keepalive_interval
        ),
        write_timeout=settings.http_write_timeout,
        lifetime=settings.http_stream_lifetime,
        retry=retry_interval,
    )
    mode = guard_mode(host_origin_protection)
    guard = (
        HostOriginGuard(allowed_hosts, allowed_origins, mode, cors_origins or (), _hosts_of(auth))
        if mode is not None
        else None
    )
    grace = Grace(shutdown_grace)
    rounds = engine.rounds(keys, workers, group)
    grace.told.append(rounds.stopping)
    patience = settings.http_read_timeout, settings.http_write_timeout
    life = _Life(engine, workers, sessions, grace, patience, settings.http_stall_after)
    limits = Limits.of(settings, max_body_bytes)
    gate = None if auth is None else bearer.BearerGate(auth, settings.http_token_recheck)
    door = Door(life, limits, guard, gate)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        if engine.middleware or engine.providers is not None:
            await mcp_types.load()  # any call may take them there
        try:
            await life.enter()
        except Exception as exc:
            app.startup_error = exc
            raise
        if app.legacy_use is not None:
            app.legacy_use.announce()
        try:
            yield
        finally:
            app.close_streams()
            await life.leave()

    if auth is not None:
        own = auth.get_routes(_rooted(paths[0]))  # first: tokens are for the endpoint
        more = [] if sse is None else _stream_metadata(auth, sse)
        routes = [*own, *more, *routes]
        middleware = [*middleware, *auth.get_middleware()]
    app = create_base_app(routes, middleware, debug, lifespan)
    app.sessions = sessions
    cors = _cors(cors_origins, cors_credentials) if cors_origins else None
    if sse is not None:
        sse = SsePaths(_rooted(sse.stream), _rooted(sse.messages))
        successor = None if path is None else _rooted(path)
        served = f"{sse.stream} and {sse.messages}"
        app.legacy_use = LegacyUse(served, successor, engine.telemetry)
        app.sse_streams = SseStreams(app.legacy_use, limits, grace, rounds)
        # A stream is a session here, and lives as long as one may.
        whole = msgspec.structs.replace(policy, lifetime=session_lifetime or 0)
        marks = Marks(successor)
        opens = SseEndpoint(
            engine,
            workers,
            keys,
            door,
            whole,
            app.sse_streams,
            sse.messages,
            marks,
            settings.http_sse_initialize_timeout,
        )
        takes = MessageEndpoint(
            workers, keys, door, app.sse_streams, session_lifetime, sse.stream, marks
        )
        app.serve_endpoint(_both_spellings(sse.messages), takes, cors)
        app.serve_endpoint(_both_spellings(sse.stream), opens, cors)
    if path is not None:
        endpoint = StreamableHTTP(
            engine,
            sessions,
            workers,
            policy,
            limits,
            door,
            grace,
            event_store,
            rounds=rounds,
        )
        app.subscriptions = endpoint.subscriptions
        app.serve_endpoint(_both_spellings(path), endpoint, cors)
    if health:
        app.add_readiness_check("running", _not_stopping)
        app.add_readiness_check("lifespan", life.started)
        app.add_readiness_check("store", workers.ready)
        app.router.routes[:0] = [
            CustomRoute(HEALTH_PATH, Alive(), methods=["GET"]),
            CustomRoute(READINESS_PATH, app.readiness, methods=["GET"]),
        ]
    app.state.path = paths[0]
    app.state.transport_type = "sse" if path is None else "streamable-http"
    return app


class _Served(Protocol):
    """A `FastMCP`, which this module must not know."""

    auth: AuthProvider | None

    @property
    def engine(self) -> Engine: ...
    def _all_routes(self) -> Sequence[BaseRoute]: ...


def create_sse_app(
    server: _Served,
    message_path: str,
    sse_path: str,
    auth: AuthProvider | None = None,
    debug: bool = False,
    routes: Sequence[BaseRoute] | None = None,
    middleware: Sequence[ASGIMiddleware] | None = None,
    host_origin_protection: bool | Literal["auto"] = False,
    allowed_hosts: Sequence[str] | None = None,
    allowed_origins: Sequence[str] | None = None,
) -> StarletteWithLifespan:
    """The application that serves HTTP+SSE, the deprecated transport, alone.

    Write `server.http_app(legacy_sse=True)` to serve what succeeds it as well.

    Args:
        server: a `FastMCP`.
        message_path: where messages are posted.
        sse_path: where a stream is opened.
        auth: verifies the token of each request; the server's own by default.
        debug: Starlette's debug pages.
        routes: further routes, before the server's own.
        middleware: around everything.
        host_origin_protection: as for `FastMCP.http_app`, and so are the rest.
    Raises:
        ValueError: the paths are the same.
    """
    settings = get_settings()
    app = create_streamable_http_app(
        server.engine,
        path=None,
        sse=SsePaths(sse_path, message_path),
        routes=[*(routes or ()), *server._all_routes()],  # pyright: ignore[reportPrivateUsage]  (declared above, for this)
        middleware=middleware or (),
        debug=debug,
        host_origin_protection=host_origin_protection,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
        session_lifetime=settings.http_session_lifetime,
        shutdown_grace=settings.http_shutdown_grace,
        auth=auth or server.auth,
    )
    app.state.fastmcp_server = server
    return app


def _check_range(name: str, value: float | None, zero: bool = True) -> None:
    """What the settings allow is allowed here.

    Raises:
        ValueError: it is out of its range.
    """
    if value is None or (math.isfinite(value) and (value > 0 or (zero and value == 0))):
        return
    least = "0 or more" if zero else "more than 0"
    raise ValueError(f"{name} must be {least}, and finite; got {value:g}")


async def _not_stopping() -> bool:
    return not stopping()


def _backplane(
    engine: Engine, group: str, keys: SessionKeys, event_store: EventStore | None
) -> Backplane:
    """How the workers of this application reach each other (docs/architecture.md, 3)."""
    if event_store is not None and event_store.line is not None:
        return RedisBackplane(engine.bus, event_store.line, group, keys)
    settings = get_settings()
    if settings.redis_url is not None:
        return RedisBackplane(
            engine.bus, line_at(settings.redis_url.get_secret_value()), group, keys
        )
    if keys.shared:
        return LocalBackplane(engine.bus, settings.home, group, keys)
    return MemoryBackplane(engine.bus)  # no other worker could know a session of this one


def _hosts_of(auth: AuthProvider | None) -> list[str]:
    """The names under which a server says that it is reached."""
    urls = [] if auth is None else [auth.base_url, auth.resource_base_url]
    return [url.host for url in urls if url is not None and url.host]


def _rooted(path: str) -> str:
    return "/" + path.lstrip("/")


def _both_spellings(path: str) -> list[str]:
    path = "/" + path.strip("/")
    return [path, path + "/"] if path != "/" else ["/", ""]


def _stream_metadata(auth: AuthProvider, sse: SsePaths) -> list[CustomRoute]:
    """What says whose tokens a stream takes; where it is looked for of the messages too. What a
    client knows and compares is where the stream is (RFC 9728, 3.3)."""
    stream = _rooted(sse.stream)
    found = auth.get_metadata_routes(stream)
    of_messages = [
        CustomRoute(route.path.removesuffix(stream) + path, route.endpoint, methods=route.methods)
        for route in found
        if route.path.endswith(stream)
        for path in _both_spellings(sse.messages)
    ]
    return [*found, *of_messages]


def _until_the_loop_ends(receive: Receive) -> Receive:
    """uvicorn told to stop at once takes no leave of its application: its loop ends, and cancels
    whoever waits for the end. To the application that is the end all the same."""

    async def received() -> Message:
        try:
            return await receive()
        except asyncio.CancelledError:
            return {"type": "lifespan.shutdown"}

    return received


def _in_one_line(send: Send, app: StarletteWithLifespan) -> Send:
    """What kept the application from starting is told whole: Starlette would send a traceback
    that shows its own code and ours and, at its end, what matters."""

    async def sent(message: Message) -> None:
        error = app.startup_error
        if message["type"] == "lifespan.startup.failed" and error is not None:
            _logger.debug("The server's lifespan failed", exc_info=error)
            *_, last = traceback.extract_tb(error.__traceback__)
            what = " ".join(traceback.format_exception_only(error)[-1].split())
            message["message"] = (
                f"The server's lifespan could not start: {what} ({last.filename}, line "
                f"{last.lineno})"
            )
        await send(message)

    return sent


def _cors(origins: Sequence[str], credentials: bool) -> Callable[[ASGIApp], ASGIApp]:
    """What puts CORS around an application.

    Raises:
        ValueError: an origin is none, or credentials would be open to every site.
    """
    for origin in origins:
        if not _ORIGIN.fullmatch(origin.rstrip("/")):
            raise ValueError(
                f"cors_origins (FASTMCP_HTTP_CORS_ORIGINS): {origin!r} is not an origin; write "
                "scheme, host and port without a path, such as http://localhost:3000"
            )
        if credentials and origin.rpartition("://")[2].partition(":")[0] == "*":
            raise ValueError(
                f"cors_origins (FASTMCP_HTTP_CORS_ORIGINS): {origin!r} with cors_credentials "
                "would let every site act with the cookies of whoever visits it; list the "
                "origins, or leave the credentials out"
            )
    every = "*" in origins

    def around(app: ASGIApp) -> ASGIApp:
        return CORSMiddleware(
            app,
            allow_origins=("*",) if every else (),
            allow_origin_regex=None if every else origin_pattern(origins),
            allow_methods=_CORS_METHODS,
            # Which answers with the headers asked for: a list cannot name every `Mcp-Param-*`.
            allow_headers=("*",),
            allow_credentials=credentials,
            expose_headers=_CORS_EXPOSED,
            max_age=_CORS_MAX_AGE,
        )

    return around


_held: Final[set[asyncio.Task[None]]] = set()
"""What is left when its loop ends, though nobody else may know of it any more."""


class _Life:
    """The server's lifespan and the way to its other workers, entered once for one application,
    and from when on its connections and its loop are looked after.

    Starlette and FastAPI do not run the lifespan of what is mounted in them; then it is entered
    with the first request, and held until the event loop ends, which leaves it.
    """

    def __init__(
        self,
        engine: Engine,
        workers: Workers,
        sessions: SessionManager | None,
        grace: Grace,
        patience: tuple[float, float],
        stall_after: float,
    ) -> None:
        self._engine = engine
        self._patience = patience
        self._stall_after = stall_after
        self._workers = workers
        self._sessions = sessions
        self._grace = grace
        self._unhear: Callable[[], None] | None = None
        self._unwatch: Callable[[], None] | None = None
        self._part: Callable[[], None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._starting: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._checking: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.loop is asyncio.get_running_loop()

    async def enter(self) -> None:
        """Enter both.

        Raises:
            Exception: whatever the author's lifespan raised on the way in.
        """
        unhear = self._grace.listen()
        try:
            await self._engine.lifespan.acquire()
        except BaseException:
            unhear()
            raise
        self._unhear = unhear
        await self._workers.start()
        self._part = self._engine.tasks.join(self._workers)
        if self._sessions is not None:
            self._sessions.start()
        watch_connections(*self._patience)
        self._unwatch = watch_loop(self._stall_after, self._grace.interrupt_if_over)
        self.loop = asyncio.get_running_loop()

    async def leave(self) -> None:
        """Leave both."""
        self.loop = None
        try:
            await self._grace.rest(self._engine.tasks.close())
            if self._part is not None:
                self._part()
            if self._sessions is not None:
                self._sessions.stop()
            await self._workers.stop()
        finally:
            try:
                await self._engine.lifespan.release()
            finally:
                if self._unwatch is not None:
                    self._unwatch()
                if self._unhear is not None:
                    self._unhear()

    async def started(self) -> bool:
        """Whether they run: a readiness check. It starts them too, for who is not ready is sent no
        request that would; and a check that is given up does not break the start off."""
        if not self.running:
            if self._checking is None or self._checking.done():
                self._checking = asyncio.create_task(self.start())
            await asyncio.shield(self._checking)
        return True

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._starting is None or self._starting[0] is not loop:
            self._starting = (loop, asyncio.Lock())
        async with self._starting[1]:
            if self.running:
                return
            if not self._engine.lifespan.running:
                _logger.info(
                    "The parent application does not run this server's lifespan, so it starts "
                    "now; write lifespan=mcp_app.lifespan to run it with the parent's"
                )
            await self.enter()
            spawn(self._hold(), _held)

    async def _hold(self) -> None:
        """Leave when the loop ends, which cancels its tasks."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.leave()
