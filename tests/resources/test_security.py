"""Which values a template's parameters may not have."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmcp.resources import ResourceSecurity


@pytest.mark.parametrize(
    "value",
    [
        "..",
        "../x",
        "a/../b",
        "a/..",
        "a\\..\\b",
        "/x",
        "\\x",
        "//x",
        "C:",
        "c:\\x",
        "a\0b",
        ["a", ".."],
    ],
)
def test_refused(value: Any) -> None:
    assert ResourceSecurity().validate({"ok": "a", "bad": value}) == "bad"


@pytest.mark.parametrize(
    "value", ["a", "a/b", "HEAD~3..HEAD", "..a", "a..", "...", ".", "", 5, None]
)
def test_allowed(value: Any) -> None:
    assert ResourceSecurity().validate({"x": value}) is None


@pytest.mark.parametrize(
    ("policy", "value"),
    [
        (ResourceSecurity(reject_path_traversal=False), "a/../b"),
        (ResourceSecurity(reject_absolute_paths=False), "/x"),
        (ResourceSecurity(reject_null_bytes=False), "a\0b"),
        (ResourceSecurity(exempt_params={"git-ref"}), "/../\0"),
    ],
)
def test_each_check_can_be_off(policy: ResourceSecurity, value: str) -> None:
    assert policy.validate({"git_ref": value}) is None
    assert ResourceSecurity().validate({"git_ref": value}) == "git_ref"


@given(st.text())
def test_what_passes_stays_inside(value: str) -> None:
    if ResourceSecurity().validate({"x": value}) is None:
        parts = value.replace("\\", "/").split("/")
        assert ".." not in parts
        assert not value.startswith(("/", "\\"))
        assert "\0" not in value
