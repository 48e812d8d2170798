"""What a client may send to a server: one row per method, and absence is the gate.

A method that has no row in an era does not exist there and is answered with -32601; nothing
else in the code asks which era allows what. Sources: the schema's `ClientRequest` and
`ClientNotification` of every revision; 2026-07-28 changelog for what was removed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from fastmcp.protocol.versions import Era

__all__ = ["HANDSHAKE_METHODS", "METHODS", "NOTIFICATIONS", "STATELESS_METHODS", "Row"]

_HANDSHAKE: Final = frozenset({Era.HANDSHAKE})
_STATELESS: Final = frozenset({Era.STATELESS})
_BOTH: Final = frozenset({Era.HANDSHAKE, Era.STATELESS})


class Row(NamedTuple):
    """One request method.

    Attributes:
        eras: where it exists.
        name_field: the member of `params` that `Mcp-Name` mirrors, or None.
        cacheable: whether its result carries `ttlMs` and `cacheScope` (server/utilities/caching).
        may_ask: whether it may be answered with `input_required` (basic/patterns/mrtr).
        hook: the middleware hook an author may write for it, or None.
        repeatable: whether a client that does not know what became of it may send it again.
    """

    eras: frozenset[Era]
    name_field: str | None = None
    cacheable: bool = False
    may_ask: bool = False
    hook: str | None = None
    repeatable: bool = True


METHODS: Final[dict[str, Row]] = {
    "initialize": Row(_HANDSHAKE, hook="on_initialize"),
    "ping": Row(_HANDSHAKE),
    "logging/setLevel": Row(_HANDSHAKE),
    "resources/subscribe": Row(_HANDSHAKE),
    "resources/unsubscribe": Row(_HANDSHAKE),
    "server/discover": Row(_STATELESS, cacheable=True, hook="on_discover"),
    "tools/list": Row(_BOTH, cacheable=True, hook="on_list_tools"),
    "tools/call": Row(
        _BOTH, name_field="name", may_ask=True, hook="on_call_tool", repeatable=False
    ),
    "resources/list": Row(_BOTH, cacheable=True, hook="on_list_resources"),
    "resources/templates/list": Row(_BOTH, cacheable=True, hook="on_list_resource_templates"),
    "resources/read": Row(
        _BOTH, name_field="uri", cacheable=True, may_ask=True, hook="on_read_resource"
    ),
    "prompts/list": Row(_BOTH, cacheable=True, hook="on_list_prompts"),
    "prompts/get": Row(_BOTH, name_field="name", may_ask=True, hook="on_get_prompt"),
    "completion/complete": Row(_BOTH),
    "subscriptions/listen": Row(_STATELESS),
    # The tasks extension (protocol/tasks).
    "tasks/get": Row(_STATELESS, name_field="taskId"),
    "tasks/update": Row(_STATELESS, name_field="taskId", repeatable=False),
    "tasks/cancel": Row(_STATELESS, name_field="taskId"),
    # The extension io.modelcontextprotocol/skills; a server without skills has none of them.
    "skills/list": Row(_STATELESS, cacheable=True),
    "skills/get": Row(_STATELESS, cacheable=True),
    "resources/directory/read": Row(_STATELESS),
}

NOTIFICATIONS: Final[dict[str, frozenset[Era]]] = {
    "notifications/initialized": _HANDSHAKE,
    "notifications/cancelled": _BOTH,
    "notifications/progress": _HANDSHAKE,
    "notifications/roots/list_changed": _HANDSHAKE,
}


STATELESS_METHODS: Final = {name: row for name, row in METHODS.items() if Era.STATELESS in row.eras}
HANDSHAKE_METHODS: Final = {name: row for name, row in METHODS.items() if Era.HANDSHAKE in row.eras}
