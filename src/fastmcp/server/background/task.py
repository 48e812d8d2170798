"""One task: what is known of it, and the exchange of the call that it is.

Its exchange has nobody at the other end. It cannot say anything: progress becomes the task's
status message, and log messages are not supported on tasks (SEP-2663, "Task Status
Notifications"). What it asks is parked in the task, under a key that is never used again, until
an answer for that key comes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, Raw, UnsetType

from fastmcp.exceptions import McpError
from fastmcp.protocol import jsonrpc
from fastmcp.protocol.classify import Call
from fastmcp.protocol.errors import INTERNAL_ERROR, internal_error
from fastmcp.protocol.input_required import ASKS, INPUT_REQUIRED
from fastmcp.protocol.tasks import FINISHED, TaskState, TaskStatus
from fastmcp.server.answers import check_answer
from fastmcp.server.background.base import Serve
from fastmcp.server.exchange import Exchange

__all__ = ["Task", "TaskExchange", "asks", "read_outcome"]

_logger: Final = logging.getLogger("fastmcp.server.tasks")


class Task:
    """A call that is served without its response.

    Args:
        id: what its client knows it by.
        owner: whose it is.
        poll_interval_ms: the pause between two looks that its client is advised to make.
        lifetime: seconds after which it is forgotten, whatever it does.
        changed: is told of every change, and whether its status is another.
        origin: the exchange that the request came with.
        created: when it was made, where that was not now.
        asked: how many questions it has asked before, where it runs once more.

    Attributes:
        exchange: that of the call.
        loop: the event loop it runs on.
        created: when it was made, in seconds since 1970.
        questions: how many it has asked.
        announced: whether its client knows of it.
        watched: whether somebody wants to hear of its changes.
        size: bytes that its outcome takes.
    """

    def __init__(
        self,
        id: str,
        owner: str,
        poll_interval_ms: int,
        lifetime: float,
        changed: Callable[[Task, bool], None],
        origin: Exchange,
        created: float | None = None,
        asked: int = 0,
    ) -> None:
        self.id = id
        self.owner = owner
        self.status: TaskStatus = "working"
        self.loop = asyncio.get_running_loop()
        self.exchange = TaskExchange(self, origin)
        self.announced = False
        self.watched = False
        self.size = 0
        self._poll_interval_ms = poll_interval_ms
        self._changed = changed
        self._updated = time.time()
        self.created = self._updated if created is None else created
        self._ttl = lifetime
        self._message: str | None = None
        self._asked: dict[str, tuple[dict[str, Any], asyncio.Future[Any]]] = {}
        self.questions = asked
        self._outcome: bytes | None = None

    @property
    def finished(self) -> bool:
        """Whether it is over."""
        return self.status in FINISHED

    def state(self) -> TaskState:
        """How it is now."""
        requests = UNSET
        if self.status == "input_required":
            asked = {key: request for key, (request, _) in self._asked.items()}
            requests = Raw(jsonrpc.sound(jsonrpc.dump(asked)))
        outcome = UNSET if self._outcome is None else Raw(self._outcome)
        return TaskState(
            self.id,
            self.status,
            _moment(self.created),
            _moment(self._updated),
            math.ceil(self._ttl * 1000),
            self._poll_interval_ms,
            UNSET if self._message is None else self._message,
            requests,
            outcome if self.status == "completed" else UNSET,
            outcome if self.status == "failed" else UNSET,
        )

    def describe(self, message: str | None) -> None:
        """Set the line that its client may show."""
        if not self.finished:
            self._message = None if message is None else _printable(message)
            self._updated = time.time()
            self._changed(self, False)

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Park the task until its client has answered.

        Raises:
            McpError: it is over, though its handler goes on: nobody will answer.
        """
        if self.finished:
            raise McpError(
                INTERNAL_ERROR,
                f"{method} cannot be asked: the task was cancelled, and nobody answers any more",
            )
        self.questions += 1
        key = f"{ASKS[method]}-{self.questions}"
        future: asyncio.Future[Any] = self.loop.create_future()
        self._asked[key] = (_question(method, params), future)
        self._turn("input_required")
        try:
            return await future
        finally:
            if self._asked.pop(key, None) is not None and not self._asked:
                self._turn("working")  # whoever asked gave up

    async def serve(self, call: Call, serve: Serve) -> bytes:
        """Serve its request, and answer it."""
        try:
            payload, _ = await serve(call, self.exchange)
        except Exception:
            _logger.exception("A task failed in a way that no call may")
            return jsonrpc.encode_error(call.id, internal_error())
        return jsonrpc.sound(payload)

    def answer(self, responses: dict[str, Any]) -> None:
        """Take what its client answered. Keys that nobody waits for are ignored (SEP-2663,
        "Task Update Requests").

        Raises:
            McpError: a response does not fit its request; then none is taken.
        """
        fitting = {key: value for key, value in responses.items() if key in self._asked}
        for key, response in fitting.items():
            check_answer(key, self._asked[key][0]["method"], response)
        for key, response in fitting.items():
            _, future = self._asked.pop(key)
            if not future.done():
                future.set_result(response)
        if fitting:
            self._turn("input_required" if self._asked else "working")

    def finish(
        self, status: TaskStatus, outcome: bytes | None, keep: float, message: str | None = None
    ) -> None:
        """End it; a task ends once.

        Args:
            status: how.
            outcome: the JSON of its result or error.
            keep: seconds that it is kept from now on.
            message: a line for a person, instead of how far it was.
        """
        if self.finished:
            return
        self._outcome = outcome
        self.size = len(outcome or b"")
        self._ttl = time.time() - self.created + keep
        self._message = None if message is None else _printable(message)
        self._turn(status)

    def _turn(self, status: TaskStatus) -> None:
        if self.finished:
            return
        self._updated = time.time()
        self.status = status
        self._changed(self, True)


class TaskExchange(Exchange):
    """The exchange of a call that is served as a task.

    Args:
        task: which.
        origin: the exchange that the request came with: the headers and the user stay known.
    """

    def __init__(self, task: Task, origin: Exchange) -> None:
        super().__init__(None, origin.scope)
        self.task_id = task.id
        self._task = task

    @property
    def answered(self) -> bool:
        """Whether its client has the task already. Before, a handler that returns its questions
        answers the call with them (SEP-2663, "Composition with Multi Round-Trip Requests")."""
        return self._task.announced

    async def emit(self, message: bytes) -> bool:
        return False

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        return await self._task.ask(method, params)

    def describe(self, progress: float, total: float | None, message: str | None) -> None:
        if message is None:
            message = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
        self._task.describe(message)


class _Answer(msgspec.Struct):
    """The two ways in which a request is answered."""

    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


_read_answer: Final = msgspec.json.Decoder(_Answer).decode


def read_outcome(payload: bytes) -> tuple[TaskStatus, bytes, str | None]:
    """What a task ends with where its request would be answered with this: its status, the JSON of
    its result or error, and a line for a person."""
    answer = _read_answer(payload)
    if isinstance(answer.error, Raw):
        return "failed", bytes(answer.error), msgspec.json.decode(answer.error)["message"]
    return "completed", bytes(cast("Raw", answer.result)), None


def asks(payload: bytes) -> bool:
    """Whether this answer to a request is what its handler has to know first."""
    if b'"input_required"' not in payload:
        return False
    result = jsonrpc.as_object(msgspec.json.decode(payload).get("result"))
    return result is not None and result.get("resultType") == INPUT_REQUIRED


def _question(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """One entry of `inputRequests` (basic/patterns/mrtr)."""
    return {"method": method, "params": params} if params else {"method": method}


def _moment(seconds: float) -> str:
    """A point in time as ISO 8601, in UTC."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _printable(text: str) -> str:
    """UTF-8 can say all of it: an author's text may hold half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
