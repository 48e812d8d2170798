"""The components of a server far away.

A call needs no list: it is sent on under its name. A list is asked for when a client asks for one,
and where others might have a name or its entry decides who may use it; what was listed is kept,
until the server says that it changed or a time has passed, and is shown when that server cannot be
reached.

Results pass as they came, as JSON: they are held against nothing, for whoever called will.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, cast

from fastmcp.exceptions import McpError, UpstreamError
from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.protocol.errors import HEADER_MISMATCH, INTERNAL_ERROR, METHOD_NOT_FOUND
from fastmcp.protocol.jsonrpc import as_object, dump
from fastmcp.protocol.link import Upstream
from fastmcp.protocol.param_headers import mirror
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.context import Context, get_context
from fastmcp.server.forwarding.entries import (
    PROMPTS,
    RESOURCES,
    TEMPLATES,
    TOOLS,
    Kind,
    ProxyTemplate,
)
from fastmcp.server.forwarding.listed import Fetching, Listed
from fastmcp.server.forwarding.relay import Relay
from fastmcp.server.forwarding.relays import ClientFactory, Relays
from fastmcp.server.forwarding.results import (
    ForwardedPromptResult,
    ForwardedResourceResult,
    ForwardedToolResult,
    own_meta,
)
from fastmcp.server.mounted import MountedContext
from fastmcp.server.providers.base import About, Provider
from fastmcp.server.providers.stand_ins import StandIn
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.versions import VersionSpec, highest

__all__ = ["ProxyProvider"]

_logger: Final = logging.getLogger("fastmcp.server.forwarding")

_CACHE_SECONDS: Final = 300.0
"""How long a list serves to find what is in it."""
_ALIKE_SECONDS: Final = 1.0
"""How long a list is shown again, and not asked for anew to find what is not in it."""
_PATIENCE_SECONDS: Final = 1.0
"""How long others wait for the list of a server that does not answer."""
_START_SECONDS: Final = 30.0
"""The same, for a process that has just been started: many take their time, and a client asks for
the list once."""
_HELLO_SECONDS: Final = 5.0
"""How long a client that begins waits for what the server behind says of itself."""
_LIST_SECONDS: Final = 60.0
"""How long a list may take."""
_SHARED_SECONDS: Final = 5.0
"""How long a list is waited for by those who want it too. Then it is asked for anew: one answer
that is lost must not be the last."""
_MOST_PAGES: Final = 1000
_MOST_ENTRIES: Final = 50_000
_MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one list. A server whose pages have no end is taken at its word no further."""


class ProxyProvider(Provider):
    """What a client of another server is offered there.

    Args:
        client_factory: makes the client, a `Client` or `ProxyClient`, that says where the other
            server is; sync or async. It is asked once for each client of this server, which gets a
            connection of its own.
        cache_ttl: seconds that a list serves to find a component in it, 300 by default; 0 asks for
            a list each time. A server that says when its lists change is heard anyway.
        alone: the server in front has nothing else to offer, nor is it mounted on one that has.
            Then a list that cannot be had is an error, and the other server's instructions are
            this server's.
        unlisted: asked at each use; whether, being alone, it has what is in no list: then that is
            looked for in none, and the other server says what it has. By default it has what is
            listed.
        patience: seconds within which the other server has to be reached when a client begins;
            the client is answered with an error otherwise. None answers it in any case.
    """

    stands_for_a_server = True

    def __init__(
        self,
        client_factory: ClientFactory,
        cache_ttl: float | None = None,
        *,
        alone: bool = False,
        unlisted: Callable[[], bool] | None = None,
        patience: float | None = None,
    ) -> None:
        self.client_factory = client_factory
        self.alone = alone
        self.unlisted = unlisted
        self.patience = patience
        self.on_introduction: Callable[[Mapping[str, Any]], None] | None = None
        self._ttl = _CACHE_SECONDS if cache_ttl is None else cache_ttl
        self._relays = Relays(client_factory, self._changed)
        self._anyones = Listed()
        self._was_late = False

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        async with self._relays.lifespan():
            try:
                yield
            finally:
                self._anyones.stop_fetching()

    def _is_alone(self) -> bool:
        return self.alone and not isinstance(get_context(), MountedContext)

    def _has_anything(self) -> bool:
        """Whether whatever is asked for is the other server's: nothing else could have it, and
        what hides components has no need to know what it is."""
        unlisted = self.unlisted
        return (
            unlisted is not None
            and self._is_alone()
            and get_context().visibility is None
            and unlisted()
        )

    # lists

    async def _list_tools(self) -> Sequence[Tool]:
        return cast("Sequence[Tool]", await self._shown(TOOLS))

    async def _list_resources(self) -> Sequence[Resource]:
        return cast("Sequence[Resource]", await self._shown(RESOURCES))

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        return cast("Sequence[ResourceTemplate]", await self._shown(TEMPLATES))

    async def _list_prompts(self) -> Sequence[Prompt]:
        return cast("Sequence[Prompt]", await self._shown(PROMPTS))

    async def _get_tool(self, name: str, version: VersionSpec | None = None) -> Tool | None:
        return cast("Tool | None", await self._found(TOOLS, name, version))

    async def _get_prompt(self, name: str, version: VersionSpec | None = None) -> Prompt | None:
        return cast("Prompt | None", await self._found(PROMPTS, name, version))

    async def _get_resource(self, uri: str, version: VersionSpec | None = None) -> Resource | None:
        return cast("Resource | None", await self._found(RESOURCES, uri, version))

    async def _get_resource_template(
        self, uri: str, version: VersionSpec | None = None
    ) -> ResourceTemplate | None:
        if self._has_anything():  # whatever is asked for is a resource
            return None
        for entry in await self._known(TEMPLATES):
            template = cast("ProxyTemplate", entry)
            if template.uri_template == uri or template.matches(uri) is not None:
                return template
        return None

    async def _shown(self, kind: Kind) -> Sequence[StandIn]:
        """A list for a client that asks for it."""
        fetched = self._fetched if self._is_alone() else self._sought
        async with self._relays.serving(get_context()) as relay:
            if not relay.is_somebodys:
                return await fetched(relay, kind)
            known = relay.listed.fresh(kind.member, min(self._ttl, _ALIKE_SECONDS))
            if known is not None:
                return known
            try:
                return await fetched(relay, kind)
            except UpstreamError:
                last = relay.listed.last(kind.member)
                if last is None:
                    raise
                return last  # better known and failing than gone: a call says what is wrong

    async def _known(self, kind: Kind) -> Sequence[StandIn]:
        """A list to find something in."""
        async with self._relays.serving(get_context()) as relay:
            known = self._listed(relay).fresh(kind.member, self._ttl)
            return known if known is not None else await self._sought(relay, kind)

    async def _found(self, kind: Kind, name: str, version: VersionSpec | None) -> StandIn | None:
        async with self._relays.serving(get_context()) as relay:
            listed = self._listed(relay)
            known = listed.fresh(kind.member, self._ttl)
            found = None if known is None else _named(known, name, version)
            if found is not None:
                return found
            if self._has_anything():
                return kind.unlisted(self, name)
            if known is None or listed.fresh(kind.member, _ALIKE_SECONDS) is None:
                found = _named(await self._sought(relay, kind), name, version)
            return found

    def _listed(self, relay: Relay) -> Listed:
        """What the client of a relay was listed. Who may be anyone has nothing of its own: what
        was listed to one serves the others to find a name, and is shown to nobody else."""
        return relay.listed if relay.is_somebodys else self._anyones

    async def _fetched(self, relay: Relay, kind: Kind) -> Sequence[StandIn]:
        """A list from the server behind, which all who want it at the same time wait for.

        Raises:
            UpstreamError: it cannot be reached, or does not answer for so long that others, which
                are listed too, should not wait.
        """
        all_fetching = self._listed(relay).fetching
        patience = None if self._is_alone() else await self._patience(relay)
        fetching = all_fetching.get(kind.member) if relay.is_somebodys else None
        if fetching is None or not fetching.is_worth_waiting_for(_SHARED_SECONDS):
            task = asyncio.create_task(self._fetch(get_context(), relay, kind))
            fetching = Fetching(task, asyncio.get_running_loop().time())
            all_fetching[kind.member] = fetching
            task.add_done_callback(lambda done: _forget(all_fetching, kind.member, done))
        task = fetching.task
        if not await fetching.came(patience):
            self._was_late = fetching.goes_on = True
            task.add_done_callback(lambda done: self._came_late(kind, done))
            raise _too_slow(await relay.connection())
        return task.result()

    async def _sought(self, relay: Relay, kind: Kind) -> Sequence[StandIn]:
        """A list where others might have what is looked for: what keeps one server from giving its
        list keeps nobody from theirs.

        Raises:
            UpstreamError: there is none.
        """
        try:
            return await self._fetched(relay, kind)
        except McpError as error:
            name = (await relay.connection()).name
            raise UpstreamError(
                f"{name}, behind this server, does not list its {kind.member}: {error}"
            ) from error

    async def _patience(self, relay: Relay) -> float:
        slow = (await relay.connection()).is_slow_to_start and not self._was_late
        return _START_SECONDS if slow else _PATIENCE_SECONDS

    def _came_late(self, kind: Kind, task: asyncio.Task[Any]) -> None:
        """Those who were shown a list without it may ask again."""
        if not task.cancelled() and task.exception() is None:
            self._was_late = False
            self._changed(kind.change())

    async def _fetch(self, context: Context, relay: Relay, kind: Kind) -> list[StandIn]:
        async with self._relays.serving(context, relay):
            upstream = await relay.connection()
            try:
                async with asyncio.timeout(_LIST_SECONDS):
                    found = await self._pages(upstream, kind)
            except TimeoutError:
                raise _too_slow(upstream) from None
            self._listed(relay).put(kind.member, found)
            return found

    async def _pages(self, upstream: Upstream, kind: Kind) -> list[StandIn]:
        found: list[StandIn] = []
        params: dict[str, Any] = {}
        seen: set[str] = set()
        size = 0
        while True:
            try:
                page = await upstream.request(kind.method, params)
            except McpError as error:
                if error.code != METHOD_NOT_FOUND:
                    raise
                return found  # it has none of these
            items = page.get(kind.member)
            for item in cast("list[Any]", items) if isinstance(items, list) else ():
                entry = as_object(item)
                if entry is not None and isinstance(entry.get(kind.key), str):
                    found.append(kind.stand_in(self, entry))
            following = page.get("nextCursor")
            if not isinstance(following, str) or following in seen:
                return found
            size += len(dump(page))
            seen.add(following)
            if len(seen) >= _MOST_PAGES or len(found) >= _MOST_ENTRIES or size >= _MOST_BYTES:
                _logger.warning(
                    "%s, behind this server, has no end to its %s; the first %d are taken",
                    upstream.name,
                    kind.member,
                    len(found),
                )
                return found
            params = {"cursor": following}

    # what is done with components

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None = None, *, version: str | None = None
    ) -> ToolResult:
        """Call a tool of the server behind, for the client of the current call."""
        context = get_context()
        params: dict[str, Any] = {"name": name, "arguments": arguments or {}}
        async with self._relays.serving(context) as relay:
            headers = self._mirrored(relay, name, params["arguments"])
            try:
                result = await relay.request(context, "tools/call", params, headers)
            except McpError as error:
                if error.code != HEADER_MISMATCH:
                    raise
                # What its arguments are called as headers is in its entry, which was not known
                # (2026-07-28, basic/transports/streamable-http, "Client Behavior").
                await self._fetched(relay, TOOLS)
                anew = self._mirrored(relay, name, params["arguments"])
                if anew == headers:
                    raise
                result = await relay.request(context, "tools/call", params, anew)
        return ForwardedToolResult(result)

    def _mirrored(
        self, relay: Relay, name: str, arguments: dict[str, Any]
    ) -> dict[str, str] | None:
        known = self._listed(relay).last(TOOLS.member)
        tool = None if known is None else cast("Tool | None", _named(known, name, None))
        if tool is None:
            return None
        with suppress(ValueError, RecursionError):  # its own mistake; it will not ask for them
            if tool.param_headers:
                return mirror(arguments, tool.param_headers)
        return None

    async def read_resource(self, uri: str, *, version: str | None = None) -> ResourceResult:
        """Read a resource there."""
        context = get_context()
        async with self._relays.serving(context) as relay:
            result = await relay.request(context, "resources/read", {"uri": uri})
        return ForwardedResourceResult(result, uri)

    async def render_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, *, version: str | None = None
    ) -> PromptResult:
        """Render a prompt there."""
        context = get_context()
        params: dict[str, Any] = {"name": name}
        if arguments is not None:
            params["arguments"] = arguments
        async with self._relays.serving(context) as relay:
            result = await relay.request(context, "prompts/get", params)
        return ForwardedPromptResult(result)

    # what concerns more than one

    async def about(self) -> About | None:
        if not self._is_alone():  # nobody waits for a server that may not be there to say hello
            return About({"completions": {}})
        try:
            async with self._relays.serving(get_context()) as relay:
                upstream = await relay.connection()
                await self._reached(upstream)
                said = upstream.introduction()
        except UpstreamError as error:
            if self.patience is not None:
                raise McpError(INTERNAL_ERROR, str(error)) from error
            _logger.warning("%s; what it says of itself is left out", error)
            return About({"completions": {}})
        if self.on_introduction is not None:
            self.on_introduction(said)
        return About(said.get("capabilities") or {}, said.get("instructions"))

    async def _reached(self, upstream: Upstream) -> None:
        """Return when there is a connection, within the time there is. A server that refuses will
        not think better of it, and where the client is answered in any case, nobody asks twice."""
        seconds, pause = self.patience, 0.2
        if seconds is None:
            seconds = _START_SECONDS if upstream.is_slow_to_start else _HELLO_SECONDS
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            try:
                async with asyncio.timeout_at(end):
                    return await upstream.open()
            except TimeoutError:
                raise UpstreamError(
                    f"{upstream.name}, behind this server, did not answer in {seconds:g} seconds"
                ) from None
            except UpstreamError as error:
                if self.patience is None or not error.passing or loop.time() + pause > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def complete(
        self, reference: dict[str, Any], argument: dict[str, Any], context: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        call = get_context()
        if not self._has_anything() and not await self._has(reference):
            return None
        params: dict[str, Any] = {"ref": reference, "argument": argument}
        if context is not None:
            params["context"] = context
        async with self._relays.serving(call) as relay:
            return own_meta(await relay.request(call, "completion/complete", params))

    async def _has(self, reference: dict[str, Any]) -> bool:
        if reference["type"] == "ref/prompt":
            return await self._found(PROMPTS, reference["name"], None) is not None
        uri = reference["uri"]
        if await self._get_resource_template(uri) is not None:
            return True
        return await self._found(RESOURCES, uri, None) is not None

    @asynccontextmanager
    async def listening(self, uris: Sequence[str]) -> AsyncGenerator[None]:
        context = get_context()
        task = asyncio.create_task(self._listen(context, uris))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _listen(self, context: Context, uris: Sequence[str]) -> None:
        try:
            await self._listened(context, uris)
        except UpstreamError as error:
            _logger.warning("What changes behind this server cannot be heard: %s", error)

    async def _listened(self, context: Context, uris: Sequence[str]) -> None:
        async with self._relays.serving(context) as relay, relay.held():
            heard: set[str] = set()
            try:
                await self._reached_to_listen(relay)
                for uri in uris:  # each for itself: one may be refused
                    if await self._reached_to_listen(relay, uri):
                        heard.add(uri)
                await asyncio.get_running_loop().create_future()
            finally:
                with suppress(UpstreamError, McpError):
                    await relay.listen_less(*heard)

    async def _reached_to_listen(self, relay: Relay, *uris: str) -> bool:
        pause = 0.2
        while True:
            try:
                await relay.listen(*uris)
                return True
            except UpstreamError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
            except McpError as error:
                _logger.debug("What changes behind this server cannot be heard: %s", error)
                return False

    async def subscribe(self, uri: str) -> bool:
        if not self._has_anything() and not await self._has({"type": "ref/resource", "uri": uri}):
            return False
        async with self._relays.serving(get_context()) as relay:
            if uri not in relay.wanted:
                await relay.listen(uri)
        return True

    async def unsubscribe(self, uri: str) -> None:
        async with self._relays.serving(get_context()) as relay:
            if uri in relay.wanted:
                await relay.listen_less(uri)

    async def hear(self, method: str, params: dict[str, Any]) -> None:
        relay = self._relays.known(get_context())
        if relay is not None and relay.upstream is not None:
            with suppress(UpstreamError):
                await relay.upstream.notify(method, params)


def _named(entries: Sequence[StandIn], name: str, version: VersionSpec | None) -> StandIn | None:
    return highest(
        entry
        for entry in entries
        if entry.identifier == name and (version is None or version.matches(entry.version))
    )


def _too_slow(upstream: Upstream) -> UpstreamError:
    return UpstreamError(f"{upstream.name}, behind this server, does not answer in time")


def _forget(fetching: dict[str, Fetching], member: str, task: asyncio.Task[Any]) -> None:
    if member in fetching and fetching[member].task is task:
        del fetching[member]
    if not task.cancelled():
        task.exception()  # whoever waited has it; nobody may be left
