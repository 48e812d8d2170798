"""A resource, and what reading one gives.

Whatever a function returns becomes a `ResourceResult`: text stays text, bytes are sent as a
blob, any other value as JSON text. The MIME type is the one the resource declares in listings.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, ClassVar, cast

from pydantic import Field, field_validator, model_validator

from fastmcp.protocol.era2026 import CacheScope, cache_members
from fastmcp.utilities import mcp_types
from fastmcp.utilities.components import FastMCPComponent, dump_model
from fastmcp.utilities.model_fields import Annotations
from fastmcp.utilities.serialization import to_jsonable, to_text

__all__ = [
    "DEFAULT_MIME_TYPE",
    "InputRequiredResourceResult",
    "Resource",
    "ResourceContent",
    "ResourceResult",
    "to_result",
]

DEFAULT_MIME_TYPE = "text/plain"


class ResourceContent:
    """One item of a read.

    Args:
        content: text, bytes, or any value, which becomes JSON text.
        mime_type: by the content if not given: text/plain, application/octet-stream or
            application/json.
        meta: the item's `_meta`.
    """

    __slots__ = ("content", "meta", "mime_type")

    def __init__(
        self, content: Any, mime_type: str | None = None, meta: dict[str, Any] | None = None
    ) -> None:
        self.content: str | bytes
        if isinstance(content, str):
            self.content, default = content, DEFAULT_MIME_TYPE
        elif isinstance(content, bytes | bytearray):
            self.content, default = bytes(content), "application/octet-stream"
        else:
            self.content, default = to_text(content), "application/json"
        self.mime_type = mime_type or default
        self.meta = meta

    def to_wire(self, uri: str) -> dict[str, Any]:
        """The JSON-ready item, under the URI that was read."""
        wire: dict[str, Any] = {"uri": uri, "mimeType": self.mime_type}
        if isinstance(self.content, bytes):
            wire["blob"] = base64.b64encode(self.content).decode("ascii")
        else:
            wire["text"] = self.content
        if self.meta is not None:
            wire["_meta"] = self.meta
        return wire

    def to_mcp_resource_contents(
        self, uri: str
    ) -> mcp_types.TextResourceContents | mcp_types.BlobResourceContents:
        """The protocol's model of the item."""
        if isinstance(self.content, bytes):
            return mcp_types.BlobResourceContents.model_validate(self.to_wire(str(uri)))
        return mcp_types.TextResourceContents.model_validate(self.to_wire(str(uri)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResourceContent):
            return NotImplemented
        return self.to_wire("") == other.to_wire("")

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"ResourceContent({self.content!r}, mime_type={self.mime_type!r})"


class ResourceResult:
    """What a read gives.

    Args:
        contents: text, bytes, a list of `ResourceContent`, or any JSON value.
        meta: the result's `_meta`.
        cache_ttl: seconds that clients may cache it; by default what the resource says, else what
            the server says.
        cache_scope: who may share it: "private" to the caller, or "public"; likewise.

    Raises:
        TypeError: a list with `ResourceContent` and something else in it.
        ValueError: a time below zero, or no such scope.
    """

    __slots__ = ("cache_members", "contents", "meta")

    def __init__(
        self,
        contents: Any,
        meta: dict[str, Any] | None = None,
        *,
        cache_ttl: float | None = None,
        cache_scope: CacheScope | None = None,
    ) -> None:
        self.contents: list[ResourceContent] = _items(contents)
        self.meta = meta
        self.cache_members = cache_members(cache_ttl, cache_scope)

    def cached(self, ttl: float | None, scope: CacheScope | None) -> ResourceResult:
        """This result, cached as its resource says where it does not say itself."""
        if ttl is None and scope is None:
            return self
        result = ResourceResult(self.contents, self.meta)
        result.cache_members = {**cache_members(ttl, scope), **self.cache_members}
        return result

    def to_wire(self, uri: str) -> dict[str, Any]:
        """The JSON-ready result, under the URI that was read."""
        wire: dict[str, Any] = {"contents": [item.to_wire(uri) for item in self.contents]}
        if self.meta is not None:
            wire["_meta"] = self.meta
        return wire

    def to_mcp_result(self, uri: str) -> mcp_types.ReadResourceResult:
        """The protocol's model of the result."""
        return mcp_types.ReadResourceResult.model_validate(self.to_wire(str(uri)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResourceResult):
            return NotImplemented
        return self.to_wire("") == other.to_wire("")

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"ResourceResult({self.contents!r}, meta={self.meta!r})"


class InputRequiredResourceResult(ResourceResult):
    """What a resource returns that asks its client before it can be read (2026-07-28,
    basic/patterns/mrtr). A resource may return the `InputRequiredResult` itself.

    Args:
        input_required: the questions, and what the resource wants to have back with the answers.
    """

    __slots__ = ("input_required",)

    def __init__(self, input_required: mcp_types.InputRequiredResult) -> None:
        super().__init__([])
        self.input_required = input_required

    def to_wire(self, uri: str) -> dict[str, Any]:
        return dump_model(self.input_required)


def _items(contents: Any) -> list[ResourceContent]:
    if isinstance(contents, ResourceContent):
        return [contents]
    if isinstance(contents, list):
        items = cast("list[Any]", contents)
        if not items or any(isinstance(item, ResourceContent) for item in items):
            for index, item in enumerate(items):
                if not isinstance(item, ResourceContent):
                    raise TypeError(
                        f"contents[{index}] must be ResourceContent, got {type(item).__name__}."
                        f" Use ResourceContent({item!r}) to wrap the value."
                    )
            return list(items)
    return [ResourceContent(contents)]


def json_text(value: Any) -> str:
    """A value as JSON text, spaced as `json.dumps` does it."""
    return json.dumps(to_jsonable(value))


def to_result(value: Any, mime_type: str | None, meta: dict[str, Any] | None) -> ResourceResult:
    """What a resource's function returned, as a result with the resource's MIME type.

    Args:
        value: a `ResourceResult` or an `InputRequiredResult` as it is; a list of
            `ResourceContent`; any other value.
        mime_type: the resource's.
        meta: the resource's; its `fastmcp` facts stay out, the item's own keys win.
    """
    if isinstance(value, ResourceResult):
        return value
    if mcp_types.is_loaded() and isinstance(value, mcp_types.InputRequiredResult):
        return InputRequiredResourceResult(value)
    shown = {key: item for key, item in (meta or {}).items() if key != "fastmcp"} or None
    is_list = isinstance(value, list) and any(
        isinstance(item, ResourceContent) for item in cast("list[Any]", value)
    )
    if is_list or isinstance(value, ResourceContent):
        items = _items(value)
        if shown is not None:
            items = [
                ResourceContent(item.content, item.mime_type, {**shown, **(item.meta or {})})
                for item in items
            ]
        return ResourceResult(items)
    if not isinstance(value, str | bytes | bytearray):
        value = json_text(value)
    return ResourceResult([ResourceContent(value, mime_type, shown)])


class Resource(FastMCPComponent):
    """Something a client can read by its URI.

    Args:
        uri: absolute, with a scheme.
        name: the URI by default.
        mime_type: of the content.
        annotations: audience, priority.
        size: bytes, if known.
        cache_ttl: seconds that clients may cache what they read; the server's by default.
        cache_scope: who may share it: "private" to the caller, or "public" where everyone reads the
            same; the server's by default.
    """

    KEY_PREFIX: ClassVar[str] = "resource"
    # What `from_function` makes. It is a subclass, so its module sets this when imported.
    FUNCTION_RESOURCE: ClassVar[type[Resource]]

    name: str = ""
    uri: str
    mime_type: str = DEFAULT_MIME_TYPE
    annotations: Annotations = None
    size: int | None = None
    cache_ttl: float | None = Field(default=None, ge=0, allow_inf_nan=False, exclude=True)
    cache_scope: CacheScope | None = Field(default=None, exclude=True)

    @field_validator("uri", mode="before")
    @classmethod
    def _uri_text(cls, value: Any) -> str:
        return check_uri(str(value))

    @field_validator("mime_type")
    @classmethod
    def _mime_form(cls, value: str) -> str:
        return check_mime_type(value)

    @model_validator(mode="after")
    def _name_default(self) -> Resource:
        if not self.name:
            vars(self)["name"] = self.uri
        return self

    @property
    def identifier(self) -> str:
        return self.uri

    async def read(self) -> ResourceResult:
        """Read it.

        Raises:
            ResourceError: it cannot be read; the text is for the client.
        """
        raise NotImplementedError(f"{type(self).__name__} must override read()")

    def convert_result(self, value: Any) -> ResourceResult:
        """Whatever `read` found, as a result with this resource's MIME type."""
        result = to_result(value, self.mime_type, self.meta)
        return result.cached(self.cache_ttl, self.cache_scope)

    def _make_wire(self) -> dict[str, Any]:
        entry = self._wire_base()
        entry["uri"] = self.uri
        entry["mimeType"] = self.mime_type
        if self.annotations is not None:
            entry["annotations"] = dump_model(self.annotations)
        if self.size is not None:
            entry["size"] = self.size
        return entry

    def to_mcp_resource(self, **overrides: Any) -> mcp_types.Resource:
        """The protocol's model; `overrides` are its fields by their Python names."""
        model = mcp_types.Resource.model_validate(self.to_wire())
        return model.model_copy(update=overrides) if overrides else model

    @staticmethod
    def from_function(
        fn: Callable[..., Any],
        uri: str,
        *,
        name: str | None = None,
        version: str | int | float | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[mcp_types.Icon] | None = None,
        mime_type: str | None = None,
        tags: set[str] | None = None,
        annotations: mcp_types.Annotations | dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        auth: Any = None,
        cache_ttl: float | None = None,
        cache_scope: CacheScope | None = None,
    ) -> Resource:
        """A resource that calls `fn`; see `FunctionResource.from_function`."""
        return Resource.FUNCTION_RESOURCE.from_function(
            fn,
            uri,
            name=name,
            version=version,
            title=title,
            description=description,
            icons=icons,
            mime_type=mime_type,
            tags=tags,
            annotations=annotations,
            meta=meta,
            auth=auth,
            cache_ttl=cache_ttl,
            cache_scope=cache_scope,
        )


def check_uri(uri: str) -> str:
    """The URI as it stands, if it has a scheme.

    Raises:
        ValueError: it has none, so no client could ask for it.
    """
    scheme, colon, rest = uri.partition(":")
    ok = scheme[:1].isalpha() and all(c.isalnum() or c in "+-." for c in scheme)
    if not colon or not rest or not ok:
        raise ValueError(f"{uri!r} is not an absolute URI: it needs a scheme, as in data://name")
    return uri


def check_mime_type(value: str) -> str:
    """The MIME type as it stands, if it is one.

    Raises:
        ValueError: it is not of the form type/subtype.
    """
    kind, slash, subtype = value.partition("/")
    if not kind or not slash or not subtype or any(c.isspace() for c in kind):
        raise ValueError(f"{value!r} is not a MIME type: it needs the form type/subtype")
    return value
