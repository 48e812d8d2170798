"""A skill's files, held against its entry before anything of them is used.

What is read has to be what was listed: size, digest, and for a SKILL.md its front matter, field by
field; whoever approved of one skill must not be given another. A skill whose server cannot tell
digests says `dynamic`, and only its front matter is compared.

Source: the extension's specification (SEP-2640), "Integrity and Verification".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any, Final, Protocol, cast

from fastmcp.utilities import mcp_types
from fastmcp.utilities.frontmatter import InvalidSkill, parse, split
from fastmcp.utilities.skill_entries import Skill, SkillResource

__all__ = ["InvalidSkill", "read_skill", "read_skill_file"]

_MOST_FILES: Final = 512
_LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a whole skill: what a host has to take ("Limits"); more is refused."""


class Reader(Protocol):
    """What is asked of a `fastmcp.Client`, which has to be connected."""

    async def read_resource(
        self, uri: str
    ) -> Sequence[mcp_types.TextResourceContents | mcp_types.BlobResourceContents]: ...


async def read_skill(client: Reader, skill: Skill) -> str:
    """The SKILL.md of a skill, if it is what was listed.

    Args:
        client: connected to the server that listed it.
        skill: from `client.list_skills()` or `client.get_skill(uri)`.
    Returns:
        Its text, with the front matter.
    Raises:
        InvalidSkill: it is not what was listed, and must not be used.
        McpError: it cannot be read.
    """
    content = await read_skill_file(client, skill, skill.uri)
    try:
        block, _ = split(content.decode("utf-8"))
    except UnicodeDecodeError as exc:
        raise InvalidSkill(f"{skill.uri} is not text") from exc
    found = {} if block is None else parse(block)
    listed = skill.frontmatter.root
    for field in {**listed, **found}:
        if field not in found or field not in listed or not _same(found[field], listed[field]):
            raise InvalidSkill(
                f"{skill.uri} is not what was listed: its front matter has another {field!r}. The "
                "skill is not used."
            )
    return content.decode("utf-8")


async def read_skill_file(client: Reader, skill: Skill, uri: str) -> bytes:
    """A file of a skill, if it is what was listed. Read `SKILL.md` with `read_skill`, and first.

    Args:
        client: connected to the server that listed it.
        skill: the skill's entry.
        uri: of the file.
    Raises:
        InvalidSkill: it is none of the skill's files, is too large, or is not what was listed.
        McpError: it cannot be read.
    """
    listed: SkillResource | None = None
    if not skill.holds(uri):
        raise InvalidSkill(f"{uri} is not a file of the skill {skill.frontmatter.name!r}")
    if skill.resources != "dynamic":
        files = {file.uri: file for file in skill.resources}
        if len(files) > _MOST_FILES or sum(file.size for file in files.values()) > _LARGEST:
            raise InvalidSkill(
                f"The skill {skill.frontmatter.name!r} is too large: a skill has at most "
                f"{_MOST_FILES} files and {_LARGEST} bytes"
            )
        listed = files.get(uri)
        if listed is None:
            raise InvalidSkill(f"{uri} is not listed among the skill's files")
    content = _bytes(uri, await client.read_resource(uri))
    if len(content) > _LARGEST:
        raise InvalidSkill(f"{uri} is larger than the {_LARGEST} bytes a skill may have")
    if listed is not None:
        if len(content) != listed.size:
            raise InvalidSkill(
                f"{uri} is not what was listed: it has {len(content)} bytes and not {listed.size}. "
                "The skill is not used."
            )
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != listed.digest:
            raise InvalidSkill(
                f"{uri} is not what was listed: its digest is another. The skill is not used."
            )
    return content


def _bytes(
    uri: str,
    read: Sequence[mcp_types.TextResourceContents | mcp_types.BlobResourceContents],
) -> bytes:
    if len(read) != 1:
        raise InvalidSkill(f"{uri} was answered with {len(read)} contents, and a file is one")
    [found] = read
    try:
        if isinstance(found, mcp_types.TextResourceContents):
            return found.text.encode()
        return base64.b64decode(found.blob, validate=True)
    except (ValueError, binascii.Error) as exc:
        raise InvalidSkill(f"{uri} cannot be read: {exc}") from exc


def _same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are the same; Python's `True` is no number there."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        ones, others = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return ones.keys() == others.keys() and all(_same(ones[key], others[key]) for key in ones)
    if isinstance(one, list) and isinstance(other, list):
        items = cast("list[Any]", one), cast("list[Any]", other)
        return len(items[0]) == len(items[1]) and all(map(_same, *items))
    return bool(one == other)
