"""The ring of changes: cursors, what a late reader learns, and who is woken."""

from __future__ import annotations

import asyncio

import pytest

from fastmcp.server.backplane.feed import Feed, FeedReader
from fastmcp.server.bus import Change, ResourceUpdated


def change(n: int) -> Change:
    return ResourceUpdated(f"test://{n}")


def filled(count: int, limit: int = 1000) -> Feed:
    feed = Feed("f", limit)
    for n in range(1, count + 1):
        feed.append(change(n))
    return feed


def test_positions_count_the_changes():
    feed = Feed("f")
    assert feed.position == 0
    assert feed.after(0) == []
    feed.append(change(1))
    feed.append(change(2))
    assert feed.position == 2
    assert feed.after(0) == [(1, change(1)), (2, change(2))]
    assert feed.after(1) == [(2, change(2))]
    assert feed.after(2) == []


def test_positions_may_be_given():
    feed = Feed("f")
    feed.append(change(1), 10)
    feed.append(change(2), 20)
    feed.append(change(3))
    assert feed.after(10) == [(20, change(2)), (21, change(3))]
    assert feed.after(15) == [(20, change(2)), (21, change(3))]
    assert feed.position == 21


def test_what_is_pushed_out_is_lost_and_said_so():
    feed = filled(5, limit=3)
    assert feed.after(1) is None
    assert feed.after(2) == [(n, change(n)) for n in (3, 4, 5)]


def test_what_came_before_an_empty_feed_is_unknown():
    feed = Feed("f")
    feed.forget_before(7)
    assert feed.position == 7
    assert feed.after(6) is None
    assert feed.after(7) == []
    feed.append(change(8))
    assert feed.after(7) == [(8, change(8))]


def test_a_gap_is_told_once_to_each_reader():
    feed = filled(3)
    live, slow = feed.open(), feed.open(1)
    feed.forget_before(feed.position + 1)
    assert feed.position == 4
    assert (live.take(), slow.take()) == (None, None)
    assert (live.take(), slow.take()) == ([], [])
    feed.append(change(5))
    assert live.take() == slow.take() == [(5, change(5))]
    assert feed.after(3) is None


def test_a_gap_is_not_forgotten_when_the_ring_turns():
    feed = filled(3, limit=3)
    feed.forget_before(4)
    feed.append(change(5))  # pushes out 1, which is long before the gap
    assert feed.after(3) is None
    assert feed.after(4) == [(5, change(5))]


async def test_a_gap_wakes():
    feed = filled(1)
    reader = feed.open()
    await reader.wait(5)
    feed.forget_before(2)
    assert await reader.wait(5)
    assert reader.take() is None


def test_readers_are_independent():
    feed = filled(2)
    first, second, live = feed.open(0), feed.open(1), feed.open()
    assert first.take() == [(1, change(1)), (2, change(2))]
    assert first.take() == []
    assert live.take() == []
    feed.append(change(3))
    assert second.take() == [(2, change(2)), (3, change(3))]
    assert live.take() == [(3, change(3))]
    assert live.position == 3


def test_a_reader_that_comes_too_late_learns_it_once_and_goes_on():
    feed = filled(0, limit=2)
    reader = feed.open()
    for n in range(1, 5):
        feed.append(change(n))
    assert reader.take() is None
    assert reader.take() == []
    feed.append(change(5))
    assert reader.take() == [(5, change(5))]


async def test_waiting_ends_with_a_change():
    feed = Feed("f")
    reader = feed.open()
    assert await reader.wait(5)  # what was there already: a look costs nothing
    assert reader.take() == []
    waiting = asyncio.create_task(reader.wait(0))
    feed.append(change(1))
    assert await asyncio.wait_for(waiting, 5)
    assert reader.take() == [(1, change(1))]


async def test_waiting_ends_with_the_time():
    reader = Feed("f").open()
    await reader.wait(5)
    assert not await reader.wait(0.01)


async def test_others_may_wake_a_reader():
    reader = Feed("f").open()
    await reader.wait(5)
    reader.wake()
    assert await reader.wait(5)


@pytest.mark.parametrize("closed", [False, True])
async def test_a_closed_reader_is_not_woken(closed: bool):
    feed = Feed("f")
    reader: FeedReader = feed.open()
    await reader.wait(5)
    if closed:
        reader.close()
        reader.close()  # twice is as good
    feed.append(change(1))
    assert reader.ready is not closed
