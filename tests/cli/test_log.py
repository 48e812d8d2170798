"""What a server process writes while clients behave badly: plain lines, no traces, no secrets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.cli.test_run import running
from tests.support.process import Server
from tests.support.wire import Wire

SOURCE = """
import asyncio
import logging
import sys
from fastmcp import FastMCP
mcp = FastMCP('noisy')

@mcp.tool
async def wait() -> str:
    await asyncio.sleep(0.2)
    return 'done'

@mcp.tool
def leave() -> str:
    sys.exit('this way')

@mcp.tool
async def leave_too() -> str:
    raise SystemExit(3)
"""
SECRET = "c2VjcmV0LXRva2Vu"


async def misbehave(server: Server) -> str:
    """A hundred clients that leave in the middle, and nonsense; returns a session id."""

    async def leave(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = json.dumps(
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "tools/call",
                "params": {"name": "wait", "arguments": {}},
            }
        )
        head = (
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\n"
            f"Mcp-Session-Id: {wire.session_id}\r\nAuthorization: Bearer {SECRET}\r\n"
            f"MCP-Protocol-Version: 2025-11-25\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        whole = (head + body).encode()
        writer.write(whole if number % 2 else whole[: len(whole) - 1 - number % 40])
        await writer.drain()
        if number % 4 == 1:
            await reader.read(1)
        writer.transport.abort()

    async with Wire(server.url, headers={"Authorization": f"Bearer {SECRET}"}) as wire:
        await wire.initialize()
        for begin in range(0, 100, 20):
            await asyncio.gather(*(leave(number) for number in range(begin, begin + 20)))
        for data in (b"{", b"nonsense", b"[]", b"\xff", b'{"jsonrpc": "1.0"}', b""):
            answer = await wire.send("POST", data=data, headers=wire.standard_headers())
            assert answer.status == 400
        assert (await wire.call("wait")).text == "done"
        assert wire.session_id is not None
        return wire.session_id


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
async def test_t26_bad_clients_leave_no_traces(
    environment: dict[str, str], tmp_path: Path, format: str, level: str
):
    file = tmp_path / "noisy.py"
    file.write_text(SOURCE)
    options = ("--no-banner", "--log-format", format, "--log-level", level)
    with running(environment, file, *options) as server:
        session = await misbehave(server)
        assert await asyncio.to_thread(server.stop) == 0
        log = server.log
    assert "Traceback" not in log
    assert "\x1b" not in log
    assert SECRET not in log
    assert session not in log
    assert session.rpartition(".")[2] not in log
    if format == "json":
        records = [json.loads(line) for line in log.splitlines()]
        assert {record["logger"] for record in records} >= {"uvicorn.error", "uvicorn.access"}
        assert all({"time", "level", "logger", "message"} <= record.keys() for record in records)


async def test_the_format_can_be_a_setting(environment: dict[str, str], tmp_path: Path):
    file = tmp_path / "noisy.py"
    file.write_text(SOURCE)
    env = environment | {"FASTMCP_LOG_FORMAT": "json", "FASTMCP_SHOW_SERVER_BANNER": "false"}
    with running(env, file, "--workers", "2") as server:
        async with Wire(server.url) as wire:
            await wire.initialize()
        assert await asyncio.to_thread(server.stop) == 0
        assert [json.loads(line)["message"] for line in server.log.splitlines()]


async def test_exit_in_a_tool_ends_the_call_alone(environment: dict[str, str], tmp_path: Path):
    file = tmp_path / "noisy.py"
    file.write_text(SOURCE)
    with running(environment, file, "--no-banner") as server:
        async with Wire(server.url) as wire:
            await wire.initialize()
            for tool, said in (("leave", "SystemExit('this way')"), ("leave_too", "SystemExit(3)")):
                answer = await wire.call(tool)
                assert answer.result["isError"] is True
                assert said in answer.text
                lines = [line for line in server.log.splitlines() if said in line]
                assert len(lines) == 1
            assert (await wire.call("wait")).text == "done"
        assert await asyncio.to_thread(server.stop) == 0
        assert "Traceback" not in server.log
