"""Through which servers something has come that each stand in front of the next.

Two servers that stand in front of each other would hand on a request, or word of a change, for
ever. The protocol has no name for it; among proxies of HTTP it is `Via` (RFC 9110, 7.6.3) and
`CDN-Loop` (RFC 8586). So each says it: to the server behind as an experimental capability, which
goes with every connection in either era, and to its clients in the `_meta` of a notification.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

from fastmcp.protocol.jsonrpc import as_object

__all__ = ["MOST", "Passage", "passage", "say"]

_MEMBER: Final = "fastmcp/passage"
MOST: Final = 16
"""Servers in a row that are believed to be meant."""

Passage: TypeAlias = tuple[str, ...]
"""The names that they gave themselves, which nobody else has; the last one stands last."""


def passage(members: Mapping[str, Any] | None) -> Passage:
    """What these members say of it; nothing where they do not say it as it should be."""
    said = as_object(None if members is None else members.get(_MEMBER)) or {}
    found = said.get("servers")
    names = cast("list[Any]", found) if isinstance(found, list) else []
    return tuple(name[:32] for name in names[: MOST + 1] if isinstance(name, str))


def say(servers: Passage) -> dict[str, Any]:
    """The member that says it."""
    return {_MEMBER: {"servers": servers}}
