"""So many at a time, in order."""

from __future__ import annotations

import asyncio

from fastmcp.utilities.gate import Gate


async def test_in_order_and_never_too_many() -> None:
    gate, order = Gate(2), list[int]()
    inside = most = 0

    async def work(number: int) -> None:
        nonlocal inside, most
        async with gate.here():
            inside += 1
            most = max(most, inside)
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(number) for number in range(20)))
    assert order == list(range(20))
    assert most == 2


def test_each_loop_counts_its_own() -> None:
    """A loop that ended with somebody inside takes no place in the next one."""
    gate = Gate(1)

    async def stay() -> None:
        async with gate.here():
            await asyncio.Event().wait()

    async def leave_one_inside() -> None:
        task = asyncio.create_task(stay())
        waiting = asyncio.create_task(stay())
        await asyncio.sleep(0)
        assert not task.done()
        assert not waiting.done()

    async def enter() -> None:
        async with asyncio.timeout(10), gate.here():
            return

    asyncio.run(leave_one_inside())
    asyncio.run(enter())
