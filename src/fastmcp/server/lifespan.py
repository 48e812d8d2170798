"""The server's lifespan: entered once while anything needs it, whoever that is.

An author's lifespan is an async context manager. It is entered and left in one task of its
own, so that it may hold task groups and cancel scopes while the users of the server (HTTP
requests, in-memory clients, a parent application) come and go in any task and any order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias, cast

from fastmcp.utilities.injection import close_shared

__all__ = ["ContextManagerLifespan", "Lifespan", "LifespanFunction", "RunningLifespan", "lifespan"]

LifespanFunction: TypeAlias = Callable[[Any], Any]
"""A function of the server that returns an async context manager or an async iterator."""


class Lifespan:
    """A composable lifespan: `a | b` enters `a`, then `b`, and merges what they yield.

    Args:
        function: an async generator function of the server that yields once, or a function
            that returns an async context manager.
    """

    def __init__(self, function: LifespanFunction) -> None:
        self._function = function

    def __call__(self, server: Any) -> AbstractAsyncContextManager[dict[str, Any]]:
        return self._enter(server)

    @asynccontextmanager
    async def _enter(self, server: Any) -> AsyncGenerator[dict[str, Any]]:
        opened = self._function(server)
        if isinstance(opened, AsyncGenerator):
            generator = cast("AsyncGenerator[Any]", opened)
            opened = asynccontextmanager(lambda: generator)()
        async with opened as value:
            yield dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else {}

    def __or__(self, other: LifespanFunction) -> Lifespan:
        second = other if isinstance(other, Lifespan) else Lifespan(other)

        @asynccontextmanager
        async def both(server: Any) -> AsyncGenerator[dict[str, Any]]:
            async with self(server) as first_value, second(server) as second_value:
                yield {**first_value, **second_value}

        return Lifespan(both)


class ContextManagerLifespan(Lifespan):
    """A lifespan made from a function that is an async context manager already."""


def lifespan(function: LifespanFunction) -> Lifespan:
    """Decorator: make an async generator function a composable `Lifespan`."""
    return Lifespan(function)


class RunningLifespan:
    """Enters a lifespan with its first user and leaves it with its last.

    Args:
        enter: opens the lifespan; its value is what handlers see as `ctx.lifespan_context`.
    """

    def __init__(self, enter: Callable[[], AbstractAsyncContextManager[dict[str, Any]]]) -> None:
        self._enter = enter
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None
        self._stop: asyncio.Event | None = None
        self.value: dict[str, Any] = {}

    @property
    def running(self) -> bool:
        """Whether it is entered, on the loop that asks."""
        started = self._started
        return (
            started is not None
            and started.done()
            and started.get_loop() is asyncio.get_running_loop()
        )

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[dict[str, Any]]:
        """Hold the lifespan open."""
        await self.acquire()
        try:
            yield self.value
        finally:
            await self.release()

    async def acquire(self) -> None:
        """Enter it unless it is entered already.

        Raises:
            Exception: whatever the author's lifespan raised on the way in.
        """
        loop = asyncio.get_running_loop()
        if self._started is None or self._started.get_loop() is not loop:
            # A loop that is gone took its lifespan task with it; a new one starts afresh.
            self._users = 0
            self._started = loop.create_future()
            self._stop = asyncio.Event()
            self._task = loop.create_task(self._hold(self._started, self._stop))
        self._users += 1
        try:
            await asyncio.shield(self._started)
        except BaseException:
            self._users -= 1
            if self._users == 0:
                self._started = None
            raise

    async def release(self) -> None:
        """Leave it where nobody else holds it."""
        self._users -= 1
        if self._users > 0 or self._task is None or self._stop is None:
            return
        task, self._task, self._started = self._task, None, None
        self._stop.set()
        await task

    async def _hold(self, started: asyncio.Future[None], stop: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            try:
                self.value = await stack.enter_async_context(self._enter())
            except BaseException as exc:
                if not started.done():
                    started.set_exception(exc)
                if isinstance(exc, Exception):
                    return
                raise
            if not started.done():
                started.set_result(None)
            try:
                await stop.wait()
            finally:
                await close_shared()
