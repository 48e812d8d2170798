"""A store of `py-key-value-aio` in a folder, for tokens: each entry a file that its owner alone can
read.

An entry is written beside its place and then moved there, so that a reader sees the one before or
the next, and never a part; and what fails on the way leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, SupportsFloat

import msgspec

from fastmcp.protocol.jsonrpc import UNREADABLE
from fastmcp.settings import get_settings

__all__ = ["TokenFiles"]


class _File(msgspec.Struct):
    value: dict[str, Any]
    until: float | None


class TokenFiles:
    """A store in a folder, one file an entry, readable by its owner alone. It has the methods of
    `key_value.aio.protocols.AsyncKeyValue`, so that its wrappers take it.

    Args:
        folder: made when it is first written to; by default `oauth` in `FASTMCP_HOME`.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self._folder = get_settings().home / "oauth" if folder is None else Path(folder)

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        """What is kept under a key."""
        return (await self.ttl(key, collection=collection))[0]

    async def ttl(
        self, key: str, *, collection: str | None = None
    ) -> tuple[dict[str, Any] | None, float | None]:
        """The same, and the seconds for which it is."""
        try:
            kept = msgspec.json.decode(self._path(key, collection).read_bytes(), type=_File)
        except (OSError, *UNREADABLE):
            return None, None
        left = None if kept.until is None else kept.until - time.time()
        return (None, None) if left is not None and left <= 0 else (kept.value, left)

    async def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        """Keep a value in the place of the one before: a reader sees one of them whole."""
        path = self._path(key, collection)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        until = None if ttl is None else time.time() + float(ttl)
        _write(path, msgspec.json.encode(_File(dict(value), until)))

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        """Forget what is kept; whether there was anything."""
        with suppress(FileNotFoundError):
            self._path(key, collection).unlink()
            return True
        return False

    async def get_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[dict[str, Any] | None]:
        """What is kept under each key."""
        return [await self.get(key, collection=collection) for key in keys]

    async def ttl_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[tuple[dict[str, Any] | None, float | None]]:
        """The same, and for how long."""
        return [await self.ttl(key, collection=collection) for key in keys]

    async def put_many(
        self,
        keys: Sequence[str],
        values: Sequence[Mapping[str, Any]],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> None:
        """Keep several."""
        for key, value in zip(keys, values, strict=True):
            await self.put(key, value, collection=collection, ttl=ttl)

    async def delete_many(self, keys: Sequence[str], *, collection: str | None = None) -> int:
        """Forget several; how many there were."""
        return sum([await self.delete(key, collection=collection) for key in keys])

    def _path(self, key: str, collection: str | None) -> Path:
        named = json.dumps([collection or "", key]).encode()  # whatever stands in it
        return self._folder / f"{hashlib.sha256(named).hexdigest()}.json"


def _write(path: Path, content: bytes) -> None:
    file, new = tempfile.mkstemp(dir=path.parent)  # its owner's alone
    try:
        with open(file, "wb") as stream:
            stream.write(content)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise
