"""The handshake era's results, and what its older revisions cannot read."""

from __future__ import annotations

from typing import Any

import pytest

from fastmcp.exceptions import McpError
from fastmcp.protocol.era2025 import initialize_result, read_initialize, suit
from fastmcp.protocol.versions import HANDSHAKE_VERSIONS
from tests.support import schema

GOOD: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"roots": {}},
    "clientInfo": {"name": "c", "version": "1", "title": "C"},
}
BLOCKS = [
    {"type": "text", "text": "t"},
    {"type": "audio", "data": "YQ==", "mimeType": "audio/wav"},
    {"type": "resource_link", "uri": "a:b", "name": "n", "title": "N"},
    {"type": "resource_link", "uri": "a:b", "name": "n"},
]


def test_reads():
    assert read_initialize(GOOD) == ("2025-06-18", GOOD["clientInfo"], {"roots": {}})


@pytest.mark.parametrize("field", ["protocolVersion", "capabilities", "clientInfo"])
@pytest.mark.parametrize("value", [None, 5, [], "x"])
def test_what_must_be_there(field: str, value: Any):
    if field == "protocolVersion" and value == "x":
        assert read_initialize({**GOOD, field: value})[0] == "2025-11-25"
        return
    with pytest.raises(McpError, match=field) as caught:
        read_initialize({**GOOD, field: value})
    assert caught.value.code == -32602


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
@pytest.mark.parametrize("instructions", [None, "use it"])
def test_initialize_result(version: str, instructions: str | None):
    result = initialize_result(version, {}, {"name": "s", "version": "1"}, instructions)
    schema.check_definition(result, version, "InitializeResult")
    assert result.get("instructions") == instructions


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
def test_old_revisions_get_text(version: str):
    result = {"content": list(BLOCKS), "isError": False}
    before = repr(result)
    suited = suit(result, version)
    schema.check_definition(suited, version, "CallToolResult")
    assert repr(result) == before
    messages = {"messages": [{"role": "user", "content": block} for block in BLOCKS]}
    schema.check_definition(suit(messages, version), version, "GetPromptResult")
    other = {"tools": []}
    assert suit(other, version) == other


def test_texts():
    suited = suit({"content": list(BLOCKS)}, "2024-11-05")["content"]
    assert [b["text"] for b in suited] == ["t", "[audio, audio/wav]", "N: a:b", "n: a:b"]
