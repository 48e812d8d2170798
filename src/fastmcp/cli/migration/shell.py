"""The words of a shell's text, with their places.

Enough of a shell to see where a command begins and which words it has: quotes, escapes, lines that
go on, comments, here-documents. Nothing is expanded; `$NAME` stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fastmcp.cli.migration.edits import Word

__all__ = ["commands_in"]

_BETWEEN: Final = frozenset(" \t\x0b\x0c")
_LINE: Final = frozenset("\r\n")
_BREAKS: Final = frozenset(";&|()")
_HERE: Final = re.compile(r"<<(-?)[ \t]*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\2")


def commands_in(
    text: str, start: int, end: int, escape: str = "\\", folded: bool = False
) -> Iterator[list[Word]]:
    """The commands in `text` from `start` to `end`, each as its words.

    Args:
        escape: the character that takes the meaning of the next one, and joins lines.
        folded: a line's end is a blank, as in YAML's folded text.
    """
    words: list[Word] = []
    here_documents: list[tuple[str, bool]] = []
    at = start
    while at < end:
        sign = text[at]
        if sign in _BETWEEN or (folded and sign in _LINE):
            at += 1
        elif sign == escape and _line_end(text, at + 1, end):
            at += 1 + _line_end(text, at + 1, end)
        elif sign in _LINE:
            at += _line_end(text, at, end)
            yield words
            words = []
            for mark, indented in here_documents:
                at = _skip_here(text, at, end, mark, indented)
            here_documents = []
        elif sign in _BREAKS:
            yield words
            words, at = [], at + 1
        elif sign == "#":
            at = _stop(text, at, end)
        elif sign in "<>":
            found = _HERE.match(text, at, end)
            if found is not None:
                here_documents.append((found[3], bool(found[1])))
            at = at + 1 if found is None else found.end()
        else:
            word = _word(text, at, end, escape)
            words.append(word)
            at = word.end
    yield words


def _line_end(text: str, at: int, end: int) -> int:
    """How long the line's end at that place is; 0 where there is none."""
    if text.startswith("\r\n", at, end):
        return 2
    return 1 if at < end and text[at] in _LINE else 0


def _stop(text: str, at: int, end: int) -> int:
    """Where the line at that place stops."""
    while at < end and text[at] not in _LINE:
        at += 1
    return at


def _skip_here(text: str, at: int, end: int, mark: str, indented: bool) -> int:
    """The place after a here-document."""
    while at < end:
        stop = _stop(text, at, end)
        line = text[at:stop]
        at = stop + _line_end(text, stop, end)
        if (line.lstrip("\t") if indented else line) == mark:
            break
    return at


def _word(text: str, start: int, end: int, escape: str) -> Word:
    value: list[str] = []
    at = start
    while at < end:
        sign = text[at]
        if sign in _BETWEEN or sign in _LINE or sign in _BREAKS or sign in "<>":
            break
        if sign == escape:
            if _line_end(text, at + 1, end):
                break
            value.append(text[at + 1 : min(at + 2, end)])
            at += 2
        elif sign in "\"'":
            stop = _quoted(text, at, end, escape if sign == '"' else "")
            value.append(_unescaped(text[at + 1 : stop], escape if sign == '"' else ""))
            at = stop + 1
        elif sign == "$" and text[at + 1 : at + 2] in ("(", "{"):
            stop = _closed(text, at + 1, end)
            value.append(text[at:stop])
            at = stop
        else:
            value.append(sign)
            at += 1
    return Word("".join(value), start, min(at, end))


def _quoted(text: str, at: int, end: int, escape: str) -> int:
    """Where the quote that opens at `at` is closed; the line's end, if it is not."""
    quote = text[at]
    place = at + 1
    while place < end:
        if text[place] == quote:
            return place
        place += 2 if escape and text[place] == escape else 1
    return _stop(text, at + 1, end)


def _unescaped(text: str, escape: str) -> str:
    if not escape or escape not in text:
        return text
    return re.sub(re.escape(escape) + r"(?:\r\n|[\r\n])", "", text).replace(escape + '"', '"')


def _closed(text: str, at: int, end: int) -> int:
    """The place after the bracket that closes the one at `at`; the line's end, if none does."""
    opens, closes = text[at], {"(": ")", "{": "}"}[text[at]]
    depth = 0
    place = at
    while place < end and text[place] not in _LINE:
        depth += (text[place] == opens) - (text[place] == closes)
        place += 1
        if not depth:
            break
    return place
