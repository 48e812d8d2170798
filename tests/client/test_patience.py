"""When a request is sent again, by a clock that the tests move."""

from __future__ import annotations

import asyncio

import pytest

from fastmcp.client.patience import Patience, Term


async def pauses(patience: Patience, wish: float | None) -> list[float]:
    """All pauses until patience ends, were each waited out."""
    loop = asyncio.get_running_loop()
    found: list[float] = []
    real = loop.time
    waited = 0.0

    def moved() -> float:
        return real() + waited

    loop.time = moved  # type: ignore[method-assign]  # to wait a minute would prove no more
    try:
        while (pause := patience.pause(wish)) is not None:
            found.append(pause)
            waited += pause
            assert len(found) < 1000
    finally:
        loop.time = real  # type: ignore[method-assign]
    return found


async def test_pauses_grow_and_end() -> None:
    found = await pauses(Patience(None, 10), None)
    assert 0.08 <= found[0] <= 0.12
    assert max(found) <= 1.2
    assert 8 < sum(found) <= 10


async def test_a_time_out_ends_them_sooner() -> None:
    assert sum(await pauses(Patience(Term(2), 10), None)) <= 2


@pytest.mark.parametrize("wish", [1, 7.0, 59])
async def test_a_server_that_always_asks_for_a_moment_is_given_a_minute(wish: float) -> None:
    """Not a minute each time."""
    found = await pauses(Patience(None, 10), wish)
    assert found[0] >= wish
    assert sum(found) <= 60


async def test_a_wish_beyond_all_that_is_refused() -> None:
    assert Patience(None, 10).pause(61) is None
    assert Patience(Term(5), 10).pause(6) is None
    assert Patience(Term(500), 10).pause(90) is not None


async def test_a_time_out_that_stands_still() -> None:
    """While something is waited for that is nobody's fault, here and in what runs around it."""
    outer = Term(0.2)
    async with outer.start():
        inner = Term(0.2, outer)
        async with inner.start():
            with inner.held():
                await asyncio.sleep(0.5)
        assert outer.until > asyncio.get_running_loop().time()
