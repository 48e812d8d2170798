"""What clients of the soak did, what they provoked, and what went wrong."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_KEPT = 20
"""Failures that are told in full; the others are counted."""


@dataclass
class Ledger:
    """The counts of one or several clients.

    Attributes:
        done: scenarios that went as they should, by name.
        calls: requests that were answered as they should be, by what was asked.
        provoked: errors that were wanted and came, by what they are; HTTP statuses as such.
        failures: how often a scenario went wrong, by name.
        told: the first of these failures.
    """

    done: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    provoked: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def failed(self, scenario: str, error: BaseException) -> None:
        """A scenario went wrong."""
        self.failures[scenario] += 1
        if len(self.told) < _KEPT:
            self.told.append(f"{scenario}: {''.join(traceback.format_exception(error))[-4000:]}")

    def add(self, other: Ledger) -> None:
        """Count what another one has counted."""
        self.done += other.done
        self.calls += other.calls
        self.provoked += other.provoked
        self.failures += other.failures
        self.told += other.told[: _KEPT - len(self.told)]

    def encode(self) -> dict[str, Any]:
        """As JSON has it."""
        return dict(vars(self))

    @classmethod
    def decode(cls, data: dict[str, Any]) -> Ledger:
        """What `encode` made."""
        told = data.pop("told")
        return cls(**{name: Counter(value) for name, value in data.items()}, told=told)
