"""Tasks that run beside what began them.

An event loop holds its tasks weakly: one that nobody else knows can vanish in the middle of its
work. So whoever begins one holds it, in a set that it leaves when it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["Interrupted", "ends_more_than_a_call", "is_cancelled", "spawn"]


class Interrupted(asyncio.CancelledError):
    """Cancels the current task in the midst of code that keeps its loop, where `cancel` reaches
    nobody: a signal handler raises it."""


def spawn(work: Coroutine[Any, Any, None], held: set[asyncio.Task[None]]) -> asyncio.Task[None]:
    """Begin a task on the running loop.

    Args:
        work: what it does.
        held: holds it until it is done.
    """
    task = asyncio.get_running_loop().create_task(work)
    held.add(task)
    task.add_done_callback(held.discard)
    return task


def is_cancelled(error: BaseException) -> bool:
    """Whether an error is the cancellation of the current task, by its client or its server; and
    not one of something that the author's code awaited."""
    if isinstance(error, Interrupted):
        return True
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def ends_more_than_a_call(error: BaseException) -> bool:
    """Whether an error that an author's function raised goes on through whoever called it. Any
    other is the function's own, what no `except Exception` sees as well: `exit()`, or the panic of
    an extension written in Rust (PyO3's `PanicException`). It ends the call, and not the server."""
    return isinstance(error, KeyboardInterrupt | GeneratorExit) or is_cancelled(error)
