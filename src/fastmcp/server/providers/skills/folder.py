"""One skill on the disk: which files it has, what they hold, and what is said of it.

What lies in a skill's directory was often written by strangers, and is handed to clients. So a
file of a skill is a regular file under the directory with no link on the way to it: links, pipes
and devices do not exist here, nor does a name that a URI cannot carry, nor one that begins with a
dot: what is kept under those, a repository or the keys in `.env`, was not meant to be handed out.
A skill that is larger than a host has to take (`MOST_FILES`, `LARGEST_SKILL`) is not walked to its
end, and no file beyond that size is read.

Everything is read anew when asked for; a digest and a front matter are kept while the file's stamp
(inode, size, times) stays. Everything here blocks on the file system: call it on a thread.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

from fastmcp.server.skills import LARGEST_SKILL, MOST_FILES, Skill, SkillFile
from fastmcp.utilities import frontmatter
from fastmcp.utilities.frontmatter import InvalidSkill

__all__ = ["MAIN_FILE", "SCHEME", "Head", "SkillFileInfo", "SkillFolder", "SkillInfo", "nameable"]

SCHEME: Final = "skill://"
MAIN_FILE: Final = "SKILL.md"
_MOST_DIRECTORIES: Final = 4096
_FRESH: Final = 2_000_000_000
"""Nanoseconds in which a file may change again without a new time of change."""
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # the opening of a pipe would wait for a writer
    | getattr(os, "O_BINARY", 0)
)
_Stamp: TypeAlias = tuple[int, int, int, int, int]


@dataclass
class SkillFileInfo:
    """One file of a skill.

    Attributes:
        path: under the skill's directory, with `/`.
        size: bytes.
        hash: `sha256:` and 64 hexadecimal digits.
    """

    path: str
    size: int
    hash: str


@dataclass
class SkillInfo:
    """What is known of a skill, at the moment it was asked for."""

    name: str
    description: str
    path: Path
    main_file: str
    files: list[SkillFileInfo] = field(default_factory=list[SkillFileInfo])
    frontmatter: dict[str, Any] = field(default_factory=dict[str, Any])


class Head(NamedTuple):
    """What a skill's main file says of it.

    Attributes:
        description: of the front matter, else the first line of the text.
        frontmatter: its values, empty where there are none.
        problem: what keeps it from being published as a skill, or None.
    """

    description: str
    frontmatter: dict[str, Any]
    problem: str | None


class _Survey(NamedTuple):
    """The files of a skill by their path, in order, and its directories."""

    files: dict[str, os.stat_result]
    directories: list[str]


class SkillFolder:
    """The directory of one skill.

    Args:
        directory: absolute, without links on the way.
        path: its place among the skills, such as `refunds` or `acme/refunds`.
        main_file: the name of the file that makes it a skill.
    """

    def __init__(self, directory: Path, path: str, main_file: str = MAIN_FILE) -> None:
        self.directory = directory
        self.path = path
        self.main_file = main_file
        self._digests: dict[str, tuple[_Stamp, SkillFileInfo]] = {}
        self._head: tuple[_Stamp, Head] | None = None

    @property
    def name(self) -> str:
        """The skill's name: that of its directory."""
        return self.path.rpartition("/")[2]

    def uri(self, path: str | None = None) -> str:
        """The URI of a file or directory, or of the skill's own directory."""
        whole = self.path if path is None else f"{self.path}/{path}"
        return SCHEME + quote(whole, safe="/")

    # single files

    def has(self, segments: Sequence[str]) -> bool:
        """Whether there is a file at this path."""
        path = self._plain(segments)
        return path is not None and path.is_file()

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: the skill has no such file.
            InvalidSkill: it is larger than a whole skill may be.
            OSError: it cannot be read.
        """
        return self._read(path)[0]

    def _plain(self, segments: Sequence[str]) -> Path | None:
        """The path of something under the directory that no link leads to or from."""
        if not segments or not all(map(nameable, segments)):
            return None
        path = self.directory.joinpath(*segments)
        try:
            return path if path.resolve(strict=True) == path else None
        except (OSError, RuntimeError, ValueError):  # nothing is there, or a loop of links
            return None

    def _read(self, path: str) -> tuple[bytes, os.stat_result]:
        plain = self._plain(path.split("/"))
        if plain is None:
            raise FileNotFoundError(path)
        descriptor = os.open(plain, _FLAGS)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise FileNotFoundError(path)
            with open(descriptor, "rb", closefd=False) as file:
                # What the system says of the size is not asked: a file may grow meanwhile.
                content = file.read(LARGEST_SKILL + 1)
        finally:
            os.close(descriptor)
        if len(content) > LARGEST_SKILL:
            raise InvalidSkill(f"{path} is larger than {LARGEST_SKILL} bytes")
        return content, facts

    # the skill

    def head(self) -> Head:
        """What the main file says.

        Raises:
            InvalidSkill: there is no readable main file, so there is nothing to serve.
        """
        plain = self._plain([self.main_file])
        try:
            if plain is None:
                raise InvalidSkill(f"it has no {self.main_file} that is a plain file")
            if self._head is not None and self._head[0] == _stamp(plain.lstat()):
                return self._head[1]
            content, facts = self._read(self.main_file)
            text = content.decode()
        except UnicodeDecodeError as error:
            raise InvalidSkill(f"its {self.main_file} is not UTF-8: {error.reason}") from error
        except OSError as error:
            raise InvalidSkill(f"its {self.main_file} cannot be read: {error.strerror}") from error
        head = self._head_of(text)
        self._head = (_stamp(facts), head) if _settled(facts) else None
        return head

    def _head_of(self, text: str) -> Head:
        values: dict[str, Any] = {}
        problem = None
        block, body = frontmatter.split(text)
        try:
            if block is None:
                raise InvalidSkill(f"its {self.main_file} begins with no front matter")
            values = frontmatter.parse(block)
            frontmatter.check(values, self.name)
        except InvalidSkill as error:
            problem = str(error)
        said = values.get("description")
        if not isinstance(said, str) or not said.strip():
            lines = (line.strip().lstrip("#").strip() for line in body.splitlines())
            said = next(filter(None, lines), f"Skill: {self.name}")[:200]
        return Head(said, values, problem)

    def survey(self) -> _Survey:
        """Every file and directory, in the order of their paths.

        Raises:
            InvalidSkill: there are more, or they are larger, than a skill may have.
        """
        files: dict[str, os.stat_result] = {}
        directories: list[str] = []
        size = 0
        waiting = [""]
        while waiting:
            under = waiting.pop()
            try:
                with os.scandir(self.directory / under) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError:  # gone meanwhile, or closed to us: then nothing in it can be read
                continue
            for entry in entries:
                if not nameable(entry.name):
                    continue
                path = f"{under}/{entry.name}" if under else entry.name
                if entry.is_dir(follow_symlinks=False):
                    directories.append(path)
                    waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    try:
                        files[path] = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    size += files[path].st_size
                if len(files) > MOST_FILES or len(directories) > _MOST_DIRECTORIES:
                    raise InvalidSkill(f"it has more than {MOST_FILES} files")
        if size > LARGEST_SKILL:
            raise InvalidSkill(f"its files are larger than {LARGEST_SKILL} bytes together")
        return _Survey(dict(sorted(files.items())), sorted(directories))

    def files(self) -> list[SkillFileInfo]:
        """Every file with its size and digest.

        Raises:
            InvalidSkill: as for `survey`.
        """
        known = self._digests
        digests: dict[str, tuple[_Stamp, SkillFileInfo]] = {}
        files: list[SkillFileInfo] = []
        for path, seen in self.survey().files.items():
            kept = known.get(path)
            if kept is not None and kept[0] == _stamp(seen):
                digests[path] = kept
                files.append(kept[1])
                continue
            try:
                content, facts = self._read(path)
            except OSError:  # gone meanwhile, or closed to us: nobody can read it
                continue
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            files.append(SkillFileInfo(path, len(content), digest))
            if _settled(facts):
                digests[path] = (_stamp(facts), files[-1])
        self._digests = digests
        return files

    def entry(self) -> Skill:
        """The skill as the extension tells of it.

        Raises:
            InvalidSkill: it does not meet the specification, and cannot be published.
        """
        head = self.head()
        if head.problem is not None:
            raise InvalidSkill(head.problem)
        resources = [SkillFile(self.uri(f.path), f.hash, f.size) for f in self.files()]
        return Skill(self.uri(self.main_file), head.frontmatter, resources)

    def info(self) -> SkillInfo:
        """All of it as FastMCP shows it.

        Raises:
            InvalidSkill: as for `head` and `survey`.
        """
        head = self.head()
        return SkillInfo(
            self.name,
            head.description,
            self.directory,
            self.main_file,
            self.files(),
            head.frontmatter,
        )


def nameable(segment: str) -> bool:
    """Whether a part of a path can be one of a URI, is not hidden, and leads nowhere else on any
    system."""
    if not segment or segment.startswith(".") or any(c in segment for c in "/\\\0"):
        return False
    try:
        segment.encode()
    except UnicodeEncodeError:  # bytes of a file name that are no text
        return False
    return True


def _stamp(facts: os.stat_result) -> _Stamp:
    return (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_mode)


def _settled(facts: os.stat_result) -> bool:
    """Whether a later change of the file will show in its times."""
    return abs(time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns)) > _FRESH
