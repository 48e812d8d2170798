"""tools/list and tools/call (server/tools)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import ValidationError as PydanticError

from fastmcp.exceptions import (
    DisabledError,
    FastMCPError,
    McpError,
    NotFoundError,
    ToolError,
    URLElicitationRequiredError,
    ValidationError,
)
from fastmcp.protocol.classify import Call, Reject
from fastmcp.protocol.era2025 import suit_structure
from fastmcp.protocol.errors import MISSING_CLIENT_CAPABILITY, header_mismatch, invalid_params
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.protocol.param_headers import mismatch
from fastmcp.protocol.versions import Era
from fastmcp.server.checks import is_permitted
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.exchange import Detached
from fastmcp.server.features.families import TOOLS
from fastmcp.server.features.tasks import as_task
from fastmcp.server.middleware.middleware import MiddlewareContext
from fastmcp.server.wanted_version import meta_of, wanted_version
from fastmcp.settings import OnDisconnect
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities import mcp_types
from fastmcp.utilities.lazy import later
from fastmcp.utilities.spawning import ends_more_than_a_call

if TYPE_CHECKING:
    from fastmcp.server import elicitation
else:
    elicitation = later("fastmcp.server.elicitation")

__all__ = ["HANDLERS", "call", "components", "find", "headers_mismatch"]

_logger: Final = logging.getLogger("fastmcp.server.tools")


components = TOOLS.components
find = TOOLS.find


async def _call(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Serve tools/call.

    What the model can mend (a bad argument, the tool's own error) is a result with `isError`, so
    that the model reads it (server/tools, "Error Handling"); what only the client's program can
    mend is a JSON-RPC error. An unknown tool is of the second kind by every revision; clients of
    FastMCP know it as the first, so the handshake era keeps that, and the stateless era, which no
    program knew before, follows its text.
    """
    name = params.get("name")
    arguments: dict[str, Any] | None = params.get("arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(name, str):
        raise invalid_params("Invalid params: name must be a string")
    if type(arguments) is not dict:
        raise invalid_params("Invalid params: arguments must be an object")
    meta = context.call.meta
    version = wanted_version(meta) if meta else None
    view = engine.view(context)
    # Middleware may call another tool than the client named: it is looked for behind them.
    ahead = view.offers_tasks or not engine.middleware
    tool = view.tools.find(name, version) if ahead else None
    if view.offers_tasks and tool is not None:
        seen = tool.auth is None or await is_permitted(context, tool)
        task = await as_task(engine, context, tool) if seen else None
        if task is not None:
            return task
    try:
        if engine.middleware:
            result = await _through(engine, context, name, arguments, version)
        else:
            result = await _run(engine, context, name, arguments, version, tool)
    except McpError:
        raise  # middleware speaks JSON-RPC; a tool's own McpError was folded before it came here
    except NotFoundError:
        if context.call.era is Era.STATELESS:
            raise invalid_params(f"Unknown tool: {name!r}") from None
        return _error(f"Unknown tool: {name!r}", context)
    except FastMCPError as exc:
        return _error(str(exc), context, exc)
    except Exception as exc:
        _logger.exception("Error calling tool %r", name)
        return _error(_told(engine, name, exc), context, exc)
    wire = result.to_wire()
    if result.bare and context.call.era is Era.HANDSHAKE:
        wire = suit_structure(wire)
    return wire


async def call(
    engine: Engine,
    context: Context,
    name: str,
    arguments: dict[str, Any],
    version: str | None = None,
    run_middleware: bool = True,
) -> ToolResult:
    """Call a tool through the middleware.

    Raises:
        NotFoundError: no such tool, or it is disabled.
        ToolError: the tool failed.
        ValidationError: the arguments do not fit.
    """
    if engine.middleware and run_middleware:
        return await _through(engine, context, name, arguments, version)
    tool = engine.view(context).tools.find(name, version)
    return await _run(engine, context, name, arguments, version, tool)


class _Said(msgspec.Struct):
    """A call as it came; its model costs a tenth of a call, and few middlewares look at it."""

    name: str
    arguments: dict[str, Any]
    meta: Any

    def model(self) -> Any:
        return mcp_types.CallToolRequestParams(
            name=self.name, arguments=self.arguments, _meta=self.meta
        )


def _through(
    engine: Engine, context: Context, name: str, arguments: dict[str, Any], version: str | None
) -> Awaitable[ToolResult]:
    chain = engine.chain("tools/call", "on_call_tool", _call_message)
    said = _Said(name, arguments, meta_of(version))
    return chain(MiddlewareContext.of(said, context, "tools/call"))


def _call_message(engine: Engine, context: Context, message: Any) -> Awaitable[ToolResult]:
    name, version = message.name, wanted_version(message.meta)
    tool = engine.view(context).tools.find(name, version)
    return _run(engine, context, name, message.arguments or {}, version, tool)


async def _run(
    engine: Engine,
    context: Context,
    name: str,
    arguments: dict[str, Any],
    version: str | None,
    tool: Tool | None,
) -> ToolResult:
    """Run a tool, or one that is found elsewhere than among the server's own.

    Args:
        tool: the server's own of that name and version, if there is one.
    """
    if tool is None or tool.auth is not None:
        tool = await find(engine, context, name, version)
    if tool is None:
        raise NotFoundError(f"Unknown tool: {name!r}")
    if tool.on_disconnect is not None:
        _leave_it_to(tool.on_disconnect, context)
    if context.again is None:  # if tools call tools, the outermost is what a client calls again
        hints = tool.annotations
        context.again = hints is not None and bool(hints.read_only_hint or hints.idempotent_hint)
    try:
        if tool.OWN_CHECKS:
            return await tool.run(arguments)
        return await tool.run_checked(arguments)
    except ValidationError as exc:
        _logger.warning("Invalid arguments for tool %r%s", name, _kinds(exc.__cause__))
        raise
    except (NotFoundError, DisabledError):
        raise
    except URLElicitationRequiredError as exc:
        raise elicitation.url_required(exc, context.asker) from exc
    except McpError as exc:
        if exc.code == MISSING_CLIENT_CAPABILITY or tool.SPEAKS_FOR_ITSELF:
            raise
        raise ToolError(_told(engine, name, exc)) from exc
    except FastMCPError as exc:
        _logger.log(exc.log_level, "Error calling tool %r", name)
        raise exc if isinstance(exc, ToolError) else ToolError(str(exc)) from exc
    except Exception as exc:
        _logger.exception("Error calling tool %r", name)
        raise ToolError(_told(engine, name, exc)) from exc
    except BaseException as exc:
        if ends_more_than_a_call(exc):
            raise
        # `exit()` in an author's function, or a panic, ends the call and not the server.
        _logger.error("Error calling tool %r: it raised %r", name, exc)
        raise ToolError(_told(engine, name, RuntimeError(f"it raised {exc!r}"))) from exc


async def headers_mismatch(
    engine: Engine, call: Call, headers: Mapping[bytes, bytes], scope: MutableMapping[str, Any]
) -> Reject | None:
    """What is wrong with the `Mcp-Param-*` headers of a call of a tool that has them.

    It is the request as it came that is judged, before any middleware: the headers mirror that.
    """
    name, version = call.params["name"], wanted_version(call.meta)
    tool = engine.registry.view.tools.find(name, version)
    if tool is None or tool.auth is not None:
        # A provider may look for it on the caller's behalf; one that fails says so when the tool
        # is called.
        with suppress(Exception):
            async with Context(engine.facade, call, Detached(None, scope)) as context:
                tool = await find(engine, context, name, version)
    if tool is None or not tool.param_headers:
        return None
    arguments = as_object(call.params.get("arguments")) or {}
    problem = mismatch(arguments, tool.param_headers, headers)
    return None if problem is None else Reject(400, header_mismatch(problem), call.id)


def _leave_it_to(on_disconnect: OnDisconnect, context: Context) -> None:
    """From now on the tool's own policy says what a client that leaves means.

    Not in the stateless era, where leaving is how a client cancels (2026-07-28,
    streamable-http, "Cancellation"). If tools call tools, the outermost that says it counts.
    """
    exchange = context.exchange
    if context.call.era is Era.HANDSHAKE and exchange.on_disconnect is None:
        exchange.on_disconnect = on_disconnect


def _kinds(error: BaseException | None) -> str:
    """The kinds of pydantic's complaints; their texts quote what the client sent."""
    if not isinstance(error, PydanticError):
        return ""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return ": " + ", ".join(sorted({detail["type"] for detail in details}))


def _told(engine: Engine, name: str, exc: Exception) -> str:
    if engine.mask_error_details:
        return f"Error calling tool {name!r}"
    return f"Error calling tool {name!r}: {exc}"


def _error(text: str, context: Context, exc: Exception | None = None) -> dict[str, Any]:
    if exc is not None and context.exchange.span is not None:
        context.exchange.span.record(exc)
    return {"content": [{"type": "text", "text": text}], "isError": True}


HANDLERS: Final[dict[str, Handler]] = {"tools/list": TOOLS.page, "tools/call": _call}
