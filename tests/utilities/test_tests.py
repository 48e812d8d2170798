"""What people test their servers with."""

from __future__ import annotations

import socket
from typing import Any

import pytest

import fastmcp
from fastmcp import Client, FastMCP
from fastmcp.utilities.http import find_available_port
from fastmcp.utilities.tests import run_server_async, run_server_in_process, temporary_settings


def test_settings_for_a_while():
    before = fastmcp.settings.port
    with temporary_settings(port=1, log_level="debug"):
        assert (fastmcp.settings.port, fastmcp.settings.log_level) == (1, "DEBUG")
    assert fastmcp.settings.port == before
    with pytest.raises(AttributeError), temporary_settings(nobody=1):
        pass


@pytest.mark.parametrize("path", ["/mcp", "/deep/er"])
async def test_a_server_for_a_while(path: str):
    mcp = FastMCP("while")

    @mcp.tool
    def one() -> int:
        return 1

    async with run_server_async(mcp, path=path) as url:
        assert url.endswith(path)
        async with Client(url) as client:
            assert (await client.call_tool("one")).data == 1
    port = int(url.split(":")[2].split("/")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_server_that_does_not_start():
    class Broken:
        async def run_http_async(self, show_banner: Any = None, **given: Any) -> None:
            raise ValueError("no such thing")

    with pytest.raises(RuntimeError, match="no such thing"):
        async with run_server_async(Broken()):
            raise AssertionError("not reached")


def serve(host: str, port: int) -> None:
    FastMCP("apart").run("http", show_banner=False, host=host, port=port)


def leave(host: str, port: int) -> None:
    raise SystemExit(3)


async def test_a_server_in_a_process():
    with run_server_in_process(serve) as url:
        async with Client(f"{url}/mcp") as client:
            assert await client.list_tools() == []


def test_a_process_that_ends():
    with pytest.raises(RuntimeError, match="exit code 3"), run_server_in_process(leave):
        raise AssertionError("not reached")


def test_a_free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", find_available_port()))
