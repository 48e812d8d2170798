"""Where what was granted is kept: facts with an end, by name.

Three things are asked of a store: to read, to write with a time to live, and to remove a record and
say whether it was this call that removed it. The last makes a code single-use, also where two
workers see it at once: whoever removes it has it. That something is seen for the first time (`add`)
a store cannot be asked: of one that workers share, each is sure of that for itself alone. What is
secret is no part of a record's name or content; its SHA-256 is (`name`).

Of the stores of `py-key-value-aio` most say truly who removed a record: memory in one process, the
files of Disk and FileTree on one machine, Redis, Valkey, Memcached, MongoDB, PostgreSQL, DynamoDB
and Elasticsearch among several. S3, Firestore, Azure Tables and RocksDB look first and remove then:
two workers that are asked in the same moment can both be told that it was they. Then one code is
redeemed twice and nobody notices; whoever sends it needs the verifier of PKCE all the same. A
wrapper that caches what is read (`PassthroughCacheWrapper`) keeps a revoked token alive for that
long.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias

__all__ = ["KeyValueRecords", "KeyValueStore", "MemoryRecords", "Record", "Records", "name"]

Record: TypeAlias = dict[str, Any]

_COLLECTION: Final = "fastmcp_oauth"
_RECORDS: Final = 50_000
_USED: Final = 150_000
"""Assertions that were used: one that is forgotten before its time would be good again. `/token`
takes no more than these, by default, in the hour that one may live."""


def name(kind: str, secret: str) -> str:
    """The name of a record: of what kind it is, and a hash of what leads to it."""
    return f"{kind}-{hashlib.sha256(secret.encode()).hexdigest()}"


class Records(Protocol):
    """Keeps records."""

    async def read(self, *names: str) -> list[Record | None]:
        """The records of these names, in one go."""
        ...

    async def write(self, name: str, record: Record, seconds: float) -> None:
        """Keep a record for so long."""
        ...

    async def add(self, name: str, record: Record, seconds: float) -> bool:
        """Keep a record where there is none: whether there was none."""
        ...

    async def take(self, name: str) -> bool:
        """Remove a record: whether it was there, and this call removed it."""
        ...


class MemoryRecords:
    """Keeps records in this process, and of each kind only the newest.

    Args:
        limits: how many of a kind; of a kind that is not named, 50 000.
    """

    def __init__(self, limits: dict[str, int] | None = None) -> None:
        self._limits = {"used": _USED, **(limits or {})}
        self._kinds: dict[str, OrderedDict[str, tuple[float, Record]]] = {}

    async def read(self, *names: str) -> list[Record | None]:
        return [self._read(one) for one in names]

    def _read(self, name: str) -> Record | None:
        kept = self._kept(name).get(name)
        return None if kept is None or kept[0] < time.monotonic() else kept[1]

    async def write(self, name: str, record: Record, seconds: float) -> None:
        kept, now = self._kept(name), time.monotonic()
        kept.pop(name, None)
        limit = self._limits.get(name.partition("-")[0], _RECORDS)
        # Records of a kind live about equally long, so the first to end are in front.
        while kept and (len(kept) >= limit or next(iter(kept.values()))[0] < now):
            kept.popitem(last=False)
        kept[name] = (now + seconds, record)

    async def add(self, name: str, record: Record, seconds: float) -> bool:
        if self._read(name) is not None:
            return False
        await self.write(name, record, seconds)  # which waits for nothing
        return True

    async def take(self, name: str) -> bool:
        kept = self._kept(name).pop(name, None)
        return kept is not None and kept[0] >= time.monotonic()

    def _kept(self, name: str) -> OrderedDict[str, tuple[float, Record]]:
        return self._kinds.setdefault(name.partition("-")[0], OrderedDict())


class KeyValueStore(Protocol):
    """The part of `key_value.aio.protocols.AsyncKeyValue` that is used."""

    async def get_many(
        self, keys: Sequence[str], *, collection: str | None = None
    ) -> list[dict[str, Any] | None]: ...

    async def put(
        self,
        key: str,
        value: Any,
        *,
        collection: str | None = None,
        ttl: float | None = None,
    ) -> None: ...

    async def delete(self, key: str, *, collection: str | None = None) -> bool: ...


class KeyValueRecords:
    """Keeps records in a store that workers share.

    Args:
        store: any of `py-key-value-aio`; wrap it to have its records encrypted.
    """

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store
        self._adding: set[str] = set()

    async def read(self, *names: str) -> list[Record | None]:
        return await self._store.get_many(names, collection=_COLLECTION)

    async def write(self, name: str, record: Record, seconds: float) -> None:
        await self._store.put(name, record, collection=_COLLECTION, ttl=seconds)

    async def add(self, name: str, record: Record, seconds: float) -> bool:
        if name in self._adding:
            return False
        self._adding.add(name)
        try:
            (before,) = await self.read(name)
            if before is None:
                await self.write(name, record, seconds)
            return before is None
        finally:
            self._adding.discard(name)

    async def take(self, name: str) -> bool:
        return await self._store.delete(name, collection=_COLLECTION)
