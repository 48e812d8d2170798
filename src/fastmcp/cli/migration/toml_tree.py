"""TOML: `tomllib` says whether it is any, and what stands here says where its values are."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from fastmcp.cli.migration.edits import Findings, Word
from fastmcp.cli.migration.tree import DEEPEST, Broken, Items, Node, Other, Table, skip

__all__ = ["read_toml"]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*+")
_SPACE: Final = re.compile(r"[ \t]*+")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]++")
_ATOM: Final = re.compile(r"[^\s,\]}#]++(?: [0-9:.+-]++)?")
_STRINGS: Final = [
    re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*+"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'{1,2}(?!'))*+'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*+"'),
    re.compile(r"'[^'\n]*+'"),
]


def read_toml(text: str) -> Table:
    """The tree of a TOML text; `[a.b]` is a table inside of a table.

    Raises:
        Broken: it is none.
    """
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r"\(at line ([0-9]+)", str(error))
        raise Broken(str(error), int(found[1]) if found else 1) from None
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.root = Table([], 0, len(text))

    def blank(self, at: int) -> int:
        return skip(_BLANK, self.text, at)

    def space(self, at: int) -> int:
        return skip(_SPACE, self.text, at)

    def document(self) -> Table:
        here = self.root
        at = self.blank(0)
        while at < len(self.text):
            if self.text[at] == "[":
                double = 2 if self.text[at : at + 2] == "[[" else 1
                keys, at = self.keys(self.space(at + double))
                here = self.table(self.root, keys, new=double == 2)
                at = self.blank(at + double)
            else:
                at = self.blank(self.entry(here, at, 0))
        return self.root

    def entry(self, into: Table, at: int, depth: int) -> int:
        keys, at = self.keys(at)
        value, at = self.value(self.space(at + 1), depth)
        *path, last = keys
        self.table(into, path, new=False).entries.append((last, value))
        return at

    def keys(self, at: int) -> tuple[list[Word], int]:
        """A key with dots, and the place after it and its space."""
        keys: list[Word] = []
        while True:
            if self.text[at : at + 1] in ("'", '"'):
                key, at = self.string(at)
            else:
                found = _BARE.match(self.text, at)
                if found is None:
                    raise self.lost(at)
                key, at = Word(found[0], at, found.end()), found.end()
            keys.append(key)
            at = self.space(at)
            if self.text[at : at + 1] != ".":
                return keys, at
            at = self.space(at + 1)

    def table(self, root: Table, keys: list[Word], new: bool) -> Table:
        """The table at that path, made where there is none; with `new` another of that name."""
        here = root
        for key in keys:
            last = key is keys[-1]
            found = [value for name, value in here.entries if name.value == key.value]
            inner = found[-1] if found else None
            if not isinstance(inner, Table) or (last and new):
                inner = Table([], key.start, key.end)
                here.entries.append((key, inner))
            here = inner
        return here

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        if depth > DEEPEST:
            raise self.lost(at)
        sign = self.text[at : at + 1]
        if sign in ('"', "'"):
            return self.string(at)
        if sign == "[":
            items: list[Node] = []
            start, at = at, self.blank(at + 1)
            while self.text[at : at + 1] != "]":
                item, at = self.value(at, depth + 1)
                items.append(item)
                at = self.comma(at)
            return Items(items, start, at + 1), at + 1
        if sign == "{":
            table = Table([], at, at)
            at = self.blank(at + 1)
            while self.text[at : at + 1] != "}":
                at = self.comma(self.entry(table, at, depth + 1))
            return table, at + 1
        found = _ATOM.match(self.text, at)
        if found is None:
            raise self.lost(at)
        return Other(at, found.end()), found.end()

    def comma(self, at: int) -> int:
        at = self.blank(at)
        return self.blank(at + 1) if self.text[at : at + 1] == "," else at

    def string(self, at: int) -> tuple[Word, int]:
        for pattern in _STRINGS:
            found = pattern.match(self.text, at)
            if found is not None:
                value: Any = tomllib.loads(f"a = {found[0]}")["a"]
                return Word(value, at, found.end()), found.end()
        raise self.lost(at)

    def lost(self, at: int) -> Broken:
        line = Findings(self.text).line_of(at)
        return Broken("it is written in a way that is not followed", line)
