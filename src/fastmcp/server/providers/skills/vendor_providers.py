"""The skills that other programs keep in a user's home, each in a place of its own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from fastmcp.server.providers.skills.directory_provider import SkillsDirectoryProvider
from fastmcp.server.providers.skills.skill_provider import SupportingFiles

__all__ = [
    "ClaudeSkillsProvider",
    "CodexSkillsProvider",
    "CopilotSkillsProvider",
    "CursorSkillsProvider",
    "GeminiSkillsProvider",
    "GooseSkillsProvider",
    "OpenCodeSkillsProvider",
    "VSCodeSkillsProvider",
]


class _VendorSkillsProvider(SkillsDirectoryProvider):
    """The skills of one program.

    Args:
        reload: see `SkillsDirectoryProvider`.
        supporting_files: see `SkillsDirectoryProvider`.
    """

    PLACES: ClassVar[tuple[str, ...]]

    def __init__(
        self, reload: bool = False, supporting_files: SupportingFiles = "template"
    ) -> None:
        roots = [Path(place).expanduser() for place in self.PLACES]
        super().__init__(roots, reload=reload, supporting_files=supporting_files)


class ClaudeSkillsProvider(_VendorSkillsProvider):
    """The skills of Claude Code."""

    PLACES = ("~/.claude/skills",)


class CursorSkillsProvider(_VendorSkillsProvider):
    """The skills of Cursor."""

    PLACES = ("~/.cursor/skills",)


class VSCodeSkillsProvider(_VendorSkillsProvider):
    """The skills of Visual Studio Code."""

    PLACES = ("~/.copilot/skills",)


class CodexSkillsProvider(_VendorSkillsProvider):
    """The skills of Codex; the system's come before the user's."""

    PLACES = ("/etc/codex/skills", "~/.codex/skills")


class GeminiSkillsProvider(_VendorSkillsProvider):
    """The skills of Gemini."""

    PLACES = ("~/.gemini/skills",)


class GooseSkillsProvider(_VendorSkillsProvider):
    """The skills of Goose."""

    PLACES = ("~/.config/agents/skills",)


class CopilotSkillsProvider(_VendorSkillsProvider):
    """The skills of GitHub Copilot."""

    PLACES = ("~/.copilot/skills",)


class OpenCodeSkillsProvider(_VendorSkillsProvider):
    """The skills of OpenCode."""

    PLACES = ("~/.config/opencode/skills",)
