"""Tasks that outlive the process: queued in docket, kept in Redis, run by any worker.

docket (the extra `tasks`) holds one entry a task, the task's id, and sees to it that some process
runs it, and another one if that process dies. All else is a hash of ours: whose the task is, the
request, and its state as clients see it. Whoever is asked for a task reads the hash. Whoever runs
it writes it, unless the task is over: what is over stays as it is, which decides every race.
Answers go into a list, and a word on a channel wakes the process that runs the task.

A process that stops gives its tasks time and queues the rest anew. A function may so run more than
once, from its beginning; what an earlier run had asked is asked again, under another key.
The HTTP request a task came with is not kept: it may hold secrets.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol import jsonrpc
from fastmcp.protocol.classify import Call
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.protocol.tasks import FINISHED, TaskState
from fastmcp.server.answers import check_answer
from fastmcp.server.background.base import Serve
from fastmcp.server.background.local import TaskLimits
from fastmcp.server.background.task import Task, read_outcome
from fastmcp.server.backplane.base import BackplaneDown
from fastmcp.server.backplane.redis_line import RedisLine, line_at
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.bus import Bus, TaskChanged
from fastmcp.server.exchange import Detached, Exchange
from fastmcp.settings import Settings
from fastmcp.utilities.spawning import spawn

__all__ = ["DocketTasks"]

_logger: Final = logging.getLogger("fastmcp.server.tasks")

_FUNCTION: Final = "fastmcp_task"
_STUBBORN: Final = 5.0
"""Seconds that cancelled functions have to clean up."""
_HANDOVER: Final = timedelta(seconds=0.5)
_AGAIN: Final = 0.5
"""Seconds after which Redis is tried again."""
T = TypeVar("T")

_STORE: Final = """
local status = redis.call('HGET', KEYS[1], 'status')
if not status or status == 'completed' or status == 'failed' or status == 'cancelled' then
  return 0
end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'status', ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'questions', ARGV[3]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if ARGV[2] ~= 'working' and ARGV[2] ~= 'input_required' then redis.call('HDEL', KEYS[1], 'call') end
if ARGV[2] ~= status or ARGV[2] == 'input_required' then
  redis.call('PUBLISH', KEYS[1] .. ':changed', ARGV[2])
end
return 1
"""


@dataclass(frozen=True)
class _Stored:
    """A task as Redis has it."""

    owner: str
    state: TaskState
    call: bytes  # nothing once it is over
    created: float
    questions: int

    @property
    def finished(self) -> bool:
        return self.state.status in FINISHED


class DocketTasks:
    """The tasks of a server, in Redis.

    Args:
        bus: where the changes of watched tasks are published.
        limits: how much there may be; what finished tasks take is Redis's own affair.
        settings: `docket_*`.
        group: which server: processes of another do not run its tasks.
    Raises:
        ValueError: the URL is none, or the extra `tasks` is not installed.
    """

    def __init__(self, bus: Bus, limits: TaskLimits, settings: Settings, group: str) -> None:
        try:
            from docket import Docket, Worker
        except ImportError:
            raise ValueError(
                "FASTMCP_DOCKET_URL needs docket: pip install 'fastmcp-streamline[tasks]'"
            ) from None
        url = settings.docket_url.get_secret_value()
        self._bus = bus
        self._limits = limits
        self._line: RedisLine = line_at(url)
        self._base = f"{self._line.prefix}:{{{settings.docket_name}:{group}}}"
        self._concurrency = settings.docket_concurrency
        self._serve: Serve | None = None
        self._runs: dict[str, _Run] = {}
        self._watched: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._working: asyncio.Task[None] | None = None
        self._closing = False
        self._broken: list[Callable[[BaseException], None]] = []
        # docket's types are partly unknown.
        self._docket: Any = None
        self._make_docket: Callable[[], Any] = lambda: Docket(
            name=f"{settings.docket_name}:{group}", url=url, execution_ttl=timedelta(0)
        )
        self._make_worker: Callable[[Any], Any] = lambda docket: Worker(
            docket,
            name=settings.docket_worker_name or f"fastmcp-{secrets.token_hex(4)}",
            concurrency=settings.docket_concurrency,
            redelivery_timeout=settings.docket_redelivery_timeout,
            reconnection_delay=settings.docket_reconnection_delay,
            minimum_check_interval=settings.docket_minimum_check_interval,
        )

    # what clients want

    async def begin(
        self, call: Call, exchange: Exchange, owner: str, poll_interval_ms: int
    ) -> dict[str, Any]:
        now = time.time()
        id = secrets.token_urlsafe(24)
        await self._check_room(owner, now)
        task = Task(id, owner, poll_interval_ms, self._limits.lifetime, _nobody, Detached(), now)
        state = task.state()
        fields: dict[str, Any] = {
            "owner": owner,
            "state": msgspec.json.encode(state),
            "status": state.status,
            "created": repr(now),
            "call": jsonrpc.dump(msgspec.to_builtins(call)),
        }

        async def write(redis: Any) -> None:
            pipeline = redis.pipeline(transaction=True)
            pipeline.hset(self._key(id), mapping=fields)
            pipeline.pexpire(self._key(id), state.ttl_ms)
            for key, _, _ in self._sets(owner):
                pipeline.zadd(key, {id: now})
                pipeline.expire(key, int(self._limits.lifetime) + 1)
            await pipeline.execute()

        try:
            await self._line.do(write)
            await self._queue(id, id)
        except BaseException:
            # Nobody runs it, and nobody knows its id: it would be counted for its whole lifetime.
            await asyncio.shield(spawn(self._forget(id, owner), self._tasks))
            raise
        return state.created()

    async def find(self, id: str, owner: str) -> TaskState | None:
        stored = await self._stored(id, owner)
        return None if stored is None else stored.state

    async def answer(self, id: str, owner: str, responses: dict[str, Any]) -> bool:
        stored = await self._stored(id, owner)
        if stored is None:
            return False
        open: dict[str, Any] = {}
        if stored.state.status == "input_required":
            open = msgspec.json.decode(cast("msgspec.Raw", stored.state.input_requests))
        fitting = {key: value for key, value in responses.items() if key in open}
        for key, response in fitting.items():
            check_answer(key, open[key]["method"], response)
        if not fitting:
            return True
        mail = f"{self._key(id)}:mail"

        async def send(redis: Any) -> None:
            pipeline = redis.pipeline(transaction=True)
            pipeline.rpush(mail, jsonrpc.dump(fitting))
            pipeline.pexpire(mail, stored.state.ttl_ms)
            pipeline.publish(f"{self._key(id)}:wake", b"")
            await pipeline.execute()

        await self._line.do(send)
        return True

    async def cancel(self, id: str, owner: str) -> bool:
        stored = await self._stored(id, owner)
        if stored is None:
            return False
        if not stored.finished:
            task = self._task(id, stored, _nobody)
            task.finish("cancelled", None, self._limits.retention, "Cancelled by the client")
            await self._store(task)
            await self._line.do(lambda redis: redis.publish(f"{self._key(id)}:wake", b""))
            await self._leave(id, owner)
        return True

    async def watch(self, id: str, owner: str) -> bool:
        stored = await self._stored(id, owner)
        if stored is None:
            if id in self._watched and await self._stored(id) is None:
                self._unwatch(id)  # its time was over before it was
            return False
        if id not in self._watched and not stored.finished:
            await self._line.hear(f"{self._key(id)}:changed", lambda data: self._heard(id, data))
            self._watched.add(id)
            before, stored = stored, await self._stored(id, owner)
            if stored is None:
                self._unwatch(id)
                return False
            if stored.state.status != before.state.status:
                self._bus.publish(TaskChanged(id))  # before it was heard
        if stored.finished:
            self._unwatch(id)
        return True

    def _heard(self, id: str, status: bytes) -> None:
        self._bus.publish(TaskChanged(id))
        if status.decode() in FINISHED:
            self._unwatch(id)

    def _unwatch(self, id: str) -> None:
        """It changes no more."""
        if id in self._watched:
            self._watched.discard(id)
            spawn(self._line.unhear(f"{self._key(id)}:changed"), self._tasks)

    # the life of this process

    def join(self, workers: Workers) -> Callable[[], None]:
        return lambda: None  # all of them read the same Redis

    def close(self) -> set[asyncio.Task[Any]]:
        if self._working is not None and not self._closing:
            self._closing = True
            self._working.cancel()  # it takes no more, and waits for what it has begun
        return {run.runner for run in self._runs.values() if run.task.status == "working"}

    def when_broken(self, callback: Callable[[BaseException], None]) -> None:
        """Call this where this process runs no more tasks, though nobody told it to stop."""
        self._broken.append(callback)

    @asynccontextmanager
    async def hold(self, serve: Serve) -> AsyncGenerator[None]:
        self._serve = serve
        self._line.hold()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._line.release)
            self._line.when_back(self._look_again)
            self._docket = await stack.enter_async_context(self._make_docket())
            self._docket.register(self._work, names=[_FUNCTION])
            self._closing = False
            if self._concurrency:
                # Its end waits for what it has begun.
                worker = await stack.enter_async_context(self._make_worker(self._docket))
                self._working = asyncio.create_task(worker.run_forever())
                self._working.add_done_callback(self._ended)
                stack.callback(self._stop)
            yield

    def _ended(self, working: asyncio.Task[None]) -> None:
        """docket's worker has ended; it lives through everything that Redis can do to it."""
        error = None if working.cancelled() else working.exception()
        if error is None:
            return
        _logger.error(
            "This process runs no more tasks, because docket's worker ended: start it again",
            exc_info=error,
        )
        if not self._closing:
            for callback in list(self._broken):
                callback(error)

    def _stop(self) -> None:
        """Take no more, and queue anew what runs."""
        self.close()
        for run in list(self._runs.values()):
            run.stop()

    def _look_again(self) -> None:
        """Redis was away, and so were the words that wake and those that tell of changes."""
        for run in self._runs.values():
            run.woken.set()
        for id in self._watched:
            self._bus.publish(TaskChanged(id))

    # running one

    async def _work(self, id: str) -> None:
        """Run a task: docket calls this, in some process."""
        stored = await self._patiently(lambda: self._stored(id))
        serve = self._serve
        if stored is None or stored.finished or serve is None:
            return
        if self._closing:
            await self._patiently(lambda: self._queue_anew(id))
            return
        run = _Run(serve, msgspec.json.decode(stored.call, type=Call))
        run.task = self._task(id, stored, run.changed)
        run.begin()
        self._runs[id] = run
        wake = f"{self._key(id)}:wake"
        keeping = asyncio.create_task(self._keep(id, run))
        try:
            await self._line.hear(wake, lambda _: run.woken.set())
            run.woken.set()  # for what came before it was heard
            left = stored.created + self._limits.lifetime - time.time()
            if not await run.over(max(0.0, left)):
                run.stop()
                await run.over(None)
        except asyncio.CancelledError:
            run.stop()
            raise
        finally:
            del self._runs[id]
            run.done = True  # and no cancellation: redis-py may swallow one
            run.woken.set()
            await self._line.unhear(wake)
            await keeping
        await self._patiently(lambda: self._settle(id, run))

    async def _settle(self, id: str, run: _Run) -> None:
        """Keep what a run came to: its outcome, or that another one is needed."""
        stored = await self._stored(id)
        if run.runner.done() and not run.runner.cancelled():
            status, outcome, message = read_outcome(run.runner.result())
            run.task.finish(status, outcome, self._limits.retention, message)
            await self._store(run.task)
        elif stored is not None and not stored.finished:
            again = self._task(id, stored, _nobody)
            again.questions = run.task.questions
            await self._store(again)  # it works, and asks nothing
            await self._queue_anew(id)
            return
        await self._leave(id, run.task.owner)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something as soon as Redis lets us.

        Raises:
            asyncio.CancelledError: this process stops before that. A return would tell docket that
                all is done; after a cancellation while it stops, it leaves the task to others.
        """
        while True:
            try:
                return await work()
            except BackplaneDown:
                if self._closing:
                    raise asyncio.CancelledError("Redis is away, and this process stops") from None
                await asyncio.sleep(_AGAIN)

    async def _keep(self, id: str, run: _Run) -> None:
        """Write what changes, hand in what is answered, and stop what was cancelled."""
        mail = f"{self._key(id)}:mail"
        while not run.done:
            await run.woken.wait()
            run.woken.clear()
            try:
                if not await self._store(run.task):
                    run.task.finish("cancelled", None, 0)
                    run.task.exchange.cancel()
                    return
                await self._take(mail, run.task)
            except BackplaneDown:
                # One command may be late though no connection was lost: nobody else would wake it.
                if not (run.done or self._closing):
                    asyncio.get_running_loop().call_later(_AGAIN, run.woken.set)

    async def _take(self, mail: str, task: Task) -> None:
        """Hand in what was answered."""
        while data := await self._line.do(lambda redis: redis.lindex(mail, 0)):
            with suppress(McpError):  # it was checked when it came
                task.answer(msgspec.json.decode(cast("bytes", data)))
            # Afterwards: one taken off at once would be lost with Redis's reply. Handed in twice,
            # it is ignored.
            await self._line.do(lambda redis, data=data: redis.lrem(mail, 1, data))

    # Redis

    def _key(self, id: str) -> str:
        return f"{self._base}:task:{id}"

    def _task(self, id: str, stored: _Stored, changed: Callable[[Task, bool], None]) -> Task:
        return Task(
            id,
            stored.owner,
            stored.state.poll_interval_ms,
            self._limits.lifetime,
            changed,
            Detached(),
            stored.created,
            stored.questions,
        )

    async def _stored(self, id: str, owner: str | None = None) -> _Stored | None:
        """What Redis has of a task, whosever it is where no owner is given."""
        fields = await self._line.do(lambda redis: redis.hgetall(self._key(id)))
        found = cast("dict[bytes, bytes]", fields)
        if b"state" not in found or (owner is not None and found[b"owner"] != owner.encode()):
            return None
        return _Stored(
            found[b"owner"].decode(),
            msgspec.json.decode(found[b"state"], type=TaskState),
            found.get(b"call", b""),
            float(found[b"created"]),
            int(found.get(b"questions", b"0")),
        )

    async def _store(self, task: Task) -> bool:
        """Write how a task is. Returns False where it is over, or gone; then nothing is written."""
        state = task.state()
        left = state.ttl_ms - int((time.time() - task.created) * 1000)
        arguments = (
            msgspec.json.encode(state),
            state.status,
            task.questions or "",
            max(1, left),
        )
        key = self._key(task.id)
        return bool(await self._line.do(lambda redis: redis.eval(_STORE, 1, key, *arguments)))

    async def _queue(self, id: str, key: str, when: datetime | None = None) -> None:
        add = self._docket.add(_FUNCTION, when=when, key=key)
        await self._line.do(lambda _: add(id))

    async def _queue_anew(self, id: str) -> None:
        """For another process: a little later, when this one takes nothing any more."""
        soon = datetime.now(UTC) + _HANDOVER
        await self._queue(id, f"{id}:{secrets.token_hex(4)}", soon)

    def _sets(self, owner: str) -> list[tuple[str, int, str]]:
        """Where tasks that are not over are counted: key, limit, and the setting that says it."""
        limits = self._limits
        sets = [(f"{self._base}:running", limits.running, "FASTMCP_TASKS_MAX")]
        if owner:
            key = f"{self._base}:running:{owner}"
            sets.append((key, limits.of_owner, "FASTMCP_TASKS_MAX_PER_OWNER"))
        return sets

    async def _check_room(self, owner: str, now: float) -> None:
        sets = self._sets(owner)

        async def count(redis: Any) -> list[int]:
            pipeline = redis.pipeline(transaction=True)
            for key, _, _ in sets:
                pipeline.zremrangebyscore(key, "-inf", now - self._limits.lifetime)
                pipeline.zcard(key)
            return cast("list[int]", await pipeline.execute())

        counted = (await self._line.do(count))[1::2]
        for (_, limit, setting), there in zip(sets, counted, strict=True):
            if there >= limit:
                raise McpError(
                    INTERNAL_ERROR,
                    f"Too many tasks: {there} are not over, as many as {setting} allows; await "
                    "or cancel some of them first, or try again later",
                )

    async def _forget(self, id: str, owner: str) -> None:
        """Undo a beginning, as far as Redis can be reached."""

        async def forget(redis: Any) -> None:
            pipeline = redis.pipeline(transaction=True)
            pipeline.delete(self._key(id))
            for key, _, _ in self._sets(owner):
                pipeline.zrem(key, id)
            pipeline.publish(f"{self._key(id)}:wake", b"")  # it may have been queued all the same
            await pipeline.execute()

        with suppress(BackplaneDown):
            await self._line.do(forget)

    async def _leave(self, id: str, owner: str) -> None:
        """Count one less."""

        async def leave(redis: Any) -> None:
            pipeline = redis.pipeline(transaction=True)
            for key, _, _ in self._sets(owner):
                pipeline.zrem(key, id)
            await pipeline.execute()

        await self._line.do(leave)


class _Run:
    """One run of a task in this process.

    Args:
        serve: serves a request.
        call: the request.

    Attributes:
        task: what runs.
        runner: serves it.
        woken: set when there may be something to write or to take.
        done: whether there never will be again.
    """

    done = False
    task: Task
    runner: asyncio.Task[bytes]

    def __init__(self, serve: Serve, call: Call) -> None:
        self.woken = asyncio.Event()
        self.woken.set()  # answers may lie there already
        self._given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._serve = serve
        self._call = call

    def begin(self) -> None:
        self.runner = self.task.exchange.task = asyncio.create_task(self._answer())

    async def _answer(self) -> bytes:
        self.task.announced = True
        return await self.task.serve(self._call, self._serve)

    def changed(self, task: Task, turned: bool) -> None:
        """The task has changed, and is to be written."""
        self.woken.set()

    async def over(self, seconds: float | None) -> bool:
        """Wait for its end, or until it has not let itself be stopped in time."""
        ends: list[asyncio.Future[Any]] = [self.runner, self._given_up]
        done, _ = await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    def stop(self) -> None:
        """Interrupt it, though nobody took it back."""
        if not self.runner.cancelling():
            self.runner.cancel()
            asyncio.get_running_loop().call_later(_STUBBORN, self._give_up)

    def _give_up(self) -> None:
        if not self.runner.done():
            _logger.warning(
                "The task %s does not let itself be cancelled, and is left behind: its tool must "
                "not hold back CancelledError, nor block",
                self.task.id,
            )
            self._given_up.set_result(None)


def _nobody(task: Task, turned: bool) -> None:
    """Nobody wants to hear of the changes of a task that is only written down."""
