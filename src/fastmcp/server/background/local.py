"""The tasks that this process runs.

They run while the server's lifespan does and end with it; before, an application that stops gives
them the time its calls have. How many there are, and how much of finished ones is kept, is bounded,
because clients decide both: one more than may run is refused, and the oldest outcome is forgotten
first. A task belongs to the event loop that it runs on, and is known there alone.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol import jsonrpc
from fastmcp.protocol.classify import Call
from fastmcp.protocol.errors import INTERNAL_ERROR, INVALID_PARAMS
from fastmcp.protocol.tasks import TaskState, TaskStatus
from fastmcp.server.background.base import Serve
from fastmcp.server.background.elsewhere import Elsewhere
from fastmcp.server.background.task import Task, asks, read_outcome
from fastmcp.server.backplane.base import TaskAsked, TaskTold
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.bus import Bus, TaskChanged
from fastmcp.server.exchange import Exchange
from fastmcp.settings import Settings
from fastmcp.utilities.spawning import spawn

__all__ = ["LocalTasks", "TaskLimits"]

_logger: Final = logging.getLogger("fastmcp.server.tasks")

_RECORD: Final = 1024
"""Bytes that a finished task takes beside its outcome, roughly."""
_STUBBORN: Final = 5.0
"""Seconds that cancelled tasks have to clean up."""


class TaskLimits(NamedTuple):
    """How much there may be.

    Attributes:
        lifetime: seconds after which a task is forgotten, whatever it does.
        retention: seconds that a finished one is kept.
        running: how many may run.
        of_owner: how many of one principal may.
        kept_bytes: what the outcomes of finished ones may take together.
    """

    lifetime: float = 24 * 3600.0
    retention: float = 3600.0
    running: int = sys.maxsize
    of_owner: int = sys.maxsize
    kept_bytes: int = sys.maxsize

    @classmethod
    def of(cls, settings: Settings) -> TaskLimits:
        """What the settings say; 0 stands for no limit there."""
        return cls(
            settings.tasks_lifetime,
            settings.tasks_retention,
            settings.tasks_max or sys.maxsize,
            settings.tasks_max_per_owner or sys.maxsize,
            settings.tasks_max_kept_bytes or sys.maxsize,
        )


class LocalTasks:
    """Tasks in the memory of this process.

    Args:
        bus: where the changes of watched tasks are published.
        limits: how much there may be.
    """

    def __init__(self, bus: Bus, limits: TaskLimits) -> None:
        self._bus = bus
        self._limits = limits
        self._tasks: dict[str, Task] = {}
        self._finished: dict[str, Task] = {}
        self._kept = 0
        self._serve: Serve | None = None
        self._runners: set[asyncio.Task[None]] = set()
        self._of_owner: Counter[str] = Counter()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._elsewhere: dict[asyncio.AbstractEventLoop, Elsewhere] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    # what clients want

    async def begin(
        self, call: Call, exchange: Exchange, owner: str, poll_interval_ms: int
    ) -> dict[str, Any]:
        self._check_room(owner)
        loop = asyncio.get_running_loop()
        elsewhere = self._elsewhere.get(loop)
        id = secrets.token_urlsafe(24)
        if elsewhere is not None:
            id = f"{elsewhere.worker}.{id}"
        lifetime = self._limits.lifetime
        task = Task(id, owner, poll_interval_ms, lifetime, self._changed, exchange)
        self._tasks[id] = task
        self._timers[id] = loop.call_later(lifetime, self._forget, task)
        self._of_owner[owner] += 1
        created = task.state().created()
        early: list[dict[str, Any]] = []
        runner = task.exchange.task = spawn(self._run(task, call, early), self._runners)
        # Not in `_run`: a task that is cancelled before its first step runs none of it.
        runner.add_done_callback(lambda _: self._ended(task))
        try:
            await asyncio.sleep(0)  # its first step: all that it does before it waits for something
        except asyncio.CancelledError:
            self._forget(task)  # its client left before it knew of it
            raise
        if early:
            self._forget(task)
            return early[0]
        task.announced = True
        return created

    async def find(self, id: str, owner: str) -> TaskState | None:
        task = self._own(id, owner)
        if task is not None:
            return task.state()
        told = await self._ask(TaskAsked("", 0, "find", id, owner))
        return msgspec.json.decode(told.state, type=TaskState) if told is not None else None

    async def answer(self, id: str, owner: str, responses: dict[str, Any]) -> bool:
        data = jsonrpc.dump(responses)
        return await self._ask(TaskAsked("", 0, "answer", id, owner, data)) is not None

    async def cancel(self, id: str, owner: str) -> bool:
        return await self._ask(TaskAsked("", 0, "cancel", id, owner)) is not None

    async def watch(self, id: str, owner: str) -> bool:
        return await self._ask(TaskAsked("", 0, "watch", id, owner)) is not None

    async def _ask(self, question: TaskAsked) -> TaskTold | None:
        """Ask whoever runs the task; None where nobody does."""
        elsewhere = self._elsewhere.get(asyncio.get_running_loop())
        if question.task in self._tasks or elsewhere is None:
            told = self._here(question)
            if told.wrong:
                raise McpError(INVALID_PARAMS, told.wrong)
        else:
            told = await elsewhere.ask(question)
        return told if told is not None and told.known else None

    def _own(self, id: str, owner: str) -> Task | None:
        task = self._tasks.get(id)
        if task is None or task.owner != owner or task.loop is not asyncio.get_running_loop():
            return None
        return task

    def _here(self, question: TaskAsked) -> TaskTold:
        """Do what is wanted of a task that runs here."""
        task = self._own(question.task, question.owner)
        if task is None:
            return TaskTold(question.ask, False)
        if question.verb == "find":
            return TaskTold(question.ask, True, msgspec.json.encode(task.state()))
        if question.verb == "answer":
            try:
                task.answer(msgspec.json.decode(question.responses))
            except McpError as exc:
                return TaskTold(question.ask, True, wrong=exc.message)
        elif question.verb == "cancel":
            self._stop(task, "Cancelled by the client")
        else:
            task.watched = True
        return TaskTold(question.ask, True)

    # with others

    def join(self, workers: Workers) -> Callable[[], None]:
        """From now on know the tasks of the other workers of an application, on this loop.

        Returns:
            The function that ends it.
        """
        loop = asyncio.get_running_loop()
        elsewhere = self._elsewhere[loop] = Elsewhere(workers, self._here)

        def part() -> None:
            elsewhere.close()
            if self._elsewhere.get(loop) is elsewhere:
                del self._elsewhere[loop]

        return part

    def close(self) -> set[asyncio.Task[Any]]:
        loop = asyncio.get_running_loop()
        return {
            task.exchange.task
            for task in self._tasks.values()
            if task.loop is loop and task.status == "working" and task.exchange.task is not None
        }

    @asynccontextmanager
    async def hold(self, serve: Serve) -> AsyncGenerator[None]:
        loop = asyncio.get_running_loop()
        self._serve = serve
        try:
            yield
        finally:
            own = [task for task in self._tasks.values() if task.loop is loop]
            for task in own:
                self._stop(task, "The server stopped")
            runners = [runner for runner in self._runners if runner.get_loop() is loop]
            if runners:
                _, late = await asyncio.wait(runners, timeout=_STUBBORN)
                if late:
                    _logger.warning(
                        "%d tasks do not let themselves be cancelled, and are left behind: their "
                        "tools must not hold back CancelledError, nor block",
                        len(late),
                    )
            for task in own:
                self._forget(task)

    # one task

    def _check_room(self, owner: str) -> None:
        limits = self._limits
        if owner and self._of_owner[owner] >= limits.of_owner:
            raise McpError(
                INTERNAL_ERROR,
                f"Too many tasks: {limits.of_owner} of yours run, as many as "
                "FASTMCP_TASKS_MAX_PER_OWNER allows; await or cancel some of them first",
            )
        if len(self._runners) >= limits.running:
            raise McpError(
                INTERNAL_ERROR,
                f"The server is busy: it runs {limits.running} tasks, as many as "
                "FASTMCP_TASKS_MAX lets it; try again later",
            )

    async def _run(self, task: Task, call: Call, early: list[dict[str, Any]]) -> None:
        assert self._serve is not None, "tasks run while the server's lifespan does"
        payload = await task.serve(call, self._serve)
        if task.announced or not asks(payload):
            self._finish(task, *read_outcome(payload))
        else:
            early.append(msgspec.json.decode(payload)["result"])

    def _ended(self, task: Task) -> None:
        """Its coroutine is done, whether or not it ever began."""
        self._of_owner[task.owner] -= 1
        if not self._of_owner[task.owner]:
            del self._of_owner[task.owner]
        self._finish(task, "cancelled", None, "The server stopped")
        task.exchange.scope = None  # its outcome is kept for long, and this may be large

    def _stop(self, task: Task, why: str) -> None:
        self._finish(task, "cancelled", None, why)
        runner = task.exchange.task
        if runner is not None and not runner.cancelling():  # twice would break into its cleaning up
            task.exchange.cancel()

    def _finish(
        self, task: Task, status: TaskStatus, outcome: bytes | None, message: str | None = None
    ) -> None:
        if task.finished:
            return
        task.finish(status, outcome, self._limits.retention, message)
        if task.id not in self._tasks:
            return
        self._timers.pop(task.id).cancel()
        self._timers[task.id] = task.loop.call_later(self._limits.retention, self._forget, task)
        self._finished[task.id] = task
        self._kept += task.size + _RECORD
        while self._kept > self._limits.kept_bytes:
            self._forget(next(iter(self._finished.values())))

    def _forget(self, task: Task) -> None:
        """Its time is over, or its place is needed: from now on it is unknown."""
        if self._tasks.pop(task.id, None) is None:
            return
        self._timers.pop(task.id).cancel()
        if self._finished.pop(task.id, None) is not None:
            self._kept -= task.size + _RECORD
        self._stop(task, "Its time is over")

    def _changed(self, task: Task, turned: bool) -> None:
        if turned and task.watched:
            self._bus.publish(TaskChanged(task.id))
