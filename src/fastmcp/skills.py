"""Skills of a server, for clients: what is listed, and reading it checked (SEP-2640)."""

from __future__ import annotations

from fastmcp.client.extensions import ClientExtension
from fastmcp.utilities.skill_entries import (
    SKILLS_EXTENSION,
    GetSkillResult,
    ListSkillsResult,
    Skill,
    SkillFrontmatter,
    SkillResource,
)
from fastmcp.utilities.skill_reading import InvalidSkill, read_skill, read_skill_file

__all__ = [
    "GetSkillResult",
    "InvalidSkill",
    "ListSkillsResult",
    "Skill",
    "SkillFrontmatter",
    "SkillResource",
    "SkillsClientExtension",
    "read_skill",
    "read_skill_file",
]


class SkillsClientExtension(ClientExtension):
    """Declares that the client knows skills. Listing and reading them needs no declaration."""

    identifier = SKILLS_EXTENSION
