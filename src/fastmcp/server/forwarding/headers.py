"""Which headers of a request go on to the server behind, as FastMCP's users expect them to.

All but those that belong to one connection (RFC 9110, 7.6.1), to one hop of MCP, or to a browser's
trust in this server: cookies and `Origin`. One that is repeated goes on as one, with commas
(RFC 9110, 5.3). `Authorization` goes on where this server did not authenticate the
request itself. Where it did, the token was issued for this server, and handing it on is what the
specification forbids (2025-11-25, basic/security_best_practices, "Token Passthrough").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastmcp.server.access import owner_of
from fastmcp.server.context import Context

__all__ = ["forwarded_headers"]

_STAY: Final = frozenset(
    b"accept accept-encoding connection content-length content-type cookie expect host keep-alive"
    b" last-event-id origin proxy-authenticate proxy-authorization proxy-connection referer te"
    b" trailer transfer-encoding upgrade".split()
)


def forwarded_headers(context: Context) -> Mapping[str, str]:
    """The headers of a call's HTTP request that go on; none where there is no such request."""
    scope = context.exchange.scope
    if scope is None:
        return {}
    consumed = bool(owner_of(scope))
    headers: list[tuple[bytes, bytes]] = scope.get("headers", [])
    stay = _STAY.union(
        option.strip()
        for name, value in headers
        if name == b"connection"
        for option in value.lower().split(b",")
    )
    found: dict[str, str] = {}
    for raw_name, raw in headers:
        if raw_name in stay or raw_name.startswith((b"mcp-", b"sec-")):
            continue
        if consumed and raw_name == b"authorization":
            continue
        name, value = raw_name.decode("latin-1"), raw.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
