"""G10 and G11: the old transport still runs and says what to write, the new one runs, and a client
that tries both reaches either."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fastmcp import Client
from tests.guide.listings import copy
from tests.support.process import Server, serve
from tests.support.sse_wire import old_wire


def run_listing(name: str, folder: Path, path: str):
    """`python LISTING`, as the guide says."""
    return serve(lambda port: [sys.executable, copy(name, folder, port)], path=path)


def talks(client: str, server: Server, folder: Path) -> None:
    """A client of the guide reaches a server of the guide."""
    listing = copy(client, folder, server.port)
    done = subprocess.run([sys.executable, listing], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "Hello, world!" in done.stdout
    assert done.stderr == ""


async def test_g10_g11_before(tmp_path: Path) -> None:
    with run_listing("g10_before.py", tmp_path, "/sse") as server:
        talks("g11_before.py", server, tmp_path)
        async with old_wire(server.url) as wire:
            assert wire.response_headers["deprecation"] == "@1742947200"
        log = server.log
    line = tmp_path / "g10_before.py"
    assert f'{line}:12: FastMCPDeprecationWarning: transport="sse" is deprecated' in log
    assert 'write transport="http" and let clients connect to /mcp instead of /sse' in log
    assert log.count("WARNING fastmcp.server.sse: HTTP+SSE") == 1
    assert "HTTP+SSE session of" in log


def test_g10_g11_after(tmp_path: Path) -> None:
    with run_listing("g10_after.py", tmp_path, "/mcp") as server:
        talks("g11_after.py", server, tmp_path)
        assert "deprecated" not in server.log


@pytest.mark.parametrize(("listing", "path"), [("g10_before.py", "/sse"), ("g10_after.py", "/mcp")])
async def test_g11_http_first_reaches_both(tmp_path: Path, listing: str, path: str) -> None:
    """As remote bridges do with `--transport http-first`."""
    with run_listing(listing, tmp_path, path) as server:
        async with Client(server.url, transport_order="http-first") as client:
            assert (await client.call_tool("hello", {"name": "world"})).data == "Hello, world!"
            assert client.session.channel.is_pipe == (path == "/sse")
