"""The lifespan: entered once, left once, in a task of its own, whoever comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fastmcp import Client, FastMCP
from fastmcp.dependencies import Shared
from fastmcp.server.lifespan import (
    ContextManagerLifespan,
    Lifespan,
    RunningLifespan,
    lifespan,
)


class Book:
    """A lifespan that notes what happens to it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tasks: set[Any] = set()
        self.may_enter: asyncio.Event | None = None
        self.may_leave: asyncio.Event | None = None
        self.fails: Exception | None = None

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[dict[str, Any]]:
        self.tasks.add(asyncio.current_task())
        if self.may_enter is not None:
            await self.may_enter.wait()
        if self.fails is not None:
            raise self.fails
        self.lines.append("in")
        yield {"n": len(self.lines)}
        if self.may_leave is not None:
            await self.may_leave.wait()
        self.tasks.add(asyncio.current_task())
        self.lines.append("out")

    def running(self) -> RunningLifespan:
        return RunningLifespan(self.enter)


async def test_one_for_all_users():
    book = Book()
    running = book.running()
    assert not running.running
    async with running.use() as first, running.use() as second:
        assert first == second == {"n": 1}
        assert running.running
        assert running.value == {"n": 1}
    assert book.lines == ["in", "out"]
    assert len(book.tasks) == 1
    assert asyncio.current_task() not in book.tasks
    assert not running.running
    async with running.use():
        assert running.value == {"n": 3}
    assert book.lines == ["in", "out"] * 2


async def test_users_may_leave_in_any_order_and_task():
    book = Book()
    running = book.running()
    await asyncio.gather(*(asyncio.create_task(running.acquire()) for _ in range(5)))
    for _ in range(5):
        assert running.running
        await asyncio.create_task(running.release())
    assert book.lines == ["in", "out"]


async def test_an_error_at_the_start_is_everybodys_and_may_be_mended():
    book = Book()
    book.fails = RuntimeError("away")
    running = book.running()
    results = await asyncio.gather(*(running.acquire() for _ in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["away"] * 3
    book.fails = None
    async with running.use():
        assert running.running
    assert book.lines == ["in", "out"]


async def test_an_error_at_the_end_reaches_the_last_user():
    @asynccontextmanager
    async def enter() -> AsyncIterator[dict[str, Any]]:
        yield {}
        raise RuntimeError("cannot close")

    running = RunningLifespan(enter)
    await running.acquire()
    await running.acquire()
    await running.release()
    with pytest.raises(RuntimeError, match="cannot close"):
        await running.release()


async def test_a_user_that_gives_up_waiting():
    book = Book()
    book.may_enter = asyncio.Event()
    running = book.running()
    waiting = asyncio.create_task(running.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    again = asyncio.create_task(running.acquire())
    await asyncio.sleep(0)
    book.may_enter.set()
    await again
    assert running.running
    await running.release()
    assert book.lines == ["in", "out", "in", "out"]  # never two at once


async def test_the_next_waits_for_the_last_to_leave():
    book = Book()
    book.may_leave = asyncio.Event()
    running = book.running()
    await running.acquire()
    leaving = asyncio.create_task(running.release())
    await asyncio.sleep(0)
    entering = asyncio.create_task(running.acquire())
    for _ in range(5):
        await asyncio.sleep(0)
    assert book.lines == ["in"]
    book.may_leave.set()
    await leaving
    await entering
    assert book.lines == ["in", "out", "in"]
    await running.release()


async def test_cleaning_up_outlives_an_impatient_last_user():
    book = Book()
    book.may_leave = asyncio.Event()
    running = book.running()
    await running.acquire()
    leaving = asyncio.create_task(running.release())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    book.may_leave.set()
    await asyncio.wait(book.tasks)
    assert book.lines == ["in", "out"]


def test_the_end_of_the_loop_leaves_it():
    book = Book()
    running = book.running()

    async def serve() -> None:
        await running.acquire()

    asyncio.run(serve())
    assert book.lines == ["in", "out"]
    asyncio.run(serve())
    assert book.lines == ["in", "out"] * 2
    assert len(running._held) == 1


async def test_each_loop_has_its_own():
    book = Book()
    running = book.running()

    def in_a_thread() -> None:
        async def use() -> None:
            assert not running.running
            async with running.use() as value:
                assert running.value is value

        asyncio.run(use())

    async with running.use() as value:
        await asyncio.to_thread(in_a_thread)
        assert running.running
        assert running.value is value
        assert book.lines == ["in", "in", "out"]
    assert book.lines == ["in", "in", "out", "out"]


# what authors write


async def yields(server: Any) -> AsyncIterator[Any]:
    yield {"a": server}


async def yields_nothing(server: Any) -> AsyncIterator[Any]:
    yield None


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (yields, {"a": "srv"}),
        (yields_nothing, {}),
        (asynccontextmanager(yields), {"a": "srv"}),
        (lifespan(yields), {"a": "srv"}),
        (ContextManagerLifespan(asynccontextmanager(yields)), {"a": "srv"}),
    ],
)
async def test_forms(function: Any, value: dict[str, Any]):
    made = function if isinstance(function, Lifespan) else Lifespan(function)
    async with made("srv") as given:
        assert given == value


async def test_composition():
    order: list[str] = []

    def part(name: str) -> Lifespan:
        @lifespan
        async def one(server: Any) -> AsyncIterator[dict[str, Any]]:
            order.append(f"+{name}")
            yield {name: 1, "last": name}
            order.append(f"-{name}")

        return one

    async with (part("a") | part("b") | part("c"))("srv") as value:
        assert value == {"a": 1, "b": 1, "c": 1, "last": "c"}
    assert order == ["+a", "+b", "+c", "-c", "-b", "-a"]


async def test_shared_dependencies_are_closed_with_the_last_server_of_the_loop():
    book: list[str] = []

    @asynccontextmanager
    async def pool() -> AsyncIterator[str]:
        book.append("open")
        yield "pool"
        book.append("closed")

    def server(name: str) -> FastMCP:
        mcp = FastMCP(name)

        @mcp.tool
        async def use(shared: str = Shared(pool)) -> str:
            return shared

        return mcp

    async with Client(server("outer")) as outer:
        assert (await outer.call_tool("use")).data == "pool"
        async with Client(server("inner")) as inner:
            assert (await inner.call_tool("use")).data == "pool"
        assert (await outer.call_tool("use")).data == "pool"
        assert book == ["open"]
    assert book == ["open", "closed"]
