"""What is shown: for people a diff, what to look at and what to do next; for programs JSON."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fastmcp.cli.migration.plan import Change, Plan

__all__ = ["as_json", "diff_of", "for_people"]

_RED: Final = "\x1b[31m"
_GREEN: Final = "\x1b[32m"
_BLUE: Final = "\x1b[36m"
_BOLD: Final = "\x1b[1m"
_PLAIN: Final = "\x1b[0m"


def diff_of(change: Change) -> list[str]:
    """The unified diff of a file, a line each, without line ends."""
    old = [line.rstrip("\r\n") for line in change.file.text.splitlines(keepends=True)]
    new = [line.rstrip("\r\n") for line in change.text.splitlines(keepends=True)]
    name = change.name.replace("\\", "/").lstrip("/")
    return [
        _printable(line)
        for line in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm="")
    ]


def for_people(plan: Plan, written: Sequence[str], colour: bool, write: bool) -> Iterator[str]:
    """The report, a line each.

    Args:
        written: names of the files that were written.
        colour: a terminal shows it.
        write: files were to be written.
    """
    changed = [change for change in plan.changes if change.changed]
    for change in changed:
        for line in diff_of(change):
            yield _coloured(line) if colour else line
    notes = [(change.name, note) for change in plan.changes for note in change.notes]
    if notes:
        yield from _headed("To look at:", colour, bool(changed))
        for name, note in notes:
            yield f"{_printable(name)}:{note.line}: {_printable(note.reason)}"
            yield f"    {_printable(note.advice)}"
    if plan.errors:
        yield from _headed("Not read or not written:", colour, bool(changed or notes))
        for name, why in plan.errors:
            yield f"{_printable(name)}: {_printable(why)}"
    if changed or notes or plan.errors:
        yield ""
    if write:
        yield f"{_files(len(written))} changed." if changed else "Nothing to change."
    elif changed:
        yield f"{_files(len(changed))} would change; --write changes them."
    else:
        yield "Nothing to change."


def as_json(plan: Plan, written: Sequence[str]) -> str:
    """The report as one JSON object.

    `files` has those that change, with their diffs and whether they were written; `notes` what to
    look at; `errors` what could not be read or written.
    """
    report: dict[str, Any] = {
        "files": [
            {
                "path": change.name,
                "written": change.name in written,
                "diff": "\n".join(diff_of(change)) + "\n",
            }
            for change in plan.changes
            if change.changed
        ],
        "notes": [
            {
                "path": change.name,
                "line": note.line,
                "reason": note.reason,
                "advice": note.advice,
            }
            for change in plan.changes
            for note in change.notes
        ],
        "errors": [{"path": name, "reason": why} for name, why in plan.errors],
    }
    return json.dumps(report, indent=2)


def _headed(title: str, colour: bool, gap: bool) -> Iterator[str]:
    if gap:
        yield ""
    yield f"{_BOLD}{title}{_PLAIN}" if colour else title


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _coloured(line: str) -> str:
    if line.startswith(("---", "+++")):
        return f"{_BOLD}{line}{_PLAIN}"
    sign = {"-": _RED, "+": _GREEN, "@": _BLUE}.get(line[:1])
    return line if sign is None else f"{sign}{line}{_PLAIN}"


def _printable(text: str) -> str:
    """A text that does nothing to a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode()
        for char in text
    )
