"""Skills of a server, for a program that wants them as files.

A server that serves skills, ours or FastMCP's, has a manifest for each, `skill://NAME/_manifest`.
What is fetched is held against it, size and digest, before anything is written; it is written
beside its place and moved there whole, so that no half of a skill is ever found. A server is not
trusted with more than the one directory: a path that would leave it is refused, and so is a name
that is none of a skill or lies in another one, for what lies where programs look is executed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast
from urllib.parse import quote, unquote

from fastmcp.utilities import mcp_types
from fastmcp.utilities.threads import run_in_thread

__all__ = [
    "SkillFile",
    "SkillManifest",
    "SkillSummary",
    "download_skill",
    "get_skill_manifest",
    "list_skills",
    "sync_skills",
]

_SCHEME: Final = "skill://"
_MAIN_FILE: Final = "SKILL.md"
_MAIN: Final = f"/{_MAIN_FILE}"
_NAME: Final = re.compile(r"(?=.{1,64}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
"""By the Agent Skills specification; the extension puts skills into directories, named alike."""
_REPOSITORY: Final = (".git", "git~1")
"""What Git takes for a repository, whose configuration and hooks it executes."""
_MOST_FILES: Final = 512
_LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a whole skill: what a host has to take, by the extension for skills."""


class Client(Protocol):
    """What is asked of a `fastmcp.Client`, which has to be connected."""

    async def list_resources(self) -> list[mcp_types.Resource]: ...

    async def read_resource(
        self, uri: str
    ) -> Sequence[mcp_types.TextResourceContents | mcp_types.BlobResourceContents]: ...


@dataclass
class SkillSummary:
    """A skill that a server lists."""

    name: str
    description: str
    uri: str


@dataclass
class SkillFile:
    """A file of a skill.

    Attributes:
        path: under the skill's directory.
        size: bytes.
        hash: `sha256:` and 64 hexadecimal digits.
    """

    path: str
    size: int
    hash: str


@dataclass
class SkillManifest:
    """A skill and all its files."""

    name: str
    files: list[SkillFile]


async def list_skills(client: Client) -> list[SkillSummary]:
    """The skills among a server's resources: whatever is a `skill://NAME/SKILL.md`."""
    found: list[SkillSummary] = []
    for resource in await client.list_resources():
        uri = str(resource.uri)
        if uri.startswith(_SCHEME) and uri.endswith(_MAIN):
            name = unquote(uri[len(_SCHEME) : -len(_MAIN)])
            found.append(SkillSummary(name, resource.description or "", uri))
    return found


async def get_skill_manifest(client: Client, skill_name: str) -> SkillManifest:
    """The files of a skill.

    Args:
        client: connected to the server.
        skill_name: as `list_skills` gives it.
    Raises:
        ValueError: what the server says is no manifest, or one of a skill that is too large.
        McpError: the server has no such skill.
    """
    read = await client.read_resource(_uri(skill_name, "_manifest"))
    text = getattr(read[0], "text", None) if read else None
    try:
        manifest: Any = json.loads(text) if isinstance(text, str) else {}
        files = [_file(file) for file in manifest["files"]]
        name: Any = manifest["skill"]
        if not isinstance(name, str):
            raise TypeError("skill is no text")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"Invalid manifest of the skill {skill_name!r}: {error}") from error
    if len(files) > _MOST_FILES or sum(file.size for file in files) > _LARGEST:
        raise ValueError(
            f"The skill {skill_name!r} is too large: a skill has at most {_MOST_FILES} files and"
            f" {_LARGEST} bytes"
        )
    return SkillManifest(name, files)


def _file(given: Any) -> SkillFile:
    if not isinstance(given, Mapping):
        raise TypeError("a file is no object")
    entry = cast("Mapping[str, Any]", given)
    path, size, digest = entry["path"], entry["size"], entry["hash"]
    if not isinstance(path, str) or not isinstance(digest, str):
        raise TypeError("path and hash are no texts")
    if not isinstance(size, int) or size < 0:
        raise TypeError("size is no count of bytes")
    return SkillFile(path, size, digest)


async def download_skill(
    client: Client, skill_name: str, target_dir: str | Path, *, overwrite: bool = False
) -> Path:
    """Download a skill into a directory of its own.

    Args:
        client: connected to the server.
        skill_name: as `list_skills` gives it.
        target_dir: where the skill's directory will be.
        overwrite: replace the directory if it is there already.
    Returns:
        The skill's directory.
    Raises:
        FileExistsError: it is there already, and `overwrite` is False.
        ValueError: a name that is none of a skill or lies in or around another one, a path that
            leads elsewhere, a file that is not what the manifest says, a manifest without a
            SKILL.md, or none. Nothing has been written then.
        McpError: the server has no such skill, or not one of its files.
    """
    name = _name(skill_name)
    place = await run_in_thread(_place, Path(target_dir), name)
    if not overwrite and await run_in_thread(place.exists):
        raise FileExistsError(f"{place} is there already; overwrite=True replaces it")
    manifest = await get_skill_manifest(client, skill_name)
    files = {_segments(file.path): file for file in manifest.files}
    if (_MAIN_FILE,) not in files:
        raise ValueError(f"{skill_name!r} is not a skill: its manifest has no {_MAIN_FILE}")
    for segments in files:
        if any(segments[:length] in files for length in range(1, len(segments))):
            raise ValueError(f"{'/'.join(segments)!r} lies in a file of the same skill")
    contents = {
        segments: await _fetch(client, _uri(skill_name, file.path), file)
        for segments, file in files.items()
    }
    # Looked at again: other downloads may have come to that place, or around it, meanwhile.
    place = await run_in_thread(_place, Path(target_dir), name)
    await run_in_thread(_write, place, contents, overwrite)
    return place


async def sync_skills(
    client: Client, target_dir: str | Path, *, overwrite: bool = False
) -> list[Path]:
    """Download every skill that a server lists.

    A skill that lies in another one comes with it, as files of that one.

    Args:
        client: connected to the server.
        target_dir: where the skills' directories will be.
        overwrite: replace those that are there already; they are left alone otherwise.
    Returns:
        The directories that were written.
    Raises:
        ValueError: as for `download_skill`.
    """
    written: list[Path] = []
    skills = await list_skills(client)
    names = {skill.name for skill in skills}
    for skill in skills:
        parts = skill.name.split("/")
        if any("/".join(parts[:length]) in names for length in range(1, len(parts))):
            continue
        try:
            written.append(
                await download_skill(client, skill.name, target_dir, overwrite=overwrite)
            )
        except FileExistsError:
            continue
    return written


def _uri(skill_name: str, path: str) -> str:
    return _SCHEME + quote(f"{skill_name}/{path}", safe="/")


def _name(skill_name: str) -> tuple[str, ...]:
    """The parts of a skill's name, each of which could be one itself."""
    segments = tuple(skill_name.split("/"))
    if not all(map(_NAME.fullmatch, segments)):
        raise ValueError(f"{skill_name!r} is not the name of a skill: it is refused")
    return segments


def _segments(path: str) -> tuple[str, ...]:
    """The parts of a path that leads downwards on any system, and into no repository."""
    segments = tuple(path.split("/"))
    for segment in segments:
        plain = segment.rstrip(". ").casefold()  # Windows leaves these away
        # `plain` is empty for "", "." and "..".
        if not plain or plain in _REPOSITORY or any(c in segment for c in "\\:\0"):
            raise ValueError(f"{path!r} is not a path inside of a skill: it is refused")
    return segments


async def _fetch(client: Client, uri: str, file: SkillFile) -> bytes:
    """The content of a file, if it is what the manifest says."""
    read = await client.read_resource(uri)
    found = read[0] if read else None
    try:
        if isinstance(found, mcp_types.TextResourceContents):
            content = found.text.encode()
        elif found is not None:
            content = base64.b64decode(found.blob, validate=True)
        else:
            raise ValueError("the server sent nothing")
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"Cannot read {uri}: {error}") from error
    if len(content) != file.size or f"sha256:{hashlib.sha256(content).hexdigest()}" != file.hash:
        raise ValueError(f"{uri} is not what the manifest says: nothing is written")
    return content


def _place(target: Path, segments: Sequence[str]) -> Path:
    place = target.expanduser().resolve().joinpath(*segments)
    if place.resolve() != place:
        raise ValueError(f"{place} is a link, or lies behind one: it is not written to")
    # What lies in another skill is run by that one's programs, and what lies around it would take
    # its place. Above the target it is the caller's choice.
    around = place.parents[: len(segments)]
    if any((directory / _MAIN_FILE).exists() for directory in around) or _holds_skills(place):
        raise ValueError(f"{place} lies in or around another skill: it is not written to")
    return place


def _holds_skills(place: Path) -> bool:
    """Whether skills lie under a directory that is none itself: in one, they are files of it."""
    if (place / _MAIN_FILE).exists():
        return False
    return any(_MAIN_FILE in files for _, _, files in os.walk(place))


def _write(place: Path, contents: Mapping[tuple[str, ...], bytes], overwrite: bool) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as beside:
        made = Path(beside) / "new"
        made.mkdir()
        for segments, content in contents.items():
            file = made.joinpath(*segments)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        old = Path(beside) / "old"
        if overwrite and place.exists():
            place.rename(old)
        try:
            made.rename(place)
        except BaseException:  # without it, what was there would go with the rest
            if old.exists():
                old.rename(place)
            raise
