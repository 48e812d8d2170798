"""The pauses before a stream is asked for again, by a clock that the tests move, and a server's
`retry`, which is obeyed within reason. Real streams and pauses: `test_survival.py`, T23.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from unittest.mock import patch

import pytest

from fastmcp.client import stream_patience
from fastmcp.client.stream_patience import StreamPatience, asked_for

ROUNDS = range(100)
"""Pauses are spread out by chance."""


class Clock:
    """Stands in for the module `time`: to wait for minutes would prove no more."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    with patch.object(stream_patience, "time", Clock()) as moved:
        yield moved


def attempts(clock: Clock, patience: StreamPatience, lasting: float = 0) -> Iterator[float]:
    """When each begins, if each ends after so many seconds."""
    while True:
        patience.begin()
        yield clock.now
        clock.now += lasting
        clock.now += patience.pause()


def pauses(clock: Clock, count: int, lasting: float = 0) -> list[float]:
    """The first so many."""
    moments = attempts(clock, StreamPatience(), lasting)
    at = [next(moments) for _ in range(count + 1)]
    return [after - before - lasting for before, after in pairwise(at)]


@pytest.mark.parametrize("lasting", [0, 0.1], ids=["away", "closing"])
def test_t23_few_attempts_and_never_far_apart(clock: Clock, lasting: float) -> None:
    """Six within ten seconds at most; and a server that is back within the first minute is asked
    again within five seconds."""
    for _ in ROUNDS:
        found = pauses(clock, 15, lasting)
        assert all(pause < 5 for pause in found)
        at = [0.0, *accumulate(pause + lasting for pause in found)]
        assert at[-1] > 40
        assert sum(moment < 10 for moment in at) <= 6


def test_they_grow_and_become_long_and_never_end(clock: Clock) -> None:
    found = pauses(clock, 200)
    expected = [1, 2, *[4] * 17, *[30] * 181]
    for pause, middle in zip(found, expected, strict=True):
        assert pause == pytest.approx(middle, rel=0.21)


def test_after_a_stream_that_lasted_they_begin_anew(clock: Clock) -> None:
    patience = StreamPatience()
    moments = attempts(clock, patience)
    for _ in range(30):
        next(moments)
    clock.now += 11  # this one stands
    ended = clock.now
    assert next(moments) - ended <= 1.2


def test_clients_do_not_come_all_at_once(clock: Clock) -> None:
    assert len({pauses(clock, 1)[0] for _ in ROUNDS}) > 10


@pytest.mark.parametrize(
    ("retry", "seconds"), [(0, 0.1), (99, 0.1), (1700, 1.7), (60_001, 60), (999_999_999, 60)]
)
def test_what_a_server_asks_for(retry: int, seconds: float) -> None:
    assert asked_for(retry) == seconds


def test_a_wish_is_the_least_and_has_an_end() -> None:
    assert StreamPatience().pause(30_000) == 30
    assert StreamPatience().pause(999_999_999) == 60
    assert StreamPatience().pause(0) >= 0.8
