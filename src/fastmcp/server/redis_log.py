"""Resumable streams on Redis: each is a Redis stream, read by range and woken by pub/sub.

An event's id in Redis is its position, so Redis itself refuses a second event at one place: when
a writer died and two readers want to write the stream's end, one of them does. An event costs one
round trip, whatever the length of its stream; MAXLEN and a time to live bound what is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, cast

import msgspec

from fastmcp.protocol.jsonrpc import UNREADABLE
from fastmcp.server.backplane.redis_line import RedisLine
from fastmcp.server.event_logs import Entry, Head, Waiters
from fastmcp.server.redis_writes import Command, RedisWrites

__all__ = ["RedisLog", "read_head"]

_AT_ONCE: Final = 100
_MESSAGE: Final = b"m"
_FINAL: Final = b"f"
_decode_head: Final = msgspec.json.Decoder(Head).decode


def read_head(value: bytes) -> Head | None:
    """The head that was kept; None where nothing of this release can have kept it."""
    try:
        return _decode_head(value)
    except UNREADABLE:
        return None


class RedisLog:
    """The log on a Redis.

    Args:
        line: the way to it.
        most: events kept of a stream.
        ttl: seconds that a stream is kept after its last event, None for ever.
    """

    look: float = 1.0
    """A wake-up can be lost when Redis restarts, so readers look by themselves as well."""

    def __init__(self, line: RedisLine, most: int, ttl: float | None) -> None:
        self._line = line
        self._writes = RedisWrites(line)
        self._most = most
        self._ttl = None if ttl is None else int(ttl * 1000)
        self._waiters = Waiters()

    def _key(self, kind: str, name: str) -> str:
        return f"{self._line.prefix}:{kind}:{name}"

    async def begin(self, stream: str, head: Head) -> None:
        kept, *added = await self._writes.write(
            self._keeping(stream, head), *self._appending(stream, Entry(0, None))
        )
        self._check(kept, added[0])

    async def keep(self, stream: str, head: Head) -> None:
        (kept,) = await self._writes.write(self._keeping(stream, head))
        self._check(kept)

    def _keeping(self, stream: str, head: Head) -> Command:
        lasting = () if self._ttl is None else ("PX", self._ttl)
        return ("SET", self._key("head", stream), msgspec.json.encode(head), *lasting)

    async def append(self, stream: str, entry: Entry) -> bool:
        added, *_ = await self._writes.write(*self._appending(stream, entry))
        if isinstance(added, Exception) and "equal or smaller" in str(added):
            return False
        self._check(added)
        return True

    def _check(self, *answers: object) -> None:
        for answer in answers:
            if isinstance(answer, Exception):
                raise self._line.refused(answer) from answer

    def _appending(self, stream: str, entry: Entry) -> list[Command]:
        key = self._key("events", stream)
        fields: list[bytes] = []
        if entry.message is not None:
            fields += [_MESSAGE, entry.message]
        fields += [_FINAL, b"1" if entry.final else b""]
        place = f"{entry.position + 1}-0"
        lasting: list[Command] = [] if self._ttl is None else [("PEXPIRE", key, self._ttl)]
        return [
            ("XADD", key, "MAXLEN", "=", self._most, place, *fields),
            *lasting,
            ("PUBLISH", key, b""),
        ]

    async def at(self, stream: str, position: int) -> Entry | None:
        id = f"{position + 1}-0"
        return next(iter(await self._range(stream, id, id)), None)

    async def after(self, stream: str, position: int) -> Sequence[Entry]:
        return await self._range(stream, f"({position + 1}-0", "+")

    async def _range(self, stream: str, first: str, last: str) -> Sequence[Entry]:
        key = self._key("events", stream)
        found = await self._line.do(lambda redis: redis.xrange(key, first, last, count=_AT_ONCE))
        return [
            Entry(int(id.partition(b"-")[0]) - 1, fields.get(_MESSAGE), bool(fields.get(_FINAL)))
            for id, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", found)
        ]

    async def head(self, stream: str) -> Head | None:
        key = self._key("head", stream)
        value = await self._line.do(lambda redis: redis.get(key))
        return None if value is None else read_head(value)

    def listen(self, stream: str) -> AbstractAsyncContextManager[asyncio.Event]:
        return self._listen(stream)

    @asynccontextmanager
    async def _listen(self, stream: str) -> AsyncGenerator[asyncio.Event]:
        channel = self._key("events", stream)
        with self._waiters.listen(stream) as woken:
            await self._line.hear(channel, lambda _: self._waiters.wake(stream))
            try:
                yield woken
            finally:
                if self._waiters.count(stream) == 1:  # the last one to listen
                    await self._line.unhear(channel)

    async def renew(self, writer: str, seconds: float) -> None:
        key = self._key("writer", writer)
        await self._line.do(lambda redis: redis.set(key, b"", px=int(seconds * 1000)))

    async def lives(self, writer: str) -> bool:
        key = self._key("writer", writer)
        return bool(await self._line.do(lambda redis: redis.exists(key)))
