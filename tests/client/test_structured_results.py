"""Structured results held against what their tool says of them."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Any

import pytest
from aiohttp import web

from fastmcp import Client, FastMCP
from fastmcp.client.errors import InvalidResultError
from fastmcp.exceptions import McpError
from tests.client.site import answer, discovered, handshake, site
from tests.utilities.test_schema_cost import deep, doubling

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class Told:
    """A server whose one tool says one thing of its results and returns another."""

    def __init__(self, schema: Any, content: Any = ..., **result: Any) -> None:
        self.schema = schema
        self.content = content
        self.result = result
        self.listed = 0

    async def __call__(self, request: web.Request, message: dict[str, Any]) -> web.Response:
        if message["method"] == "server/discover":
            return answer(message, discovered())
        if message["method"] == "tools/list":
            self.listed += 1
            tool = {"name": "x", "inputSchema": {"type": "object"}, "outputSchema": self.schema}
            return answer(message, {"resultType": "complete", "tools": [tool]})
        result = {"resultType": "complete", "content": [], **self.result}
        if self.content is not ...:
            result["structuredContent"] = self.content
        return answer(message, result)


async def data(schema: Any, content: Any = ..., **result: Any) -> Any:
    told = Told(schema, content, **result)
    async with site(told) as seen, Client(seen.url) as client:
        await client.list_tools()
        async with asyncio.timeout(20):
            return (await client.call_tool("x")).data


async def test_what_does_not_fit_is_an_error(mode: str) -> None:
    told = Told(NUMBER, {"n": "many"})
    server = told if mode == "auto" else handshake(told)
    async with site(server) as seen, Client(seen.url, mode=mode) as client:
        with pytest.raises(InvalidResultError, match="n: ") as caught:
            await client.call_tool("x")
        assert isinstance(caught.value, McpError)
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.result.structured_content == {"n": "many"}
        raw = await client.call_tool_mcp("x", {})
        assert raw.structured_content == {"n": "many"}


async def test_what_is_missing_is_an_error_too() -> None:
    with pytest.raises(InvalidResultError, match="no structured content"):
        await data(NUMBER)
    assert await data({"type": "null"}, None) is None


async def test_a_tool_that_failed_is_not_held_to_it() -> None:
    told = Told(NUMBER, isError=True)
    async with site(told) as seen, Client(seen.url) as client:
        await client.list_tools()
        assert (await client.call_tool("x", raise_on_error=False)).is_error


async def test_a_tool_that_changed_is_held_to_what_it_says_now() -> None:
    told = Told({"type": "object", "required": ["old"]}, {"n": 1})
    async with site(told) as seen, Client(seen.url) as client:
        await client.list_tools()
        told.schema = NUMBER
        assert (await client.call_tool("x")).data.n == 1
        assert told.listed == 2


async def test_a_server_that_breaks_its_word_is_not_asked_for_it_again_and_again() -> None:
    told = Told(NUMBER, {"n": "many"})
    async with site(told) as seen, Client(seen.url) as client:
        for _ in range(3):
            with pytest.raises(InvalidResultError):
                await client.call_tool("x")
        assert told.listed == 2


async def test_an_older_version_is_not_held_to_the_latest() -> None:
    server = FastMCP("versions")

    @server.tool(version="1")
    def count() -> dict[str, str]:
        return {"many": "yes"}

    @server.tool(name="count", version="2", output_schema=NUMBER)
    def counted() -> dict[str, int]:
        return {"n": 2}

    async with Client(server) as client:
        assert (await client.call_tool("count")).data.n == 2
        assert (await client.call_tool("count", version="2")).data.n == 2
        assert (await client.call_tool("count", version="1")).data == {"many": "yes"}


async def test_what_pydantic_cannot_express_is_checked() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "if": {"properties": {"a": {"const": 1}}},
        "then": {"required": ["b"]},
    }
    assert (await data(schema, {"a": 2})).a == 2
    with pytest.raises(InvalidResultError, match='"b" is a required property'):
        await data(schema, {"a": 1})


async def test_data_is_typed() -> None:
    schema = {
        "type": "object",
        "properties": {"day": {"type": "string", "format": "date"}},
        "required": ["day"],
    }
    assert (await data(schema, {"day": "2026-07-28"})).day == datetime.date(2026, 7, 28)
    assert await data(schema, {"day": "some day"}) is None  # fits, and is no date


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ({"type": "object", "properties": {"a": {"$ref": "SITE/x"}}}, {"a": 1}),
        ({"$schema": "SITE/meta"}, {"a": 1}),
        ({"type": 5}, {"a": 1}),
        ({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, {"a": 1}),
        (doubling(60), {"a": 1}),
        ({"properties": {"a": {"pattern": "("}}}, {"a": "x"}),
    ],
)
async def test_a_schema_that_cannot_be_checked_holds_nobody_up(schema: Any, content: Any) -> None:
    """Nothing is fetched, nothing hangs, and the result is there."""
    told = Told(schema, content)
    began = time.monotonic()
    async with site(told) as seen:
        host = seen.url.removesuffix("/mcp")
        for part in (schema, *schema.get("properties", {}).values()):
            for word in ("$ref", "$schema"):
                if word in part:
                    part[word] = part[word].replace("SITE", host)
        async with Client(seen.url) as client:
            result = await client.call_tool("x")
            assert result.structured_content == result.data == content
        assert seen.gets == []
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 5000 + "b"}),
        ({"properties": {"a": {"pattern": "(x+x+)+y(?!z)"}}}, {"a": "x" * 5000}),
        (
            {"anyOf": [{"properties": {"a": {"$ref": "#"}}, "minProperties": n} for n in (9, 8)]},
            deep(60),
        ),
    ],
)
async def test_a_result_that_would_take_for_ever_is_an_error(schema: Any, content: Any) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidResultError):
        await data(schema, content)
    assert time.monotonic() - began < 10
