"""What the doctor says: findings, in words that are safe to print.

Half of every sentence comes from a server that nobody has to trust. Whatever it says is cut to a
readable length, and what a terminal would obey instead of show (escape sequences, direction marks)
is written out. Secrets that the user gave are taken out of every text, because servers repeat them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "STATUSES",
    "Finding",
    "Report",
    "Status",
    "held_back",
    "note",
    "ok",
    "problem",
    "quote",
    "seconds",
    "skipped",
    "visible",
    "warning",
]

Status: TypeAlias = Literal["ok", "note", "warning", "problem", "skipped"]

STATUSES: Final[tuple[Status, ...]] = ("problem", "warning", "note", "ok", "skipped")
"""The gravest first."""

_QUOTED: Final = 160
_SHORTEST_SECRET: Final = 4
"""Less than that stands in ordinary words as well."""
_TELLING: Final = 12
"""So many characters of a secret in a row are a part of it, and no chance."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is known about an endpoint.

    Attributes:
        id: names what was found, the same in every version; docs/doctor.md lists them.
        status: how much it matters.
        seen: what was observed.
        means: what that does to clients; empty where it needs no words.
        do: the lines to change; empty where nothing is to be done.
    """

    id: str
    status: Status
    seen: str
    means: str = ""
    do: str = ""

    def plain(self) -> dict[str, str]:
        """As JSON has it."""
        return {
            "id": self.id,
            "status": self.status,
            "seen": self.seen,
            "means": self.means,
            "do": self.do,
        }


def ok(id: str, seen: str) -> Finding:
    """It is as it should be."""
    return Finding(id, "ok", seen)


def note(id: str, seen: str, means: str = "", do: str = "") -> Finding:
    """Worth knowing, nothing wrong."""
    return Finding(id, "note", seen, means, do)


def warning(id: str, seen: str, means: str, do: str) -> Finding:
    """Some clients, or some days, will suffer from it."""
    return Finding(id, "warning", seen, means, do)


def problem(id: str, seen: str, means: str, do: str) -> Finding:
    """Clients fail, or the server is open to strangers."""
    return Finding(id, "problem", seen, means, do)


def skipped(id: str, why: str) -> Finding:
    """It could not be looked at."""
    return Finding(id, "skipped", why)


def held_back(why: str) -> Finding:
    """The user's headers are for one server alone."""
    return note(
        "credentials-held-back",
        f"your headers are not sent from here on: {why}",
        "What follows is seen without them.",
    )


class Report:
    """All findings, in the order in which they were made.

    Args:
        secrets: texts that must not be told to anybody.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.findings: list[Finding] = []
        long_enough = {text for text in secrets if len(text) >= _SHORTEST_SECRET}
        self._secrets = sorted(long_enough, key=len, reverse=True)
        self._parts = {
            secret[at : at + _TELLING]
            for secret in long_enough
            for at in range(len(secret) - _TELLING + 1)
        }

    def add(self, finding: Finding) -> None:
        """Keep a finding, in words that can be shown."""
        self.findings.append(
            Finding(
                finding.id,
                finding.status,
                self.shown(finding.seen),
                self.shown(finding.means),
                self.shown(finding.do),
            )
        )

    def shown(self, text: str) -> str:
        """A text without secrets, and without what a terminal would obey."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return visible(self._without_parts(text) if self._parts else text)

    def _without_parts(self, text: str) -> str:
        """What was cut to a readable length may have been cut in the middle of a secret."""
        kept: list[str] = []
        at = 0
        while at < len(text):
            end = at
            while text[end : end + _TELLING] in self._parts:
                end += 1
            if end > at:
                kept.append("***")
                at = end + _TELLING - 1
            else:
                kept.append(text[at])
                at += 1
        return "".join(kept)

    def counts(self) -> dict[str, int]:
        """How many there are of each status."""
        found = Counter(finding.status for finding in self.findings)
        return {status: found[status] for status in STATUSES}


def visible(text: str) -> str:
    """A text in which every character shows; what does not is written as an escape."""
    return "".join(
        char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text
    )


def quote(value: Any, most: int = _QUOTED) -> str:
    """What a server said, in quotation marks, on one line and of a readable length."""
    text = value if isinstance(value, str) else str(value)
    words = " ".join(text[: 4 * most].split())
    return f"'{visible(words[:most])}{'...' if len(words) > most else ''}'"


def seconds(value: float) -> str:
    """A duration for people: milliseconds below a second."""
    if value < 0.001:
        return "under 1 ms"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
