"""Skills as resources and as entries of the extension, whichever directories they lie in.

A directory with a main file is served as resources whatever the file says, as FastMCP serves it.
It is published as a skill, in `skills/list`, where it meets the Agent Skills specification. What
keeps a directory from either is logged once, with the reason, and never keeps another from it.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar
from urllib.parse import unquote

from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.bus import ResourcesChanged
from fastmcp.server.providers.skills.components import (
    MANIFEST,
    SkillFileResource,
    SkillFileTemplate,
    SkillManifest,
    mime_type_of,
)
from fastmcp.server.providers.skills.folder import (
    MAIN_FILE,
    SCHEME,
    Head,
    SkillFolder,
    SkillInfo,
    nameable,
)
from fastmcp.server.skills import DIRECTORY_TYPE, DirectoryEntry, Skill, SkillSource
from fastmcp.utilities.frontmatter import InvalidSkill
from fastmcp.utilities.threads import run_in_thread
from fastmcp.utilities.versions import VersionSpec

__all__ = ["SkillFolders", "SkillProvider", "SupportingFiles"]

_logger: Final = logging.getLogger("fastmcp.server.providers.skills")

_LONGEST_URI: Final = 3 * 4096
"""No path is longer than 4096 bytes, and none of its bytes takes more than three characters."""

SupportingFiles: TypeAlias = Literal["template", "resources"]
Folders: TypeAlias = Mapping[str, SkillFolder]
T = TypeVar("T")


class SkillFolders(SkillSource):
    """The skills of some directories.

    Args:
        main_file_name: the file that makes a directory a skill.
        supporting_files: how all other files are found: "template" (by the manifest, and read
            through a template) or "resources" (each is listed).

    Raises:
        ValueError: a name that is none, or another word for `supporting_files`.
    """

    def __init__(self, main_file_name: str, supporting_files: SupportingFiles) -> None:
        if not nameable(main_file_name):
            raise ValueError(f"main_file_name must be the name of a file, got {main_file_name!r}")
        if supporting_files not in ("template", "resources"):
            raise ValueError('supporting_files must be "template" or "resources"')
        self._main_file = main_file_name
        self._supporting_files: SupportingFiles = supporting_files
        self._said: set[tuple[str, str]] = set()
        self._seen: Hashable = None

    @abstractmethod
    async def _folders(self) -> Folders:
        """The directories by their place among the skills, in order."""

    # resources

    async def _list_resources(self) -> Sequence[Resource]:
        return await run_in_thread(self._resources, await self._folders())

    def _resources(self, folders: Folders) -> Sequence[Resource]:
        found: dict[str, Resource] = {}
        for folder in folders.values():
            files = self._try(folder, partial(self._files, folder))
            if files is None:
                continue
            main, *others = files
            # A skill in another's directory is listed as itself, and not as a file of the other.
            found[main.uri] = main
            for other in others:
                found.setdefault(other.uri, other)
        return list(found.values())

    def _files(self, folder: SkillFolder) -> list[Resource]:
        """The resources of a skill that are listed, its main file before the others."""
        made = [self._main(folder, folder.head()), self._manifest(folder)]
        if self._supporting_files == "resources":
            survey = self._try(folder, folder.survey)
            for path, facts in survey.files.items() if survey is not None else ():
                made.append(self._file(folder, path, facts.st_size))
        return made

    async def _get_resource(self, uri: str, version: VersionSpec | None = None) -> Resource | None:
        return await self._first(uri, self._resource)

    def _resource(self, folder: SkillFolder, segments: Sequence[str]) -> Resource | None:
        head = folder.head()
        path = "/".join(segments)
        if path == folder.main_file:
            return self._main(folder, head)
        if path == MANIFEST:
            return self._manifest(folder)
        if self._supporting_files == "resources" and folder.has(segments):
            return self._file(folder, path)
        return None

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        if self._supporting_files != "template":
            return ()
        return await run_in_thread(self._templates, await self._folders())

    def _templates(self, folders: Folders) -> Sequence[ResourceTemplate]:
        made = (self._try(folder, partial(self._checked, folder)) for folder in folders.values())
        return [template for template in made if template is not None]

    def _checked(self, folder: SkillFolder) -> ResourceTemplate:
        folder.head()  # raises where there is nothing to serve
        return self._template(folder)

    async def _get_resource_template(
        self, uri: str, version: VersionSpec | None = None
    ) -> ResourceTemplate | None:
        if self._supporting_files != "template":
            return None

        def ask(folder: SkillFolder, segments: Sequence[str]) -> ResourceTemplate | None:
            return self._checked(folder) if segments else None

        return await self._first(uri, ask)

    def _main(self, folder: SkillFolder, head: Head) -> Resource:
        return SkillFileResource(
            uri=folder.uri(folder.main_file),
            name=folder.name,
            description=head.description,
            mime_type="text/markdown",
            folder=folder,
            path=folder.main_file,
        )

    def _manifest(self, folder: SkillFolder) -> Resource:
        if folder.has([MANIFEST]):  # a file of its own, which has to be what its digest says
            return self._file(folder, MANIFEST)
        return SkillManifest(
            uri=folder.uri(MANIFEST),
            name=f"{folder.path}/{MANIFEST}",
            description=f"The files of the skill {folder.path}",
            folder=folder,
        )

    def _file(self, folder: SkillFolder, path: str, size: int | None = None) -> Resource:
        return SkillFileResource(
            uri=folder.uri(path),
            name=f"{folder.path}/{path}",
            description=f"A file of the skill {folder.path}",
            mime_type=mime_type_of(path),
            size=size,
            folder=folder,
            path=path,
        )

    def _template(self, folder: SkillFolder) -> ResourceTemplate:
        return SkillFileTemplate(
            uri_template=f"{folder.uri()}/{{path*}}",
            name=f"{folder.path}_files",
            description=f"The files of the skill {folder.path}",
            parameters={
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
            },
            folder=folder,
        )

    # the extension

    async def list_skills(self) -> Sequence[Skill]:
        folders = await self._folders()
        return await run_in_thread(self._entries, folders)

    def _entries(self, folders: Folders) -> Sequence[Skill]:
        if self._main_file != MAIN_FILE:  # a skill of the specification has a SKILL.md
            return ()
        entries = (self._try(folder, folder.entry) for folder in folders.values())
        return [entry for entry in entries if entry is not None]

    async def get_skill(self, uri: str) -> Skill | None:
        if self._main_file != MAIN_FILE:
            return None

        def ask(folder: SkillFolder, segments: Sequence[str]) -> Skill | None:
            return folder.entry() if segments == [MAIN_FILE] else None

        return await self._first(uri, ask)

    async def read_directory(self, uri: str) -> Sequence[DirectoryEntry] | None:
        return await self._first(uri, self._children)

    def _children(
        self, folder: SkillFolder, segments: Sequence[str]
    ) -> Sequence[DirectoryEntry] | None:
        head, survey = folder.head(), folder.survey()
        directory = "/".join(segments)
        if segments and directory not in survey.directories:
            return None
        children: dict[str, DirectoryEntry] = {}
        for path in survey.directories:
            parent, _, name = path.rpartition("/")
            if parent == directory:
                children[path] = {
                    "uri": folder.uri(path),
                    "name": name,
                    "mimeType": DIRECTORY_TYPE,
                }
        for path, facts in survey.files.items():
            if path.rpartition("/")[0] == directory:
                main = path == folder.main_file
                file = self._main(folder, head) if main else self._file(folder, path)
                children[path] = {**file.to_wire(), "size": facts.st_size}
        return [child for _, child in sorted(children.items())]

    # where things are

    async def _first(self, uri: str, ask: Callable[[SkillFolder, list[str]], T | None]) -> T | None:
        """What the skill that a URI lies in answers for the rest of its path, on a thread.

        The innermost is asked first; those around it have the same files as supporting ones.
        """
        if not uri.startswith(SCHEME) or len(uri) > _LONGEST_URI:
            return None
        folders = await self._folders()
        return await run_in_thread(self._innermost, folders, uri, ask)

    def _innermost(
        self, folders: Folders, uri: str, ask: Callable[[SkillFolder, list[str]], T | None]
    ) -> T | None:
        segments = unquote(uri[len(SCHEME) :]).split("/")
        deepest = max((path.count("/") for path in folders), default=0) + 1
        for length in range(min(len(segments), deepest), 0, -1):
            folder = folders.get("/".join(segments[:length]))
            if folder is None:
                continue
            found = self._try(folder, partial(ask, folder, segments[length:]))
            if found is not None:
                return found
        return None

    def _try(self, folder: SkillFolder, ask: Callable[[], T]) -> T | None:
        """What a directory answers, or None; why not is logged the first time."""
        try:
            return ask()
        except InvalidSkill as error:
            reason = str(error)
        except OSError as error:
            reason = f"it cannot be read: {error.strerror}"
        except Exception as error:  # a stranger's directory: in whatever way, it fails alone
            reason = f"it cannot be read: {type(error).__name__}: {error}"
        if (folder.path, reason) not in self._said:
            self._said.add((folder.path, reason))
            _logger.warning("%s is not served whole as a skill: %s", folder.directory, reason)
        return None

    # what changes

    def _sign(self, folders: Folders) -> Hashable:
        """What a list of the resources depends on."""
        signs: list[Hashable] = []
        for folder in folders.values():
            head = self._try(folder, folder.head)
            listed = self._supporting_files == "resources" and head is not None
            survey = self._try(folder, folder.survey) if listed else None
            files = () if survey is None else tuple(survey.files)
            signs.append((folder.path, head and head.description, files))
        return tuple(signs)

    def _compare(self, seen: Hashable) -> None:
        """Tell the servers where the list is not what it was at the last look."""
        if seen != self._seen:
            self._seen = seen
            self._changed(ResourcesChanged())


class SkillProvider(SkillFolders):
    """One skill.

    Args:
        skill_path: its directory; its name is the skill's.
        main_file_name: the file that has to be in it.
        supporting_files: see `SkillsDirectoryProvider`.

    Raises:
        FileNotFoundError: there is no such directory, or no main file in it.
        ValueError: see `SkillsDirectoryProvider`.
    """

    def __init__(
        self,
        skill_path: str | Path,
        main_file_name: str = MAIN_FILE,
        supporting_files: SupportingFiles = "template",
    ) -> None:
        super().__init__(main_file_name, supporting_files)
        directory = Path(skill_path).expanduser().resolve()
        if not directory.is_dir():
            raise FileNotFoundError(f"Skill directory not found: {directory}")
        self._folder = SkillFolder(directory, directory.name, main_file_name)
        if not self._folder.has([main_file_name]):
            raise FileNotFoundError(f"{directory} is no skill: it has no plain {main_file_name}")

    async def _folders(self) -> Folders:
        return {self._folder.path: self._folder}

    @property
    def skill_info(self) -> SkillInfo:
        """What is known of the skill. Reads its files.

        Raises:
            ValueError: it is no skill any more, or too large for one.
        """
        return self._folder.info()

    def __repr__(self) -> str:
        return f"SkillProvider({str(self._folder.directory)!r})"
