"""What a handler holds of its call: the `Context`, and the one ContextVar of the package.

The engine makes a Context for each request and passes it by hand; the ContextVar exists for
what authors call without holding one (`get_context()`, dependencies, sync tools on threads).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Protocol,
    Self,
    TypeVar,
    Unpack,
    cast,
    overload,
)

import msgspec
from pydantic_core import from_json

from fastmcp.exceptions import McpError, ToolError
from fastmcp.prompts.base import PromptResult
from fastmcp.protocol import jsonrpc, meta
from fastmcp.protocol.classify import Call
from fastmcp.protocol.errors import INTERNAL_ERROR, capability_names, missing_capability
from fastmcp.protocol.input_required import SINCE
from fastmcp.protocol.methods import METHODS
from fastmcp.protocol.request_state import Answer
from fastmcp.protocol.versions import LATEST_HANDSHAKE, Era
from fastmcp.resources.base import ResourceResult
from fastmcp.server.asking import Asker, lacking, list_roots
from fastmcp.server.bus import (
    Bus,
    Change,
    PromptsChanged,
    ResourcesChanged,
    ResourceUpdated,
    ToolsChanged,
)
from fastmcp.server.exchange import Detached, Exchange, TransportName
from fastmcp.server.registry import (
    LIST_CHANGES,
    ComponentKind,
    SessionVisibility,
    VisibilityRule,
)
from fastmcp.server.rounds import Conversation
from fastmcp.server.sessions import Session
from fastmcp.server.state import SessionState, as_json
from fastmcp.utilities import mcp_types
from fastmcp.utilities.lazy import later
from fastmcp.utilities.threads import abandoned
from fastmcp.utilities.versions import VersionSpec

if TYPE_CHECKING:
    from fastmcp.server import elicitation, sampling
    from fastmcp.server.sampling import SamplingResult
else:
    elicitation = later("fastmcp.server.elicitation")
    sampling = later("fastmcp.server.sampling")

    def __getattr__(name: str) -> Any:
        if name == "SamplingResult":
            return sampling.SamplingResult
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Context", "LogData", "RequestContext", "SamplingResult", "Server", "get_context"]

T = TypeVar("T")

_to_client: Final = logging.getLogger("fastmcp.server.context.to_client")

_current: ContextVar[Context | None] = ContextVar("fastmcp_context", default=None)


def get_context() -> Context:
    """The Context of the request that is being served.

    Raises:
        RuntimeError: no request is being served.
    """
    context = _current.get()
    if context is None:
        raise RuntimeError(
            "No active context found: this is not running inside an MCP request. Call it from a "
            "tool, resource, prompt or middleware, in the task of its call."
        )
    return context


class Server(Protocol):
    """What a Context needs of the server it belongs to."""

    @property
    def bus(self) -> Bus: ...
    @property
    def session_state(self) -> SessionState: ...
    @property
    def client_log_level(self) -> str | None: ...
    @property
    def mask_error_details(self) -> bool: ...
    @property
    def lifespan_value(self) -> dict[str, Any]: ...

    async def list_tools(self) -> Sequence[Any]: ...
    async def list_resources(self) -> Sequence[Any]: ...
    async def list_prompts(self) -> Sequence[Any]: ...
    async def read_resource(self, uri: str) -> ResourceResult: ...
    async def render_prompt(
        self, name: str, arguments: dict[str, Any] | None = None
    ) -> PromptResult: ...


@dataclass
class LogData:
    """The `data` of a log notification."""

    msg: str
    extra: Mapping[str, Any] | None = None


class RequestContext(msgspec.Struct, frozen=True):
    """The request as the protocol sees it.

    Attributes:
        request_id: the JSON-RPC id, as text.
        meta: the request's `_meta`.
        protocol_version: the version it speaks.
        lifespan_context: what the server's lifespan yielded.
        session: the handshake-era session, or None.
    """

    request_id: str
    meta: dict[str, Any]
    protocol_version: str
    lifespan_context: dict[str, Any]
    session: Session | None


class Context:
    """One call, as its handler sees it.

    Ask for it by annotation (`ctx: Context`), by `CurrentContext()` or with `get_context()`.
    A program that calls its own functions makes one: `async with Context(fastmcp=mcp) as ctx`.

    Args:
        fastmcp: the server.
        call: the request; by default there is none, and nobody to answer to.
        exchange: the way back to the client.

    Attributes:
        conversation: what it has asked its client in the stateless era, or None.
        answers: what an earlier run of this handler was answered, by the question's key.
        again: whether the tool may be run once more, should its client come back too late; None
            where no tool is called: prompts and resources may.
        over: whether the request has been answered, or never will be.
        inputs: see `input_responses`.
        returned_state: see `request_state`.
    """

    __slots__ = (
        "_call",
        "_detached_id",
        "_exchange",
        "_own_state",
        "_server",
        "_tokens",
        "_visibility",
        "again",
        "answers",
        "conversation",
        "inputs",
        "over",
        "returned_state",
    )

    def __init__(
        self, fastmcp: Server, call: Call | None = None, exchange: Exchange | None = None
    ) -> None:
        self._server = fastmcp
        self._call = call or Call(Era.HANDSHAKE, LATEST_HANDSHAKE, "detached", "", {}, {})
        self._exchange = exchange or Detached()
        self._detached_id: str | None = None
        self._own_state: dict[str, Any] | None = None
        self._tokens: list[Token[Context | None]] | None = None
        self._visibility: SessionVisibility | None = None
        self.again: bool | None = None
        self.answers: Mapping[str, Answer] | None = None
        self.conversation: Conversation | None = None
        self.over = False
        self.inputs: dict[str, Any] | None = None
        self.returned_state: str | None = None

    @staticmethod
    def __fastmcp_inject__() -> Context:
        """Makes `ctx: Context` a parameter that the call fills in (utilities/injection)."""
        return get_context()

    @staticmethod
    def current() -> Context | None:
        """The current context, or None outside a request."""
        return _current.get()

    def activate(self) -> Token[Context | None]:
        """Make this the current context; give the token to `deactivate`."""
        return _current.set(self)

    deactivate: ClassVar = staticmethod(_current.reset)

    async def __aenter__(self) -> Self:
        self._tokens = [*(self._tokens or ()), self.activate()]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._tokens:
            _current.reset(self._tokens.pop())

    # who and what

    @property
    def fastmcp(self) -> Any:
        """The `FastMCP` server. (Any: the class stands above this one in the import law.)"""
        return self._server

    @property
    def exchange(self) -> Exchange:
        """The way back to the client."""
        return self._exchange

    @property
    def call(self) -> Call:
        """The request."""
        return self._call

    @property
    def request_id(self) -> str:
        """The JSON-RPC id of the request, as text."""
        return str(self._call.id)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for this call any more.

        An async function is interrupted at its next `await`. Nothing can interrupt a synchronous
        one: if it runs long, it should look here now and then, and return.
        """
        return self._exchange.cancelled or abandoned()

    @property
    def session(self) -> Session | None:
        """The handshake-era session; None in the stateless era and in stateless HTTP."""
        return self._exchange.session

    @property
    def session_id(self) -> str:
        """What ties calls together.

        Over HTTP in the handshake era the `Mcp-Session-Id`; on a pipe a name made when the
        connection began. The stateless era has no sessions: there it is new with each request.
        """
        session = self._exchange.session
        if session is not None:
            return session.id
        if self._detached_id is None:
            self._detached_id = str(uuid.uuid4())
        return self._detached_id

    @property
    def client_id(self) -> str | None:
        """What the client calls itself in `_meta.client_id`, or None."""
        value = self._call.meta.get("client_id")
        return value if isinstance(value, str) else None

    @property
    def client_info(self) -> dict[str, Any]:
        """The client's self-reported name and version; never a reason to trust it."""
        session = self._exchange.session
        if session is not None:
            return session.client_info
        return cast("dict[str, Any]", self._call.meta.get(meta.CLIENT_INFO) or {})

    @property
    def client_capabilities(self) -> dict[str, Any]:
        """What the client declared that it can be asked for."""
        session = self._exchange.session
        if session is not None:
            return session.client_capabilities
        return cast("dict[str, Any]", self._call.meta.get(meta.CLIENT_CAPABILITIES) or {})

    def client_supports_extension(self, id: str) -> bool:
        """Whether the client declared an extension (2026-07-28, "Extension Negotiation")."""
        return self.client_extension_settings(id) is not None

    def client_extension_settings(self, id: str) -> dict[str, Any] | None:
        """The settings the client declared for an extension, or None."""
        extensions = self.client_capabilities.get("extensions")
        if not isinstance(extensions, dict):
            return None
        settings = cast("dict[str, Any]", extensions).get(id)
        return cast("dict[str, Any]", settings) if isinstance(settings, dict) else None

    @property
    def transport(self) -> TransportName | None:
        """`"stdio"`, `"sse"`, `"streamable-http"`, or None for an in-memory client."""
        return self._exchange.transport

    @property
    def protocol_version(self) -> str:
        """The protocol version this request speaks."""
        return self._call.version

    @property
    def lifespan_context(self) -> dict[str, Any]:
        """What the server's lifespan yielded."""
        return self._server.lifespan_value

    @property
    def request_context(self) -> RequestContext:
        """The request as the protocol sees it."""
        return RequestContext(
            self.request_id,
            self._call.meta,
            self._call.version,
            self._server.lifespan_value,
            self._exchange.session,
        )

    # saying something

    async def log(
        self,
        message: str,
        level: str | None = None,
        logger_name: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Send a log message to the client, if it wants this level.

        Args:
            message: the text.
            level: an RFC 5424 severity; "info" by default.
            logger_name: who speaks.
            extra: anything JSON can carry.
        Raises:
            ValueError: no such level.
        """
        level = level or "info"
        if level not in meta.LOG_LEVELS:
            raise ValueError(
                f"Unknown log level {level!r}: use one of {', '.join(meta.LOG_LEVELS)}"
            )
        _to_client.debug("%s to the client: %s", level, message)
        params: dict[str, Any] = {"level": level, "data": {"msg": message, "extra": extra}}
        if logger_name is not None:
            params["logger"] = logger_name
        await self.tell_log(params)

    async def tell_log(self, params: dict[str, Any]) -> None:
        """Send a log notification, if the client wants its level.

        Args:
            params: of `notifications/message`, with a level that exists.
        """
        wanted = self.wanted_log_level()
        if wanted is not None and meta.LOG_LEVELS[params["level"]] >= meta.LOG_LEVELS[wanted]:
            await self._exchange.tell(jsonrpc.encode_notification("notifications/message", params))

    def wanted_log_level(self) -> str | None:
        """The least severe level to send, or None for nothing at all.

        Stateless era: only a request that names a level gets messages (server/utilities/logging),
        and none below what the server chooses to send.
        Handshake era: a client that named none gets what the server chooses, by default all.
        """
        if self._call.era is Era.STATELESS:
            wanted = self._call.meta.get(meta.LOG_LEVEL)
            least = self._server.client_log_level
            if wanted is None or least is None:
                return wanted
            return max(wanted, least, key=meta.LOG_LEVELS.__getitem__)
        session = self._exchange.session
        if session is not None and session.log_level is not None:
            return session.log_level
        return self._server.client_log_level or "debug"

    async def debug(
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """`log` at level debug."""
        await self.log(message, "debug", logger_name, extra)

    async def info(
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """`log` at level info."""
        await self.log(message, "info", logger_name, extra)

    async def warning(
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """`log` at level warning."""
        await self.log(message, "warning", logger_name, extra)

    async def error(
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """`log` at level error."""
        await self.log(message, "error", logger_name, extra)

    async def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Tell the client how far the call is; nothing happens where it did not ask for it.

        In a background task it becomes the task's status message, asked for or not.

        Args:
            progress: must grow from one call to the next (basic/utilities/progress).
            total: what `progress` reaches at the end, if known.
            message: one line for a person.
        """
        if self._exchange.task_id is not None:
            self._exchange.describe(progress, total, message)
            return
        token = self._call.meta.get(meta.PROGRESS_TOKEN)
        if not isinstance(token, (str, int)) or isinstance(token, bool):
            return
        params: dict[str, Any] = {"progressToken": token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        await self._exchange.tell(jsonrpc.encode_notification("notifications/progress", params))

    async def send_notification(self, notification: Any) -> None:
        """Send a notification of `mcp_types`.

        A change notification (list_changed, resource updated) goes to every client that wants
        it; any other goes to the client of this call.
        """
        notification = getattr(notification, "root", notification)
        body = cast(
            "dict[str, Any]", notification.model_dump(by_alias=True, mode="json", exclude_none=True)
        )
        method, params = body["method"], body.get("params")
        change = _CHANGES.get(method)
        if change is not None:
            self._server.bus.publish(change())
        elif method == ResourceUpdated.method:
            self._server.bus.publish(ResourceUpdated(cast("dict[str, Any]", params)["uri"]))
        else:
            await self._exchange.tell(jsonrpc.encode_notification(method, params))

    async def close_sse_stream(self) -> None:
        """End this call's response stream but not the call; the client resumes it later.

        Does nothing where the stream cannot be resumed.
        """
        await self._exchange.close_stream()

    async def close_standalone_sse_stream(self) -> None:
        """End the session's own stream (GET), wherever it is open; the client opens it again and,
        with an event store, hears what it missed. Does nothing where there is none."""
        if self._exchange.session is not None:
            await self._exchange.session.stop_stream()

    # asking something

    @property
    def asker(self) -> Asker:
        """The client as something that can be asked."""
        return Asker(self.ask, self._call.version, self.client_capabilities)

    @overload
    async def elicit(
        self,
        message: str,
        response_type: type[T],
        *,
        response_title: str | None = None,
        response_description: str | None = None,
    ) -> elicitation.ElicitationResult[T]: ...
    @overload
    async def elicit(
        self,
        message: str,
        response_type: list[str] | dict[str, str] | dict[str, dict[str, str]],
        *,
        response_title: str | None = None,
        response_description: str | None = None,
    ) -> elicitation.ElicitationResult[str]: ...
    @overload
    async def elicit(
        self,
        message: str,
        response_type: list[list[str]] | list[dict[str, str]] | list[dict[str, dict[str, str]]],
        *,
        response_title: str | None = None,
        response_description: str | None = None,
    ) -> elicitation.ElicitationResult[list[str]]: ...
    @overload
    async def elicit(
        self,
        message: str,
        response_type: Any,
        *,
        response_title: str | None = None,
        response_description: str | None = None,
    ) -> elicitation.ElicitationResult[Any]: ...
    async def elicit(
        self,
        message: str,
        response_type: Any = None,
        *,
        response_title: str | None = None,
        response_description: str | None = None,
    ) -> elicitation.ElicitationResult[Any]:
        """Ask the user in a form, and await the answer.

        Args:
            message: the question.
            response_type: what the answer is; see `parse_elicit_response_type`.
            response_title: the title of a single value's field.
            response_description: its description.
        Raises:
            TypeError: the protocol cannot ask for this type.
            McpError: the client cannot be asked, or its answer does not fit.
            ToolError: the client did not declare that it can be asked.
        """
        return await elicitation.elicit(
            self.asker, message, response_type, response_title, response_description
        )

    async def elicit_url(
        self, message: str, url: str, elicitation_id: str | None = None
    ) -> elicitation.ElicitationResult[None]:
        """Ask the user to open a page, for what must not pass through the client: secrets,
        payments, permissions at another service.

        Accepted means that the user agreed to open it. What is done there only the page knows, and
        it must see for itself who its visitor is, for the URL can be handed on.

        Args:
            message: why the page is needed.
            url: https, or http on this machine; without credentials or anything about the user.
            elicitation_id: a name for `send_elicit_complete`; made up by default.
        Raises:
            ValueError: no URL that a user may be sent to.
            McpError: the client cannot be asked.
            ToolError: the client did not declare that it opens pages, or its protocol version has
                no such question.
        """
        return await elicitation.elicit_url(self.asker, message, url, elicitation_id)

    async def send_elicit_complete(self, elicitation_id: str) -> None:
        """Tell the client that the user is done on a page; also after the call has ended.

        Nothing happens where the protocol version has no such notification (2026-07-28: the client
        learns it by calling again).

        Args:
            elicitation_id: what `elicit_url` or `URLElicitationRequiredError` was given.
        """
        if not elicitation.has_elicitation_ids(self._call.version):
            return
        params = {"elicitationId": elicitation_id}
        message = jsonrpc.encode_notification("notifications/elicitation/complete", params)
        if not await self._exchange.emit(message) and self._exchange.session is not None:
            await self._exchange.session.say(message)

    @overload
    async def sample(
        self,
        messages: sampling.SamplingMessages,
        *,
        result_type: type[T],
        **options: Unpack[sampling.SamplingOptions],
    ) -> sampling.SamplingResult[T]: ...
    @overload
    async def sample(
        self,
        messages: sampling.SamplingMessages,
        *,
        result_type: None = None,
        **options: Unpack[sampling.SamplingOptions],
    ) -> sampling.SamplingResult[str]: ...
    @overload
    async def sample(
        self,
        messages: sampling.SamplingMessages,
        *,
        result_type: Any,
        **options: Unpack[sampling.SamplingOptions],
    ) -> sampling.SamplingResult[Any]: ...
    async def sample(
        self,
        messages: sampling.SamplingMessages,
        *,
        result_type: Any = None,
        **options: Unpack[sampling.SamplingOptions],
    ) -> sampling.SamplingResult[Any]:
        """Ask the client's model until it has answered; tools run here in between.

        Args:
            messages: a text, or the conversation so far (`SamplingResult.history` goes on).
            result_type: what the answer is to be; any type pydantic knows, text by default.
            options: `system_prompt`, `max_tokens`, `tools` and the others of `SamplingOptions`.
        Raises:
            ValueError: the options, or the messages, are none that the protocol allows.
            TypeError: `result_type` cannot be asked for; no such option.
            McpError: the client cannot be asked or refused, its answer is malformed, or its model
                gave none that fits within a bounded number of rounds.
            ToolError: the client did not declare that it can be asked.
        """
        await mcp_types.load()
        masked = self._server.mask_error_details
        return await sampling.sample(self.asker, messages, result_type, masked, options)

    async def sample_step(
        self,
        messages: sampling.SamplingMessages,
        *,
        execute_tools: bool = True,
        **options: Unpack[sampling.SamplingOptions],
    ) -> sampling.SampleStep:
        """Ask the client's model once, for a loop of one's own.

        Args:
            messages: a text, or the conversation so far (`SampleStep.history` goes on).
            execute_tools: run the tools that the model used and put what they gave into the
                history; otherwise the author does.
            options: as for `sample`.
        Raises:
            ValueError: the options, or the messages, are none that the protocol allows.
            McpError: the client cannot be asked or refused, or its answer is malformed.
            ToolError: the client did not declare that it can be asked.
        """
        await mcp_types.load()
        masked = self._server.mask_error_details
        return await sampling.sample_step(self.asker, messages, execute_tools, masked, options)

    async def list_roots(self) -> list[mcp_types.Root]:
        """The folders the client says it works in.

        Raises:
            McpError: the client cannot be asked, or its answer is malformed.
            ToolError: the client did not declare that it can be asked.
        """
        await mcp_types.load()
        return await list_roots(self.asker)

    async def ask(
        self, method: str, params: dict[str, Any], required: dict[str, Any]
    ) -> dict[str, Any]:
        """Put a question of the protocol; see `asking.Ask`."""
        self.asker.demand(SINCE.get(method, ""), method)
        missing = lacking(required, self.client_capabilities)
        if missing:
            # A server must not ask for what the client did not declare (2025-11-25,
            # basic/lifecycle, "Operation"; 2026-07-28, basic/index: -32021 names it).
            if self._call.era is Era.STATELESS:
                raise missing_capability(missing)
            if self._exchange.session is not None:
                raise ToolError(
                    f"The client cannot be asked for {method}: it did not declare the "
                    f"{capability_names(missing)} capability; do without, or let a client connect "
                    "that has it"
                )
        if self.over:
            raise McpError(
                INTERNAL_ERROR,
                f"{method} cannot be asked: the call is over. Await it before the handler returns",
            )
        rounds = self._exchange.rounds
        if rounds is None or not METHODS[self._call.method].may_ask:
            answer = await self._exchange.ask(method, params)
        else:
            if self.conversation is None:
                self.conversation = Conversation(
                    rounds,
                    self._call,
                    self._exchange,
                    again=self._may_run_again,
                    lend=self._lend,
                    answers=self.answers,
                )
            span = self._exchange.span
            sent = params if span is None else span.tracing.carrying(params)
            answer = await self.conversation.ask(method, params, sent)
        if not isinstance(answer, dict):
            raise McpError(
                INTERNAL_ERROR,
                f"The client answered {method} with something that is no object: it is the client "
                "that has to be mended",
            )
        return cast("dict[str, Any]", answer)

    def _may_run_again(self) -> bool:
        """Whether this call may be run once more. Before a tool has said so, its call may not:
        middleware asks before it is known which it is."""
        return self.again is not False and (self.again or self._call.method != "tools/call")

    @property
    def input_responses(self) -> dict[str, Any] | None:
        """What the client answered to the `InputRequiredResult` that this handler returned when
        it was called before: `ElicitResult`, `CreateMessageResult` or `ListRootsResult` by the
        keys of its `input_requests`. None at the first call.

        A key may be missing: ask for it again. (Handlers that await `ctx.elicit` and the like
        need none of this.)
        """
        return self.inputs

    @property
    def request_state(self) -> str | None:
        """What this handler gave as `request_state` when it was called before, or None. Clients
        carry it sealed: they can neither read nor change it."""
        return self.returned_state

    def _lend(self, call: Call, exchange: Exchange) -> None:
        """From now on this is the request that is served (`server/rounds`)."""
        if exchange.scope is None:  # it came to another worker, and the answers alone to this one
            exchange.scope = self._exchange.scope
            call.params = {**self._call.params, **call.params}
        self._call = call
        self._exchange = exchange

    # the server's own components

    async def list_tools(self) -> Sequence[Any]:
        """The tools of this server, as `fastmcp.tools.Tool`."""
        return await self._server.list_tools()

    async def list_resources(self) -> list[mcp_types.Resource]:
        """The resources of this server."""
        await mcp_types.load()
        return [r.to_mcp_resource() for r in await self._server.list_resources()]

    async def list_prompts(self) -> list[mcp_types.Prompt]:
        """The prompts of this server."""
        await mcp_types.load()
        return [p.to_mcp_prompt() for p in await self._server.list_prompts()]

    async def read_resource(self, uri: str) -> ResourceResult:
        """Read a resource of this server.

        Raises:
            NotFoundError: no such resource.
            ResourceError: it could not be read.
        """
        return await self._server.read_resource(str(uri))

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None
    ) -> mcp_types.GetPromptResult:
        """Render a prompt of this server.

        Raises:
            NotFoundError: no such prompt.
            PromptError: it could not be rendered.
        """
        await mcp_types.load()
        result = await self._server.render_prompt(name, arguments)
        return mcp_types.GetPromptResult.model_validate(result.to_wire())

    # state

    async def set_state(self, key: str, value: Any, *, serializable: bool = True) -> None:
        """Keep a value for the session.

        Where there is none (the stateless era, stateless HTTP), for the rest of this request.

        Args:
            key: its name.
            value: JSON, or any object with `serializable=False`.
            serializable: False keeps the object itself, for the rest of this request.
        Raises:
            TypeError: a serializable value is not JSON.
        """
        if serializable and self.session is not None:
            await self._server.session_state.set(self.session, key, value)
            if self._own_state is not None:
                self._own_state.pop(key, None)
            return
        if serializable:
            value = from_json(as_json(key, value))
        if self._own_state is None:
            self._own_state = {}
        self._own_state[key] = value

    async def get_state(self, key: str) -> Any:
        """The value kept under a key, or None."""
        if self._own_state is not None and key in self._own_state:
            return self._own_state[key]
        if self.session is None:
            return None
        return await self._server.session_state.get(self.session, key)

    async def delete_state(self, key: str) -> None:
        """Forget a value."""
        if self._own_state is not None:
            self._own_state.pop(key, None)
        if self.session is not None:
            await self._server.session_state.delete(self.session, key)

    # what this session sees

    @property
    def visibility(self) -> SessionVisibility | None:
        """The rules of this session, or of this request alone; None for those of the server."""
        session = self._exchange.session
        return self._visibility if session is None else session.visibility

    async def enable_components(
        self,
        *,
        names: set[str] | None = None,
        keys: set[str] | None = None,
        version: VersionSpec | None = None,
        tags: set[str] | None = None,
        components: set[ComponentKind] | None = None,
        match_all: bool = False,
    ) -> None:
        """Show components to this session alone, whatever the server shows to others.

        A request without a session (the stateless era, stateless HTTP) has only itself: what is
        shown or hidden there ends with it.

        Args:
            names: tool and prompt names, resource URIs.
            keys: component keys such as "tool:add@".
            version: a range of versions.
            tags: any of these.
            components: kinds.
            match_all: all components; then nothing else is given.
        Raises:
            ValueError: nothing says which components, and `match_all` is not set.
        """
        await self._change_visibility(True, names, keys, version, tags, components, match_all)

    async def disable_components(
        self,
        *,
        names: set[str] | None = None,
        keys: set[str] | None = None,
        version: VersionSpec | None = None,
        tags: set[str] | None = None,
        components: set[ComponentKind] | None = None,
        match_all: bool = False,
    ) -> None:
        """Hide components from this session alone; arguments as for `enable_components`."""
        await self._change_visibility(False, names, keys, version, tags, components, match_all)

    async def reset_visibility(self) -> None:
        """Show this session what the server shows to everyone."""
        self._visibility = None
        session = self._exchange.session
        if session is not None and session.visibility is not None:
            await session.show(None)
            await self._tell_changed(None)

    async def _change_visibility(
        self,
        enable: bool,
        names: set[str] | None,
        keys: set[str] | None,
        version: VersionSpec | None,
        tags: set[str] | None,
        components: set[ComponentKind] | None,
        match_all: bool,
    ) -> None:
        given = (names, keys, version, tags, components)
        if not match_all and all(part is None for part in given):
            raise ValueError("Say which components, or pass match_all=True for all of them")
        session = self._exchange.session
        visibility = self.visibility or SessionVisibility()
        visibility.add([VisibilityRule.of(enable, *given)])
        if session is None:
            self._visibility = visibility
            return
        await session.show(visibility)
        await self._tell_changed(components)

    async def _tell_changed(self, components: set[ComponentKind] | None) -> None:
        """Tell this session which of its lists to look at again."""
        changes = dict.fromkeys(
            change for kind, change in LIST_CHANGES.items() if not components or kind in components
        )
        for change in changes:
            await self._exchange.tell(jsonrpc.encode_notification(change.method))

    # background tasks

    @property
    def is_background_task(self) -> bool:
        """Whether the call runs as a task: its client was answered and comes by to look."""
        return self._exchange.task_id is not None

    @property
    def task_id(self) -> str | None:
        """The task that the call runs as, or None."""
        return self._exchange.task_id

    @property
    def origin_request_id(self) -> str:
        """The JSON-RPC id of the request that the call came with; a task's as well."""
        return self.request_id


_CHANGES: Final[dict[str, type[Change]]] = {
    change.method: change for change in (ToolsChanged, ResourcesChanged, PromptsChanged)
}
