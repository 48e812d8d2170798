"""One client of this server, as the server behind sees it.

A relay is what `protocol/link` calls a downstream: the server behind asks and tells it, and it
passes that on to the client, through the call that caused it. Over HTTP that is the call whose
response carries the message; on a pipe nothing says which, and the newest call of the same client
is as good: client, permissions and person are the same.

It owns the connection to the server behind, and what that server has listed to this client.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final

from fastmcp.exceptions import McpError, ToolError
from fastmcp.protocol import jsonrpc, meta
from fastmcp.protocol.errors import INTERNAL_ERROR, METHOD_NOT_FOUND, method_not_found
from fastmcp.protocol.input_required import ASKS, required
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.link import Upstream
from fastmcp.protocol.methods import METHODS
from fastmcp.protocol.passage import MOST, Passage, passage, say
from fastmcp.protocol.subscriptions import ACKNOWLEDGED
from fastmcp.protocol.tasks import TASKS_EXTENSION
from fastmcp.protocol.versions import Era
from fastmcp.server.audience import ANYONE
from fastmcp.server.bus import Change, ResourceUpdated
from fastmcp.server.context import Context
from fastmcp.server.forwarding.entries import KINDS
from fastmcp.server.forwarding.headers import forwarded_headers
from fastmcp.server.forwarding.listed import Listed

__all__ = ["Relay"]

_PATIENCE: Final = 30.0
"""Seconds that a question waits for a call it can be put in."""
_DECLARED: Final = ("sampling", "elicitation", "roots", "experimental", "extensions")
"""What of a client's capabilities holds for a server behind this one as well."""


class Relay:
    """The client of one call, and of those that follow as long as it is kept.

    Args:
        connect: makes the connection to the server behind.
        publish: tells this server what changed.
        audience: the client's name, for what concerns it alone; "" where it has none.
        capabilities: that it declared.
        come: the servers that its requests have come through, this one the last.
        is_there: whether the client is known to be connected.

    Attributes:
        listed: what the server behind has listed to it.
        used: when it was used last, by the clock of the event loop.
    """

    def __init__(
        self,
        connect: Callable[[Relay], Awaitable[Upstream]],
        publish: Callable[[Change], None],
        audience: str,
        capabilities: Mapping[str, Any],
        come: Passage,
        is_there: Callable[[], bool] = lambda: False,
    ) -> None:
        self.listed = Listed()
        self.used = 0.0
        self._connect = connect
        self._publish = publish
        self._audience = audience
        self._is_there = is_there
        self._lock = asyncio.Lock()
        self._upstream: Upstream | None = None
        self._calls: dict[Context, int] = {}
        self._began = asyncio.Event()
        self._capabilities = _declared(capabilities, come)
        self._name = come[-1]
        self._headers: Mapping[str, str] = {}
        self._wanted: dict[str, int] = {}
        self._holds = 0

    @property
    def is_somebodys(self) -> bool:
        """Whether its client can be told from others."""
        return self._audience != ANYONE

    @property
    def busy(self) -> bool:
        """Whether something goes on that needs it."""
        return bool(self._calls) or self._holds > 0

    @property
    def idle(self) -> bool:
        """Whether nobody waits for anything that would come through it: no call, no client that is
        connected, nor one that wants to hear of updates."""
        return not (self.busy or self._wanted or self._is_there())

    @property
    def upstream(self) -> Upstream | None:
        """The connection, where there is one already."""
        return self._upstream

    async def connection(self) -> Upstream:
        """The connection to the server behind."""
        if self._upstream is None:
            async with self._lock:
                if self._upstream is None:
                    self._upstream = await self._connect(self)
        return self._upstream

    async def close(self) -> None:
        """End the connection."""
        self.listed.stop_fetching()
        if self._upstream is not None:
            await self._upstream.close()

    @contextmanager
    def serving(self, context: Context) -> Generator[None]:
        """While a call of this client is served."""
        self._headers = forwarded_headers(context)
        self._calls[context] = self._calls.get(context, 0) + 1
        self._began.set()
        try:
            yield
        finally:
            self.used = asyncio.get_running_loop().time()
            self._calls[context] -= 1
            if not self._calls[context]:
                del self._calls[context]

    async def request(
        self,
        context: Context,
        method: str,
        params: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send a request of this client's on, and return the result as it came.

        Args:
            context: the call's.
            method: of the protocol.
            params: without `_meta`, which is the call's own as far as it may go on.
            headers: HTTP headers that mirror arguments.
        Raises:
            UpstreamError: the server behind cannot be reached, or went away.
            McpError: its error.
        """
        given = context.call.meta
        progress = context.report_progress if meta.PROGRESS_TOKEN in given else None
        passed = {key: value for key, value in given.items() if key not in _NOT_PASSED}
        if passed:
            params = {**params, "_meta": passed}
        upstream = await self.connection()
        return await upstream.request(
            method,
            params,
            log_level=_log_level(context),
            progress=progress,
            headers=headers,
            repeatable=context.again if method == "tools/call" else None,
        )

    # what it listens to

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """Keep it meanwhile."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    async def listen(self, *uris: str) -> None:
        """Hear what changes, and when these resources are updated; counted.

        Raises:
            UpstreamError: the server behind cannot be reached; nothing is counted.
            McpError: it refused; nothing is counted.
        """
        for uri in uris:
            self._wanted[uri] = self._wanted.get(uri, 0) + 1
        try:
            await (await self.connection()).listen(self._wanted)
        except BaseException:
            self._want_less(uris)
            raise

    async def listen_less(self, *uris: str) -> None:
        """The opposite."""
        self._want_less(uris)
        if self._upstream is not None:
            await self._upstream.listen(self._wanted)

    def _want_less(self, uris: Sequence[str]) -> None:
        for uri in uris:
            left = self._wanted.pop(uri, 1) - 1
            if left:
                self._wanted[uri] = left

    @property
    def wanted(self) -> Mapping[str, int]:
        """The resources whose updates it wants to hear."""
        return self._wanted

    # protocol/link: Downstream

    def capabilities(self) -> dict[str, Any]:
        """What the client can be asked for."""
        return self._capabilities

    def headers(self) -> Mapping[str, str]:
        """The headers of the call in whose name something is sent now."""
        current = Context.current()
        if current is not None and current in self._calls:
            return forwarded_headers(current)
        return self._headers

    async def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Ask the client, in the call that the server behind asks in.

        Raises:
            McpError: it cannot be asked, or refused.
        """
        if method not in ASKS:
            raise method_not_found(method)
        context = await self._call_to_ask_in(method)
        try:
            return await context.ask(method, params, required(method, params))
        except ToolError as error:
            raise McpError(METHOD_NOT_FOUND, str(error)) from error

    async def hear(self, method: str, params: dict[str, Any]) -> None:
        """Tell the client, or this server, what the server behind says."""
        told = passage(as_object(params.get("_meta")))
        changed = [kind for kind in KINDS if kind.change.method == method]
        if changed:
            self.listed.forget(*(kind.member for kind in changed))
            self._tell(changed[0].change, told)
        elif method == ResourceUpdated.method:
            uri = params.get("uri")
            if isinstance(uri, str):
                self._tell(partial(ResourceUpdated, uri=uri), told)
        elif method == "notifications/message":
            context = next(self._likeliest(), None)
            if context is not None and params.get("level") in meta.LOG_LEVELS:
                await context.tell_log(params)
        elif method not in _FOR_THIS_HOP:
            context = next(self._likeliest(), None)
            if context is not None:
                message = jsonrpc.encode_notification(method, params or None)
                if not await context.exchange.emit(message) and context.session is not None:
                    await context.session.say(message)

    def _tell(self, change: Callable[..., Change], told: Passage) -> None:
        """Publish a change, unless it comes from here."""
        if self._name not in told and len(told) < MOST:
            self._publish(change(audience=self._audience, passage=(*told, self._name)))

    def _likeliest(self) -> Iterator[Context]:
        """Whom something may be about: the call it is said in, where that is its client's; then
        the newest first."""
        current = Context.current()
        if current is not None and current in self._calls:
            yield current
        yield from reversed(self._calls)

    async def _call_to_ask_in(self, method: str) -> Context:
        """A call that the client can be asked in, now or soon: a server may ask for the roots as
        soon as it is connected to."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while True:
                    for context in self._likeliest():
                        if _may_ask(context):
                            return context
                    self._began.clear()
                    await self._began.wait()
        except TimeoutError:
            raise McpError(
                INTERNAL_ERROR,
                f"{method} reached nobody: the client has no call running, and is asked in one "
                "alone",
            ) from None


_NOT_PASSED: Final = frozenset(
    (
        meta.PROTOCOL_VERSION,
        meta.CLIENT_INFO,
        meta.CLIENT_CAPABILITIES,
        meta.LOG_LEVEL,
        meta.PROGRESS_TOKEN,
        meta.SUBSCRIPTION_ID,
    )
)
"""Members of a request's `_meta` that concern its own hop alone."""

_FOR_THIS_HOP: Final = frozenset(("notifications/cancelled", ACKNOWLEDGED, "notifications/tasks"))


def _declared(capabilities: Mapping[str, Any], come: Passage) -> dict[str, Any]:
    found = {name: capabilities[name] for name in _DECLARED if name in capabilities}
    extensions = as_object(found.get("extensions"))
    if extensions is not None and TASKS_EXTENSION in extensions:
        # What the server behind would answer with could not be looked after.
        found["extensions"] = {id: extensions[id] for id in extensions if id != TASKS_EXTENSION}
    experimental = as_object(found.get("experimental")) or {}
    found["experimental"] = {**experimental, **say(come)}
    return found


def _log_level(context: Context) -> str | None:
    session = context.session
    if session is not None:
        return session.log_level or ""
    return context.wanted_log_level()


def _may_ask(context: Context) -> bool:
    """Not in `initialize`, before whose answer nothing is sent, nor where the answer to a request
    cannot be a question."""
    if context.over:
        return False
    if context.call.era is Era.STATELESS:
        return METHODS[context.call.method].may_ask
    return context.call.method != "initialize" and context.session is not None
