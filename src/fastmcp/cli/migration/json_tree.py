"""JSON as people keep it in configurations: with comments and trailing commas."""

from __future__ import annotations

import json
import re
from typing import Final

from fastmcp.cli.migration.edits import Findings, Word
from fastmcp.cli.migration.tree import DEEPEST, Broken, Items, Node, Other, Table, skip

__all__ = ["read_json"]

_BLANK: Final = re.compile(r"(?:[\s\ufeff]+|//[^\r\n]*|/\*(?:[^*]|\*(?!/))*\*/)*+")
_STRING: Final = re.compile(r'"(?:[^"\\\r\n]|\\.)*+"')
_ATOM: Final = re.compile(r"[-+.\w]++")


def read_json(text: str) -> Node:
    """The tree of a JSON text.

    Raises:
        Broken: it is none.
    """
    reader = _Reader(text)
    node, at = reader.value(reader.blank(0), 0)
    at = reader.blank(at)
    if at != len(text):
        raise reader.broken(at, "something follows the end of the value")
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def broken(self, at: int, why: str) -> Broken:
        return Broken(why, Findings(self.text).line_of(at))

    def blank(self, at: int) -> int:
        return skip(_BLANK, self.text, at)

    def value(self, at: int, depth: int) -> tuple[Node, int]:
        if depth > DEEPEST:
            raise self.broken(at, "it is nested too deep")
        sign = self.text[at : at + 1]
        if sign == '"':
            return self.string(at)
        if sign == "{":
            return self.table(at, depth)
        if sign == "[":
            return self.items(at, depth)
        found = _ATOM.match(self.text, at)
        if found is None:
            raise self.broken(at, "a value is missing")
        return Other(at, found.end()), found.end()

    def string(self, at: int) -> tuple[Word, int]:
        found = _STRING.match(self.text, at)
        if found is None:
            raise self.broken(at, "a string does not end")
        try:
            value = json.loads(found[0], strict=False)
        except ValueError:
            raise self.broken(at, "a string has an escape that JSON does not know") from None
        return Word(value, at, found.end()), found.end()

    def table(self, start: int, depth: int) -> tuple[Table, int]:
        entries: list[tuple[Word, Node]] = []
        at = self.blank(start + 1)
        while self.text[at : at + 1] != "}":
            if self.text[at : at + 1] != '"':
                raise self.broken(at, "a key in quotes is missing")
            key, at = self.string(at)
            at = self.blank(at)
            if self.text[at : at + 1] != ":":
                raise self.broken(at, "a colon is missing after a key")
            value, at = self.value(self.blank(at + 1), depth + 1)
            entries.append((key, value))
            at = self.comma(at, "}")
        return Table(entries, start, at + 1), at + 1

    def items(self, start: int, depth: int) -> tuple[Items, int]:
        items: list[Node] = []
        at = self.blank(start + 1)
        while self.text[at : at + 1] != "]":
            item, at = self.value(at, depth + 1)
            items.append(item)
            at = self.comma(at, "]")
        return Items(items, start, at + 1), at + 1

    def comma(self, at: int, end: str) -> int:
        at = self.blank(at)
        if self.text[at : at + 1] == ",":
            return self.blank(at + 1)
        if self.text[at : at + 1] != end:
            raise self.broken(at, f"a comma or {end} is missing")
        return at
