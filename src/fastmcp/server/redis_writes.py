"""What is written to Redis in one moment goes there together.

A round trip costs this process far more than a command costs Redis. So one is under way at a time:
what others want to write meanwhile waits for it, and then goes as one pipeline. Who writes alone
waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, TypeAlias, cast

from fastmcp.server.backplane.redis_line import RedisLine
from fastmcp.utilities.spawning import spawn

__all__ = ["Command", "RedisWrites"]

Command: TypeAlias = tuple[Any, ...]
"""A command's name and its arguments."""

_Waiting: TypeAlias = list[tuple[Sequence[Command], asyncio.Future[list[Any]]]]

_AT_ONCE: Final = 64
"""So that a pipeline is done within the time that a command has."""


class RedisWrites:
    """Writes of many, in the order in which they were asked for.

    Args:
        line: the way to Redis.
    """

    def __init__(self, line: RedisLine) -> None:
        self._line = line
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: _Waiting = []
        self._sending = False
        self._held: set[asyncio.Task[None]] = set()

    async def write(self, *commands: Command) -> list[Any]:
        """Run commands one after the other. They are run even if nobody waits for them any more.

        Returns:
            Redis's answer to each; an error that it answers with is one of them, and not raised.
        Raises:
            BackplaneDown: Redis cannot be reached, or does not answer in time.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # whoever waited on an earlier one is gone with it
            self._loop, self._waiting, self._sending = loop, [], False
        answers: asyncio.Future[list[Any]] = loop.create_future()
        self._waiting.append((commands, answers))
        if not self._sending:
            self._sending = True
            spawn(self._send(self._waiting), self._held)
        return await answers

    async def _send(self, waiting: _Waiting) -> None:
        together: _Waiting = []
        try:
            while waiting:
                together = waiting[:_AT_ONCE]
                del waiting[:_AT_ONCE]
                commands = [command for asked, _ in together for command in asked]
                try:
                    found = await self._line.do(partial(_run, commands=commands))
                except Exception as error:
                    for _, answers in together:
                        if not answers.done():
                            answers.set_exception(error)
                    continue
                for asked, answers in together:
                    its, found = found[: len(asked)], found[len(asked) :]
                    if not answers.done():
                        answers.set_result(its)
        finally:
            for _, answers in [*together, *waiting]:
                answers.cancel()  # those that have no answer: the event loop ends
            if self._waiting is waiting:
                self._sending = False


async def _run(redis: Any, commands: Sequence[Command]) -> list[Any]:
    pipeline = redis.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    return cast("list[Any]", await pipeline.execute(raise_on_error=False))
