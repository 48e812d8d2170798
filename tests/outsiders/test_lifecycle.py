"""A server process starts and ends as an operator expects, whoever is connected.

A client of the handshake era keeps a GET stream open for as long as it lives. That stream must
not keep a server from stopping, and must not end in a stack trace.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.support.process import Server, script, serve, uvicorn
from tests.support.wire import Wire

HERE = Path(__file__).parent
PROMPT_SECONDS = 5.0

WAYS = {
    "python server.py": script(HERE / "server.py"),
    "uvicorn server:mcp.http_app": uvicorn("server:mcp.http_app", "--factory"),
}


async def stop(server: Server, how: signal.Signals) -> float:
    """Ends the server; how long it took."""
    begin = time.monotonic()
    await asyncio.to_thread(server.stop, how)
    return time.monotonic() - begin


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
@pytest.mark.parametrize("way", WAYS)
async def test_stops_at_once_with_a_stream_open(way: str, how: signal.Signals) -> None:
    with serve(WAYS[way], cwd=HERE) as server:
        async with Wire(server.url) as wire:
            await wire.initialize()
            async with wire.listen() as events:
                assert await stop(server, how) < PROMPT_SECONDS
                with suppress(aiohttp.ClientPayloadError):
                    async for _ in events:
                        pass
        server.assert_clean()


async def test_stops_while_a_tool_runs() -> None:
    env = {**os.environ, "FASTMCP_HTTP_SHUTDOWN_GRACE": "1"}
    with serve(WAYS["python server.py"], env=env) as server:
        async with Wire(server.url) as wire:
            await wire.initialize()
            waiting = asyncio.create_task(wire.call("wait", {"seconds": 60}))
            answer = await wire.call("add", {"a": 1, "b": 1})
            assert answer.text == "2"
            assert await stop(server, signal.SIGTERM) < PROMPT_SECONDS
            assert "The server stopped" in (await waiting).error["message"]
        server.assert_clean()


async def test_the_wire_between_the_eras() -> None:
    """One conversation with each version, every message judged by its schema."""
    with serve(WAYS["python server.py"]) as server:
        for version in ("2025-03-26", "2025-06-18", "2025-11-25"):
            async with Wire(server.url, version) as wire:
                result = await wire.initialize()
                assert result["protocolVersion"] == version
                await converse(wire)
                assert 200 <= (await wire.delete()).status < 300
        async with Wire(server.url, "2026-07-28") as wire:
            found = await wire.request("server/discover")
            assert set(found.result["supportedVersions"]) >= {"2026-07-28"}
            await converse(wire)


async def converse(wire: Wire) -> None:
    for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list"):
        answer = await wire.request(method)
        assert answer.status == 200
        assert not answer.is_stream, "an answer without notifications is plain JSON"
        assert answer.result
    assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
    assert (await wire.call("fail", {})).result["isError"] is True
    counted = await wire.call("count", {"to": 4}, meta={"progressToken": "p"})
    assert counted.is_stream
    steps = [params["progress"] for params in counted.notifications("notifications/progress")]
    assert steps == [1, 2, 3, 4]
    read = await wire.request("resources/read", {"uri": "data://greeting"})
    assert read.result["contents"][0]["text"] == "Hello, Ωutsider!"
    prompt = await wire.request("prompts/get", {"name": "review", "arguments": {"code": "x"}})
    assert prompt.result["messages"]


async def test_a_handler_asks_its_client() -> None:
    """Elicitation, sampling and roots on the call's own stream."""

    def answer(request: dict[str, object]) -> dict[str, object]:
        match request["method"]:
            case "elicitation/create":
                return {"action": "accept", "content": {"name": "Ada", "age": 36}}
            case "sampling/createMessage":
                text = {"type": "text", "text": "aha"}
                return {"role": "assistant", "model": "m", "content": text}
            case method:
                assert method == "roots/list"
                return {"roots": [{"uri": "file:///home/ada"}]}

    capabilities = {"elicitation": {}, "sampling": {}, "roots": {}}
    with serve(WAYS["python server.py"]) as server:
        async with Wire(server.url, capabilities=capabilities) as wire:
            await wire.initialize()
            assert (await wire.call("ask", {}, on_request=answer)).text == "Ada is 36"
            thought = await wire.call("think", {"prompt": "?"}, on_request=answer)
            assert thought.text == "the model says: aha"
            assert (await wire.call("where", {}, on_request=answer)).text == "file:///home/ada"
