"""The in-process peer: a connection holds the lifespan, and ends cleanly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastmcp import Context, FastMCP
from fastmcp.protocol.link import InProcessServer


async def test_the_lifespan_runs_while_a_connection_is_open():
    entered: list[str] = []

    async def lifespan(server: Any) -> AsyncIterator[dict[str, Any]]:
        entered.append("in")
        yield {"value": 42}
        entered.append("out")

    mcp = FastMCP("memory", lifespan=lifespan)
    assert isinstance(mcp, InProcessServer)

    @mcp.tool
    async def look(ctx: Context) -> str:
        assert ctx.transport is None
        return f"{ctx.lifespan_context['value']} {len(ctx.session_id) > 10}"

    answers: asyncio.Queue[bytes] = asyncio.Queue()
    for _ in range(2):
        async with mcp.connect_in_process(answers.put), mcp.connect_in_process(answers.put) as send:
            params = {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "c", "version": "1"},
            }
            for id, method, given in (
                (1, "initialize", params),
                (2, "tools/call", {"name": "look", "arguments": {}}),
            ):
                message = {"jsonrpc": "2.0", "id": id, "method": method, "params": given}
                await send(json.dumps(message).encode())
                answer = json.loads(await answers.get())
                assert answer["id"] == id
            assert answer["result"]["content"][0]["text"] == "42 True"
    assert entered == ["in", "out"] * 2
