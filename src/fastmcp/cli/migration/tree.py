"""JSON, TOML and YAML as one kind of tree, whose leaves know their places in the text.

A scanner makes it, rules read it, and edits are made in the text itself: nothing is dumped, so
comments, order and indentation stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from fastmcp.cli.migration.edits import Findings, Word

__all__ = [
    "DEEPEST",
    "Broken",
    "Items",
    "Node",
    "Other",
    "Table",
    "insert_before",
    "insert_member",
    "skip",
    "walk",
    "words_of",
]

DEEPEST: Final = 100
"""Levels; what is nested deeper was not written by a person."""
_YAML_DASH: Final = re.compile(r"-[ \t]+")


class Broken(ValueError):
    """The text is not what its name says. The message says why, `line` where."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Other:
    """A number, a date, an expression: nothing that is edited."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: list[Node]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the order it is written."""

    entries: list[tuple[Word, Node]]
    start: int
    end: int

    def get(self, *names: str) -> Node | None:
        """The value of the first of these keys that is there."""
        for name in names:
            for key, value in self.entries:
                if key.value == name:
                    return value
        return None

    def text(self, *names: str) -> Word | None:
        """The value of the first of these keys that is there, if it is a string."""
        found = self.get(*names)
        return found if isinstance(found, Word) else None


Node: TypeAlias = Word | Table | Items | Other


def words_of(node: Node | None) -> list[Word]:
    """The strings of a list; none, if it holds anything else."""
    if not isinstance(node, Items):
        return []
    words = [item for item in node.items if isinstance(item, Word)]
    return words if len(words) == len(node.items) else []


def walk(node: Node) -> Iterator[Node]:
    """A tree's nodes, parents first; each once, however many aliases it has."""
    waiting = [node]
    seen: set[int] = set()
    while waiting:
        here = waiting.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        if isinstance(here, Table):
            waiting.extend(value for _, value in reversed(here.entries))
        elif isinstance(here, Items):
            waiting.extend(reversed(here.items))


def skip(pattern: re.Pattern[str], text: str, at: int, end: int | None = None) -> int:
    """The place after what a pattern matches at `at`; `at`, where it matches nothing."""
    found = pattern.match(text, at, len(text) if end is None else end)
    return at if found is None else found.end()


def insert_member(found: Findings, key: Word, name: str, value: str) -> None:
    """Put another member of a JSON object before `key`."""
    line_start = found.line_starts[found.line_of(key.start) - 1]
    before = found.text[line_start : key.start]
    gap = " " if before.strip() else _line_end(found, line_start) + before
    found.replace(key.start, key.start, f'"{name}": "{value}",{gap}')


def insert_before(found: Findings, word: Word, value: str) -> None:
    """Put another word of a list before `word`, in the way that one is written."""
    line_start = found.line_starts[found.line_of(word.start) - 1]
    before = found.text[line_start : word.start]
    raw = found.raw(word)
    quote = raw[0] if raw[:1] in ('"', "'") else ""
    dash = _YAML_DASH.search(before)
    if dash is not None and not before[: dash.start()].strip() and not before[dash.end() :].strip():
        gap = _line_end(found, line_start) + before
        separator = ""
    else:
        gap = _line_end(found, line_start) + before if not before.strip() else " "
        separator = ","
    found.replace(word.start, word.start, f"{quote}{value}{quote}{separator}{gap}")


def _line_end(found: Findings, at: int) -> str:
    if at == 0:
        return "\n"
    return "\r\n" if found.text[max(0, at - 2) : at] == "\r\n" else found.text[at - 1]
