"""A server on another server: its components, each used through its own middleware.

What is listed stands for a component of the mounted server and gives its calls to that server,
which looks for it anew: what is added to it or hidden there counts at once. The mounted server has
a `Context` of its own, with its own lifespan and state, and the client of the call that is served
(`Engine.inside`); so its handlers can report, log and ask as if it were not mounted.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, TypeVar

from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.engine import Engine
from fastmcp.server.features import completions, lifecycle, prompts, resources, tools
from fastmcp.server.providers.base import About, Provider
from fastmcp.server.providers.stand_ins import (
    StandIn,
    StandInPrompt,
    StandInResource,
    StandInTemplate,
    StandInTool,
)
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec

__all__ = ["FastMCPProvider"]

S = TypeVar("S", bound=StandIn)

_MOST: Final = 10_000
"""Stand-ins that are kept. A server may have components for more names than anyone can list."""


class MountableServer(Protocol):
    """What is needed here of a `FastMCP`, which stands above this module in the import law."""

    @property
    def engine(self) -> Engine: ...


class FastMCPProvider(Provider):
    """The components of a server.

    Args:
        server: a `FastMCP`.
    """

    stands_for_a_server = True

    def __init__(self, server: MountableServer) -> None:
        self.server = server
        self._engine = server.engine
        self._standing: dict[str, tuple[dict[str, Any], Any]] = {}

    def __repr__(self) -> str:
        return f"FastMCPProvider({self.server!r})"

    def leads_to(self, engine: object) -> bool:
        return self._engine is engine or self._engine.behind.leads_to(engine)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        engine = self._engine
        async with engine.lifespan.use():
            unsubscribe = engine.bus.subscribe(self._changed)
            try:
                yield
            finally:
                unsubscribe()

    def _for(self, kind: type[S], component: FastMCPComponent) -> S:
        """What stands for a component: made once, for as long as its entry is the same."""
        entry = component.to_wire()
        known = self._standing.get(component.key)
        if known is None or known[0] is not entry:
            if len(self._standing) >= _MOST:
                self._standing.clear()
            made = kind.for_component(self, component)
            known = self._standing[component.key] = (entry, made)
        return known[1]

    async def _list_tools(self) -> Sequence[Tool]:
        found = await self._engine.inside(tools.components)
        return [self._for(StandInTool, tool) for tool in found]

    async def _get_tool(self, name: str, version: VersionSpec | None = None) -> Tool | None:
        found = await self._engine.inside(tools.find, name, version)
        return None if found is None else self._for(StandInTool, found)

    async def _list_resources(self) -> Sequence[Resource]:
        found = await self._engine.inside(resources.components)
        return [self._for(StandInResource, resource) for resource in found]

    async def _get_resource(self, uri: str, version: VersionSpec | None = None) -> Resource | None:
        found = await self._engine.inside(resources.find, uri, version)
        return None if found is None else self._for(StandInResource, found)

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        found = await self._engine.inside(resources.template_components)
        return [self._for(StandInTemplate, template) for template in found]

    async def _get_resource_template(
        self, uri: str, version: VersionSpec | None = None
    ) -> ResourceTemplate | None:
        found = await self._engine.inside(resources.find_template, uri, version)
        return None if found is None else self._for(StandInTemplate, found)

    async def _list_prompts(self) -> Sequence[Prompt]:
        found = await self._engine.inside(prompts.components)
        return [self._for(StandInPrompt, prompt) for prompt in found]

    async def _get_prompt(self, name: str, version: VersionSpec | None = None) -> Prompt | None:
        found = await self._engine.inside(prompts.find, name, version)
        return None if found is None else self._for(StandInPrompt, found)

    # what is done with them

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None = None, *, version: str | None = None
    ) -> ToolResult:
        """Call a tool of the mounted server, through its middleware."""
        return await self._engine.inside(tools.call, name, arguments or {}, version)

    async def read_resource(self, uri: str, *, version: str | None = None) -> ResourceResult:
        """Read one of its resources."""
        return await self._engine.inside(resources.read, uri, version)

    async def render_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, *, version: str | None = None
    ) -> PromptResult:
        """Render one of its prompts."""
        return await self._engine.inside(prompts.get, name, arguments, version)

    async def about(self) -> About | None:
        engine = self._engine
        completes = any(provider.stands_for_a_server for provider in engine.behind.providers)
        if engine.completion_handler is None and not completes:
            return None
        return About({"completions": {}})

    async def complete(
        self, reference: dict[str, Any], argument: dict[str, Any], context: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        return await self._engine.inside(completions.complete, reference, argument, context)

    @asynccontextmanager
    async def listening(self, uris: Sequence[str]) -> AsyncGenerator[None]:
        async with self._engine.behind.listening(uris):
            yield

    async def subscribe(self, uri: str) -> bool:
        return await self._engine.inside(resources.subscribe, uri)

    async def unsubscribe(self, uri: str) -> None:
        await self._engine.inside(resources.unsubscribe, uri)

    async def hear(self, method: str, params: dict[str, Any]) -> None:
        if self._engine.providers is not None:
            await self._engine.inside(lifecycle.pass_on, method, params)
