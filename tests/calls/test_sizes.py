"""Messages of every size, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from fastmcp import Client
from fastmcp.exceptions import McpError
from tests.support.process import Server, serve, uvicorn

MODES = ("legacy", "auto")
LIMIT = 1_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    journal = tmp_path_factory.mktemp("sizes") / "journal"
    env = {**os.environ, "FASTMCP_JOURNAL": str(journal)}
    with serve(uvicorn("tests.calls.large:app"), env=env) as server:
        yield server


@pytest.mark.parametrize("mode", MODES)
async def test_t25_large_messages_arrive_whole(server: Server, mode: str):
    async with Client(server.url, mode=mode) as client:
        result = await client.call_tool("text", {"size": 20_000_000})
        assert result.data == "x" * 20_000_000
        assert result.content[0].text == result.data
        tools = await client.list_tools()
        assert len(tools) == 1002
        assert sum(len(tool.description or "") for tool in tools) >= 2_990_000
        assert (await client.call_tool("length", {"text": "x" * 900_000})).data == 900_000


@pytest.mark.parametrize("mode", MODES)
async def test_t25_what_our_client_is_told_of_a_message_over_the_limit(server: Server, mode: str):
    async with Client(server.url, mode=mode) as client:
        with pytest.raises(McpError, match=r"over 1000000 bytes.*FASTMCP_HTTP_MAX_BODY_BYTES"):
            await client.call_tool("length", {"text": "x" * (LIMIT + 1)})
        assert (await client.call_tool("length", {"text": "x"})).data == 1


async def raw(server: Server, head: str, *parts: bytes) -> tuple[int, dict[str, Any]]:
    """The status and JSON of an answer that comes before the request is complete."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        async with asyncio.timeout(20):
            writer.write(
                f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                f"Content-Type: application/json\r\n{head}\r\n\r\n".encode()
            )
            for part in parts:
                writer.write(part)
                await writer.drain()
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(answer.partition("content-length: ")[2].partition("\r\n")[0])
            return int(answer.split()[1]), json.loads(await reader.readexactly(length))
    finally:
        writer.close()


async def test_t25_refused_before_it_is_sent(server: Server):
    status, body = await raw(server, f"Content-Length: {LIMIT + 1}")
    assert status == 413
    assert body["error"]["code"] == -32600
    assert f"over {LIMIT} bytes" in body["error"]["message"]


async def test_t25_an_upload_of_unknown_length_is_cut_off(server: Server):
    """Without Content-Length nothing is known but what came; what is over is not awaited."""
    chunk = b"fa00\r\n" + b" " * 0xFA00 + b"\r\n"
    status, body = await raw(server, "Transfer-Encoding: chunked", *[chunk] * (LIMIT // 0xFA00 + 1))
    assert status == 413
    assert "FASTMCP_HTTP_MAX_BODY_BYTES" in body["error"]["message"]
