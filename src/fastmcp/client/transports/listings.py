"""What several servers list, as one list, and where each of its items is.

Every listing enters what it found into a catalog, so that a name the client has seen is known
exactly. A name it has not seen is taken apart; only where that leaves a choice are servers asked.
A server that is away, slow or broken leaves the others' items where they are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic import AnyUrl, ValidationError

from fastmcp.client.routing import Catalog, Names, Place
from fastmcp.client.session import ClientSession
from fastmcp.client.transports.upstream import Upstream, all_of
from fastmcp.exceptions import McpError
from fastmcp.protocol.caching import hint
from fastmcp.protocol.era2026 import CacheHint
from fastmcp.protocol.errors import METHOD_NOT_FOUND, invalid_params
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.subscriptions import PROMPTS_CHANGED, RESOURCES_CHANGED, TOOLS_CHANGED

__all__ = ["LISTS", "LIST_CHANGED", "Listings", "as_object_list"]

logger = logging.getLogger("fastmcp.client")

_LIST_SECONDS: Final = 30.0
"""How long one server may keep the list of all waiting."""
_MOST_PAGES: Final = 250


class _List(NamedTuple):
    """One kind of component: the member of the result, what names it, and the capability."""

    member: str
    key: str
    capability: str


LISTS: Final = {
    "tools/list": _List("tools", "name", "tools"),
    "prompts/list": _List("prompts", "name", "prompts"),
    "resources/list": _List("resources", "uri", "resources"),
    "resources/templates/list": _List("resourceTemplates", "uriTemplate", "resources"),
}
LIST_CHANGED: Final = {
    TOOLS_CHANGED: ("tools/list",),
    PROMPTS_CHANGED: ("prompts/list",),
    RESOURCES_CHANGED: ("resources/list", "resources/templates/list"),
}


class _Listed(NamedTuple):
    """What one server lists, and what each page of it says of itself."""

    items: list[tuple[Place, dict[str, Any]]]
    hints: list[CacheHint]


class Listings:
    """The lists of all servers.

    Args:
        names: what things are called for the client.
        upstreams: the servers by name, in their order.
    """

    def __init__(self, names: Names, upstreams: Mapping[str, Upstream]) -> None:
        self._names = names
        self._upstreams = upstreams
        self._catalogs = {method: Catalog() for method in LISTS}
        self._warned: set[str] = set()

    def changed(self, server: str, notification: str) -> None:
        """A server says that a list is another now."""
        for method in LIST_CHANGED.get(notification, ()):
            self._catalogs[method].forget(server)

    async def all(self, method: str, stateless: bool) -> dict[str, Any]:
        """The list of all, in the order of the servers, in one page."""
        kind = LISTS[method]
        upstreams = list(self._upstreams.values())
        found = await self._of_these(upstreams, method)
        items: dict[str, dict[str, Any]] = {}
        hints: list[CacheHint] = []
        errors: list[BaseException] = []
        for upstream, one in zip(upstreams, found, strict=True):
            if isinstance(one, BaseException):
                errors.append(one)
                if upstream.why is None:  # if it is away, that was said
                    logger.warning("The server %r did not list: %s", upstream.name, one)
                continue
            hints += one.hints
            for place, item in one.items:
                public = self._public(method, place)
                if self._catalogs[method].get(public) == place:
                    items[public] = {**item, kind.key: public}
        if len(errors) == len(upstreams):
            raise errors[0]
        result: dict[str, Any] = {kind.member: list(items.values())}
        if stateless:
            ttl = min((each.ttl_ms for each in hints), default=0)
            public = all(each.scope == "public" for each in hints)
            result |= {
                "resultType": "complete",
                "ttlMs": 0 if errors else ttl,  # who is away may be back in a moment
                "cacheScope": "public" if public and hints else "private",
            }
        return result

    async def _of_these(
        self, upstreams: list[Upstream], method: str
    ) -> list[_Listed | BaseException]:
        """What each of some servers lists, entered into the catalog in their order."""
        found: list[_Listed | BaseException] = await all_of(
            [self.of(upstream, method) for upstream in upstreams]
        )
        catalog = self._catalogs[method]
        for upstream, one in zip(upstreams, found, strict=True):
            if not isinstance(one, BaseException):
                catalog.forget(upstream.name)
        for one in found:
            for place, _ in [] if isinstance(one, BaseException) else one.items:
                public = self._public(method, place)
                loser = catalog.take(public, place)
                if LISTS[method].key != "name":
                    catalog.take(_normal(public), place)
                if loser is not None and public not in self._warned:
                    self._warned.add(public)
                    logger.warning(
                        "%r is offered twice; that of the server %r is hidden", public, loser.server
                    )
        return found

    def _public(self, method: str, place: Place) -> str:
        by_name = LISTS[method].key == "name"
        return self._names.public(place) if by_name else self._names.public_uri(place)

    async def of(self, upstream: Upstream, method: str) -> _Listed:
        """What one server lists, and the hints of its answer."""
        kind = LISTS[method]
        session = await upstream.soon()
        able = upstream.capabilities()
        items: list[dict[str, Any]] = []
        hints = [CacheHint(0, "public")]
        if able is None or kind.capability in able:
            try:
                async with asyncio.timeout(_LIST_SECONDS):
                    items, hints = await self._pages(session, method)
            except McpError as exc:
                if exc.code != METHOD_NOT_FOUND:
                    raise
            except TimeoutError as exc:
                raise upstream.down(f"no list within {_LIST_SECONDS:g} seconds") from exc
        if method == "tools/list":
            items = self._tools(upstream, session, items)
        return _Listed(
            [
                (Place(upstream.name, item[kind.key]), item)
                for item in items
                if isinstance(item.get(kind.key), str) and upstream.reshaping.shows(item)
            ],
            hints,
        )

    async def _pages(
        self, session: ClientSession, method: str
    ) -> tuple[list[dict[str, Any]], list[CacheHint]]:
        items: list[dict[str, Any]] = []
        hints: list[CacheHint] = []
        seen: set[object] = set()
        cursor: object = None
        while True:
            params = {} if cursor is None else {"cursor": cursor}
            page = await session.request(method, params, timeout=0)
            items += as_object_list(page.get(LISTS[method].member))
            hints.append(hint(page))
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or cursor in seen:
                return items, hints
            seen.add(cursor)
            if len(seen) == _MOST_PAGES:
                logger.warning(
                    "%s of a server has no end; the first %d are taken", method, len(items)
                )
                return items, hints

    def _tools(
        self, upstream: Upstream, session: ClientSession, tools: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Tools as the client sees them; what their calls need to know is remembered."""
        shown: list[dict[str, Any]] = []
        for tool in tools:
            own = str(tool.get("name"))
            schema: Any = tool.get("inputSchema") or {}
            hints = as_object(tool.get("annotations")) or {}
            repeatable = bool(hints.get("readOnlyHint") or hints.get("idempotentHint"))
            if not session.learn_tool(own, schema, repeatable=repeatable):
                continue
            changed = upstream.reshaping.tool(tool)
            if changed is not None:
                shown.append(changed)
        return shown

    async def find(self, method: str, public: str) -> Place:
        """Where something is that the client names.

        Raises:
            McpError: nowhere.
        """
        catalog = self._catalogs[method]
        by_name = LISTS[method].key == "name"
        places = (self._names.places if by_name else self._names.uri_places)(public)
        place = catalog.get(public)
        if place is not None:
            return place
        free = [p for p in places if not self._upstreams[p.server].reshaping.filters]
        if len(places) == 1 and free:
            return free[0]
        if places:
            asked = [self._upstreams[place.server] for place in places]
            await self._of_these(asked, method)
            place = catalog.get(public)
            if place is not None:
                return place
            for upstream in asked:
                if upstream.why is not None:  # it may well be there
                    raise upstream.down(upstream.why)
            if free:
                return free[0]
        kind = LISTS[method].member.removesuffix("s")
        raise invalid_params(
            f"Unknown {kind}: {public!r}. The servers are {', '.join(map(repr, self._upstreams))}."
        )


def as_object_list(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON array."""
    if not isinstance(value, list):
        return []
    return [item for item in map(as_object, value) if item is not None]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  (JSON)


def _normal(uri: str) -> str:
    """A URI as the client in front writes it, which normalises what it is given."""
    try:
        return str(AnyUrl(uri))
    except ValidationError:
        return uri
