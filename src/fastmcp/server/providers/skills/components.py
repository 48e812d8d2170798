"""The resources of a skill: its files, and a manifest that no file holds.

A resource of a skill lists no `_meta` of FastMCP's: on these the extension wants none but its own
("Resource Metadata").
"""

from __future__ import annotations

import json
import mimetypes
from contextlib import suppress
from typing import Any, Final

from pydantic import Field

from fastmcp.exceptions import NotFoundError, ResourceError
from fastmcp.resources.base import Resource, ResourceContent, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.providers.skills.folder import SkillFolder
from fastmcp.utilities.frontmatter import InvalidSkill
from fastmcp.utilities.threads import run_in_thread

__all__ = ["MANIFEST", "SkillFileResource", "SkillFileTemplate", "SkillManifest", "mime_type_of"]

MANIFEST: Final = "_manifest"
_BYTES: Final = "application/octet-stream"
_TYPES: Final = mimetypes.MimeTypes()
"""Python's own table: what the system knows besides differs from machine to machine."""
_TYPES.add_type("text/markdown", ".md")


def mime_type_of(path: str) -> str:
    """The type of a file, by its name."""
    return _TYPES.guess_type(path)[0] or _BYTES


async def _read(folder: SkillFolder, path: str, mime_type: str) -> ResourceResult:
    """A file: text as text, byte for byte, and anything else as a blob."""
    uri = folder.uri(path)
    try:
        found = await run_in_thread(folder.read, path)
    except FileNotFoundError as error:
        raise NotFoundError(f"Unknown resource: {uri!r}") from error
    except InvalidSkill as error:
        raise ResourceError(f"Cannot read {uri}: {error}") from error
    except OSError as error:
        raise ResourceError(f"Cannot read {uri}: {error.strerror}") from error
    content: str | bytes = found
    if mime_type.startswith("text/"):
        with suppress(UnicodeDecodeError):
            content = found.decode()
    return ResourceResult([ResourceContent(content, mime_type)])


def _without_facts(entry: dict[str, Any], meta: dict[str, Any] | None) -> dict[str, Any]:
    entry.pop("_meta", None)
    return {**entry, "_meta": meta} if meta else entry


class SkillFileResource(Resource):
    """A file of a skill.

    Args:
        folder: the skill.
        path: under its directory.
    """

    folder: SkillFolder = Field(exclude=True, repr=False)
    path: str

    async def read(self) -> ResourceResult:
        return await _read(self.folder, self.path, self.mime_type)

    def _make_wire(self) -> dict[str, Any]:
        return _without_facts(super()._make_wire(), self.meta)


class SkillManifest(Resource):
    """The files of a skill with their sizes and digests, as JSON.

    Args:
        folder: the skill.
    """

    folder: SkillFolder = Field(exclude=True, repr=False)
    mime_type: str = "application/json"

    async def read(self) -> ResourceResult:
        try:
            files = await run_in_thread(self.folder.files)
        except InvalidSkill as error:
            raise ResourceError(f"Cannot read {self.uri}: {error}") from error
        listed = [{"path": file.path, "size": file.size, "hash": file.hash} for file in files]
        return self.convert_result(
            json.dumps({"skill": self.folder.path, "files": listed}, indent=2)
        )

    def _make_wire(self) -> dict[str, Any]:
        return _without_facts(super()._make_wire(), self.meta)


class SkillFileTemplate(ResourceTemplate):
    """All files of a skill beside its main file.

    Args:
        folder: the skill.
    """

    folder: SkillFolder = Field(exclude=True, repr=False)
    mime_type: str = _BYTES

    async def read(self, uri: str, params: dict[str, Any]) -> ResourceResult:
        path = str(params["path"])
        if (
            path == self.folder.main_file
        ):  # a resource of its own, which may be hidden from a client
            raise NotFoundError(f"Unknown resource: {uri!r}")
        return await _read(self.folder, path, mime_type_of(path))

    def _make_wire(self) -> dict[str, Any]:
        return _without_facts(super()._make_wire(), self.meta)
