"""Messages as they should be: of every version, from what is published with it.

The examples of the specification are of the newest version. What a client says in the others is
the same message without what only the newest asks for, and with the methods of its own.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.support.schema import SPEC, methods

HANDSHAKE = ("2025-03-26", "2025-06-18", "2025-11-25")
STATELESS = "2026-07-28"
META = "io.modelcontextprotocol/"

_FOLDER = SPEC / "examples-2026-07-28"

PLAIN: dict[str, dict[str, Any]] = {
    "initialize": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}, "sampling": {}, "roots": {"listChanged": True}},
        "clientInfo": {"name": "fuzz", "version": "1"},
    },
    "tools/call": {"name": "greet", "arguments": {"name": "Ada", "times": 2}},
    "resources/read": {"uri": "data://users/ada?tags=a"},
    "resources/subscribe": {"uri": "data://greeting"},
    "resources/unsubscribe": {"uri": "data://greeting"},
    "prompts/get": {"name": "letter", "arguments": {"to": "Ada"}},
    "logging/setLevel": {"level": "info"},
    "tools/list": {"cursor": "MS8x"},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "letter"},
        "argument": {"name": "to", "value": "o"},
        "context": {"arguments": {"a": "b"}},
    },
    "subscriptions/listen": {
        "notifications": {
            "toolsListChanged": True,
            "resourceSubscriptions": ["data://greeting"],
            "taskIds": ["a"],
        }
    },
    "tasks/get": {"taskId": "a.b"},
    "tasks/cancel": {"taskId": "a.b"},
    "tasks/update": {"taskId": "a.b", "inputResponses": {"a": {"action": "accept"}}},
    "skills/get": {"uri": "skill://pdf-processing/SKILL.md"},
    "resources/directory/read": {"uri": "skill://pdf-processing"},
    "notifications/cancelled": {"requestId": 1, "reason": "enough"},
    "notifications/progress": {"progressToken": 1, "progress": 0.5, "total": 1, "message": "half"},
}
"""Params with which a method gives a result; of others they may be empty."""


@cache
def examples(*names: str) -> tuple[Any, ...]:
    """The published examples of these definitions; of all, where none is named."""
    folders = [_FOLDER / name for name in names] or sorted(_FOLDER.iterdir())
    return tuple(
        json.loads(path.read_text()) for folder in folders for path in sorted(folder.glob("*.json"))
    )


def said(value: Any) -> bytes:
    """Its JSON text."""
    return json.dumps(value, separators=(",", ":")).encode()


def request(version: str, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A message of a client, as its version wants it."""
    filled = dict(PLAIN.get(method, {}) if params is None else params)
    if version == STATELESS:
        filled["_meta"] = {
            META + "protocolVersion": version,
            META + "clientInfo": {"name": "fuzz", "version": "1"},
            META + "clientCapabilities": {"elicitation": {}, "extensions": {META + "tasks": {}}},
            META + "logLevel": "debug",
            "progressToken": 1,
            "fastmcp": {"version": "1.0"},
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        }
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if not method.startswith("notifications/"):
        message["id"] = 7
    if filled:
        message["params"] = filled
    return message


@cache
def requests(version: str) -> tuple[dict[str, Any], ...]:
    """One of each that a client of this version may send."""
    known = {*methods(version, "ClientRequest"), *methods(version, "ClientNotification")}
    return tuple(request(version, method) for method in sorted(known))


@cache
def messages() -> tuple[bytes, ...]:
    """All of them, of every version, and what servers answer."""
    own = [said(one) for version in (*HANDSHAKE, STATELESS) for one in requests(version)]
    return (*dict.fromkeys(own), *(said(one) for one in examples() if "jsonrpc" in one))
