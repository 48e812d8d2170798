"""`fastmcp run` for what is elsewhere: a URL, and the servers of a configuration."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastmcp import Client
from tests.cli.conftest import Command
from tests.forwarding.conftest import BACKEND
from tests.support.process import Server, free_port, script, serve


@pytest.fixture(scope="module")
def backend() -> Iterator[Server]:
    with serve(script(BACKEND)) as server:
        yield server


def run(spec: str | Path):
    words = [sys.executable, "-m", "fastmcp", "run", str(spec), "--no-banner"]
    return lambda port: [*words, "--transport", "http", "--port", str(port)]


@pytest.fixture
def config(tmp_path: Path, backend: Server, server_file: Path) -> Path:
    """A server at a URL, one that is started, and one that is away."""
    path = tmp_path / "mcp.json"
    command = ["-m", "fastmcp", "run", str(server_file), "--no-banner"]
    servers = {
        "far": {"url": backend.url},
        "near": {"command": sys.executable, "args": command},
        "gone": {"url": f"http://127.0.0.1:{free_port()}/mcp"},
    }
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


async def test_a_url(backend: Server):
    with serve(run(backend.url)) as server:
        async with Client(server.url) as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
            assert client.instructions == "Mind the step."


async def test_a_configuration(config: Path):
    with serve(run(config), clean=False) as server:
        async with Client(server.url) as client:
            names = {tool.name for tool in await client.list_tools()}
            assert {"far_add", "near_add", "near_about"} <= names
            assert not [name for name in names if name.startswith("gone")]
            assert (await client.call_tool("far_add", {"a": 1, "b": 2})).data == 3
            assert (await client.call_tool("near_add", {"a": 1, "b": 2})).data == 3
            assert (await client.read_resource("data://far/here"))[0].text == "here it is"
        assert "gone (http://127.0.0.1:" in server.log


def test_list_and_call_take_both(fastmcp: Command, backend: Server, config: Path):
    done = fastmcp("call", backend.url, "headers", "--header", "X-Me: ${WHO}", env={"WHO": "me"})
    assert json.loads(done.stdout)["x-me"] == "me", done.stderr
    done = fastmcp("call", config, "far_add", "a=3", "b=4")
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr
