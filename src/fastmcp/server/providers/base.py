"""A provider: components that are looked for when somebody asks, and not held by the server.

A server has its own components in its registry, and asks its providers for the rest, in the order
they were added. The own ones come first: a name that the registry knows asks no provider, so a
provider costs a call of the server's own tools nothing.

An author overrides the `_list_...` he has something for, and a `_get_...` where finding one
component is cheaper than listing all. The names without underscore are what the server calls.

Some providers stand for another server. What concerns more than one component (what that server
says of itself, completion, subscriptions, what the client tells) has a method of its own, which
does nothing in a provider that is only a source of components.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import msgspec

from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.bus import Change
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec, highest

__all__ = ["About", "Provider", "Version"]

C = TypeVar("C", bound=FastMCPComponent)
Version: TypeAlias = str | VersionSpec | None
"""What a caller says of the version it wants: exactly one, a range, or the highest."""


class About(msgspec.Struct, frozen=True):
    """What the server behind a provider says of itself.

    Attributes:
        capabilities: its `ServerCapabilities`.
        instructions: how to use it.
    """

    capabilities: Mapping[str, Any]
    instructions: str | None = None


class Provider:
    """A source of tools, resources, resource templates and prompts; by itself of none.

    Attributes:
        stands_for_a_server: whether `about` has something to say.
        listeners: who is told when a list has changed; the servers it was added to.
    """

    # On the class, so that a subclass need not call __init__.
    stands_for_a_server: bool = False
    listeners: tuple[Callable[[Change], None], ...] = ()

    # what a server asks

    async def list_tools(self) -> Sequence[Tool]:
        """Its tools, in all their versions."""
        return await self._list_tools()

    async def get_tool(self, name: str, version: Version = None) -> Tool | None:
        """A tool: the highest version that fits. None where there is none; so with the others."""
        return await self._get_tool(name, _spec(version))

    async def list_resources(self) -> Sequence[Resource]:
        """Its resources."""
        return await self._list_resources()

    async def get_resource(self, uri: str, version: Version = None) -> Resource | None:
        """The resource with this URI."""
        return await self._get_resource(uri, _spec(version))

    async def list_resource_templates(self) -> Sequence[ResourceTemplate]:
        """Its resource templates."""
        return await self._list_resource_templates()

    async def get_resource_template(
        self, uri: str, version: Version = None
    ) -> ResourceTemplate | None:
        """The template that this URI fits."""
        return await self._get_resource_template(uri, _spec(version))

    async def list_prompts(self) -> Sequence[Prompt]:
        """Its prompts."""
        return await self._list_prompts()

    async def get_prompt(self, name: str, version: Version = None) -> Prompt | None:
        """A prompt."""
        return await self._get_prompt(name, _spec(version))

    # what concerns more than one component

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Entered while a server runs that has this provider."""
        yield

    def leads_to(self, engine: object) -> bool:
        """Whether it gets components from this server, in the end: such a one cannot be added
        to it.

        Args:
            engine: the server's.
        """
        return False

    async def about(self) -> About | None:
        """What the server behind it says of itself, to the client of the current call."""
        return None

    async def complete(
        self, reference: dict[str, Any], argument: dict[str, Any], context: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """The result of `completion/complete`; None where the reference is none of its own.

        Args:
            reference: to a prompt or a resource template, as the client sent it.
            argument: its name and what was typed so far.
            context: the other arguments, if any.
        """
        return None

    @asynccontextmanager
    async def listening(self, uris: Sequence[str]) -> AsyncGenerator[None]:
        """Entered while the client of the current call listens to what changes, in the stateless
        era. What happens is published to `listeners`; entering waits for nobody.

        Args:
            uris: the resources whose updates it wants to hear.
        """
        yield

    async def subscribe(self, uri: str) -> bool:
        """The session of the current call wants to hear when a resource is updated. False where
        that is none of its own."""
        return False

    async def unsubscribe(self, uri: str) -> None:
        """It does not want to hear it any more."""

    async def hear(self, method: str, params: dict[str, Any]) -> None:
        """The client of the current call sent a notification that is not about a request."""

    # what an author overrides

    async def _list_tools(self) -> Sequence[Tool]:
        return ()

    async def _get_tool(self, name: str, version: VersionSpec | None = None) -> Tool | None:
        return _pick(await self._list_tools(), name, version)

    async def _list_resources(self) -> Sequence[Resource]:
        return ()

    async def _get_resource(self, uri: str, version: VersionSpec | None = None) -> Resource | None:
        return _pick(await self._list_resources(), uri, version)

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        return ()

    async def _get_resource_template(
        self, uri: str, version: VersionSpec | None = None
    ) -> ResourceTemplate | None:
        templates = await self._list_resource_templates()
        fitting = (template for template in templates if template.matches(uri) is not None)
        first = next(fitting, None)
        return None if first is None else _pick(templates, first.uri_template, version)

    async def _list_prompts(self) -> Sequence[Prompt]:
        return ()

    async def _get_prompt(self, name: str, version: VersionSpec | None = None) -> Prompt | None:
        return _pick(await self._list_prompts(), name, version)

    def _changed(self, change: Change) -> None:
        """Tell the servers that a list is no longer what it was. From any thread."""
        for tell in self.listeners:
            tell(change)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _spec(version: Version) -> VersionSpec | None:
    return VersionSpec(eq=version) if isinstance(version, str) else version


def _pick(components: Iterable[C], name: str, version: VersionSpec | None) -> C | None:
    """The highest version of a name that fits."""
    return highest(
        component
        for component in components
        if component.identifier == name and (version is None or version.matches(component.version))
    )
