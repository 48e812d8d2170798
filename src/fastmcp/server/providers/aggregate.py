"""Several providers as one: lists one after the other, the first that has a name answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.providers.base import Provider
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec

__all__ = ["AggregateProvider"]

_logger: Final = logging.getLogger("fastmcp.server.providers")

T = TypeVar("T")
C = TypeVar("C", bound=FastMCPComponent)


class AggregateProvider(Provider):
    """The components of several providers.

    A list leaves out a provider that fails, and its error is logged: what the others have can
    still be used. Looking for one component fails with it, for it might have been there.

    Args:
        providers: asked in this order. Of two components with one name the first provider's
            counts.
    """

    def __init__(self, providers: Iterable[Provider] = ()) -> None:
        self.providers: list[Provider] = list(providers)

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

    async def _all(self, ask: Callable[[Provider], Awaitable[Sequence[C]]]) -> list[C]:
        owner: dict[str, Provider] = {}
        found: list[C] = []
        for provider in list(self.providers):
            try:
                offered = await ask(provider)
            except Exception:
                _logger.exception("%r could not be listed; its components are left out", provider)
                continue
            found += [c for c in offered if owner.setdefault(c.identifier, provider) is provider]
        return found

    async def _first(self, ask: Callable[[Provider], Awaitable[T | None]]) -> T | None:
        for provider in list(self.providers):
            found = await ask(provider)
            if found is not None:
                return found
        return None
