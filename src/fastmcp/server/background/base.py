"""The seam between the methods that clients look after tasks with, and whoever runs the tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

from fastmcp.protocol.classify import Call
from fastmcp.protocol.tasks import TaskState
from fastmcp.server.backplane.workers import Workers
from fastmcp.server.exchange import Exchange

__all__ = ["Serve", "Tasks"]

Serve: TypeAlias = Callable[[Call, Exchange], Awaitable[tuple[bytes, int]]]
"""Serves a request: `Engine.handle`."""


class Tasks(Protocol):
    """The tasks of one server. A task is its owner's alone; to others it does not exist."""

    async def begin(
        self, call: Call, exchange: Exchange, owner: str, poll_interval_ms: int
    ) -> dict[str, Any]:
        """Begin to serve a request as a task.

        Args:
            call: the request.
            exchange: that it came with; it ends with the answer.
            owner: the principal, or "" for anybody who has the id.
            poll_interval_ms: the pause between two looks that the client is advised to make.
        Returns:
            The result to answer with: a task, which can be found from now on; or what its handler
            asked before anything else (`input_required`), and then there is no task yet.
        Raises:
            McpError: there are too many.
        """
        ...

    async def find(self, id: str, owner: str) -> TaskState | None:
        """How a task is; None where there is none.

        Raises:
            BackplaneDown: whoever runs it cannot be reached now.
        """
        ...

    async def answer(self, id: str, owner: str, responses: dict[str, Any]) -> bool:
        """Hand a task what it asked for; keys that nobody waits for are ignored.

        Returns:
            False where there is no such task.
        Raises:
            McpError: a response does not fit its request.
            BackplaneDown: whoever runs it cannot be reached now.
        """
        ...

    async def cancel(self, id: str, owner: str) -> bool:
        """Stop a task, unless it is over.

        Returns:
            False where there is no such task.
        Raises:
            BackplaneDown: whoever runs it cannot be reached now.
        """
        ...

    async def watch(self, id: str, owner: str) -> bool:
        """From now on publish a `TaskChanged` for every change of a task's status.

        Returns:
            False where there is no such task.
        Raises:
            BackplaneDown: whoever runs it cannot be reached now.
        """
        ...

    def join(self, workers: Workers) -> Callable[[], None]:
        """From now on know the tasks of the other workers of an application, on this loop.

        Returns:
            The function that ends it.
        """
        ...

    def close(self) -> set[asyncio.Task[Any]]:
        """This process is to stop: take over no more tasks of others.

        Returns:
            What runs on this loop and waits for no client: it may be given time.
        """
        ...

    def hold(self, serve: Serve) -> AbstractAsyncContextManager[None]:
        """Run tasks on this event loop while the block runs.

        Args:
            serve: serves a request.
        """
        ...
