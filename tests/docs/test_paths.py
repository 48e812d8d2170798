"""Every path that the README, CONTRIBUTING, the changelog and the docs name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
TOPS = {path.name for path in ROOT.iterdir()}
# Made by running something, so a fresh checkout has none of them.
MADE = (".venv", ".cache")


def links(text: str) -> Iterator[str]:
    """Targets of links that are no addresses."""
    for target in LINK.findall(text):
        if "://" not in target and not target.startswith("#"):
            yield target.partition("#")[0]


def spoken_of(text: str) -> Iterator[str]:
    """Words in code marks that begin with a name at the root of the repository and a slash."""
    for code in CODE.findall(text):
        for word in code.split():
            path = word.strip("`,.;:")
            top, slash, _ = path.partition("/")
            if slash and top in TOPS and top not in MADE and not set("*<{(=") & set(path):
                yield path


def tree(text: str) -> Iterator[str]:
    """The paths in a picture of a folder: two blanks are one level, a name may stand beside one."""
    for block in re.findall(r"```\n(.*?)```", text, re.DOTALL):
        if not block.startswith("src/fastmcp/"):
            continue
        folders: list[str] = []
        for line in block.splitlines():
            depth, names = (len(line) - len(line.lstrip())) // 2, []
            for word in line.split():
                if not word.endswith(("/", ".py")):
                    break
                names.append(word)
            for name in names:
                yield "".join([*folders[:depth], name])
            if names and names[-1].endswith("/"):
                folders = [*folders[:depth], names[-1]]


def is_there(path: str) -> bool:
    """Whether there is a file or folder, and in it the test that is named behind `::`."""
    name, _, test = path.partition("::")
    place = ROOT / name
    return place.exists() and (not test or f"def {test}(" in place.read_text())


def test_pages_are_found():
    names = {page.relative_to(ROOT).as_posix() for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_exist(page: Path):
    text = page.read_text()
    missing = [target for target in links(text) if not (page.parent / target).exists()]
    missing += [path for path in (*spoken_of(text), *tree(text)) if not is_there(path)]
    assert missing == []


def test_the_reader_sees_paths():
    text = (
        "see [this](docs/no.md#part), `tests/no/` and `python examples/no.py`, not `FASTMCP_X/y`\n"
        "```\nsrc/fastmcp/   6\n  a.py b/  1 text/\n    c.py\n  d.py\n\ntests/  x\n  e/\n```\n"
    )
    assert list(links(text)) == ["docs/no.md"]
    assert list(spoken_of(text)) == ["tests/no/", "examples/no.py"]
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert is_there(here)
    assert is_there(f"{here}::test_the_reader_sees_paths")
    assert not is_there(f"{here}::test_that_nobody_wrote")
    assert not is_there("tests/docs/no.py")
    assert list(tree(text)) == [
        "src/fastmcp/",
        "src/fastmcp/a.py",
        "src/fastmcp/b/",
        "src/fastmcp/b/c.py",
        "src/fastmcp/d.py",
        "tests/",
        "tests/e/",
    ]
