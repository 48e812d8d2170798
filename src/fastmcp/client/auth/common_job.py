"""One job for all who wait for the same.

Who needs a token while another already obtains one waits for that. Who waits no longer leaves, and
leaves the job to the others; where it waits for a person, it ends when nobody is left. Anything
else is short and goes on: a refresh token whose answer nobody heard is lost. What a job came to is
the answer to those alone whose demand it decides; the others begin another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from fastmcp.client.auth.demand import Demand
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.client.patience import Term
from fastmcp.utilities.spawning import is_cancelled

__all__ = ["AbandonedError", "CommonJob"]


class AbandonedError(AuthorizationFailedError):
    """Nobody waits any more for what a person was to be asked for."""


class _Waiter(ExitStack):
    """Somebody who waits for a job; when it is closed, his time goes on.

    Args:
        term: his time-out, None for none.
    """

    def __init__(self, term: Term | None) -> None:
        super().__init__()
        self._term = term

    def hold(self) -> None:
        """Let his time stand still."""
        if self._term is not None:
            self.enter_context(self._term.held())


class CommonJob:
    """Obtains what is demanded, once for everybody.

    Args:
        work: obtains it.
        owner: whose job it is, for errors.
    """

    def __init__(self, work: Callable[[Demand], Coroutine[Any, Any, None]], owner: str) -> None:
        self._work = work
        self._owner = owner
        self._task: asyncio.Task[None] | None = None
        self._demand: Demand | None = None
        self._waiting: set[_Waiter] = set()
        """Those for whose sake a person may be asked."""
        self._asks = False
        self._spends = False

    async def wait(
        self, demand: Demand, is_met: Callable[[], bool], term: Term | None = None
    ) -> None:
        """Return when a job for a demand is done, or another's has met it.

        Args:
            demand: what is to be obtained.
            is_met: whether it was.
            term: the time-out of who waits, which stands still while a person decides.
        """
        waiter = _Waiter(term)
        mine = False
        while not mine:
            task, wanted = self._running(), self._demand
            if task is None or wanted is None:
                task, wanted, mine = self._begin(demand), demand, True
            if not demand.silent:
                self._waiting.add(waiter)
            try:
                with waiter:
                    if self._asks and waiter in self._waiting:
                        waiter.hold()
                    await asyncio.shield(task)
            except asyncio.CancelledError as exc:
                if is_cancelled(exc) or not task.cancelled():
                    raise
                mine = False  # the last of those who waited had left, and it ended with him
            except AuthorizationFailedError as exc:
                decided = wanted.decides(demand) and not isinstance(exc, AbandonedError)
                if mine or decided:
                    raise
            finally:
                self._waiting.discard(waiter)
                if not self._waiting and self._asks and not task.done():
                    task.cancel()
                    await asyncio.wait([task])
            if is_met():
                return

    def is_for_calls(self) -> bool:
        """Whether one runs that may ask a person."""
        return self._running() is not None and self._demand is not None and not self._demand.silent

    def _running(self) -> asyncio.Task[None] | None:
        task = self._task
        if task is None or task.done():
            return None
        if task.get_loop() is asyncio.get_running_loop():
            return task
        if task.get_loop().is_running():
            raise AuthorizationFailedError(
                f"This {self._owner} obtains a token in another event loop, and what it uses for "
                "that is good once: make one for each thread"
            )
        self._waiting.clear()  # what a loop has left behind that was ended in the middle
        self._asks = False
        return None

    def _begin(self, demand: Demand) -> asyncio.Task[None]:
        self._demand, self._spends = demand, False
        self._task = asyncio.create_task(self._work(demand))
        self._task.add_done_callback(_retrieved)
        return self._task

    @contextmanager
    def asking(self) -> Generator[None]:
        """A block in which a person is waited for, here or in another process; it ends when nobody
        waits for what comes of it, and to those who do it counts for no time.

        Raises:
            AbandonedError: nobody waits already.
        """
        if not self._waiting:
            raise AbandonedError("Nobody waits for the authorization any more")
        self._asks = True
        for each in self._waiting:
            each.hold()
        try:
            yield
        finally:
            self._asks = False
            for each in self._waiting:
                each.close()

    def spends(self) -> None:
        """The job that runs is about to use up what is good once."""
        self._spends = True

    async def settle(self, seconds: float) -> None:
        """Wait for a job whose answer must not be lost, though nobody may wait for it any more: the
        program may be about to end.

        Args:
            seconds: that this may take.
        """
        task = self._task
        if task is not None and self._spends and task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([task], timeout=seconds)


def _retrieved(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # those who wait raise it
