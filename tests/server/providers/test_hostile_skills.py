"""Skills by somebody who means harm, or made a mistake: nothing leaks, nothing breaks."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fastmcp import FastMCP
from fastmcp.server.providers.skills import SkillsDirectoryProvider
from fastmcp.server.providers.skills.folder import SkillFolder
from tests.server.providers.test_skills import main_of, write
from tests.support.asgi import STATELESS, Peer

SECRET = "the secret of somebody else"
LIMIT = 16 * 1024 * 1024

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "skills"
    write(tmp_path, "secret.txt", SECRET)
    write(tmp_path, "outside/SKILL.md", main_of("outside", SECRET))
    write(root, "good/SKILL.md", main_of("good"))
    write(root, "bad/SKILL.md", main_of("bad"))
    write(root, "bad/notes.md", "fine")
    return root


async def serving(root: Path, **options: Any) -> Peer:
    mcp = FastMCP("s", providers=[SkillsDirectoryProvider(root, **options)])
    return await Peer(mcp.http_app(), STATELESS).open()


async def everything(peer: Peer) -> tuple[str, set[str]]:
    """All that the server says of its skills, as text, and the names of those it publishes."""

    async def read(uri: str) -> Any:
        return (await peer.request("resources/read", {"uri": uri})).response

    methods = ("resources/list", "resources/templates/list", "skills/list")
    told: list[Any] = [(await peer.request(method)).result for method in methods]
    told += [await read(resource["uri"]) for resource in told[0]["resources"]]
    waiting = ["skill://good", "skill://bad"]
    while waiting:
        uri = waiting.pop()
        answer = (await peer.request("resources/directory/read", {"uri": uri})).response
        told.append(answer)
        for child in answer.get("result", {}).get("resources", ()):
            if child["mimeType"] == "inode/directory":
                waiting.append(child["uri"])
            else:
                told.append(await read(child["uri"]))
    return json.dumps(told), {skill["frontmatter"]["name"] for skill in told[2]["skills"]}


async def refused(peer: Peer, path: str) -> None:
    answer = await peer.request("resources/read", {"uri": f"skill://{path}"}, valid=False)
    assert answer.error["code"] == -32602, path
    assert SECRET not in answer.body.decode()


# what is asked for


@pytest.mark.parametrize("supporting_files", ["template", "resources"])
@pytest.mark.parametrize(
    "path",
    [
        "../../secret.txt",
        "%2e%2e/%2e%2e/secret.txt",
        "..%2f..%2fsecret.txt",
        "..%5c..%5csecret.txt",
        "..\\..\\secret.txt",
        "./notes.md",
        "a/../notes.md",
        "/notes.md",
        "//notes.md",
        "notes.md/",
        "notes.md%00.png",
        "C:/notes.md",
        "%ff%fe",
        "{path*}",
        "x" * 300,
        "x/" * 2000 + "y",
        "x/" * 6200,
        "_manifest/",
        "_manifest/SKILL.md",
    ],
)
async def test_paths_that_lead_elsewhere(root: Path, supporting_files: str, path: str):
    peer = await serving(root, supporting_files=supporting_files)
    await refused(peer, f"bad/{path}")
    for method in ("resources/directory/read", "skills/get"):
        answer = await peer.request(method, {"uri": f"skill://bad/{path}"}, valid=False)
        assert answer.error["code"] == -32602


@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_an_absolute_path(root: Path, supporting_files: str, tmp_path: Path):
    peer = await serving(root, supporting_files=supporting_files)
    secret = str(tmp_path / "secret.txt")
    for path in (f"bad/{secret}", f"bad/{quote(secret, safe='')}", f"bad/file://{secret}", secret):
        await refused(peer, path)


async def test_a_path_of_a_million_parts_costs_nothing(root: Path):
    provider = SkillsDirectoryProvider(root)
    uri = "skill://" + "x/" * 1_000_000
    assert await provider.get_resource(uri) is None
    assert await provider.get_resource_template(uri) is None
    assert await provider.read_directory(uri) is None


# what lies there


def link(target: str) -> Callable[[Path], None]:
    return lambda skill: (skill / "link").symlink_to(target)


def hard_names(skill: Path) -> None:
    (Path(os.fsdecode(os.fsencode(skill) + b"/\xff\xfe.md"))).write_text("x")
    write(skill, "back\\slash.md", "x")
    write(skill, "per%2e%2ecent.md", "percent")
    write(skill, "que?ry#hash.md", "query")


def main_is_a_link(skill: Path) -> None:
    (skill / "SKILL.md").unlink()
    (skill / "SKILL.md").symlink_to(skill.parent.parent / "outside/SKILL.md")


def linked_directory(skill: Path) -> None:
    (skill / "linked").symlink_to(skill.parent.parent / "outside")


def pipe(skill: Path) -> None:
    os.mkfifo(skill / "pipe.md")


def loop(skill: Path) -> None:
    (skill / "loop").symlink_to("loop")
    (skill / "up").symlink_to("..")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("supporting_files", ["template", "resources"])
@pytest.mark.parametrize(
    ("spoil", "asked", "published"),
    [
        (link("../../secret.txt"), "link", True),
        (link("/etc/passwd"), "link", True),
        (link("/dev/zero"), "link", True),
        (link("nowhere"), "link", True),
        (link("notes.md"), "link", True),
        (linked_directory, "linked/SKILL.md", True),
        (loop, "loop", True),
        (loop, "up/good/SKILL.md", True),
        (pipe, "pipe.md", True),
        (hard_names, "back%5Cslash.md", True),
        (main_is_a_link, "SKILL.md", False),
    ],
)
async def test_what_is_no_file_of_a_skill(
    root: Path,
    supporting_files: str,
    spoil: Callable[[Path], None],
    asked: str,
    published: bool,
):
    spoil(root / "bad")
    peer = await serving(root, supporting_files=supporting_files)
    await refused(peer, f"bad/{asked}")
    told, names = await everything(peer)
    assert SECRET not in told
    assert "root:" not in told
    assert f"bad/{asked}" not in told
    assert names == ({"good", "bad"} if published else {"good"})


async def test_a_link_made_after_the_start(root: Path, tmp_path: Path):
    peer = await serving(root)
    (root / "bad").rename(tmp_path / "bad")
    (root / "bad").symlink_to(tmp_path / "outside")
    await refused(peer, "bad/SKILL.md")
    told, names = await everything(peer)
    assert SECRET not in told
    assert names == {"good"}


async def test_names_that_need_care(root: Path):
    hard_names(root / "bad")
    peer = await serving(root)
    children = await peer.request("resources/directory/read", {"uri": "skill://bad"})
    uris = [child["uri"] for child in children.result["resources"]]
    assert "skill://bad/per%252e%252ecent.md" in uris
    for uri in uris:
        assert "result" in (await peer.request("resources/read", {"uri": uri})).response, uri


# a root may hold links: they are how skills are installed


async def test_a_skill_that_is_linked_into_the_root(root: Path, tmp_path: Path):
    (root / "outside").symlink_to(tmp_path / "outside")
    (root / "self").symlink_to(root)
    (root / "above").symlink_to(tmp_path)
    (root / "dead").symlink_to(tmp_path / "dead")
    write(tmp_path, "outside/more.md", "more")
    peer = await serving(root)
    skills = (await peer.request("skills/list")).result["skills"]
    assert [s["uri"] for s in skills] == [
        "skill://bad/SKILL.md",
        "skill://good/SKILL.md",
        "skill://outside/SKILL.md",
    ]
    answer = await peer.request("resources/read", {"uri": "skill://outside/more.md"})
    assert answer.result["contents"][0]["uri"] == "skill://outside/more.md"


# what cannot be a skill


def huge(skill: Path) -> None:
    with (skill / "huge.bin").open("wb") as file:
        file.truncate(LIMIT * 1000)  # sparse


def many(skill: Path) -> None:
    for number in range(600):
        (skill / f"{number}.txt").touch()


def huge_main(skill: Path) -> None:
    with (skill / "SKILL.md").open("ab") as file:
        file.truncate(LIMIT + 1)


@pytest.mark.parametrize(
    ("spoil", "why", "served"),
    [
        (huge, "larger than", True),
        (many, "more than 512 files", True),
        (huge_main, "larger than", False),
        (lambda s: write(s, "SKILL.md", b"---\nname: bad\n\xff\n---\n"), "not UTF-8", False),
        (lambda s: write(s, "SKILL.md", "# Just text"), "no front matter", True),
        (lambda s: write(s, "SKILL.md", ""), "no front matter", True),
        (lambda s: write(s, "SKILL.md", main_of("Bad")), "lower-case", True),
        (lambda s: write(s, "SKILL.md", main_of("other")), "its directory's is 'bad'", True),
        (lambda s: write(s, "SKILL.md", main_of("bad", "a: b")), "cannot be read", True),
        (lambda s: write(s, "SKILL.md", main_of("bad", "[" * 9999)), "cannot be read", True),
        (lambda s: write(s, "SKILL.md", main_of("bad", "!!int [1]")), "cannot be read", True),
        (lambda s: ((s / "SKILL.md").unlink(), (s / "SKILL.md").mkdir()), None, False),
    ],
)
@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_a_broken_skill_is_left_out_with_one_warning(
    root: Path,
    spoil: Callable[[Path], Any],
    why: str | None,
    served: bool,
    supporting_files: str,
    caplog: pytest.LogCaptureFixture,
):
    spoil(root / "bad")
    with caplog.at_level(logging.WARNING):
        peer = await serving(root, supporting_files=supporting_files, reload=True)
        for _ in range(2):
            _, names = await everything(peer)
            assert names == {"good"}
    listed = (await peer.request("resources/list")).result["resources"]
    assert ("skill://bad/SKILL.md" in {r["uri"] for r in listed}) is served
    assert all(r["description"] for r in listed)
    warnings = [r.getMessage() for r in caplog.records if "as a skill" in r.getMessage()]
    assert len(warnings) == (why is not None), warnings
    assert why is None or why in warnings[0]
    got = await peer.request("skills/get", {"uri": "skill://bad/SKILL.md"})
    assert got.error["code"] == -32602


@pytest.mark.parametrize("method", ["head", "survey", "files", "has", "uri"])
@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_a_directory_that_fails_in_a_new_way_fails_alone(
    root: Path,
    supporting_files: str,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    real = getattr(SkillFolder, method)

    def fail(self: SkillFolder, *args: Any) -> Any:
        if self.path == "bad":
            raise AttributeError("nobody thought of this")
        return real(self, *args)

    monkeypatch.setattr(SkillFolder, method, fail)
    peer = await serving(root, supporting_files=supporting_files, reload=True)
    for _ in range(2):
        _, names = await everything(peer)
        assert "good" in names
    listed = (await peer.request("resources/list")).result["resources"]
    assert "skill://good/SKILL.md" in {r["uri"] for r in listed}
    warnings = [r.getMessage() for r in caplog.records if "as a skill" in r.getMessage()]
    assert len(warnings) == 1, warnings
    assert "nobody thought of this" in warnings[0]


@pytest.mark.parametrize("supporting_files", ["template", "resources"])
async def test_what_begins_with_a_dot_is_not_served(root: Path, supporting_files: str):
    hidden = [".env", ".git/config", "sub/.secret/key.md", ".git/x/SKILL.md", ".SKILL.md"]
    for path in hidden:
        write(root, f"bad/{path}", main_of("x", SECRET))
    write(root, ".cache/SKILL.md", main_of("x", SECRET))
    write(root, "bad/sub/a.b.md", "fine")
    peer = await serving(root, supporting_files=supporting_files)
    told, names = await everything(peer)
    assert SECRET not in told
    assert "/." not in told
    assert '".' not in told
    assert "a.b.md" in told
    assert names == {"good", "bad"}
    for path in hidden:
        await refused(peer, f"bad/{path}")
    await refused(peer, ".cache/SKILL.md")
    for path in ("bad/.git", "bad/sub/.secret", "bad/%2egit", ".cache"):
        uri = f"skill://{path}"
        answer = await peer.request("resources/directory/read", {"uri": uri}, valid=False)
        assert answer.error["code"] == -32602


async def test_a_file_that_is_too_large_is_an_error(root: Path):
    huge(root / "bad")
    peer = await serving(root)
    for path in ("huge.bin", "_manifest"):
        answer = await peer.request("resources/read", {"uri": f"skill://bad/{path}"})
        assert answer.error["code"] == -32603
        assert "larger than 16777216 bytes" in answer.error["message"]
        assert str(root) not in answer.error["message"]


async def test_binary_and_half_text(root: Path):
    write(root, "bad/half.md", b"half \xff text")
    write(root, "bad/_manifest", "the skill's own")
    peer = await serving(root)
    got = await peer.request("skills/get", {"uri": "skill://bad/SKILL.md"})
    assert "skill://bad/_manifest" in {file["uri"] for file in got.result["skill"]["resources"]}
    half = await peer.request("resources/read", {"uri": "skill://bad/half.md"})
    assert half.result["contents"][0]["blob"] == "aGFsZiD/IHRleHQ="
    own = await peer.request("resources/read", {"uri": "skill://bad/_manifest"})
    assert own.result["contents"][0]["blob"] == "dGhlIHNraWxsJ3Mgb3du"
    listed = (await peer.request("resources/list")).result["resources"]
    types = {resource["uri"]: resource["mimeType"] for resource in listed}
    assert types["skill://bad/_manifest"] == "application/octet-stream"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_what_is_closed_to_the_server(root: Path):
    closed = write(root, "bad/closed.md", SECRET)
    closed.chmod(0)
    peer = await serving(root)
    answer = await peer.request("resources/read", {"uri": "skill://bad/closed.md"})
    assert answer.error["code"] == -32603
    assert str(root) not in answer.error["message"]
