"""All files together: read, understood, and what each is to become.

First everything is read to learn which servers there are and where, Python last, because it needs
what the others say; then what speaks of the old transport is read again and rewritten. A Python
file that has none of the words which matter is not parsed at all. Nothing is written here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from fastmcp.cli.migration.commands import (
    read_dockerfile,
    read_env,
    read_nginx,
    read_script,
    read_unit,
)
from fastmcp.cli.migration.edits import Findings, Note
from fastmcp.cli.migration.endpoints import Endpoints
from fastmcp.cli.migration.files import LARGEST, File, read_begin, read_file, walk_files, why
from fastmcp.cli.migration.knowledge import Knowledge, ServerKind, module_of
from fastmcp.cli.migration.python import read_python
from fastmcp.cli.migration.python_source import is_python
from fastmcp.cli.migration.structured import read_structured
from fastmcp.cli.migration.tree import Broken

__all__ = ["Change", "Plan", "make_plan", "rewrite"]

_Reader = Callable[[Findings, Knowledge, str], None]

_OLD: Final = re.compile(r"(?<![A-Za-z])sse(?![a-z])|SSE|Sse|sse_|/messages")
"""What a text has that speaks of the old transport."""
_SERVER: Final = re.compile(
    r"FastMCP|MCPServer|fastmcp|uvicorn|[0-9]:[0-9]|services:|\bmcp\b", re.ASCII
)
"""What a text has that says where servers are, or which version of the SDK is used."""
_OLD_PYTHON: Final = re.compile(
    r"[\"']sse[\"']|/sse\b|SSE(?:Transport|Connection)|MCPServer(?:Sse|SSE|HTTP)|Sse[A-Z]"
    r"|sse_(?:client|app|path)|run_sse_async|FASTMCP_SSE"
)
"""The same, of Python: names and texts, and not every comment that says SSE."""
_SERVER_PYTHON: Final = re.compile(
    r"(?:transport\s*=|\.run(?:_async)?\()\s*[\"'](?:http|streamable-http)[\"']"
    r"|http_app\(|run_http_async\(|run_streamable_http"
)
"""What a Python text has that serves Streamable HTTP already."""
_MADE: Final = re.compile(
    r"(?m)^(?:async[ ]+)?"
    r"(?:def[ ]+(\w+)\([^)]{0,600}\)[ ]*->[ ]*[\"']?|(\w+)[ ]*(?::[^=\n]{0,200})?=[ ]*)"
    r"(?:FastMCP|MCPServer)\b"
)
"""A server that other files may import, or a function that makes one."""
_FROM: Final = re.compile(
    r"(?m)^[ \t]*from[ \t]+([.\w]{1,200})[ \t]+import[ \t]+"
    r"(\([^)]{0,4000}\)|(?:[^\n\\]|\\\n){0,4000})"
)
_ALIAS: Final = re.compile(r"\b(\w{1,200})[ \t]+as[ \t]+(\w{1,200})\b")
_MEMBER: Final = re.compile(r"\b(\w{1,200})\.(?=(\w{1,200}))")
_SDK_IMPORT: Final = re.compile(r"from mcp\.server")
_REQUIREMENT: Final = re.compile(
    r"""(?m)(?:^|["'\s])mcp(?:\[[^\]\n]*\])?\s*((?:[~=<>!]=?=?\s*[0-9][0-9.*a-z]*\s*,?\s*)+)"""
)
_REQUIREMENT_FILES: Final = re.compile(
    r"requirements.*\.(?:txt|in)|pyproject\.toml|setup\.(?:py|cfg)"
)

_SHELLS: Final = frozenset((".sh", ".bash", ".zsh", ".ksh", ".bat", ".cmd", ".ps1", ".mk"))
_TREES: Final = frozenset((".json", ".jsonc", ".json5", ".yml", ".yaml", ".toml"))
_UNITS: Final = frozenset((".service", ".container"))
_SCRIPT_NAMES: Final = frozenset(("makefile", "gnumakefile", "procfile", "justfile"))


@dataclass(frozen=True)
class Change:
    """What a file is to become."""

    file: File
    name: str
    """As it is named to people."""
    text: str
    notes: list[Note]

    @property
    def changed(self) -> bool:
        """Whether that is another text."""
        return self.text != self.file.text


@dataclass
class Plan:
    """What all files are to become."""

    changes: list[Change] = field(default_factory=list[Change])
    errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Files that could not be read, and why."""


def make_plan(paths: Iterable[Path], endpoints: Endpoints) -> Plan:
    """Read the files at and below `paths`, and see what each is to become."""
    plan = Plan()
    files: dict[Path, tuple[File, str]] = {}
    for path in paths:
        try:
            for found in walk_files(path):
                _add(plan, files, found, asked=found == path)
        except OSError as error:
            plan.errors.append((str(path), why(error)))
    known = Knowledge(endpoints)
    python: list[tuple[str, str]] = []
    for file, name in files.values():
        text = file.text
        _learn_versions(known, text, name)
        if _reader_of(name, text) is read_python:
            _learn_names(known, text, name)
            python.append((text, name))
        else:
            rewrite(text, name, known)
    modules = {module_of(name) for _, name in python}
    for text, name in python:
        _learn_wants(known, text, name, modules)
    for text, name in python:
        rewrite(text, name, known)
    for file, name in files.values():
        if not _OLD.search(file.text):
            continue
        text, notes = rewrite(file.text, name, known)
        if notes or text != file.text:
            plan.changes.append(Change(file, name, text, notes))
    return plan


def rewrite(text: str, name: str, known: Knowledge) -> tuple[str, list[Note]]:
    """What the text of the file `name` is to become, and what is to be looked at in it.

    Args:
        known: what other files said; what this one says is added.
    """
    reader = _reader_of(name, text)
    if reader is None:
        return text, []
    old, server = (_OLD_PYTHON, _SERVER_PYTHON) if reader is read_python else (_OLD, _SERVER)
    speaks = old.search(text) is not None
    if not speaks and not server.search(text):
        return text, []
    found = Findings(text)
    try:
        reader(found, known, name)
    except Broken as broken:
        if not speaks or "mcp" not in text.lower():
            return text, []
        reason = f"This file was not looked at: {broken}."
        return text, [Note(broken.line, reason, "It speaks of SSE; see for yourself.")]
    if not speaks:
        return text, []
    became, notes = found.apply(), sorted(found.notes)
    if reader is read_python and became != text and not is_python(became):
        reason = "This file was left as it is: rewritten, it would be no Python any more."
        return text, [*notes, Note(1, reason, "It speaks of HTTP+SSE; see for yourself.")]
    return became, notes


def _reader_of(name: str, text: str) -> _Reader | None:
    """Who reads a file, by its name, or by its first line."""
    file = PurePath(name)
    lower, suffix = file.name.lower(), file.suffix.lower()
    if suffix in (".py", ".pyi", ".pyw"):
        return read_python
    if suffix in _TREES or lower in (".claude.json", ".mcp.json"):
        return read_structured
    if "dockerfile" in lower or "containerfile" in lower:
        return read_dockerfile
    if suffix in _UNITS:
        return read_unit
    if suffix in _SHELLS or lower in _SCRIPT_NAMES or lower.startswith("procfile"):
        return read_script
    if lower == ".env" or lower.startswith(".env.") or suffix == ".env" or lower == ".envrc":
        return read_env
    if suffix == ".conf" or "nginx" in lower:
        return read_nginx
    first = text[:100].partition("\n")[0]
    if first.startswith("#!") and not suffix:
        return read_python if "python" in first else read_script
    return None


def _learn_names(known: Knowledge, text: str, name: str) -> None:
    """Which servers a Python file holds for others, as its lines say it."""
    kind: ServerKind = "sdk" if _SDK_IMPORT.search(text) else "fastmcp"
    for made in _MADE.finditer(text):
        known.servers[name, made[1] or made[2]] = kind


def _learn_wants(known: Knowledge, text: str, name: str, modules: set[str]) -> None:
    """Which names of these modules a Python file uses, as its lines say it."""
    for found in _FROM.finditer(text):
        module = found[1].rpartition(".")[2] or PurePath(name).parent.name
        if module in modules:
            plain = re.sub(r"#[^\n]*|\bas[ \t]+\w+", " ", found[2])
            known.wanted |= {(module, each) for each in re.findall(r"\w+|\*", plain)}
    aliases: dict[str, set[str]] = {}
    for found in _ALIAS.finditer(text):
        aliases.setdefault(found[2], set()).add(found[1])
    for found in _MEMBER.finditer(text):
        for module in {found[1], *aliases.get(found[1], ())} & modules:
            known.wanted.add((module, found[2]))


def _is_read(path: Path, real: Path) -> bool:
    """Whether anyone reads a file, by its name and, where that says nothing, its first bytes."""
    name = _shown(path)
    if _reader_of(name, "") or _REQUIREMENT_FILES.fullmatch(path.name.lower()):
        return True
    if path.suffix:
        return False
    return _reader_of(name, read_begin(real, 100)) is not None


def _add(plan: Plan, files: dict[Path, tuple[File, str]], path: Path, asked: bool) -> None:
    try:
        real = path.resolve()
        if real in files or not (asked or _is_read(path, real)):
            return
        file = read_file(real)
    except OSError as error:
        if asked or _reader_of(path.name, ""):
            plan.errors.append((_shown(path), why(error)))
        return
    if file is None:
        if asked:
            reason = f"it is not a text file of at most {LARGEST // 1024} kB"
            plan.errors.append((_shown(path), reason))
        return
    files[real] = (file, _shown(path))


def _learn_versions(known: Knowledge, text: str, name: str) -> None:
    """Which major version of the official SDK a project asks for."""
    if not _REQUIREMENT_FILES.fullmatch(PurePath(name).name.lower()):
        return
    for found in _REQUIREMENT.finditer(text):
        clauses = re.findall(r"([~=<>!]=?=?)\s*([0-9]+)", found[1])
        lower = {int(major) for sign, major in clauses if sign in ("==", "~=", "===", ">=", ">")}
        upper = {int(major) for sign, major in clauses if sign in ("<", "<=")}
        exact = any(sign in ("==", "~=", "===") for sign, _ in clauses)
        if 2 in lower:
            known.sdk.add(2)
        elif (1 in lower and exact) or 2 in upper or 1 in upper:
            known.sdk.add(1)


def _shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    try:
        return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    except (OSError, ValueError):
        return str(path)
