"""HTTP+SSE: clients of that time at our server, and our client at servers of that time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastmcp import Client
from fastmcp.client.transports import SSETransport
from tests.outsiders.conversation import TOOLS, assert_conversation, text
from tests.outsiders.test_clients import last_line
from tests.support import node, venvs
from tests.support.process import Server, script, serve

HERE = Path(__file__).parent

pytestmark = pytest.mark.timeout(600)

OLD_SDKS = {"1.9": venvs.MCP_SDK_1_9, "1.x": venvs.MCP_SDK_1}
VERSIONS = {"1.9": "2025-03-26", "1.x": "2025-11-25"}


def old_sdk(release: str) -> Path:
    return venvs.python_of("mcp-sdk-1", OLD_SDKS[release])


@pytest.fixture(scope="module")
def ours() -> Iterator[Server]:
    """Our server, that serves both."""
    env = {**os.environ, "FASTMCP_LEGACY_SSE": "true"}
    with serve(script(HERE / "server.py"), env=env, path="/sse") as server:
        yield server


def run(python: Path, program: str, url: str) -> Any:
    done = subprocess.run(
        [python, HERE / program, url],
        env=venvs.environment(),
        capture_output=True,
        text=True,
        timeout=50,
    )
    return last_line(done)


@pytest.mark.parametrize("release", OLD_SDKS)
def test_t30_python_sdk_1(ours: Server, release: str) -> None:
    report = run(old_sdk(release), "sse_client.py", ours.url)
    assert report["protocolVersion"] == VERSIONS[release]
    assert report["server"] == "outsiders"
    assert report["tools"] == TOOLS
    assert text(report["add"]) == "5"
    assert report["progress"] == [[n, 3, f"step {n}"] for n in (1, 2, 3)]
    assert [level for level, _ in report["logs"]] == ["info", "warning"]
    assert text(report["think"]) == "the model says: cba"
    assert text(report["where"]) == "file:///home/ada"
    assert report["read"]["contents"][0]["text"] == "Hello, Ωutsider!"
    assert report["parallel"] == [2 * n for n in range(20)]


def test_t30_typescript_sdk_1(ours: Server, npm: Path) -> None:
    done = node.run([node.script(HERE / "node" / "v1.mjs", npm), ours.url, "sse"], timeout=50)
    report = last_line(done)
    # Of what comes in one piece this client takes the answer first, and then knows no handler for
    # the progress that came before it.
    expected = [[n, 3, f"step {n}"] for n in (1, 2, 3)]
    assert report["progress"] == expected[: len(report["progress"])]
    assert_conversation({**report, "progress": expected}, "2025-11-25")


def test_t30_fastmcp_4(ours: Server, fastmcp4: Path) -> None:
    report = run(fastmcp4, "fastmcp_sse_client.py", ours.url)
    assert report == {"add": 5, "progress": [[n, 3, f"step {n}"] for n in (1, 2, 3)]}


async def converse(url: str, version: str) -> None:
    """In each way that leads there."""
    ways: list[Any] = [
        Client(SSETransport(url)),
        Client(url),
        Client(url, transport_order="http-first"),
        Client(url, mode="legacy"),
    ]
    for client in ways:
        progress: list[float] = []

        async def on_progress(
            done: float, total: float | None, message: str | None, heard: list[float] = progress
        ) -> None:
            heard.append(done)

        async with client:
            assert client.protocol_version == version
            added = await client.call_tool("add", {"a": 2, "b": 3})
            assert added.content[0].text == "5"
            await client.call_tool("count", {"to": 3}, progress_handler=on_progress)
            assert progress == [1, 2, 3]


@pytest.mark.parametrize("release", OLD_SDKS)
async def test_t30_servers_of_the_python_sdk_1(release: str) -> None:
    command = script(HERE / "old_sdk_server.py", python=old_sdk(release))
    with serve(command, env=venvs.environment(), path="/sse", clean=False) as server:
        await converse(server.url, VERSIONS[release])


async def test_t30_a_server_of_fastmcp_4(fastmcp4: Path) -> None:
    def command(port: int) -> list[str | Path]:
        run = [fastmcp4.with_name("fastmcp"), "run", HERE / "server.py", "--transport", "sse"]
        return [*run, "--no-banner", "--port", str(port)]

    with serve(command, env=venvs.environment(), path="/sse", clean=False) as server:
        await converse(server.url, "2025-11-25")
