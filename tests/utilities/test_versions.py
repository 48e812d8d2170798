"""Which version is newer, and which a caller accepts."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmcp.utilities.versions import (
    VersionSpec,
    coerce_version,
    compare_versions,
    highest,
    is_version_greater,
    max_version,
    min_version,
)

OLD_TO_NEW = [None, "alpha", "beta", "0.9", "1.0rc1", "1.0", "1.0.post1", "1.9", "1.10", "v2", "10"]


def test_order() -> None:
    for index, older in enumerate(OLD_TO_NEW):
        assert compare_versions(older, older) == 0
        for newer in OLD_TO_NEW[index + 1 :]:
            assert compare_versions(older, newer) == -1
            assert is_version_greater(newer, older)
            assert max_version(older, newer) == newer
            assert min_version(older, newer) == older


@given(st.permutations(OLD_TO_NEW))
def test_highest(versions: list[str | None]) -> None:
    found = highest(SimpleNamespace(version=version) for version in versions)
    assert found is not None
    assert found.version == "10"


def test_highest_of_none_and_of_equals() -> None:
    first, second = SimpleNamespace(version="1.0"), SimpleNamespace(version="1")
    assert highest([first, second]) is first
    assert highest([]) is None


@pytest.mark.parametrize(("value", "text"), [("1", "1"), (2, "2"), (1.5, "1.5"), (None, None)])
def test_coerce(value: Any, text: str | None) -> None:
    assert coerce_version(value) == text


def test_refused() -> None:
    with pytest.raises(ValueError, match="cannot contain '@'"):
        coerce_version("1@2")
    for value in (True, [1], object()):
        with pytest.raises(TypeError, match="must be a string, int, or float"):
            coerce_version(value)


@pytest.mark.parametrize(
    ("spec", "accepted"),
    [
        (VersionSpec(), OLD_TO_NEW),
        (VersionSpec(eq="1"), ["1.0"]),
        (VersionSpec(gte="1.9"), ["1.9", "1.10", "v2", "10"]),
        (VersionSpec(lt="1.0"), ["alpha", "beta", "0.9", "1.0rc1"]),
        (VersionSpec(gte="1.0", lt="2"), ["1.0", "1.0.post1", "1.9", "1.10"]),
    ],
)
def test_spec(spec: VersionSpec, accepted: list[str | None]) -> None:
    assert [v for v in OLD_TO_NEW if spec.matches(v, match_none=False)] == accepted
    assert spec.matches(None)


SPECS = st.builds(
    VersionSpec,
    gte=st.sampled_from([None, *OLD_TO_NEW[3:]]),
    lt=st.sampled_from([None, *OLD_TO_NEW[3:]]),
    eq=st.sampled_from([None, None, *OLD_TO_NEW[3:]]),
)


@given(SPECS, SPECS, st.sampled_from(OLD_TO_NEW[1:]))
def test_intersection(a: VersionSpec, b: VersionSpec, version: str) -> None:
    both = a.matches(version) and b.matches(version)
    assert a.intersect(b).matches(version) == both
    assert a.intersect(None) == a
