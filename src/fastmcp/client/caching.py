"""Answers of the server, kept for as long as it says: `Client(cache=...)`.

Kept are the listings and the resources that were read, where the server gives them a time
(`ttlMs`); an answer that was changed meanwhile is forgotten when the server tells of it. The rules
are in `protocol/caching.py`; here are the stores, and who may be given what. An answer is found
again by the server's address, the protocol version, and the principal: an answer for one is never
given to another, unless the server says `public` and the program says `share_public`. What fails in
a store is a miss and never fails a call; errors of the server are not kept.

Source: 2026-07-28, server/utilities/caching.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from fastmcp.exceptions import McpError
from fastmcp.protocol.caching import Place, hint, made_stale, place
from fastmcp.protocol.era2026 import CacheHint
from fastmcp.protocol.errors import INVALID_PARAMS
from fastmcp.protocol.jsonrpc import as_object, dump

__all__ = [
    "CacheConfig",
    "CacheEntry",
    "CacheKey",
    "CacheMode",
    "InMemoryResponseCacheStore",
    "KeyValueResponseCacheStore",
    "ResponseCache",
    "ResponseCacheStore",
]

logger = logging.getLogger("fastmcp.client")

CacheMode: TypeAlias = Literal["use", "refresh", "bypass"]
"""Of one call: serve what is kept and keep what comes; keep only; neither."""

_MOST_PLACES: Final = 4096
"""What one client remembers to have kept, so that it can forget it."""
_COLLECTION: Final = "fastmcp_response_cache"


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Where an entry lies.

    Attributes:
        method: of the requests it answers.
        params_key: what they are about: a resource's URI, the cursor of a listing's page, "" for
            its first.
        partition: server, version and principal, opaque to stores.
    """

    method: str
    params_key: str = ""
    partition: str = ""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What lies there.

    Attributes:
        value: the answer, JSON-ready.
        scope: whom the server lets see it.
        expires_at: epoch seconds until which it is fresh; None means it never is.
    """

    value: Any
    scope: Literal["public", "private"]
    expires_at: float | None


class ResponseCacheStore(Protocol):
    """Where entries are. Whatever it raises is a miss."""

    async def get(self, key: CacheKey) -> CacheEntry | None: ...

    async def set(self, key: CacheKey, entry: CacheEntry) -> None: ...

    async def delete(self, key: CacheKey) -> None: ...

    async def clear(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """How a client keeps answers.

    Args:
        store: shared by several clients, also of other processes; None for one of this client's
            own, in memory.
        partition: names the principal whose answers a shared store holds. Take it from a verified
            credential. Without a shared store the client's credentials name it.
        target_id: names the server, where it has no URL or a configuration changes its tools.
        default_ttl_ms: for answers without a time, such as those of the handshake era.
        clock: epoch seconds.
        share_public: give what the server calls public to every principal. A server that is wrong
            about it then shows one principal's answers to another.
    Raises:
        ValueError: a shared store without a partition, an empty `target_id`, or a time below zero.
    """

    store: ResponseCacheStore | None = None
    partition: str = ""
    target_id: str | None = None
    default_ttl_ms: int = 0
    clock: Callable[[], float] = time.time
    share_public: bool = False

    def __post_init__(self) -> None:
        if self.store is not None and not self.partition:
            raise ValueError("A shared store needs a partition: whose answers it holds.")
        if self.target_id == "":
            raise ValueError("target_id must be a name, or left out.")
        if self.default_ttl_ms < 0:
            raise ValueError(f"default_ttl_ms must be 0 or more, not {self.default_ttl_ms}.")


class InMemoryResponseCacheStore:
    """Entries in this process, the least recently used forgotten.

    Args:
        max_entries: how many it holds, 0 for no limit.
        max_bytes: how large they may be together, as JSON.
    """

    def __init__(self, *, max_entries: int = 1024, max_bytes: int = 64 * 1024 * 1024) -> None:
        if max_entries < 0 or max_bytes < 0:
            raise ValueError("max_entries and max_bytes must be 0 or more.")
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[CacheKey, tuple[bytes, CacheEntry]] = OrderedDict()

    async def get(self, key: CacheKey) -> CacheEntry | None:
        """The entry, its value nobody else's."""
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        data, entry = found
        return CacheEntry(msgspec.json.decode(data), entry.scope, entry.expires_at)

    async def set(self, key: CacheKey, entry: CacheEntry) -> None:
        """Keep an entry, unless it is larger than a quarter of the store."""
        await self.delete(key)
        data = dump(entry.value)
        if len(data) * 4 > self._max_bytes:
            return
        self._bytes += len(data)
        self._entries[key] = data, CacheEntry(None, entry.scope, entry.expires_at)
        while self._bytes > self._max_bytes or 0 < self._max_entries < len(self._entries):
            self._bytes -= len(self._entries.popitem(last=False)[1][0])

    async def delete(self, key: CacheKey) -> None:
        """Forget an entry."""
        found = self._entries.pop(key, None)
        if found is not None:
            self._bytes -= len(found[0])

    async def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self._bytes = 0


class KeyValueResponseCacheStore:
    """Entries in any store of py-key-value, shared by all who use it: Redis, files, a database.

    Args:
        storage: the `AsyncKeyValue`; None for one in memory.
        collection: of the store; `clear` reaches no further.
    """

    def __init__(self, storage: Any = None, *, collection: str = _COLLECTION) -> None:
        if storage is None:
            from key_value.aio.stores.memory import MemoryStore  # 0.2 s that most never need

            storage = MemoryStore()
        self._storage = storage
        self._collection = collection

    async def get(self, key: CacheKey) -> CacheEntry | None:
        """The entry; None also for what is no entry of this kind."""
        found = as_object(await self._storage.get(_digest(key), collection=self._collection))
        if found is None:
            return None
        scope, expires_at = found.get("scope"), found.get("expires_at")
        if scope not in ("public", "private") or not isinstance(expires_at, (int, float)):
            return None
        return CacheEntry(msgspec.json.decode(found["value"]), scope, expires_at)

    async def set(self, key: CacheKey, entry: CacheEntry) -> None:
        """Keep an entry; the store may forget it when it is not fresh any more."""
        record = {
            "value": dump(entry.value).decode(),
            "scope": entry.scope,
            "expires_at": entry.expires_at,
        }
        left = None if entry.expires_at is None else max(entry.expires_at - time.time(), 1.0)
        await self._storage.put(_digest(key), record, collection=self._collection, ttl=left)

    async def delete(self, key: CacheKey) -> None:
        """Forget an entry."""
        await self._storage.delete(_digest(key), collection=self._collection)

    async def clear(self) -> None:
        """Forget what is in the collection, where the store can tell what that is; otherwise its
        entries go when their time is over."""
        keys, destroy = (getattr(self._storage, name, None) for name in _CLEARING)
        if keys is not None:
            for name in await keys(collection=self._collection):
                await self._storage.delete(name, collection=self._collection)
        elif destroy is not None:
            await destroy(collection=self._collection)


_CLEARING: Final = ("keys", "destroy_collection")


def _digest(key: CacheKey) -> str:
    # As JSON: no two different keys have the same text.
    text = json.dumps([key.method, key.params_key, key.partition])
    return hashlib.sha256(text.encode()).hexdigest()


class ResponseCache:
    """What one client keeps.

    A listing is kept as it was told: its pages carry the name of the telling, which is the first
    page's. So a first page that is forgotten takes the others with it, and pages of two tellings
    are never mixed.

    Args:
        config: of the user.
        target: the server's address; None where it has none.
        principal: says for whom the server is asked, now; None where nobody can say.
    Raises:
        ValueError: a shared store, and nobody says which server its answers are from.
    """

    def __init__(
        self, config: CacheConfig, target: str | None, principal: Callable[[], str | None]
    ) -> None:
        target = config.target_id or target
        if target is None and config.store is not None:
            raise ValueError(
                "A shared store needs CacheConfig(target_id=...) for a server without a URL, or "
                "whose tools a configuration changes: nothing else says that two clients mean "
                "the same one."
            )
        self._config = config
        self._target = _hash(target or secrets.token_hex(16))
        self._principal = principal
        self._store = InMemoryResponseCacheStore() if config.store is None else config.store
        self._changes = 0
        self._kept: dict[CacheKey, None] = {}
        self._undead: set[CacheKey] = set()
        self._complained = False

    async def fetch(
        self,
        version: str | None,
        method: str,
        params: dict[str, Any],
        mode: CacheMode,
        send: Callable[[], Awaitable[dict[str, Any]]],
    ) -> tuple[dict[str, Any], bool]:
        """The answer to a request, and whether it was kept just now.

        Args:
            version: of the protocol that is spoken.
            method: of the request.
            params: of the request.
            mode: of this call.
            send: asks the server.
        """
        where = None if mode == "bypass" else place(method, params)
        if where is None:
            return await send(), False
        keys = self._keys(version, where)
        if where.cursor:
            return await self._page(keys, where, mode, send)
        if mode == "use":
            for key in keys:
                found = await self._fresh(key)
                if found is not None:
                    return found.result, False
        changes = self._changes
        result = await send()
        given = hint(result, self._config.default_ttl_ms)
        own = next((key for key in keys if _scope(key) == given.scope), None)
        # What was kept before is older than this, whatever its scope.
        await self._forget([key for key in keys if key != own or given.ttl_ms == 0])
        if own is None or given.ttl_ms == 0:
            return result, False
        return result, await self._keep(own, given, _Kept(secrets.token_hex(8), result), changes)

    async def _page(
        self,
        keys: list[CacheKey],
        where: Place,
        mode: CacheMode,
        send: Callable[[], Awaitable[dict[str, Any]]],
    ) -> tuple[dict[str, Any], bool]:
        """A further page: kept and given with the first page it belongs to, or not at all."""
        own, first = None, None
        for key in keys:
            own, first = key, await self._fresh(key)
            if first is not None:
                break
        if own is None or first is None:
            return await send(), False
        page = CacheKey(where.method, where.cursor, own.partition)
        found = await self._fresh(page) if mode == "use" else None
        if found is not None and found.telling == first.telling:
            return found.result, False
        changes = self._changes
        try:
            result = await send()
        except McpError as exc:
            if exc.code == INVALID_PARAMS:
                await self._forget([own])  # the cursor is not good any more, nor is its listing
            raise
        given = hint(result, self._config.default_ttl_ms)
        if given.ttl_ms == 0 or given.scope != _scope(own):
            await self._forget([page])
            return result, False
        return result, await self._keep(page, given, _Kept(first.telling, result), changes)

    async def changed(self, version: str | None, method: str, params: dict[str, Any]) -> None:
        """Forget what a notification makes stale."""
        for about, subject in made_stale(method, params):
            self._changes += 1
            await self._forget(self._keys(version, Place(about, subject)))

    async def lost(self) -> None:
        """Forget all that this client kept: nobody knows what changed."""
        self._changes += 1
        await self._forget(list(self._kept))

    def _keys(self, version: str | None, where: Place) -> list[CacheKey]:
        """Where the answer lies if it is the principal's own, and if it is public. Fewer where
        nobody can say whose it would be, and none in a store that only fails."""
        if len(self._undead) > _MOST_PLACES:
            return []
        principal = self._config.partition or self._principal()
        found: list[CacheKey] = []
        for scope in ("private", "public"):
            whose = "" if scope == "public" and self._config.share_public else principal
            if whose is not None:
                partition = json.dumps([scope, version, self._target, _hash(whose)])
                found.append(CacheKey(where.method, where.subject, partition))
        return found

    async def _fresh(self, key: CacheKey) -> _Kept | None:
        if key in self._undead:
            return None
        _, entry = await self._try(self._store.get(key))
        # Never out of the shared place what the server called private.
        if not isinstance(entry, CacheEntry) or entry.scope != _scope(key):
            return None
        if entry.expires_at is None or self._config.clock() >= entry.expires_at:
            return None
        value = as_object(entry.value) or {}
        telling, result = value.get("telling"), as_object(value.get("result"))
        return _Kept(telling, result) if isinstance(telling, str) and result is not None else None

    async def _keep(self, key: CacheKey, given: CacheHint, value: _Kept, changes: int) -> bool:
        """Keep an answer, unless something changed since it was asked for: it may be older."""
        if changes != self._changes:
            return False
        self._kept[key] = None
        if len(self._kept) > _MOST_PLACES:
            del self._kept[next(iter(self._kept))]
        until = self._config.clock() + given.ttl_ms / 1000
        entry = CacheEntry(value._asdict(), given.scope, until)
        done, _ = await self._try(self._store.set(key, entry))
        if not done or changes != self._changes:
            await self._forget([key])
            return False
        self._undead.discard(key)
        return True

    async def _forget(self, keys: list[CacheKey]) -> None:
        for key in keys:
            done, _ = await self._try(self._store.delete(key))
            if done:
                self._kept.pop(key, None)
                self._undead.discard(key)
            else:
                self._undead.add(key)  # what cannot be deleted is not given any more

    async def _try(self, work: Awaitable[Any]) -> tuple[bool, Any]:
        """Whether the store did it, and what it says. That it fails is told once, until it works
        again."""
        try:
            found = await work
        except Exception:
            if not self._complained:
                logger.warning("The store of kept answers fails; going on without", exc_info=True)
            self._complained = True
            return False, None
        self._complained = False
        return True, found


class _Kept(NamedTuple):
    """An answer, and which telling of its listing it is from."""

    telling: str
    result: dict[str, Any]


def _scope(key: CacheKey) -> str:
    return json.loads(key.partition)[0]


def _hash(text: str) -> str:
    """Addresses and credentials are secrets, and stores are read by others."""
    return hashlib.sha256(text.encode()).hexdigest()
