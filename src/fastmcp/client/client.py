"""The client: what a user holds to talk to one server.

Names, arguments and results only; the work is done below: `session.py` (the engine), `calls.py`
(the protocol's calls), `connection.py` (the life of a connection), `transports/`.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import functools
import importlib.metadata
import secrets
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, Literal, Self, TypeAlias, cast

from pydantic import AnyUrl
from typing_extensions import TypeVar

from fastmcp.client import calls
from fastmcp.client.auth.credentials import Credentials
from fastmcp.client.caching import CacheConfig, CacheMode, ResponseCache
from fastmcp.client.channel import Channel
from fastmcp.client.connection import Connection
from fastmcp.client.elicitation import ElicitationHandler
from fastmcp.client.extensions import Extensions
from fastmcp.client.forwarding import Forwarding, ForwardingHandlers
from fastmcp.client.handlers import Handlers
from fastmcp.client.logging import LogHandler, check_level, default_log_handler
from fastmcp.client.messages import MessageHandlerT
from fastmcp.client.progress import ProgressHandler, default_progress_handler
from fastmcp.client.results import CallToolResult
from fastmcp.client.roots import RootsHandler, RootsList, check_roots
from fastmcp.client.sampling import SamplingHandler
from fastmcp.client.session import ClientSession
from fastmcp.client.transports.base import ClientTransport
from fastmcp.client.transports.inference import infer_transport
from fastmcp.client.transports.orders import Order
from fastmcp.protocol.link import Downstream
from fastmcp.protocol.negotiation import AUTO, check_mode
from fastmcp.protocol.versions import Era
from fastmcp.settings import get_settings
from fastmcp.utilities import mcp_types
from fastmcp.utilities.mcp_types import Implementation
from fastmcp.utilities.skill_entries import GetSkillResult, ListSkillsResult, Skill
from fastmcp.utilities.tracing import Telemetry

__all__ = ["CallToolResult", "Client"]


TransportT = TypeVar("TransportT", bound=ClientTransport, default=ClientTransport)
Seconds: TypeAlias = "datetime.timedelta | float | int | None"


@functools.cache
def _this_client() -> Implementation:
    """What a client is called that was given no `client_info`."""
    return Implementation(name="fastmcp", version=importlib.metadata.version("fastmcp-streamline"))


def _seconds(value: Seconds) -> float | None:
    """A time-out in seconds; 0 means none."""
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    return float(value) if value else None


_FORWARD_RETRY_SECONDS: Final = 3.0
"""How long a server behind a proxy that is away is asked again: whoever waits in front has other
servers beside it, and a patience of their own."""


def _no_headers() -> Mapping[str, str]:
    return {}


class Client(Generic[TransportT]):
    """A client of one MCP server, or of several that are one for it.

    Use it as an async context manager; it may be entered again, also by other tasks, and all
    share one connection that the last to leave ends. It may be left in another task than it was
    entered in.

    Args:
        transport: what to connect to: a server object (in process), an http(s) URL, the `Path`
            of a `.py` or `.js` script (a subprocess), an MCP configuration (a dict or an
            `MCPConfig`), or a `ClientTransport`.
        name: of the client, for logs.
        roots: directories the server may work in, or a function that gives them.
        sampling_handler: answers the server's requests for completions.
        sampling_capabilities: what the sampling handler can do beyond text.
        elicitation_handler: answers the server's questions to the user.
        log_handler: hears the server's log messages; by default they go to this client's log.
        message_handler: hears every notification and exception.
        progress_handler: hears the progress of calls that have no handler of their own.
        timeout: seconds that any request may take; None and 0 for no limit.
        auto_initialize: False leaves it to `initialize()` to open the session.
        init_timeout: seconds that opening a session may take; None for the setting
            FASTMCP_CLIENT_INIT_TIMEOUT, 0 for no limit.
        client_info: name and version that the server gets to see.
        auth: a bearer token, for HTTP.
        verify: TLS verification, for HTTP: False, the path of a CA bundle, or an SSLContext.
        mode: "auto" asks the server which era it speaks; "legacy" begins with the handshake of
            2025-11-25 and before; a stateless version, such as "2026-07-28", is spoken unasked.
        prior_discover: a discover result to take over where `mode` names a version.
        input_required_max_rounds: how many times one call may ask for input.
        cache: True keeps listings and resources for as long as the server says, a `CacheConfig`
            says more about it; None and False keep nothing.
        extensions: what this client can do beyond the protocol (`fastmcp.client.extensions`).
        result_claims: further forms of results that an extension of these understands, by its id.
        log_level: the least severe log messages that the server shall send; None for all, or in
            the handshake era for those that it sends by itself.
        sse_read_timeout: seconds of silence after which a response over HTTP counts as lost, 0
            for no limit; None for the transport's own (300).
        progress_extends_timeout: whether every progress report of a call sets its time-out anew.
        transport_order: which HTTP transport is tried first, or alone, instead of the transport's
            own order: "http-first", "sse-first", "http-only" or "sse-only".
    Raises:
        ValueError: an argument that does not fit the transport, or is not supported yet.
    """

    def __init__(
        self,
        transport: TransportT | Any,
        name: str | None = None,
        roots: RootsList | RootsHandler | None = None,
        sampling_handler: SamplingHandler | None = None,
        sampling_capabilities: mcp_types.SamplingCapability | None = None,
        elicitation_handler: ElicitationHandler | None = None,
        log_handler: LogHandler | None = None,
        message_handler: MessageHandlerT | None = None,
        progress_handler: ProgressHandler | None = None,
        timeout: Seconds = None,
        auto_initialize: bool = True,
        init_timeout: Seconds = None,
        client_info: Implementation | None = None,
        auth: Credentials | Literal["oauth"] | str | None = None,
        verify: ssl.SSLContext | bool | str | None = None,
        mode: str = AUTO,
        prior_discover: mcp_types.DiscoverResult | None = None,
        input_required_max_rounds: int = 10,
        cache: CacheConfig | bool | None = None,
        extensions: Sequence[Any] | None = None,
        result_claims: Mapping[str, Sequence[Any]] | None = None,
        *,
        log_level: mcp_types.LoggingLevel | None = None,
        sse_read_timeout: Seconds = None,
        progress_extends_timeout: bool = False,
        transport_order: Order | None = None,
    ) -> None:
        self.name = name or self.generate_name()
        self.mode = check_mode(mode)
        self.transport = cast("TransportT", infer_transport(transport))
        if verify is not None:
            self.transport.set_verify(verify)
        if auth is not None:
            self.transport.set_auth(auth)
        self.transport.set_sse_read_timeout(sse_read_timeout)
        if transport_order is not None:
            self.transport.set_order(transport_order)
        self.auto_initialize = auto_initialize
        self.input_required_max_rounds = input_required_max_rounds
        self.client_info = client_info or _this_client()
        settings = get_settings()
        self._timeout = _seconds(timeout)
        self._init_timeout = _seconds(
            settings.client_init_timeout if init_timeout is None else init_timeout
        )
        self._disconnect_timeout = settings.client_disconnect_timeout
        self._retry_seconds = settings.client_retry_seconds
        self._progress_extends = progress_extends_timeout
        self._telemetry = Telemetry.of(settings.telemetry_mode)
        self._prior_discover = prior_discover
        self._cache_config = CacheConfig() if cache is True else cache or None
        self._cache = self._make_cache()
        self._handlers = Handlers(
            sampling=sampling_handler,
            sampling_capabilities=sampling_capabilities,
            elicitation=elicitation_handler,
            roots=None if roots is None else check_roots(roots),
            log=log_handler or default_log_handler,
            progress=progress_handler or default_progress_handler,
            message=message_handler,
            log_level=None if log_level is None else check_level(log_level),
            extensions=Extensions(extensions, result_claims, self.transport.extensions()),
        )
        self._withheld: frozenset[str] = frozenset()
        self._forwards_headers = True
        self._prefer: Era | None = None
        self._title: str | None = None
        self._forward_retry_seconds = _FORWARD_RETRY_SECONDS
        self._connection = self._disconnected()

    def _make_cache(self) -> ResponseCache | None:
        if self._cache_config is None:
            return None
        transport = self.transport
        return ResponseCache(self._cache_config, transport.server_url(), transport.principal)

    def _disconnected(self) -> Connection:
        return Connection(self.transport, self._disconnect_timeout)

    @classmethod
    def generate_name(cls, name: str | None = None) -> str:
        """A name nobody else has, `Client-1a2b` or `Client-name-1a2b`."""
        middle = f"-{name}" if name else ""
        return f"{cls.__name__}{middle}-{secrets.token_hex(2)}"

    def __repr__(self) -> str:
        return f"<Client({self.name!r}, {self.transport!r})>"

    # --- connecting ----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect, or share the connection there is.

        Raises:
            RuntimeError: "Client failed to connect: ..." where the server cannot be reached,
                "Failed to initialize server session" where it does not answer in time.
            McpError: the server refused.
        """
        await self._connection.enter(self._make_session, self._negotiate)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave; the last to leave disconnects. Never raises because the server is gone."""
        await self._connection.leave()

    def _make_session(self, channel: Channel) -> ClientSession:
        return ClientSession(
            channel,
            self._handlers,
            self.client_info,
            timeout=self._timeout,
            init_timeout=self._init_timeout,
            max_rounds=self.input_required_max_rounds,
            retry_seconds=self._retry_seconds,
            progress_extends=self._progress_extends,
            telemetry=self._telemetry,
            cache=self._cache,
        )

    async def _negotiate(self, session: ClientSession) -> None:
        if self.auto_initialize:
            await self._connection.negotiate(
                session, self.mode, self._init_timeout, self._prior_discover, self._prefer
            )

    async def close(self) -> None:
        """Disconnect whoever shares the connection, and end what the transport keeps alive."""
        await self._connection.shut()
        await self.transport.close()

    def new(self) -> Self:
        """A client with the same transport and handlers and a connection of its own."""
        other = self._copied()
        other._handlers = dataclasses.replace(self._handlers)
        other._cache = other._make_cache()
        other._connection = other._disconnected()
        return other

    def _copied(self) -> Self:
        """One of another name, with what this one has."""
        other = copy.copy(self)
        other.name = f"{self.name}:{secrets.token_hex(2)}"
        return other

    def forward(self, downstream: Downstream, *, handshake_first: bool = False) -> Forwarding:
        """A connection of its own for somebody else's client (`protocol/link`): for proxies.

        What this client has a handler for it answers itself, the rest goes on downstream.

        Args:
            downstream: that client.
            handshake_first: in mode "auto", begin with the handshake.
        """
        other = self._copied()
        headers = downstream.headers if self._forwards_headers else _no_headers
        other.transport = self.transport.forwarding(headers)
        other._prefer = Era.HANDSHAKE if handshake_first else None
        other._retry_seconds = self._forward_retry_seconds
        other._handlers = ForwardingHandlers.over(self._handlers, downstream, self._withheld)
        other._cache = None
        other._connection = other._disconnected()
        return Forwarding(other, downstream, self._title, listens=handshake_first)

    def is_connected(self) -> bool:
        """Whether there is a connection that can be used."""
        return self._connection.session is not None

    async def initialize(self, timeout: Seconds = None) -> mcp_types.InitializeResult:
        """Open the session, where `auto_initialize=False` left it closed, and return the server's
        answer.

        Args:
            timeout: seconds, None for `init_timeout`.
        Raises:
            RuntimeError: no answer in time, or a stateless connection, which has no such answer.
        """
        seconds = self._init_timeout if timeout is None else _seconds(timeout)
        return await self._connection.initialize(self.mode, seconds, self._prior_discover)

    # --- what is known of the server -----------------------------------------------------------

    @property
    def session(self) -> ClientSession:
        """The session in use.

        Raises:
            RuntimeError: not connected.
        """
        return self._connection.require()

    @property
    def initialize_result(self) -> mcp_types.InitializeResult | None:
        """The server's answer to the handshake; None on a stateless connection."""
        session = self._connection.session
        return None if session is None else session.initialize_result

    @property
    def prior_discover(self) -> mcp_types.DiscoverResult | None:
        """The discover result given to the constructor."""
        return self._prior_discover

    @property
    def protocol_version(self) -> str | None:
        """The protocol version spoken, None while disconnected."""
        session = self._connection.session
        return None if session is None else session.protocol_version

    @property
    def server_info(self) -> Implementation | None:
        """Name and version of the server, None while disconnected."""
        session = self._connection.session
        return None if session is None else session.server_info

    @property
    def server_capabilities(self) -> mcp_types.ServerCapabilities | None:
        """What the server says it can do, None while disconnected."""
        session = self._connection.session
        return None if session is None else session.server_capabilities

    @property
    def instructions(self) -> str | None:
        """The server's instructions, if it gave any."""
        session = self._connection.session
        return None if session is None else session.instructions

    # --- handlers ------------------------------------------------------------------------------

    def set_roots(self, roots: RootsList | RootsHandler) -> None:
        """Change the roots; tell the server with `send_roots_list_changed()`."""
        self._handlers.roots = check_roots(roots)
        self._connection.refresh()

    def set_sampling_callback(
        self,
        sampling_callback: SamplingHandler,
        sampling_capabilities: mcp_types.SamplingCapability | None = None,
    ) -> None:
        """Change the sampling handler. A handshake that was made declares what it declared."""
        self._handlers.sampling = sampling_callback
        self._handlers.sampling_capabilities = sampling_capabilities
        self._connection.refresh()

    def set_elicitation_callback(self, elicitation_callback: ElicitationHandler) -> None:
        """Change the elicitation handler. A handshake that was made declares what it declared."""
        self._handlers.elicitation = elicitation_callback
        self._connection.refresh()

    # --- messages ------------------------------------------------------------------------------

    async def ping(self) -> bool:
        """Ask whether the server is there.

        Raises:
            McpError: "Method not found" in the stateless era, which has no ping.
        """
        await self.session.request("ping")
        return True

    async def cancel(self, request_id: str | int, reason: str | None = None) -> None:
        """Tell the server that a request is not waited for any more.

        Args:
            request_id: the request's JSON-RPC id.
            reason: for the server's log.
        """
        params = {"requestId": request_id} | ({} if reason is None else {"reason": reason})
        await self.session.notify("notifications/cancelled", params)

    async def progress(
        self,
        progress_token: str | int,
        progress: float,
        total: float | None = None,
        message: str | None = None,
    ) -> None:
        """Tell the server how far one of its requests is.

        Args:
            progress_token: of the server's request.
            progress: how far; grows with every message.
            total: of how much, if known.
            message: a word about it.
        """
        params: dict[str, Any] = {"progressToken": progress_token, "progress": progress}
        extra = {"total": total, "message": message}
        params |= {key: value for key, value in extra.items() if value is not None}
        await self.session.notify("notifications/progress", params)

    async def set_logging_level(self, level: mcp_types.LoggingLevel) -> None:
        """Ask for log messages from this level up: the session's, or in the stateless era, which
        has none, those of all requests from now on.

        Raises:
            ValueError: no level of the protocol.
        """
        await self.session.set_logging_level(check_level(level))

    async def send_roots_list_changed(self) -> None:
        """Tell the server that the roots changed."""
        await self.session.notify("notifications/roots/list_changed")

    # --- tools ---------------------------------------------------------------------------------

    async def list_tools_mcp(
        self, *, cursor: str | None = None, cache_mode: CacheMode = "use"
    ) -> mcp_types.ListToolsResult:
        """One page of the tools, from `cursor` on."""
        return await calls.list_tools(self.session, cursor, cache_mode=cache_mode)

    async def list_tools(
        self, max_pages: int = 250, *, cache_mode: CacheMode = "use"
    ) -> list[mcp_types.Tool]:
        """All tools.

        Args:
            max_pages: how many pages that may take.
            cache_mode: "refresh" asks the server although an answer is kept, "bypass" leaves the
                cache alone.
        Raises:
            RuntimeError: more than `max_pages` pages.
        """
        return await calls.paginate(
            lambda cursor: self.list_tools_mcp(cursor=cursor, cache_mode=cache_mode),
            lambda page: page.tools,
            max_pages,
        )

    async def call_tool_mcp(
        self,
        name: str,
        arguments: dict[str, Any],
        progress_handler: ProgressHandler | None = None,
        timeout: Seconds = None,
        meta: dict[str, Any] | None = None,
    ) -> mcp_types.CallToolResult:
        """Call a tool and return the result as it came, also that of a tool that failed."""
        handler = progress_handler or self._handlers.progress
        seconds = None if timeout is None else _seconds(timeout) or 0
        return await calls.call_tool_mcp(self.session, name, arguments, handler, seconds, meta)

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        version: str | None = None,
        timeout: Seconds = None,
        progress_handler: ProgressHandler | None = None,
        raise_on_error: bool = True,
        meta: dict[str, Any] | None = None,
    ) -> CallToolResult:
        """Call a tool.

        Args:
            name: of the tool.
            arguments: anything pydantic can make JSON of.
            version: of the tool, where the server has several.
            timeout: seconds, None for the client's, 0 for no limit.
            progress_handler: hears the progress of this call.
            raise_on_error: False returns the result of a tool that failed.
            meta: `_meta` of the request.
        Raises:
            ToolError: the tool failed; its text says how.
            InvalidResultError: the structured content does not fit the tool's output schema.
            McpError: the server refused, fell silent or went away (`fastmcp.client.errors`).
        """
        return await calls.call_tool(
            self.session,
            name,
            arguments or {},
            progress_handler or self._handlers.progress,
            None if timeout is None else _seconds(timeout) or 0,
            meta,
            version,
            raise_on_error,
        )

    # --- resources -----------------------------------------------------------------------------

    async def list_resources_mcp(
        self, *, cursor: str | None = None, cache_mode: CacheMode = "use"
    ) -> mcp_types.ListResourcesResult:
        """One page of the resources, from `cursor` on."""
        return await calls.list_page(
            self.session,
            "resources/list",
            mcp_types.ListResourcesResult,
            cursor,
            cache_mode=cache_mode,
        )

    async def list_resources(
        self, max_pages: int = 250, *, cache_mode: CacheMode = "use"
    ) -> list[mcp_types.Resource]:
        """All resources that are no templates."""
        return await calls.paginate(
            lambda cursor: self.list_resources_mcp(cursor=cursor, cache_mode=cache_mode),
            lambda page: page.resources,
            max_pages,
        )

    async def list_resource_templates_mcp(
        self, *, cursor: str | None = None, cache_mode: CacheMode = "use"
    ) -> mcp_types.ListResourceTemplatesResult:
        """One page of the resource templates, from `cursor` on."""
        return await calls.list_page(
            self.session,
            "resources/templates/list",
            mcp_types.ListResourceTemplatesResult,
            cursor,
            cache_mode=cache_mode,
        )

    async def list_resource_templates(
        self, max_pages: int = 250, *, cache_mode: CacheMode = "use"
    ) -> list[mcp_types.ResourceTemplate]:
        """All resource templates."""
        return await calls.paginate(
            lambda cursor: self.list_resource_templates_mcp(cursor=cursor, cache_mode=cache_mode),
            lambda page: page.resource_templates,
            max_pages,
        )

    async def read_resource_mcp(
        self,
        uri: AnyUrl | str,
        meta: dict[str, Any] | None = None,
        *,
        cache_mode: CacheMode = "use",
    ) -> mcp_types.ReadResourceResult:
        """Read a resource and return the result as it came."""
        return await calls.read_resource(self.session, uri, meta, None, cache_mode)

    async def read_resource(
        self,
        uri: AnyUrl | str,
        *,
        version: str | None = None,
        meta: dict[str, Any] | None = None,
        cache_mode: CacheMode = "use",
    ) -> list[mcp_types.TextResourceContents | mcp_types.BlobResourceContents]:
        """Read a resource.

        Args:
            uri: of the resource; normalised as pydantic's AnyUrl does it.
            version: of the resource, where the server has several.
            meta: `_meta` of the request.
            cache_mode: "refresh" asks the server although an answer is kept, "bypass" leaves the
                cache alone; so does a version, and `meta`.
        Raises:
            McpError: there is none, or it cannot be read.
        """
        result = await calls.read_resource(self.session, uri, meta, version, cache_mode)
        return result.contents

    async def subscribe_resource(self, uri: AnyUrl | str) -> None:
        """Hear of the changes of a resource: the message handler's `on_resource_updated` does,
        until `unsubscribe_resource` or the end of the connection.

        Args:
            uri: of the resource.
        Raises:
            McpError: the server does not tell of them, or cannot be reached.
        """
        await self.session.subscriptions.subscribe(calls.uri_of(uri))

    async def unsubscribe_resource(self, uri: AnyUrl | str) -> None:
        """Hear of them no more."""
        await self.session.subscriptions.unsubscribe(calls.uri_of(uri))

    # --- skills --------------------------------------------------------------------------------

    async def list_skills_mcp(
        self, *, cursor: str | None = None, cache_mode: CacheMode = "use"
    ) -> ListSkillsResult:
        """One page of the skills, from `cursor` on."""
        return await calls.list_skills(self.session, cursor, cache_mode)

    async def list_skills(
        self, max_pages: int = 250, *, cache_mode: CacheMode = "use"
    ) -> list[Skill]:
        """All skills, by what the server says of them; no file is read. `fastmcp.skills.read_skill`
        reads one, and checks it.

        Raises:
            RuntimeError: the server does not declare the extension for skills, or has more than
                `max_pages` pages.
        """
        return await calls.paginate(
            lambda cursor: self.list_skills_mcp(cursor=cursor, cache_mode=cache_mode),
            lambda page: page.skills,
            max_pages,
        )

    async def get_skill_mcp(self, uri: str, *, cache_mode: CacheMode = "use") -> GetSkillResult:
        """Ask for one skill and return the result as it came."""
        return await calls.get_skill(self.session, uri, cache_mode)

    async def get_skill(self, uri: str, *, cache_mode: CacheMode = "use") -> Skill:
        """One skill, by the URI of its SKILL.md.

        Raises:
            McpError: there is none.
            RuntimeError: the server does not declare the extension for skills.
        """
        return (await self.get_skill_mcp(uri, cache_mode=cache_mode)).skill

    # --- prompts -------------------------------------------------------------------------------

    async def list_prompts_mcp(
        self, *, cursor: str | None = None, cache_mode: CacheMode = "use"
    ) -> mcp_types.ListPromptsResult:
        """One page of the prompts, from `cursor` on."""
        return await calls.list_page(
            self.session, "prompts/list", mcp_types.ListPromptsResult, cursor, cache_mode=cache_mode
        )

    async def list_prompts(
        self, max_pages: int = 250, *, cache_mode: CacheMode = "use"
    ) -> list[mcp_types.Prompt]:
        """All prompts."""
        return await calls.paginate(
            lambda cursor: self.list_prompts_mcp(cursor=cursor, cache_mode=cache_mode),
            lambda page: page.prompts,
            max_pages,
        )

    async def get_prompt_mcp(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> mcp_types.GetPromptResult:
        """Render a prompt and return the result as it came."""
        return await calls.get_prompt(self.session, name, arguments, meta, None)

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        version: str | None = None,
        meta: dict[str, Any] | None = None,
    ) -> mcp_types.GetPromptResult:
        """Render a prompt.

        Args:
            name: of the prompt.
            arguments: strings; others are sent as their JSON text.
            version: of the prompt, where the server has several.
            meta: `_meta` of the request.
        Raises:
            McpError: there is none, or it cannot be rendered.
        """
        return await calls.get_prompt(self.session, name, arguments, meta, version)

    # --- completion ----------------------------------------------------------------------------

    async def complete_mcp(
        self,
        ref: mcp_types.ResourceTemplateReference | mcp_types.PromptReference,
        argument: dict[str, str],
        context_arguments: dict[str, Any] | None = None,
    ) -> mcp_types.CompleteResult:
        """Ask for completions and return the result as it came."""
        return await calls.complete(self.session, ref, argument, context_arguments)

    async def complete(
        self,
        ref: mcp_types.ResourceTemplateReference | mcp_types.PromptReference,
        argument: dict[str, str],
        context_arguments: dict[str, Any] | None = None,
    ) -> mcp_types.Completion:
        """Ask for completions of an argument.

        Args:
            ref: of the prompt or resource template.
            argument: `{"name": ..., "value": ...}`, what was typed so far.
            context_arguments: values of the other arguments.
        """
        return (await calls.complete(self.session, ref, argument, context_arguments)).completion
