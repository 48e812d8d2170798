"""Tools under other names, with other arguments, or not at all, as a configuration says.

An entry of `mcpServers` may have `tools`, `include_tags` and `exclude_tags`. What is listed is
changed on its way to the client, and what is called on its way back. It is all names and JSON
Schema: the server does not know of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.jsonrpc import as_object

__all__ = ["ArgumentChange", "Reshaping", "ToolChange"]

_STRICT: Final = ConfigDict(extra="forbid", defer_build=True)
_META_KEYS: Final = ("fastmcp", "_fastmcp")
"""Where servers say in `_meta` which tags a component has; the second is the older place."""


class ArgumentChange(BaseModel):
    """What becomes of an argument. What is not given stays as it is."""

    model_config = _STRICT

    name: str | None = None
    description: str | None = None
    default: Any = None
    hide: bool = False
    required: Literal[True] | None = None
    examples: Any = None


class ToolChange(BaseModel):
    """What becomes of a tool. What is not given stays as it is."""

    model_config = _STRICT

    name: str | None = None
    version: str | None = None
    title: str | None = None
    description: str | None = None
    tags: set[str] | None = None
    meta: dict[str, Any] | None = None
    enabled: bool = True
    arguments: dict[str, ArgumentChange] = Field(default_factory=dict[str, ArgumentChange])


class Reshaping:
    """The changes to one server.

    Args:
        tools: changes by the tool's own name.
        include_tags: only components with one of these tags are there.
        exclude_tags: none with one of these.
    Raises:
        ValueError: two tools, or two arguments of one, would have the same name.
    """

    def __init__(
        self,
        tools: Mapping[str, ToolChange] | None = None,
        include_tags: Iterable[str] | None = None,
        exclude_tags: Iterable[str] | None = None,
    ) -> None:
        self._tools = dict(tools or {})
        self._include = None if include_tags is None else frozenset(include_tags)
        self._exclude = frozenset(exclude_tags or ())
        self._own_names: dict[str, str] = {}
        for own, change in self._tools.items():
            name = change.name or own
            if name in self._own_names:
                raise ValueError(
                    f"tools: {self._own_names[name]!r} and {own!r} both become {name!r}"
                )
            self._own_names[name] = own
            given = [argument.name for argument in change.arguments.values() if argument.name]
            if twice := {name for name in given if given.count(name) > 1}:
                raise ValueError(f"tools.{own}.arguments: two become {', '.join(sorted(twice))!r}")

    def __bool__(self) -> bool:
        """Whether anything is another."""
        return bool(self._tools) or self.filters

    @property
    def filters(self) -> bool:
        """Whether only what was listed may be used: its tags are known from nothing else."""
        return self._include is not None or bool(self._exclude)

    def shows(self, item: Mapping[str, Any]) -> bool:
        """Whether a component is there for the client."""
        if not self.filters:
            return True
        tags = _tags(item)
        return not tags & self._exclude and (self._include is None or bool(tags & self._include))

    def tool(self, tool: dict[str, Any]) -> dict[str, Any] | None:
        """A listed tool as the client sees it; None for one that is not there."""
        change = self._tools.get(tool["name"])
        if change is None:
            hidden = tool["name"] in self._own_names  # another tool has its name now
            return None if hidden or not self.shows(tool) else tool
        if not change.enabled:
            return None
        tool = copy.deepcopy(tool)
        for field in ("name", "title", "description"):
            if (value := getattr(change, field)) is not None:
                tool[field] = value
        meta: dict[str, Any] = as_object(tool.get("_meta")) or {}
        own: dict[str, Any] = as_object(meta.get("fastmcp")) or {}
        if change.tags is not None:
            own = {**own, "tags": sorted(change.tags)}
        if change.version is not None:
            own = {**own, "version": change.version}
        meta = {
            **(meta if change.meta is None else change.meta),
            **({"fastmcp": own} if own else {}),
        }
        if meta:
            tool["_meta"] = meta
        schema = as_object(tool.get("inputSchema"))
        if schema is not None and change.arguments:
            _change_arguments(schema, change.arguments)
        return tool if self.shows(tool) else None

    def call(self, name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """A call as the server understands it: the tool's own name, and its own arguments.

        Raises:
            McpError: the tool is hidden, or an argument is.
        """
        own = self._own_names.get(name, name)
        change = self._tools.get(own)
        if change is None:
            return own, arguments
        if not change.enabled or (change.name or own) != name:
            raise invalid_params(f"Unknown tool: {name}")
        sent = dict(arguments)
        changed: dict[str, Any] = {}
        for argument, how in change.arguments.items():
            public = how.name or argument
            if how.hide:
                if argument in sent:
                    raise invalid_params(f"{name} has no argument {argument!r}")
                if "default" in how.model_fields_set:
                    changed[argument] = how.default
            elif public in sent:
                changed[argument] = sent.pop(public)
            elif "default" in how.model_fields_set:
                changed[argument] = how.default
        return own, {**sent, **changed}


def _tags(item: Mapping[str, Any]) -> frozenset[str]:
    meta = as_object(item.get("_meta")) or {}
    for key in _META_KEYS:
        tags = (as_object(meta.get(key)) or {}).get("tags")
        if isinstance(tags, list):
            return frozenset(map(str, tags))  # pyright: ignore[reportUnknownArgumentType]  (JSON)
    return frozenset()


def _change_arguments(schema: dict[str, Any], changes: Mapping[str, ArgumentChange]) -> None:
    """Change the schema of the arguments, in place."""
    properties: dict[str, Any] = {}
    required: list[str] = list(schema.get("required") or ())
    for argument, described in (as_object(schema.get("properties")) or {}).items():
        change = changes.get(argument)
        if change is None:
            properties[argument] = described
            continue
        needed = argument in required
        if needed:
            required.remove(argument)
        if change.hide:
            continue
        described = dict(as_object(described) or {})
        if change.description is not None:
            described["description"] = change.description
        if change.examples is not None:
            described["examples"] = change.examples
        if "default" in change.model_fields_set:
            described["default"], needed = change.default, False
        if change.required:
            described.pop("default", None)
            needed = True
        public = change.name or argument
        properties[public] = described
        if needed:
            required.append(public)
    schema["properties"] = properties
    if required:
        schema["required"] = required
    else:
        schema.pop("required", None)
