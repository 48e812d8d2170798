"""The handshake era's shape of results, and what its older revisions cannot read.

Source: the schemas of 2024-11-05 to 2025-11-25. A content block that a revision does not know
is written as one it does, so an old client sees text instead of failing on the whole result.
"""

from __future__ import annotations

from typing import Any, Final, cast

from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.versions import negotiate

__all__ = ["initialize_result", "read_initialize", "suit"]

_AUDIO_SINCE: Final = "2025-03-26"
_RESOURCE_LINK_SINCE: Final = "2025-06-18"


def read_initialize(params: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The negotiated version, the client's info and its capabilities.

    Raises:
        McpError: `initialize` without what it must carry (basic/lifecycle, "Initialization").
    """
    version = params.get("protocolVersion")
    if not isinstance(version, str):
        raise invalid_params("Invalid params: protocolVersion must be a string")
    info, capabilities = params.get("clientInfo"), params.get("capabilities")
    if not isinstance(capabilities, dict):
        raise invalid_params("Invalid params: capabilities must be an object")
    if not isinstance(info, dict):
        raise invalid_params("Invalid params: clientInfo must be an object")
    for name in ("name", "version"):
        if not isinstance(cast("dict[str, Any]", info).get(name), str):
            raise invalid_params(f"Invalid params: clientInfo.{name} must be a string")
    return (
        negotiate(version),
        cast("dict[str, Any]", info),
        cast("dict[str, Any]", capabilities),
    )


def initialize_result(
    version: str,
    capabilities: dict[str, Any],
    server_info: dict[str, Any],
    instructions: str | None,
) -> dict[str, Any]:
    """The result of `initialize`."""
    result: dict[str, Any] = {
        "protocolVersion": version,
        "capabilities": capabilities,
        "serverInfo": server_info,
    }
    if instructions is not None:
        result["instructions"] = instructions
    return result


def suit(result: dict[str, Any], version: str) -> dict[str, Any]:
    """Rewrite the content blocks that `version` does not know; the result itself is kept."""
    if version >= _RESOURCE_LINK_SINCE:
        return result
    content = result.get("content")
    if isinstance(content, list):
        blocks = cast("list[dict[str, Any]]", content)
        return {**result, "content": [_suit_block(block, version) for block in blocks]}
    messages = result.get("messages")
    if isinstance(messages, list):
        return {
            **result,
            "messages": [
                {**message, "content": _suit_block(message["content"], version)}
                for message in cast("list[dict[str, Any]]", messages)
            ],
        }
    return result


def _suit_block(block: dict[str, Any], version: str) -> dict[str, Any]:
    kind = block.get("type")
    if kind == "resource_link":
        return {"type": "text", "text": f"{block.get('title') or block['name']}: {block['uri']}"}
    if kind == "audio" and version < _AUDIO_SINCE:
        return {"type": "text", "text": f"[audio, {block['mimeType']}]"}
    return block
