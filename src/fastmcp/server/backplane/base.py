"""The seam: change events that speak the domain, never the wire.

A publisher says "the tools changed"; what that is on the wire, and who wants to hear it, is
each listener's business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar, Protocol, TypeAlias

import msgspec

__all__ = [
    "Backplane",
    "Change",
    "Listener",
    "PromptsChanged",
    "ResourceUpdated",
    "ResourcesChanged",
    "ToolsChanged",
]


class Change(msgspec.Struct, frozen=True):
    """Something clients may want to know."""

    method: ClassVar[str]

    @property
    def params(self) -> dict[str, Any] | None:
        return None

    def concerns(self, subscriptions: Collection[str]) -> bool:
        """Whether a client with these resource subscriptions wants to hear it."""
        return True


class ToolsChanged(Change, frozen=True):
    method = "notifications/tools/list_changed"


class ResourcesChanged(Change, frozen=True):
    method = "notifications/resources/list_changed"


class PromptsChanged(Change, frozen=True):
    method = "notifications/prompts/list_changed"


class ResourceUpdated(Change, frozen=True):
    """The contents behind one URI changed."""

    uri: str
    method = "notifications/resources/updated"

    @property
    def params(self) -> dict[str, Any] | None:
        return {"uri": self.uri}

    def concerns(self, subscriptions: Collection[str]) -> bool:
        return self.uri in subscriptions


Listener: TypeAlias = Callable[[Change], None]


class Backplane(Protocol):
    """Publish and subscribe."""

    def publish(self, change: Change) -> None:
        """Tell every listener, here and on every worker that shares the backplane."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every change from now on. Returns the function that ends it."""
        ...
