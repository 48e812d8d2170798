"""The base class of middleware and the one function that composes it.

A middleware sees a message on its way in and the result on its way out. Its hooks form a
ladder, from the widest to the narrowest: `on_message`, then `on_request` or `on_notification`,
then the hook of the method (`on_call_tool`, ...). Each hook is called as
`hook(context, call_next=call_next)`: **the parameter must be named `call_next`**. A class that
overrides `__call__(context, call_next)` takes the raw message instead and its ladder is not
climbed, unless it does so itself through `super().__call__`.

Composition happens when the server starts, once per method, never per message. A hook that a
class leaves as it is does not take part: it costs no frame, so a server pays for the hooks
somebody wrote and for nothing else. For the same reason the model of a call's message and the
time of its arrival are made when a hook looks at them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, Self, cast

from typing_extensions import TypeVar

if TYPE_CHECKING:
    from fastmcp.server.context import Context

__all__ = ["TYPED_HOOKS", "CallNext", "Middleware", "MiddlewareContext", "Said", "compose"]

T_co = TypeVar("T_co", covariant=True, default=Any)
T_contra = TypeVar("T_contra", contravariant=True, default=Any)
R_co = TypeVar("R_co", covariant=True, default=Any)

TYPED_HOOKS = {
    "initialize": "on_initialize",
    "server/discover": "on_discover",
    "tools/call": "on_call_tool",
    "tools/list": "on_list_tools",
    "resources/read": "on_read_resource",
    "resources/list": "on_list_resources",
    "resources/templates/list": "on_list_resource_templates",
    "prompts/get": "on_get_prompt",
    "prompts/list": "on_list_prompts",
}
"""The narrowest hook of each method that has one."""


class CallNext(Protocol[T_contra, R_co]):
    """The rest of the chain: the next hook, or the handler."""

    def __call__(self, context: MiddlewareContext[T_contra], /) -> Awaitable[R_co]: ...


class Said(Protocol):
    """A message as it came, with the fields of its model."""

    def model(self) -> Any:
        """The model that hooks are promised."""
        ...


class _WhenRead:
    """A field that is made when somebody looks at it, of what its object holds instead."""

    def __init__(self, make: Callable[[dict[str, Any]], Any]) -> None:
        self.make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:  # `dataclass` asks for a default, and there is none
            raise AttributeError(self.name)
        fields = instance.__dict__
        value = fields[self.name] = self.make(fields)
        return value


def _model(fields: dict[str, Any]) -> Any:
    model = fields["said"].model()
    fields["said"] = None  # hooks may change the model
    return model


def _time(fields: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(fields["arrived"], UTC)


_message: Any = _WhenRead(_model)
_timestamp: Any = _WhenRead(_time)


@dataclass(frozen=True, init=False)
class MiddlewareContext(Generic[T_co]):
    """One message as middleware sees it.

    Args:
        message: the request's parameters or the notification; which type, each hook says.
        fastmcp_context: the call's `Context`; None outside a server.
        source: who sent it.
        type: whether an answer is owed.
        method: the JSON-RPC method.
        timestamp: when it arrived, UTC.
    """

    message: T_co = _message
    fastmcp_context: Context | None
    source: Literal["client", "server"]
    type: Literal["request", "notification"]
    method: str | None
    timestamp: datetime = _timestamp

    said: ClassVar[Said | None] = None
    """The message of a request whose model nobody has looked at; not a field of its own."""

    # What `dataclass` writes for a frozen class sets each field by a call of its own, and this
    # object is made for every message.
    def __init__(
        self,
        message: T_co,
        fastmcp_context: Context | None = None,
        source: Literal["client", "server"] = "client",
        type: Literal["request", "notification"] = "request",
        method: str | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        fields = self.__dict__
        fields["message"] = message
        fields["fastmcp_context"] = fastmcp_context
        fields["source"] = source
        fields["type"] = type
        fields["method"] = method
        if timestamp is None:
            fields["arrived"] = time()
        else:
            fields["timestamp"] = timestamp

    @classmethod
    def of(cls, said: Said, fastmcp_context: Context, method: str) -> Self:
        """That of a request of a client, whose `message` is made when it is looked at."""
        self = cls.__new__(cls)
        self.__dict__.update(
            said=said,
            fastmcp_context=fastmcp_context,
            source="client",
            type="request",
            method=method,
            arrived=time(),
        )
        return self

    def copy(self, **changes: Any) -> MiddlewareContext[T_co]:
        """The same with some fields replaced; pass it to `call_next` to change the message."""
        return dataclasses.replace(self, **changes)


class Middleware:
    """Base class: override the hooks you need.

    A hook returns the result of `await call_next(context)`, another result of the same kind,
    or raises. An exception reaches the middleware further out, then the client.
    """

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """All hooks of this middleware that fit the message, then the rest of the chain.

        Overriding it replaces the ladder of hooks for every message.
        """
        chain = _ladder(
            self,
            _hooks_for(context.type, TYPED_HOOKS.get(context.method or "")),
            cast("Chain", call_next),
        )
        return await chain(context)

    async def on_message(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """Every message: requests and notifications."""
        return await call_next(context)

    async def on_request(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """Every message that is owed an answer."""
        return await call_next(context)

    async def on_notification(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """Every message that is not."""
        return await call_next(context)

    async def on_initialize(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`initialize` (handshake era); gives an InitializeResult."""
        return await call_next(context)

    async def on_discover(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`server/discover` (stateless era); gives a DiscoverResult or a dict."""
        return await call_next(context)

    async def on_call_tool(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`tools/call`; the message has `name` and `arguments`; gives a ToolResult."""
        return await call_next(context)

    async def on_read_resource(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`resources/read`; the message has `uri`; gives a ResourceResult."""
        return await call_next(context)

    async def on_get_prompt(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`prompts/get`; the message has `name` and `arguments`; gives a PromptResult."""
        return await call_next(context)

    async def on_list_tools(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`tools/list`; gives the tools."""
        return await call_next(context)

    async def on_list_resources(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`resources/list`; gives the resources."""
        return await call_next(context)

    async def on_list_resource_templates(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`resources/templates/list`; gives the templates."""
        return await call_next(context)

    async def on_list_prompts(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> Any:
        """`prompts/list`; gives the prompts."""
        return await call_next(context)


Chain = Callable[[MiddlewareContext[Any]], Awaitable[Any]]


def compose(middlewares: Sequence[Any], method: str, hook: str | None, handler: Chain) -> Chain:
    """One callable for one method: the handler inside the hooks that concern it.

    Args:
        middlewares: outermost first; a `Middleware`, or anything that is called as
            `(context, call_next)`.
        method: the JSON-RPC method; `notifications/...` takes `on_notification`.
        hook: name of the method's own hook, or None if it has none.
        handler: what the innermost hook's `call_next` runs.

    Returns:
        `handler` itself if no middleware has a hook for the method.
    """
    kind = "notification" if method.startswith("notifications/") else "request"
    names = _hooks_for(kind, hook)
    chain = handler
    for middleware in reversed(middlewares):
        if _overrides(middleware, "__call__"):
            chain = _raw(middleware, chain)
        else:
            chain = _ladder(middleware, names, chain)
    return chain


def _hooks_for(kind: str, hook: str | None) -> tuple[str, ...]:
    wide = ("on_message", f"on_{kind}")
    return wide if hook is None else (*wide, hook)


def _ladder(middleware: Any, names: Sequence[str], chain: Chain) -> Chain:
    for name in reversed(names):
        # A plain callable has no hooks at all, which is not the same as overriding them.
        if hasattr(middleware, name) and _overrides(middleware, name):
            chain = _step(getattr(middleware, name), chain)
    return chain


def _overrides(middleware: Any, name: str) -> bool:
    """Whether the class, or (for a hook) the instance, puts its own code under `name`."""
    if name != "__call__" and name in getattr(middleware, "__dict__", ()):
        return True
    own: type[Any] = cast("type[Any]", type(middleware))
    return getattr(own, name, None) is not getattr(Middleware, name)


def _step(hook: Callable[..., Awaitable[Any]], chain: Chain) -> Chain:
    # A partial adds no frame of its own; the keyword is the documented way hooks are called.
    return partial(hook, call_next=chain)


def _raw(middleware: Callable[..., Awaitable[Any]], chain: Chain) -> Chain:
    def step(context: MiddlewareContext[Any]) -> Awaitable[Any]:
        return middleware(context, chain)

    return step
