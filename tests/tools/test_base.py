"""`Tool` and `ToolResult` on their own."""

from typing import Any

import mcp_types
import pytest
from pydantic import BaseModel

from fastmcp.tools import Tool, ToolResult

RAW: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://e.org/raw",
    "$defs": {"point": {"$anchor": "p", "type": "object", "properties": {"x": {"type": "number"}}}},
    "type": "object",
    "properties": {"at": {"$ref": "#/$defs/point"}, "also": {"$ref": "#p"}},
    "required": ["at"],
    "additionalProperties": False,
}


class RawTool(Tool):
    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return ToolResult(content=[], structured_content=arguments)


class TestRawSchema:
    async def test_kept_as_it_stands(self) -> None:
        made = RawTool(name="raw", parameters=RAW)
        assert made.to_wire()["inputSchema"] == RAW
        assert made.to_wire()["title"] == "Raw"
        assert (await made.run({"at": 1})).structured_content == {"at": 1}

    def test_param_headers_of_nested_objects(self) -> None:
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {
                "where": {
                    "type": "object",
                    "properties": {"zone": {"type": "integer", "x-mcp-header": "Zone"}},
                },
            },
        }
        made = RawTool(name="raw", parameters=schema)
        assert made.param_headers == (("Zone", ("where", "zone"), "integer"),)

    def test_param_headers_that_clients_would_refuse(self) -> None:
        bad = {"type": "number", "x-mcp-header": "Bad"}
        with pytest.raises(ValueError, match="x-mcp-header 'Bad' of parameter 'bad'"):
            RawTool(name="raw", parameters={"type": "object", "properties": {"bad": bad}})

    async def test_run_is_the_subclasss_business(self) -> None:
        with pytest.raises(NotImplementedError, match="Tool must override run"):
            await Tool(name="x").run({})

    def test_unknown_fields(self) -> None:
        with pytest.raises(ValueError, match="Extra inputs are not permitted"):
            Tool(name="x", colour="red")  # pyright: ignore


class TestToolResult:
    def test_something_is_required(self) -> None:
        with pytest.raises(ValueError, match="Either content or structured_content must be"):
            ToolResult()

    @pytest.mark.parametrize("value", [[1], 5, "x", False])
    def test_structured_content_may_be_anything(self, value: Any) -> None:
        made = ToolResult(structured_content=value)
        assert made.to_wire()["structuredContent"] == value
        assert made.bare
        assert not ToolResult(structured_content={"a": 1}).bare
        assert "structuredContent" not in ToolResult("x").to_wire()
        assert ToolResult.from_mcp_result(made.to_mcp_result()) == made

    def test_structured_content_without_json_form(self) -> None:
        with pytest.raises(ValueError, match="no JSON form"):
            ToolResult(structured_content={"x": object()})

    def test_content_from_structured_content(self) -> None:
        class Model(BaseModel):
            a: int

        assert ToolResult(structured_content=Model(a=1)).to_wire() == {
            "content": [{"type": "text", "text": '{"a":1}'}],
            "structuredContent": {"a": 1},
            "isError": False,
        }
        assert ToolResult(content=[], structured_content={"a": 1}).to_wire()["content"] == []

    def test_wire(self) -> None:
        result = ToolResult("x", {"a": 1}, {"m": 1}, is_error=True)
        assert result.to_wire() == {
            "content": [{"type": "text", "text": "x"}],
            "structuredContent": {"a": 1},
            "isError": True,
            "_meta": {"m": 1},
        }

    def test_content_are_models_and_the_truth_once_seen(self) -> None:
        result = ToolResult("x")
        block = result.content[0]
        assert isinstance(block, mcp_types.TextContent)
        block.text = "y"
        result.content.append(mcp_types.TextContent(type="text", text="z"))
        assert [b["text"] for b in result.to_wire()["content"]] == ["y", "z"]
        result.content = "w"
        assert result.to_wire()["content"] == [{"type": "text", "text": "w"}]

    def test_equality_and_repr(self) -> None:
        assert ToolResult("x") == ToolResult("x")
        assert ToolResult("x") != ToolResult("y")
        assert ToolResult("x") != "x"
        assert "text" in repr(ToolResult("x"))

    def test_model_of_the_protocol(self) -> None:
        model = ToolResult([1, {"a": 2}], {"a": 1}, {"m": 1}).to_mcp_result()
        assert isinstance(model, mcp_types.CallToolResult)
        assert model.structured_content == {"a": 1}
        assert model.meta == {"m": 1}
        assert ToolResult.from_mcp_result(model).to_wire() == {
            "content": [{"type": "text", "text": '[1,{"a":2}]'}],
            "structuredContent": {"a": 1},
            "isError": False,
            "_meta": {"m": 1},
        }


def test_copies_are_their_own() -> None:
    made = RawTool(name="a", tags={"x"})
    other = made.copy()
    other.name = "b"
    assert (made.key, other.key) == ("tool:a@", "tool:b@")
    assert made == RawTool(name="a", tags={"x"})
    assert made != other


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_visibility_is_the_servers(verb: str) -> None:
    with pytest.raises(NotImplementedError, match=rf"server\.{verb}"):
        getattr(RawTool(name="a"), verb)()


def test_meta_of_the_wrong_form() -> None:
    with pytest.raises(TypeError, match=r"meta\['fastmcp'\]"):
        RawTool(name="a", meta={"fastmcp": 1}).get_meta()
