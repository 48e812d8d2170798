"""The backplane on a Redis: any number of workers, on any number of machines.

Facts of a session are a hash, told to all workers when they change. Changes are one Redis stream
that every worker mirrors in its feed, so that a client that comes back to another worker with its
cursor hears exactly what it missed. Workers hear each other on two channels: everybody's and
their own. When Redis was away, what is known of sessions is looked up again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

import msgspec

from fastmcp.protocol.jsonrpc import UNREADABLE
from fastmcp.server.backplane.base import (
    ENDED,
    STATE,
    BackplaneDown,
    Facts,
    Message,
    Noted,
    Published,
    Receive,
    Resync,
    decode_message,
    encode_message,
)
from fastmcp.server.backplane.feed import Feed
from fastmcp.server.backplane.redis_line import RedisLine
from fastmcp.server.bus import AnyChange, Bus, Change
from fastmcp.server.session_keys import SessionKeys
from fastmcp.utilities.spawning import spawn

__all__ = ["RedisBackplane"]

_logger: Final = logging.getLogger("fastmcp.server.backplane")

_KEPT: Final = 1000
"""Changes that the feed and its stream keep."""
_CHANGES_TTL: Final = 24 * 3600
_LEASE: Final = 6
"""Seconds after which a worker that says nothing counts as dead."""
_FOREVER: Final = 30 * 24 * 3600.0
_WAKE: Final = b""
_encode_change: Final = msgspec.msgpack.Encoder().encode
_decode_change: Final = msgspec.msgpack.Decoder(AnyChange).decode


class RedisBackplane:
    """The workers that share a Redis and the server's name.

    Args:
        bus: where this process's changes are published.
        line: the way to Redis.
        group: which server: workers of another do not hear each other.
        keys: sign the session ids; all workers must have the same.
    """

    def __init__(self, bus: Bus, line: RedisLine, group: str, keys: SessionKeys) -> None:
        self.worker = ""
        self.feed = Feed("redis", _KEPT)
        self._bus = bus
        self._line = line
        self._keys = keys
        self._base = f"{line.prefix}:{{{group}}}"
        self._receive: Receive | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._mirroring = asyncio.Lock()
        self._untold: dict[Change, None] = {}

    @property
    def alone(self) -> bool:
        return False  # nobody counts them

    @property
    def _changes(self) -> str:
        return f"{self._base}:changes"

    async def start(self, receive: Receive) -> None:
        self.worker = secrets.token_hex(4)
        self.feed = Feed("redis", _KEPT)
        self._mirroring = asyncio.Lock()
        self._receive = receive
        self._line.hold()
        self._line.when_back(self._back)
        await self._line.hear(f"{self._base}:all", self._hear)
        await self._line.hear(f"{self._base}:to:{self.worker}", self._hear)
        self._unsubscribe = self._bus.subscribe(self._published)
        spawn(self._renew(), self._tasks)
        with suppress(BackplaneDown):
            await self._mirror_all()
            await self._compare_keys()
            await self._look_at_policy()

    async def _look_at_policy(self) -> None:
        """One that forgets looks well, and loses what was promised."""
        if policy := await self._line.forgets():
            _logger.warning(
                "This Redis forgets keys when it is full (maxmemory-policy %s): sessions that have "
                "ended can come back, and what others keep can be lost. Let it refuse instead "
                "(noeviction), or have one for this server alone",
                policy,
            )

    async def _compare_keys(self) -> None:
        """A worker with a key of its own knows no session of the others, and they none of its:
        without a word that would look like sessions that are lost at random."""
        key, mine = f"{self._base}:keys", self._keys.marks()

        async def write(redis: Any) -> list[Any]:
            pipeline = redis.pipeline(transaction=True)
            pipeline.smembers(key)
            pipeline.sadd(key, *mine)
            pipeline.expire(key, _CHANGES_TTL)
            return cast("list[Any]", await pipeline.execute())

        theirs = cast("set[bytes]", (await self._line.do(write))[0])
        if theirs and theirs.isdisjoint(mark.encode() for mark in mine):
            _logger.warning(
                "Other workers of this Redis sign session ids with another key, and do not know "
                "the sessions of this one: set the same FASTMCP_SESSION_KEY for all of them"
            )

    async def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._receive = None
        for task in list(self._tasks):
            task.cancel()
        for channel in ("all", f"to:{self.worker}"):
            await self._line.unhear(f"{self._base}:{channel}")
        with suppress(BackplaneDown):
            await self._line.do(lambda redis: redis.delete(self._lease(self.worker)))
        await self._line.release()

    async def ready(self) -> bool:
        try:
            await self._keep_lease()  # a write: one that is full answers and is of no use
        except BackplaneDown:
            return False
        return True

    # changes

    def _published(self, change: Change) -> None:
        spawn(self._publish(change), self._tasks)

    async def _publish(self, change: Change) -> None:
        try:
            await self._add([change])
        except BackplaneDown:
            # The clients of this worker hear it now, and all do when Redis is back.
            self.feed.append(change)
            if len(self._untold) < _KEPT:
                self._untold[change] = None
        else:
            await self._publish_untold()

    async def _publish_untold(self) -> None:
        changes = list(self._untold)
        if changes:
            with suppress(BackplaneDown):
                await self._add(changes)
                for change in changes:
                    self._untold.pop(change, None)

    async def _add(self, changes: list[Change]) -> None:
        async def add(redis: Any) -> None:
            pipeline = redis.pipeline(transaction=False)
            for change in changes:
                data = _encode_change(change)
                pipeline.xadd(self._changes, {b"c": data}, maxlen=_KEPT, approximate=True)
            pipeline.expire(self._changes, _CHANGES_TTL)
            pipeline.publish(f"{self._base}:all", _WAKE)
            await pipeline.execute()

        await self._line.do(add)

    async def _mirror_all(self) -> None:
        """Take the latest changes, so that clients can come back here from another worker."""
        found = await self._line.do(
            lambda redis: redis.xrevrange(self._changes, "+", "-", count=_KEPT)
        )
        self._append(reversed(cast("list[tuple[bytes, dict[bytes, bytes]]]", found)))
        if len(found) >= _KEPT:
            self.feed.forget_before(_position(found[-1][0]))

    async def _mirror(self) -> None:
        async with self._mirroring:
            last = _redis_id(self.feed.position)
            with suppress(BackplaneDown):
                found = await self._line.do(
                    lambda redis: redis.xrange(self._changes, f"({last}", "+")
                )
                self._append(cast("list[tuple[bytes, dict[bytes, bytes]]]", found))

    def _append(self, found: Any) -> None:
        for id, fields in found:
            try:
                change = _decode_change(fields[b"c"])
            except (KeyError, *UNREADABLE):
                continue  # of a newer release
            position = _position(id)
            if position > self.feed.position:
                self.feed.append(change, position)

    # messages

    async def send(self, worker: str, message: Message) -> bool:
        channel, data = f"{self._base}:to:{worker}", self._own(message)
        if await self._line.do(lambda redis: redis.publish(channel, data)):
            return True
        if await self._line.do(lambda redis: redis.exists(self._lease(worker))):
            # It lives and does not listen for the moment: its connection is being made anew.
            raise BackplaneDown(f"The worker {worker}")
        return False

    def _lease(self, worker: str) -> str:
        return f"{self._base}:worker:{worker}"

    async def _renew(self) -> None:
        """Say that this worker lives, so that one that cannot be heard is told from a dead one."""
        while True:
            with suppress(BackplaneDown):
                await self._keep_lease()
            await asyncio.sleep(_LEASE / 4)

    async def _keep_lease(self) -> None:
        await self._line.do(
            lambda redis: redis.set(self._lease(self.worker), b"", px=_LEASE * 1000)
        )

    async def broadcast(self, message: Message) -> None:
        data = self._own(message)
        await self._line.do(lambda redis: redis.publish(f"{self._base}:all", data))

    def _own(self, message: Message) -> bytes:
        return self.worker.encode() + b" " + encode_message(message)

    def _hear(self, data: bytes) -> None:
        if data == _WAKE:
            spawn(self._mirror(), self._tasks)
            return
        sender, _, rest = data.partition(b" ")
        message = decode_message(rest)
        if message is None or sender == self.worker.encode() or self._receive is None:
            return
        if not isinstance(message, (Published, Resync)):
            self._receive(message)

    def _back(self) -> None:
        if self._receive is not None:
            self._receive(Resync())
            spawn(self._publish_untold(), self._tasks)
            spawn(self._mirror(), self._tasks)

    # facts

    def _session(self, session: str) -> str:
        return f"{self._line.prefix}:session:{session}"

    async def note(self, session: str, facts: Facts, ttl: float | None) -> None:
        key = self._session(session)
        kept = {name: value for name, value in facts.items() if value is not None}
        gone = [name for name, value in facts.items() if value is None]
        told = {name: value for name, value in facts.items() if not name.startswith(STATE)}

        async def write(redis: Any) -> None:
            # All or nothing: a Redis that is full still deletes, and tells what it did not keep.
            pipeline = redis.pipeline(transaction=True)
            if ENDED in kept:
                pipeline.delete(key)
            if kept:
                pipeline.hset(key, mapping=kept)
            if gone:
                pipeline.hdel(key, *gone)
            pipeline.pexpire(key, int((ttl or _FOREVER) * 1000))
            if told:
                pipeline.publish(f"{self._base}:all", self._own(Noted(session, told)))
            await pipeline.execute()

        await self._line.do(write)

    async def notes(self, session: str) -> Facts:
        key = self._session(session)
        found = await self._line.do(lambda redis: redis.hgetall(key))
        return {
            name.decode(): value.decode()
            for name, value in cast("dict[bytes, bytes]", found).items()
            if not name.startswith(STATE.encode())
        }

    async def fact(self, session: str, name: str) -> str | None:
        key = self._session(session)
        value = await self._line.do(lambda redis: redis.hget(key, name))
        return None if value is None else cast("bytes", value).decode()


_SEQUENCE_BITS: Final = 20


def _position(id: bytes) -> int:
    """A Redis stream id (`milliseconds-sequence`) as one number of the same order."""
    milliseconds, _, sequence = id.partition(b"-")
    return int(milliseconds) << _SEQUENCE_BITS | int(sequence)


def _redis_id(position: int) -> str:
    return f"{position >> _SEQUENCE_BITS}-{position & ((1 << _SEQUENCE_BITS) - 1)}"
