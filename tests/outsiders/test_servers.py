"""The other way round: our client against servers that no one here wrote.

The official Python SDK 1.x and 2.x and FastMCP 2, 3 and 4, each in an environment of its own, over
Streamable HTTP, HTTP+SSE and a pipe, in the eras they speak.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import McpError
from tests.outsiders import meeting
from tests.outsiders.meeting import HANDSHAKE, STATELESS, User
from tests.outsiders.watching import (
    Restartable,
    assert_left,
    children,
    nothing_stays,
    watched,
)
from tests.support import venvs
from tests.support.process import script

FOLDER = Path(__file__).parent / "servers"

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Outsider:
    """A library, and what a server that it makes has."""

    name: str
    requirements: tuple[str, ...]
    file: str
    has: frozenset[str]
    stateless: bool = False

    @property
    def modes(self) -> list[tuple[str, str]]:
        """Modes of the client, and the versions that must come of them."""
        if not self.stateless:
            return [("legacy", HANDSHAKE), ("auto", HANDSHAKE)]
        return [("legacy", HANDSHAKE), ("auto", STATELESS), (STATELESS, STATELESS)]

    @property
    def python(self) -> Path:
        return venvs.python_of(self.name, self.requirements)


SDK, FASTMCP = "sdk_server.py", "fastmcp_server.py"
OUTSIDERS = [
    Outsider("mcp-sdk-1", venvs.MCP_SDK_1, SDK, frozenset({"completion", "sampling", "roots"})),
    Outsider(
        "mcp-sdk",
        venvs.MCP_SDK,
        SDK,
        frozenset({"completion", "sampling", "roots", "interview"}),
        stateless=True,
    ),
    Outsider("fastmcp-2", venvs.FASTMCP_2, FASTMCP, frozenset({"sampling", "roots"})),
    Outsider("fastmcp-3", venvs.FASTMCP_3, FASTMCP, frozenset({"sampling", "roots", "levels"})),
    Outsider(
        "fastmcp-4",
        venvs.FASTMCP_4,
        FASTMCP,
        frozenset({"completion", "levels", "interview"}),
        stateless=True,
    ),
]


MEETINGS = [
    pytest.param(outsider, mode, version, id=f"{outsider.name}-{mode}")
    for outsider in OUTSIDERS
    for mode, version in outsider.modes
]
HANDSHAKES = [pytest.param(outsider, id=outsider.name) for outsider in OUTSIDERS]

every_meeting = pytest.mark.parametrize(
    ("outsider", "mode", "version"), MEETINGS, indirect=["outsider"], scope="module"
)
every_outsider = pytest.mark.parametrize("outsider", HANDSHAKES, indirect=True, scope="module")


@pytest.fixture(scope="module")
def outsider(request: pytest.FixtureRequest) -> Outsider:
    """Whose servers are met."""
    return request.param


@pytest.fixture(scope="module")
def running(outsider: Outsider) -> Iterator[Restartable]:
    """Its server over HTTP."""
    command = script(FOLDER / outsider.file, python=outsider.python)
    running = Restartable(command, venvs.environment())
    try:
        yield running
    finally:
        running.stop()


@every_meeting
async def test_over_http(outsider: Outsider, running: Restartable, mode: str, version: str) -> None:
    user = User()
    with watched(running.server.url) as recorder:
        with nothing_stays():
            async with user.client(recorder.url, mode) as client:
                await meeting.all_of_it(client, user, version, outsider.has)
        assert_left(recorder, version)


@every_meeting
async def test_over_a_pipe(outsider: Outsider, mode: str, version: str) -> None:
    user, before = User(), children()
    words = [str(FOLDER / outsider.file), "stdio"]
    environment = venvs.environment()
    transport = StdioTransport(str(outsider.python), words, env=environment, keep_alive=False)
    with nothing_stays():
        async with user.client(transport, mode) as client:
            await meeting.all_of_it(client, user, version, outsider.has)
            assert children() > before
    assert children() == before


@every_outsider
async def test_over_sse(outsider: Outsider, running: Restartable) -> None:
    transports = pytest.importorskip("fastmcp.client.transports.sse")
    user = User()
    with nothing_stays():
        transport = transports.SSETransport(f"http://127.0.0.1:{running.server.port}/sse")
        async with user.client(transport, "legacy") as client:
            await meeting.all_of_it(client, user, HANDSHAKE, outsider.has)


@every_meeting
async def test_leaving_in_the_middle_of_an_error(
    outsider: Outsider, running: Restartable, mode: str, version: str
) -> None:
    """A call that runs ends with the session, and nothing stays behind."""
    tag = f"left {mode}"
    calls: list[asyncio.Task[Any]] = []

    async def one_stay(url: str) -> None:
        async with User().client(url, mode) as client:
            calls.append(asyncio.create_task(client.call_tool("wait", {"tag": tag})))
            await meeting.noted(client, f"{tag} begins")
            raise ZeroDivisionError

    with watched(running.server.url) as recorder:
        with nothing_stays():
            with pytest.raises(ZeroDivisionError):
                await one_stay(recorder.url)
            async with asyncio.timeout(5):
                with pytest.raises(McpError, match="the client left"):
                    await calls[0]
        assert_left(recorder, version)


@every_meeting
async def test_a_server_that_was_restarted(
    outsider: Outsider, running: Restartable, mode: str, version: str
) -> None:
    """The same client goes on, with one new session where there are sessions."""
    with watched(running.server.url) as recorder:
        async with User().client(recorder.url, mode) as client:
            first = meeting.value(await client.call_tool("process"))
            await running.restart()
            second = await asyncio.gather(*(client.call_tool("process") for _ in range(5)))
            assert first not in {meeting.value(result) for result in second}
        opened = recorder.methods("client").count("initialize")
        assert opened == (2 if version == HANDSHAKE else 0)
        assert_left(recorder, version)


@every_outsider
async def test_a_server_that_is_killed(outsider: Outsider, running: Restartable) -> None:
    """A call that waits hears of it at once, and leaving does not fail."""
    async with User().client(running.server.url, "legacy") as client:
        call = asyncio.create_task(client.call_tool("wait", {"tag": "killed"}))
        await meeting.noted(client, "killed begins")
        running.kill()
        async with asyncio.timeout(5):
            with pytest.raises(McpError):
                await call
    await running.restart()
