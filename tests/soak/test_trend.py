"""The slope test tells growth from noise."""

from __future__ import annotations

import random

import pytest

from tests.soak.run import tolerated
from tests.soak.trend import trend

TIMES = [number / 12 for number in range(120)]
"""Ten minutes, a sample every five seconds."""


def noise(width: float) -> list[float]:
    chance = random.Random(7)
    return [50_000 + chance.gauss(0, width) for _ in TIMES]


def test_a_line_has_its_slope_exactly():
    found = trend(TIMES, [3 * time + 1 for time in TIMES])
    assert found.slope == pytest.approx(3)
    assert (found.low, found.high) == (pytest.approx(3), pytest.approx(3))


def test_noise_does_not_grow():
    found = trend(TIMES, noise(500))
    assert found.low < 0 < found.high
    assert not found.grows(0)


def test_growth_is_seen_through_noise():
    grown = [value + 100 * time for time, value in zip(TIMES, noise(200), strict=True)]
    found = trend(TIMES, grown)
    assert found.low < 100 < found.high
    assert found.grows(50)
    assert not found.grows(100)


def test_samples_that_lie_far_off_change_nothing():
    spiky = noise(10)
    spiky[::10] = [value + 100_000 for value in spiky[::10]]
    spiky[-1] += 1_000_000
    assert not trend(TIMES, spiky).grows(1)


def test_a_constant_has_none():
    assert trend(TIMES, [5] * len(TIMES)).slope == 0


def test_two_samples_are_too_few():
    with pytest.raises(ValueError, match="three samples, got 2"):
        trend([0, 1], [1, 2])


def test_what_is_counted_may_follow_the_load_a_little_and_a_leak_of_one_a_second_may_not():
    kept = [130 + time % 7 for time in TIMES]
    assert not trend(TIMES, kept).grows(tolerated("keys: session", kept))
    leaked = [count + 60 * time for time, count in zip(TIMES, kept, strict=True)]
    for name in ("keys: session", "files"):
        assert trend(TIMES, leaked).grows(tolerated(name, leaked))
