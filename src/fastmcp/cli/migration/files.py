"""Which files are looked at, how they are read, and how they are written: all of it or nothing.

A walk follows no links, looks at plain files alone, and leaves out what is large or binary. What
is written goes to a new file beside the old one, with its mode and owner, which then takes its
place; a file that changed since it was read is left alone.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from fastmcp.cli.migration.ignore import ALWAYS, KEPT, SKIPPED, Ignore

__all__ = ["LARGEST", "File", "read_begin", "read_file", "walk_files", "why", "write_file"]

LARGEST: Final = 512 * 1024
"""Bytes; a larger file was not written by a person, or is data."""
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class File:
    """A file as it was read."""

    path: Path
    data: bytes

    @cached_property
    def encoding(self) -> str:
        """UTF-8, or Latin-1 where it is not that: then every byte is a character, and stays."""
        try:
            self.data.decode("utf-8")
        except UnicodeDecodeError:
            return "latin-1"
        return "utf-8"

    @cached_property
    def text(self) -> str:
        """Its text, without a mark at its begin."""
        return self.data.removeprefix(_BOM).decode(self.encoding)

    def with_text(self, text: str) -> bytes:
        """Its bytes with another text, and the same mark."""
        mark = _BOM if self.data.startswith(_BOM) else b""
        return mark + text.encode(self.encoding)


def walk_files(path: Path) -> Iterator[Path]:
    """The files at `path`: itself, or those below it in order.

    Raises:
        OSError: `path` itself cannot be read.
    """
    if not path.is_dir():
        path.stat()
        yield path
        return
    with os.scandir(path):
        pass  # it can be read; what lies below may be unreadable
    yield from _walk(path)


def _walk(folder: Path) -> Iterator[Path]:
    waiting: list[tuple[Path, tuple[str, ...], list[tuple[int, Ignore]]]] = [(folder, (), [])]
    while waiting:
        here, parts, above = waiting.pop()
        try:
            with os.scandir(here) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        rules = [*above, *_ignore_of(here, len(parts))]
        folders: list[tuple[Path, tuple[str, ...], list[tuple[int, Ignore]]]] = []
        for entry in entries:
            below = (*parts, entry.name)
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    kept = entry.name in KEPT or not _ignored(rules, below, folder=True)
                    own = os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
                    if entry.name not in SKIPPED and kept and not own:
                        folders.append((here / entry.name, below, rules))
                elif entry.is_file(follow_symlinks=False):
                    always = entry.name in ALWAYS or entry.name.startswith(".env.")
                    if always or not _ignored(rules, below, folder=False):
                        yield here / entry.name
        waiting.extend(reversed(folders))


def _ignore_of(folder: Path, depth: int) -> Iterator[tuple[int, Ignore]]:
    file = folder / ".gitignore"
    with suppress(OSError):
        if file.is_file() and file.stat().st_size <= LARGEST:
            yield depth, Ignore(file.read_bytes().decode("utf-8", "replace"))


def _ignored(rules: list[tuple[int, Ignore]], parts: tuple[str, ...], folder: bool) -> bool:
    said = False
    for depth, ignore in rules:
        answer = ignore.says(parts[depth:], folder)
        said = said if answer is None else answer
    return said


def read_file(path: Path) -> File | None:
    """A file; None if it is large, binary or not a plain one.

    Raises:
        OSError: it cannot be read.
    """
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as opened:
        about = os.fstat(opened.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
            return None
        data = opened.read(LARGEST + 1)
    return None if len(data) > LARGEST or b"\0" in data else File(path, data)


def read_begin(path: Path, count: int) -> str:
    """The first bytes of a file; none, if it is not a plain one.

    Raises:
        OSError: it cannot be read.
    """
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as opened:
        plain = stat.S_ISREG(os.fstat(opened.fileno()).st_mode)
        return opened.read(count).decode("latin-1") if plain else ""


def why(error: OSError) -> str:
    """Why a file could not be read or written, in words."""
    return (error.strerror or str(error)).lower()


def write_file(file: File, text: str) -> None:
    """Put another text in the place of a file's.

    Raises:
        OSError: it cannot be written, or is another than it was when it was read.
    """
    path = file.path.resolve()
    about = path.stat()
    if not about.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise OSError("it may not be written")
    if about.st_nlink > 1:
        raise OSError("it has other names (hard links), which would keep the old text")
    handle, name = tempfile.mkstemp(prefix=".fastmcp-migrate-", dir=path.parent)
    try:
        with open(handle, "wb") as new:
            new.write(file.with_text(text))
            new.flush()
            os.fsync(new.fileno())
        with suppress(OSError):
            os.chown(name, about.st_uid, about.st_gid)
        os.chmod(name, stat.S_IMODE(about.st_mode))
        if path.read_bytes() != file.data:
            raise OSError("it changed while it was being migrated; run the command again")
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
