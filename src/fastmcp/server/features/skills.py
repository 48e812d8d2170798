"""skills/list, skills/get and resources/directory/read: the extension for skills (`server/skills`).

They exist on a server that has a source of skills. A skill whose SKILL.md this client does not see,
because it is disabled or the server has a resource of its own there, is not told of: what the entry
says would not hold for what is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from fastmcp.protocol.errors import invalid_params, method_not_found
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.features.paging import page
from fastmcp.server.skills import EXTENSION, Skill, SkillSource

__all__ = ["HANDLERS"]


def _sources(engine: Engine, context: Context) -> Iterator[SkillSource]:
    """Raises McpError where the server has no skills, and so no such method."""
    if engine.providers is None or EXTENSION not in engine.extensions:
        raise method_not_found(context.call.method)
    return (p for p in engine.providers.providers if isinstance(p, SkillSource))


def _uri(params: dict[str, Any]) -> str:
    uri = params.get("uri")
    if not isinstance(uri, str):
        raise invalid_params("Invalid params: uri must be a string")
    return uri


async def _list(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Skill] = {}
    shelf = engine.view(context).resources
    for source in _sources(engine, context):
        seen = {r.uri for r in await source.list_resources() if shelf.admits(r)}
        for skill in await source.list_skills():
            if skill.uri in seen:
                found.setdefault(skill.uri, skill)
    skills, cursor = page(list(found.values()), params, engine.page_size)
    result: dict[str, Any] = {"skills": msgspec.to_builtins(skills)}
    return result if cursor is None else {**result, "nextCursor": cursor}


async def _get(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    uri = _uri(params)
    for source in _sources(engine, context):
        skill = await source.get_skill(uri)
        main = await source.get_resource(uri) if skill is not None else None
        if main is not None and engine.view(context).resources.admits(main):
            return {"skill": msgspec.to_builtins(skill)}
    raise invalid_params(f"No skill is served at {uri!r}", {"uri": uri})


async def _read_directory(
    engine: Engine, context: Context, params: dict[str, Any]
) -> dict[str, Any]:
    uri = _uri(params)
    for source in _sources(engine, context):
        children = await source.read_directory(uri)
        if children is not None:
            entries, cursor = page(children, params, engine.page_size)
            result: dict[str, Any] = {"resources": list(entries)}
            return result if cursor is None else {**result, "nextCursor": cursor}
    raise invalid_params(f"{uri!r} is not a directory resource", {"uri": uri})


HANDLERS: Final[dict[str, Handler]] = {
    "skills/list": _list,
    "skills/get": _get,
    "resources/directory/read": _read_directory,
}
