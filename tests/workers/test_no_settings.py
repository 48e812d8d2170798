"""`uvicorn app:app --workers 4` as it is: sessions on every worker, across a restart, and answers
that find the worker that asked, with no setting at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.extent import extent
from tests.support.process import Server, serve, until, uvicorn
from tests.support.sse import Decoder
from tests.workers.conftest import HERE, environment

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "c", "version": "1"},
    },
}


@contextmanager
def four(folder: Path, port: int | None = None) -> Iterator[Server]:
    env = environment(folder, None)
    app = uvicorn("server:app", "--workers", "4", "--log-level", "warning")
    with serve(app, cwd=HERE, env=env, port=port) as server:
        yield server


class Caller:
    """Every request on a connection of its own, so that any worker may get it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._slots = asyncio.Semaphore(32)

    async def post(self, message: Any, session: str | None = None) -> tuple[int, str, str]:
        """The status, the session id that was given, and the body."""
        headers = {**HEADERS} if session is None else {**HEADERS, "mcp-session-id": session}
        async with (
            self._slots,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
            http.post(self.url, json=message, headers=headers) as response,
        ):
            return (
                response.status,
                response.headers.get("mcp-session-id", ""),
                await response.text(),
            )

    async def begin(self) -> str:
        status, session, _ = await self.post(INITIALIZE)
        assert status == 200
        return session

    async def call(self, session: str, tool: str, **arguments: Any) -> str:
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        status, _, body = await self.post(message, session)
        assert status == 200, body
        return json.loads(body)["result"]["content"][0]["text"]

    async def ask(self, session: str, question: str) -> str:
        """A call whose question is answered on another connection."""
        params = {"name": "ask", "arguments": {"question": question}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        decoder = Decoder()
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                self.url, json=message, headers={**HEADERS, "mcp-session-id": session}
            ) as response,
        ):
            async for chunk in response.content.iter_any():
                for event in decoder.feed(chunk):
                    if event.message is None:
                        continue
                    if "method" not in event.message:
                        return event.message["result"]["content"][0]["text"]
                    content = {"value": event.message["params"]["message"][::-1]}
                    result = {"action": "accept", "content": content}
                    reply = {"jsonrpc": "2.0", "id": event.message["id"], "result": result}
                    status, _, body = await self.post(reply, session)
                    assert status == 202, body
        raise AssertionError("the stream ended before the answer")

    async def meet(self) -> None:
        """Until every worker serves: uvicorn accepts when the first of them does."""
        seen: set[str] = set()
        session = await self.begin()

        async def all_four() -> bool:
            seen.add(await self.call(session, "who"))
            return len(seen) == 4

        await until(all_four, "four workers", 30)


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_t1_calls_on_every_worker_and_across_a_restart(tmp_path: Path):
    with four(tmp_path) as server:
        caller = Caller(server.url)
        await caller.meet()
        sessions = await asyncio.gather(*(caller.begin() for _ in range(100)))
        calls = [(session, turn) for turn in range(extent(2, 5)) for session in sessions]
        sums = await asyncio.gather(
            *(caller.call(session, "add", a=turn, b=1) for session, turn in calls)
        )
        assert sums == [str(turn + 1) for _, turn in calls]
        port = server.port
    with four(tmp_path, port) as server:
        sums = await asyncio.gather(
            *(caller.call(session, "add", a=turn, b=1) for session, turn in calls)
        )
        assert sums == [str(turn + 1) for _, turn in calls]


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_many_questions_answered_to_any_worker(tmp_path: Path):
    many = extent(80, 200)
    with four(tmp_path) as server:
        caller = Caller(server.url)
        await caller.meet()
        sessions = await asyncio.gather(*(caller.begin() for _ in range(20)))
        answers = await asyncio.gather(
            *(caller.ask(sessions[n % 20], f"question {n}") for n in range(many))
        )
        assert answers == [f"question {n}: {f'question {n}'[::-1]}" for n in range(many)]
