"""What a reader costs grows no faster than what it reads."""

from __future__ import annotations

import pytest

from tests.fuzz.growth import is_slow, texts
from tests.fuzz.reader import Reader
from tests.fuzz.registry import READERS
from tests.support.extent import extent


@pytest.mark.long
@pytest.mark.timeout(extent(60, 1800))
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_the_cost_of_length(reader: Reader) -> None:
    slow = {
        name: said
        for name, grow in texts(reader)
        if (said := is_slow(reader, grow, extent(2 * 1024, 16 * 1024))) is not None
    }
    assert not slow


def test_what_grows_too_fast_is_found() -> None:
    """The measure itself: a reader that compares each byte with each other."""

    def quadratic(data: bytes) -> None:
        for at in range(0, len(data), 64):
            sum(data[:at])

    reader = Reader("quadratic", quadratic, (b"a",))
    assert is_slow(reader, lambda size: b"a" * size, 4 * 1024) is not None
    linear = Reader("linear", lambda data: list(data * 20), (b"a",))
    assert is_slow(linear, lambda size: b"a" * size, 4 * 1024) is None
