"""Several providers as one: all are listed, in order; the first that has a name answers.

They are listed at the same time, for some of them ask a server far away: a list takes as long as
the slowest, and not as long as all of them.

A provider's lifespan is entered with the server's, and that of one that is added to a running
server when it is asked for the first time, in the context of the run.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, TypeVar

from fastmcp.exceptions import UpstreamError
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.context import Context
from fastmcp.server.lifespan import RunningLifespan
from fastmcp.server.providers.base import About, Provider
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.spawning import is_cancelled
from fastmcp.utilities.versions import VersionSpec

__all__ = ["AggregateProvider", "ErrorStrategy"]

_logger: Final = logging.getLogger("fastmcp.server.providers")

T = TypeVar("T")
C = TypeVar("C", bound=FastMCPComponent)
ErrorStrategy: TypeAlias = Literal["warn", "raise"]


class AggregateProvider(Provider):
    """The components of several providers.

    A list leaves out a provider that fails, and its error is logged: what the others have can
    still be used. Looking for one component fails with it, for it might have been there.

    Args:
        providers: asked in this order. Of two components with one name the first provider's
            counts.

    Attributes:
        error_strategy: "raise" lets a list fail with any of them: for a server that has nothing
            else to show.
    """

    def __init__(self, providers: Iterable[Provider] = ()) -> None:
        self.providers: list[Provider] = list(providers)
        self.error_strategy: ErrorStrategy = "warn"
        self._runs: list[_Run] = []

    def add_provider(self, provider: Provider) -> None:
        """Ask this one too, after the others."""
        self.providers.append(provider)

    async def _list_tools(self) -> Sequence[Tool]:
        return await self._all(lambda provider: provider.list_tools())

    async def _get_tool(self, name: str, version: VersionSpec | None = None) -> Tool | None:
        return await self._first(lambda provider: provider.get_tool(name, version))

    async def _list_resources(self) -> Sequence[Resource]:
        return await self._all(lambda provider: provider.list_resources())

    async def _get_resource(self, uri: str, version: VersionSpec | None = None) -> Resource | None:
        return await self._first(lambda provider: provider.get_resource(uri, version))

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        return await self._all(lambda provider: provider.list_resource_templates())

    async def _get_resource_template(
        self, uri: str, version: VersionSpec | None = None
    ) -> ResourceTemplate | None:
        return await self._first(lambda provider: provider.get_resource_template(uri, version))

    async def _list_prompts(self) -> Sequence[Prompt]:
        return await self._all(lambda provider: provider.list_prompts())

    async def _get_prompt(self, name: str, version: VersionSpec | None = None) -> Prompt | None:
        return await self._first(lambda provider: provider.get_prompt(name, version))

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            run = _Run(stack)
            for provider in list(self.providers):
                await stack.enter_async_context(provider.lifespan())
                run.entered.add(id(provider))
            self._runs.append(run)
            try:
                yield
            finally:
                self._runs.remove(run)
                run.end()

    def leads_to(self, engine: object) -> bool:
        return any(provider.leads_to(engine) for provider in self.providers)

    async def _entered(self, provider: Provider) -> Provider:
        """A provider whose lifespan is entered, if that of this one is.

        Raises:
            UpstreamError: it was added late, and its lifespan failed. It is tried again next time.
        """
        loop = asyncio.get_running_loop()
        run = next((run for run in reversed(self._runs) if run.loop is loop), None)
        if run is None or id(provider) in run.entered:
            return provider
        call = Context.current()
        if call is not None and provider.leads_to(call.fastmcp.engine):
            raise UpstreamError(
                f"{provider!r} offers what {call.fastmcp!r} offers, which asks it: "
                "take one out of the other"
            )
        try:
            await asyncio.shield(run.entering(provider))  # who comes first may leave
        except asyncio.CancelledError as error:
            if is_cancelled(error):
                raise
            raise UpstreamError(f"{provider!r} was not started before the server stopped") from None
        except Exception as error:
            raise UpstreamError(f"{provider!r} could not be started; see the log") from error
        return provider

    async def _started(self) -> list[Provider]:
        """Those that can be told something: one that was added late and cannot be started, which
        the log says, keeps nobody from the others."""
        found: list[Provider] = []
        for provider in list(self.providers):
            with suppress(UpstreamError):
                found.append(await self._entered(provider))
        return found

    async def about(self) -> About | None:
        """What the servers behind them can do together; the instructions of the first that gives
        some."""
        asked = [provider for provider in await self._started() if provider.stands_for_a_server]
        found = [about for about in [await provider.about() for provider in asked] if about]
        if not found:
            return None
        capabilities: dict[str, Any] = {}
        for about in reversed(found):
            capabilities.update(about.capabilities)
        given = (about.instructions for about in found if about.instructions is not None)
        return About(capabilities, next(given, None))

    async def complete(
        self, reference: dict[str, Any], argument: dict[str, Any], context: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        return await self._first(lambda provider: provider.complete(reference, argument, context))

    @asynccontextmanager
    async def listening(self, uris: Sequence[str]) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for provider in await self._started():
                await stack.enter_async_context(provider.listening(uris))
            yield

    async def subscribe(self, uri: str) -> bool:
        async def subscribed(provider: Provider) -> bool | None:
            return await provider.subscribe(uri) or None

        return await self._first(subscribed) is not None

    async def unsubscribe(self, uri: str) -> None:
        for provider in await self._started():
            await provider.unsubscribe(uri)

    async def hear(self, method: str, params: dict[str, Any]) -> None:
        for provider in await self._started():
            await provider.hear(method, params)

    async def _all(self, ask: Callable[[Provider], Awaitable[Sequence[C]]]) -> list[C]:
        providers = list(self.providers)
        if len(providers) == 1:
            lists = [await self._asked(providers[0], ask)]
        else:
            lists = await asyncio.gather(*(self._asked(provider, ask) for provider in providers))
        owner: dict[str, Provider] = {}
        return [
            component
            for provider, offered in zip(providers, lists, strict=True)
            for component in offered
            if owner.setdefault(component.identifier, provider) is provider
        ]

    async def _asked(
        self, provider: Provider, ask: Callable[[Provider], Awaitable[Sequence[C]]]
    ) -> Sequence[C]:
        try:
            return await ask(await self._entered(provider))
        except Exception as error:
            if self.error_strategy == "raise":
                raise
            if isinstance(error, UpstreamError):  # its text says all there is to know
                _logger.warning("%s; what it offers is left out of the list", error)
            else:
                _logger.exception("%r could not be listed; it is left out", provider)
            return ()

    async def _first(self, ask: Callable[[Provider], Awaitable[T | None]]) -> T | None:
        """The first answer. A server that cannot be reached keeps nobody from the others; where
        none of them has it, it might have been there."""
        failed: UpstreamError | None = None
        for provider in list(self.providers):
            try:
                found = await ask(await self._entered(provider))
            except UpstreamError as error:
                failed = failed or error
                continue
            if found is not None:
                return found
        if failed is not None:
            raise failed
        return None


@dataclass(eq=False)
class _Run:
    """A server's run on one event loop, as far as its providers go.

    Args:
        stack: what is left with it.

    Attributes:
        context: of the run.
        entered: the providers whose lifespans are, by `id`: an author may have made them equal.
        starting: those of the providers that were added since.
    """

    stack: AsyncExitStack
    context: contextvars.Context = field(default_factory=copy_context)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    entered: set[int] = field(default_factory=set[int])
    starting: dict[int, asyncio.Task[None]] = field(default_factory=dict[int, asyncio.Task[None]])

    def entering(self, provider: Provider) -> asyncio.Task[None]:
        """The task that enters a provider's lifespan: one for all who wait for it, as part of the
        run, and of no call that happens to come first."""
        task = self.starting.get(id(provider))
        if task is None:
            task = self.loop.create_task(self._enter(provider), context=self.context)
            self.starting[id(provider)] = task
            task.add_done_callback(lambda done: self._is_done(id(provider), done))
        return task

    def _is_done(self, id: int, task: asyncio.Task[None]) -> None:
        del self.starting[id]
        if not task.cancelled():
            task.exception()  # whoever waited may be gone

    def end(self) -> None:
        """What has not started does not start any more."""
        for task in self.starting.values():
            task.cancel()

    async def _enter(self, provider: Provider) -> None:
        late = RunningLifespan(provider.lifespan)
        try:
            await late.acquire()
        except Exception:
            _logger.exception("The lifespan of %r, which was added late, failed", provider)
            raise
        self.entered.add(id(provider))
        self.stack.push_async_callback(late.release)
