"""Cursors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.exceptions import McpError
from fastmcp.server.features.paging import page

steady = settings(deadline=None, derandomize=True)


@steady
@given(items=st.lists(st.integers()), size=st.none() | st.integers(1, 10))
def test_every_item_once(items: list[int], size: int | None):
    seen: list[int] = []
    cursor: str | None = None
    while True:
        params = {} if cursor is None else {"cursor": cursor}
        some, cursor = page(items, params, size)
        seen += some
        if cursor is None:
            break
    assert seen == items


@steady
@given(st.none() | st.text() | st.binary() | st.integers() | st.lists(st.none()))
def test_any_cursor(cursor: Any):
    try:
        page([1, 2, 3], {"cursor": cursor}, 1)
    except McpError as exc:
        assert exc.code == -32602  # noqa: PT017  (some cursors are good)


def test_an_old_cursor():
    _, cursor = page([1, 2, 3], {}, 2)
    with pytest.raises(McpError, match="start again"):
        page([1, 2, 3, 4], {"cursor": cursor}, 2)
