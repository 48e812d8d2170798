"""Nothing that reads bytes of a stranger crashes, answers with a server's fault, or logs a trace.

Texts are valid ones, changed in a few places (`mutation`). In `make test` the same ones each time;
`make test-long` takes its own chance, and `make fuzz` looks at which lines they reach.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import mutated
from tests.fuzz.reader import Reader
from tests.fuzz.registry import READERS
from tests.support.extent import LONG, extent

_each = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)


@_each
def test_what_it_is_meant_for(reader: Reader) -> None:
    for seed in reader.seeds:
        reader(seed)


@_each
def test_what_broke_it_once(reader: Reader) -> None:
    for example in reader.examples:
        reader(example)


@pytest.mark.long
@pytest.mark.timeout(extent(60, 1800))
@_each
def test_what_is_nearly_right(reader: Reader) -> None:
    @settings(
        max_examples=extent(60, 20_000),
        deadline=None,
        database=None,
        derandomize=not LONG,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        seed=st.sampled_from(reader.seeds),
        chance=st.randoms(use_true_random=False),
    )
    def read(seed: bytes, chance: Random) -> None:
        reader(mutated(seed, chance, reader.words, reader.seeds))

    read()


@_each
def test_what_is_nothing_at_all(reader: Reader) -> None:
    for data in (b"", b"\0", b"\n", b"\xff" * 9, b"{", b"[]", b"null", b'"', b"a" * 5000):
        reader(data)
