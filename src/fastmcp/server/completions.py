"""What an author's completion handler is, and how its answer becomes a `Completion`.

At most 100 values travel (server/utilities/completion, "Completion Results").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from fastmcp.utilities import mcp_types

__all__ = ["CompletionAnswer", "CompletionHandler", "completion_values"]

CompletionAnswer: TypeAlias = "mcp_types.Completion | Sequence[str] | None"
CompletionHandler: TypeAlias = Callable[[Any, Any, Any], Any]
"""`(ref, argument, context)` to a `CompletionAnswer`, sync or async."""

_MOST: Final = 100


def completion_values(answer: CompletionAnswer) -> dict[str, Any]:
    """The `completion` member of the result."""
    if mcp_types.is_loaded() and isinstance(answer, mcp_types.Completion):
        total = answer.total if answer.total is not None else len(answer.values)
        more = answer.has_more
        values = list(answer.values)
    else:
        values = [str(value) for value in answer or ()]
        total, more = len(values), None
    cut = len(values) > _MOST
    return {
        "values": values[:_MOST],
        "total": total,
        "hasMore": cut if more is None else more or cut,
    }
