"""Resources that need no function: text, bytes, a file, a directory, another server's page."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from fastmcp.exceptions import ResourceError
from fastmcp.resources.base import DEFAULT_MIME_TYPE, Resource, ResourceResult
from fastmcp.utilities.threads import run_in_thread

__all__ = [
    "BinaryResource",
    "DirectoryResource",
    "FileResource",
    "HttpResource",
    "TextResource",
]


class TextResource(Resource):
    """Text.

    Args:
        text: the content.
    """

    text: str

    async def read(self) -> ResourceResult:
        return self.convert_result(self.text)


class BinaryResource(Resource):
    """Bytes.

    Args:
        data: the content.
    """

    data: bytes
    mime_type: str = DEFAULT_MIME_TYPE

    async def read(self) -> ResourceResult:
        return self.convert_result(self.data)


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"Path must be absolute, got {str(path)!r}")
    return path


class FileResource(Resource):
    """A file, read anew every time.

    Args:
        path: absolute.
        is_binary: send bytes; by default unless the MIME type is text.
        encoding: of a text file; None for the system's.
    """

    path: Path
    is_binary: bool = False
    encoding: str | None = "utf-8"

    @field_validator("path")
    @classmethod
    def _path_absolute(cls, path: Path) -> Path:
        return _absolute(path)

    @model_validator(mode="after")
    def _binary_by_type(self) -> FileResource:
        if "is_binary" not in self.model_fields_set:
            vars(self)["is_binary"] = not self.mime_type.startswith("text/")
        return self

    async def read(self) -> ResourceResult:
        try:
            if self.is_binary:
                return self.convert_result(await run_in_thread(self.path.read_bytes))
            return self.convert_result(await run_in_thread(self.path.read_text, self.encoding))
        except (OSError, UnicodeError) as error:
            raise ResourceError(f"Error reading file {self.path}") from error


class HttpResource(Resource):
    """The body of an HTTP GET, as text.

    Args:
        url: http or https.
        timeout: seconds for the whole request.
    """

    url: str
    mime_type: str = "application/json"
    timeout: float = Field(default=30.0, gt=0)

    async def read(self) -> ResourceResult:
        import aiohttp  # 0.2 s to import, and few servers have one of these

        timeout = aiohttp.ClientTimeout(total=self.timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.get(self.url) as response,
            ):
                response.raise_for_status()
                return self.convert_result(await response.text())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ResourceError(f"Error reading {self.url}: {error or 'timed out'}") from error


class DirectoryResource(Resource):
    """The files in a directory, as `{"files": [...]}` with paths relative to it.

    Args:
        path: absolute.
        recursive: those in its subdirectories too.
        pattern: a glob that names have to match.
    """

    path: Path
    recursive: bool = False
    pattern: str | None = None
    mime_type: str = "application/json"

    @field_validator("path")
    @classmethod
    def _path_absolute(cls, path: Path) -> Path:
        return _absolute(path)

    def list_files(self) -> list[Path]:
        """The files' paths, sorted. Blocks on the file system.

        Raises:
            FileNotFoundError: the directory does not exist.
            NotADirectoryError: it is something else.
        """
        if not self.path.exists():
            raise FileNotFoundError(f"Directory not found: {self.path}")
        if not self.path.is_dir():
            raise NotADirectoryError(f"Not a directory: {self.path}")
        pattern = self.pattern or "*"
        found = self.path.rglob(pattern) if self.recursive else self.path.glob(pattern)
        return sorted(path for path in found if path.is_file())

    async def read(self) -> ResourceResult:
        try:
            files = await run_in_thread(self.list_files)
        except OSError as error:
            raise ResourceError(f"Error reading directory {self.path}") from error
        names = [path.relative_to(self.path).as_posix() for path in files]
        return self.convert_result(json.dumps({"files": names}, indent=2))
