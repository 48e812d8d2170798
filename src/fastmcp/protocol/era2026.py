"""The stateless era's shape of results: what every one of them carries.

Source: specification 2026-07-28, basic/index, "ResultType" and "_meta", and
server/utilities/caching.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec

from fastmcp.protocol.meta import SERVER_INFO
from fastmcp.protocol.versions import STATELESS_VERSIONS

__all__ = ["COMPLETE", "CacheHint", "CacheScope", "cache_members", "complete", "discover_result"]

CacheScope: TypeAlias = Literal["public", "private"]
COMPLETE: Final = "complete"
"""The `resultType` of a result that holds everything."""


class CacheHint(msgspec.Struct, frozen=True):
    """How long a result may be considered fresh, and by whom it may be shared.

    Attributes:
        ttl_ms: milliseconds; 0 means stale at once.
        scope: "private" unless an author says that all callers see the same.
    """

    ttl_ms: int = 0
    scope: CacheScope = "private"


def cache_members(ttl: float | None, scope: CacheScope | None) -> dict[str, Any]:
    """The members of a result that say how it may be cached; what is None, the server's say.

    Args:
        ttl: seconds it stays fresh.
        scope: who may share it.
    Raises:
        ValueError: a time below zero or without end, or no such scope.
    """
    members: dict[str, Any] = {}
    if ttl is not None:
        if not 0 <= ttl < math.inf:
            raise ValueError(f"cache_ttl must be a number of seconds, 0 or more; it is {ttl!r}")
        members["ttlMs"] = round(ttl * 1000)
    if scope is not None:
        if scope not in ("public", "private"):
            raise ValueError(f'cache_scope must be "public" or "private"; it is {scope!r}')
        members["cacheScope"] = scope
    return members


def complete(
    result: dict[str, Any], server_info: dict[str, Any], hint: CacheHint | None
) -> dict[str, Any]:
    """Stamp a result: its type, who made it and, where it may be cached, for how long.

    Args:
        result: is changed in place; the handler made it for this answer alone.
        server_info: the server's `Implementation`.
        hint: for cacheable methods, else None.
    """
    result.setdefault("resultType", COMPLETE)
    own_meta = result.get("_meta")
    if own_meta is None:
        result["_meta"] = {SERVER_INFO: server_info}
    elif SERVER_INFO not in own_meta:
        result["_meta"] = {**cast("dict[str, Any]", own_meta), SERVER_INFO: server_info}
    if hint is not None and result["resultType"] == COMPLETE:
        result.setdefault("ttlMs", hint.ttl_ms)
        result.setdefault("cacheScope", hint.scope)
    return result


def discover_result(capabilities: dict[str, Any], instructions: str | None) -> dict[str, Any]:
    """The result of `server/discover` (server/discover, "Response").

    Only stateless versions are listed: a client uses one of them in the requests that follow,
    and a handshake version cannot be used that way.
    """
    result: dict[str, Any] = {
        "supportedVersions": list(STATELESS_VERSIONS),
        "capabilities": capabilities,
    }
    if instructions is not None:
        result["instructions"] = instructions
    return result
