"""The front matter of a SKILL.md: what it says, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmcp.utilities import frontmatter
from fastmcp.utilities.frontmatter import InvalidSkill


def values(text: str) -> dict[str, Any]:
    block, _ = frontmatter.split(text)
    assert block is not None
    return frontmatter.parse(block)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("-3", -3),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1.10", 1.1),
        ("1.10.0", "1.10.0"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ('"1.10"', "1.10"),
        ("2026-01-31", "2026-01-31"),
        ("=", "="),
        ("<<", "<<"),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
        ("{1: a, true: b}", {"1": "a", "true": "b"}),
        ("|\n  two\n  lines", "two\nlines\n"),
        ("Grüße 🎉", "Grüße 🎉"),
    ],
)
def test_values_are_those_of_the_core_schema(written: str, read: Any):
    assert values(f"---\nkey: {written}\n---\n") == {"key": read}
    assert type(values(f"---\nkey: {written}\n---\n")["key"]) is type(read)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("- a\n- b", "no mapping"),
        ("just text", "no mapping"),
        ("", "no mapping"),
        ("a: b: c", "cannot be read"),
        ("a: [", "cannot be read"),
        ("a: 1\na: 2", "twice"),
        ("? [a]\n: b", "a key is no text"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: .inf", "cannot be read"),
        ("a: .nan", "cannot be read"),
        ("a: 1e999", "no number of JSON"),
        ("a: " + "9" * 5000, "cannot be read"),
        ('a: "\\ud800"', "cannot be read"),
        ("a: !!binary aGk=", "cannot be read"),
        ("a: !!set {b, c}", "cannot be read"),
        ("a: !!python/object/apply:os.system [id]", "cannot be read"),
        ("a: !custom x", "cannot be read"),
        ("a: " + "[" * 20000, "cannot be read"),
        ("a: " + "x" * 70000, "longer than"),
        ("a: \x07", "cannot be read"),
        ("a: !!int [1]", "no scalar"),
        ("a: !!int {}", "no scalar"),
        ("a: !!float {}", "no scalar"),
        ("a: !!float [1]", "no scalar"),
        ("a: !!bool [x]", "no scalar"),
        ("a: !!bool {}", "no scalar"),
        ("a: !!map [1]", "no mapping"),
        ("a: !!map x", "no mapping"),
        ("a: !!map [[b, c]]", "no mapping"),
        ("a: !!null [x]", "cannot be read"),
        ("a: !!str {}", "cannot be read"),
        ("a: !!seq x", "cannot be read"),
        ("!!map [1]", "no mapping"),
        ("a: 1\n--- \nb: 2", "cannot be read"),
    ],
)
def test_what_json_cannot_say_is_refused(block: str, why: str):
    with pytest.raises(InvalidSkill, match=why):
        frontmatter.parse(block)


@pytest.mark.parametrize(
    ("text", "block", "body"),
    [
        ("---\na: 1\n---\nbody", "a: 1\n", "body"),
        ("---\r\na: 1\r\n---\r\nbody", "a: 1\r\n", "body"),
        ("\ufeff---\na: 1\n---\nbody", "a: 1\n", "body"),
        ("---  \na: 1\n---  \nbody", "a: 1\n", "body"),
        ("---\na: 1\n---", "a: 1\n", ""),
        ("---\n---\nbody", "", "body"),
        ("---\na: ----\nb: 2\n---\nbody\n---\n", "a: ----\nb: 2\n", "body\n---\n"),
        ("no front matter", None, "no front matter"),
        ("---\nnever closed", None, "---\nnever closed"),
        (" ---\na: 1\n---\n", None, " ---\na: 1\n---\n"),
        ("", None, ""),
    ],
)
def test_where_it_begins_and_ends(text: str, block: str | None, body: str):
    assert frontmatter.split(text) == (block, body)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"name": "a"}, "name and a description"),
        ({"description": "d"}, "name and a description"),
        ({"name": "a", "description": "  "}, "name and a description"),
        ({"name": 1, "description": "d"}, "name and a description"),
        ({"name": "A", "description": "d"}, "lower-case"),
        ({"name": "a--b", "description": "d"}, "lower-case"),
        ({"name": "-a", "description": "d"}, "lower-case"),
        ({"name": "a_b", "description": "d"}, "lower-case"),
        ({"name": "a\n", "description": "d"}, "lower-case"),
        ({"name": "a" * 65, "description": "d"}, "lower-case"),
        ({"name": "b", "description": "d"}, "its directory's is 'a'"),
        ({"name": "a", "description": "d" * 1025}, "1024"),
    ],
)
def test_what_the_specification_asks(given: dict[str, Any], why: str):
    with pytest.raises(InvalidSkill, match=why):
        frontmatter.check(given, "a")


def test_what_it_takes():
    frontmatter.check({"name": "a-1", "description": "d" * 1024, "more": [1]}, "a-1")
    frontmatter.check({"name": "a" * 64, "description": "d"}, "a" * 64)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str):
    with suppress(InvalidSkill):
        assert isinstance(frontmatter.parse(text), dict)


def test_whatever_the_parser_raises_is_a_broken_front_matter(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any, **__: Any) -> Any:
        raise AttributeError("nobody thought of this")

    monkeypatch.setattr(frontmatter.yaml, "load", fail)
    with pytest.raises(InvalidSkill, match="nobody thought of this"):
        frontmatter.parse("a: 1")
