"""The handshake era's shape of results, and what its older revisions cannot read.

Source: the schemas of 2024-11-05 to 2025-11-25. A content block that a revision does not know
is written as one it does, so an old client sees text instead of failing on the whole result.
Structured content is an object in this era, and so is what an output schema describes: any other
value goes out as the member `result` of one.
"""

from __future__ import annotations

from typing import Any, Final, cast

from fastmcp.protocol.errors import invalid_params
from fastmcp.protocol.versions import negotiate

__all__ = [
    "WRAP_KEYWORD",
    "WRAP_META",
    "initialize_result",
    "is_object_schema",
    "read_initialize",
    "suit",
    "suit_structure",
    "suit_tool",
]

WRAP_KEYWORD: Final = "x-fastmcp-wrap-result"
"""Marks an output schema whose only property `result` holds a value that is no object."""

WRAP_META: Final[dict[str, Any]] = {"fastmcp": {"wrap_result": True}}
"""The `_meta` of a result whose structured content is wrapped. Shared: not to be changed."""

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


def is_object_schema(schema: dict[str, Any]) -> bool:
    """Whether all that a schema describes are objects, as far as its top level says."""
    seen: set[str] = set()
    at: Any = schema
    while isinstance(at, dict):
        node = cast("dict[str, Any]", at)
        if "type" in node:
            return node["type"] == "object"
        if "properties" in node:
            return True
        ref = node.get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#/") or ref in seen:
            return False
        seen.add(ref)
        at = schema
        for step in ref[2:].split("/"):
            at = cast("dict[str, Any]", at).get(step) if isinstance(at, dict) else None
    return False


def suit_tool(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of a tool whose output schema is of type object, as this era wants it."""
    schema = entry.get("outputSchema")
    if schema is None or schema.get("type") == "object":
        return entry
    if is_object_schema(schema):
        return {**entry, "outputSchema": {"type": "object", **schema}}
    top = {key: schema[key] for key in ("$schema", "$defs", "definitions") if key in schema}
    inner = {key: _moved(value) for key, value in schema.items() if key not in top}
    wrapped = {
        **top,
        "type": "object",
        "properties": {"result": inner},
        "required": ["result"],
        WRAP_KEYWORD: True,
    }
    return {**entry, "outputSchema": wrapped}


def suit_structure(result: dict[str, Any]) -> dict[str, Any]:
    """A tool's result whose structured content may be anything, with an object instead."""
    meta = cast("dict[str, Any]", result.get("_meta") or {})
    facts: dict[str, Any] = {**(meta.get("fastmcp") or {}), **WRAP_META["fastmcp"]}
    return {
        **result,
        "structuredContent": {"result": result["structuredContent"]},
        "_meta": {**meta, "fastmcp": facts},
    }


def _moved(schema: Any) -> Any:
    """A schema that is no longer the top of its document: what refers to that goes on doing so."""
    if isinstance(schema, list):
        return [_moved(part) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found = {key: _moved(value) for key, value in cast("dict[str, Any]", schema).items()}
    ref = found.get("$ref")
    if isinstance(ref, str) and (
        ref == "#" or (ref.startswith("#/") and not ref.startswith(("#/$defs/", "#/definitions/")))
    ):
        found["$ref"] = f"#/properties/result{ref[1:]}"
    return found
