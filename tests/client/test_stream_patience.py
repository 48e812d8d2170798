"""A server's `retry` is obeyed within reason. Real streams and pauses: `test_survival.py`, T23."""

from __future__ import annotations

import pytest

from fastmcp.client.stream_patience import StreamPatience, asked_for


@pytest.mark.parametrize(
    ("retry", "seconds"), [(0, 0.1), (99, 0.1), (1700, 1.7), (60_001, 60), (999_999_999, 60)]
)
def test_what_a_server_asks_for(retry: int, seconds: float) -> None:
    assert asked_for(retry) == seconds


def test_a_wish_is_the_least_and_has_an_end() -> None:
    assert StreamPatience().pause(30_000) == 30
    assert StreamPatience().pause(999_999_999) == 60
    assert StreamPatience().pause(0) >= 0.8
