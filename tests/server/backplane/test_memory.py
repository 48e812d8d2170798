"""One process alone: its notes, their bound, and its changes in the feed."""

from __future__ import annotations

import asyncio
import time

import pytest

from fastmcp.server.backplane.base import (
    Answered,
    Backplane,
    Cancelled,
    Message,
    Noted,
    Published,
    Resync,
    Said,
    StreamClosed,
    decode_message,
    encode_message,
)
from fastmcp.server.backplane.memory import MemoryBackplane, Notes
from fastmcp.server.bus import (
    Bus,
    PromptsChanged,
    ResourcesChanged,
    ResourceUpdated,
    ToolsChanged,
)

MESSAGES: list[Message] = [
    Answered("s", "w.1", b'{"id":"w.1"}'),
    Cancelled("s", 7),
    Cancelled("s", "7"),
    Noted("s", {"level": "debug", "ended": None}),
    Noted("s", {}, 1.5),
    StreamClosed("s"),
    Said("s", b"\x00\xff"),
    Published(ToolsChanged()),
    Published(ResourcesChanged()),
    Published(PromptsChanged()),
    Published(ResourceUpdated("test://é")),
    Resync(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=repr)
def test_messages_come_back_as_they_were(message: Message):
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x80", b"{}", b"\x81\xa4type\xa7Unknown", encode_message(ToolsChanged())],  # pyright: ignore[reportArgumentType]: no message
)
def test_what_is_no_message_is_none(data: bytes):
    assert decode_message(data) is None


def test_notes_change_by_name_and_none_forgets():
    notes = Notes()
    assert notes.get("s") == {}
    notes.update("s", {"level": "info", "uris": "a"})
    notes.update("s", {"level": "debug"})
    assert notes.get("s") == {"level": "debug", "uris": "a"}
    notes.update("s", {"level": None, "never": None})
    assert notes.get("s") == {"uris": "a"}
    notes.update("s", {"uris": None})
    assert notes.all() == []
    notes.update("unknown", {"level": None})
    assert notes.all() == []


def test_the_least_recently_noted_session_goes_first():
    notes = Notes(limit=2)
    notes.update("a", {"n": "1"})
    notes.update("b", {"n": "1"})
    notes.update("a", {"n": "2"})
    notes.update("c", {"n": "1"})
    assert notes.all() == [("a", {"n": "2"}, None), ("c", {"n": "1"}, None)]
    assert notes.get("b") == {}


def test_sessions_that_are_over_are_forgotten():
    """Each one that was ended leaves a fact behind, as long as its id could be used again."""
    notes = Notes()
    now = time.time()
    for number in range(100):
        notes.update(f"over{number}", {"ended": "1"}, now - 1)
    notes.update("later", {"ended": "1"}, now + 60)
    notes.update("never", {"level": "info"})
    assert [name for name, _, _ in notes.all()] == ["later", "never"]
    assert notes.get("over99") == {}


def test_when_a_session_ends_is_known_once_it_was_said():
    notes = Notes()
    notes.update("s", {"level": "info"}, time.time() + 60)
    notes.update("s", {"level": "debug"})
    [(_, facts, ends)] = notes.all()
    assert facts == {"level": "debug"}
    assert ends is not None


async def test_alone():
    heard: list[Message] = []
    bus = Bus()
    backplane = MemoryBackplane(bus)
    seam: Backplane = backplane
    await seam.start(heard.append)
    assert await seam.ready()
    assert not await seam.send("0badc0de", StreamClosed("s"))
    await seam.broadcast(StreamClosed("s"))
    await seam.note("s", {"level": "info"}, 60.0)
    assert await seam.notes("s") == {"level": "info"}
    assert await seam.notes("t") == {}
    reader = seam.feed.open()
    await reader.wait(5)
    bus.publish(ToolsChanged())
    await reader.wait(5)
    assert reader.take() == [(1, ToolsChanged())]
    await seam.stop()
    bus.publish(ToolsChanged())
    await asyncio.sleep(0)
    assert reader.take() == []
    await seam.stop()  # twice is as good
    assert heard == []


async def test_each_start_has_its_own_name():
    backplane = MemoryBackplane(Bus())
    names: set[str] = set()
    for _ in range(3):
        await backplane.start(lambda _: None)
        names.add(backplane.worker)
        assert backplane.feed.name == backplane.worker
        await backplane.stop()
    assert len(names) == 3
