"""Every skill under some directories: those with a main file, at any depth."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from fastmcp.server.providers.skills.folder import MAIN_FILE, SkillFolder, nameable
from fastmcp.server.providers.skills.skill_provider import Folders, SkillFolders, SupportingFiles
from fastmcp.utilities.threads import run_in_thread

__all__ = ["SkillsDirectoryProvider"]


class SkillsDirectoryProvider(SkillFolders):
    """The skills under one or several directories.

    `root/refunds/SKILL.md` is the skill `refunds`, `root/acme/refunds/SKILL.md` is `acme/refunds`.
    A link in a root may lead to a skill that lies elsewhere; within a skill links are not followed.
    What begins with a dot is no skill, nor does it hold one.

    Args:
        roots: the directories; of two skills with one path that of the earlier root counts. A root
            that does not exist has no skills.
        reload: look for new and removed skills whenever something is asked for, and tell clients
            when the list has changed. Without it the skills are those that are there now; what
            their files hold is read anew either way.
        main_file_name: the file that makes a directory a skill. One by another name than SKILL.md
            is served as resources and not published by the extension.
        supporting_files: how all other files are found: "template" (by the manifest, and read
            through a template) or "resources" (each is listed).
        experimental_skills: accepted for compatibility; the extension is served either way.

    Raises:
        ValueError: a name that is none, or another word for `supporting_files`.
    """

    def __init__(
        self,
        roots: str | Path | Sequence[str | Path],
        reload: bool = False,
        main_file_name: str = MAIN_FILE,
        supporting_files: SupportingFiles = "template",
        *,
        experimental_skills: bool = False,
    ) -> None:
        super().__init__(main_file_name, supporting_files)
        given = [roots] if isinstance(roots, str | Path) else roots
        self._roots = [Path(root).expanduser().resolve() for root in given]
        self._reload = reload
        self._known: Folders = {}
        self._known = self._discover()
        if reload:
            self._seen = self._sign(self._known)

    async def _folders(self) -> Folders:
        if self._reload:
            self._known, seen = await run_in_thread(self._look)
            self._compare(seen)
        return self._known

    def _look(self) -> tuple[Folders, Hashable]:
        folders = self._discover()
        return folders, self._sign(folders)

    def _discover(self) -> dict[str, SkillFolder]:
        found: dict[str, SkillFolder] = {}
        for root in self._roots:
            for path, directory in _skills_under(root, self._main_file):
                if path in found:
                    continue
                folder = self._known.get(path)
                if folder is None or folder.directory != directory:
                    folder = SkillFolder(directory, path, self._main_file)
                found[path] = folder
        return dict(sorted(found.items()))

    def __repr__(self) -> str:
        roots = ", ".join(str(root) for root in self._roots)
        return f"{type(self).__name__}({roots}; {len(self._known)} skills)"


def _skills_under(root: Path, main_file: str) -> Iterator[tuple[str, Path]]:
    """The directories with a main file, and their paths under the root."""
    try:
        children = sorted(root.iterdir())
    except OSError:  # it does not exist, or is closed to us
        return
    for child in children:
        if not nameable(child.name):
            continue
        try:
            top = child.resolve(strict=True)
        except (OSError, RuntimeError):  # a link to nowhere, or to itself
            continue
        if root.is_relative_to(top):  # a link back: what it leads to is looked through already
            continue
        for directory, directories, files in os.walk(top):
            directories[:] = filter(nameable, directories)
            if main_file in files:
                under = Path(directory)
                yield "/".join([child.name, *under.relative_to(top).parts]), under
