"""How far a test goes whose kind of proof only grows with its length: examples of a generator,
clients at once, rounds of chaos.

`make test` goes so far as to meet every path; `make test-long` sets TEST_LONG and runs those that
are marked `long` at their whole length.
"""

from __future__ import annotations

import os

LONG = os.environ.get("TEST_LONG", "") not in ("", "0")
"""Whether this run takes its time."""


def extent(usual: int, long: int) -> int:
    """`usual`, or `long` in a long run."""
    return long if LONG else usual
