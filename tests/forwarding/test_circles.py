"""Two servers that stand in front of each other: nothing goes round for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Client
from fastmcp.exceptions import ToolError
from tests.support.process import Server, free_port, script, serve

MIRROR = Path(__file__).with_name("mirror.py")
CHANGED = "notifications/tools/list_changed"


@contextmanager
def mirrors(era: str) -> Iterator[tuple[Server, Server]]:
    here, there = free_port(), free_port()
    with (
        serve(script(MIRROR, "left", str(there), era), port=here) as left,
        serve(script(MIRROR, "right", str(here), era), port=there) as right,
    ):
        yield left, right


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_nothing_goes_round(era: str):
    told = asyncio.Event()

    async def hear(message: Any) -> None:
        if message.method == CHANGED:
            told.set()

    with mirrors(era) as (left, right):
        async with (
            Client(left.url, mode=era, message_handler=hear) as client,
            Client(right.url, mode=era) as behind,
        ):
            listed = [tool.name for tool in await client.list_tools()]
            own = ["who", "change", "changes"]
            # The other one offers what is here, which comes back once, and not for ever.
            prefixes = ("", "other_", "other_other_")
            assert listed == [prefix + name for prefix in prefixes for name in own]
            assert (await client.call_tool("other_who")).data == "right"
            assert (await client.call_tool("other_other_who")).data == "left"
            with pytest.raises(ToolError, match="Unknown tool"):
                await client.call_tool("other_other_other_who")
            for one in (client, behind):
                before = [(await each.call_tool("changes")).data for each in (client, behind)]
                told.clear()
                async with asyncio.timeout(10):
                    while not told.is_set():  # until it listens to both
                        await one.call_tool("change")
                        await client.list_tools()
                for _ in range(50):  # time enough to go round, if it did
                    await client.call_tool("other_who")
                after = [(await each.call_tool("changes")).data for each in (client, behind)]
                assert all(b - a < 30 for a, b in zip(before, after, strict=True)), (before, after)
