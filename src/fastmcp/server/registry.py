"""The server's components by key, and the view of them that clients see.

Changing a component is rare and calling one is not, so every change drops the view and the
next use builds it again: after that a name is one dict look-up, whatever the number of
components, versions and visibility rules.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from fastmcp.prompts.base import Prompt
from fastmcp.protocol.era2025 import suit_tool
from fastmcp.protocol.param_headers import param_headers
from fastmcp.protocol.versions import Era
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.bus import (
    Change,
    PromptsChanged,
    ResourcesChanged,
    ToolsChanged,
)
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec, version_sort_key

__all__ = [
    "LIST_CHANGES",
    "ComponentKind",
    "DuplicatePolicy",
    "Registry",
    "SessionVisibility",
    "Shelf",
    "View",
    "VisibilityRule",
]

_logger: Final = logging.getLogger("fastmcp.server.registry")

ComponentKind: TypeAlias = Literal["tool", "resource", "template", "prompt"]
DuplicatePolicy: TypeAlias = Literal["warn", "error", "replace", "ignore"]
C = TypeVar("C", bound=FastMCPComponent)

LIST_CHANGES: Final[dict[ComponentKind, type[Change]]] = {
    "tool": ToolsChanged,
    "resource": ResourcesChanged,
    "template": ResourcesChanged,
    "prompt": PromptsChanged,
}
"""Which list a kind of component is in."""


class VisibilityRule(msgspec.Struct, frozen=True):
    """One call of `enable` or `disable`: a filter and what it does. Unset filters match all."""

    enable: bool
    names: frozenset[str] | None = None
    keys: frozenset[str] | None = None
    version: VersionSpec | None = None
    tags: frozenset[str] | None = None
    components: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        enable: bool,
        names: Iterable[str] | None,
        keys: Iterable[str] | None,
        version: VersionSpec | None,
        tags: Iterable[str] | None,
        components: Iterable[str] | None,
    ) -> VisibilityRule:
        """A rule from what `enable` and `disable` are given."""
        if malformed := sorted(key for key in keys or () if "@" not in key):
            warnings.warn(
                f"No component has the keys {malformed}: a key ends with '@' and the version, if"
                " there is one, as in 'tool:add@'. Names go into names=.",
                UserWarning,
                stacklevel=3,
            )
        return cls(
            enable,
            frozenset(names) if names is not None else None,
            frozenset(keys) if keys is not None else None,
            version,
            frozenset(tags) if tags is not None else None,
            frozenset(components) if components is not None else None,
        )

    def matches(self, kind: ComponentKind, name: str, component: FastMCPComponent) -> bool:
        return (
            (self.components is None or kind in self.components)
            and (self.names is None or name in self.names)
            and (self.keys is None or component.key in self.keys)
            and (self.tags is None or not self.tags.isdisjoint(component.tags))
            and (self.version is None or self.version.matches(component.version))
        )


class Shelf(Generic[C]):
    """The enabled components of one kind.

    Attributes:
        versions: by name or URI, all enabled versions, highest first.
        current: by name or URI, the highest: what a call without a version means, and what
            lists show.
        entries: of a list result, by era, made when first asked for.
        guarded: whether one of them is not for everybody.
    """

    __slots__ = ("_kind", "_rules", "current", "entries", "guarded", "versions")

    def __init__(self, kind: ComponentKind, all: Iterable[C], rules: Sequence[VisibilityRule]):
        self._kind: ComponentKind = kind
        self._rules = rules
        versions: dict[str, list[C]] = {}
        for component in list(all):  # a tool on a thread may add one meanwhile
            if self._enabled(component):
                versions.setdefault(component.identifier, []).append(component)
        for same_name in versions.values():
            same_name.sort(key=version_sort_key, reverse=True)
        self.versions = versions
        self.entries: dict[Era, list[dict[str, Any]]] = {}
        self.guarded = any(c.auth is not None for same in versions.values() for c in same)
        self.current = {name: same_name[0] for name, same_name in versions.items()}

    def all(self) -> list[C]:
        """Every version of every component, the lowest of a name first."""
        return [c for same_name in self.versions.values() for c in reversed(same_name)]

    def admits(self, component: C) -> bool:
        """Whether a provider's component is seen beside these: it is enabled, and none has its
        name."""
        return component.identifier not in self.versions and self._enabled(component)

    def _enabled(self, component: C) -> bool:
        enabled = True
        for rule in self._rules:
            if rule.matches(self._kind, component.identifier, component):
                enabled = rule.enable
        return enabled

    def find(self, name: str, version: str | VersionSpec | None = None) -> C | None:
        """The enabled component of a name: the highest version, or the highest that fits.

        A component without a version fits whatever version is asked for.
        """
        if version is None:
            return self.current.get(name)
        spec = VersionSpec(eq=version) if isinstance(version, str) else version
        fitting = (c for c in self.versions.get(name, ()) if spec.matches(c.version))
        return next(fitting, None)


class View:
    """What a client sees of a registry: the components that its rules leave enabled.

    Attributes:
        offers_tasks: whether one of the tools can run as a task.
    """

    __slots__ = ("_dereference", "offers_tasks", "prompts", "resources", "templates", "tools")

    def __init__(
        self,
        components: dict[ComponentKind, dict[str, Any]],
        rules: Sequence[VisibilityRule],
        dereference: bool,
    ) -> None:
        self.tools: Shelf[Tool] = Shelf("tool", components["tool"].values(), rules)
        self.resources: Shelf[Resource] = Shelf("resource", components["resource"].values(), rules)
        self.templates: Shelf[ResourceTemplate] = Shelf(
            "template", components["template"].values(), rules
        )
        self.prompts: Shelf[Prompt] = Shelf("prompt", components["prompt"].values(), rules)
        self._dereference = dereference
        self.offers_tasks = any(tool.task_config.supports_tasks() for tool in self.tools.all())

    def match_template(
        self, uri: str, version: str | VersionSpec | None = None
    ) -> tuple[ResourceTemplate, dict[str, Any]] | None:
        """The first template that a URI fits, and its parameters."""
        for name in self.templates.current:
            template = self.templates.find(name, version)
            params = template.matches(uri) if template is not None else None
            if template is not None and params is not None:
                return template, params
        return None

    def wire(self, shelf: Shelf[Any], era: Era = Era.STATELESS) -> list[dict[str, Any]]:
        """The entries of a list result, in the order the components were added."""
        entries = shelf.entries.get(era)
        if entries is None:
            entries = shelf.entries[era] = [
                self._entry(component, shelf.versions[name], era)
                for name, component in shelf.current.items()
            ]
        return entries

    def wire_of(self, components: Iterable[FastMCPComponent], era: Era) -> list[dict[str, Any]]:
        """The entries of a list that middleware chose, one a name: its highest version."""
        versions: dict[str, list[FastMCPComponent]] = {}
        for component in components:
            versions.setdefault(component.identifier, []).append(component)
        for same_name in versions.values():
            same_name.sort(key=version_sort_key, reverse=True)
        return [self._entry(same_name[0], same_name, era) for same_name in versions.values()]

    def _entry(
        self, component: FastMCPComponent, versions: Sequence[FastMCPComponent], era: Era
    ) -> dict[str, Any]:
        if isinstance(component, Tool):
            entry = component.to_wire(dereference=self._dereference)
            if era is Era.HANDSHAKE:
                entry = suit_tool(entry)
        else:
            entry = component.to_wire()
        if component.version is None or len(versions) < 2:
            return entry
        meta = dict(entry.get("_meta") or {})
        known = [c.version for c in versions if c.version is not None]
        meta["fastmcp"] = {**meta.get("fastmcp", {}), "versions": known}
        return {**entry, "_meta": meta}


class SessionVisibility:
    """The visibility rules of one session, and the view they make."""

    def __init__(self) -> None:
        self.rules: list[VisibilityRule] = []
        self._view: View | None = None
        self._generation = -1

    def add(self, rules: Iterable[VisibilityRule]) -> None:
        self.rules.extend(rules)
        self._view = None

    def view(self, registry: Registry) -> View:
        """What this session sees; built again after a change of either side."""
        if self._view is None or self._generation != registry.generation:
            self._generation = registry.generation
            self._view = registry.view_with(self.rules)
        return self._view


class Registry:
    """Everything a server offers.

    Args:
        on_duplicate: what happens when a component with the same key is added again.
        dereference_schemas: list tools with the `$ref`s of their schemas written out.

    Attributes:
        on_change: is told which list changed; nothing is told before a listener is set.
        generation: grows with every change; what was derived from an older one is stale.
        mirrored: names of tools that had parameters which travel in headers as well. A call of any
            other has nothing to be checked.
    """

    def __init__(
        self, on_duplicate: DuplicatePolicy = "warn", dereference_schemas: bool = True
    ) -> None:
        self.on_duplicate: DuplicatePolicy = on_duplicate
        self.on_change: Callable[[Change], None] | None = None
        self.generation = 0
        self.mirrored: set[str] = set()
        self._dereference = dereference_schemas
        self._components: dict[ComponentKind, dict[str, Any]] = {kind: {} for kind in LIST_CHANGES}
        self._keys: dict[ComponentKind, dict[str, list[str]]] = {kind: {} for kind in LIST_CHANGES}
        self._rules: list[VisibilityRule] = []
        self._view: View | None = None
        self._viewed = 0

    @property
    def has_rules(self) -> bool:
        """Whether something has been shown or hidden."""
        return bool(self._rules)

    @property
    def view(self) -> View:
        """What every client sees that has no rules of its own."""
        view = self._view
        if view is None or self._viewed != self.generation:
            # Read first: what another thread changes while the view is built makes it stale.
            self._viewed = self.generation
            view = self._view = View(self._components, self._rules, self._dereference)
        return view

    def view_with(self, rules: Sequence[VisibilityRule]) -> View:
        """What a client sees whose session has rules of its own; they come last and win."""
        return View(self._components, [*self._rules, *rules], self._dereference)

    def add(self, component: Tool | Resource | ResourceTemplate | Prompt) -> Any:
        """Add a component by the duplicates policy. Returns the one that is there afterwards.

        Raises:
            ValueError: it is there already and the policy is "error"; or one name would have
                versioned and unversioned components; or clients would refuse a tool for where a
                parameter stands that is to travel in a header.
        """
        kind = _kind_of(component)
        if isinstance(component, Tool) and component.param_headers:
            # As it is listed: without `dereference_schemas` an annotation may be behind a `$ref`.
            param_headers(component.to_wire(dereference=self._dereference)["inputSchema"])
            self.mirrored.add(component.name)
        components = self._components[kind]
        key = component.key
        existing = components.get(key)
        if existing is not None:
            if self.on_duplicate == "error":
                raise ValueError(
                    f"Component already exists: {key}; give one of them another name, or the "
                    "server on_duplicate='replace' or 'ignore'"
                )
            if self.on_duplicate == "ignore":
                return existing
            if self.on_duplicate == "warn":
                _logger.warning(
                    "Component already exists: %s; it is replaced. Give one of them another name, "
                    "or the server on_duplicate='replace'",
                    key,
                )
        else:
            name = component.identifier
            keys = self._keys[kind].setdefault(name, [])
            if any((components[k].version is None) != (component.version is None) for k in keys):
                raise ValueError(_mixed(kind, name, component.version))
            keys.append(key)
        components[key] = component
        self._changed(kind)
        return component

    def remove(self, kind: ComponentKind, name: str, version: str | None = None) -> None:
        """Remove a component, or all versions of it.

        Raises:
            KeyError: there is none.
        """
        components = self._components[kind]
        known = self._keys[kind].get(name, [])
        keys = [key for key in known if version is None or components[key].version == version]
        if not keys:
            raise KeyError(f"No {kind} {name!r}" + (f" of version {version!r}" if version else ""))
        for key in keys:
            del components[key]
            known.remove(key)
        self._changed(kind)

    def show(self, rules: Iterable[VisibilityRule]) -> None:
        """Append visibility rules; the last one that matches a component decides."""
        added = list(rules)
        self._rules.extend(added)
        for kind in LIST_CHANGES:
            if any(rule.components is None or kind in rule.components for rule in added):
                self._changed(kind)

    def _changed(self, kind: ComponentKind) -> None:
        self._view = None
        self.generation += 1
        if self.on_change is not None:
            self.on_change(LIST_CHANGES[kind]())


def _mixed(kind: str, name: str, version: str | None) -> str:
    there, new = ("versioned", "unversioned") if version is None else ("unversioned", "versioned")
    return (
        f"Cannot add {new} {kind} {name!r}: there is {there} one of this name already; give each"
        " a version, or none"
    )


def _kind_of(component: FastMCPComponent) -> ComponentKind:
    if isinstance(component, Tool):
        return "tool"
    if isinstance(component, ResourceTemplate):
        return "template"
    if isinstance(component, Resource):
        return "resource"
    if isinstance(component, Prompt):
        return "prompt"
    raise TypeError(f"Not a tool, resource, template or prompt: {component!r}")
