"""What changes, told inside this process: the tools changed, a resource was updated.

A publisher says what happened in words of the domain; what that is on the wire, and who wants to
hear it, is each listener's business. The backplane carries it to other processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, ClassVar, Protocol, TypeAlias

import msgspec

from fastmcp.protocol import jsonrpc
from fastmcp.protocol.passage import Passage, say
from fastmcp.protocol.subscriptions import (
    PROMPTS_CHANGED,
    RESOURCE_UPDATED,
    RESOURCES_CHANGED,
    TOOLS_CHANGED,
)

__all__ = [
    "AnyChange",
    "Bus",
    "Change",
    "Listener",
    "PromptsChanged",
    "ResourceUpdated",
    "ResourcesChanged",
    "Subscriber",
    "TaskChanged",
    "ToolsChanged",
]


class Subscriber(Protocol):
    """Whoever may want to hear of a change."""

    @property
    def subscriptions(self) -> Collection[str]:
        """Resource URIs whose updates it asked for."""
        ...

    @property
    def task_ids(self) -> Collection[str]:
        """Background tasks whose changes it asked for."""
        ...

    @property
    def audience(self) -> str:
        """Who it is, for what concerns nobody else."""
        ...


class Change(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Something clients may want to know.

    Attributes:
        audience: whom it concerns, "" for everyone: behind a proxy each client may see another
            server.
        passage: the servers that told of it, each the one in front of it.
    """

    audience: str = ""
    passage: Passage = ()
    method: ClassVar[str]

    @property
    def params(self) -> dict[str, Any]:
        """What the notification says beside what it is about."""
        return {"_meta": say(self.passage)} if self.passage else {}

    def concerns(self, subscriber: Subscriber) -> bool:
        """Whether this client wants to hear it."""
        return self.is_for(subscriber.audience)

    def is_for(self, audience: str) -> bool:
        """Whether it concerns this client."""
        return self.audience in ("", audience)

    def notification(self) -> bytes:
        """The JSON-RPC notification it becomes for a client."""
        return jsonrpc.encode_notification(self.method, self.params or None)


class ToolsChanged(Change, frozen=True):
    method = TOOLS_CHANGED


class ResourcesChanged(Change, frozen=True):
    method = RESOURCES_CHANGED


class PromptsChanged(Change, frozen=True):
    method = PROMPTS_CHANGED


class ResourceUpdated(Change, frozen=True):
    """The contents behind one URI changed."""

    uri: str
    method = RESOURCE_UPDATED

    @property
    def params(self) -> dict[str, Any]:
        return {"uri": self.uri, **super().params}

    def concerns(self, subscriber: Subscriber) -> bool:
        return self.uri in subscriber.subscriptions and self.is_for(subscriber.audience)


class TaskChanged(Change, frozen=True):
    """A background task that somebody watches has another status.

    The notification carries the whole task (SEP-2663, "Task Status Notifications"), which only its
    holder knows: whoever tells a client of it asks for the state then (`features/tasks`).

    Attributes:
        task: its id.
    """

    task: str
    method = "notifications/tasks"

    @property
    def params(self) -> dict[str, Any]:
        return {"taskId": self.task}

    def concerns(self, subscriber: Subscriber) -> bool:
        return self.task in subscriber.task_ids


AnyChange: TypeAlias = (
    ToolsChanged | ResourcesChanged | PromptsChanged | ResourceUpdated | TaskChanged
)
"""The kinds there are; what another process may send."""

Listener: TypeAlias = Callable[[Change], None]


class Bus:
    """Publish and subscribe, in one process.

    A change may come from any thread (a sync tool that adds a tool runs on one), so each
    listener is called on the loop it subscribed from.
    """

    def __init__(self) -> None:
        self._listeners: dict[Listener, asyncio.AbstractEventLoop] = {}

    def publish(self, change: Change) -> None:
        """Tell every listener."""
        for listener, loop in list(self._listeners.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(listener, change)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every change from now on. Returns the function that ends it."""
        self._listeners[listener] = asyncio.get_running_loop()

        def unsubscribe() -> None:
            self._listeners.pop(listener, None)

        return unsubscribe
