"""Names that change, in their imports and wherever they are used; arguments that are left out."""

from __future__ import annotations

import re
from typing import Final

import libcst as cst

from fastmcp.cli.migration.python_source import Imported, Source

__all__ = ["Renames", "drop_argument", "drop_import"]

_REST_OF_LINE: Final = re.compile(r"[ \t]*(?:\r\n?|\n|\Z)")


class Renames:
    """The names of one file that change."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.used: dict[str, list[tuple[cst.Name, str]]] = {}

    def use(self, func: cst.BaseExpression, new: str) -> None:
        """Where the name is used, which is now that of `new` (with its module)."""
        name = new.rpartition(".")[2]
        if isinstance(func, cst.Attribute):
            self.source.replace(func.attr, name)
        elif isinstance(func, cst.Name):
            self.used.setdefault(func.value, []).append((func, new))

    def settle(self) -> None:
        """Change the imports, and the names."""
        for local, uses in self.used.items():
            imported = self.source.imports[local]
            new = uses[0][1]
            module, _, name = new.rpartition(".")
            loads = self.source.loads.get(local, [])
            calls = [load for load in loads if _is_called(self.source, load)]
            classes = name[:1].isupper()
            every = {used for used, _ in uses}.issuperset(calls if classes else loads)
            for load in loads if every else [used for used, _ in uses]:
                if imported.alias.asname is None or not every:
                    self.source.replace(load, name)
            self._import(imported, module, name, every)

    def _import(self, imported: Imported, module: str, name: str, every: bool) -> None:
        statement = imported.statement
        if not isinstance(statement, cst.ImportFrom) or isinstance(statement.names, cst.ImportStar):
            return
        names = list(statement.names)
        same_module = imported.qualified.rpartition(".")[0] == module
        there = any(
            one.alias.evaluated_name == name and one.alias is not imported.alias
            for one in self.source.imports.values()
        )
        if every and there and len(names) > 1:
            _drop_alias(self.source, names, imported.alias)
        elif every and (same_module or len(names) == 1):
            self.source.replace(imported.alias.name, name)
            if not same_module and statement.module is not None:
                self.source.replace(statement.module, module)
        else:
            if every:
                _drop_alias(self.source, names, imported.alias)
            if not there:
                self._add(statement, module, name)

    def _add(self, statement: cst.ImportFrom, module: str, name: str) -> None:
        """Another import in the line after one."""
        found = self.source.found
        start, end = self.source.span(statement)
        line_start = found.line_starts[found.line_of(start) - 1]
        indent = found.text[line_start:start]
        newline = self.source.module.default_newline
        new = f"from {module} import {name}"
        if indent.strip():
            found.replace(end, end, f"; {new}")
        else:
            found.replace(start, start, f"{new}{newline}{indent}")


def drop_argument(source: Source, call: cst.Call, arg: cst.Arg) -> None:
    """Take an argument out of a call, with its comma; one with a comment is listed instead."""
    index = call.args.index(arg)
    start, end = source.start(arg), source.span(arg.value)[1]
    if index + 1 < len(call.args):
        end = source.start(call.args[index + 1])
    elif index:
        start = source.span(call.args[index - 1].value)[1]
    if "#" in source.found.text[start:end]:
        source.note(
            arg, "An argument that Streamable HTTP has not.", "Remove it, and see its comment."
        )
        return
    source.found.replace(start, end, "")


def drop_import(source: Source, func: cst.BaseExpression) -> None:
    """Take the name of a function out of its import, if it is used nowhere else."""
    if not isinstance(func, cst.Name) or len(source.loads.get(func.value, [])) != 1:
        return
    imported = source.imports[func.value]
    statement = imported.statement
    if isinstance(statement, cst.Import) or isinstance(statement.names, cst.ImportStar):
        return
    names = list(statement.names)
    if len(names) > 1:
        _drop_alias(source, names, imported.alias)
        return
    line = source.parents[statement]
    alone = isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1
    if alone and isinstance(source.parents.get(line), cst.Module):
        start, end = source.span(statement)
        rest = _REST_OF_LINE.match(source.found.text, end)
        if rest is not None:
            source.found.replace(start, rest.end(), "")


def _drop_alias(source: Source, names: list[cst.ImportAlias], alias: cst.ImportAlias) -> None:
    """Take one name out of an import of several."""
    index = names.index(alias)
    start = source.start(alias)
    if index + 1 < len(names):
        end = source.start(names[index + 1])
    else:
        before = names[index - 1]
        start = source.span(before.asname or before.name)[1]
        end = source.span(alias.asname or alias.name)[1]
    source.found.replace(start, end, "")


def _is_called(source: Source, load: cst.Name) -> bool:
    parent = source.parents[load]
    return isinstance(parent, cst.Call) and parent.func is load
