"""What a walk does not look at: version control, environments, caches, and what `.gitignore` says.

The patterns of `.gitignore` that people write are followed: `*`, `?`, `[...]`, `**`, `!`, and
slashes. They are matched part by part with `fnmatch`, so no pattern can take long.
"""

from __future__ import annotations

import fnmatch
import functools
from dataclasses import dataclass
from typing import Final

__all__ = ["ALWAYS", "KEPT", "SKIPPED", "Ignore"]

SKIPPED: Final = frozenset(
    (
        *(".git", ".hg", ".svn", ".jj"),
        *("node_modules", "bower_components", "site-packages", "__pycache__", ".eggs"),
        *(".venv", "venv", ".tox", ".nox", ".direnv", ".terraform"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".cache", ".hypothesis"),
    )
)
"""Folders that hold nothing a person writes."""

KEPT: Final = frozenset((".vscode", ".cursor", ".claude", ".gemini", ".codex", ".roo", ".windsurf"))
"""Folders of settings that are looked at although they are ignored, as they often are."""

ALWAYS: Final = frozenset(
    (".env", ".mcp.json", "mcp.json", "fastmcp.json", ".claude.json", "settings.json")
)
"""Files likewise."""

_LONGEST: Final = 1000
"""Lines of a `.gitignore` that are followed."""


@dataclass(frozen=True)
class _Pattern:
    parts: tuple[str, ...]
    folders_only: bool
    keep: bool


class Ignore:
    """The patterns of one `.gitignore`.

    Args:
        text: of the file.
    """

    def __init__(self, text: str) -> None:
        self.patterns = [
            pattern
            for line in text.splitlines()[:_LONGEST]
            if (pattern := _parse(line.strip())) is not None
        ]

    def says(self, parts: tuple[str, ...], folder: bool) -> bool | None:
        """Whether a path below the file's folder is ignored; None if nothing is said of it."""
        said: bool | None = None
        for pattern in self.patterns:
            if (folder or not pattern.folders_only) and _matches(pattern.parts, parts):
                said = not pattern.keep
        return said


def _parse(line: str) -> _Pattern | None:
    if not line or line.startswith("#"):
        return None
    keep = line.startswith("!")
    body = line[1:] if keep else line
    folders_only = body.endswith("/")
    body = body.rstrip("/")
    if not body:
        return None
    anchored = "/" in body
    parts = tuple(part for part in body.split("/") if part)
    return _Pattern(parts if anchored else ("**", *parts), folders_only, keep)


def _matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    @functools.cache
    def match(at: int, here: int) -> bool:
        if at == len(pattern):
            return here == len(path)
        if pattern[at] == "**":
            return match(at + 1, here) or (here < len(path) and match(at, here + 1))
        return (
            here < len(path)
            and fnmatch.fnmatchcase(path[here], pattern[at])
            and match(at + 1, here + 1)
        )

    return match(0, 0)
