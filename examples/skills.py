"""A directory of agent skills beside the tools they speak of.

fastmcp run examples/skills.py --transport http
"""

from pathlib import Path

from fastmcp import FastMCP
from fastmcp.server.providers.skills import SkillsDirectoryProvider

mcp = FastMCP("Skills", instructions="skill://git-workflow/SKILL.md says how we work.")
mcp.add_provider(SkillsDirectoryProvider(Path(__file__).parent / "skills", reload=True))


@mcp.tool
def branch_name(ticket: int, purpose: str) -> str:
    """The name of the branch for a ticket, as the skill wants it."""
    return f"{ticket}-{purpose.lower().replace(' ', '-')}"


if __name__ == "__main__":
    mcp.run()
