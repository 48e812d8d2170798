"""Synchronous code of authors runs here: one pool of threads, made on demand.

asyncio's default executor has `cpu_count + 4` threads, so a handful of tools that block on
a socket would starve every other one. This pool is generous instead (256 by default): a
blocked thread costs memory, not CPU. Threads are made only when no idle one is left, and
every call carries its caller's context variables, so that `get_context()` works inside.

The interpreter waits at its end for the threads of a `ThreadPoolExecutor`, however long they
take. A server that is told to stop must end, and a blocked thread cannot be stopped: these
threads are daemons.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

__all__ = ["DEFAULT_MAX_WORKERS", "configure", "run_in_thread"]

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_MAX_WORKERS = 256


class _Threads(Executor):
    """Threads for calls, made on demand.

    Args:
        limit: upper bound of threads.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._lock = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._work.put(functools.partial(_work, future, functools.partial(fn, *args, **kwargs)))
        if not self._idle.acquire(blocking=False):
            self._start()
        return future

    def _start(self) -> None:
        with self._lock:
            if self._count == self._limit:
                return
            self._count += 1
            name = f"fastmcp_{self._count}"
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # what it holds must not live until the next call
            self._idle.release()
        self._work.put(None)  # for the next of them

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads once all that was submitted is done; nobody waits for it."""
        self._work.put(None)


def _work(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
        del future  # the error knows this frame: they would hold each other


class _Pool:
    """The executor of this process, made at its first use."""

    def __init__(self) -> None:
        self.max_workers = DEFAULT_MAX_WORKERS
        self.executor: _Threads | None = None

    def get(self) -> _Threads:
        if self.executor is None:
            self.executor = _Threads(self.max_workers)
        return self.executor

    def reset(self) -> None:
        """Forget the executor: running calls finish in the old one, new calls get a new one."""
        executor, self.executor = self.executor, None
        if executor is not None:
            executor.shutdown()


_pool = _Pool()


def _forget_after_fork() -> None:
    # A forked child inherits the object, not its threads: work handed to it would never run.
    _pool.executor = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def configure(max_workers: int = DEFAULT_MAX_WORKERS) -> None:
    """Set how many synchronous calls may run at the same time.

    Args:
        max_workers: upper bound of threads, at least 1. Calls beyond it wait for a free one.

    Raises:
        ValueError: if `max_workers` is less than 1.
    """
    if max_workers < 1:
        raise ValueError(f"max_workers must be at least 1, got {max_workers}")
    _pool.max_workers = max_workers
    _pool.reset()


def _call(fn: Callable[[], T]) -> T:
    try:
        return fn()
    except StopIteration as error:
        # A future cannot hold StopIteration: the awaiting coroutine would take it for its own end.
        raise RuntimeError(f"a synchronous function raised StopIteration: {error}") from error


async def run_in_thread(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `fn(*args, **kwargs)` in a worker thread and wait for its result.

    Context variables of the caller are visible inside (a copy: changes stay in the thread).
    Cancelling the wait does not stop the thread; nothing can.

    Raises:
        Whatever `fn` raises; its StopIteration becomes a RuntimeError.
    """
    call = functools.partial(_call, functools.partial(fn, *args, **kwargs))
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_pool.get(), lambda: context.run(call))
