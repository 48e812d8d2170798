"""`python -m benchmarks --memory`: what sessions and streams cost a server in memory.

Measured is the resident memory that the kernel tells (VmRSS), after the server has collected its
garbage and the figure stands still. A server is warmed up first by some sessions and streams that
end again, so that what it loads or allocates once is not counted as the price of a session. Growth
is what is there afterwards over what was there before, so the streams of the second server, each of
a session that was there before, are counted without their sessions.

A figure is worth something only if the sessions are still there: the first and the last one opened
are asked for a ping at the end, and one session more is asked for, because servers have limits.
What they answer stands in the table.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import Any, Self

import aiohttp
from tests.support.process import Server

from benchmarks.servers import Target, start

WARM_UP = 10
"""Sessions and streams before the first figure. Few, for what they leave free is used again."""
AT_ONCE = 16
"""Connections that open sessions; more would leave the server's peak behind in its memory."""
POLL_SECONDS = 0.25
STILL_POLLS = 4
SETTLE_SECONDS = 20.0

VERSION = "2025-11-25"
ACCEPT = {"Accept": "application/json, text/event-stream"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": VERSION,
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}


@dataclass(frozen=True)
class Sessions:
    """What idle sessions cost; memory in KiB."""

    started: int
    """Before the first request."""
    warm: int
    """After the warm-up: what the growth is counted from."""
    sessions: int
    """How many were opened."""
    refused: dict[int, int]
    """How many were not, by HTTP status."""
    full: int
    """With all of them."""
    pings: tuple[int, int]
    """HTTP status of a ping of the first and of the last, with all of them open."""
    one_more: int
    """HTTP status of one session more."""


@dataclass(frozen=True)
class Streams:
    """What open GET streams cost; memory in KiB."""

    streams: int
    """How many were opened, and still are."""
    quiet: int
    """With their sessions and without the streams."""
    streaming: int
    """With both."""


class Client:
    """Talks to one server, on a few connections that stay."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=60),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    async def post(
        self, message: dict[str, Any], session: str | None = None
    ) -> tuple[int, str | None]:
        """The answer's status and session id."""
        headers = ACCEPT if session is None else self._headers(session)
        async with self._http.post(self._server.url, json=message, headers=headers) as response:
            await response.read()
            return response.status, response.headers.get("mcp-session-id")

    async def open_session(self) -> tuple[int, str]:
        """The status and, where it is 200, the id of a session that is ready."""
        status, session = await self.post(INITIALIZE)
        if status != 200 or session is None:
            return status, ""
        accepted, _ = await self.post(INITIALIZED, session)
        return (200 if accepted == 202 else accepted), session

    async def open_sessions(self, count: int) -> tuple[list[str], dict[int, int]]:
        """The ids of sessions, and how many were refused, by status."""
        sessions: list[str] = []
        refused: Counter[int] = Counter()
        todo = iter(range(count))

        async def opener() -> None:
            for _ in todo:
                status, session = await self.open_session()
                if status == 200:
                    sessions.append(session)
                else:
                    refused[status] += 1

        await asyncio.gather(*(opener() for _ in range(AT_ONCE)))
        return sessions, dict(refused)

    async def open_stream(self, session: str) -> aiohttp.ClientResponse | None:
        """The session's GET stream, open, or None where there is none."""
        response = await self._http.get(self._server.url, headers=self._headers(session))
        if response.status == 200 and response.content_type == "text/event-stream":
            return response
        response.close()
        return None

    async def end_session(self, session: str) -> None:
        """DELETE."""
        async with self._http.delete(self._server.url, headers=self._headers(session)) as response:
            await response.read()

    async def collect(self) -> None:
        """Lets the server drop its garbage."""
        url = f"http://127.0.0.1:{self._server.port}/collect"
        async with self._http.post(url) as response:
            response.raise_for_status()

    @staticmethod
    def _headers(session: str) -> dict[str, str]:
        return {**ACCEPT, "Mcp-Session-Id": session, "MCP-Protocol-Version": VERSION}


def resident(pid: int) -> int:
    """The resident memory of a process, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"process {pid} tells no VmRSS")


async def settled(server: Server) -> int:
    """The resident memory once garbage is collected and it stands still, in KiB."""
    async with Client(server) as client:
        await client.collect()
    deadline = time.monotonic() + SETTLE_SECONDS
    figure, still = resident(server.process.pid), 1
    while still < STILL_POLLS and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        now = resident(server.process.pid)
        figure, still = now, still + 1 if now == figure else 1
    return figure


async def warm_up(server: Server) -> None:
    """All that is measured later, a little of it, and ended."""
    async with Client(server) as client:
        sessions, _ = await client.open_sessions(WARM_UP)
        streams = [await client.open_stream(session) for session in sessions]
        for stream in streams:
            if stream is not None:
                stream.close()
        for session in sessions:
            await client.post(PING, session)
            await client.end_session(session)


async def idle_sessions(target: Target, count: int) -> Sessions:
    """Opens sessions that then do nothing, and closes the connections."""
    with ExitStack() as stack:
        # Ended by SIGKILL: the leave of ten thousand sessions can take longer than `serve` waits.
        server = start(stack, target, "stateful")
        started = await settled(server)
        await warm_up(server)
        warm = await settled(server)
        async with Client(server) as client:
            opened, refused = await client.open_sessions(count)
        full = await settled(server)
        async with Client(server) as client:
            first, _ = await client.post(PING, opened[0])
            last, _ = await client.post(PING, opened[-1])
            one_more, _ = await client.open_session()
        server.stop(SIGKILL)
    return Sessions(started, warm, len(opened), refused, full, (first, last), one_more)


async def open_streams(target: Target, count: int) -> Streams:
    """Opens sessions, and then a GET stream of each."""
    with ExitStack() as stack:
        server = start(stack, target, "stateful")
        await warm_up(server)
        async with Client(server) as client:
            sessions, _ = await client.open_sessions(count)
            quiet = await settled(server)
            responses = [await client.open_stream(session) for session in sessions]
            streaming = await settled(server)
            live = [r for r in responses if r is not None and not r.content.at_eof()]
            for response in live:
                response.close()
        server.stop(SIGKILL)
    return Streams(len(live), quiet, streaming)


async def footprint(target: Target, sessions: int, streams: int) -> dict[str, Any]:
    """Measures one target.

    Args:
        target: who.
        sessions: how many idle sessions to open.
        streams: how many GET streams to open, on another server.
    Returns:
        A row, ready for JSON.
    """
    idle = await idle_sessions(target, sessions)
    live = await open_streams(target, streams)
    return {
        "target": target.name,
        **asdict(idle),
        "kib_per_session": round((idle.full - idle.warm) / idle.sessions, 2),
        **asdict(live),
        "kib_per_stream": round((live.streaming - live.quiet) / max(live.streams, 1), 2),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for a terminal."""
    head = (
        f"{'target':12} {'start MiB':>9} {'warm MiB':>9} {'sessions':>9} {'growth MiB':>10}"
        f" {'KiB each':>9} {'refused':>12} {'pings':>8} {'one more':>8}"
        f" {'streams':>8} {'growth MiB':>10} {'KiB each':>9}"
    )
    lines = [head, "-" * len(head)]
    for row in rows:
        refused = ", ".join(f"{count} x {status}" for status, count in row["refused"].items())
        pings = "/".join(map(str, row["pings"]))
        lines.append(
            f"{row['target']:12} {row['started'] / 1024:>9.1f} {row['warm'] / 1024:>9.1f}"
            f" {row['sessions']:>9} {(row['full'] - row['warm']) / 1024:>10.1f}"
            f" {row['kib_per_session']:>9.2f} {refused or 'none':>12} {pings:>8}"
            f" {row['one_more']:>8} {row['streams']:>8}"
            f" {(row['streaming'] - row['quiet']) / 1024:>10.1f} {row['kib_per_stream']:>9.2f}"
        )
    return "\n".join(lines)
