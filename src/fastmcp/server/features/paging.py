"""Pages of a list: an opaque cursor names where the next one begins (server/utilities/pagination).

The cursor holds the position and the length of the list it was made for, so that a list that
changed in between is noticed and the client starts again, instead of missing an entry.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

from fastmcp.protocol.errors import invalid_params

__all__ = ["page"]

T = TypeVar("T")


def page(
    items: Sequence[T], params: dict[str, Any], size: int | None
) -> tuple[Sequence[T], str | None]:
    """One page and the cursor of the next.

    Args:
        items: the whole list.
        params: the request's; `cursor` says where to begin.
        size: entries a page, or None for all at once.
    Raises:
        McpError: the cursor is not one of ours, or the list has changed since.
    """
    cursor = params.get("cursor")
    if size is None and cursor is None:
        return items, None
    start = 0 if cursor is None else _position(cursor, len(items))
    end = len(items) if size is None else start + size
    following = None
    if end < len(items):
        following = base64.urlsafe_b64encode(f"{end}/{len(items)}".encode()).decode()
    return items[start:end], following


def _position(cursor: Any, length: int) -> int:
    try:
        start, _, total = base64.b64decode(cursor, b"-_", validate=True).decode().partition("/")
        position = int(start)
    except (TypeError, ValueError, binascii.Error):
        raise invalid_params("Invalid params: unknown cursor, start again without one") from None
    if total != str(length) or not 0 < position < length:
        raise invalid_params("Invalid params: the list has changed, start again without a cursor")
    return position
