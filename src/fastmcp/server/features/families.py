"""What the four families of components have in common: how they are listed and looked for.

The registry is asked first, then the providers. A list goes through the middleware that filters
it; a component is looked for without, for the middleware sees the call itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.checks import is_permitted
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine
from fastmcp.server.features.paging import page
from fastmcp.server.providers.base import Provider, Version
from fastmcp.server.registry import Shelf, View
from fastmcp.tools.base import Tool
from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import FastMCPComponent

__all__ = ["PROMPTS", "RESOURCES", "TEMPLATES", "TOOLS", "Family"]

C = TypeVar("C", bound=FastMCPComponent)


class Family(msgspec.Struct, Generic[C], frozen=True):
    """One kind of component.

    Args:
        method: that lists it.
        hook: of the middleware around that.
        request: the model of the message that middleware gets.
        member: of the result, which holds the list.
        shelf: where a view has the server's own.
        listed: how a provider lists it.
        got: how a provider is asked for one.
    """

    method: str
    hook: str
    request: str
    member: str
    shelf: Callable[[View], Shelf[C]]
    listed: Callable[[Provider], Awaitable[Sequence[C]]]
    got: Callable[[Provider, str, Version], Awaitable[C | None]]

    async def page(
        self, engine: Engine, context: Context, params: dict[str, Any]
    ) -> dict[str, Any]:
        """Serve the method: one page of what this client sees, the highest version of each name."""
        view = engine.view(context)
        if engine.middleware or engine.providers is not None or self.shelf(view).guarded:
            entries = view.wire_of(await self.components(engine, context), context.call.era)
        else:
            entries = view.wire(self.shelf(view), context.call.era)
        entries, cursor = page(entries, params, engine.page_size)
        result: dict[str, Any] = {self.member: entries}
        return result if cursor is None else {**result, "nextCursor": cursor}

    async def components(
        self, engine: Engine, context: Context, run_middleware: bool = True
    ) -> Sequence[C]:
        """What a client sees, in all versions."""
        if engine.middleware and run_middleware:
            message = getattr(mcp_types, self.request)()
            return await engine.through(context, self.method, self.hook, message, self._components)
        return await self._components(engine, context, None)

    async def _components(self, engine: Engine, context: Context, message: Any) -> Sequence[C]:
        shelf = self.shelf(engine.view(context))
        found = shelf.all()
        if engine.providers is not None:
            found += filter(shelf.admits, await self.listed(engine.providers))
        return [each for each in found if each.auth is None or await is_permitted(context, each)]

    async def find(
        self, engine: Engine, context: Context, name: str, version: Version = None
    ) -> C | None:
        """What a client sees under a name or a URI: the server's own, or else a provider's."""
        found = await self.known(engine, context, name, version)
        if found is None or found.auth is None or await is_permitted(context, found):
            return found
        return None

    async def known(
        self, engine: Engine, context: Context, name: str, version: Version = None
    ) -> C | None:
        """The same, whoever may see it."""
        shelf = self.shelf(engine.view(context))
        found = shelf.find(name, version)
        if found is None and engine.providers is not None:
            provided = await self.got(engine.providers, name, version)
            found = provided if provided is not None and shelf.admits(provided) else None
        return found


TOOLS: Final[Family[Tool]] = Family(
    "tools/list",
    "on_list_tools",
    "ListToolsRequest",
    "tools",
    lambda view: view.tools,
    Provider.list_tools,
    Provider.get_tool,
)
RESOURCES: Final[Family[Resource]] = Family(
    "resources/list",
    "on_list_resources",
    "ListResourcesRequest",
    "resources",
    lambda view: view.resources,
    Provider.list_resources,
    Provider.get_resource,
)
TEMPLATES: Final[Family[ResourceTemplate]] = Family(
    "resources/templates/list",
    "on_list_resource_templates",
    "ListResourceTemplatesRequest",
    "resourceTemplates",
    lambda view: view.templates,
    Provider.list_resource_templates,
    Provider.get_resource_template,
)
PROMPTS: Final[Family[Prompt]] = Family(
    "prompts/list",
    "on_list_prompts",
    "ListPromptsRequest",
    "prompts",
    lambda view: view.prompts,
    Provider.list_prompts,
    Provider.get_prompt,
)
