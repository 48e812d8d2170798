"""Whom a handler asks: the client as something that can be asked, whatever carries the question.

`elicitation.py` and `sampling.py` say what is asked and read the answers; an `Asker` is all they
know of the call. Two things decide what a client can be asked for: the capabilities it declared,
and the protocol version it speaks, for a version's clients cannot read what came later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias, cast

import msgspec
from pydantic import ValidationError

from fastmcp.exceptions import McpError, ToolError
from fastmcp.protocol.errors import INTERNAL_ERROR
from fastmcp.utilities import mcp_types

__all__ = ["Ask", "Asker", "complaints", "lacking", "list_roots", "malformed"]

Ask: TypeAlias = Callable[[str, dict[str, Any], dict[str, Any]], Awaitable[dict[str, Any]]]
"""`await ask(method, params, required)`: the client's answer; `required` is the part of
`ClientCapabilities` without which it may not be asked."""

_FORM: Final[dict[str, Any]] = {"form": {}}


class Asker(msgspec.Struct, frozen=True):
    """A client that can be asked.

    Attributes:
        ask: puts one question.
        version: the protocol version it speaks.
        capabilities: what it declared.
    """

    ask: Ask
    version: str
    capabilities: Mapping[str, Any]

    def demand(self, since: str, what: str) -> None:
        """Refuse what the client's protocol version does not know.

        Raises:
            ToolError: its version is older than `since`.
        """
        if self.version < since:
            raise ToolError(
                f"The client cannot be asked for {what}: it speaks {self.version}, and that came "
                f"with {since}"
            )


def lacking(required: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `required` that a client did not declare; empty where it declared all of it.

    `elicitation: {}` is the same as `elicitation: {form: {}}` (2025-11-25 and 2026-07-28,
    client/elicitation, "Capabilities").
    """
    missing: dict[str, Any] = {}
    for name, parts in required.items():
        found: Any = declared.get(name)
        if not isinstance(found, dict):
            missing[name] = parts
            continue
        has = cast("dict[str, Any]", found)
        if name == "elicitation":
            parts, has = parts or _FORM, has or _FORM
        absent = {part: value for part, value in parts.items() if has.get(part) in (None, False)}
        if absent:
            missing[name] = absent
    return missing


async def list_roots(asker: Asker) -> list[mcp_types.Root]:
    """The client's roots; see `Context.list_roots`."""
    answer = await asker.ask("roots/list", {}, {"roots": {}})
    try:
        return mcp_types.ListRootsResult.model_validate(answer).roots
    except ValidationError as exc:
        raise malformed("roots/list", exc) from None


def malformed(method: str, error: ValidationError) -> McpError:
    """The client answered with something that is no result of `method`."""
    return McpError(
        INTERNAL_ERROR, f"The client's answer to {method} is malformed: {complaints(error)}"
    )


def complaints(error: ValidationError, most: int = 5) -> str:
    """What does not fit, place by place, without what stood there."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [
        f"{'.'.join(str(part) for part in detail['loc']) or 'it'}: {detail['msg']}"
        for detail in details[:most]
    ]
    return "; ".join(shown) + (f"; and {len(details) - most} more" if len(details) > most else "")
