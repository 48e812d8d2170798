"""What a client listens to in the stateless era: the filter it sends, and what of it is honored.

`subscriptions/listen` names the kinds of notifications a client wants, and it is sent no other.
A kind is one row of a table: the member of the filter that asks for it, the notification it is,
and, where the filter lists what it wants to hear of, the member of the notification that must be
in that list. Everything on a subscription carries its id, which is that of the request.
Source: 2026-07-28, basic/patterns/subscriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, cast

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INVALID_REQUEST, invalid_params
from fastmcp.protocol.jsonrpc import RequestId, as_object, encode_notification
from fastmcp.protocol.meta import SUBSCRIPTION_ID

__all__ = ["KINDS", "LISTEN", "LONGEST_URI", "MOST_URIS", "Event", "Kind", "Subscription", "read"]

LISTEN: Final = "subscriptions/listen"

MOST_URIS: Final = 1000
LONGEST_URI: Final = 4096
"""What is kept for a client that subscribes to resources, in either era."""
_LONGEST_ID: Final = 256

Event: TypeAlias = tuple[str, Mapping[str, Any] | None]
"""A notification that a client may want: its method and its params."""


class Kind(NamedTuple):
    """What can be listened to.

    Attributes:
        field: the member of the filter.
        method: the notification.
        key: the member of its params that the filter lists; None where the filter says true.
    """

    field: str
    method: str
    key: str | None = None


KINDS: Final = (
    Kind("toolsListChanged", "notifications/tools/list_changed"),
    Kind("promptsListChanged", "notifications/prompts/list_changed"),
    Kind("resourcesListChanged", "notifications/resources/list_changed"),
    Kind("resourceSubscriptions", "notifications/resources/updated", "uri"),
)
"""The members of `SubscriptionFilter`."""

_Listed: TypeAlias = "dict[str, None]"
"""What a filter lists, without what it lists twice, in its order."""


class Subscription:
    """One `subscriptions/listen` request.

    Args:
        id: of the request.
        wanted: the kinds that are honored, with what is listed.
    """

    def __init__(self, id: RequestId, wanted: Mapping[Kind, _Listed | None]) -> None:
        self.id = id
        self._wanted = {kind.method: (kind, listed) for kind, listed in wanted.items()}

    @property
    def honored(self) -> dict[str, Any]:
        """The filter that is agreed on."""
        return {
            kind.field: True if listed is None else list(listed)
            for kind, listed in self._wanted.values()
        }

    def acknowledgement(self) -> bytes:
        """The first message of all."""
        return self._stamp(
            "notifications/subscriptions/acknowledged", {"notifications": self.honored}
        )

    def messages(self, events: Iterable[Event] | None) -> Iterator[bytes]:
        """What the client is sent.

        Args:
            events: what happened, or None where some of it is not known: then the client is told
                to look at everything it listens to.
        """
        for method, params in self._everything() if events is None else events:
            if self._wants(method, params):
                yield self._stamp(method, params)

    def result(self) -> dict[str, Any]:
        """What the request is answered with when the server ends it ("Graceful Closure")."""
        return {"_meta": {SUBSCRIPTION_ID: self.id}}

    def _wants(self, method: str, params: Mapping[str, Any] | None) -> bool:
        wanted = self._wanted.get(method)
        if wanted is None:
            return False
        kind, listed = wanted
        return kind.key is None or listed is None or (params or {}).get(kind.key) in listed

    def _everything(self) -> Iterator[Event]:
        for kind, listed in self._wanted.values():
            if kind.key is None or listed is None:
                yield kind.method, None
            else:
                for name in listed:
                    yield kind.method, {kind.key: name}

    def _stamp(self, method: str, params: Mapping[str, Any] | None) -> bytes:
        return encode_notification(method, {"_meta": {SUBSCRIPTION_ID: self.id}, **(params or {})})


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
            listed = _listed(kind.field, value)
            if listed:
                wanted[kind] = listed
        elif value is True:
            wanted[kind] = None
        elif value is not None and value is not False:
            raise invalid_params(f"Invalid params: notifications.{kind.field} must be a boolean")
    return Subscription(id, wanted)


def _listed(field: str, value: object) -> _Listed:
    if value is None:
        return {}
    listed = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(item, str) for item in listed):
        raise invalid_params(f"Invalid params: notifications.{field} must be a list of strings")
    names = cast("list[str]", listed)
    if len(names) > MOST_URIS or any(len(name) > LONGEST_URI for name in names):
        raise invalid_params(
            f"Invalid params: notifications.{field} may list {MOST_URIS} names, of at most "
            f"{LONGEST_URI} characters"
        )
    return dict.fromkeys(names)
