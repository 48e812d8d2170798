"""From an entry of a list of the server behind to the component that stands for it.

What an entry says is taken as it is: a schema that is wrong is its server's mistake, and none of
this one's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError

from fastmcp.prompts.base import PromptArgument
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.server.bus import Change, PromptsChanged, ResourcesChanged, ToolsChanged
from fastmcp.server.providers.stand_ins import (
    Behind,
    StandIn,
    StandInPrompt,
    StandInResource,
    StandInTemplate,
    StandInTool,
)
from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import get_fastmcp_metadata

__all__ = [
    "KINDS",
    "PROMPTS",
    "RESOURCES",
    "TEMPLATES",
    "TOOLS",
    "Kind",
    "ProxyPrompt",
    "ProxyResource",
    "ProxyTemplate",
    "ProxyTool",
]

M = TypeVar("M", bound=BaseModel)


class ProxyTool(StandInTool):
    """A tool of the server behind."""


class ProxyResource(StandInResource):
    """A resource of the server behind."""


class ProxyTemplate(StandInTemplate):
    """A resource template of the server behind."""

    def matches(self, uri: str) -> dict[str, Any] | None:
        try:
            return super().matches(uri)
        except ValueError:  # a form of template that is not known here
            return None


class ProxyPrompt(StandInPrompt):
    """A prompt of the server behind."""


@dataclass(frozen=True)
class Kind:
    """One kind of component.

    Args:
        method: that lists it.
        member: of the result that holds the list.
        key: of an entry that identifies it.
        component: the class that stands for it.
        field: of that class that identifies it.
        fields: what further fields an entry fills.
        change: what is told when the list changed.
    """

    method: str
    member: str
    key: str
    component: type[StandIn]
    field: str
    fields: Callable[[Mapping[str, Any]], dict[str, Any]]
    change: type[Change]

    def stand_in(self, behind: Behind, entry: Mapping[str, Any]) -> StandIn:
        """What stands for an entry."""
        own = get_fastmcp_metadata(as_object(entry.get("_meta")))
        tags, version = own.get("tags"), own.get("version")
        name = entry[self.key]
        fields: dict[str, Any] = {
            "name": _text(entry.get("name")) or name,
            self.field: name,
            "title": _text(entry.get("title")),
            "description": _text(entry.get("description")),
            "tags": {str(tag) for tag in _array(tags)},
            "version": _text(version),
            "meta": as_object(entry.get("_meta")),
            **self.fields(entry),
        }
        return self.component.of(behind, entry, fields)

    def unlisted(self, behind: Behind, name: str) -> StandIn:
        """What stands for something that is not in a list, as far as is known."""
        return self.component.of(
            behind, {self.key: name, "name": name}, {"name": name, self.field: name}
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _array(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _model(model: type[M], value: object) -> M | None:
    """Something for middleware to read, where it can be read."""
    try:
        return None if value is None else model.model_validate(value)
    except ValidationError:
        return None


def _of_tool(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "parameters": as_object(entry.get("inputSchema")) or {"type": "object", "properties": {}},
        "output_schema": as_object(entry.get("outputSchema")),
        "annotations": _model(mcp_types.ToolAnnotations, entry.get("annotations")),
    }


def _of_resource(entry: Mapping[str, Any]) -> dict[str, Any]:
    mime_type = _text(entry.get("mimeType"))
    return {
        **({} if mime_type is None else {"mime_type": mime_type}),
        "annotations": _model(mcp_types.Annotations, entry.get("annotations")),
    }


def _of_prompt(entry: Mapping[str, Any]) -> dict[str, Any]:
    arguments = [_model(PromptArgument, one) for one in _array(entry.get("arguments"))]
    return {"arguments": [argument for argument in arguments if argument is not None]}


TOOLS: Final = Kind("tools/list", "tools", "name", ProxyTool, "name", _of_tool, ToolsChanged)
RESOURCES: Final = Kind(
    "resources/list", "resources", "uri", ProxyResource, "uri", _of_resource, ResourcesChanged
)
TEMPLATES: Final = Kind(
    "resources/templates/list",
    "resourceTemplates",
    "uriTemplate",
    ProxyTemplate,
    "uri_template",
    _of_resource,
    ResourcesChanged,
)
PROMPTS: Final = Kind(
    "prompts/list", "prompts", "name", ProxyPrompt, "name", _of_prompt, PromptsChanged
)
KINDS: Final = (TOOLS, RESOURCES, TEMPLATES, PROMPTS)
