"""Versions of components: which of two is newer, and which ones a caller asks for.

The order is PEP 440's where both versions follow it (`1.10` is newer than `1.9`, `2.0rc1`
older than `2.0`). A version that does not follow it sorts below all that do, by its text;
no version at all sorts below everything. A leading `v` is not part of a version's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = [
    "VersionKey",
    "VersionSpec",
    "coerce_version",
    "compare_versions",
    "highest",
    "is_version_greater",
    "max_version",
    "min_version",
    "parse_version_key",
    "version_sort_key",
]

T = TypeVar("T")

# (0,) no version, (1, text) not PEP 440, (2, Version): tuples order themselves.
VersionKey = tuple[Any, ...]


def parse_version_key(version: str | None) -> VersionKey:
    """The sort key of one version string, see the module's text for the order."""
    if version is None:
        return (0,)
    from packaging.version import Version

    try:
        return (2, Version(version))
    except ValueError:  # `InvalidVersion`, or a number of thousands of digits
        return (1, version)


def version_sort_key(component: Any) -> VersionKey:
    """The sort key of anything that has a `version` attribute."""
    return parse_version_key(component.version)


def compare_versions(a: str | None, b: str | None) -> int:
    """-1, 0 or 1 as `a` is older than, equal to or newer than `b`."""
    left, right = parse_version_key(a), parse_version_key(b)
    return (left > right) - (left < right)


def is_version_greater(a: str | None, b: str | None) -> bool:
    """Whether `a` is newer than `b`."""
    return compare_versions(a, b) > 0


def max_version(a: str | None, b: str | None) -> str | None:
    """The newer of the two; `a` when they are equal."""
    return a if compare_versions(a, b) >= 0 else b


def min_version(a: str | None, b: str | None) -> str | None:
    """The older of the two; `a` when they are equal."""
    return a if compare_versions(a, b) <= 0 else b


def highest(components: Iterable[T]) -> T | None:
    """The component with the newest version, None of none. The first wins among equals."""
    best: T | None = None
    best_key: VersionKey = ()
    for component in components:
        key = version_sort_key(component)
        if best is None or key > best_key:
            best, best_key = component, key
    return best


def coerce_version(value: Any) -> str | None:
    """A version as the author wrote it, as the text that is kept.

    Args:
        value: a string, an int, a float or None.

    Raises:
        TypeError: for a bool or any other type.
        ValueError: if it contains `@`, which separates name and version in a component's key.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(
            f"Version must be a string, int, or float, got {type(value).__name__}: {value!r}"
        )
    version = str(value)
    if "@" in version:
        raise ValueError(f"Version string cannot contain '@' (used as key delimiter): {version!r}")
    return version


@dataclass(frozen=True)
class VersionSpec:
    """Which versions a caller accepts. Without any bound it accepts all of them.

    Args:
        gte: this version or newer.
        lt: older than this version.
        eq: exactly this version; the other two are then not looked at.
    """

    gte: str | None = None
    lt: str | None = None
    eq: str | None = None

    def matches(self, version: str | None, *, match_none: bool = True) -> bool:
        """Whether `version` lies within the bounds.

        Args:
            version: the component's version; None for an unversioned one.
            match_none: what to answer for an unversioned component when there are bounds.
        """
        if self.eq is None and self.gte is None and self.lt is None:
            return True
        if version is None:
            return match_none
        if self.eq is not None:
            return compare_versions(version, self.eq) == 0
        if self.gte is not None and compare_versions(version, self.gte) < 0:
            return False
        return self.lt is None or compare_versions(version, self.lt) < 0

    def intersect(self, other: VersionSpec | None) -> VersionSpec:
        """The versions that both accept, as one spec."""
        if other is None:
            return self
        if self.eq is not None:
            return self if other.matches(self.eq) else VersionSpec(gte=self.eq, lt=self.eq)
        if other.eq is not None:
            return other if self.matches(other.eq) else VersionSpec(gte=other.eq, lt=other.eq)
        return VersionSpec(
            gte=_tighter(self.gte, other.gte, max_version),
            lt=_tighter(self.lt, other.lt, min_version),
        )


def _tighter(
    a: str | None, b: str | None, pick: Callable[[str | None, str | None], str | None]
) -> str | None:
    if a is None or b is None:
        return b if a is None else a
    return pick(a, b)
