"""A provider's components under other names, so that those of several servers can stand together.

Tools and prompts get the namespace in front of their name, `weather_forecast`; resources and
templates get it as the first part of what follows the scheme, `data://weather/cities`. A URI
without `//` has no such place and stays as it is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import msgspec

from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.bus import Change, ResourceUpdated
from fastmcp.server.providers.base import About, Provider
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec

__all__ = ["NamespacedProvider"]

_logger: Final = logging.getLogger("fastmcp.server.providers")

C = TypeVar("C", bound=FastMCPComponent)

_MOST: Final = 10_000
"""Copies that are kept. A provider may have components for more names than anyone can list."""

_URI: Final = re.compile(r"([^:/]+://)(.*)", re.DOTALL)


class NamespacedProvider(Provider):
    """The components of another provider under a namespace.

    Args:
        inner: whose they are.
        namespace: goes in front of their names; "" for nothing.
        tool_names: other names for some tools, by their own; the namespace goes in front of
            these as well.
    """

    def __init__(
        self, inner: Provider, namespace: str, tool_names: Mapping[str, str] | None = None
    ) -> None:
        self.inner = inner
        self.namespace = namespace
        self._tool_names = dict(tool_names or {})
        self._own_names = {given: own for own, given in self._tool_names.items()}
        self._lost: set[str] = set()
        self._renamed: dict[str, tuple[FastMCPComponent, Any]] = {}
        self.stands_for_a_server = inner.stands_for_a_server
        inner.listeners = (*inner.listeners, self._hear_change)

    def __repr__(self) -> str:
        return f"{self.inner!r} as {self.namespace!r}"

    # names, there and back

    def _name(self, own: str) -> str:
        return f"{self.namespace}_{own}" if self.namespace else own

    def _own_name(self, name: str) -> str | None:
        if not self.namespace:
            return name
        prefix = f"{self.namespace}_"
        return name.removeprefix(prefix) if name.startswith(prefix) else None

    def _tool_name(self, own: str) -> str:
        return self._name(self._tool_names.get(own, own))

    def _own_tool_name(self, name: str) -> str | None:
        own = self._own_name(name)
        if own is None or own in self._own_names:
            return None if own is None else self._own_names[own]
        return None if own in self._tool_names else own

    def _uri(self, own: str) -> str:
        parts = _URI.fullmatch(own) if self.namespace else None
        return own if parts is None else f"{parts[1]}{self.namespace}/{parts[2]}"

    def _own_uri(self, uri: str) -> str | None:
        parts = _URI.fullmatch(uri) if self.namespace else None
        if parts is None:
            return uri
        prefix = f"{self.namespace}/"
        return parts[1] + parts[2][len(prefix) :] if parts[2].startswith(prefix) else None

    def _as(self, component: C, **names: str) -> C:
        """A component under its other name: one copy, for as long as the component is the same."""
        known = self._renamed.get(component.key)
        if known is None or known[0] is not component:
            if len(self._renamed) >= _MOST:
                self._renamed.clear()
            known = self._renamed[component.key] = (component, component.model_copy(update=names))
        return known[1]

    # components

    async def _list_tools(self) -> Sequence[Tool]:
        tools = await self.inner.list_tools()
        return [
            self._as(tool, name=self._tool_name(tool.name))
            for tool in tools
            if not self._has_lost_its_name(tool.name)
        ]

    def _has_lost_its_name(self, own: str) -> bool:
        """Whether another tool was given the name of this one, so that it cannot be called."""
        other = self._own_names.get(own)
        if other is None or own in self._tool_names:
            return False
        if own not in self._lost:
            self._lost.add(own)
            _logger.warning(
                "The tool %r of %r cannot be called: tool_names gives its name to %r. Give it"
                " another there too.",
                own,
                self.inner,
                other,
            )
        return True

    async def _get_tool(self, name: str, version: VersionSpec | None = None) -> Tool | None:
        own = self._own_tool_name(name)
        found = None if own is None else await self.inner.get_tool(own, version)
        return None if found is None else self._as(found, name=name)

    async def _list_resources(self) -> Sequence[Resource]:
        found = await self.inner.list_resources()
        return [self._as(resource, uri=self._uri(resource.uri)) for resource in found]

    async def _get_resource(self, uri: str, version: VersionSpec | None = None) -> Resource | None:
        own = self._own_uri(uri)
        found = None if own is None else await self.inner.get_resource(own, version)
        return None if found is None else self._as(found, uri=uri)

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        found = await self.inner.list_resource_templates()
        return [self._as(one, uri_template=self._uri(one.uri_template)) for one in found]

    async def _get_resource_template(
        self, uri: str, version: VersionSpec | None = None
    ) -> ResourceTemplate | None:
        own = self._own_uri(uri)
        found = None if own is None else await self.inner.get_resource_template(own, version)
        return (
            None if found is None else self._as(found, uri_template=self._uri(found.uri_template))
        )

    async def _list_prompts(self) -> Sequence[Prompt]:
        found = await self.inner.list_prompts()
        return [self._as(prompt, name=self._name(prompt.name)) for prompt in found]

    async def _get_prompt(self, name: str, version: VersionSpec | None = None) -> Prompt | None:
        own = self._own_name(name)
        found = None if own is None else await self.inner.get_prompt(own, version)
        return None if found is None else self._as(found, name=name)

    # what concerns more than one

    def leads_to(self, engine: object) -> bool:
        return self.inner.leads_to(engine)

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        async with self.inner.lifespan():
            yield

    async def about(self) -> About | None:
        return await self.inner.about()

    async def complete(
        self, reference: dict[str, Any], argument: dict[str, Any], context: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        if reference["type"] == "ref/prompt":
            field, own = "name", self._own_name(reference["name"])
        else:
            field, own = "uri", self._own_uri(reference["uri"])
        if own is None:
            return None
        return await self.inner.complete({**reference, field: own}, argument, context)

    @asynccontextmanager
    async def listening(self, uris: Sequence[str]) -> AsyncGenerator[None]:
        own = [own for uri in uris if (own := self._own_uri(uri)) is not None]
        async with self.inner.listening(own):
            yield

    async def subscribe(self, uri: str) -> bool:
        own = self._own_uri(uri)
        return own is not None and await self.inner.subscribe(own)

    async def unsubscribe(self, uri: str) -> None:
        own = self._own_uri(uri)
        if own is not None:
            await self.inner.unsubscribe(own)

    async def hear(self, method: str, params: dict[str, Any]) -> None:
        await self.inner.hear(method, params)

    def _hear_change(self, change: Change) -> None:
        if isinstance(change, ResourceUpdated):
            change = msgspec.structs.replace(change, uri=self._uri(change.uri))
        self._changed(change)
