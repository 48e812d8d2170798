"""Tools with schemas that their authors wrote: listed as they stand, and kept.

2026-07-28, server/tools, "Structured Content", "Output Schema" and "Error Handling".
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ValidationError
from fastmcp.server.middleware import Middleware
from fastmcp.tools import Tool, ToolResult
from tests.support.asgi import STATELESS, Peer

ERAS = ("2025-11-25", STATELESS)
INPUT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "properties": {"city": {"type": "string"}}}},
    "properties": {
        "address": {"$ref": "#addressDef"},
        "method": {"enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"method": {"const": "phone"}}, "required": ["method"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


class Raw(Tool):
    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return ToolResult(content=json.dumps(arguments))


class Nothing(Middleware):
    async def on_message(self, context: Any, call_next: Any) -> Any:
        return await call_next(context)


@pytest.fixture(params=["plain", "middleware"])
def mcp(request: pytest.FixtureRequest) -> FastMCP:
    return FastMCP("raw", middleware=[Nothing()] if request.param == "middleware" else [])


async def listed(peer: Peer) -> dict[str, dict[str, Any]]:
    return {tool["name"]: tool for tool in (await peer.request("tools/list")).result["tools"]}


@pytest.mark.parametrize("version", ERAS)
async def test_the_input_schema_is_kept_as_it_stands(mcp: FastMCP, version: str):
    mcp.add_tool(Raw(name="raw", parameters=INPUT))
    peer = await Peer(mcp.http_app(), version).open()
    assert json.dumps((await listed(peer))["raw"]["inputSchema"]) == json.dumps(INPUT)


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("arguments", "complaints"),
    [
        ({"email": "a@b"}, None),
        ({"method": "phone", "phone": "1", "address": {"city": "Bo"}}, None),
        ({}, ["is not valid under any", '"email" is a required property']),
        ({"method": "phone", "email": "a@b"}, ['"phone" is a required property']),
        ({"email": "a@b", "address": {"city": 5}}, ['- address.city: 5 is not of type "string"']),
        ({"email": "a@b", "more": 1}, ["('more' was unexpected)"]),
        ({"email": 1, "method": "fax"}, ["- email: 1", '- method: "fax"']),
    ],
)
async def test_arguments_are_held_against_it(
    mcp: FastMCP, version: str, arguments: dict[str, Any], complaints: list[str] | None
):
    mcp.add_tool(Raw(name="raw", parameters=INPUT))
    peer = await Peer(mcp.http_app(), version).open()
    live = await peer.call("raw", arguments)
    assert live.status == 200
    assert live.result["isError"] is (complaints is not None)
    if complaints is None:
        assert json.loads(live.text) == arguments
    else:
        assert live.text.startswith("Invalid arguments for tool 'raw':\n- ")
        for complaint in complaints:
            assert complaint in live.text


async def test_what_the_client_sent_is_not_logged(caplog: pytest.LogCaptureFixture):
    mcp = FastMCP("raw")
    mcp.add_tool(Raw(name="raw", parameters=INPUT))
    with caplog.at_level(logging.DEBUG), pytest.raises(ValidationError, match="secret"):
        await mcp.call_tool("raw", {"email": "a@b", "secret": 1})
    assert "Invalid arguments for tool 'raw'" in caplog.text
    assert "secret" not in caplog.text


def test_schemas_that_cannot_be_used():
    with pytest.raises(ValueError, match="input schema of tool 'x' cannot be used"):
        Raw(name="x", parameters={"type": "object", "properties": {"a": {"type": "txt"}}})
    with pytest.raises(ValueError, match="must be of type object"):
        Raw(name="x", parameters={"type": "array"})
    with pytest.raises(ValueError, match="references to other documents are not followed"):
        Raw(name="x", parameters={"properties": {"a": {"$ref": "https://example.com/a"}}})
    with pytest.raises(ValueError, match="output schema of tool 'x' cannot be used"):
        FastMCP("m").tool(lambda: 1, name="x", output_schema={"type": "nothing"})


async def test_a_listed_input_schema_is_an_objects(mcp: FastMCP):
    mcp.add_tool(Raw(name="raw", parameters={"properties": {"a": {}}}))
    peer = Peer(mcp.http_app(), STATELESS)
    assert (await listed(peer))["raw"]["inputSchema"] == {
        "type": "object",
        "properties": {"a": {}},
    }


# output

ANY_JSON: list[tuple[dict[str, Any], Any]] = [
    ({"type": "array", "items": {"type": "integer"}}, [1, 2]),
    ({"type": "string"}, "text"),
    ({"type": "number"}, 1.5),
    ({"type": "integer"}, 0),
    ({"type": "boolean"}, False),
    ({"type": "null"}, None),
    ({"type": ["object", "null"]}, {"a": 1}),
    ({"anyOf": [{"type": "object"}, {"type": "null"}]}, None),
    ({"$ref": "#/$defs/row", "$defs": {"row": {"type": "array"}}}, [[]]),
    ({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}}, [1, [2, []]]),
    ({"type": "array", "prefixItems": [{"type": "null"}, {"$ref": "#/prefixItems/0"}]}, [None]),
    ({}, {"a": 1}),
]


@pytest.mark.parametrize(("schema", "value"), ANY_JSON, ids=range(len(ANY_JSON)))
async def test_any_json(mcp: FastMCP, schema: dict[str, Any], value: Any):
    async def give() -> Any:
        return value

    mcp.tool(give, output_schema=schema)
    peer = Peer(mcp.http_app(), STATELESS)
    assert (await listed(peer))["give"]["outputSchema"] == schema
    result = (await peer.call("give")).result
    assert "structuredContent" in result
    assert result["structuredContent"] == value
    assert type(result["structuredContent"]) is type(value)
    text = result["content"][0]["text"]
    assert (text if isinstance(value, str) else json.loads(text)) == value
    assert not result["isError"]


@pytest.mark.parametrize(("schema", "value"), ANY_JSON, ids=range(len(ANY_JSON)))
async def test_any_json_is_in_an_object_in_the_handshake_era(
    mcp: FastMCP, schema: dict[str, Any], value: Any
):
    import jsonschema_rs

    async def give() -> Any:
        return value

    mcp.tool(give, output_schema=schema)
    peer = await Peer(mcp.http_app()).open()
    shown = (await listed(peer))["give"]["outputSchema"]
    assert shown["type"] == "object"
    assert shown["x-fastmcp-wrap-result"] is True
    result = (await peer.call("give")).result
    assert result["structuredContent"] == {"result": value}
    assert result["_meta"]["fastmcp"] == {"wrap_result": True}
    jsonschema_rs.validate(shown, result["structuredContent"])


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "integer"}}},
        {"properties": {"a": {"type": "integer"}}},
        {"$ref": "#/$defs/row", "$defs": {"row": {"type": "object"}}},
    ],
)
async def test_objects_are_what_they_are(mcp: FastMCP, version: str, schema: dict[str, Any]):
    async def give() -> Any:
        return {"a": 1}

    mcp.tool(give, output_schema=schema)
    peer = await Peer(mcp.http_app(), version).open()
    shown = (await listed(peer))["give"]["outputSchema"]
    assert shown == (schema if peer.stateless else {"type": "object", **schema})
    result = (await peer.call("give")).result
    assert result["structuredContent"] == {"a": 1}
    assert "fastmcp" not in result.get("_meta", {})


@pytest.mark.parametrize("version", ERAS)
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"a": "x"}, '- a: "x" is not of type "integer"'),
        ({}, '- "a" is a required property'),
        (5, "structured_content must be a dict"),
        (None, "structured_content must be a dict"),
        (ToolResult(structured_content={"a": "x"}), '- a: "x" is not of type "integer"'),
        (ToolResult(structured_content=[1]), "structured_content must be a dict"),
        (ToolResult("only text"), "gave no structured content"),
    ],
)
async def test_a_result_that_breaks_the_promise(mcp: FastMCP, version: str, given: Any, why: str):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}

    class Own(Tool):
        async def run(self, arguments: dict[str, Any]) -> ToolResult:
            return given if isinstance(given, ToolResult) else self.convert_result(given)

    async def give() -> Any:
        return given

    mcp.tool(give, output_schema=schema)
    mcp.add_tool(Own(name="own", output_schema=schema))
    peer = await Peer(mcp.http_app(), version).open()
    for name in ("give", "own"):
        live = await peer.call(name)
        assert live.status == 200
        assert live.result["isError"]
        assert "structuredContent" not in live.result
        assert live.text.startswith(f"Error calling tool '{name}': ")
        assert why in live.text


async def test_an_error_need_not_keep_it(mcp: FastMCP):
    async def give() -> ToolResult:
        return ToolResult("no", is_error=True)

    mcp.tool(give, output_schema={"type": "array"})
    live = await Peer(mcp.http_app(), STATELESS).call("give")
    assert live.result["isError"]
    assert live.text == "no"


@pytest.mark.parametrize("version", ERAS)
async def test_a_result_of_any_json_without_a_schema(mcp: FastMCP, version: str):
    @mcp.tool
    async def give() -> ToolResult:
        return ToolResult(structured_content=[1, 2], meta={"fastmcp": {"a": 1}, "b": 2})

    peer = await Peer(mcp.http_app(), version).open()
    result = (await peer.call("give")).result
    assert result["structuredContent"] == ([1, 2] if peer.stateless else {"result": [1, 2]})
    facts = {"a": 1} if peer.stateless else {"a": 1, "wrap_result": True}
    assert result["_meta"]["fastmcp"] == facts
    assert result["_meta"]["b"] == 2


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_clients_read_it_alike(mode: Any):
    mcp = FastMCP("raw")

    async def give() -> Any:
        return [1, 2]

    mcp.tool(give, output_schema={"type": "array", "items": {"type": "integer"}})
    async with Client(mcp, mode=mode) as client:
        assert (await client.call_tool("give")).data == [1, 2]
