"""`FastMCP`: what an author of a server holds.

Signatures, docstrings and delegation; the work is done by the registry, the engine and the
transports that it puts together.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import math
import secrets
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast, overload

from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.prompts.function_prompt import PromptMeta, prompt_decoration
from fastmcp.protocol.era2026 import CacheHint, CacheScope, cache_members
from fastmcp.protocol.link import Deliver
from fastmcp.protocol.meta import LOG_LEVELS
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.function_resource import resource_decoration
from fastmcp.resources.security import (
    DEFAULT_RESOURCE_SECURITY,
    INHERIT,
    InheritSecurity,
    ResourceSecurity,
)
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.background.base import Tasks
from fastmcp.server.background.local import LocalTasks, TaskLimits
from fastmcp.server.bus import Bus
from fastmcp.server.checks import AuthChecks
from fastmcp.server.completions import CompletionHandler
from fastmcp.server.engine import Engine
from fastmcp.server.features import HANDLERS, lifecycle, prompts, resources, tools
from fastmcp.server.lifespan import Lifespan, LifespanFunction, RunningLifespan
from fastmcp.server.local_provider import LocalProvider
from fastmcp.server.middleware.middleware import Middleware
from fastmcp.server.providers.base import Provider
from fastmcp.server.registry import ComponentKind, DuplicatePolicy, Registry, VisibilityRule
from fastmcp.server.request_state import RequestStateSecurity
from fastmcp.server.state import SessionState, StateBackend
from fastmcp.settings import OnDisconnect, Settings, get_settings
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.tools.function_tool import tool_decoration
from fastmcp.utilities import mcp_types, threads
from fastmcp.utilities.banner import print_banner
from fastmcp.utilities.decorating import attach, decorate, decorate_uri
from fastmcp.utilities.deprecation import deprecated
from fastmcp.utilities.lazy import later
from fastmcp.utilities.logging import configure_logging, temporary_log_level
from fastmcp.utilities.tasks import TaskConfig
from fastmcp.utilities.tracing import Telemetry
from fastmcp.utilities.types import NotSet, NotSetT
from fastmcp.utilities.versions import VersionSpec, coerce_version

if TYPE_CHECKING:
    from fastmcp.server import event_store, http
    from fastmcp.server.auth import base as authentication
    from fastmcp.server.background import docket
    from fastmcp.server.providers import fastmcp_provider
    from fastmcp.server.transports import memory, shutdown, stdio
else:
    authentication = later("fastmcp.server.auth.base")
    docket = later("fastmcp.server.background.docket")
    event_store = later("fastmcp.server.event_store")
    fastmcp_provider = later("fastmcp.server.providers.fastmcp_provider")
    http = later("fastmcp.server.http")
    memory = later("fastmcp.server.transports.memory")
    shutdown = later("fastmcp.server.transports.shutdown")
    stdio = later("fastmcp.server.transports.stdio")

__all__ = ["FastMCP", "Transport"]

_logger: Final = logging.getLogger("fastmcp.server")

F = TypeVar("F", bound=Callable[..., Any])
Transport = Literal["stdio", "http", "sse", "streamable-http"]

_LATER: Final = {
    "transforms": "transforms",
}
_REMOVED: Final = {
    "host": "Pass it to run_http_async() or run(transport='http', ...), or set FASTMCP_HOST.",
    "port": "Pass it to run_http_async() or run(transport='http', ...), or set FASTMCP_PORT.",
    "log_level": "Pass it to run(), or set FASTMCP_LOG_LEVEL.",
    "debug": "Set FASTMCP_DEBUG.",
    "sse_path": "Pass path= to run(transport='sse', ...), or set FASTMCP_SSE_PATH.",
    "message_path": "Set FASTMCP_MESSAGE_PATH.",
    "streamable_http_path": "Pass path= to http_app() or run().",
    "json_response": "Pass it to http_app() or run(), or set FASTMCP_JSON_RESPONSE.",
    "stateless_http": "Pass it to http_app() or run(), or set FASTMCP_STATELESS_HTTP.",
    "on_duplicate_tools": "Use on_duplicate=.",
    "on_duplicate_resources": "Use on_duplicate=.",
    "on_duplicate_prompts": "Use on_duplicate=.",
    "tool_serializer": "Return a ToolResult from the tool.",
    "tool_transformations": "Transforms come in a later release.",
    "include_tags": "Use server.enable(tags=..., only=True).",
    "exclude_tags": "Use server.disable(tags=...).",
    "include_fastmcp_meta": "It is always included.",
    "sampling_handler": "The client's model is asked by ctx.sample().",
    "sampling_handler_behavior": "The client's model is asked by ctx.sample().",
}


class FastMCP:
    """A Model Context Protocol server.

    Args:
        name: what it is called; made up where it is None or empty.
        instructions: how to use it, for the model at the other end.
        version: the server's own version; this package's by default.
        website_url: where people read about it.
        icons: its icons.
        middleware: code around every message, outermost first.
        lifespan: an async context manager function of the server; what it yields is
            `ctx.lifespan_context`. It runs once while the server runs, not per session.
        tools: tools, or functions that become tools.
        providers: where further components come from, see `add_provider`.
        on_duplicate: when a component is added again: "warn" (replace and log, the default),
            "error", "replace" or "ignore".
        mask_error_details: do not tell clients the text of unexpected errors.
        dereference_schemas: list schemas with `$ref`s written out.
        strict_input_validation: take arguments without coercion ("5" is no integer).
        list_page_size: entries a page of a list; all on one page by default.
        resource_security: what template parameters are refused; None for none.
        cache_ttl: seconds that clients of the stateless era may cache lists, resources and what
            `server/discover` says; by default not at all. A resource may say otherwise.
        cache_scope: who may share them: "private" to the caller, the default, or "public". That is
            for servers whose lists are the same for all: no middleware or check decides by caller.
        session_state_store: where `ctx.set_state` keeps values; this process's memory by default.
        client_log_level: the least severe level that `ctx.log` sends unless a client says.
        experimental_capabilities: announced as they are.
        on_disconnect: what a client that closes the connection does to its running call in the
            handshake era: "continue" (the default; only `notifications/cancelled` cancels) or
            "cancel". A tool may say otherwise. In the stateless era it always cancels.
        request_state_security: keys and life time of what clients carry between the rounds of a
            call that asks them something; the session keys and the settings by default.
        tasks: whether tools that do not say so may run as tasks; no by default.
        auth: verifies the token of each HTTP request (`fastmcp.server.auth`); by default anybody
            may come. Over stdio and in memory nobody is asked.
    Raises:
        TypeError: an argument that does not exist; it says where it went, if it once did.
        ValueError: a value out of its range.
    """

    def __init__(
        self,
        name: str | None = None,
        instructions: str | None = None,
        *,
        version: str | int | float | None = None,
        website_url: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        middleware: Sequence[Middleware] | None = None,
        lifespan: LifespanFunction | None = None,
        tools: Sequence[Tool | Callable[..., Any]] | None = None,
        providers: Sequence[Provider] | None = None,
        on_duplicate: DuplicatePolicy | None = None,
        mask_error_details: bool | None = None,
        dereference_schemas: bool = True,
        strict_input_validation: bool | None = None,
        list_page_size: int | None = None,
        resource_security: ResourceSecurity | None = DEFAULT_RESOURCE_SECURITY,
        cache_ttl: float | None = None,
        cache_scope: CacheScope | None = None,
        session_state_store: StateBackend | None = None,
        client_log_level: str | None = None,
        experimental_capabilities: dict[str, Any] | None = None,
        on_disconnect: OnDisconnect | None = None,
        request_state_security: RequestStateSecurity | None = None,
        tasks: bool | None = None,
        auth: authentication.AuthProvider | None = None,
        **others: Any,
    ) -> None:
        _refuse_unknown(others)
        if list_page_size is not None and list_page_size <= 0:
            raise ValueError("list_page_size must be a positive integer or None")
        if cache_ttl is not None and cache_ttl <= 0:
            raise ValueError("cache_ttl must be a positive number of seconds or None")
        if cache_scope is not None and cache_ttl is None:
            raise ValueError("cache_scope needs cache_ttl: without it nothing may be cached")
        settings = get_settings()
        level = client_log_level or settings.client_log_level
        if level is not None and level not in LOG_LEVELS:
            raise ValueError(f"client_log_level must be one of {', '.join(LOG_LEVELS)}")
        if on_disconnect not in (None, "cancel", "continue"):
            raise ValueError('on_disconnect must be "cancel" or "continue"')
        threads.configure(settings.max_threads)
        self._strict = (
            settings.strict_input_validation
            if strict_input_validation is None
            else strict_input_validation
        )
        self._tasks = bool(tasks)
        self._resource_security = resource_security
        self._lifespan = Lifespan(lifespan) if lifespan is not None else None
        self._custom_routes: list[http.CustomRoute] = []
        self._mounted: list[FastMCP] = []
        self._server_info = _server_info(self.generate_name(name), version, website_url, icons)
        self.icons = icons or []
        self.auth = auth
        bus = Bus()
        self._engine = Engine(
            facade=self,
            group=name or "",
            handlers=HANDLERS,
            notice_handler=lifecycle.notice,
            registry=Registry(on_duplicate or "warn", dereference_schemas),
            server_info=self._server_info,
            instructions=instructions,
            middleware=list(middleware or ()),
            lifespan=RunningLifespan(self._enter_lifespan),
            bus=bus,
            session_state=SessionState(session_state_store),
            tasks=_tasks(bus, settings, name or ""),
            mask_error_details=(
                settings.mask_error_details if mask_error_details is None else mask_error_details
            ),
            client_log_level=level,
            page_size=list_page_size,
            cache_hint=_cache_hint(cache_ttl, cache_scope),
            experimental_capabilities=experimental_capabilities,
            on_disconnect=on_disconnect or settings.on_disconnect,
            request_state=request_state_security or RequestStateSecurity(),
            telemetry=Telemetry.of(settings.telemetry_mode),
        )
        self._registry = self._engine.registry
        for item in tools or ():
            self.add_tool(item)
        for provider in providers or ():
            self.add_provider(provider)

    def __repr__(self) -> str:
        return f"FastMCP({self.name!r})"

    @staticmethod
    def generate_name(name: str | None = None) -> str:
        """The name, or one that is made up."""
        return name or f"FastMCP-{secrets.token_hex(2)}"

    # who it is

    @property
    def name(self) -> str:
        """The server's name."""
        return cast("str", self._server_info["name"])

    @property
    def version(self) -> str:
        """The server's version."""
        return cast("str", self._server_info["version"])

    @property
    def website_url(self) -> str | None:
        """Where people read about it."""
        return self._server_info.get("websiteUrl")

    @property
    def instructions(self) -> str | None:
        """How to use it, for the model at the other end."""
        return self._engine.instructions

    @instructions.setter
    def instructions(self, value: str | None) -> None:
        self._engine.instructions = value

    @property
    def middleware(self) -> list[Middleware]:
        """Code around every message, outermost first; may be changed, and be replaced whole."""
        return self._engine.middleware

    @middleware.setter
    def middleware(self, value: Sequence[Middleware]) -> None:
        self._engine.middleware = list(value)

    @property
    def strict_input_validation(self) -> bool:
        """Whether arguments are taken without coercion."""
        return self._strict

    # what a Context needs of its server

    @property
    def engine(self) -> Engine:
        """What the server is, without a socket: for what it is mounted on."""
        return self._engine

    @property
    def bus(self) -> Bus:
        """Where changes are published."""
        return self._engine.bus

    @property
    def session_state(self) -> SessionState:
        """Where `ctx.set_state` keeps values."""
        return self._engine.session_state

    @property
    def client_log_level(self) -> str | None:
        """The least severe level that `ctx.log` sends to a client that did not say."""
        return self._engine.client_log_level

    @property
    def mask_error_details(self) -> bool:
        """Whether clients and their models are told unexpected errors without their text."""
        return self._engine.mask_error_details

    @property
    def lifespan_value(self) -> dict[str, Any]:
        """What the lifespan yielded."""
        return self._engine.lifespan.value

    # tools

    @overload
    def tool(self, name_or_fn: F, /) -> F: ...
    @overload
    def tool(
        self,
        name_or_fn: F,
        /,
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        tags: set[str] | None = None,
        output_schema: dict[str, Any] | NotSetT | None = NotSet,
        annotations: mcp_types.ToolAnnotations | dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        auth: AuthChecks | None = None,
        task: bool | TaskConfig | None = None,
        timeout: float | None = None,
        run_in_thread: bool = True,
        max_concurrency: int | None = None,
        on_disconnect: OnDisconnect | None = None,
    ) -> F: ...
    @overload
    def tool(
        self,
        name_or_fn: str | None = None,
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        tags: set[str] | None = None,
        output_schema: dict[str, Any] | NotSetT | None = NotSet,
        annotations: mcp_types.ToolAnnotations | dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        auth: AuthChecks | None = None,
        task: bool | TaskConfig | None = None,
        timeout: float | None = None,
        run_in_thread: bool = True,
        max_concurrency: int | None = None,
        on_disconnect: OnDisconnect | None = None,
    ) -> Callable[[F], F]: ...
    def tool(self, name_or_fn: Any = None, **given: Any) -> Any:
        """Make a function a tool: `@mcp.tool`, `@mcp.tool()`, `@mcp.tool("name")`,
        `@mcp.tool(name="name", ...)`, `mcp.tool(fn, ...)`. The function itself is returned.

        A parameter of type str, int or bool that is annotated with
        `Field(json_schema_extra={"x-mcp-header": "Region"})` travels in the header
        `Mcp-Param-Region` as well (2026-07-28 over HTTP), where proxies can read it: nothing secret
        belongs there. Calls whose header and argument differ are refused.

        Args:
            name_or_fn: the function, or the tool's name.
            name: the function's by default.
            version: any; PEP 440 for a defined order.
            title: made of the name by default.
            description: the docstring's prose by default.
            icons: shown by clients.
            tags: the author's groups.
            output_schema: a JSON Schema, against which results are held; None for none; from the
                return annotation if not given.
            annotations: hints for clients.
            meta: listed as `_meta`.
            auth: checks that decide who may see and use it; all of several have to say yes.
            task: True, or a `TaskConfig`: whether clients that know tasks are answered with one;
                what `FastMCP(tasks=...)` says by default.
            timeout: seconds a call may take.
            run_in_thread: False runs a synchronous function on the event loop.
            max_concurrency: how many calls may run at the same time; the others wait in order.
            on_disconnect: "cancel" or "continue" when the client leaves; the server's by default.
        Raises:
            TypeError: the decorator is used in a way it cannot be.
            ValueError: the function cannot be a tool.
        """
        return decorate(tool_decoration, name_or_fn, given, self._made_tool)

    def _made_tool(self, fn: Any, facts: Any) -> Any:
        self.add_tool(tool_decoration.made(fn, facts))
        return attach(fn, facts)

    def add_tool(self, tool: Tool | Callable[..., Any]) -> Tool:
        """Add a tool, or a function that becomes one."""
        added = tool if isinstance(tool, Tool) else tool_decoration.component(tool)
        if self._strict and not added.strict:
            added = added.model_copy(update={"strict": True})
        if self._tasks and "task_config" not in added.model_fields_set:
            added = added.model_copy(update={"task_config": TaskConfig()})
        return self._registry.add(added)

    @property
    def local_provider(self) -> LocalProvider:
        """The server's own components, to take some away: `mcp.local_provider.remove_prompt(n)`."""
        return LocalProvider(self._registry)

    def remove_tool(self, name: str, version: str | None = None) -> None:
        """Remove a tool, or one version of it.

        Raises:
            KeyError: there is none.
        """
        self._registry.remove("tool", name, version)

    # resources

    def resource(
        self,
        uri: str,
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        mime_type: str | None = None,
        tags: set[str] | None = None,
        annotations: mcp_types.Annotations | dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        auth: AuthChecks | None = None,
        security: ResourceSecurity | InheritSecurity | None = INHERIT,
        cache_ttl: float | None = None,
        cache_scope: CacheScope | None = None,
    ) -> Callable[[F], F]:
        """Make a function a resource, or a template where the URI or the function has parameters.

        Args:
            uri: `scheme://...`; `{x}` is one segment, `{x*}` several, `{?a,b}` query parameters.
            name: the function's by default.
            version: any; PEP 440 for a defined order.
            title: for people.
            description: the docstring's prose by default.
            icons: shown by clients.
            mime_type: "text/plain" by default.
            tags: the author's groups.
            annotations: hints for clients.
            meta: listed as `_meta`.
            auth: checks that decide who may see and use it; all of several have to say yes.
            security: what template parameters are refused; the server's policy by default.
            cache_ttl: seconds that clients may cache what they read; the server's by default.
            cache_scope: who may share it: "private" to the caller, or "public" where everyone reads
                the same; the server's by default.
        Raises:
            TypeError: used without a URI.
            ValueError: the parameters of the URI and of the function do not fit together; a time
                below zero, or no such scope.
        """
        given: dict[str, Any] = {
            "name": name,
            "version": version,
            "title": title,
            "description": description,
            "icons": icons,
            "mime_type": mime_type,
            "tags": tags,
            "annotations": annotations,
            "meta": meta,
            "auth": auth,
            "security": security,
            "cache_ttl": cache_ttl,
            "cache_scope": cache_scope,
        }
        return decorate_uri(resource_decoration, uri, given, self._made_resource)

    def _made_resource(self, fn: Any, facts: Any) -> Any:
        self.add_resource(resource_decoration.made(fn, facts))
        return attach(fn, facts)

    def add_resource(
        self, resource: Resource | ResourceTemplate | Callable[..., Any]
    ) -> Resource | ResourceTemplate:
        """Add a resource, a template, or a function decorated with `@resource`."""
        if not isinstance(resource, (Resource, ResourceTemplate)):
            resource = resource_decoration.component(resource)
        if isinstance(resource, ResourceTemplate):
            return self.add_template(resource)
        return self._registry.add(resource)

    def add_template(self, template: ResourceTemplate) -> ResourceTemplate:
        """Add a resource template."""
        if isinstance(template.security, InheritSecurity):
            template = template.model_copy(update={"security": self._resource_security})
        return self._registry.add(template)

    # prompts

    @overload
    def prompt(self, name_or_fn: F, /) -> F: ...
    @overload
    def prompt(
        self,
        name_or_fn: F,
        /,
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        tags: set[str] | None = None,
        meta: dict[str, Any] | None = None,
        auth: AuthChecks | None = None,
    ) -> F: ...
    @overload
    def prompt(
        self,
        name_or_fn: str | None = None,
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        tags: set[str] | None = None,
        meta: dict[str, Any] | None = None,
        auth: AuthChecks | None = None,
    ) -> Callable[[F], F]: ...
    def prompt(self, name_or_fn: Any = None, **given: Any) -> Any:
        """Make a function a prompt, in the same forms as `tool`. The function itself is returned.

        Args:
            name_or_fn: the function, or the prompt's name.
            name: the function's by default.
            version: any; PEP 440 for a defined order.
            title: for people.
            description: the docstring's prose by default.
            icons: shown by clients.
            tags: the author's groups.
            meta: listed as `_meta`.
            auth: checks that decide who may see and use it; all of several have to say yes.
        Raises:
            TypeError: the decorator is used in a way it cannot be.
            ValueError: the function cannot be a prompt.
        """
        return decorate(prompt_decoration, name_or_fn, given, self._made_prompt)

    def _made_prompt(self, fn: Any, facts: PromptMeta) -> Any:
        self.add_prompt(prompt_decoration.made(fn, facts))
        return attach(fn, facts)

    def add_prompt(self, prompt: Prompt | Callable[..., Any]) -> Prompt:
        """Add a prompt, or a function that becomes one."""
        added = prompt if isinstance(prompt, Prompt) else prompt_decoration.component(prompt)
        return self._registry.add(added)

    # providers

    def add_provider(self, provider: Provider, *, namespace: str = "") -> None:
        """Ask a provider for components that the server does not have itself.

        The server's own come first, then the providers in the order they were added.

        Args:
            provider: to ask.
            namespace: tools and prompts are called `namespace_name` here, and resources are at
                `scheme://namespace/path`.
        Raises:
            ValueError: its components are this server's.
        """
        self._engine.add_provider(provider, namespace)

    def mount(
        self,
        server: FastMCP,
        namespace: str | None = None,
        tool_names: dict[str, str] | None = None,
        *,
        prefix: str | None = None,
    ) -> None:
        """Show another server's components as this server's, and let it serve their calls.

        It stays itself: what changes there changes here, its middleware sees the calls of its
        components, its lifespan runs while this server runs, its routes are served beside this
        server's. Where both have a name, this server's own counts, then what was mounted first.

        Args:
            server: the other one.
            namespace: tools and prompts are called `namespace_name` here, and resources are at
                `scheme://namespace/path`.
            tool_names: other names for some of its tools, by their own names.
            prefix: the old spelling of `namespace`.
        Raises:
            ValueError: it is this server itself, or this server is mounted on it.
        """
        if prefix is not None:
            deprecated("Write mount(server, namespace=...): `prefix` is its old name")
            namespace = namespace or prefix
        self._engine.add_provider(
            fastmcp_provider.FastMCPProvider(server), namespace or "", tool_names
        )
        self._mounted.append(server)
        if self.mask_error_details and not server.mask_error_details:
            _logger.warning(
                "%r masks error details and %r, which is mounted on it, does not: give that one "
                "mask_error_details=True as well",
                self,
                server,
            )

    @property
    def providers(self) -> list[Provider]:
        """The providers that are asked, in order."""
        return list(self._engine.behind.providers)

    # completion, middleware, routes

    def completion(self, handler: Any = None) -> Any:
        """Set the completion handler: `@mcp.completion` on `(ref, argument, context)`."""
        if handler is None:
            return self.completion
        self.add_completion_handler(handler)
        return handler

    def add_completion_handler(self, handler: CompletionHandler) -> None:
        """Set the one handler of completion/complete; the capability is declared with it."""
        self._engine.completion_handler = handler

    def add_middleware(self, middleware: Middleware) -> None:
        """Add middleware inside of what is there."""
        self.middleware.append(middleware)

    def custom_route(
        self,
        path: str,
        methods: list[str],
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> Callable[[http.HttpHandler], http.HttpHandler]:
        """Serve an HTTP route beside the endpoint, for health checks and the like.

        It is neither authenticated nor guarded.

        Args:
            path: the route's path.
            methods: HTTP methods.
            name: the route's name.
            include_in_schema: whether Starlette's schema shows it.
        """

        def decorator(fn: http.HttpHandler) -> http.HttpHandler:
            self._custom_routes.append(
                http.CustomRoute(
                    path, fn, methods=methods, name=name, include_in_schema=include_in_schema
                )
            )
            return fn

        return decorator

    def _all_routes(self) -> list[http.CustomRoute]:
        """Its own routes, and those of the servers that are mounted on it."""
        return [
            *self._custom_routes,
            *(route for server in self._mounted for route in server._all_routes()),
        ]

    # visibility

    def enable(
        self,
        *,
        names: set[str] | None = None,
        keys: set[str] | None = None,
        version: VersionSpec | None = None,
        tags: set[str] | None = None,
        components: set[ComponentKind] | None = None,
        only: bool = False,
    ) -> FastMCP:
        """Show the components that match all of what is given; later calls win over earlier ones.

        Args:
            names: tool and prompt names, resource URIs.
            keys: component keys such as "tool:add@".
            version: a range of versions.
            tags: any of these.
            components: kinds.
            only: hide everything else.
        """
        rule = VisibilityRule.of(True, names, keys, version, tags, components)
        self._registry.show([VisibilityRule(False), rule] if only else [rule])
        return self

    def disable(
        self,
        *,
        names: set[str] | None = None,
        keys: set[str] | None = None,
        version: VersionSpec | None = None,
        tags: set[str] | None = None,
        components: set[ComponentKind] | None = None,
    ) -> FastMCP:
        """Hide the components that match all of what is given; to clients they do not exist."""
        self._registry.show([VisibilityRule.of(False, names, keys, version, tags, components)])
        return self

    # from the program

    async def list_tools(self, *, run_middleware: bool = True) -> Sequence[Tool]:
        """The tools that clients see."""
        return await self._engine.inside(tools.components, run_middleware)

    async def get_tasks(self) -> Sequence[Tool]:
        """The tools that can run as tasks."""
        return [tool for tool in await self.list_tools() if tool.task_config.supports_tasks()]

    async def list_resources(self, *, run_middleware: bool = True) -> Sequence[Resource]:
        """The resources that clients see."""
        return await self._engine.inside(resources.components, run_middleware)

    async def list_resource_templates(
        self, *, run_middleware: bool = True
    ) -> Sequence[ResourceTemplate]:
        """The resource templates that clients see."""
        return await self._engine.inside(resources.template_components, run_middleware)

    async def list_prompts(self, *, run_middleware: bool = True) -> Sequence[Prompt]:
        """The prompts that clients see."""
        return await self._engine.inside(prompts.components, run_middleware)

    async def get_tool(self, name: str, version: str | VersionSpec | None = None) -> Tool | None:
        """An enabled tool, the highest version that fits; None where there is none."""
        return await self._engine.inside(tools.find, name, version)

    async def get_resource(
        self, uri: str, version: str | VersionSpec | None = None
    ) -> Resource | None:
        """An enabled resource; None where there is none."""
        return await self._engine.inside(resources.find, str(uri), version)

    async def get_resource_template(
        self, uri: str, version: str | VersionSpec | None = None
    ) -> ResourceTemplate | None:
        """The enabled template with this URI template, or that this URI fits; None otherwise."""
        return await self._engine.inside(resources.find_template, uri, version)

    async def get_prompt(
        self, name: str, version: str | VersionSpec | None = None
    ) -> Prompt | None:
        """An enabled prompt; None where there is none."""
        return await self._engine.inside(prompts.find, name, version)

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        version: str | None = None,
        run_middleware: bool = True,
    ) -> ToolResult:
        """Call a tool.

        Raises:
            NotFoundError: no such tool, or it is disabled.
            ToolError: it failed.
            ValidationError: the arguments do not fit.
        """
        return await self._engine.inside(tools.call, name, arguments or {}, version, run_middleware)

    async def read_resource(
        self, uri: str, *, version: str | None = None, run_middleware: bool = True
    ) -> ResourceResult:
        """Read a resource.

        Raises:
            NotFoundError: nothing has this URI and no template fits it.
            ResourceError: it could not be read.
        """
        return await self._engine.inside(resources.read, str(uri), version, run_middleware)

    async def render_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        version: str | None = None,
        run_middleware: bool = True,
    ) -> PromptResult:
        """Render a prompt.

        Raises:
            NotFoundError: no such prompt.
            PromptError: it could not be rendered.
        """
        return await self._engine.inside(prompts.get, name, arguments, version, run_middleware)

    # running

    def run(
        self,
        transport: Transport | None = None,
        show_banner: bool | None = None,
        **transport_kwargs: Any,
    ) -> None:
        """Serve until it is stopped.

        Args:
            transport: "stdio" (the default, or FASTMCP_TRANSPORT), "http" or "streamable-http", or
                "sse", which is deprecated.
            show_banner: print a few lines on standard error first.
            transport_kwargs: as for `run_stdio_async` or `run_http_async`.
        """
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            try:
                runner.run(self.run_async(transport, show_banner=show_banner, **transport_kwargs))
            except KeyboardInterrupt:
                return

    async def run_async(
        self,
        transport: Transport | None = None,
        show_banner: bool | None = None,
        **transport_kwargs: Any,
    ) -> None:
        """`run` inside a running event loop.

        Raises:
            ValueError: no such transport.
        """
        transport = transport or get_settings().transport
        if transport == "stdio":
            await self.run_stdio_async(show_banner=show_banner, **transport_kwargs)
        elif transport in ("http", "streamable-http", "sse"):
            await self.run_http_async(
                show_banner=show_banner, transport=transport, **transport_kwargs
            )
        else:
            raise ValueError(f"Unknown transport: {transport}; write stdio, http or sse")

    async def run_stdio_async(
        self,
        show_banner: bool | None = None,
        log_level: str | None = None,
        stateless: bool = False,
    ) -> None:
        """Serve standard input and output until the end of input.

        Args:
            show_banner: print a few lines on standard error first.
            log_level: the level of this package's log meanwhile.
            stateless: accepted for compatibility; a pipe keeps nothing a client did not open.
        """
        configure_logging()
        with temporary_log_level(log_level):
            self._banner(show_banner, "stdio", None)
            await stdio.serve_stdio(self._engine)

    async def run_http_async(
        self,
        show_banner: bool | None = None,
        transport: Transport = "http",
        host: str | None = None,
        port: int | None = None,
        log_level: str | None = None,
        path: str | None = None,
        uvicorn_config: dict[str, Any] | None = None,
        middleware: list[http.ASGIMiddleware] | None = None,
        json_response: bool | None = None,
        stateless_http: bool | None = None,
        stateless: bool | None = None,
        host_origin_protection: bool | Literal["auto"] | None = None,
        allowed_hosts: list[str] | None = None,
        allowed_origins: list[str] | None = None,
        sockets: list[socket.socket] | None = None,
        cors_origins: list[str] | None = None,
        cors_credentials: bool | None = None,
        health: bool | None = None,
        shutdown_grace: float | None = None,
        event_store: event_store.EventStore | None = None,
        retry_interval: int | None = None,
        session_idle_timeout: float | None = None,
        session_lifetime: float | None = None,
        max_body_bytes: int | None = None,
        keepalive_interval: float | None = None,
        legacy_sse: bool | None = None,
    ) -> None:
        """Serve Streamable HTTP, or the deprecated HTTP+SSE, with uvicorn until it is stopped.

        Args:
            show_banner: print a few lines on standard error first.
            transport: "http" or "streamable-http"; or "sse", which is deprecated.
            host: the address to listen on; FASTMCP_HOST, else 127.0.0.1.
            port: the port; FASTMCP_PORT, else 8000.
            log_level: the level of uvicorn's and this package's log.
            path: where the endpoint is, see `http_app`.
            uvicorn_config: further settings of `uvicorn.Config`.
            stateless: the same as `stateless_http`.
            sockets: bound sockets to listen on instead of host and port.
            middleware: see `http_app`, and so for all others.

        Raises:
            SystemExit: SIGTERM was received and the server has stopped (0), or its lifespan
                could not start (3).
            ValueError: as for `http_app`.
        """
        import uvicorn

        settings = get_settings()
        host = host or settings.host
        port = settings.port if port is None else port
        grace = settings.http_shutdown_grace if shutdown_grace is None else shutdown_grace
        app = self.http_app(
            path,
            middleware,
            json_response,
            stateless_http if stateless_http is not None else stateless,
            transport,
            host_origin_protection=host_origin_protection,
            allowed_hosts=allowed_hosts,
            allowed_origins=allowed_origins,
            cors_origins=cors_origins,
            cors_credentials=cors_credentials,
            health=health,
            shutdown_grace=grace,
            event_store=event_store,
            retry_interval=retry_interval,
            session_idle_timeout=session_idle_timeout,
            session_lifetime=session_lifetime,
            max_body_bytes=max_body_bytes,
            keepalive_interval=keepalive_interval,
            legacy_sse=legacy_sse,
        )
        level = (log_level or settings.log_level).lower()
        config: dict[str, Any] = {
            "host": host,
            "port": port,
            "log_level": level,
            "lifespan": "on",
            "ws": "none",
            # Later than our own end of the calls: for routes of others, which may not end.
            "timeout_graceful_shutdown": math.ceil(grace) + 1,
            **(uvicorn_config or {}),
        }
        configure_logging()
        if settings.log_format == "json":
            configure_logging(level, logging.getLogger("uvicorn"))
            config.setdefault("log_config", None)
        with temporary_log_level(log_level):
            shown = f"[{host}]" if ":" in host else host
            kind = "sse" if transport == "sse" else "http"
            self._banner(show_banner, kind, f"http://{shown}:{port}{app.state.path}")
            server = shutdown.Server(uvicorn.Config(app, **config))
            await server.serve(sockets)
        if server.terminated:
            raise SystemExit(0)

    async def run_tasks_async(self) -> None:
        """Run the background tasks that other processes of this server were asked for, and serve
        nobody, until SIGTERM or SIGINT; then those that run have the grace time of calls.

        Raises:
            RuntimeError: nobody else's tasks could be found: FASTMCP_DOCKET_URL names no Redis.
        """
        settings = get_settings()
        if isinstance(self._engine.tasks, LocalTasks):
            raise RuntimeError(
                "Without FASTMCP_DOCKET_URL=redis://... a task runs in the process that was asked "
                "for it, and no other can"
            )
        configure_logging()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):  # Windows interrupts the loop itself
                loop.add_signal_handler(number, stop.set)
        async with self._engine.lifespan.use():
            await stop.wait()
            if rest := self._engine.tasks.close():
                await asyncio.wait(rest, timeout=settings.http_shutdown_grace)

    def http_app(
        self,
        path: str | None = None,
        middleware: list[http.ASGIMiddleware] | None = None,
        json_response: bool | None = None,
        stateless_http: bool | None = None,
        transport: Transport = "http",
        event_store: event_store.EventStore | None = None,
        retry_interval: int | None = None,
        host_origin_protection: bool | Literal["auto"] | None = None,
        allowed_hosts: list[str] | None = None,
        allowed_origins: list[str] | None = None,
        session_idle_timeout: float | None = None,
        session_lifetime: float | None = None,
        cors_origins: list[str] | None = None,
        cors_credentials: bool | None = None,
        health: bool | None = None,
        shutdown_grace: float | None = None,
        max_body_bytes: int | None = None,
        keepalive_interval: float | None = None,
        legacy_sse: bool | None = None,
    ) -> http.StarletteWithLifespan:
        """The server as an ASGI application, for `uvicorn module:app` or to be mounted.

        Args:
            path: where the endpoint is; FASTMCP_STREAMABLE_HTTP_PATH, else /mcp; of HTTP+SSE, where
                a stream is opened; FASTMCP_SSE_PATH, else /sse. (An application
                with path="/" that is mounted at "/mcp" is at "/mcp/" alone: "/mcp" is redirected
                by Starlette's `Mount` before this application sees it.)
            middleware: Starlette middleware around everything.
            json_response: answer calls as JSON always; FASTMCP_JSON_RESPONSE. Then nothing is
                sent while a call runs, and a proxy may cut one that takes longer than its
                time-out; nothing can be asked; what is said goes to the session's own stream.
            stateless_http: no sessions in the handshake era; FASTMCP_STATELESS_HTTP. Then nothing
                can be asked there, and what `ctx.set_state` keeps ends with the request.
            transport: "http" or "streamable-http"; or "sse", the HTTP+SSE of 2024-11-05 alone,
                which is deprecated. Messages are posted to FASTMCP_MESSAGE_PATH, else /messages/.
            event_store: keeps the streams of calls, so that clients can resume them
                (`fastmcp.server.event_store.EventStore`).
            retry_interval: milliseconds after which a client shall come back to a broken stream.
            host_origin_protection: the guard against DNS rebinding: "auto" (where a loopback
                address is served or a list is given), True (every request) or False;
                FASTMCP_HTTP_HOST_ORIGIN_PROTECTION, else "auto".
            allowed_hosts: hosts that the guard lets through; FASTMCP_HTTP_ALLOWED_HOSTS.
            allowed_origins: origins that the guard lets through; FASTMCP_HTTP_ALLOWED_ORIGINS.
            session_idle_timeout: seconds after which an unused session ends;
                FASTMCP_HTTP_SESSION_IDLE_TIMEOUT, else never.
            session_lifetime: seconds after which any session ends; FASTMCP_HTTP_SESSION_LIFETIME,
                else a week.
            cors_origins: whose pages may talk to the server from other origins, such as
                `http://localhost:3000`; `*` matches any text; FASTMCP_HTTP_CORS_ORIGINS. The
                guard lets them through as well.
            cors_credentials: such pages may send cookies too, for a proxy that signs people in;
                FASTMCP_HTTP_CORS_CREDENTIALS.
            health: serve `/healthz` (the process is up) and `/readyz` (it is ready, see
                `add_readiness_check` of the application) at the root; FASTMCP_HTTP_HEALTH.
            shutdown_grace: seconds that running calls have to finish when the server is told to
                stop; then they are cancelled and answered with an error.
                FASTMCP_HTTP_SHUTDOWN_GRACE, else 10.
            max_body_bytes: the largest request body; FASTMCP_HTTP_MAX_BODY_BYTES, else 4 MiB.
            keepalive_interval: seconds between the comments that keep a silent stream open, 0 for
                none; FASTMCP_HTTP_KEEPALIVE_INTERVAL, else 15.
            legacy_sse: serve HTTP+SSE too, at FASTMCP_SSE_PATH and FASTMCP_MESSAGE_PATH, for
                clients that speak nothing else yet; FASTMCP_LEGACY_SSE. The log names each, and
                `legacy_use` of the application counts them.
        Returns:
            A Starlette application; give its `.lifespan` to a parent application.
        Raises:
            ValueError: no such transport, a setting out of its range, an origin that is none, or
                credentials for every origin.
        """
        if transport not in ("http", "streamable-http", "sse"):
            raise ValueError(f"Unknown transport: {transport}; write http or sse")
        settings = get_settings()
        alone = transport == "sse"
        if alone:
            if stateless_http or (stateless_http is None and settings.stateless_http):
                raise ValueError("SSE transport does not support stateless mode: write http")
            deprecated(
                'transport="sse" is deprecated: write transport="http" and let clients connect to '
                f"{settings.streamable_http_path} instead of {path or settings.sse_path}. While "
                'there are some that cannot, transport="http" with legacy_sse=True serves both'
            )
        legacy_sse = settings.legacy_sse if legacy_sse is None else legacy_sse
        if retry_interval is not None and event_store is None and settings.redis_url is None:
            raise ValueError("retry_interval needs an event_store: without one nothing is resumed")
        app = http.create_streamable_http_app(
            self._engine,
            path=None if alone else path or settings.streamable_http_path,
            sse=(
                http.SsePaths((alone and path) or settings.sse_path, settings.message_path)
                if alone or legacy_sse
                else None
            ),
            routes=self._all_routes(),
            middleware=middleware or (),
            json_response=settings.json_response if json_response is None else json_response,
            stateless_http=settings.stateless_http if stateless_http is None else stateless_http,
            debug=settings.debug,
            host_origin_protection=(
                settings.http_host_origin_protection
                if host_origin_protection is None
                else host_origin_protection
            ),
            allowed_hosts=settings.http_allowed_hosts if allowed_hosts is None else allowed_hosts,
            allowed_origins=(
                settings.http_allowed_origins if allowed_origins is None else allowed_origins
            ),
            session_idle_timeout=(
                settings.http_session_idle_timeout
                if session_idle_timeout is None
                else session_idle_timeout
            ),
            session_lifetime=(
                settings.http_session_lifetime if session_lifetime is None else session_lifetime
            ),
            event_store=event_store,
            retry_interval=retry_interval,
            cors_origins=settings.http_cors_origins if cors_origins is None else cors_origins,
            cors_credentials=(
                settings.http_cors_credentials if cors_credentials is None else cors_credentials
            ),
            health=settings.http_health if health is None else health,
            shutdown_grace=(
                settings.http_shutdown_grace if shutdown_grace is None else shutdown_grace
            ),
            max_body_bytes=max_body_bytes,
            keepalive_interval=keepalive_interval,
            auth=self.auth,
        )
        app.state.fastmcp_server = self
        return app

    def connect_in_process(self, deliver: Deliver) -> AbstractAsyncContextManager[Deliver]:
        """Connect a client in the same process (`protocol/link`)."""
        return memory.connect_in_process(self._engine, deliver)

    def _banner(self, show: bool | None, transport: str, url: str | None) -> None:
        if get_settings().show_server_banner if show is None else show:
            print_banner(self.name, self.version, transport, url)

    @asynccontextmanager
    async def _enter_lifespan(self) -> AsyncGenerator[dict[str, Any]]:
        engine = self._engine
        for provider in engine.behind.providers:  # something may have been added to it since
            engine.check_is_no_circle(provider)
        async with (
            (self._lifespan or _NO_LIFESPAN)(self) as value,
            engine.tasks.hold(engine.handle),
            engine.behind.lifespan(),
        ):
            yield value


async def _no_lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
    yield {}


_NO_LIFESPAN: Final = Lifespan(_no_lifespan)


def _server_info(
    name: str,
    version: str | int | float | None,
    website_url: str | None,
    icons: list[mcp_types.Icon] | None,
) -> dict[str, Any]:
    info: dict[str, Any] = {
        "name": name,
        "version": coerce_version(version) or importlib.metadata.version("fastmcp-streamline"),
    }
    if website_url is not None:
        info["websiteUrl"] = website_url
    if icons:
        info["icons"] = [
            icon.model_dump(by_alias=True, mode="json", exclude_none=True) for icon in icons
        ]
    return info


def _cache_hint(ttl: float | None, scope: CacheScope | None) -> CacheHint:
    members = cache_members(ttl, scope)
    return CacheHint(members.get("ttlMs", 0), members.get("cacheScope", "private"))


def _tasks(bus: Bus, settings: Settings, group: str) -> Tasks:
    """Where background tasks run."""
    limits = TaskLimits.of(settings)
    if settings.docket_url.get_secret_value().startswith("memory:"):
        return LocalTasks(bus, limits)
    return docket.DocketTasks(bus, limits, settings, group)


def _refuse_unknown(others: dict[str, Any]) -> None:
    for name, value in others.items():
        if name in _LATER:
            if value is not None:
                raise NotImplementedError(
                    f"FastMCP({name}=...) comes later, with {_LATER[name]}; leave it out"
                )
        elif name in _REMOVED:
            raise TypeError(f"FastMCP() no longer accepts `{name}`. {_REMOVED[name]}")
        else:
            raise TypeError(f"FastMCP() got unexpected keyword argument(s): {name!r}")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed: several times faster on the way of a call."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
