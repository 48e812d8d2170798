"""What a client listens to in the stateless era: the filter it sends, and what of it is honored.

`subscriptions/listen` names the kinds of notifications a client wants, and it is sent no other.
A kind is one row of a table: the member of the filter that asks for it, the notification it is,
and, where the filter lists what it wants to hear of, the member of the notification that must be
in that list. Everything on a subscription carries its id, which is that of the request.
Source: 2026-07-28, basic/patterns/subscriptions.

Tasks are told whole, as they are when it is told (SEP-2663, "Task Status Notifications"), so
somebody has to be asked for them first. Each is told at the beginning too: what happened before
the client could listen is not missed. A task that cannot be asked for stays due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, cast

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INVALID_REQUEST, invalid_params
from fastmcp.protocol.jsonrpc import RequestId, as_object, encode_notification
from fastmcp.protocol.meta import SUBSCRIPTION_ID
from fastmcp.protocol.tasks import FINISHED

__all__ = [
    "ACKNOWLEDGED",
    "KINDS",
    "LISTEN",
    "LIST_FIELDS",
    "LONGEST_URI",
    "MOST_URIS",
    "PROMPTS_CHANGED",
    "RESOURCES_CHANGED",
    "RESOURCE_UPDATED",
    "TOOLS_CHANGED",
    "URIS",
    "Event",
    "Kind",
    "Look",
    "Subscription",
    "read",
]

LISTEN: Final = "subscriptions/listen"
ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"

# In the handshake era these are told unasked, or after `resources/subscribe`.
TOOLS_CHANGED: Final = "notifications/tools/list_changed"
PROMPTS_CHANGED: Final = "notifications/prompts/list_changed"
RESOURCES_CHANGED: Final = "notifications/resources/list_changed"
RESOURCE_UPDATED: Final = "notifications/resources/updated"

MOST_URIS: Final = 1000
LONGEST_URI: Final = 4096
"""What is kept for a client that subscribes to resources, in either era."""
_MOST_TASKS: Final = 100
"""Each costs a question to the worker that runs it."""
_LONGEST_ID: Final = 256

Event: TypeAlias = tuple[str, Mapping[str, Any] | None]
"""A notification that a client may want: its method and its params."""

Look: TypeAlias = Callable[[str], Awaitable[dict[str, Any] | None]]
"""How the task with an id is now, JSON-ready; None where there is none. It raises McpError where
that cannot be known now."""


class Kind(NamedTuple):
    """What can be listened to.

    Attributes:
        field: the member of the filter.
        method: the notification.
        key: the member of its params that the filter lists; None where the filter says true.
        most: how many it may list.
    """

    field: str
    method: str
    key: str | None = None
    most: int = MOST_URIS


_TASKS: Final = Kind("taskIds", "notifications/tasks", "taskId", _MOST_TASKS)

LIST_FIELDS: Final = {
    TOOLS_CHANGED: "toolsListChanged",
    PROMPTS_CHANGED: "promptsListChanged",
    RESOURCES_CHANGED: "resourcesListChanged",
}
"""The member of the filter that asks for word of a list."""
URIS: Final = "resourceSubscriptions"
"""And the one that names resources."""

KINDS: Final = (
    *(Kind(field, method) for method, field in LIST_FIELDS.items()),
    Kind(URIS, RESOURCE_UPDATED, "uri"),
    _TASKS,
)
"""The members of `SubscriptionFilter`, and that of the tasks extension."""

_Listed: TypeAlias = "dict[str, None]"
"""What a filter lists, without what it lists twice, in its order."""


class Subscription:
    """One `subscriptions/listen` request.

    Args:
        id: of the request.
        wanted: the kinds that are honored, with what is listed.

    Attributes:
        audience: who listens; what concerns somebody else is not an event here.
    """

    def __init__(self, id: RequestId, wanted: Mapping[Kind, _Listed | None]) -> None:
        self.id = id
        self.audience = ""
        self._tasks = wanted.get(_TASKS) or {}
        self._wanted = {
            kind.method: (kind, listed) for kind, listed in wanted.items() if kind is not _TASKS
        }
        self._muted: set[str] = set()
        self._look: Look | None = None
        self._due: _Listed = {}
        self._blind = False
        self._told: dict[str, int] = {}

    @property
    def tasks(self) -> list[str]:
        """The ids of the tasks it names. None is honored before `watch`."""
        return list(self._tasks)

    @property
    def uris(self) -> list[str]:
        """The resources it names, without those it hears nothing of."""
        return [
            uri
            for kind, listed in self._wanted.values()
            if kind.key == "uri"
            for uri in listed or ()
            if uri not in self._muted
        ]

    def mute(self, uri: str) -> None:
        """Say nothing of a resource, as if it were not there: it is agreed on as any other."""
        self._muted.add(uri)

    @property
    def late(self) -> bool:
        """Whether a task could not be told; `messages` tries again, even without events."""
        return bool(self._due)

    def watch(self, ids: Iterable[str], look: Look) -> None:
        """Hear of these tasks, and of no others.

        Args:
            ids: those that are its client's own.
            look: finds out how one is.
        """
        self._tasks = dict.fromkeys(ids)
        self._due = dict(self._tasks)
        self._look = look
        if self._tasks:
            self._wanted[_TASKS.method] = (_TASKS, self._tasks)

    @property
    def honored(self) -> dict[str, Any]:
        """The filter that is agreed on."""
        return {
            kind.field: True if listed is None else list(listed)
            for kind, listed in self._wanted.values()
        }

    def acknowledgement(self) -> bytes:
        """The first message of all."""
        return self._stamp(ACKNOWLEDGED, {"notifications": self.honored})

    def messages(self, events: Iterable[Event] | None) -> Iterator[bytes | Awaitable[bytes]]:
        """What the client is sent; what has to be awaited may turn out to be nothing.

        Args:
            events: what happened, or None where some of it is not known: then the client is told
                to look at everything it listens to.
        """
        if self._due:
            self._blind = False
            due, self._due = self._due, {}
            yield from map(self._task, due)
        for method, params in self._everything() if events is None else events:
            if not self._wants(method, params):
                continue
            if method == _TASKS.method and params is not None:
                yield self._task(params["taskId"])
            else:
                yield self._stamp(method, params)

    def result(self) -> dict[str, Any]:
        """What the request is answered with when the server ends it ("Graceful Closure")."""
        return {"_meta": {SUBSCRIPTION_ID: self.id}}

    def _wants(self, method: str, params: Mapping[str, Any] | None) -> bool:
        wanted = self._wanted.get(method)
        if wanted is None:
            return False
        kind, listed = wanted
        if kind.key is None or listed is None:
            return True
        named = (params or {}).get(kind.key)
        return named in listed and named not in self._muted

    def _everything(self) -> Iterator[Event]:
        for kind, listed in self._wanted.values():
            if kind.key is None or listed is None:
                yield kind.method, None
            else:
                for name in list(listed):  # a task that is over leaves it
                    yield kind.method, {kind.key: name}

    async def _task(self, id: str) -> bytes:
        """The notification about a task as it is now; nothing where that was told already."""
        if id not in self._tasks or self._look is None:
            return b""
        task = None
        try:
            if not self._blind:
                task = await self._look(id)
        except McpError:
            self._blind = True  # the others would wait as long
        if self._blind:
            self._due[id] = None
            return b""
        if task is None or task["status"] in FINISHED:
            del self._tasks[id]
        if task is None:
            return b""
        message = self._stamp(_TASKS.method, task)
        # Several changes may lie between two looks, and several workers may tell of one.
        told, self._told[id] = self._told.get(id), hash(message)
        return b"" if told == hash(message) else message

    def _stamp(self, method: str, params: Mapping[str, Any] | None) -> bytes:
        given = params or {}
        said = as_object(given.get("_meta")) or {}
        return encode_notification(method, {**given, "_meta": {**said, SUBSCRIPTION_ID: self.id}})


def read(id: RequestId, params: Mapping[str, Any], kinds: Iterable[Kind] = KINDS) -> Subscription:
    """Read the params of the request.

    Args:
        id: of the request.
        params: its params.
        kinds: what this server can tell. Other members of the filter are not honored.
    Raises:
        McpError: the filter is malformed, or too large, and so may the id be.
    """
    if isinstance(id, str) and len(id) > _LONGEST_ID:
        raise McpError(
            INVALID_REQUEST,
            "Invalid request: the id of a subscription stands in all its messages, so it may have "
            f"{_LONGEST_ID} characters",
        )
    given = as_object(params.get("notifications"))
    if given is None:
        raise invalid_params(
            "Invalid params: notifications must be an object, the filter that names what to "
            "listen to"
        )
    wanted: dict[Kind, _Listed | None] = {}
    for kind in kinds:
        value = given.get(kind.field)
        if kind.key is not None:
            listed = _listed(kind, value)
            if listed:
                wanted[kind] = listed
        elif value is True:
            wanted[kind] = None
        elif value is not None and value is not False:
            raise invalid_params(f"Invalid params: notifications.{kind.field} must be a boolean")
    return Subscription(id, wanted)


def _listed(kind: Kind, value: object) -> _Listed:
    if value is None:
        return {}
    listed = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(item, str) for item in listed):
        raise invalid_params(
            f"Invalid params: notifications.{kind.field} must be a list of strings"
        )
    names = cast("list[str]", listed)
    if len(names) > kind.most or any(len(name) > LONGEST_URI for name in names):
        raise invalid_params(
            f"Invalid params: notifications.{kind.field} may list {kind.most} names, of at most "
            f"{LONGEST_URI} characters"
        )
    return dict.fromkeys(names)
