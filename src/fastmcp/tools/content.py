"""What a function returned, as the content blocks of a result.

The forms that nearly every tool returns (text, numbers, JSON) become wire-ready dicts without
a pydantic model being made; pictures, files and blocks of the author's keep their models.
"""

from __future__ import annotations

import functools
from typing import Any, Final, TypeAlias, cast

from pydantic import TypeAdapter

from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import dump_model
from fastmcp.utilities.serialization import bytes_to_text, to_text
from fastmcp.utilities.types import Audio, File, Image, content_blocks

__all__ = [
    "Block",
    "block_model",
    "block_wire",
    "content_classes",
    "has_content",
    "to_blocks",
]

Block: TypeAlias = "mcp_types.ContentBlock | dict[str, Any]"
"""A content block, as a model or as it goes over the wire."""

_OWN: Final = (Image, Audio, File)


def content_classes() -> tuple[type, ...]:
    """Everything that becomes a content block of its own."""
    return _content_classes() if mcp_types.is_loaded() else _OWN


@functools.cache
def _content_classes() -> tuple[type, ...]:
    return (*content_blocks(), *_OWN)


@functools.cache
def _adapter() -> TypeAdapter[mcp_types.ContentBlock]:
    return TypeAdapter(mcp_types.ContentBlock)


def has_content(value: Any) -> bool:
    """Whether `value` is, or is a list with, something that becomes a block of its own."""
    if isinstance(value, list | tuple):
        content = content_classes()
        return any(isinstance(item, content) for item in cast("list[Any]", value))
    return isinstance(value, content_classes())


def to_blocks(value: Any) -> list[Block]:
    """The content blocks for a value: none for None or an empty list.

    A list with a block in it is one block per item, any other list is one block of JSON.
    """
    if value is None:
        return []
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        if not items or has_content(items):
            return [_to_block(item) for item in items]
    return [_to_block(value)]


def _to_block(item: Any) -> Block:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    if isinstance(item, content_blocks()):
        return cast("Block", item)
    if isinstance(item, Image):
        return item.to_image_content()
    if isinstance(item, Audio):
        return item.to_audio_content()
    if isinstance(item, File):
        return item.to_resource_content()
    if isinstance(item, bytes):
        return {"type": "text", "text": bytes_to_text(item)}
    return {"type": "text", "text": to_text(item)}


def block_model(block: Block) -> mcp_types.ContentBlock:
    """The block as the model users hold."""
    return _adapter().validate_python(block) if isinstance(block, dict) else block


def block_wire(block: Block) -> dict[str, Any]:
    """The block as it goes over the wire."""
    return block if isinstance(block, dict) else dump_model(block)
