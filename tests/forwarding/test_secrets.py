"""What clients of a proxy read of where the server behind is: nothing that may be secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.exceptions import ToolError
from fastmcp.server import create_proxy
from tests.support.process import free_port, serve


@pytest.mark.parametrize(
    ("command", "args"),
    [
        (sys.executable, ["{script}", "--api-key", "sk-secret"]),
        (sys.executable, ["-c", "pass", "sk-secret"]),
        ("/nowhere/tool", ["sk-secret"]),
        ("/nowhere/tool --api-key sk-secret", []),
    ],
)
async def test_a_command_line(tmp_path: Path, command: str, args: list[str]):
    script = tmp_path / "gone.py"
    script.write_text("raise SystemExit(1)")
    words = [arg.format(script=script) for arg in args]
    async with Client(create_proxy(StdioTransport(command, words))) as client:
        with pytest.raises(ToolError) as failed:
            await client.call_tool("any")
    said = str(failed.value)
    assert "behind this server" in said
    assert "sk-secret" not in said
    assert (script.name in said) == ("{script}" in args)


def test_a_url():
    described = StreamableHttpTransport("http://:sk-secret@127.0.0.1:9/mcp?k=sk-secret#sk-secret")
    assert described.describe() == "http://127.0.0.1:9/mcp"


@pytest.mark.parametrize("configured", [False, True])
async def test_the_name_of_a_proxy(tmp_path: Path, configured: bool):
    spec = f"http://user:sk-secret@127.0.0.1:{free_port()}/mcp?key=sk-secret"
    if configured:
        path = tmp_path / "servers.json"
        path.write_text(json.dumps({"mcpServers": {"one": {"url": spec}}}))
        spec = str(path)
    words = [sys.executable, "-m", "fastmcp", "run", spec, "--no-banner", "--transport", "http"]
    with serve(lambda port: [*words, "--port", str(port)], clean=False) as server:
        async with Client(server.url) as client:
            assert client.server_info is not None
            name = client.server_info.name
    assert "secret" not in name
    assert "@" not in name
    assert str(tmp_path) not in name
    assert name.startswith("Proxy of ")
    assert name.endswith("servers.json" if configured else "/mcp")
