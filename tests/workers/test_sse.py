"""HTTP+SSE with several workers: a message finds its stream, whichever worker it comes to."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Client
from fastmcp.client.transports import SSETransport
from tests.support.process import Server, serve, until, uvicorn
from tests.support.sse_wire import OldWire, old_wire
from tests.workers.conftest import HERE, Workers, environment, workers

SSE = {"FASTMCP_LEGACY_SSE": "true"}
PING = {"jsonrpc": "2.0", "id": 900, "method": "ping"}


@pytest.fixture(params=["redis", "one machine"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    """Two workers that share a Redis, or nothing but the machine."""
    shared = request.param == "redis"
    with workers(tmp_path, 2, shared=shared, clean=False, **SSE) as running:
        yield running


def origin(server: Server) -> str:
    return server.url.removesuffix("/mcp")


def stream(server: Server) -> str:
    return origin(server) + "/sse"


async def answered(wire: OldWire, to: str) -> None:
    """The server's question is answered at another worker."""
    question = await wire.heard("elicitation/create")
    result = {"action": "accept", "content": {"value": "Bo"}}
    reply = {"jsonrpc": "2.0", "id": question["id"], "result": result}
    assert (await wire.post(reply, to=to))[0] == 202


async def test_t30_a_message_at_another_worker(pair: Workers):
    here, there = pair.servers
    to = origin(there)
    async with old_wire(stream(here), capabilities={"elicitation": {}}, initialize=False) as wire:
        await wire.initialize("2025-11-25", to=to)
        who = await wire.call("who")
        assert await wire.call("who", to=to) == who
        assert str(here.process.pid) == who
        headers = {"X-Req": "seventeen", "Authorization": "Bearer other"}
        for name, value in headers.items():
            found = await wire.call("header", {"name": name.lower()}, to=to, headers=headers)
            assert found == value
        found, _ = await asyncio.gather(wire.call("ask", {"question": "Name"}), answered(wire, to))
        assert found == "Name: Bo"
        await wire.call("remember", {"value": "kept"})
        assert await wire.call("recall", to=to) == "kept"

        await wire.request("resources/subscribe", {"uri": "data://x"}, to=to)
        async with Client(there.url) as other:
            await other.call_tool("publish", {"uri": "data://x"})
        updated = await wire.heard("notifications/resources/updated")
        assert updated["params"] == {"uri": "data://x"}

        params = {"name": "slow", "arguments": {"seconds": 30, "tag": "cancelled"}}
        message = {"jsonrpc": "2.0", "id": 800, "method": "tools/call", "params": params}
        assert (await wire.post(message, to=to))[0] == 202
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
        assert (await wire.post({**cancel, "params": {"requestId": 800}}, to=to))[0] == 202
        await until(lambda: pair.noted("slow", "cancelled", "cancelled") == 1, "it is cancelled")
        status, body = await wire.post({"jsonrpc": "2.0"}, to=to)
        assert (status, json.loads(body)["error"]["code"]) == (400, -32600)


async def test_t24_t30_each_message_at_another_worker_has_its_own_token(tmp_path: Path):
    """The stream is one person's, whose tokens change meanwhile."""
    tokens = {name: {"sub": "ada", "scopes": [name]} for name in ("first", "second")}
    tokens["other"] = {"sub": "bob", "scopes": []}
    more = {"TOKENS": json.dumps(tokens), **SSE}
    with workers(tmp_path, 2, shared=False, clean=False, **more) as pair:
        here, there = pair.servers
        first, second, other = ({"Authorization": f"Bearer {name}"} for name in tokens)
        async with old_wire(stream(here), headers=first) as wire:
            for to in (origin(here), origin(there)):
                assert await wire.call("scopes", to=to) == "first"
                assert await wire.call("scopes", to=to, headers=second) == "second"
                assert (await wire.post(PING, to=to, headers=other))[0] == 404


async def test_t30_a_worker_that_is_gone(pair: Workers):
    here, there = pair.servers
    async with old_wire(stream(here)) as wire:
        assert (await wire.post(PING, to=origin(there)))[0] == 202
        here.process.send_signal(signal.SIGKILL)
        here.process.wait()
        statuses: set[int] = set()
        async with asyncio.timeout(20):
            while 404 not in statuses:  # Redis keeps a lease for it, for some seconds
                status, body = await wire.post(PING, to=origin(there))
                statuses.add(status)
                assert json.loads(body)["error"]["message"], body
        assert statuses <= {404, 503}
        assert "GET /sse" in body


async def test_t30_a_worker_that_does_not_answer(tmp_path: Path):
    with workers(tmp_path, 2, shared=False, clean=False, **SSE) as pair:
        here, there = pair.servers
        async with old_wire(stream(here)) as wire:
            here.process.send_signal(signal.SIGSTOP)
            try:
                status, body = await wire.post(PING, to=origin(there))
            finally:
                here.process.send_signal(signal.SIGCONT)
            assert status == 504
            assert "whether it took the message is not known" in body


async def test_t24_t30_four_workers_and_no_setting(tmp_path: Path):
    """`uvicorn --workers 4`: each POST over a connection of its own, to whoever takes it."""
    env = environment(tmp_path, None, **SSE)
    app = uvicorn("server:app", "--workers", "4", "--log-level", "warning")
    with serve(app, cwd=HERE, env=env) as server:
        async with AsyncExitStack() as stack:
            wires: dict[str, OldWire] = {}
            async with asyncio.timeout(40):
                while len(wires) < 4:  # uvicorn accepts when the first of them serves
                    wire = await stack.enter_async_context(old_wire(stream(server)))
                    wires[await wire.call("who")] = wire

            async def one(number: int) -> str:
                headers = {"X-Req": str(number)}
                wire = [*wires.values()][number % 4]
                return await wire.call("header", {"name": "x-req"}, headers=headers)

            assert await asyncio.gather(*map(one, range(100))) == [str(n) for n in range(100)]
        clients = [Client(SSETransport(stream(server)), timeout=20) for _ in range(4)]
        async with AsyncExitStack() as stack:
            for client in clients:
                await stack.enter_async_context(client)
            sums: list[Any] = await asyncio.gather(
                *(clients[n % 4].call_tool("add", {"a": n, "b": n}) for n in range(100))
            )
        assert [result.data for result in sums] == [2 * n for n in range(100)]
