"""What is to be done to one text: pieces replaced, and places a person must look at.

A rewriter never writes a text anew. It names pieces and what to put there, so that whatever it
does not name (comments, order, indentation, line endings) stays as it is, byte for byte.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

__all__ = ["Findings", "Note", "Word"]

_LINE_END: Final = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Word:
    """A value that stands somewhere: a word of a command, a string, a scalar.

    `start` and `end` are the place of its raw form, with quotes where it has some.
    """

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """A place that was left as it is."""

    line: int
    reason: str
    """What stands there and why it is left."""
    advice: str
    """What a person should look at."""


@dataclass
class Findings:
    """What a rewriter found in one text."""

    text: str
    edits: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    notes: set[Note] = field(default_factory=set[Note])
    seen: set[int] = field(default_factory=set[int])
    """Where words begin that were edited, or understood and left."""
    noted: set[int] = field(default_factory=set[int])
    """Lines that were listed."""

    @cached_property
    def line_starts(self) -> list[int]:
        """Where each line begins; lines end as Python, JSON and YAML end them."""
        return [0, *(found.end() for found in _LINE_END.finditer(self.text))]

    def line_of(self, offset: int) -> int:
        """The number of the line at `offset`, from 1."""
        return bisect.bisect_right(self.line_starts, offset)

    def raw(self, word: Word) -> str:
        """A word as it is written."""
        return self.text[word.start : word.end]

    def replace(self, start: int, end: int, text: str) -> None:
        """Put `text` in the place from `start` to `end`."""
        self.edits[start, end] = text
        self.seen.add(start)

    def replace_in(self, word: Word, old: str, new: str) -> bool:
        """Put `new` for `old` inside of a word; False where its raw form does not show `old` once,
        because of escapes for example: then the place is noted."""
        raw = self.raw(word)
        if raw.count(old) != 1:
            self.note(
                word.start,
                f"{old} is written in a way that cannot be edited safely.",
                f"Write {new} instead, by hand.",
            )
            return False
        at = word.start + raw.index(old)
        self.replace(at, at + len(old), new)
        return True

    def note(self, offset: int, reason: str, advice: str) -> None:
        """List a place."""
        line = self.line_of(offset)
        self.notes.add(Note(line, reason, advice))
        self.noted.add(line)

    def understood(self, *words: Word | None) -> None:
        """Say that these words need not be listed."""
        self.seen |= {word.start for word in words if word is not None}

    def touches(self, start: int, end: int) -> bool:
        """Whether something in that place is replaced, listed or understood."""
        lines = range(self.line_of(start), self.line_of(max(start, end - 1)) + 1)
        return not self.noted.isdisjoint(lines) or not self.seen.isdisjoint(range(start, end))

    def apply(self) -> str:
        """The text with its pieces replaced; where two overlap, the first alone."""
        parts: list[str] = []
        done = 0
        for (start, end), new in sorted(self.edits.items()):
            if start < done:
                continue
            parts += [self.text[done:start], new]
            done = end
        return "".join([*parts, self.text[done:]])
