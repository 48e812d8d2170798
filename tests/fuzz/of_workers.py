"""Readers of what one worker hears of another: over a socket of the machine, through Redis,
or by what the other has kept in a store.

Whoever can connect to the socket can write to it before it has proved anything, and a worker of
another release may say what this one does not know.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

from key_value.aio.stores.memory import MemoryStore

from fastmcp.protocol import sse
from fastmcp.protocol.jsonrpc import Malformed, load
from fastmcp.server.backplane.base import (
    Answered,
    Cancelled,
    Concluded,
    Noted,
    Posted,
    Published,
    Retried,
    TaskAsked,
    TaskTold,
    decode_message,
    encode_message,
)
from fastmcp.server.backplane.line import Line, Proof, Stranger, frame
from fastmcp.server.bus import ResourceUpdated, ToolsChanged
from fastmcp.server.event_store import EventStore, UnknownEvent
from fastmcp.server.redis_log import read_head
from tests.fuzz import seeds
from tests.fuzz.of_protocol import KEYS
from tests.fuzz.reader import Reader, run


def _message(data: bytes) -> None:
    message = decode_message(data)
    if message is not None:
        assert decode_message(encode_message(message)) == message


_MESSAGES = tuple(
    encode_message(one)
    for one in (
        Answered("s", "a", b'{"jsonrpc":"2.0","id":"a","result":{}}'),
        Cancelled("s", 7),
        Noted("s", {"level": "info", "ended": None}),
        Retried("r", "w", "c", 1, 7, "tools/call", "2026-07-28", b"{}", b"{}"),
        Concluded("r", error=(-32603, "no", b"{}")),
        Published(ToolsChanged()),
        Published(ResourceUpdated(uri="data://a")),
        TaskAsked("w", 1, "answer", "t", "o", b"{}"),
        TaskTold(1, True, b"{}"),
        Posted("w", 1, "s", "r"),
    )
)


def _line(data: bytes) -> None:
    """Bytes to a worker from whoever connects: before the proof, and after it."""

    async def hear() -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)
            with suppress(Stranger, asyncio.IncompleteReadError):
                await Proof(KEYS, "g", "worker").answer(reader, writer)
            line = Line("other", reader, writer)
            with suppress(asyncio.IncompleteReadError, ValueError):
                while True:
                    decode_message(await line.read())
        finally:
            theirs.close()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    run(hear())


async def _replayed(events: EventStore) -> None:
    """To a client that has event 0, until there is no more to say."""
    with suppress(UnknownEvent):
        entries = events.after("s", 0)
        async for entry in entries:
            if entry is None:
                break
            if entry.message is not None:
                sse.encode(entry.message, id=f"s.{entry.position}")
        await entries.aclose()
        await events._bury("s", 3)


def _records(data: bytes) -> None:
    """What another process has kept of a stream in a store: `head`, then an event a line."""
    records: list[dict[str, Any]] = []
    for line in data.split(b"\n"):
        try:
            value = load(line)
        except Malformed:
            continue
        if isinstance(value, dict):
            records.append(value)

    async def read() -> None:
        store = MemoryStore()
        for key, value in zip(("s.head", "s.0", "s.1", "s.2", "s.3"), records, strict=False):
            await store.put(key, value, collection="fastmcp_events")
        events = EventStore(store)
        await _replayed(events)
        assert not events._down

    run(read())


_ANSWER = '{"jsonrpc":"2.0","id":7,"result":{}}'
_RECORDS = (
    {"writer": "w", "request": 7},
    {"final": False},
    {"final": False, "message": '{"jsonrpc":"2.0","method":"notifications/message"}'},
    {"final": True, "message": _ANSWER},
)


READERS = (
    Reader(
        "records of a stream",
        _records,
        (
            b"\n".join(map(seeds.said, _RECORDS)),
            b"\n".join(map(seeds.said, _RECORDS[:3])),
            seeds.said(_RECORDS[0]) + b'\n{}\n{"message":null}',
        ),
    ),
    Reader(
        "head of a stream in redis",
        read_head,
        (seeds.said(_RECORDS[0]), b'{"writer":"w","request":"a"}', b'{"writer":"w"}'),
        grows=(lambda n: b'{"writer":' + b"[" * n, lambda n: b'{"request":' + b"1" * n),
    ),
    Reader(
        "message of a worker",
        _message,
        _MESSAGES,
        words=(b"\xdd\xff\xff\xff\xff", b"\xc1", b"\xd9\x02\xff\xff", b"\x91" * 2000),
        grows=(lambda n: b"\x91" * n, lambda n: b"\x81\xa1a" * n),
        examples=(b"\x81\xa4type\xa1\xff", b"\x81\xa1a" * 5000),
    ),
    Reader(
        "line between workers",
        _line,
        (b"w" * 8 + b"n" * 32 + b"p" * 32 + b"".join(map(frame, _MESSAGES)),),
        words=(b"\xff\xff\xff\xff", b"\0\0\0\0"),
    ),
)
