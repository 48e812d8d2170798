"""A Python file as rules see it: its syntax tree with places, what names are, and what binds them.

libcst keeps every blank and comment; here it says what stands where, and edits are made in the
text, as everywhere. The file is parsed twice: first by Python itself, which refuses what is broken
or nested without end before anything deeper looks at it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from fastmcp.cli.migration.edits import Findings, Word
from fastmcp.cli.migration.tree import Broken, Items, Node, Other, Table

__all__ = ["Binding", "Imported", "Source", "arguments_of", "inside", "is_python", "tree_of"]

_DEEPEST: Final = 150
"""Levels of syntax; libcst walks a tree by recursion."""
_LARGEST: Final = 80_000
"""Nodes and lines together, thousands of lines of what people write: seconds for libcst."""
_LONG_NAME: Final = re.compile(rf"(?:\.\w++){{{_DEEPEST}}}")


@dataclass(frozen=True)
class Imported:
    """A name that an import binds."""

    qualified: str
    alias: cst.ImportAlias
    statement: cst.Import | cst.ImportFrom


@dataclass(frozen=True)
class Binding:
    """Something that gives a name its value."""

    value: cst.BaseExpression | None
    """None where that is no expression: a loop, a parameter without default, ..."""
    scope: cst.CSTNode
    how: Literal["assigned", "parameter", "other"]
    annotation: cst.Annotation | None = None


class Source:
    """One Python file, parsed.

    Args:
        found: takes what is found in it.

    Raises:
        Broken: it is no Python, or nested too deep.
    """

    def __init__(self, found: Findings) -> None:
        self.found = found
        _check(found.text)
        try:
            module = cst.parse_module(found.text)
            wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
            ranges = wrapper.resolve(PositionProvider)
        except cst.ParserSyntaxError as error:
            raise Broken(" ".join(error.message.split()), error.raw_line) from None
        except (RecursionError, tokenize.TokenError):
            raise Broken("it is nested too deep") from None
        self.module = module
        self._starts = _starts_of(found, module.code)
        self._ranges: Mapping[cst.CSTNode, CodeRange] = ranges
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.nodes = list(self._walk(module))
        self.imports: dict[str, Imported] = {}
        self.bindings: dict[str, list[Binding]] = {}
        self.loads: dict[str, list[cst.Name]] = {}
        for node in self.nodes:
            self._read(node)

    # --- places ------------------------------------------------------------------------------

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node begins and ends in the text."""
        place = self._ranges[node]
        starts = self._starts
        return (
            starts[place.start.line - 1] + place.start.column,
            starts[place.end.line - 1] + place.end.column,
        )

    def start(self, node: cst.CSTNode) -> int:
        """Where a node begins."""
        return self.span(node)[0]

    def replace(self, node: cst.CSTNode, text: str) -> None:
        """Write `text` for a node."""
        self.found.replace(*self.span(node), text)

    def note(self, node: cst.CSTNode, reason: str, advice: str) -> None:
        """List a node."""
        self.found.note(self.start(node), reason, advice)

    def line(self, node: cst.CSTNode) -> int:
        """The line a node begins in."""
        return self._ranges[node].start.line

    def word(self, node: cst.CSTNode | None) -> Word | None:
        """A string that is written out, with its place."""
        if not isinstance(node, cst.SimpleString) or "b" in node.prefix.lower():
            return None
        value = node.evaluated_value
        return Word(value, *self.span(node)) if isinstance(value, str) else None

    # --- the tree ----------------------------------------------------------------------------

    def _walk(self, module: cst.Module) -> Iterator[cst.CSTNode]:
        waiting: list[cst.CSTNode] = [module]
        while waiting:
            node = waiting.pop()
            yield node
            for child in reversed(node.children):
                self.parents[child] = node
                waiting.append(child)

    def above(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """What a node stands in, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def scope(self, node: cst.CSTNode) -> cst.CSTNode:
        """The function a node stands in, or the module."""
        for outer in self.above(node):
            if isinstance(outer, cst.FunctionDef | cst.Lambda):
                return outer
        return self.module

    @cached_property
    def calls(self) -> list[cst.Call]:
        """Every call."""
        return [node for node in self.nodes if isinstance(node, cst.Call)]

    @cached_property
    def assignments(self) -> list[cst.Assign]:
        """Every assignment."""
        return [node for node in self.nodes if isinstance(node, cst.Assign)]

    @cached_property
    def dicts(self) -> list[cst.Dict]:
        """Every dict that is written out."""
        return [node for node in self.nodes if isinstance(node, cst.Dict)]

    def entries(self, node: cst.Dict) -> Iterator[tuple[Word, cst.BaseExpression]]:
        """What is in a dict under keys that are written out."""
        for element in node.elements:
            key = self.word(element.key) if isinstance(element, cst.DictElement) else None
            if key is not None:
                yield key, element.value

    @cached_property
    def definitions(self) -> dict[str, list[cst.FunctionDef | cst.ClassDef]]:
        """Functions and classes by name."""
        found: dict[str, list[cst.FunctionDef | cst.ClassDef]] = {}
        for node in self.nodes:
            if isinstance(node, cst.FunctionDef | cst.ClassDef):
                found.setdefault(node.name.value, []).append(node)
        return found

    def returned(self, function: cst.FunctionDef) -> list[cst.BaseExpression | None]:
        """What a function returns."""
        return self._returns.get(function, [])

    @cached_property
    def _returns(self) -> dict[cst.CSTNode, list[cst.BaseExpression | None]]:
        found: dict[cst.CSTNode, list[cst.BaseExpression | None]] = {}
        for node in self.nodes:
            if isinstance(node, cst.Return):
                found.setdefault(self.scope(node), []).append(node.value)
        return found

    # --- names -------------------------------------------------------------------------------

    def qualified(self, node: cst.CSTNode | None) -> str | None:
        """The full name of something that was imported."""
        if isinstance(node, cst.Name):
            found = self.imports.get(node.value)
            return None if found is None else found.qualified
        if isinstance(node, cst.Attribute):
            base = self.qualified(node.value)
            return None if base is None else f"{base}.{node.attr.value}"
        return None

    def bound(self, name: cst.Name) -> list[Binding]:
        """What gives a name its value where it stands: in its function, else further out."""
        scope: cst.CSTNode = self.scope(name)
        while True:
            here = self._bound_in.get((name.value, scope), [])
            if here or scope is self.module:
                return here
            scope = self.scope(scope)

    @cached_property
    def _bound_in(self) -> dict[tuple[str, cst.CSTNode], list[Binding]]:
        found: dict[tuple[str, cst.CSTNode], list[Binding]] = {}
        for name, bindings in self.bindings.items():
            for binding in bindings:
                found.setdefault((name, binding.scope), []).append(binding)
        return found

    def constant(self, node: cst.CSTNode | None) -> cst.BaseExpression | None:
        """The expression itself, or the one that a name was assigned once and for all."""
        if not isinstance(node, cst.Name):
            return node if isinstance(node, cst.BaseExpression) else None
        found = self.bound(node)
        return found[0].value if len(found) == 1 and found[0].how == "assigned" else None

    def strange(self, name: str, used: Container[cst.Name]) -> list[cst.Name]:
        """Where a name is used, besides `used` and where it is only shown."""
        loads = self.loads.get(name, [])
        return [load for load in loads if load not in used and not self.shown(load)]

    def shown(self, name: cst.Name) -> bool:
        """Whether a name is only printed or logged where it stands."""
        parent = self.parents[name]
        if isinstance(parent, cst.FormattedStringExpression):
            return True
        call = self.parents.get(parent) if isinstance(parent, cst.Arg) else None
        if not isinstance(call, cst.Call):
            return False
        func = call.func
        if isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name):
            return func.value.value in ("logger", "logging", "log", "console")
        return isinstance(func, cst.Name) and func.value == "print"

    def default(self, node: cst.CSTNode | None) -> cst.BaseExpression | None:
        """The default of `os.getenv(NAME, default)` and `os.environ.get(NAME, default)`."""
        if not isinstance(node, cst.Call) or len(node.args) < 2:
            return None
        if self.qualified(node.func) in ("os.getenv", "os.environ.get", "os.environ.setdefault"):
            return node.args[1].value
        return None

    def number(self, node: cst.CSTNode | None) -> int | None:
        """A number that is written out, or is the default of a variable."""
        node = self.constant(node)
        if isinstance(node, cst.Call) and node.args and get_full_name_for_node(node) == "int":
            node = self.constant(node.args[0].value)
        node = self.default(node) or node
        if isinstance(node, cst.Integer):
            return node.evaluated_value
        word = self.word(node)
        return int(word.value) if word is not None and word.value.isdecimal() else None

    def _read(self, node: cst.CSTNode) -> None:
        if isinstance(node, cst.Import):
            for alias in node.names:
                name = get_full_name_for_node(alias.name) or ""
                local = alias.evaluated_alias or name.partition(".")[0]
                qualified = name if alias.evaluated_alias else local
                self.imports[local] = Imported(qualified, alias, node)
        elif isinstance(node, cst.ImportFrom) and not isinstance(node.names, cst.ImportStar):
            module = get_full_name_for_node(node.module) if node.module else ""
            base = "." * len(node.relative) + (module or "")
            for alias in node.names:
                local = alias.evaluated_alias or alias.evaluated_name
                qualified = f"{base}.{alias.evaluated_name}"
                self.imports[local] = Imported(qualified, alias, node)
        elif isinstance(node, cst.Assign):
            for target in node.targets:
                self._bind(target.target, node.value)
        elif isinstance(node, cst.AnnAssign):
            if isinstance(node.target, cst.Name):
                self._add(node.target, node.value, "assigned", node.annotation)
        elif isinstance(node, cst.NamedExpr):
            self._bind(node.target, node.value)
        elif isinstance(node, cst.AugAssign | cst.For | cst.CompFor):
            self._bind(node.target, None)
        elif isinstance(node, cst.AsName):
            self._bind(node.name, None)
        elif isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._add(node.name, None, "other")
        elif isinstance(node, cst.Param):
            self._add(node.name, node.default, "parameter", node.annotation)
        elif isinstance(node, cst.Name) and self._is_load(node):
            self.loads.setdefault(node.value, []).append(node)

    def _bind(self, target: cst.CSTNode, value: cst.BaseExpression | None) -> None:
        if isinstance(target, cst.Name):
            self._add(target, value, "assigned" if value is not None else "other")
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._bind(element.value, None)

    def _add(
        self,
        name: cst.Name,
        value: cst.BaseExpression | None,
        how: Literal["assigned", "parameter", "other"],
        annotation: cst.Annotation | None = None,
    ) -> None:
        scope = self.scope(name)
        if how == "other" and isinstance(scope, cst.FunctionDef) and scope.name is name:
            scope = self.scope(scope)
        self.bindings.setdefault(name.value, []).append(Binding(value, scope, how, annotation))

    def _is_load(self, name: cst.Name) -> bool:
        parent = self.parents[name]
        if isinstance(parent, cst.Attribute):
            return parent.value is name
        if isinstance(parent, cst.Arg):
            return parent.value is name
        if isinstance(parent, cst.Param | cst.FunctionDef | cst.ClassDef | cst.NamedExpr):
            named = parent.target if isinstance(parent, cst.NamedExpr) else parent.name
            return named is not name
        if isinstance(parent, cst.For | cst.CompFor | cst.AnnAssign | cst.AugAssign):
            return parent.target is not name
        return not isinstance(
            parent, cst.AssignTarget | cst.ImportAlias | cst.ImportFrom | cst.AsName
        )


def inside(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node, and all that stands in it."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        waiting.extend(here.children)


def arguments_of(call: cst.Call) -> tuple[list[cst.Arg], dict[str, cst.Arg]]:
    """The positional arguments before any star, and those with a keyword."""
    plain: list[cst.Arg] = []
    for arg in call.args:
        if arg.star or arg.keyword is not None:
            break
        plain.append(arg)
    return plain, {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}


def tree_of(source: Source, node: cst.CSTNode) -> Node:
    """A dict, list or string as the tree that configurations are read as."""
    word = source.word(node)
    if word is not None:
        return word
    start, end = source.span(node)
    if isinstance(node, cst.List | cst.Tuple):
        return Items([tree_of(source, element.value) for element in node.elements], start, end)
    if not isinstance(node, cst.Dict):
        return Other(start, end)
    return Table([(key, tree_of(source, value)) for key, value in source.entries(node)], start, end)


def is_python(text: str) -> bool:
    """Whether Python itself takes a text for Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _starts_of(found: Findings, code: str) -> list[int]:
    """Where the columns of each line are counted from: libcst leaves a leading form feed out.

    Raises:
        Broken: libcst has read another text than the one that is written.
    """
    if code == found.text:
        return found.line_starts
    theirs = Findings(code).line_starts
    if len(theirs) != len(found.line_starts):
        raise Broken("its lines cannot be told apart")
    ends = zip([*found.line_starts[1:], len(found.text)], [*theirs[1:], len(code)], strict=True)
    starts: list[int] = []
    for number, (start, their, (end, their_end)) in enumerate(
        zip(found.line_starts, theirs, ends, strict=True), 1
    ):
        line, read = found.text[start:end], code[their:their_end]
        if line != read and line.lstrip("\f") != read:
            raise Broken("it has signs that cannot be told apart", number)
        starts.append(start + len(line) - len(read))
    return starts


def _check(text: str) -> None:
    """Let Python itself look first.

    Raises:
        Broken: it is no Python, or nested too deep.
    """
    if _LONG_NAME.search(text):
        raise Broken("it is nested too deep")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        raise Broken(str(error.msg), error.lineno or 1) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Broken(" ".join(str(error).split()) or "it is nested too deep") from None
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    left = _LARGEST - text.count("\n")
    while waiting:
        node, depth = waiting.pop()
        left -= 1
        if left < 0:
            raise Broken("it is too large")
        if depth + _links(node) > _DEEPEST:
            raise Broken("it is nested too deep", getattr(node, "lineno", 1))
        waiting.extend(
            (child, depth + 1)
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.expr_context)
        )
    if text.count('"') + text.count("'") > 2 * _DEEPEST:
        _check_strings(text)


def _links(node: ast.AST) -> int:
    """Levels that libcst has where `ast` has a list: chains of `or`, and of dots in imports."""
    if isinstance(node, ast.BoolOp):
        return len(node.values)
    if isinstance(node, ast.alias):
        return node.name.count(".")
    return (node.module or "").count(".") if isinstance(node, ast.ImportFrom) else 0


def _check_strings(text: str) -> None:
    """Strings side by side, which `ast` has joined, are levels for libcst too."""
    links = inside = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        inside += (kind == "FSTRING_START") - (kind == "FSTRING_END")
        if kind in ("STRING", "FSTRING_END"):
            links += 1
        elif kind not in ("NL", "COMMENT", "FSTRING_START") and not inside:
            links = 0
        if links > _DEEPEST:
            raise Broken("it has too many strings side by side", token.start[0])
