"""Components that stand for components of another server: a mounted one, or one far away.

A stand-in is listed as the other server lists what it stands for, member by member, whatever is
in it; only what was changed here since (a name, by a namespace; anything, by middleware) is written
anew. It holds no schema against anything: that server checks the arguments, and whoever called
checks the result. What is done with it is done by whoever is `Behind` it, under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol, Self

from pydantic import PrivateAttr

from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.components import FastMCPComponent

__all__ = [
    "Behind",
    "StandIn",
    "StandInPrompt",
    "StandInResource",
    "StandInTemplate",
    "StandInTool",
]

_MEMBERS: Final = {
    "name": "name",
    "title": "title",
    "description": "description",
    "icons": "icons",
    "tags": "_meta",
    "version": "_meta",
    "meta": "_meta",
    "parameters": "inputSchema",
    "output_schema": "outputSchema",
    "annotations": "annotations",
    "execution": "execution",
    "uri": "uri",
    "uri_template": "uriTemplate",
    "mime_type": "mimeType",
    "size": "size",
    "arguments": "arguments",
}
"""The member of an entry that each field is listed as."""

_NOT_TAKEN: Final = frozenset(("auth", "task_config"))
"""Fields that mean something only where the component itself is."""


class Behind(Protocol):
    """Whoever has the components themselves. Names and versions are its own."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None = None, *, version: str | None = None
    ) -> ToolResult: ...

    async def read_resource(self, uri: str, *, version: str | None = None) -> ResourceResult: ...

    async def render_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, *, version: str | None = None
    ) -> PromptResult: ...


class StandIn(FastMCPComponent):
    """What all of them have; made by `of` alone."""

    _behind: Behind = PrivateAttr()
    _own: str = PrivateAttr(default="")
    """What it is called behind."""
    _entry: Mapping[str, Any] = PrivateAttr()
    _fields: Mapping[str, Any] = PrivateAttr()
    """The fields as they were when `_entry` was true."""

    @classmethod
    def of(cls, behind: Behind, entry: Mapping[str, Any], fields: Mapping[str, Any]) -> Self:
        """A stand-in.

        Args:
            behind: who has the component.
            entry: how it is listed there.
            fields: what the entry says, as this class's fields; they are not checked.
        """
        self = cls.model_construct(None, **fields)
        self._behind, self._own = behind, self.identifier
        self._entry = entry
        self._fields = {name: getattr(self, name) for name in _MEMBERS if hasattr(self, name)}
        return self

    @classmethod
    def for_component(cls, behind: Behind, component: FastMCPComponent) -> Self:
        """A stand-in for a component of a server in this process."""
        names = (type(component).model_fields.keys() & cls.model_fields.keys()) - _NOT_TAKEN
        fields = {name: getattr(component, name) for name in names}
        return cls.of(behind, component.to_wire(), fields)

    def _entry_now(self, fresh: dict[str, Any]) -> dict[str, Any]:
        """The entry, with what has changed since.

        Args:
            fresh: the entry that the fields alone would make.
        """
        entry = dict(self._entry)
        changed = {name for name, value in self._fields.items() if getattr(self, name) is not value}
        if "name" in changed and self.title is None and "title" in entry:
            changed.add("title")  # it was made of the name
        for name in changed:
            member = _MEMBERS[name]
            entry.pop(member, None)
            if member in fresh:
                entry[member] = fresh[member]
        return entry


class StandInTool(StandIn, Tool):
    """Stands for a tool."""

    OWN_CHECKS: ClassVar[bool] = True
    SPEAKS_FOR_ITSELF: ClassVar[bool] = True

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return await self._behind.call_tool(self._own, arguments, version=self.version)

    def _make_entry(self, dereference: bool) -> dict[str, Any]:
        return self._entry_now(super()._make_entry(dereference))


class StandInResource(StandIn, Resource):
    """Stands for a resource."""

    async def read(self) -> ResourceResult:
        return await self._behind.read_resource(self._own, version=self.version)

    def convert_result(self, value: Any) -> ResourceResult:
        return value

    def _make_wire(self) -> dict[str, Any]:
        return self._entry_now(super()._make_wire())


class StandInTemplate(StandIn, ResourceTemplate):
    """Stands for a resource template."""

    async def read(self, uri: str, params: dict[str, Any]) -> ResourceResult:
        return await self._behind.read_resource(self.own_uri(uri), version=self.version)

    def convert_result(self, value: Any) -> ResourceResult:
        return value

    def own_uri(self, uri: str) -> str:
        """What a URI of this form is behind: without the namespaces that stand in its template."""
        own, listed = self._own, self.uri_template
        start = own.find("//") + 2
        longer = len(listed) - len(own)
        if listed == own or own[start:] != listed[start + longer :]:
            return uri
        return uri[:start] + uri[start + longer :]

    def _make_wire(self) -> dict[str, Any]:
        return self._entry_now(super()._make_wire())


class StandInPrompt(StandIn, Prompt):
    """Stands for a prompt."""

    async def render(self, arguments: dict[str, Any] | None = None) -> PromptResult:
        return await self._behind.render_prompt(self._own, arguments, version=self.version)

    def _make_wire(self) -> dict[str, Any]:
        return self._entry_now(super()._make_wire())
