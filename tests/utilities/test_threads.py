"""Synchronous code off the event loop."""

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from fastmcp.utilities.threads import configure, run_in_thread

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


@pytest.mark.usefixtures("restored")
async def test_bound() -> None:
    configure(max_workers=1)
    names = await asyncio.gather(
        *(run_in_thread(lambda: threading.current_thread().name) for _ in range(5))
    )
    assert len(set(names)) == 1
    with pytest.raises(ValueError, match="at least 1"):
        configure(max_workers=0)


def test_a_call_that_blocks_does_not_keep_the_process_from_ending() -> None:
    code = (
        "import asyncio, threading\n"
        "from fastmcp.utilities.threads import run_in_thread\n"
        "entered = threading.Event()\n"
        "def block():\n"
        "    entered.set()\n"
        "    threading.Event().wait()\n"
        "async def main():\n"
        "    asyncio.ensure_future(run_in_thread(block))\n"
        "    await run_in_thread(entered.wait)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
