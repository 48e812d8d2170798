"""Synchronous code of authors runs here: one pool of threads, shared fairly.

asyncio's default executor has `cpu_count + 4` threads, so a handful of tools that block on a
socket would starve every other one. This pool is generous instead (256 by default): a blocked
thread costs memory, not CPU. But any number can be used up, so calls come in lanes, one for
each tool, and a lane may take a further thread only while it holds less than three times as
many as would then be left free. Alone it gets three quarters of the pool; a second greedy lane
gets three quarters of the rest; and the last free thread goes to a lane that has none. So a
quick call finds a thread however many slow ones run beside it. (The rule is that of switches
which share a memory: Choudhury and Hahne, "Dynamic Queue Length Thresholds", 1998.)

Within a lane calls wait in order. A call that is given up while it waits leaves the queue; one
that is given up while it runs cannot be stopped: its thread runs on, keeps its place in the
lane, and what it returns or raises is dropped. The code in it can ask `abandoned()`.

The threads are daemons: one that blocks for an hour does not keep the process from ending.
Every call carries its caller's context variables, so that `get_context()` works inside.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, ParamSpec, TypeVar, cast

__all__ = ["DEFAULT_MAX_THREADS", "Lane", "abandoned", "configure", "run_in_thread"]

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_MAX_THREADS: Final = 256
_GREED: Final = 3
"""How many times what is left free a lane may hold."""


class Lane:
    """The calls of one kind: they wait for each other, and not for those of other lanes.

    Args:
        limit: how many may run at the same time, however many threads are free.
    """

    __slots__ = ("limit",)

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit

    async def run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(*args, **kwargs)` in a worker thread and wait for its result.

        Context variables of the caller are visible inside (a copy: changes stay in the thread).
        Cancelling the wait does not stop the thread; nothing can.

        Raises:
            RuntimeError: the system gives no further thread.
            Exception: whatever `fn` raises; its StopIteration becomes a RuntimeError.
        """
        call = functools.partial(_call, functools.partial(fn, *args, **kwargs))
        job = _Job(self, functools.partial(contextvars.copy_context().run, call))
        _pool.submit(job)
        try:
            return cast("T", await job.future)
        except asyncio.CancelledError:
            _pool.withdraw(job)
            raise


def _call(fn: Callable[[], T]) -> T:
    try:
        return fn()
    except StopIteration as error:
        # A future cannot hold StopIteration: the awaiting coroutine would take it for its own end.
        raise RuntimeError(f"a synchronous function raised StopIteration: {error}") from error


class _Job:
    """One call, and the future its caller waits for."""

    __slots__ = ("_call", "_loop", "future", "lane")

    def __init__(self, lane: Lane, call: Callable[[], Any]) -> None:
        self.lane = lane
        self._call = call
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()

    def run(self) -> None:
        if self.future.cancelled():
            return
        try:
            value = self._call()
        except BaseException as error:
            self.hand_back(None, error)
        else:
            self.hand_back(value, None)

    def hand_back(self, value: Any, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._deliver, value, error)

    def _deliver(self, value: Any, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)


class _Pool:
    """The threads of this process, made when no idle one is left."""

    def __init__(self, max_threads: int) -> None:
        self.max_threads = max_threads
        self._lock = threading.Lock()
        self._busy = 0
        self._held: dict[Lane, int] = {}
        self._waiting: dict[Lane, dict[_Job, None]] = {}
        self._idle = 0
        self._handed: queue.SimpleQueue[_Job] = queue.SimpleQueue()

    def submit(self, job: _Job) -> None:
        lane = job.lane
        with self._lock:
            if lane in self._waiting or not self._may_run(lane):
                self._waiting.setdefault(lane, {})[job] = None
                return
            self._take(lane)
        self._begin([job])

    def withdraw(self, job: _Job) -> None:
        """Forget a job that waits; nothing happens where it runs already."""
        with self._lock:
            jobs = self._waiting.get(job.lane)
            if jobs is not None and job in jobs:
                del jobs[job]
                if not jobs:
                    del self._waiting[job.lane]

    def resize(self, max_threads: int) -> None:
        with self._lock:
            self.max_threads = max_threads
            ready = self._admit()
        self._begin(ready)

    # with the lock held

    def _may_run(self, lane: Lane) -> bool:
        held = self._held.get(lane, 0)
        if lane.limit is not None and held >= lane.limit:
            return False
        free = self.max_threads - self._busy
        return free > 0 and (held == 0 or held < _GREED * (free - 1))

    def _take(self, lane: Lane) -> None:
        self._busy += 1
        self._held[lane] = self._held.get(lane, 0) + 1

    def _release(self, lane: Lane) -> None:
        self._busy -= 1
        self._held[lane] -= 1
        if not self._held[lane]:
            del self._held[lane]

    def _admit(self) -> list[_Job]:
        """What may begin now: first of the lane that holds the fewest threads, then in turns."""
        admitted: list[_Job] = []
        while ready := [lane for lane in self._waiting if self._may_run(lane)]:
            lane = min(ready, key=lambda lane: self._held.get(lane, 0))
            jobs = self._waiting.pop(lane)
            job = next(iter(jobs))
            del jobs[job]
            if jobs:
                self._waiting[lane] = jobs  # behind the others
            self._take(lane)
            admitted.append(job)
        return admitted

    # without it

    def _begin(self, jobs: Iterable[_Job]) -> None:
        """Give each job, whose thread is counted already, an idle thread or a new one."""
        for job in jobs:
            with self._lock:
                idle = self._idle > 0
                if idle:
                    self._idle -= 1
            if idle:
                self._handed.put(job)
                continue
            thread = threading.Thread(target=self._work, args=(job,), name="fastmcp", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system's limit
                with self._lock:
                    self._release(job.lane)
                job.hand_back(None, error)

    def _work(self, job: _Job | None) -> None:
        while True:
            if job is None:
                job = self._handed.get()
            _here.job = job
            job.run()
            _here.job = None
            lane, job = job.lane, None  # an idle thread keeps no result alive
            with self._lock:
                self._release(lane)
                ready = self._admit()
                if not ready:
                    self._idle += 1
            if ready:
                job, *others = ready
                self._begin(others)


class _Here(threading.local):
    """The job of the current thread."""

    job: _Job | None = None


_here = _Here()
_pool = _Pool(DEFAULT_MAX_THREADS)
_common: Final = Lane()


def _renew_after_fork() -> None:
    # A forked child inherits the object, not its threads: work handed to it would never run.
    global _pool
    _pool = _Pool(_pool.max_threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)


def configure(max_threads: int = DEFAULT_MAX_THREADS) -> None:
    """Set how many synchronous calls may run at the same time in this process.

    Args:
        max_threads: upper bound, at least 1. Calls beyond it wait.

    Raises:
        ValueError: if `max_threads` is less than 1.
    """
    if max_threads < 1:
        raise ValueError(f"max_threads must be at least 1, got {max_threads}")
    _pool.resize(max_threads)


async def run_in_thread(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`Lane.run` in the lane of everything that has none of its own."""
    return await _common.run(fn, *args, **kwargs)


def abandoned() -> bool:
    """Whether nobody waits any more for the call that the current worker thread runs."""
    job = _here.job
    return job is not None and job.future.cancelled()
