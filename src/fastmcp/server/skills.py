"""Agent skills, as the extension `io.modelcontextprotocol/skills` tells of them (SEP-2640).

A skill is a directory of files, and every file is a resource; that is all an older client needs.
The extension adds what a host wants to know before it lets a model act on one: the front matter of
its `SKILL.md`, and a digest of every file. Here is what a source of skills can be asked; how the
answers travel is `features/skills.py`.

Source: the extension's specification, `specification/stable/skills.mdx` in the repository
modelcontextprotocol/ext-skills. It is one of the stateless era.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from fastmcp.server.providers.base import Provider

__all__ = [
    "DIRECTORY_TYPE",
    "EXTENSION",
    "LARGEST_SKILL",
    "MOST_FILES",
    "SETTINGS",
    "Skill",
    "SkillFile",
    "SkillSource",
]

EXTENSION: Final = "io.modelcontextprotocol/skills"
SETTINGS: Final = {"directoryRead": True}
DIRECTORY_TYPE: Final = "inode/directory"
MOST_FILES: Final = 512
LARGEST_SKILL: Final = 16 * 1024 * 1024
"""Bytes of all files of a skill, and with MOST_FILES what every host has to take ("Limits")."""


class SkillFile(msgspec.Struct, frozen=True):
    """One file of a skill (`SkillResource` of the specification).

    Attributes:
        digest: `sha256:` and 64 hexadecimal digits, of the raw bytes.
        size: bytes.
    """

    uri: str
    digest: str
    size: int


class Skill(msgspec.Struct, frozen=True):
    """The entry of one skill ("Skill Entries").

    Attributes:
        uri: of its SKILL.md.
        frontmatter: of its SKILL.md, with all that the author wrote.
        resources: every file, or "dynamic" where there can be no digests.
    """

    uri: str
    frontmatter: dict[str, Any]
    resources: Sequence[SkillFile] | Literal["dynamic"]


DirectoryEntry: TypeAlias = dict[str, Any]
"""A child of a directory as a JSON-ready `Resource`."""


class SkillSource(Provider, ABC):
    """A provider whose resources are skills. A server that has one declares the extension."""

    @abstractmethod
    async def list_skills(self) -> Sequence[Skill]:
        """The entries of its skills, always in the same order."""

    @abstractmethod
    async def get_skill(self, uri: str) -> Skill | None:
        """The entry of the skill whose SKILL.md has this URI; None where there is none."""

    @abstractmethod
    async def read_directory(self, uri: str) -> Sequence[DirectoryEntry] | None:
        """The children of a directory; None where the URI is not a directory's."""
