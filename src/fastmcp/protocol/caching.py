"""What a client may keep of a server's answers, for how long, and what makes it stale.

A result is known by its method and by what it is about: a resource, or a page of a listing.
`ttlMs` and `cacheScope` are hints from a stranger: whatever they hold besides a number of
milliseconds and the word `public` means the least.

Source: 2026-07-28, server/utilities/caching. The clock is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from fastmcp.protocol.era2026 import CacheHint
from fastmcp.protocol.methods import METHODS
from fastmcp.protocol.subscriptions import (
    PROMPTS_CHANGED,
    RESOURCE_UPDATED,
    RESOURCES_CHANGED,
    TOOLS_CHANGED,
)

__all__ = ["LONGEST_TTL_MS", "Place", "hint", "made_stale", "place", "readable", "told_by"]

LONGEST_TTL_MS: Final = 24 * 60 * 60 * 1000
"""Nothing is kept longer than a day, whatever a server says."""

_READS: Final = frozenset({"resources/read", "skills/get"})
"""Methods whose result belongs to one URI."""

_STALE: Final[dict[str, tuple[str, ...]]] = {
    TOOLS_CHANGED: ("tools/list",),
    PROMPTS_CHANGED: ("prompts/list",),
    # Templates stand for resources too, and a skill is made of them.
    RESOURCES_CHANGED: (
        "resources/list",
        "resources/templates/list",
        "skills/list",
    ),
    RESOURCE_UPDATED: ("resources/read", "skills/get"),
}


class Place(NamedTuple):
    """Where a result is kept.

    Attributes:
        method: of the request.
        subject: the URI it is about; "" for a listing.
        cursor: of a listing's page, "" for the first.
    """

    method: str
    subject: str = ""
    cursor: str = ""


def place(method: str, params: Mapping[str, Any]) -> Place | None:
    """The place of the answer to a request; None where none may be kept.

    A request that says more than a cursor or a URI, in `_meta` above all, may be answered by what
    it says, so it always reaches the server.
    """
    row = METHODS.get(method)
    if row is None or not row.cacheable or method == "server/discover":
        return None
    name = "uri" if method in _READS else "cursor"
    given = params.get(name, "")
    if params.keys() - {name} or not isinstance(given, str):
        return None
    return Place(method, given) if method in _READS else Place(method, "", given)


def hint(result: Mapping[str, Any], default_ttl_ms: int = 0) -> CacheHint:
    """What a result says of itself, as far as it can be believed.

    Args:
        result: of a cacheable method.
        default_ttl_ms: for a result that says nothing.
    """
    ttl = result.get("ttlMs", default_ttl_ms)
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0 <= ttl < math.inf:
        ttl = 0
    public = result.get("cacheScope") == "public"
    return CacheHint(int(min(ttl, LONGEST_TTL_MS)), "public" if public else "private")


def readable(result: dict[str, Any]) -> dict[str, Any]:
    """A result whose hints the protocol's models accept; a server of the handshake era sends
    none, and a strange one must not make its whole answer unreadable."""
    given = hint(result)
    return {**result, "ttlMs": given.ttl_ms, "cacheScope": given.scope}


def made_stale(method: str, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The methods and subjects whose kept answers a notification makes stale."""
    subject = params.get("uri", "") if method == RESOURCE_UPDATED else ""
    return [(kept, subject) for kept in _STALE.get(method, ()) if isinstance(subject, str)]


def told_by(method: str) -> list[str]:
    """The notifications that say of all answers to a method that they are stale."""
    return [told for told, kept in _STALE.items() if method in kept and told != RESOURCE_UPDATED]
