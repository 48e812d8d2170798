"""The tasks extension: its names, and the shape of a task on the wire.

A server may answer `tools/call` with a task instead of a result, where the client declared in
that very request that it knows tasks; the client then looks after the task with `tasks/get`
(SEP-2663, which is the specification of `io.modelcontextprotocol/tasks`; 2026-07-28 alone).
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import MISSING_CLIENT_CAPABILITY, invalid_params

__all__ = [
    "FINISHED",
    "TASKS_EXTENSION",
    "TaskState",
    "TaskStatus",
    "tasks_required",
    "unknown_task",
]

TASKS_EXTENSION: Final = "io.modelcontextprotocol/tasks"

TaskStatus: TypeAlias = Literal["working", "input_required", "completed", "failed", "cancelled"]

FINISHED: Final = frozenset({"completed", "failed", "cancelled"})
"""The statuses that a task never leaves."""


class TaskState(msgspec.Struct, rename="camel", omit_defaults=True):
    """One task as `tasks/get` and `notifications/tasks` show it (`DetailedTask`).

    Attributes:
        task_id: what the client knows it by.
        status: "working", "input_required", "completed", "failed" or "cancelled".
        created_at: ISO 8601.
        last_updated_at: ISO 8601.
        ttl_ms: milliseconds after `created_at` until it may be forgotten.
        poll_interval_ms: the advised pause between two looks.
        status_message: a line for a person.
        input_requests: what is asked and not answered, by key, while input is required.
        result: what the call gave, once completed.
        error: the JSON-RPC error it ended with, once failed.
    """

    task_id: str
    status: TaskStatus
    created_at: str
    last_updated_at: str
    ttl_ms: int
    poll_interval_ms: int
    status_message: str | UnsetType = UNSET
    input_requests: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET

    def to_wire(self) -> dict[str, Any]:
        """The JSON-ready members, in a dict of the caller's own."""
        return msgspec.json.decode(msgspec.json.encode(self))

    def created(self) -> dict[str, Any]:
        """The result that stands in for that of the call (`CreateTaskResult`)."""
        return {"resultType": "task", **self.to_wire()}


def tasks_required() -> McpError:
    """The client did not declare the extension, and the request cannot be served without it."""
    return McpError(
        MISSING_CLIENT_CAPABILITY,
        f"The client must know tasks: this request needs the extension {TASKS_EXTENSION} of "
        "2026-07-28 in its clientCapabilities",
        {"requiredCapabilities": {"extensions": {TASKS_EXTENSION: {}}}},
    )


def unknown_task() -> McpError:
    """No task of this principal has that id."""
    return invalid_params(
        "Invalid params: no such task; it may have expired, or the server that ran it has ended"
    )
