"""Old spellings of the protocol's fields."""

from __future__ import annotations

import warnings

import mcp_types
import pytest

from fastmcp import Client, FastMCP, FastMCPDeprecationWarning
from fastmcp.utilities import camelcase
from fastmcp.utilities.tests import temporary_settings


@pytest.fixture(autouse=True)
def nobody_was_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camelcase, "_warned", set())


async def test_they_are_read_with_one_warning_each():
    mcp = FastMCP("old")

    @mcp.tool(annotations={"readOnlyHint": True})
    def add(a: int) -> int:
        return a

    async with Client(mcp) as client:
        [tool] = await client.list_tools()
        with pytest.warns(FastMCPDeprecationWarning, match=r"write `\.input_schema`"):
            assert tool.inputSchema is tool.input_schema  # type: ignore[attr-defined]
        with pytest.warns(FastMCPDeprecationWarning, match="ToolAnnotations.readOnlyHint"):
            assert tool.annotations.readOnlyHint is True  # type: ignore[union-attr]
        result = await client.call_tool_mcp("add", {"a": 1})
        with pytest.warns(FastMCPDeprecationWarning):
            assert result.isError is False  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tool.inputSchema["required"] == ["a"]  # type: ignore[attr-defined]


def test_what_is_no_old_spelling_is_missing():
    tool = mcp_types.Tool(name="a", input_schema={"type": "object"})
    for name in ("nope", "inputschema", "isError"):
        with pytest.raises(AttributeError, match=name):
            getattr(tool, name)
    with temporary_settings(mcp_camelcase_compat=False):
        assert not hasattr(tool, "inputSchema")
