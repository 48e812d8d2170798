"""Tasks that other workers run: a task's id begins with the name of its worker, who is asked.

One message there, one back. A worker that is gone has taken its tasks along, so they are unknown;
one that does not answer in time may come back, and that is said.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from typing import Final

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INVALID_PARAMS
from fastmcp.server.backplane.base import BackplaneDown, Message, TaskAsked, TaskTold
from fastmcp.server.backplane.workers import Workers
from fastmcp.utilities.spawning import spawn

__all__ = ["Elsewhere"]

_WORKER: Final = re.compile(r"([0-9a-f]{8})\.")
_PATIENCE: Final = 5.0
"""Seconds that a worker has to answer."""


class Elsewhere:
    """The tasks of the other workers of one application.

    Args:
        workers: who they are.
        here: answers what they ask of this one.
    """

    def __init__(self, workers: Workers, here: Callable[[TaskAsked], TaskTold]) -> None:
        self._workers = workers
        self._here = here
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[TaskTold]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unlisten = workers.listen(self._receive)

    @property
    def worker(self) -> str:
        """This worker's name, which the ids of its tasks begin with."""
        return self._workers.backplane.worker

    def close(self) -> None:
        """Ask and answer no more."""
        self._unlisten()
        for task in list(self._tasks):
            task.cancel()

    async def ask(self, question: TaskAsked) -> TaskTold | None:
        """What the worker of a task says; None where there is no such worker.

        Raises:
            BackplaneDown: it cannot be reached now.
            McpError: what it says is wrong with the client's responses.
        """
        found = _WORKER.match(question.task)
        if found is None or found[1] == self.worker:
            return None
        number = next(self._numbers)
        question = TaskAsked(
            self.worker, number, question.verb, question.task, question.owner, question.responses
        )
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            if not await self._workers.backplane.send(found[1], question):
                return None
            async with asyncio.timeout(_PATIENCE):
                told = await future
        except TimeoutError:
            raise BackplaneDown("The worker that runs this task") from None
        finally:
            del self._asked[number]
        if told.wrong:
            raise McpError(INVALID_PARAMS, told.wrong)
        return told

    def _receive(self, message: Message) -> None:
        if isinstance(message, TaskTold):
            future = self._asked.get(message.ask)
            if future is not None and not future.done():
                future.set_result(message)
        elif isinstance(message, TaskAsked):
            spawn(self._tell(message.worker, self._here(message)), self._tasks)

    async def _tell(self, worker: str, told: TaskTold) -> None:
        try:
            await self._workers.backplane.send(worker, told)
        except BackplaneDown:
            return  # it asks no more, or its client asks again
