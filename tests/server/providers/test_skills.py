"""Skills on the wire: resources in both eras, and the extension in the stateless one."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fastmcp import FastMCP
from fastmcp.server.providers import ClaudeSkillsProvider
from fastmcp.server.providers.skills import (
    CodexSkillsProvider,
    CopilotSkillsProvider,
    CursorSkillsProvider,
    GeminiSkillsProvider,
    GooseSkillsProvider,
    OpenCodeSkillsProvider,
    SkillProvider,
    SkillsDirectoryProvider,
    VSCodeSkillsProvider,
    folder,
)
from fastmcp.server.skills import SkillSource
from tests.support import venvs
from tests.support.asgi import STATELESS, Live, Peer
from tests.support.process import serve

ERAS = ("2025-11-25", STATELESS)
SKILLS = "io.modelcontextprotocol/skills"
METHODS = ("skills/list", "skills/get", "resources/directory/read")


def write(root: Path, path: str, content: str | bytes) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def main_of(name: str, description: str = "Does things", more: str = "") -> str:
    return f"---\nname: {name}\ndescription: {description}\n{more}---\n\n# {name}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two skills, one of them in a directory of a directory, and something that is none."""
    root = tmp_path / "skills"
    write(root, "pdf/SKILL.md", main_of("pdf", "Fills forms", "license: MIT\nversion: 1.10.0\n"))
    write(root, "pdf/references/FORMS.md", "Grüße\r\n")
    write(root, "pdf/references/deep/a b#c.txt", "odd name")
    write(root, "pdf/logo.png", b"\x89PNG\x00\xff")
    write(root, "acme/refunds/SKILL.md", main_of("refunds"))
    write(root, "notes/README.md", "no skill")
    return root


async def opened(mcp: FastMCP, version: str = STATELESS) -> Peer:
    return await Peer(mcp.http_app(), version).open()


async def serving(root: Path, version: str = STATELESS, **options: Any) -> Peer:
    return await opened(FastMCP("s", providers=[SkillsDirectoryProvider(root, **options)]), version)


async def read(peer: Peer, uri: str) -> dict[str, Any]:
    [content] = (await peer.request("resources/read", {"uri": uri})).result["contents"]
    return content


def bytes_of(content: dict[str, Any]) -> bytes:
    return content["text"].encode() if "text" in content else base64.b64decode(content["blob"])


def uris(answer: Live) -> list[str]:
    return [entry["uri"] for entry in answer.result["resources"]]


# resources


@pytest.mark.parametrize("version", ERAS)
async def test_skills_are_resources(root: Path, version: str):
    peer = await serving(root, version)
    listed = (await peer.request("resources/list")).result["resources"]
    assert [(r["uri"], r["name"], r["mimeType"]) for r in listed] == [
        ("skill://acme/refunds/SKILL.md", "refunds", "text/markdown"),
        ("skill://acme/refunds/_manifest", "acme/refunds/_manifest", "application/json"),
        ("skill://pdf/SKILL.md", "pdf", "text/markdown"),
        ("skill://pdf/_manifest", "pdf/_manifest", "application/json"),
    ]
    assert listed[2]["description"] == "Fills forms"
    assert all("_meta" not in r for r in listed)
    templates = (await peer.request("resources/templates/list")).result["resourceTemplates"]
    assert [t["uriTemplate"] for t in templates] == [
        "skill://acme/refunds/{path*}",
        "skill://pdf/{path*}",
    ]
    main = await read(peer, "skill://pdf/SKILL.md")
    assert main["mimeType"] == "text/markdown"
    assert main["text"] == (root / "pdf/SKILL.md").read_text()


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_every_file_is_what_the_manifest_says(
    root: Path, version: str, supporting_files: str
):
    peer = await serving(root, version, supporting_files=supporting_files)
    manifest = json.loads((await read(peer, "skill://pdf/_manifest"))["text"])
    assert manifest["skill"] == "pdf"
    assert [file["path"] for file in manifest["files"]] == [
        "SKILL.md",
        "logo.png",
        "references/FORMS.md",
        "references/deep/a b#c.txt",
    ]
    for file in manifest["files"]:
        uri = "skill://pdf/" + file["path"].replace(" ", "%20").replace("#", "%23")
        content = bytes_of(await read(peer, uri))
        assert content == (root / "pdf" / file["path"]).read_bytes()
        assert len(content) == file["size"]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == file["hash"]
    assert (await read(peer, "skill://pdf/logo.png"))["mimeType"] == "image/png"
    assert "text" in await read(peer, "skill://pdf/references/FORMS.md")


async def test_supporting_files_as_resources(root: Path):
    peer = await serving(root, supporting_files="resources")
    assert uris(await peer.request("resources/list"))[2:] == [
        "skill://pdf/SKILL.md",
        "skill://pdf/_manifest",
        "skill://pdf/logo.png",
        "skill://pdf/references/FORMS.md",
        "skill://pdf/references/deep/a%20b%23c.txt",
    ]
    assert (await peer.request("resources/templates/list")).result["resourceTemplates"] == []


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("supporting_files", ["template", "resources"])
@pytest.mark.parametrize(
    "path",
    ["nope", "pdf", "pdf/nope.md", "pdf/references", "notes/README.md", "acme/SKILL.md", "pdf/"],
)
async def test_what_is_no_file_of_a_skill(
    root: Path, version: str, supporting_files: str, path: str
):
    peer = await serving(root, version, supporting_files=supporting_files)
    answer = await peer.request("resources/read", {"uri": f"skill://{path}"})
    assert answer.error["code"] == (-32602 if version == STATELESS else -32002)
    assert str(root) not in json.dumps(answer.error)


# the extension


async def test_the_extension_is_declared_and_listed(root: Path):
    peer = await serving(root)
    capabilities = (await peer.request("server/discover")).result["capabilities"]
    assert capabilities["extensions"] == {SKILLS: {"directoryRead": True}}
    assert "resources" in capabilities
    result = (await peer.request("skills/list")).result
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")
    refunds, pdf = result["skills"]
    assert refunds["uri"] == "skill://acme/refunds/SKILL.md"
    assert pdf["frontmatter"] == {
        "name": "pdf",
        "description": "Fills forms",
        "license": "MIT",
        "version": "1.10.0",
    }
    for file in pdf["resources"]:
        content = bytes_of(await read(peer, file["uri"]))
        assert (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}") == (
            file["size"],
            file["digest"],
        )
    assert [file["uri"] for file in pdf["resources"]] == [
        "skill://pdf/SKILL.md",
        "skill://pdf/logo.png",
        "skill://pdf/references/FORMS.md",
        "skill://pdf/references/deep/a%20b%23c.txt",
    ]
    for skill in result["skills"]:
        got = (await peer.request("skills/get", {"uri": skill["uri"]})).result
        assert got["skill"] == skill
        assert (got["ttlMs"], got["cacheScope"]) == (0, "private")


@pytest.mark.parametrize(
    "uri", ["skill://pdf", "skill://nope/SKILL.md", "skill://pdf/references/FORMS.md", "x://y"]
)
async def test_no_skill_is_there(root: Path, uri: str):
    answer = await (await serving(root)).request("skills/get", {"uri": uri})
    assert answer.error["code"] == -32602
    assert uri in answer.error["message"]


async def test_a_uri_that_is_none(root: Path):
    peer = await serving(root)
    for method in METHODS[1:]:
        answer = await peer.request(method, {"uri": 7}, valid=False)
        assert answer.error["code"] == -32602


async def test_directories(root: Path):
    peer = await serving(root)
    (root / "pdf/empty").mkdir()
    result = (await peer.request("resources/directory/read", {"uri": "skill://pdf"})).result
    assert [(r["uri"], r["mimeType"]) for r in result["resources"]] == [
        ("skill://pdf/SKILL.md", "text/markdown"),
        ("skill://pdf/empty", "inode/directory"),
        ("skill://pdf/logo.png", "image/png"),
        ("skill://pdf/references", "inode/directory"),
    ]
    assert "ttlMs" not in result
    assert result["resources"][0]["name"] == "pdf"
    deeper = await peer.request("resources/directory/read", {"uri": "skill://pdf/references"})
    assert uris(deeper) == ["skill://pdf/references/FORMS.md", "skill://pdf/references/deep"]
    empty = await peer.request("resources/directory/read", {"uri": "skill://pdf/empty"})
    assert empty.result["resources"] == []
    for uri in ("skill://pdf/SKILL.md", "skill://pdf/nope", "skill://acme", "skill://pdf/", "a:b"):
        answer = await peer.request("resources/directory/read", {"uri": uri})
        assert answer.error["code"] == -32602, uri


@pytest.mark.parametrize("size", [1, 2])
async def test_pages(root: Path, size: int):
    mcp = FastMCP("s", providers=[SkillsDirectoryProvider(root)], list_page_size=size)
    peer = await opened(mcp)
    for method, params, member, count in (
        ("skills/list", {}, "skills", 2),
        ("resources/directory/read", {"uri": "skill://pdf"}, "resources", 3),
    ):
        found: list[Any] = []
        cursor: str | None = None
        while not found or cursor is not None:
            more = {} if cursor is None else {"cursor": cursor}
            page = (await peer.request(method, {**params, **more})).result
            assert len(page[member]) <= size
            found += page[member]
            cursor = page.get("nextCursor")
        assert len({entry["uri"] for entry in found}) == len(found) == count
        wrong = await peer.request(method, {**params, "cursor": "!"})
        assert wrong.error["code"] == -32602


async def test_a_server_without_skills_has_no_such_methods():
    peer = await opened(FastMCP("s"))
    assert "extensions" not in (await peer.request("server/discover")).result["capabilities"]
    for method in METHODS:
        answer = await peer.request(method, {"uri": "skill://pdf/SKILL.md"}, valid=False)
        assert (answer.status, answer.error["code"]) == (404, -32601)


async def test_the_handshake_era_has_no_extension(root: Path):
    peer = Peer(FastMCP("s", providers=[SkillsDirectoryProvider(root)]).http_app(), "2025-11-25")
    hello = await peer.request(
        "initialize",
        {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        },
    )
    assert "extensions" not in hello.result["capabilities"]
    await peer.open()
    for method in METHODS:
        answer = await peer.request(method, {"uri": "skill://pdf/SKILL.md"}, valid=False)
        assert answer.error["code"] == -32601


async def test_what_a_client_does_not_see_is_not_told_of(root: Path):
    mcp = FastMCP("s", providers=[SkillsDirectoryProvider(root)])
    mcp.disable(names={"skill://pdf/SKILL.md"})
    mcp.resource("skill://acme/refunds/SKILL.md", name="own")(lambda: "something else")
    peer = await opened(mcp)
    assert (await peer.request("skills/list")).result["skills"] == []
    for uri in ("skill://pdf/SKILL.md", "skill://acme/refunds/SKILL.md"):
        assert (await peer.request("skills/get", {"uri": uri})).error["code"] == -32602


@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_the_directory_of_a_hidden_skill_is_unknown(root: Path, supporting_files: str):
    write(root, "pdf/tables/SKILL.md", main_of("tables"))
    write(root, "pdf/tables/deep/more.md", "more")
    write(root, "zip/tables/SKILL.md", main_of("tables"))
    write(root, "zip/tables/more.md", "more")
    write(root, "zip/SKILL.md", main_of("zip"))
    provider = SkillsDirectoryProvider(root, supporting_files=supporting_files)
    mcp = FastMCP("s", providers=[provider])
    mcp.disable(names={"skill://pdf/SKILL.md", "skill://zip/tables/SKILL.md"})
    mcp.resource("skill://acme/refunds/SKILL.md", name="own")(lambda: "something else")
    peer = await opened(mcp)

    async def answer(path: str) -> Live:
        return await peer.request("resources/directory/read", {"uri": f"skill://{path}"})

    for path in (
        "pdf",
        "p%64f",
        "pdf/references",
        "pdf%2freferences/deep",
        "acme/refunds",
        "zip/tables",
        "zip/t%61bles",
        "zip%2Ftables",
    ):
        assert (await answer(path)).error["code"] == -32602, path
    assert uris(await answer("zip")) == ["skill://zip/SKILL.md"]
    # The innermost skill counts: one that is seen lies in one that is not.
    for path in ("pdf/tables", "pdf/t%61bles"):
        assert uris(await answer(path)) == [
            "skill://pdf/tables/SKILL.md",
            "skill://pdf/tables/deep",
        ]
    assert uris(await answer("pdf/tables/deep")) == ["skill://pdf/tables/deep/more.md"]


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_the_main_file_of_a_hidden_skill_is_not_read(
    root: Path, version: str, supporting_files: str
):
    write(root, "pdf/tables/SKILL.md", main_of("tables"))
    provider = SkillsDirectoryProvider(root, supporting_files=supporting_files)
    mcp = FastMCP("s", providers=[provider])
    mcp.disable(names={"skill://pdf/SKILL.md", "skill://pdf/tables/SKILL.md"})
    peer = await opened(mcp, version)
    for path in (
        "pdf/SKILL.md",
        "pdf/%53KILL.md",
        "p%64f/SKILL.md",
        "pdf/tables/SKILL.md",
        "pdf/tables%2FSKILL.md",
        "pdf/t%61bles/SKILL.md",
        "pdf%2Ftables/SKILL.md",
    ):
        answer = await peer.request("resources/read", {"uri": f"skill://{path}"})
        assert answer.error["code"] == (-32602 if version == STATELESS else -32002), path


async def test_a_hidden_file_is_no_child(root: Path):
    provider = SkillsDirectoryProvider(root, supporting_files="resources")
    mcp = FastMCP("s", providers=[provider])
    mcp.disable(names={"skill://pdf/logo.png"})
    children = uris(
        await (await opened(mcp)).request("resources/directory/read", {"uri": "skill://pdf"})
    )
    assert children == ["skill://pdf/SKILL.md", "skill://pdf/references"]


class Failing(SkillSource):
    """A source of somebody else's, with a mistake in it."""

    async def list_skills(self) -> Any:
        raise AttributeError("a mistake")

    async def get_skill(self, uri: str) -> Any:
        raise AttributeError("a mistake")

    async def read_directory(self, uri: str) -> Any:
        raise AttributeError("a mistake")


async def test_a_source_that_fails_fails_alone(root: Path):
    mcp = FastMCP("s", providers=[Failing(), SkillsDirectoryProvider(root)])
    peer = await opened(mcp)
    skills = (await peer.request("skills/list")).result["skills"]
    assert [s["uri"] for s in skills] == ["skill://acme/refunds/SKILL.md", "skill://pdf/SKILL.md"]
    got = await peer.request("skills/get", {"uri": "skill://pdf/SKILL.md"})
    assert got.result["skill"] == skills[1]
    children = await peer.request("resources/directory/read", {"uri": "skill://pdf"})
    assert len(children.result["resources"]) == 3
    # Where nobody else has it, the one that failed might have had it.
    for method in METHODS[1:]:
        answer = await peer.request(method, {"uri": "skill://nope/SKILL.md"})
        assert answer.error["code"] == -32603


async def test_a_skill_in_a_skill_is_one_of_both(root: Path):
    write(root, "pdf/tables/SKILL.md", main_of("tables"))
    peer = await serving(root, supporting_files="resources")
    listed = uris(await peer.request("resources/list"))
    assert len(listed) == len(set(listed))
    assert "skill://pdf/tables/SKILL.md" in listed
    skills = {s["uri"]: s for s in (await peer.request("skills/list")).result["skills"]}
    outer, inner = skills["skill://pdf/SKILL.md"], skills["skill://pdf/tables/SKILL.md"]
    assert inner["resources"][0] in outer["resources"]
    resources = (await peer.request("resources/list")).result["resources"]
    assert {r["uri"]: r["name"] for r in resources}["skill://pdf/tables/SKILL.md"] == "tables"


@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_a_broken_skill_in_a_skill_is_supporting_files(root: Path, supporting_files: str):
    write(root, "pdf/tables/SKILL.md", b"\xff")
    write(root, "pdf/tables/more.md", "more")
    peer = await serving(root, supporting_files=supporting_files)
    skills = (await peer.request("skills/list")).result["skills"]
    assert [s["frontmatter"]["name"] for s in skills] == ["refunds", "pdf"]
    for file in skills[1]["resources"]:
        assert len(bytes_of(await read(peer, file["uri"]))) == file["size"]
    inner = await peer.request("resources/directory/read", {"uri": "skill://pdf/tables"})
    assert uris(inner) == ["skill://pdf/tables/SKILL.md", "skill://pdf/tables/more.md"]


async def test_the_first_root_wins(root: Path, tmp_path: Path):
    other = tmp_path / "other"
    write(other, "pdf/SKILL.md", main_of("pdf", "Another"))
    write(other, "zip/SKILL.md", main_of("zip"))
    provider = SkillsDirectoryProvider([other, root, tmp_path / "missing"])
    peer = await opened(FastMCP("s", providers=[provider]))
    skills = (await peer.request("skills/list")).result["skills"]
    assert [(s["uri"], s["frontmatter"]["description"]) for s in skills] == [
        ("skill://acme/refunds/SKILL.md", "Does things"),
        ("skill://pdf/SKILL.md", "Another"),
        ("skill://zip/SKILL.md", "Does things"),
    ]


async def test_two_sources_one_skill(root: Path, tmp_path: Path):
    write(tmp_path, "pdf/SKILL.md", main_of("pdf", "Another"))
    mcp = FastMCP("s", providers=[SkillProvider(tmp_path / "pdf"), SkillsDirectoryProvider(root)])
    peer = await opened(mcp)
    skills = (await peer.request("skills/list")).result["skills"]
    assert [s["frontmatter"]["description"] for s in skills] == ["Another", "Does things"]
    assert (await read(peer, "skill://pdf/SKILL.md"))["text"] == main_of("pdf", "Another")


# what changes


async def test_files_are_read_anew(root: Path):
    peer = await serving(root)
    before = (await peer.request("skills/list")).result["skills"]
    write(root, "pdf/SKILL.md", main_of("pdf", "Does more"))
    write(root, "pdf/new.txt", "new")
    write(root, "zip/SKILL.md", main_of("zip"))
    after = (await peer.request("skills/list")).result["skills"]
    assert before[0] == after[0]
    assert after[1]["frontmatter"]["description"] == "Does more"
    assert "skill://pdf/new.txt" in {file["uri"] for file in after[1]["resources"]}
    assert len(after) == 2, "a new skill wants reload=True"
    content = bytes_of(await read(peer, "skill://pdf/SKILL.md"))
    assert after[1]["resources"][0]["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


async def test_a_change_of_the_same_size_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch):
    """Digests are kept for as long as a file does not change, and no longer."""
    monkeypatch.setattr(folder, "_FRESH", -1)  # any file counts as settled
    forms = root / "pdf/references/FORMS.md"
    os.utime(forms, (1_000_000_000, 1_000_000_000))
    peer = await serving(root)

    async def digest() -> str:
        got = await peer.request("skills/get", {"uri": "skill://pdf/SKILL.md"})
        found = {file["uri"]: file["digest"] for file in got.result["skill"]["resources"]}
        return found["skill://pdf/references/FORMS.md"]

    first = await digest()
    assert await digest() == first
    forms.write_bytes(forms.read_bytes().swapcase())
    os.utime(forms, (1_000_000_000, 1_000_000_000))
    assert await digest() == f"sha256:{hashlib.sha256(forms.read_bytes()).hexdigest()}" != first


async def test_reload_finds_new_skills_and_tells(root: Path):
    peer = await serving(root, "2025-11-25", reload=True)
    stream = peer.listen()
    await stream.until(lambda s: s.status == 200)
    await peer.request("resources/list")
    write(root, "zip/SKILL.md", main_of("zip"))
    assert "skill://zip/SKILL.md" in uris(await peer.request("resources/list"))
    await stream.until(lambda s: s.sent("notifications/resources/list_changed"))
    assert (await read(peer, "skill://zip/SKILL.md"))["text"] == main_of("zip")
    assert len(stream.sent("notifications/resources/list_changed")) == 1
    (root / "zip/SKILL.md").unlink()
    gone = await peer.request("resources/read", {"uri": "skill://zip/SKILL.md"})
    assert gone.error["code"] == -32002
    await stream.until(lambda s: len(s.sent("notifications/resources/list_changed")) == 2)
    stream.leave()
    await stream.done()


async def test_a_skill_that_is_gone_is_gone(root: Path):
    peer = await serving(root)
    (root / "acme/refunds/SKILL.md").unlink()
    assert len((await peer.request("skills/list")).result["skills"]) == 1
    assert "skill://acme/refunds/SKILL.md" not in uris(await peer.request("resources/list"))


# one skill, and the vendors' places


async def test_one_skill(root: Path):
    provider = SkillProvider(root / "pdf", supporting_files="resources")
    info = provider.skill_info
    assert (info.name, info.description, info.path) == ("pdf", "Fills forms", root / "pdf")
    assert info.files[0].path == info.main_file == "SKILL.md"
    assert info.frontmatter["license"] == "MIT"
    peer = await opened(FastMCP("s", providers=[provider]))
    assert uris(await peer.request("resources/list"))[0] == "skill://pdf/SKILL.md"
    assert repr(provider) == f"SkillProvider({str(root / 'pdf')!r})"


def test_no_skill_to_provide(root: Path):
    with pytest.raises(FileNotFoundError, match="directory not found"):
        SkillProvider(root / "nope")
    with pytest.raises(FileNotFoundError, match=r"has no plain SKILL\.md"):
        SkillProvider(root / "notes")


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc/passwd"])
def test_a_main_file_is_a_name(root: Path, name: str):
    with pytest.raises(ValueError, match="main_file_name"):
        SkillsDirectoryProvider(root, main_file_name=name)
    with pytest.raises(ValueError, match="supporting_files"):
        SkillsDirectoryProvider(root, supporting_files="all")  # type: ignore[arg-type]


async def test_another_main_file_is_no_skill_of_the_specification(root: Path):
    peer = await serving(root, main_file_name="README.md")
    assert (await read(peer, "skill://notes/README.md"))["text"] == "no skill"
    listed = (await peer.request("resources/list")).result["resources"]
    assert listed[0]["description"] == "no skill"
    assert (await peer.request("skills/list")).result["skills"] == []
    got = await peer.request("skills/get", {"uri": "skill://notes/SKILL.md"})
    assert got.error["code"] == -32602


@pytest.mark.parametrize(
    ("provider", "place"),
    [
        (ClaudeSkillsProvider, ".claude/skills"),
        (CodexSkillsProvider, ".codex/skills"),
        (CopilotSkillsProvider, ".copilot/skills"),
        (CursorSkillsProvider, ".cursor/skills"),
        (GeminiSkillsProvider, ".gemini/skills"),
        (GooseSkillsProvider, ".config/agents/skills"),
        (OpenCodeSkillsProvider, ".config/opencode/skills"),
        (VSCodeSkillsProvider, ".copilot/skills"),
    ],
)
async def test_vendors(
    provider: type[SkillsDirectoryProvider],
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, f"{place}/pdf/SKILL.md", main_of("pdf"))
    uri = "skill://pdf/SKILL.md"
    assert await provider().get_resource(uri) is not None
    assert "1 skills" in repr(provider(reload=True, supporting_files="resources"))


# an outsider, and what it costs those who have no skills

SERVER = """
import sys
from fastmcp import FastMCP
from fastmcp.server.providers.skills import SkillsDirectoryProvider
mcp = FastMCP("s", providers=[SkillsDirectoryProvider(sys.argv[2])])
mcp.run(transport="http", port=int(sys.argv[1]), show_banner=False)
"""
CLIENT = """
import asyncio, json, sys
from mcp import Client
async def talk(mode):
    async with Client(sys.argv[1], mode=mode) as client:
        listed = [str(r.uri) for r in (await client.list_resources()).resources]
        main = (await client.read_resource("skill://pdf/SKILL.md")).contents[0].text
        form = (await client.read_resource("skill://pdf/references/FORMS.md")).contents[0].text
        return [listed, main, form]
async def main():
    print(json.dumps([await talk("legacy"), await talk("2026-07-28")]))
asyncio.run(main())
"""


@pytest.mark.timeout(600)
def test_the_official_client_reads_a_skill(root: Path):
    sdk = venvs.python_of("mcp-sdk", venvs.MCP_SDK)
    with serve(lambda port: [sys.executable, "-c", SERVER, str(port), str(root)]) as server:
        done = subprocess.run(
            [sdk, "-c", CLIENT, server.url],
            env=venvs.environment(),
            capture_output=True,
            text=True,
            timeout=50,
        )
    assert done.returncode == 0, done.stderr
    for listed, main, form in json.loads(done.stdout.splitlines()[-1]):
        assert "skill://pdf/SKILL.md" in listed
        assert main == (root / "pdf/SKILL.md").read_text()
        assert form == "Grüße\r\n"


def test_a_server_without_skills_loads_no_yaml():
    program = "import sys, fastmcp.server.server; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=50).returncode == 0
