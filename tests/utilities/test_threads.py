"""Synchronous code off the event loop."""

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from fastmcp.utilities.threads import Lane, abandoned, configure, run_in_thread

variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    configure()


async def test_arguments_results_errors() -> None:
    assert await run_in_thread(divmod, 7, 2) == (3, 1)
    assert await run_in_thread(int, "ff", base=16) == 255
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(divmod, 1, 0)


async def test_context_variables_are_a_copy() -> None:
    variable.set(1)

    def change() -> int:
        seen = variable.get()
        variable.set(2)
        return seen

    assert await run_in_thread(change) == 1
    assert variable.get() == 1


async def test_stop_iteration_does_not_hang() -> None:
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        await run_in_thread(next, iter(()))


async def test_many_at_the_same_time() -> None:
    """More than asyncio's own pool would run: all of them meet at one barrier."""
    count = 100
    barrier = threading.Barrier(count, timeout=30)
    await asyncio.gather(*(run_in_thread(barrier.wait) for _ in range(count)))


class Held:
    """A function that blocks until it is let go, and notes when it runs."""

    def __init__(self) -> None:
        self.running = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        self.running.release()
        assert self.go_on.wait(30)
        return "done"

    async def runs(self, times: int) -> None:
        """Wait until so many more have begun. In a thread of asyncio's own pool, which is free."""
        for _ in range(times):
            assert await asyncio.to_thread(self.running.acquire, timeout=10)


async def quick(lane: Lane) -> None:
    async with asyncio.timeout(10):
        assert await lane.run(int, "5") == 5


async def begin(lane: Lane, fn: Held, times: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(lane.run(fn)) for _ in range(times)]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.usefixtures("restored")
async def test_bound() -> None:
    configure(max_threads=1)
    at_once = most = 0

    def work() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.001)
        at_once -= 1

    await asyncio.gather(*(Lane().run(work) for _ in range(20)))
    assert most == 1
    with pytest.raises(ValueError, match="at least 1"):
        configure(max_threads=0)


@pytest.mark.usefixtures("restored")
async def test_a_greedy_lane_leaves_threads_to_the_others() -> None:
    """Of nine threads six. A second one gets two of the rest: the last is for others."""
    configure(max_threads=9)
    slow, slower = Held(), Held()
    greedy, second = Lane(), Lane()
    tasks = await begin(greedy, slow, 20)
    await slow.runs(6)
    await quick(Lane())
    tasks += await begin(second, slower, 20)
    await slower.runs(2)
    await quick(Lane())
    await quick(Lane())
    assert (slow.count, slower.count) == (6, 2)
    slow.go_on.set()
    slower.go_on.set()
    assert set(await asyncio.gather(*tasks)) == {"done"}
    assert (slow.count, slower.count) == (20, 20)


@pytest.mark.usefixtures("restored")
async def test_lanes_without_a_thread_take_turns() -> None:
    configure(max_threads=1)
    held, order = Held(), list[str]()
    tasks = await begin(Lane(), held, 1)
    await held.runs(1)
    lanes = {"a": Lane(), "b": Lane()}
    for name in "aaabbb":
        tasks.append(asyncio.create_task(lanes[name].run(order.append, name)))
        await asyncio.sleep(0)
    held.go_on.set()
    await asyncio.gather(*tasks)
    assert "".join(order) == "ababab"


async def test_a_limit_holds_back_its_own_lane_alone() -> None:
    held, lane = Held(), Lane(2)
    tasks = await begin(lane, held, 5)
    await held.runs(2)
    await quick(Lane())
    assert held.count == 2
    held.go_on.set()
    await asyncio.gather(*tasks)
    assert held.count == 5


async def test_who_gives_up_leaves_the_queue() -> None:
    held, waiting, lane = Held(), Held(), Lane(1)
    [first] = await begin(lane, held, 1)
    await held.runs(1)
    given_up = await begin(lane, waiting, 3)
    last = asyncio.create_task(lane.run(int, "5"))
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    assert {type(e) for e in await asyncio.gather(*given_up, return_exceptions=True)} == {
        asyncio.CancelledError
    }
    held.go_on.set()
    assert (await first, await last) == ("done", 5)
    assert waiting.count == 0


@pytest.mark.parametrize("fails", [False, True])
async def test_who_gives_up_while_it_runs(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The wait ends at once; the thread learns of it, keeps its place, and ends unheard."""
    began, noticed, go_on = asyncio.Event(), asyncio.Event(), threading.Event()
    loop, lane = asyncio.get_running_loop(), Lane(1)

    def work() -> None:
        assert not abandoned()
        loop.call_soon_threadsafe(began.set)
        deadline = time.monotonic() + 10
        while not abandoned() and time.monotonic() < deadline:
            time.sleep(0.001)
        loop.call_soon_threadsafe(noticed.set)
        assert go_on.wait(10)
        if fails:
            raise ValueError("nobody hears this")

    async with asyncio.timeout(10):
        task = asyncio.create_task(lane.run(work))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await noticed.wait()
        after = asyncio.create_task(lane.run(abandoned))
        await quick(Lane())
        assert not after.done()  # the limit counts threads, not waits
        go_on.set()
        assert await after is False
    del task
    gc.collect()
    assert not caplog.records


def test_a_loop_that_ended_is_no_error() -> None:
    held, lane = Held(), Lane(1)

    async def leave() -> None:
        await begin(lane, held, 1)
        await held.runs(1)

    asyncio.run(leave())
    held.go_on.set()
    assert asyncio.run(lane.run(int, "5")) == 5


def test_outside_of_a_thread_of_the_pool_nothing_is_abandoned() -> None:
    assert not abandoned()


def test_a_blocked_thread_does_not_keep_the_process() -> None:
    program = (
        "import asyncio, threading\n"
        "from fastmcp.utilities.threads import run_in_thread\n"
        "async def main():\n"
        "    began = asyncio.Event()\n"
        "    loop = asyncio.get_running_loop()\n"
        "    def block():\n"
        "        loop.call_soon_threadsafe(began.set)\n"
        "        threading.Event().wait()\n"
        "    task = asyncio.create_task(run_in_thread(block))\n"
        "    await began.wait()\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=30).returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    program = (
        "import asyncio, os\n"
        "from fastmcp.utilities.threads import Lane, abandoned, configure, run_in_thread\n"
        "configure(1)\n"
        "asyncio.run(run_in_thread(int, '1'))\n"
        "child = os.fork()\n"
        "os.write(1, b'%d\\n' % asyncio.run(run_in_thread(int, '2')))\n"  # in one piece
        "if child:\n"
        "    os.waitpid(child, 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], timeout=30, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"2", b"2"]


async def test_no_thread_left_in_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call fails, and its place is free again."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    held, lane = Held(), Lane(1)
    others = await begin(Lane(), held, 150)  # no thread is idle
    await asyncio.sleep(0)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await lane.run(int, "5")
    await quick(lane)
    held.go_on.set()
    await asyncio.gather(*others)
