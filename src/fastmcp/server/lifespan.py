"""The server's lifespan: entered once while anything needs it, whoever that is.

An author's lifespan is an async context manager. It is entered and left in one task of its
own, so that it may hold task groups and cancel scopes while the users of the server (HTTP
requests, in-memory clients, a parent application) come and go in any task and any order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from typing import Any, TypeAlias, cast

from fastmcp.utilities.injection import hold_shared

__all__ = ["ContextManagerLifespan", "Lifespan", "LifespanFunction", "RunningLifespan", "lifespan"]

LifespanFunction: TypeAlias = Callable[[Any], Any]
"""A function of the server that returns an async context manager or an async iterator."""

_Enter: TypeAlias = Callable[[], AbstractAsyncContextManager[dict[str, Any] | None]]


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
        if not callable(other):
            raise TypeError(f"A lifespan composes with another lifespan, not with {other!r}")
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

    Users on different event loops (a server in a thread, an in-memory client in a test) get one
    lifespan each, because what an author opens in it belongs to the loop it was opened on.

    Args:
        enter: opens the lifespan; its value is what handlers see as `ctx.lifespan_context`.
    """

    def __init__(self, enter: _Enter) -> None:
        self._enter = enter
        self._held: dict[asyncio.AbstractEventLoop, _Holding] = {}
        self._last: _Holding | None = None

    @property
    def value(self) -> dict[str, Any]:
        """What it yielded: on the loop that asks, or to the latest user where no loop does
        (a synchronous tool asks from a thread)."""
        try:
            holding = self._held.get(asyncio.get_running_loop())
        except RuntimeError:
            holding = None
        holding = holding or self._last
        return holding.value if holding is not None else {}

    @property
    def running(self) -> bool:
        """Whether it is entered, on the loop that asks."""
        loop = asyncio.get_running_loop()
        holding = self._last
        if holding is None or holding.loop is not loop:  # every call of a server asks this
            holding = self._held.get(loop)
        return holding is not None and holding.entered

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
        holding = self._held.get(loop)
        if holding is None or holding.left:
            for gone in [known for known in self._held if known.is_closed()]:
                del self._held[gone]
            holding = self._held[loop] = _Holding(self._enter, after=holding)
        holding.users += 1
        try:
            await asyncio.shield(holding.started)
        except BaseException:
            self._leave(loop, holding)
            raise
        self._last = holding

    async def release(self) -> None:
        """Leave it where nobody else holds it.

        Raises:
            Exception: whatever the author's lifespan raised on the way out.
        """
        loop = asyncio.get_running_loop()
        holding = self._held.get(loop)
        if holding is not None and not holding.left and self._leave(loop, holding):
            # Whoever waits here may be cancelled; the author's cleaning up goes on.
            await asyncio.shield(holding.task)

    def _leave(self, loop: asyncio.AbstractEventLoop, holding: _Holding) -> bool:
        holding.users -= 1
        if holding.users > 0:
            return False
        holding.leave()
        return True


class _Holding:
    """One lifespan on one loop, entered and left in a task of its own.

    Args:
        enter: opens it.
        after: an earlier one that is on its way out: the two never overlap.
    """

    def __init__(
        self,
        enter: _Enter,
        after: _Holding | None,
    ) -> None:
        self.loop = loop = asyncio.get_running_loop()
        self.users = 0
        self.entered = False
        self.left = False
        self.value: dict[str, Any] = {}
        self.started: asyncio.Future[None] = loop.create_future()
        self._stop = asyncio.Event()
        self.task = loop.create_task(self._hold(enter, after.task if after is not None else None))

    def leave(self) -> None:
        """Begin to leave it."""
        self.left = True
        self.entered = False
        self._stop.set()

    async def _hold(
        self,
        enter: _Enter,
        earlier: asyncio.Task[None] | None,
    ) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        async with AsyncExitStack() as stack:
            try:
                self.value = await stack.enter_async_context(enter()) or {}
            except BaseException as exc:
                if not self.started.cancelled():
                    self.started.set_exception(exc)
                    self.started.exception()  # whoever waited may be gone
                if isinstance(exc, Exception):
                    return
                raise
            self.entered = not self.left
            self.started.set_result(None)
            # A loop that ends cancels this task; the author's code after `yield` runs all the
            # same, as it would at any other end. What `Shared` dependencies opened goes first:
            # it may use what the lifespan opened.
            async with hold_shared():
                with suppress(asyncio.CancelledError):
                    await self._stop.wait()
                self.left = True
