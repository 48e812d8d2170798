"""Downloading skills: whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Client, FastMCP
from fastmcp.exceptions import McpError
from fastmcp.server.providers.skills import SkillsDirectoryProvider
from fastmcp.utilities.skills import (
    SkillFile,
    SkillManifest,
    SkillSummary,
    download_skill,
    get_skill_manifest,
    list_skills,
    sync_skills,
)
from tests.server.providers.test_skills import main_of, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "served"
    write(root, "pdf/SKILL.md", main_of("pdf", "Fills forms"))
    write(root, "pdf/references/a b#c.md", "Grüße\r\n")
    write(root, "pdf/logo.png", b"\x89PNG\x00\xff")
    write(root, "acme/refunds/SKILL.md", main_of("refunds"))
    return root


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "got" / "skills"


def names_in(directory: Path) -> list[str] | None:
    """What lies in a directory; None where there is none."""
    return sorted(os.listdir(directory)) if directory.exists() else None


def files_of(directory: Path) -> dict[str, bytes]:
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


def served(root: Path, **options: Any) -> Client[Any]:
    return Client(FastMCP("s", providers=[SkillsDirectoryProvider(root, **options)]))


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def lying(files: Any, content: str = "hello", name: str = "evil") -> Client[Any]:
    """A server whose manifest is what it likes."""
    mcp = FastMCP("liar")
    manifest = files if isinstance(files, str) else json.dumps({"skill": name, "files": files})
    mcp.resource(f"skill://{name}/SKILL.md", name="main")(lambda: content)
    mcp.resource(f"skill://{name}/_manifest", name="manifest")(lambda: manifest)

    @mcp.resource(f"skill://{name}/{{path*}}")
    def other(path: str) -> str:
        return content

    return Client(mcp)


def file(path: str, content: bytes = b"hello", **changed: Any) -> dict[str, Any]:
    return {"path": path, "size": len(content), "hash": digest(content), **changed}


@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_a_skill_arrives_as_it_is(root: Path, target: Path, supporting_files: str):
    async with served(root, supporting_files=supporting_files) as client:
        assert await list_skills(client) == [
            SkillSummary("acme/refunds", "Does things", "skill://acme/refunds/SKILL.md"),
            SkillSummary("pdf", "Fills forms", "skill://pdf/SKILL.md"),
        ]
        manifest = await get_skill_manifest(client, "acme/refunds")
        main = (root / "acme/refunds/SKILL.md").read_bytes()
        assert manifest == SkillManifest(
            "acme/refunds", [SkillFile("SKILL.md", len(main), digest(main))]
        )
        assert await download_skill(client, "pdf", str(target)) == target / "pdf"
        assert await sync_skills(client, target) == [target / "acme/refunds"]
        assert await sync_skills(client, target) == []
    assert files_of(target) == files_of(root)
    assert names_in(target) == ["acme", "pdf"]


async def test_what_is_there_is_replaced_only_if_told(root: Path, target: Path):
    write(target, "pdf/old.md", "old")
    async with served(root) as client:
        with pytest.raises(FileExistsError, match="overwrite=True"):
            await download_skill(client, "pdf", target)
        assert files_of(target) == {"pdf/old.md": b"old"}
        await download_skill(client, "pdf", target, overwrite=True)
    assert files_of(target / "pdf") == files_of(root / "pdf")
    assert names_in(target) == ["pdf"]


async def test_a_link_is_not_written_through(root: Path, target: Path, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    for directory in (elsewhere, target):
        directory.mkdir(parents=True)
    (target / "pdf").symlink_to(elsewhere)
    async with served(root) as client:
        with pytest.raises(ValueError, match="is a link"):
            await download_skill(client, "pdf", target, overwrite=True)
    assert files_of(elsewhere) == {}


async def test_no_such_skill(root: Path, target: Path):
    async with served(root) as client:
        with pytest.raises(McpError):
            await download_skill(client, "nope", target)
    assert names_in(target) is None


@pytest.mark.parametrize(
    "path",
    ["../out.md", "/tmp/out.md", "a/../../out.md", "", ".", "a//b", "a\\b", "C:x", "a\0b", "a/"],
)
async def test_a_path_that_leaves_the_skill(target: Path, path: str):
    async with lying([file("SKILL.md"), file(path)]) as client:
        with pytest.raises(ValueError, match="not a path inside of a skill"):
            await download_skill(client, "evil", target)
    assert names_in(target) is None


@pytest.mark.parametrize("name", ["..", "../evil", "/evil", "a/../../b", ""])
async def test_a_name_that_leaves_the_target(target: Path, name: str):
    async with lying([file("SKILL.md")]) as client:
        with pytest.raises(ValueError, match="not the name of a skill"):
            await download_skill(client, name, target)
    assert names_in(target.parent) is None


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([file("SKILL.md", size=4)], "not what the manifest says"),
        ([file("SKILL.md", hash=digest(b"other"))], "not what the manifest says"),
        ([file("SKILL.md", hash="md5:1")], "not what the manifest says"),
        ([file("SKILL.md"), file("a"), file("a/b")], "lies in a file"),
        ([file(f"{number}.md") for number in range(513)], "too large"),
        ([file("SKILL.md", size=17 * 1024 * 1024)], "too large"),
        ([file("SKILL.md", size=-1)], "Invalid manifest"),
        ([file("SKILL.md", size="5")], "Invalid manifest"),
        ([{**file("SKILL.md"), "path": None}], "Invalid manifest"),
        ([{"path": "SKILL.md"}], "Invalid manifest"),
        (["SKILL.md"], "Invalid manifest"),
        ("[]", "Invalid manifest"),
        ("{}", "Invalid manifest"),
        ('{"skill": 1, "files": []}', "Invalid manifest"),
        ("nonsense", "Invalid manifest"),
        ("[" * 100_000, "Invalid manifest"),
    ],
)
async def test_what_is_not_what_it_says_is_not_written(target: Path, files: Any, why: str):
    async with lying(files) as client:
        with pytest.raises(ValueError, match=why):
            await download_skill(client, "evil", target)
    assert names_in(target) is None


@pytest.mark.parametrize(
    "name",
    [".git", "acme/.git", "A", "a_b", "a--b", "-a", "a b", "a\n", "a.b", "a" * 65, "acme/B", "ä"],
)
async def test_a_name_that_is_none(target: Path, name: str):
    async with lying([file("SKILL.md")]) as client:
        with pytest.raises(ValueError, match="not the name of a skill"):
            await download_skill(client, name, target)
    assert names_in(target.parent) is None


@pytest.mark.parametrize(
    "path", [".git/config", "a/.GIT/HEAD", ".git", "a/.git./config", ".git /x", "GIT~1/config"]
)
async def test_a_repository_is_not_written(target: Path, path: str):
    async with lying([file("SKILL.md"), file(path)]) as client:
        with pytest.raises(ValueError, match="not a path inside of a skill"):
            await download_skill(client, "evil", target)
    assert names_in(target) is None


async def test_a_skill_has_a_main_file(target: Path):
    async with lying([file("HEAD"), file("sub/SKILL.md")]) as client:
        with pytest.raises(ValueError, match=r"no SKILL\.md"):
            await download_skill(client, "evil", target)
    assert names_in(target) is None


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("held", "name"),
    [
        ("pdf/SKILL.md", "pdf/scripts/json"),
        ("pdf/SKILL.md", "pdf/scripts"),
        ("SKILL.md", "scripts"),
        ("acme/refunds/SKILL.md", "acme"),
        ("acme/eu/refunds/SKILL.md", "acme"),
    ],
)
async def test_a_skill_is_not_written_into_or_around_another(
    target: Path, held: str, name: str, overwrite: bool
):
    write(target, held, "somebody's")
    write(target, "pdf/scripts/fill.py", "import json")
    before = files_of(target)
    async with lying([file("SKILL.md")], name=name) as client:
        with pytest.raises((ValueError, FileExistsError)) as caught:
            await download_skill(client, name, target, overwrite=overwrite)
    assert files_of(target) == before
    assert not overwrite or "another skill" in str(caught.value)


async def test_a_skill_in_a_skill_comes_with_it(root: Path, target: Path):
    write(root, "pdf/tables/SKILL.md", main_of("tables"))
    async with served(root) as client:
        for _ in range(2):
            written = await sync_skills(client, target, overwrite=True)
            assert written == [target / "acme/refunds", target / "pdf"]
    assert files_of(target) == files_of(root)


async def test_what_was_there_stays_if_the_new_cannot_come(
    root: Path, target: Path, monkeypatch: pytest.MonkeyPatch
):
    write(target, "pdf/old.md", "old")
    rename = Path.rename

    def full(self: Path, to: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", full)
    async with served(root) as client:
        with pytest.raises(OSError, match="No space left"):
            await download_skill(client, "pdf", target, overwrite=True)
    assert files_of(target) == {"pdf/old.md": b"old"}
    assert names_in(target) == ["pdf"]
