"""What sessions and streams cost a server in memory.

Measured is the resident memory that the kernel tells (VmRSS), after the server has collected its
garbage and the figure stands still. A server is warmed up first by some sessions and streams that
end again, so that what it loads or allocates once is not counted as the price of a session. Growth
is what is there afterwards over what was there before, so the streams of the second server, each of
a session that was there before, are counted without their sessions.

What an idle session costs is what one more of them adds, so the first thousand are opened before
the first figure, and stay. A server may keep the latest few at hand, as many however many there
are, and that is no price of a session: this package keeps 512, and has grown by 584 KiB after 500
sessions, by 612 after 1,000, by 612 after 2,000, by 612 after 10,000 and by 616 after 40,000.
Divided by 2,000 that would pass for 0.3 KiB a session. Who keeps each session grows with each, and
its figure is the same either way.

A figure is worth something only if the sessions are still there: the first and the last one opened
are asked for a ping at the end, and one session more is asked for, because servers have limits.
What they answer stands among the figures.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import Any, ClassVar, Self

import aiohttp
from tests.support.process import Server

from benchmarks.run import Figures, Run, Workload

WARM_UP = 10
"""Sessions and streams before the first figure. Few, for what they leave free is used again."""
KEPT = 1_000
"""Idle sessions before the first figure of theirs: what a server keeps of the latest is full."""
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

    async def open_sessions(self, count: int) -> tuple[list[str], Counter[int]]:
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
        return sessions, refused

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


async def idle_sessions(run: Run, target: str, count: int) -> Figures:
    """Opens sessions that then do nothing, beside those that do nothing already, and closes the
    connections."""
    with ExitStack() as stack:
        # Ended by SIGKILL: the leave of ten thousand sessions can take longer than `serve` waits.
        server = run.servers.start(stack, target, "stateful")
        started = await settled(server)
        await warm_up(server)
        async with Client(server) as client:
            kept, _ = await client.open_sessions(KEPT)
        warm = await settled(server)
        async with Client(server) as client:
            opened, refused = await client.open_sessions(count)
        full = await settled(server)
        async with Client(server) as client:
            first, _ = await client.post(PING, kept[0])
            last, _ = await client.post(PING, opened[-1])
            one_more, _ = await client.open_session()
        server.stop(SIGKILL)
    return {
        "started": started,
        "session": (full - warm) / len(opened),
        "sessions": len(opened),
        "refused": refused.total(),
        "alive": float(first == last == one_more == 200),
    }


async def open_streams(run: Run, target: str, count: int) -> Figures:
    """Opens sessions, and then a GET stream of each."""
    with ExitStack() as stack:
        server = run.servers.start(stack, target, "stateful")
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
    return {"stream": (streaming - quiet) / max(len(live), 1), "streams": len(live)}


@dataclass(frozen=True)
class Memory(Workload):
    """In KiB `started`, a server before its first request, and `session` and `stream`, what one
    costs; and how many there were (`sessions`, `streams`), how many sessions were `refused`, and
    whether all answered at the end (`alive`, 0 or 1)."""

    seldom: ClassVar[bool] = True

    async def measure(self, run: Run, target: str) -> Figures:
        """Two servers."""
        idle = await idle_sessions(run, target, run.sessions)
        return idle | await open_streams(run, target, run.streams)
