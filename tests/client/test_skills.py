"""Skills that a server lists: chosen by their entries, and checked when they are read."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from aiohttp import web

from fastmcp import Client, FastMCP
from fastmcp.client.caching import CacheConfig
from fastmcp.exceptions import McpError
from fastmcp.server.providers.skills import SkillsDirectoryProvider
from fastmcp.skills import (
    InvalidSkill,
    Skill,
    SkillsClientExtension,
    read_skill,
    read_skill_file,
)
from tests.client.site import Site, answer, discovered, initialized, site
from tests.conformance.suite import HERE

EXTENSION = "io.modelcontextprotocol/skills"
MAIN = "skill://forms/SKILL.md"
TEXT = "---\nname: forms\ndescription: Fills forms\nmetadata: {a: [1, true]}\n---\nRead it.\n"
FRONT = {"name": "forms", "description": "Fills forms", "metadata": {"a": [1, True]}}
FILES: dict[str, bytes] = {MAIN: TEXT.encode(), "skill://forms/data/table.bin": b"\x00\xff"}


def entry(files: dict[str, bytes] = FILES, **given: Any) -> dict[str, Any]:
    resources = [
        {"uri": uri, "size": len(c), "digest": f"sha256:{hashlib.sha256(c).hexdigest()}"}
        for uri, c in files.items()
    ]
    return {"uri": MAIN, "frontmatter": FRONT, "resources": resources, **given}


class Shelf:
    """A server of one skill, which may list another than it serves."""

    def __init__(self, *entries: Any, files: dict[str, bytes] = FILES) -> None:
        self.entries = entries
        self.files = files
        self.declares = True

    async def __call__(self, request: web.Request, message: dict[str, Any]) -> web.Response:
        capabilities = {"resources": {}, "extensions": {EXTENSION: {}} if self.declares else {}}
        params = message.get("params", {})
        match message["method"]:
            case "server/discover":
                return answer(message, {**discovered(), "capabilities": capabilities})
            case "initialize":
                return answer(message, {**initialized(), "capabilities": capabilities})
            case "skills/list":
                return answer(message, {"skills": list(self.entries), "resultType": "complete"})
            case "resources/read":
                content = self.files[params["uri"]]
                try:
                    told = {"uri": params["uri"], "text": content.decode()}
                except UnicodeDecodeError:
                    blob = base64.b64encode(content).decode()
                    told = {"uri": params["uri"], "blob": blob}
                return answer(message, {"contents": [told], "resultType": "complete"})
            case _:
                return web.Response(status=202)


def reads(seen: Site) -> list[str]:
    return [post["params"]["uri"] for post in seen.posts if post["method"] == "resources/read"]


async def test_skills_are_listed_and_read(mode: str) -> None:
    async with site(Shelf(entry())) as seen, Client(seen.url, mode=mode) as client:
        [skill] = await client.list_skills()
        assert (skill.frontmatter.name, skill.frontmatter.description) == ("forms", "Fills forms")
        assert reads(seen) == []
        assert await read_skill(client, skill) == TEXT
        assert reads(seen) == [MAIN]
        for file in skill.resources:
            assert await read_skill_file(client, skill, file.uri) == FILES[file.uri]  # type: ignore[union-attr]


def changed(text: str) -> dict[str, bytes]:
    return {**FILES, MAIN: text.encode()}


OTHER = changed(TEXT.replace("Fills", "Steals"))
NUMBER = changed(TEXT.replace("true", "1"))
MORE = changed(TEXT.replace("---\nRead", "x: 1\n---\nRead"))
BARE = changed("no front matter")


@pytest.mark.parametrize(
    ("listed", "served", "why"),
    [
        (entry(), changed(TEXT.replace("Read it.", "Run it!!")), "digest"),
        (entry(), changed(TEXT + "More."), "bytes"),
        (entry(OTHER), OTHER, "'description'"),
        (entry(NUMBER), NUMBER, "'metadata'"),
        (entry(MORE), MORE, "'x'"),
        (entry(BARE), BARE, "front matter"),
        (entry(resources="dynamic"), OTHER, "'description'"),
        (entry({MAIN: b"\xff\xfe"}), {MAIN: b"\xff\xfe"}, "not text"),
    ],
)
async def test_what_is_not_what_was_listed_is_not_used(
    listed: Any, served: dict[str, bytes], why: str
) -> None:
    async with site(Shelf(listed, files=served)) as seen, Client(seen.url) as client:
        [skill] = await client.list_skills()
        with pytest.raises(InvalidSkill, match=why):
            await read_skill(client, skill)


async def test_only_the_files_of_a_skill_are_read() -> None:
    async with site(Shelf(entry())) as seen, Client(seen.url) as client:
        [skill] = await client.list_skills()
        for uri in ("skill://other/SKILL.md", "skill://forms/../other/x", "skill://forms/none"):
            with pytest.raises(InvalidSkill, match="file"):
                await read_skill_file(client, skill, uri)
        assert reads(seen) == []


async def test_a_skill_that_is_too_large_is_not_read() -> None:
    listed = entry()
    listed["resources"][1]["size"] = 17 * 1024 * 1024
    async with site(Shelf(listed)) as seen, Client(seen.url) as client:
        [skill] = await client.list_skills()
        with pytest.raises(InvalidSkill, match="too large"):
            await read_skill(client, skill)
        assert reads(seen) == []


@pytest.mark.parametrize(
    "bad",
    [
        {},
        "text",
        entry(uri="skill://forms/README.md"),
        entry(uri="skill://others/SKILL.md"),
        entry({MAIN: b"", "skill://forms/../x": b""}),
        entry({MAIN: b"", "skill://forms/%2e%2e/x": b""}),
        entry({MAIN: b"", "https://example.com/x": b""}),
        entry({"skill://forms/x": b""}),
        entry(resources=[{"uri": MAIN, "size": 1, "digest": "md5:1"}]),
        entry(resources=[{"uri": MAIN, "size": -1, "digest": "sha256:" + "0" * 64}]),
        entry(frontmatter={"name": "forms"}),
    ],
)
async def test_an_entry_that_is_none_hides_no_other(bad: Any) -> None:
    async with site(Shelf(bad, entry())) as seen, Client(seen.url) as client:
        assert [skill.uri for skill in await client.list_skills()] == [MAIN]


async def test_a_server_without_skills_is_not_asked() -> None:
    shelf = Shelf()
    shelf.declares = False
    async with site(shelf) as seen, Client(seen.url) as client:
        with pytest.raises(RuntimeError, match="does not declare"):
            await client.list_skills()
        assert seen.count("skills/list") == 0


async def test_our_own_servers_skills() -> None:
    server = FastMCP("skills", providers=[SkillsDirectoryProvider(HERE / "skills")], cache_ttl=60)
    config = CacheConfig()
    async with Client(server, extensions=[SkillsClientExtension()], cache=config) as client:
        skills = await client.list_skills()
        assert skills == await client.list_skills()
        for skill in skills:
            assert isinstance(skill, Skill)
            assert await client.get_skill(skill.uri) == skill
            assert (await read_skill(client, skill)).startswith("---")
            assert skill.resources != "dynamic"
            for file in skill.resources:
                await read_skill_file(client, skill, file.uri)
        with pytest.raises(McpError):
            await client.get_skill("skill://nobody/SKILL.md")
