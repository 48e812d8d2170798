"""skills/list, skills/get and resources/directory/read: the extension for skills (`server/skills`).

They exist on a server that has a source of skills. A skill whose SKILL.md this client does not see,
because it is disabled or the server has a resource of its own there, is not told of, nor are its
files: what the entry says would not hold for what is read.

A source that fails does not keep the others' skills from a client.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar
from urllib.parse import unquote

import msgspec

from fastmcp.protocol.errors import invalid_params, method_not_found
from fastmcp.server.context import Context
from fastmcp.server.engine import Engine, Handler
from fastmcp.server.features.paging import page
from fastmcp.server.skills import EXTENSION, DirectoryEntry, Skill, SkillSource

__all__ = ["HANDLERS"]

_logger: Final = logging.getLogger("fastmcp.server.skills")

_MAIN: Final = "/SKILL.md"
_LEFT_OUT: Final = "%r could not be asked for its skills; they are left out"

T = TypeVar("T")


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
        try:
            seen = {r.uri for r in await source.list_resources() if shelf.admits(r)}
            skills = await source.list_skills()
        except Exception:
            _logger.exception(_LEFT_OUT, source)
            continue
        for skill in skills:
            if skill.uri in seen:
                found.setdefault(skill.uri, skill)
    listed, cursor = page(list(found.values()), params, engine.page_size)
    result: dict[str, Any] = {"skills": msgspec.to_builtins(listed)}
    return result if cursor is None else {**result, "nextCursor": cursor}


async def _get(engine: Engine, context: Context, params: dict[str, Any]) -> dict[str, Any]:
    uri = _uri(params)
    shelf = engine.view(context).resources

    async def ask(source: SkillSource) -> Skill | None:
        skill = await source.get_skill(uri)
        main = await source.get_resource(uri) if skill is not None else None
        return skill if main is not None and shelf.admits(main) else None

    skill = await _first(_sources(engine, context), ask)
    if skill is None:
        raise invalid_params(f"No skill is served at {uri!r}", {"uri": uri})
    return {"skill": msgspec.to_builtins(skill)}


async def _read_directory(
    engine: Engine, context: Context, params: dict[str, Any]
) -> dict[str, Any]:
    uri = _uri(params)
    shelf = engine.view(context).resources

    async def ask(source: SkillSource) -> list[DirectoryEntry] | None:
        children = await source.read_directory(uri)
        if children is None:
            return None
        # One list, and not a question for each child: a source may look through its directories
        # for every answer. As text, for a URI may be written with more escapes than it needs.
        seen = {unquote(r.uri): shelf.admits(r) for r in await source.list_resources()}
        if not _is_seen(unquote(uri), seen):
            return None
        return [
            child
            for child in children
            if seen.get(unquote(child["uri"]), True)
            and seen.get(unquote(child["uri"]) + _MAIN, True)
        ]

    children = await _first(_sources(engine, context), ask)
    if children is None:
        raise invalid_params(f"{uri!r} is not a directory resource", {"uri": uri})
    entries, cursor = page(children, params, engine.page_size)
    result: dict[str, Any] = {"resources": list(entries)}
    return result if cursor is None else {**result, "nextCursor": cursor}


def _is_seen(directory: str, seen: dict[str, bool]) -> bool:
    """Whether the innermost skill that a directory lies in is one that the client sees."""
    while directory:
        if directory + _MAIN in seen:
            return seen[directory + _MAIN]
        directory = directory.rpartition("/")[0]
    return False


async def _first(
    sources: Iterator[SkillSource], ask: Callable[[SkillSource], Awaitable[T | None]]
) -> T | None:
    """The first answer.

    Raises:
        Exception: there is none, and a source failed that might have had it.
    """
    failed: Exception | None = None
    for source in sources:
        try:
            found = await ask(source)
        except Exception as error:
            _logger.exception(_LEFT_OUT, source)
            failed = error
            continue
        if found is not None:
            return found
    if failed is not None:
        raise failed
    return None


HANDLERS: Final[dict[str, Handler]] = {
    "skills/list": _list,
    "skills/get": _get,
    "resources/directory/read": _read_directory,
}
