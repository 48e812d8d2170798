"""YAML, read by PyYAML's composer, which makes no objects but knows where everything stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import yaml

from fastmcp.cli.migration.edits import Word
from fastmcp.cli.migration.tree import DEEPEST, Broken, Items, Node, Other, Table

__all__ = ["read_yaml"]

_LARGEST: Final = 256 * 1024
"""Characters; PyYAML reads some hundred thousand a second."""


def read_yaml(text: str) -> list[Node]:
    """The trees of a YAML text's documents.

    Raises:
        Broken: it is none, is too long or nested too deep.
    """
    if len(text) > _LARGEST:
        raise Broken(f"it is longer than {_LARGEST // 1024} kB")
    try:
        composed = yaml.compose_all(text, yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # PyYAML has no types
        return [_Maker().node(one, 0) for one in cast("Iterator[Any]", composed)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = " ".join(str(error.problem or error.context).split())
        raise Broken(why, 1 if mark is None else mark.line + 1) from None
    except (yaml.YAMLError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise Broken(" ".join(why.split())) from None


class _Maker:
    """Makes each node once, however many aliases it has: they would else multiply."""

    def __init__(self) -> None:
        self.made: dict[int, Node] = {}

    def node(self, here: Any, depth: int) -> Node:
        if id(here) not in self.made:
            if depth > DEEPEST:
                raise Broken("it is nested too deep", here.start_mark.line + 1)
            start, end = here.start_mark.index, here.end_mark.index
            self.made[id(here)] = Other(start, end)  # met again inside of itself
            self.made[id(here)] = self.make(here, start, end, depth + 1)
        return self.made[id(here)]

    def make(self, here: Any, start: int, end: int, depth: int) -> Node:
        if isinstance(here, yaml.ScalarNode):
            return Word(str(here.value), start, end)
        if isinstance(here, yaml.SequenceNode):
            return Items([self.node(item, depth) for item in here.value], start, end)
        entries: list[tuple[Word, Node]] = []
        for key, value in here.value:
            name = self.node(key, depth)
            if isinstance(name, Word):
                entries.append((name, self.node(value, depth)))
        return Table(entries, start, end)
