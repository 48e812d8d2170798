"""Roots: the directories a server may work in, given as a list or asked of a function.

Source: 2025-11-25, client/roots.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, cast

from pydantic import FileUrl

from fastmcp.client.context import RequestContext
from fastmcp.utilities.mcp_types import Root

__all__ = ["RootsHandler", "RootsList", "list_roots"]

RootsList: TypeAlias = Sequence[str | Root]
RootsHandler: TypeAlias = Callable[[RequestContext], RootsList | Awaitable[RootsList]]


def _root(item: object) -> Root:
    if isinstance(item, Root):
        return item
    if isinstance(item, (str, FileUrl)):
        return Root(uri=FileUrl(str(item)))
    raise ValueError(f"A root is a file:// URI or an mcp_types.Root, not {item!r}.")


def check_roots(roots: RootsList | RootsHandler) -> RootsList | RootsHandler:
    """Roots as they are given to a client.

    Raises:
        ValueError: neither a list of roots nor a function.
    """
    if callable(roots):
        return roots
    if isinstance(cast("object", roots), str):
        raise ValueError("roots is a list of file:// URIs, not one of them.")
    return [_root(item) for item in roots]


async def list_roots(roots: RootsList | RootsHandler, context: RequestContext) -> dict[str, Any]:
    """The result of `roots/list`, ready for the wire."""
    if callable(roots):
        given = roots(context)
        listed = await given if inspect.isawaitable(given) else given
    else:
        listed = roots
    return {
        "roots": [
            _root(item).model_dump(mode="json", by_alias=True, exclude_none=True) for item in listed
        ]
    }
