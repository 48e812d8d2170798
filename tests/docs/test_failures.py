"""docs/failures.md holds against the source: what it lists is there, what is there it lists.

A failure is seen where the source makes it: at a call of what is named like an error, of a helper
that makes or sends one, or of a logger at WARNING and above. Its text is what the literals say,
with `…` for each value that is put in. One that a function puts together is not seen here; the page
lists it all the same, and then its pieces have to be in the source.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "fastmcp"
PAGE = ROOT / "docs" / "failures.md"

# Findings about somebody else's server or project; docs/doctor.md and docs/migration.md have them.
FINDINGS = ("cli/diagnosis/", "cli/migration/")
# What else makes or sends a failure than classes that are named like an error.
MAKERS = {
    "Gone",
    "InvalidSkill",
    "Malformed",
    "_busy",
    "_invalid",
    "_misfit",
    "_refusal",
    "_refuse",
    "_refused",
    "deprecated",
    "header_mismatch",
    "invalid_params",
    "refuse",
    "refused",
    "warn",
}
LEVELS = {"critical", "error", "exception", "warning"}
# An import of a name that is not there; a fault of our own.
SILENT = {"AssertionError", "AttributeError"}

HOLE = "…"
PLACEHOLDER = re.compile(r"%[-+# 0-9.]*[a-z]")
CODE = re.compile(r"(?<!`)(`+)(?!`) ?(.+?) ?(?<!`)\1(?!`)")


def plain(text: str) -> str:
    """A text as it is compared: on one line, and one hole where several stand together."""
    return re.sub(rf"{HOLE}(\s*{HOLE})+", HOLE, re.sub(r"\s+", " ", text)).strip()


def tells(text: str) -> bool:
    """Whether it says something: more than a word, and not what was put in alone."""
    return " " in text and sum(map(str.isalpha, text)) >= 4


def text_of(node: ast.expr) -> str:
    """What literals say, with holes."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(text_of, parts))
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return text_of(left) + text_of(right)
    return HOLE


def texts_of(node: ast.expr, named: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The texts that an argument may have: one for each branch, and each value of a name."""
    match node:
        case ast.IfExp(body=body, orelse=other):
            yield from texts_of(body, named)
            yield from texts_of(other, named)
        case ast.Name(id=name) if name in named:
            yield from map(text_of, named[name])
        case _:
            yield text_of(node)


def is_maker(function: ast.expr) -> tuple[bool, bool]:
    """Whether a call of it is a failure, and whether that is one that is logged."""
    match function:
        case ast.Attribute(attr=name) if name in LEVELS:
            return True, True
        case ast.Attribute(attr=name) | ast.Name(id=name):
            error = name.endswith("Error") and not name.startswith("_") and name not in SILENT
            return error or name in MAKERS, False
    return False, False


def failures_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each failure: the longest of what a call is given."""
    named: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.IfExp(body=body, orelse=other)):
                named.setdefault(name, []).extend((body, other))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                named.setdefault(name, []).append(value)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        makes, logs = is_maker(node.func)
        if not makes:
            continue
        words = node.args[:1] if logs else (*node.args, *(word.value for word in node.keywords))
        given = [list(texts_of(word, named)) for word in words]
        for text in max(given, key=lambda texts: len(max(texts, key=len, default="")), default=[]):
            text = plain(PLACEHOLDER.sub(HOLE, text) if logs else text)
            if tells(text):
                yield node.lineno, text


@cache
def modules() -> dict[str, ast.Module]:
    paths = ((path.relative_to(SOURCE).as_posix(), path) for path in sorted(SOURCE.rglob("*.py")))
    return {
        name: ast.parse(path.read_text()) for name, path in paths if not name.startswith(FINDINGS)
    }


@cache
def made() -> dict[str, str]:
    """Each failure, and a place where it is made."""
    return {
        text: f"{name}:{line}"
        for name, tree in modules().items()
        for line, text in failures_in(tree)
    }


@cache
def literals() -> str:
    """Everything that the source says in literals, a line each; docstrings are none."""
    nodes = list(chain.from_iterable(map(ast.walk, modules().values())))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = (
        text_of(node)
        for node in nodes
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) and id(node) not in docstrings
    )
    return "\n".join({plain(PLACEHOLDER.sub(HOLE, text)) for text in texts if text != HOLE})


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the tables, without their heads."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return [[cell.strip() for cell in row] for row in cells if row[0].strip() != "message"]


def messages(row: list[str]) -> list[str]:
    """What stands in the first cell: each message in code marks."""
    return [plain(text) for _, text in CODE.findall(row[0].replace("\\|", "|"))]


def listed() -> list[str]:
    return list(chain.from_iterable(map(messages, rows(PAGE.read_text()))))


def test_every_failure_is_listed():
    there = set(listed())
    missing = {text: place for text, place in made().items() if text not in there}
    assert missing == {}


def test_what_is_listed_is_in_the_source():
    known, said = made(), literals()
    strange = [
        text
        for text in listed()
        if text not in known and not all(part.strip() in said for part in text.split(HOLE))
    ]
    assert strange == []


def test_every_row_says_when_whose_and_what_to_do():
    table = rows(PAGE.read_text())
    assert [row for row in table if len(row) != 4 or not all(row) or not messages(row)] == []


def test_the_reader_sees_failures():
    source = """
    TEXT = "not this way: use another"
    def fail(a, b):
        why = "nobody is there" if a else f"{b} is away"
        log.warning("%s is %.1f s late", a, b, extra="this is not looked at")
        log.debug("this is no failure")
        raise McpError(1, f"{a} cannot {b!r}" " be had") from ValueError(TEXT)
        raise ThatError(1, why)
        raise KeyError(a)
        _misfit(f"{a}: it is " + b)
    """
    found = {text for _, text in failures_in(ast.parse(dedent(source)))}
    assert found == {
        "… is … s late",
        "… cannot … be had",
        "not this way: use another",
        "nobody is there",
        "… is away",
        "…: it is …",
    }
    page = "| message | when |\n|---|---|\n| `a … b`<br>`` `c` \\| d `` | e \\| f |\n"
    assert rows(page) == [["`a … b`<br>`` `c` \\| d ``", "e \\| f"]]
    assert messages(rows(page)[0]) == ["a … b", "`c` | d"]
