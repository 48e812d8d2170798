"""Clients of HTTP+SSE: streams used, left, and never initialized."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.soak import calls
from tests.soak.ground import CAPABILITIES, Ground
from tests.support.sse_wire import OldWire, old_wire


def _address(ground: Ground) -> str:
    return ground.somewhere().removesuffix("/mcp") + "/sse"


@asynccontextmanager
async def _wire(ground: Ground) -> AsyncIterator[OldWire]:
    """A session of a version that has elicitation."""
    async with old_wire(
        _address(ground), capabilities=CAPABILITIES, headers=ground.headers(), initialize=False
    ) as wire:
        await wire.initialize("2025-11-25")
        yield wire


async def session(ground: Ground) -> None:
    """Its messages come to any worker."""
    async with _wire(ground) as wire:
        a, b = ground.chance.randrange(1000), ground.chance.randrange(1000)
        assert await wire.call("add", {"a": a, "b": b}) == str(a + b)
        assert await wire.call("multiply", {"a": a, "b": b}) == str(a * b)
        assert await wire.call("who") == ground.user
        ground.called("HTTP+SSE")


async def asked(ground: Ground) -> None:
    async with _wire(ground) as wire:
        answering = asyncio.ensure_future(_answer(wire))
        found = await wire.call("ask", {"question": "why"})
        await answering
        assert found == "why: Ada"
        ground.called("HTTP+SSE ask")


async def _answer(wire: OldWire) -> None:
    question = await wire.heard("elicitation/create")
    reply = {"jsonrpc": "2.0", "id": question["id"], "result": calls.answered(question)}
    assert (await wire.post(reply))[0] == 202


async def cancelled(ground: Ground) -> None:
    """By a notification, while the stream goes on."""
    async with _wire(ground) as wire:
        params = {"name": "wait", "arguments": {"seconds": 60}, "_meta": {"progressToken": "p"}}
        message = {"jsonrpc": "2.0", "id": 800, "method": "tools/call", "params": params}
        assert (await wire.post(message))[0] == 202
        await wire.heard("notifications/progress")
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
        assert (await wire.post({**cancel, "params": {"requestId": 800}}))[0] == 202
        ground.provoked("cancelled")
        assert await wire.call("add", {"a": 1, "b": 2}) == "3"
        ground.called("HTTP+SSE")


async def never_initialized(ground: Ground) -> None:
    async with old_wire(_address(ground), headers=ground.headers(), initialize=False):
        ground.called("HTTP+SSE")


async def ended_session(ground: Ground) -> None:
    """A message to a session whose stream is over."""
    async with old_wire(_address(ground), headers=ground.headers()) as wire:
        pass
    async with asyncio.timeout(15):
        while True:
            status, _ = await wire.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})
            if status != 202:
                break
    assert status == 404
    ground.provoked("404")


ALL = (session, session, asked, cancelled, never_initialized, ended_session)
