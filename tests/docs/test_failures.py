"""docs/failures.md holds against the source: what it lists is there, and what is there it lists.

A failure is seen where the source makes it: at a call of what is named like an error, of a helper that
makes or sends one, or of a logger at WARNING and above. Its text is what the literals say, with `…`
for each value that is put in. Where a text is put together by a function, it is not seen here; the
page lists it all the same, and then its pieces have to be in the source.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "fastmcp"
PAGE = ROOT / "docs" / "failures.md"

# Findings about somebody else's server or project, which docs/doctor.md and docs/migration.md explain.
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
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named.setdefault(node.targets[0].id, []).append(node.value)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        makes, logs = is_maker(node.func)
        if not makes:
            continue
        given = [list(texts_of(arg, named)) for arg in (*node.args, *(k.value for k in node.keywords))]
        for text in max(given, key=lambda texts: len(max(texts, key=len, default="")), default=[]):
            text = plain(PLACEHOLDER.sub(HOLE, text) if logs else text)
            if tells(text):
                yield node.lineno, text


@cache
def modules() -> dict[str, ast.Module]:
    paths = ((path.relative_to(SOURCE).as_posix(), path) for path in sorted(SOURCE.rglob("*.py")))
    return {
        name: ast.parse(path.read_text())
        for name, path in paths
        if not name.startswith(FINDINGS)
    }
