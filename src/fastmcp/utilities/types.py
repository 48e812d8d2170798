"""What authors return besides plain values: pictures, sounds, files. And "nothing given".

`Image`, `Audio` and `File` hold bytes or the path of a file, which is read when the result is
made, so they may be created before the file is complete.
"""

from __future__ import annotations

import base64
import functools
import inspect
import mimetypes
import os
import types
from pathlib import Path
from typing import Annotated, Any, Final, Union, get_args, get_origin
from urllib.parse import quote

from fastmcp.utilities import mcp_types
from fastmcp.utilities.hints import resolve_hints, unwrap_callable

__all__ = [
    "Audio",
    "File",
    "Image",
    "NotSet",
    "NotSetT",
    "content_blocks",
    "find_kwarg_by_type",
    "is_class_in",
]


class NotSetT:
    """The type of `NotSet`."""

    _instance: NotSetT | None = None

    def __new__(cls) -> NotSetT:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "NotSet"

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> NotSetT:
        return self

    def __deepcopy__(self, memo: Any) -> NotSetT:
        return self


NotSet: Final = NotSetT()
"""The argument was not given, where None is a value of its own."""


class _Media:
    """Bytes from memory or from a file, with a MIME type."""

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,
        annotations: mcp_types.Annotations | None = None,
    ) -> None:
        if path is None and data is None:
            raise ValueError("Either path or data must be provided")
        if path is not None and data is not None:
            raise ValueError("Only one of path or data can be provided")
        self.path = None if path is None else Path(os.path.expandvars(path)).expanduser()
        self.data = data
        self.annotations = annotations
        self._format = format.lower() if format else None

    def _bytes(self) -> bytes:
        return self.path.read_bytes() if self.path is not None else self.data or b""

    def _base64(self) -> str:
        return base64.b64encode(self._bytes()).decode("ascii")

    def __repr__(self) -> str:
        source = f"path={self.path}" if self.path else f"data={len(self.data or b'')} bytes"
        return f"{type(self).__name__}({source})"


class Image(_Media):
    """A picture to return from a tool.

    Args:
        path: the file; `~` and environment variables are expanded.
        data: the bytes, instead of a path.
        format: "png", "jpeg" ...; without it the file's name decides, and bytes are a PNG.
        annotations: for the content block.

    Raises:
        ValueError: unless exactly one of `path` and `data` is given.
    """

    _MIME: Final = {"jpg": "image/jpeg", "svg": "image/svg+xml", "tif": "image/tiff"}

    @property
    def mime_type(self) -> str:
        """The MIME type by format, by the file's name, or image/png."""
        if self._format:
            return self._MIME.get(self._format, f"image/{self._format}")
        if self.path is not None:
            return _guess(self.path, {".webp": "image/webp"})
        return "image/png"

    def to_image_content(
        self,
        mime_type: str | None = None,
        annotations: mcp_types.Annotations | None = None,
    ) -> mcp_types.ImageContent:
        """The content block; reads the file."""
        return mcp_types.ImageContent(
            type="image",
            data=self._base64(),
            mime_type=mime_type or self.mime_type,
            annotations=annotations or self.annotations,
        )

    def to_data_uri(self, mime_type: str | None = None) -> str:
        """The picture as a `data:` URI; reads the file."""
        return f"data:{mime_type or self.mime_type};base64,{self._base64()}"


class Audio(_Media):
    """A sound to return from a tool. Arguments as for `Image`; bytes are a WAV by default."""

    _MIME: Final = {"mp3": "audio/mpeg", "m4a": "audio/mp4"}
    _SUFFIX: Final = {
        ".wav": "audio/wav",
        ".mp3": "audio/mpeg",
        ".ogg": "audio/ogg",
        ".m4a": "audio/mp4",
        ".flac": "audio/flac",
    }

    @property
    def mime_type(self) -> str:
        """The MIME type by format, by the file's name, or audio/wav."""
        if self._format:
            return self._MIME.get(self._format, f"audio/{self._format}")
        if self.path is not None:
            return _guess(self.path, self._SUFFIX)
        return "audio/wav"

    def to_audio_content(
        self,
        mime_type: str | None = None,
        annotations: mcp_types.Annotations | None = None,
    ) -> mcp_types.AudioContent:
        """The content block; reads the file."""
        return mcp_types.AudioContent(
            type="audio",
            data=self._base64(),
            mime_type=mime_type or self.mime_type,
            annotations=annotations or self.annotations,
        )


class File(_Media):
    """A file to return from a tool, as an embedded resource: text if its type is text.

    Args:
        path: the file; `~` and environment variables are expanded.
        data: the bytes, instead of a path.
        format: "pdf", "txt" ...; without it the file's name decides.
        name: the name in the resource's URI, for bytes.
        annotations: for the content block.

    Raises:
        ValueError: unless exactly one of `path` and `data` is given.
    """

    _MIME: Final = {
        "plain": "text/plain",
        "txt": "text/plain",
        "text": "text/plain",
        "csv": "text/csv",
        "htm": "text/html",
        "html": "text/html",
        "md": "text/markdown",
        "markdown": "text/markdown",
    }

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,
        name: str | None = None,
        annotations: mcp_types.Annotations | None = None,
    ) -> None:
        super().__init__(path, data, format, annotations)
        self._name = name

    @property
    def mime_type(self) -> str:
        """The MIME type by format, by the file's name, or application/octet-stream."""
        if self._format:
            return self._MIME.get(self._format, f"application/{self._format}")
        return _guess(self.path, {}) if self.path is not None else "application/octet-stream"

    def _uri(self) -> str:
        if self.path is not None:
            return self.path.resolve().as_uri()
        suffix = f".{self._format or self.mime_type.partition('/')[2]}"
        name = self._name or "resource"
        return f"file:///{quote(name if Path(name).suffix else name + suffix)}"

    def to_resource_content(
        self,
        mime_type: str | None = None,
        annotations: mcp_types.Annotations | None = None,
    ) -> mcp_types.EmbeddedResource:
        """The content block; reads the file."""
        mime = mime_type or self.mime_type
        data = self._bytes()
        contents: mcp_types.TextResourceContents | mcp_types.BlobResourceContents
        if mime.startswith("text/"):
            contents = mcp_types.TextResourceContents(
                uri=self._uri(), mime_type=mime, text=_decode(data)
            )
        else:
            blob = base64.b64encode(data).decode("ascii")
            contents = mcp_types.BlobResourceContents(uri=self._uri(), mime_type=mime, blob=blob)
        return mcp_types.EmbeddedResource(
            type="resource", resource=contents, annotations=annotations or self.annotations
        )


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _guess(path: Path, known: dict[str, str]) -> str:
    suffix = path.suffix.lower()
    found = known.get(suffix) or mimetypes.guess_type(path.name, strict=False)[0]
    return found or "application/octet-stream"


def content_blocks() -> tuple[type, ...]:
    """The protocol's classes of content blocks; none while nothing can be one."""
    return _content_blocks() if mcp_types.is_loaded() else ()


@functools.cache
def _content_blocks() -> tuple[type, ...]:
    return (
        mcp_types.TextContent,
        mcp_types.ImageContent,
        mcp_types.AudioContent,
        mcp_types.ResourceLink,
        mcp_types.EmbeddedResource,
    )


def is_class_in(hint: Any, kind: Any) -> bool:
    """Whether `hint` is `kind` (or a subclass), looking through `Annotated` and unions."""
    origin = get_origin(hint)
    if origin is Annotated:
        return is_class_in(get_args(hint)[0], kind)
    if origin is Union or origin is types.UnionType:
        return any(is_class_in(member, kind) for member in get_args(hint))
    cls = origin if isinstance(origin, type) else hint
    return isinstance(cls, type) and issubclass(cls, kind)


def find_kwarg_by_type(fn: Any, kwarg_type: type) -> str | None:
    """The name of the first parameter of `fn` annotated with `kwarg_type`, or None.

    `T | None`, `Optional[T]`, `Annotated[T, ...]` and subclasses of `T` count.
    """
    hints = resolve_hints(unwrap_callable(fn))
    for name in inspect.signature(fn).parameters:
        if name in hints and is_class_in(hints[name], kwarg_type):
            return name
    return None
