"""The server's components by key, and the view of them that clients see.

Changing a component is rare and calling one is not, so every change drops the view and the
next use builds it again: after that a name is one dict look-up, whatever the number of
components, versions and visibility rules.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, cast

import msgspec

from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.backplane.base import (
    Change,
    PromptsChanged,
    ResourcesChanged,
    ToolsChanged,
)
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec, version_sort_key

__all__ = ["ComponentKind", "DuplicatePolicy", "Registry", "Shelf", "VisibilityRule"]

_logger: Final = logging.getLogger("fastmcp.server.registry")

ComponentKind: TypeAlias = Literal["tool", "resource", "template", "prompt"]
DuplicatePolicy: TypeAlias = Literal["warn", "error", "replace", "ignore"]
C = TypeVar("C", bound=FastMCPComponent)


class VisibilityRule(msgspec.Struct, frozen=True):
    """One call of `enable` or `disable`: a filter and what it does. Unset filters match all."""

    enable: bool
    names: frozenset[str] | None = None
    keys: frozenset[str] | None = None
    version: VersionSpec | None = None
    tags: frozenset[str] | None = None
    components: frozenset[str] | None = None

    def matches(self, kind: ComponentKind, name: str, component: FastMCPComponent) -> bool:
        return (
            (self.components is None or kind in self.components)
            and (self.names is None or name in self.names)
            and (self.keys is None or component.key in self.keys)
            and (self.tags is None or not self.tags.isdisjoint(component.tags))
            and (self.version is None or self.version.matches(component.version))
        )


class Shelf(Generic[C]):
    """The components of one kind.

    Attributes:
        current: by name or URI, the highest enabled version: what a call without a version
            means, and what lists show.
    """

    def __init__(self, kind: ComponentKind, identify: Callable[[C], str]) -> None:
        self.kind: ComponentKind = kind
        self.identify = identify
        self.all: dict[str, C] = {}
        self.enabled: dict[str, list[C]] = {}
        self.current: dict[str, C] = {}

    def build(self, rules: Sequence[VisibilityRule]) -> None:
        enabled: dict[str, list[C]] = {}
        for component in self.all.values():
            name = self.identify(component)
            visible = True
            for rule in rules:
                if rule.matches(self.kind, name, component):
                    visible = rule.enable
            if visible:
                enabled.setdefault(name, []).append(component)
        for versions in enabled.values():
            versions.sort(key=version_sort_key, reverse=True)
        self.enabled = enabled
        self.current = {name: versions[0] for name, versions in enabled.items()}

    def find(self, name: str, version: str | VersionSpec | None = None) -> C | None:
        """The enabled component of a name: the highest version, or the highest that fits."""
        if version is None:
            return self.current.get(name)
        spec = VersionSpec(eq=version) if isinstance(version, str) else version
        return next(
            (c for c in self.enabled.get(name, ()) if spec.matches(c.version, match_none=False)),
            None,
        )


class Registry:
    """Everything a server offers.

    Args:
        on_duplicate: what happens when a component with the same key is added again.
        dereference_schemas: list tools with the `$ref`s of their schemas written out.

    Attributes:
        on_change: is told which list changed; nothing is told before a listener is set.
    """

    def __init__(
        self, on_duplicate: DuplicatePolicy = "warn", dereference_schemas: bool = True
    ) -> None:
        self.on_duplicate: DuplicatePolicy = on_duplicate
        self._dereference = dereference_schemas
        self.on_change: Callable[[Change], None] | None = None
        self._tools: Shelf[Tool] = Shelf("tool", lambda c: c.name)
        self._resources: Shelf[Resource] = Shelf("resource", lambda c: str(c.uri))
        self._templates: Shelf[ResourceTemplate] = Shelf("template", lambda c: c.uri_template)
        self._prompts: Shelf[Prompt] = Shelf("prompt", lambda c: c.name)
        self._rules: list[VisibilityRule] = []
        self._stale = False
        self._wire: dict[ComponentKind, list[dict[str, Any]]] = {}

    # reading

    @property
    def tools(self) -> Shelf[Tool]:
        if self._stale:
            self._build()
        return self._tools

    @property
    def resources(self) -> Shelf[Resource]:
        if self._stale:
            self._build()
        return self._resources

    @property
    def templates(self) -> Shelf[ResourceTemplate]:
        if self._stale:
            self._build()
        return self._templates

    @property
    def prompts(self) -> Shelf[Prompt]:
        if self._stale:
            self._build()
        return self._prompts

    def match_template(
        self, uri: str, version: str | VersionSpec | None = None
    ) -> tuple[ResourceTemplate, dict[str, Any]] | None:
        """The first template that a URI fits, and its parameters."""
        shelf = self.templates
        for name in shelf.current:
            template = shelf.find(name, version)
            params = template.matches(uri) if template is not None else None
            if template is not None and params is not None:
                return template, params
        return None

    def wire(self, kind: ComponentKind) -> list[dict[str, Any]]:
        """The entries of a list result, in the order the components were added."""
        shelf = cast("Shelf[Any]", getattr(self, _ATTRIBUTES[kind]))
        entries = self._wire.get(kind)
        if entries is None:
            entries = self._wire[kind] = [
                self._entry(component, shelf.enabled[name])
                for name, component in shelf.current.items()
            ]
        return entries

    def wire_of(self, components: Iterable[FastMCPComponent]) -> list[dict[str, Any]]:
        """The entries of a list that middleware chose."""
        return [self._entry(component, ()) for component in components]

    def _entry(
        self, component: FastMCPComponent, versions: Sequence[FastMCPComponent]
    ) -> dict[str, Any]:
        if isinstance(component, Tool):
            entry = component.to_wire(dereference=self._dereference)
        else:
            entry = component.to_wire()
        if component.version is None or len(versions) < 2:
            return entry
        meta = dict(entry.get("_meta") or {})
        meta["fastmcp"] = {**meta.get("fastmcp", {}), "versions": [c.version for c in versions]}
        return {**entry, "_meta": meta}

    # changing

    def add(self, component: Tool | Resource | ResourceTemplate | Prompt) -> Any:
        """Add a component by the duplicates policy. Returns the one that is there afterwards.

        Raises:
            ValueError: it is there already and the policy is "error"; or one name would have
                versioned and unversioned components.
        """
        shelf = self._shelf_of(component)
        key = component.key
        existing = shelf.all.get(key)
        if existing is not None:
            if self.on_duplicate == "error":
                raise ValueError(f"Component already exists: {key}")
            if self.on_duplicate == "ignore":
                return existing
            if self.on_duplicate == "warn":
                _logger.warning("Component already exists: %s; it is replaced", key)
        else:
            name = shelf.identify(component)
            for other in shelf.all.values():
                if shelf.identify(other) == name and (other.version is None) != (
                    component.version is None
                ):
                    raise ValueError(
                        f"{shelf.kind} {name!r} cannot have versioned and unversioned "
                        "components at once: give each a version, or none"
                    )
        shelf.all[key] = component
        self._changed(shelf.kind)
        return component

    def remove(self, kind: ComponentKind, name: str, version: str | None = None) -> None:
        """Remove a component, or all versions of it.

        Raises:
            KeyError: there is none.
        """
        shelf = self._shelf(kind)
        keys = [
            key
            for key, component in shelf.all.items()
            if shelf.identify(component) == name
            and (version is None or component.version == version)
        ]
        if not keys:
            raise KeyError(f"No {kind} {name!r}" + (f" of version {version!r}" if version else ""))
        for key in keys:
            del shelf.all[key]
        self._changed(kind)

    def show(self, rules: Iterable[VisibilityRule]) -> None:
        """Append visibility rules; the last one that matches a component decides."""
        added = list(rules)
        self._rules.extend(added)
        kinds = {kind for rule in added for kind in (rule.components or _ATTRIBUTES)}
        for kind in _ATTRIBUTES:
            if kind in kinds:
                self._changed(kind)

    def _changed(self, kind: ComponentKind) -> None:
        self._stale = True
        self._wire.clear()
        if self.on_change is not None:
            self.on_change(_CHANGES[kind]())

    def _build(self) -> None:
        self._stale = False
        for kind in _ATTRIBUTES:
            self._shelf(kind).build(self._rules)

    def _shelf(self, kind: ComponentKind) -> Shelf[Any]:
        return cast("Shelf[Any]", getattr(self, f"_{_ATTRIBUTES[kind]}"))

    def _shelf_of(self, component: FastMCPComponent) -> Shelf[Any]:
        if isinstance(component, Tool):
            return self._tools
        if isinstance(component, ResourceTemplate):
            return self._templates
        if isinstance(component, Resource):
            return self._resources
        if isinstance(component, Prompt):
            return self._prompts
        raise TypeError(f"Not a tool, resource, template or prompt: {component!r}")


_ATTRIBUTES: Final[dict[ComponentKind, str]] = {
    "tool": "tools",
    "resource": "resources",
    "template": "templates",
    "prompt": "prompts",
}
_CHANGES: Final[dict[ComponentKind, type[Change]]] = {
    "tool": ToolsChanged,
    "resource": ResourcesChanged,
    "template": ResourcesChanged,
    "prompt": PromptsChanged,
}
