"""The client's calls: params out, models in. Each is one request of the protocol.

The session carries plain dicts; here they meet the models users hold (`mcp_types`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import pydantic
from pydantic import AnyUrl

from fastmcp.client.caching import CacheMode
from fastmcp.client.errors import InvalidResultError
from fastmcp.client.progress import ProgressHandler
from fastmcp.client.results import CallToolResult, OutputSchema, parse_data, raise_tool_error
from fastmcp.client.session import ClientSession
from fastmcp.exceptions import McpError
from fastmcp.protocol.caching import readable
from fastmcp.protocol.era2026 import COMPLETE
from fastmcp.protocol.errors import HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST
from fastmcp.protocol.jsonrpc import as_object, dump, load
from fastmcp.protocol.param_headers import ParamHeader, mirror
from fastmcp.protocol.versions import Era
from fastmcp.utilities import mcp_types
from fastmcp.utilities.skill_entries import (
    SKILLS_EXTENSION,
    GetSkillResult,
    ListSkillsResult,
    sound_entries,
)

__all__ = [
    "call_tool",
    "call_tool_mcp",
    "complete",
    "get_prompt",
    "get_skill",
    "list_page",
    "list_skills",
    "list_tools",
    "paginate",
    "read_resource",
    "uri_of",
]

logger = logging.getLogger("fastmcp.client")

M = TypeVar("M", bound=pydantic.BaseModel)
P = TypeVar("P", bound=mcp_types.PaginatedResult)
Item = TypeVar("Item")


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
    cache_mode: CacheMode = "use",
) -> P:
    """One page of a listing."""
    params = {} if cursor is None else {"cursor": cursor}
    result = await session.fetch(method, params, cache_mode, timeout)
    return _read(model, method, readable(result))


async def list_tools(
    session: ClientSession,
    cursor: str | None,
    timeout: float | None = None,
    cache_mode: CacheMode = "use",
) -> mcp_types.ListToolsResult:
    """One page of the tools; the session remembers their output schemas."""
    page = await list_page(
        session, "tools/list", mcp_types.ListToolsResult, cursor, timeout, cache_mode
    )
    page.tools = [
        tool
        for tool in page.tools
        if session.learn_tool(tool.name, tool.input_schema, repeatable=_is_repeatable(tool))
    ]
    for tool in page.tools:
        session.output_schemas[tool.name] = _output_schema_of(tool)
    return page


def _is_repeatable(tool: mcp_types.Tool) -> bool:
    hints = tool.annotations
    return hints is not None and bool(hints.read_only_hint or hints.idempotent_hint)


def _output_schema_of(tool: mcp_types.Tool) -> OutputSchema | None:
    if tool.output_schema is None:
        return None
    own = as_object((tool.meta or {}).get("fastmcp")) or {}
    version = own.get("version")
    return OutputSchema(tool.name, tool.output_schema, None if version is None else str(version))


async def paginate(
    fetch: Callable[[str | None], Awaitable[P]],
    items: Callable[[P], list[Item]],
    max_pages: int,
) -> list[Item]:
    """All pages of a listing. One that changed on the way, so that its cursor is refused, is begun
    again, once (pagination, "Error Handling").

    Raises:
        RuntimeError: more than `max_pages`. A cursor that repeats ends the listing, because it
            would never end by itself.
    """
    refused = False
    while True:
        found: list[Item] = []
        seen: set[str] = set()
        cursor: str | None = None
        try:
            for _ in range(max_pages):
                page = await fetch(cursor)
                found.extend(items(page))
                cursor = page.next_cursor
                if not cursor or cursor in seen:
                    return found
                seen.add(cursor)
        except McpError as exc:
            if refused or cursor is None or exc.code != INVALID_PARAMS:
                raise
            refused = True
            continue
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

    def send() -> Awaitable[dict[str, Any]]:
        annotated = session.param_headers.get(name)
        headers = _mirrored(arguments, annotated) if annotated else None
        return session.request(
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
        await _list_all_tools(session, timeout, "refresh")
        if session.param_headers.get(name) == known:
            raise
        result = await send()
    if result.get("resultType", COMPLETE) != COMPLETE and session.era is Era.STATELESS:
        return await session.handlers.extensions.resolved(
            session,
            session.protocol_version or "",
            name,
            result,
            session.timeout if timeout is None else timeout or None,
        )
    return _read_tool_result(result)


def _read_tool_result(result: dict[str, Any]) -> mcp_types.CallToolResult:
    """The model of a result. Text, which most blocks are, is read as such: the model would try for
    each block all the kinds there are."""
    blocks: Any = result.get("content")
    try:
        if isinstance(blocks, list):
            read_text = mcp_types.TextContent.model_validate
            blocks = [
                read_text(block) if block["type"] == "text" else block
                for block in cast("list[Any]", blocks)
            ]
        return mcp_types.CallToolResult.model_validate({**result, "content": blocks})
    except (KeyError, TypeError, pydantic.ValidationError):  # the whole of it says what is wrong
        return _read(mcp_types.CallToolResult, "tools/call", result)


def _mirrored(arguments: dict[str, Any], annotated: tuple[ParamHeader, ...]) -> dict[str, str]:
    """The headers that mirror arguments, as these are in the body: there a model is an object, an
    enumeration's member its value."""
    names = {header.path[0] for header in annotated}
    given = {name: value for name, value in arguments.items() if name in names}
    return mirror(load(dump(given)), annotated)


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
    """`tools/call` with its data read, and checked, by the tool's output schema."""
    result = await call_tool_mcp(session, name, arguments, progress, timeout, meta, version)
    if raise_on_error:
        raise_tool_error(name, result)
    data: Any = None
    if not result.is_error:
        data = parse_data(result, await _checked(session, name, version, result, timeout))
    return CallToolResult(
        content=result.content,
        structured_content=result.structured_content,
        meta=result.meta,
        data=data,
        is_error=result.is_error,
    )


async def _list_all_tools(
    session: ClientSession, timeout: float | None, cache_mode: CacheMode = "use"
) -> None:
    """List the tools on behalf of a call, each page within the call's own time-out."""
    await paginate(
        lambda cursor: list_tools(session, cursor, timeout, cache_mode),
        lambda page: page.tools,
        250,
    )


async def _checked(
    session: ClientSession,
    name: str,
    version: str | None,
    result: mcp_types.CallToolResult,
    timeout: float | None,
) -> OutputSchema | None:
    """The output schema of a tool, which its result fits. The tools are listed if it was never
    seen, and once more where the result does not fit: the tool may be another by now.

    Raises:
        InvalidResultError: the result does not fit.
    """
    schemas = session.output_schemas
    if name not in schemas and result.structured_content is None:
        return None  # nothing to read; the next listing will tell whether there should have been
    schema = await _output_schema(session, name, timeout)
    if schema is None or (version is not None and version != schema.version):
        return None  # the listing tells of the latest version alone
    complaint = schema.complaint(result)
    if complaint is not None and not schema.settled:
        with suppress(McpError, RuntimeError):
            await _list_all_tools(session, timeout, "refresh")
        before, schema = schema, schemas.get(name)
        if schema is None:
            return None
        schema.settled = True
        if schema.schema != before.schema:
            complaint = schema.complaint(result)
    if complaint is not None:
        raise InvalidResultError(name, complaint, result)
    return schema


async def _output_schema(
    session: ClientSession, name: str, timeout: float | None
) -> OutputSchema | None:
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
    session: ClientSession,
    uri: AnyUrl | str,
    meta: dict[str, Any] | None,
    version: str | None,
    cache_mode: CacheMode = "use",
) -> mcp_types.ReadResourceResult:
    """`resources/read`."""
    params: dict[str, Any] = {"uri": uri_of(uri)}
    meta = _meta(meta, version)
    if meta is not None:
        params["_meta"] = meta
    result = await session.fetch("resources/read", params, cache_mode)
    return _read(mcp_types.ReadResourceResult, "resources/read", readable(result))


async def list_skills(
    session: ClientSession, cursor: str | None, cache_mode: CacheMode
) -> ListSkillsResult:
    """One page of `skills/list`, without the entries that are none."""
    _require_skills(session)
    params = {} if cursor is None else {"cursor": cursor}
    result = await session.fetch("skills/list", params, cache_mode)
    return _read(ListSkillsResult, "skills/list", readable(sound_entries(result)))


async def get_skill(session: ClientSession, uri: str, cache_mode: CacheMode) -> GetSkillResult:
    """`skills/get`."""
    _require_skills(session)
    result = await session.fetch("skills/get", {"uri": uri}, cache_mode)
    return _read(GetSkillResult, "skills/get", readable(result))


def _require_skills(session: ClientSession) -> None:
    """Refuse to ask a server for skills that says it has none.

    Raises:
        RuntimeError: it does not declare the extension.
    """
    if session.discover_result is None and session.initialize_result is None:
        return  # it was not asked what it has
    capabilities = session.server_capabilities
    if SKILLS_EXTENSION not in ((capabilities and capabilities.extensions) or {}):
        raise RuntimeError(
            f"The server does not declare the extension {SKILLS_EXTENSION}: it has no skills that "
            "can be listed. `fastmcp.utilities.skills.list_skills` finds those that are resources."
        )


def uri_of(uri: AnyUrl | str) -> str:
    """A URI as it is sent: normalised as pydantic's AnyUrl does it."""
    return str(AnyUrl(str(uri)))


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
