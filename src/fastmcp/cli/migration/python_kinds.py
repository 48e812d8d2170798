"""Whose server an expression is: one of FastMCP, or one of the official SDK.

A name is followed to what it was bound to, through functions, classes, attributes and the other
files that are migrated together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Final

import libcst as cst

from fastmcp.cli.migration.knowledge import Knowledge, ServerKind
from fastmcp.cli.migration.python_source import Binding, Source, inside

__all__ = ["Kinds"]

_CLASSES: Final[dict[str, ServerKind]] = {
    "fastmcp.FastMCP": "fastmcp",
    "fastmcp.server.FastMCP": "fastmcp",
    "fastmcp.server.server.FastMCP": "fastmcp",
    "fastmcp.server.create_proxy": "fastmcp",
    "fastmcp.server.providers.proxy.create_proxy": "fastmcp",
    "fastmcp.server.proxy.FastMCPProxy": "fastmcp",
    "mcp.server.fastmcp.FastMCP": "sdk",
    "mcp.server.fastmcp.server.FastMCP": "sdk",
    "mcp.server.FastMCP": "sdk",
    "mcp.server.MCPServer": "sdk",
    "mcp.server.mcpserver.MCPServer": "sdk",
    "mcp.server.mcpserver.server.MCPServer": "sdk",
}
_QUOTED: Final = re.compile(r"FastMCP|MCPServer")
_FURTHEST: Final = 8
"""Steps that a name is followed."""
_MOST: Final = 20
"""Values of one name that are looked at."""


class Kinds:
    """The servers of one file."""

    def __init__(self, source: Source, known: Knowledge, where: str) -> None:
        self.source = source
        self.known = known
        self.where = where

    def of(self, node: cst.CSTNode | None, depth: int = 0) -> ServerKind | None:
        """Whose server an expression is; None if that cannot be told."""
        source = self.source
        if node is None or depth > _FURTHEST:
            return None
        if isinstance(node, cst.Await):
            return self.of(node.expression, depth + 1)
        if isinstance(node, cst.Call):
            return self._made_by(node.func, depth + 1)
        if isinstance(node, cst.Name):
            found = source.bound(node)
            imported = source.imports.get(node.value)
            if len(found) > _MOST:
                return None
            if found:
                return _common(self._kind_bound(one, depth + 1) for one in found)
            return None if imported is None else self._imported(imported.qualified)
        if isinstance(node, cst.Attribute):
            qualified = source.qualified(node)
            if qualified is not None:
                return self._imported(qualified)
            return _common(self.of(value, depth + 1) for value in self.attribute(node.attr.value))
        return None

    def _made_by(self, func: cst.CSTNode, depth: int) -> ServerKind | None:
        qualified = self.source.qualified(func)
        if qualified is not None:
            owner = qualified.rpartition(".")[0]  # FastMCP.as_proxy, FastMCP.from_openapi
            return _CLASSES.get(qualified) or _CLASSES.get(owner) or self._imported(qualified)
        if not isinstance(func, cst.Name):
            return None
        for node in self.source.definitions.get(func.value, []):
            if depth >= _FURTHEST:
                return None
            if isinstance(node, cst.FunctionDef):
                return self._returned(node, depth + 1)
            for base in node.bases:
                kind = self._made_by(base.value, depth + 1)
                if kind is not None:
                    return kind
        return None

    def _returned(self, function: cst.FunctionDef, depth: int) -> ServerKind | None:
        return self._annotated(function.returns) or _common(
            self.of(value, depth + 1) for value in self.source.returned(function)
        )

    def _annotated(self, annotation: cst.Annotation | None) -> ServerKind | None:
        if annotation is None:
            return None
        return _common(
            kind
            for node in inside(annotation)
            if (kind := _CLASSES.get(self.source.qualified(node) or "")) is not None
        )

    def _kind_bound(self, binding: Binding, depth: int) -> ServerKind | None:
        return self._annotated(binding.annotation) or self.of(binding.value, depth)

    def attribute(self, name: str) -> Iterator[cst.BaseExpression]:
        for node in self.source.assignments:
            for target in node.targets:
                place = target.target
                if isinstance(place, cst.Attribute) and place.attr.value == name:
                    yield node.value

    def _imported(self, qualified: str) -> ServerKind | None:
        """A server of another of these files."""
        module, _, name = qualified.rpartition(".")
        parts = [part for part in module.split(".") if part]
        if not parts:
            return None
        return _common(
            kind
            for (file, known), kind in self.known.servers.items()
            if known == name and _is_module(file, parts)
        )

    def export(self) -> None:
        """Tell other files which servers this one holds."""
        for name, found in self.source.bindings.items():
            values = [one for one in found if one.scope is self.source.module]
            kind = _common(self._kind_bound(one, 0) for one in values)
            if kind is not None:
                self.known.servers[self.where, name] = kind
        for name, nodes in self.source.definitions.items():
            node = nodes[0]
            if isinstance(node, cst.FunctionDef) and (kind := self._returned(node, 0)):
                self.known.servers[self.where, name] = kind

    def is_given(self, node: cst.CSTNode | None, depth: int = 0) -> bool:
        """Whether an expression is whatever a function is given, of which nothing is said."""
        if depth > _FURTHEST:
            return False
        if isinstance(node, cst.Name) and node.value not in ("self", "cls"):
            found = self.source.bound(node)
            return bool(found) and all(
                one.how == "parameter" and one.value is None and _says_server(one.annotation)
                for one in found
            )
        if isinstance(node, cst.Attribute) and self.source.qualified(node) is None:
            values = list(self.attribute(node.attr.value))
            return 0 < len(values) <= _MOST and all(
                self.is_given(value, depth + 1) for value in values
            )
        return False

    def only(self) -> ServerKind | None:
        """Whose servers the file imports, if it imports those of one alone."""
        return _common(
            kind
            for one in self.source.imports.values()
            if (kind := _CLASSES.get(one.qualified)) is not None
        )


def _says_server(annotation: cst.Annotation | None) -> bool:
    """Whether a parameter may be a server: nothing is said of it, or a quoted name of one."""
    if annotation is None:
        return True
    text = annotation.annotation
    return isinstance(text, cst.SimpleString) and bool(_QUOTED.search(text.value))


def _common(kinds: Iterable[ServerKind | None]) -> ServerKind | None:
    """The one kind that all are; None if they differ, or there is none."""
    found = list(dict.fromkeys(kinds))
    return found[0] if len(found) == 1 else None


def _is_module(file: str, parts: list[str]) -> bool:
    path = PurePath(file).with_suffix("").parts
    if path[-1:] == ("__init__",):
        path = path[:-1]
    return path[-len(parts) :] == tuple(parts)
