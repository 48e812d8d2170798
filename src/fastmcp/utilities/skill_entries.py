"""Skills by what their server says of them.

The extension for skills (`io.modelcontextprotocol/skills`) lists each with the front matter of its
SKILL.md and size and digest of every file. That is enough to choose by, so listing reads no file;
`skill_reading.py` does, and holds it against the entry.

Source: the extension's specification (SEP-2640), "Skill Entries".
"""

from __future__ import annotations

import logging
from typing import Any, Final, Literal, Self, cast
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, model_validator

from fastmcp.utilities import mcp_types

__all__ = [
    "SKILLS_EXTENSION",
    "GetSkillResult",
    "ListSkillsResult",
    "Skill",
    "SkillFrontmatter",
    "SkillResource",
    "sound_entries",
]

logger = logging.getLogger("fastmcp.client")

SKILLS_EXTENSION: Final = "io.modelcontextprotocol/skills"
_MAIN: Final = "SKILL.md"


class SkillFrontmatter(RootModel[dict[str, Any]]):
    """The front matter of a SKILL.md, with all that its author wrote in `root`."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        for field in ("name", "description"):
            if not isinstance(self.root.get(field), str) or not self.root[field].strip():
                raise ValueError(f"{field} is missing")
        return self

    @property
    def name(self) -> str:
        """What the skill is called."""
        return self.root["name"]

    @property
    def description(self) -> str:
        """What it is for."""
        return self.root["description"]


class SkillResource(BaseModel):
    """One file of a skill.

    Attributes:
        uri: to read it.
        digest: `sha256:` and 64 hexadecimal digits.
        size: bytes.
    """

    uri: str
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Skill(BaseModel):
    """A skill that a server lists.

    Attributes:
        uri: of its SKILL.md.
        frontmatter: of its SKILL.md.
        resources: all its files, or `dynamic` where the server cannot tell their digests.
    """

    model_config = ConfigDict(populate_by_name=True)

    uri: str
    frontmatter: SkillFrontmatter
    resources: list[SkillResource] | Literal["dynamic"]
    meta: dict[str, Any] | None = Field(default=None, alias="_meta")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        directory, _, main = self.uri.rpartition("/")
        if main != _MAIN:
            raise ValueError(f"{self.uri!r} is not the URI of a {_MAIN}")
        if unquote(directory).rpartition("/")[2] != self.frontmatter.name:
            raise ValueError(f"{self.uri!r} is not where {self.frontmatter.name!r} lies")
        if self.resources == "dynamic":
            return self
        uris = [file.uri for file in self.resources]
        if len(uris) != len(set(uris)) or self.uri not in uris:
            raise ValueError(f"its files are not all listed, each once, with its {_MAIN}")
        for uri in uris:
            if not self.holds(uri):
                raise ValueError(f"{uri!r} is not a file of the skill")
        return self

    def holds(self, uri: str) -> bool:
        """Whether a URI is that of a file in the skill's directory."""
        directory = self.uri.removesuffix(_MAIN)
        path = unquote(uri.removeprefix(directory))
        steps = path.replace("\\", "/").split("/")
        return uri.startswith(directory) and not {"", ".", ".."} & set(steps)


class ListSkillsResult(mcp_types.PaginatedResult, mcp_types.CacheableResult):
    """A page of a server's skills."""

    skills: list[Skill]


class GetSkillResult(mcp_types.CacheableResult):
    """One of a server's skills."""

    skill: Skill


def sound_entries(result: dict[str, Any]) -> dict[str, Any]:
    """A listing without the entries that are none: one bad skill must not hide the others."""
    given = result.get("skills")
    if not isinstance(given, list):
        return result
    sound: list[Any] = []
    for entry in cast("list[Any]", given):
        try:
            Skill.model_validate(entry)
        except ValidationError as exc:
            logger.warning("A skill of the server's is left out: %s", exc)
        else:
            sound.append(entry)
    return {**result, "skills": sound}
