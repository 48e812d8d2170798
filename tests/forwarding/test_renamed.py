"""Tools under other names, where another has that name already."""

from __future__ import annotations

import pytest

from fastmcp import Client, FastMCP


async def test_a_tool_whose_name_is_given_to_another_is_told_of(caplog: pytest.LogCaptureFixture):
    behind = FastMCP("behind")

    @behind.tool
    async def one() -> str:
        return "one"

    @behind.tool
    async def two() -> str:
        return "two"

    gate = FastMCP("gate")
    gate.mount(behind, tool_names={"one": "two"})
    async with Client(gate) as client:
        for _ in range(2):
            assert [tool.name for tool in await client.list_tools()] == ["two"]
        assert (await client.call_tool("two")).data == "one"
    said = [record.message for record in caplog.records if "'two'" in record.message]
    assert len(said) == 1
    assert "'one'" in said[0]

    caplog.clear()
    swapped = FastMCP("swapped")
    swapped.mount(behind, tool_names={"one": "two", "two": "one"})
    async with Client(swapped) as client:
        assert {tool.name for tool in await client.list_tools()} == {"one", "two"}
        assert (await client.call_tool("one")).data == "two"
    assert not caplog.records
