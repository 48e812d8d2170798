"""Results of a server behind, as they came.

They are results like any other, for middleware that looks at them; nothing of them is made into a
model before somebody does, and what nobody changed is written as it was read.
"""

from __future__ import annotations

import base64
from typing import Any, Final, cast

from fastmcp.prompts.base import Message, PromptResult
from fastmcp.protocol import meta
from fastmcp.protocol.jsonrpc import as_object
from fastmcp.resources.base import ResourceContent, ResourceResult
from fastmcp.tools.base import ToolResult

__all__ = ["ForwardedPromptResult", "ForwardedResourceResult", "ForwardedToolResult", "own_meta"]

_HOP: Final = ("resultType", "ttlMs", "cacheScope")
"""Members that this server writes itself, as the era of its client has them."""


def own_meta(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what concerns the hop it came by."""
    for name in _HOP:
        result.pop(name, None)
    given = as_object(result.get("_meta"))
    if given is not None and meta.SERVER_INFO in given:
        left = {key: value for key, value in given.items() if key != meta.SERVER_INFO}
        if left:
            result["_meta"] = left
        else:
            del result["_meta"]
    return result


class ForwardedToolResult(ToolResult):
    """The result of a tool.

    Args:
        result: as it came; this object's own from now on.
    """

    __slots__ = ("_raw",)

    def __init__(self, result: dict[str, Any]) -> None:
        raw = own_meta(result)
        content = raw.get("content")
        self._raw = raw
        self._blocks = cast("list[Any]", content) if isinstance(content, list) else []
        self.structured_content = raw.get("structuredContent")
        self.bare = "structuredContent" in raw and not isinstance(self.structured_content, dict)
        self.meta = as_object(raw.get("_meta"))
        self.is_error = raw.get("isError") is True

    def to_wire(self) -> dict[str, Any]:
        wire = super().to_wire()
        for member in ("structuredContent", "_meta"):
            if member not in wire:  # middleware took it away
                self._raw.pop(member, None)
        return {**self._raw, **wire}


class ForwardedResourceResult(ResourceResult):
    """What was read.

    Args:
        result: as it came; this object's own from now on.
        uri: under which it was read.
    """

    __slots__ = ("_contents", "_raw", "_uri")

    def __init__(self, result: dict[str, Any], uri: str) -> None:
        self.cache_members = {
            name: result[name] for name in ("ttlMs", "cacheScope") if name in result
        }
        self._raw = own_meta(result)
        self._uri = uri
        self._contents: list[ResourceContent] | None = None
        self.meta = as_object(self._raw.get("_meta"))

    @property
    def contents(self) -> list[ResourceContent]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The items; from now on they are what is sent."""
        if self._contents is None:
            self._contents = [
                _item(found)
                for item in cast("list[Any]", self._raw.get("contents") or ())
                if (found := as_object(item)) is not None
            ]
        return self._contents

    @contents.setter
    def contents(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, value: list[ResourceContent]
    ) -> None:
        self._contents = value

    def to_wire(self, uri: str) -> dict[str, Any]:
        if self._contents is not None:
            return super().to_wire(uri)
        if uri == self._uri:
            return self._raw
        items = [
            {**item, "uri": uri} if item.get("uri") == self._uri else item
            for item in self._raw.get("contents") or ()
        ]
        return {**self._raw, "contents": items}


def _item(item: dict[str, Any]) -> ResourceContent:
    blob = item.get("blob")
    content = base64.b64decode(blob) if isinstance(blob, str) else item.get("text", "")
    return ResourceContent(content, item.get("mimeType"), as_object(item.get("_meta")))


class ForwardedPromptResult(PromptResult):
    """What was rendered.

    Args:
        result: as it came; this object's own from now on.
    """

    __slots__ = ("_messages", "_raw")

    def __init__(self, result: dict[str, Any]) -> None:
        self._raw = own_meta(result)
        self._messages: list[Message] | None = None
        self.description = self._raw.get("description")
        self.meta = as_object(self._raw.get("_meta"))

    @property
    def messages(self) -> list[Message]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The messages; from now on they are what is sent."""
        if self._messages is None:
            given = cast("list[Any]", self._raw.get("messages") or ())
            self._messages = [Message.model_validate(message) for message in given]
        return self._messages

    @messages.setter
    def messages(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, value: list[Message]
    ) -> None:
        self._messages = value

    def to_wire(self) -> dict[str, Any]:
        return self._raw if self._messages is None else super().to_wire()
