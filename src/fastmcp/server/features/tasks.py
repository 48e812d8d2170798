"""Tasks: the answer to a call that is one, and tasks/get, tasks/update, tasks/cancel (SEP-2663)."""

from __future__ import annotations

from typing import Any, Final

from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.subscriptions import Subscription
from fastmcp.protocol.tasks import TASKS_EXTENSION, tasks_required, unknown_task
from fastmcp.protocol.versions import Era
from fastmcp.server.access import owner_of
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.input_required import opened
from fastmcp.tools.base import Tool
from fastmcp.utilities import mcp_types

__all__ = ["HANDLERS", "as_task", "watch"]


async def as_task(engine: Engine, context: Context, tool: Tool) -> dict[str, Any] | None:
    """Begin a task for a call; the answer, or None where the call is answered by its result.

    The server decides, by what the tool says; a client that did not declare the extension in this
    very request is never given a task ("Capability Negotiation").

    Raises:
        McpError: the tool runs as a task only, or there are too many.
    """
    config = tool.task_config
    if context.exchange.task_id is not None or not config.supports_tasks():
        return None
    if not _declared(context):
        if config.mode == "required":
            raise tasks_required()
        return None
    return await engine.tasks.begin(
        opened(context), context.exchange, _owner(context), config.poll_interval_ms
    )


async def watch(engine: Engine, context: Context, subscription: Subscription) -> None:
    """Let a subscription hear of those of its tasks that its client may look after. From now on
    their changes are published (`TaskChanged`).

    Raises:
        McpError: the client did not declare the extension ("Task Status Notifications"), or a
            worker cannot be reached now.
    """
    _check_declared(context)
    owner = _owner(context)

    async def look(id: str) -> dict[str, Any] | None:
        state = await engine.tasks.find(id, owner)
        return None if state is None else state.to_wire()

    own = [id for id in subscription.tasks if await engine.tasks.watch(id, owner)]
    subscription.watch(own, look)


async def _get(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    state = await engine.tasks.find(_task_id(context, params), _owner(context))
    if state is None:
        raise unknown_task()
    return state.to_wire()


async def _update(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    id = _task_id(context, params)
    responses = as_object(params.get("inputResponses"))
    if responses is None:
        raise invalid_params("Invalid params: inputResponses must be an object")
    await mcp_types.load()
    if not await engine.tasks.answer(id, _owner(context), responses):
        raise unknown_task()
    return {}


async def _cancel(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    if not await engine.tasks.cancel(_task_id(context, params), _owner(context)):
        raise unknown_task()
    return {}


def _task_id(context: Context, params: dict[str, Any]) -> str:
    _check_declared(context)
    id = params.get("taskId")
    if not isinstance(id, str):
        raise invalid_params("Invalid params: taskId must be a string")
    return id


def _declared(context: Context) -> bool:
    """Whether this request says that its client knows tasks. No handshake-era request can
    ("Backward Compatibility")."""
    return context.call.era is Era.STATELESS and context.client_supports_extension(TASKS_EXTENSION)


def _check_declared(context: Context) -> None:
    if not _declared(context):
        raise tasks_required()


def _owner(context: Context) -> str:
    scope = context.exchange.scope
    return "" if scope is None else owner_of(scope)


HANDLERS: Final[dict[str, Handler]] = {
    "tasks/get": _get,
    "tasks/update": _update,
    "tasks/cancel": _cancel,
}
