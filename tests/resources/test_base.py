"""Results of reads, and `Resource` on its own."""

from typing import Any

import mcp_types
import pytest

from fastmcp.resources import Resource, ResourceContent, ResourceResult, ResourceTemplate


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        ("x", {"mimeType": "text/plain", "text": "x"}),
        (b"x", {"mimeType": "application/octet-stream", "blob": "eA=="}),
        ({"a": 1}, {"mimeType": "application/json", "text": '{"a":1}'}),
    ],
)
def test_content(content: Any, wire: dict[str, Any]) -> None:
    item = ResourceContent(content)
    assert item.to_wire("a://b") == {"uri": "a://b", **wire}
    assert item.to_mcp_resource_contents("a://b").uri == "a://b"
    assert item == ResourceContent(content)
    assert item != ResourceContent(content, mime_type="a/b")
    assert "ResourceContent(" in repr(item)


def test_result() -> None:
    result = ResourceResult([ResourceContent("x", "a/b", {"k": 1})], meta={"m": 2})
    assert result.to_wire("a://b") == {
        "contents": [{"uri": "a://b", "mimeType": "a/b", "text": "x", "_meta": {"k": 1}}],
        "_meta": {"m": 2},
    }
    assert isinstance(result.to_mcp_result("a://b"), mcp_types.ReadResourceResult)
    assert result == ResourceResult([ResourceContent("x", "a/b", {"k": 1})], meta={"m": 2})
    assert "ResourceResult(" in repr(result)
    assert ResourceResult([]).to_wire("")["contents"] == []
    assert ResourceResult({"a": 1}).contents[0].content == '{"a":1}'


def test_mixed_list() -> None:
    with pytest.raises(TypeError, match=r"contents\[1\] must be ResourceContent, got str"):
        ResourceResult([ResourceContent("x"), "y"])


async def test_subclasses_read() -> None:
    class Clock(Resource):
        async def read(self) -> ResourceResult:
            return self.convert_result("12:00")

    clock = Clock(uri="clock://now")
    assert clock.name == "clock://now"
    assert (await clock.read()).contents == [ResourceContent("12:00")]
    with pytest.raises(NotImplementedError, match="must override read"):
        await Resource(uri="a://b").read()
    with pytest.raises(NotImplementedError, match="must override read"):
        await ResourceTemplate(name="t", uri_template="a://{x}").read("a://1", {"x": "1"})
