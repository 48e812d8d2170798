"""The client's calls: params out, models in. Each is one request of the protocol.

The session carries plain dicts; here they meet the models users hold (`mcp_types`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import mcp_types
import pydantic
from pydantic import AnyUrl

from fastmcp.client.progress import ProgressHandler
from fastmcp.client.results import CallToolResult, parse_data, raise_tool_error
from fastmcp.client.session import ClientSession
from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST
from fastmcp.protocol.jsonrpc import dump
from fastmcp.protocol.param_headers import mirror, param_headers
from fastmcp.protocol.versions import Era

__all__ = [
    "call_tool",
    "call_tool_mcp",
    "complete",
    "get_prompt",
    "list_page",
    "list_tools",
    "paginate",
    "read_resource",
]

logger = logging.getLogger("fastmcp.client")

M = TypeVar("M", bound=pydantic.BaseModel)
P = TypeVar("P", bound=mcp_types.PaginatedResult)
Item = TypeVar("Item")

# What the models demand of the stateless era and a server of the handshake era does not send.
_HINTS: Final[dict[str, Any]] = {"ttlMs": 0, "cacheScope": "private"}


def _read(model: type[M], method: str, result: dict[str, Any]) -> M:
    try:
        return model.model_validate(result)
    except pydantic.ValidationError as exc:
        raise McpError(
            INVALID_REQUEST, f"The server's answer to {method} does not fit the protocol: {exc}"
        ) from exc


def _meta(meta: dict[str, Any] | None, version: str | None) -> dict[str, Any] | None:
    """`_meta` of a request for one version of a component."""
    if version is None:
        return meta
    own = (meta or {}).get("fastmcp")
    return {**(meta or {}), "fastmcp": {**(own or {}), "version": version}}


async def list_page(
    session: ClientSession,
    method: str,
    model: type[P],
    cursor: str | None,
    timeout: float | None = None,
) -> P:
    """One page of a listing."""
    params = {} if cursor is None else {"cursor": cursor}
    result = await session.request(method, params, timeout=timeout)
    return _read(model, method, {**_HINTS, **result})


async def list_tools(
    session: ClientSession, cursor: str | None, timeout: float | None = None
) -> mcp_types.ListToolsResult:
    """One page of the tools; the session remembers their output schemas."""
    page = await list_page(session, "tools/list", mcp_types.ListToolsResult, cursor, timeout)
    if session.mirrors_headers:
        page.tools = [tool for tool in page.tools if _learn_headers(session, tool)]
    for tool in page.tools:
        session.output_schemas[tool.name] = tool.output_schema
        hints = tool.annotations
        if hints is not None and (hints.read_only_hint or hints.idempotent_hint):
            session.repeatable_tools.add(tool.name)
        else:
            session.repeatable_tools.discard(tool.name)
    return page


def _learn_headers(session: ClientSession, tool: mcp_types.Tool) -> bool:
    """Remember which arguments of a tool become headers; False for a tool that must be dropped."""
    try:
        headers = param_headers(tool.input_schema)
    except (ValueError, RecursionError) as exc:
        logger.warning("The server's tool %r is left out: %s", tool.name, exc)
        return False
    if headers:
        session.param_headers[tool.name] = headers
    else:
        session.param_headers.pop(tool.name, None)
    return True


async def paginate(
    fetch: Callable[[str | None], Awaitable[P]],
    items: Callable[[P], list[Item]],
    max_pages: int,
) -> list[Item]:
    """All pages of a listing.

    Raises:
        RuntimeError: more than `max_pages`. A cursor that repeats ends the listing, because it
            would never end by itself.
    """
    found: list[Item] = []
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(max_pages):
        page = await fetch(cursor)
        found.extend(items(page))
        cursor = page.next_cursor
        if not cursor or cursor in seen:
            return found
        seen.add(cursor)
    raise RuntimeError(
        f"The server's listing has more than {max_pages} pages; give max_pages= a larger value."
    )


async def call_tool_mcp(
    session: ClientSession,
    name: str,
    arguments: dict[str, Any],
    progress: ProgressHandler,
    timeout: float | None,
    meta: dict[str, Any] | None,
    version: str | None = None,
) -> mcp_types.CallToolResult:
    """`tools/call`; a tool that failed is a result like any other.

    So is a call that the server refuses in the stateless era, of an unknown tool above all: there
    it is a JSON-RPC error, and a program that calls tools by name has one way to hear of it.
    """
    params: dict[str, Any] = {"name": name, "arguments": arguments}
    meta = _meta(meta, version)
    if meta is not None:
        params["_meta"] = meta

    async def send() -> dict[str, Any]:
        annotated = session.param_headers.get(name)
        headers = mirror(arguments, annotated) if annotated else None
        return await session.request(
            "tools/call",
            params,
            timeout=timeout,
            progress=progress,
            headers=headers,
            repeatable=name in session.repeatable_tools,
        )

    try:
        result = await send()
    except McpError as exc:
        if exc.code == INVALID_PARAMS and session.era is Era.STATELESS:
            text = mcp_types.TextContent(type="text", text=exc.message)
            return mcp_types.CallToolResult(content=[text], is_error=True)
        if exc.code != HEADER_MISMATCH:
            raise
        # The tool's annotations are not those seen last, or were never seen ("Client Behavior").
        known = session.param_headers.get(name)
        await _list_all_tools(session, timeout)
        if session.param_headers.get(name) == known:
            raise
        result = await send()
    return _read(mcp_types.CallToolResult, "tools/call", result)


async def call_tool(
    session: ClientSession,
    name: str,
    arguments: dict[str, Any],
    progress: ProgressHandler,
    timeout: float | None,
    meta: dict[str, Any] | None,
    version: str | None,
    raise_on_error: bool,
) -> CallToolResult:
    """`tools/call` with its data read by the tool's output schema."""
    result = await call_tool_mcp(session, name, arguments, progress, timeout, meta, version)
    if raise_on_error:
        raise_tool_error(name, result)
    data: Any = None
    if result.structured_content is not None and not result.is_error:
        data = parse_data(name, result, await _output_schema(session, name, timeout))
    return CallToolResult(
        content=result.content,
        structured_content=result.structured_content,
        meta=result.meta,
        data=data,
        is_error=result.is_error,
    )


async def _list_all_tools(session: ClientSession, timeout: float | None) -> None:
    """List the tools on behalf of a call, each page within the call's own time-out."""
    await paginate(
        lambda cursor: list_tools(session, cursor, timeout), lambda page: page.tools, 250
    )


async def _output_schema(
    session: ClientSession, name: str, timeout: float | None
) -> dict[str, Any] | None:
    """The output schema of a tool; the tools are listed once if it was never seen."""
    schemas = session.output_schemas
    if name not in schemas:
        try:
            await _list_all_tools(session, timeout)
        except (McpError, RuntimeError):
            return None
        schemas.setdefault(name, None)
    return schemas[name]


async def read_resource(
    session: ClientSession, uri: AnyUrl | str, meta: dict[str, Any] | None, version: str | None
) -> mcp_types.ReadResourceResult:
    """`resources/read`. The URI is normalised as pydantic's AnyUrl does it."""
    params: dict[str, Any] = {"uri": str(AnyUrl(str(uri)))}
    meta = _meta(meta, version)
    if meta is not None:
        params["_meta"] = meta
    result = await session.request("resources/read", params)
    return _read(mcp_types.ReadResourceResult, "resources/read", {**_HINTS, **result})


async def get_prompt(
    session: ClientSession,
    name: str,
    arguments: dict[str, Any] | None,
    meta: dict[str, Any] | None,
    version: str | None,
) -> mcp_types.GetPromptResult:
    """`prompts/get`. Arguments are strings on the wire; others are sent as their JSON text."""
    params: dict[str, Any] = {"name": name}
    if arguments is not None:
        params["arguments"] = {
            key: value if isinstance(value, str) else dump(value).decode()
            for key, value in arguments.items()
        }
    meta = _meta(meta, version)
    if meta is not None:
        params["_meta"] = meta
    result = await session.request("prompts/get", params)
    return _read(mcp_types.GetPromptResult, "prompts/get", result)


async def complete(
    session: ClientSession,
    ref: mcp_types.ResourceTemplateReference | mcp_types.PromptReference,
    argument: dict[str, str],
    context_arguments: dict[str, Any] | None,
) -> mcp_types.CompleteResult:
    """`completion/complete`."""
    params: dict[str, Any] = {
        "ref": ref.model_dump(mode="json", by_alias=True, exclude_none=True),
        "argument": argument,
    }
    if context_arguments is not None:
        params["context"] = {"arguments": context_arguments}
    result = await session.request("completion/complete", params)
    return _read(mcp_types.CompleteResult, "completion/complete", result)


def require_handshake(session: ClientSession, method: str) -> None:
    """Refuse what only the handshake era has.

    Raises:
        RuntimeError: the session is stateless.
    """
    if session.era is Era.STATELESS:
        raise RuntimeError(
            f"{method} does not exist in protocol version {session.protocol_version}, which has "
            "no session it could apply to. Connect with mode='legacy' if you need it."
        )
