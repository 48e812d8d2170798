"""The other way round: our client against servers that no one here wrote.

The official Python SDK 1.x and 2.x and FastMCP 2, 3 and 4, each in an environment of its own, over
Streamable HTTP, HTTP+SSE and a pipe, in the eras they speak.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fastmcp.client.transports import SSETransport, StdioTransport
from fastmcp.exceptions import McpError
from tests.outsiders import meeting
from tests.outsiders.meeting import HANDSHAKE, STATELESS, User
from tests.outsiders.watching import (
    Restartable,
    assert_left,
    nothing_stays,
    watched,
)
from tests.support import venvs
from tests.support.process import children, script, until

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


def pairs(*modes: str) -> pytest.MarkDecorator:
    """Parametrizes with every library, those of `modes` that it speaks, and their versions."""
    return pytest.mark.parametrize(
        ("outsider", "mode", "version"),
        [
            pytest.param(outsider, mode, version, id=f"{outsider.name}-{mode}")
            for outsider in OUTSIDERS
            for mode, version in outsider.modes
            if mode in modes
        ],
    )


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[Outsider], Restartable]]:
    """Their servers over HTTP, each started when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def server(outsider: Outsider) -> Restartable:
            command = script(FOLDER / outsider.file, python=outsider.python)
            running = Restartable(command, venvs.environment())
            stack.callback(running.stop)
            return running

        yield server


@pytest.fixture
def running(
    servers: Callable[[Outsider], Restartable], request: pytest.FixtureRequest
) -> Restartable:
    """The server of the test's library."""
    return servers(request.getfixturevalue("outsider"))


@pairs("legacy", "auto", STATELESS)
async def test_over_http(outsider: Outsider, running: Restartable, mode: str, version: str) -> None:
    user = User()
    with watched(running.server.url) as recorder:
        with nothing_stays():
            async with user.client(recorder.url, mode) as client:
                await meeting.all_of_it(client, user, version, outsider.has)
        assert_left(recorder, version)


@pairs("legacy", "auto")
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


@pytest.mark.parametrize("outsider", OUTSIDERS, ids=lambda outsider: outsider.name)
async def test_over_sse(outsider: Outsider, running: Restartable) -> None:
    user = User()
    with nothing_stays():
        transport = SSETransport(f"http://127.0.0.1:{running.server.port}/sse")
        async with user.client(transport, "legacy") as client:
            await meeting.all_of_it(client, user, HANDSHAKE, outsider.has)


@pairs("legacy", STATELESS)
async def test_leaving_in_the_middle_of_an_error(
    outsider: Outsider, running: Restartable, mode: str, version: str
) -> None:
    """A call that runs ends with the session, and nothing stays behind."""
    tag = f"left {mode}"
    calls: list[asyncio.Task[Any]] = []

    async def one_stay(url: str) -> None:
        async with User().client(url, mode) as client:
            calls.append(asyncio.create_task(client.call_tool("wait", {"tag": tag})))
            await until(lambda: meeting.is_noted(client, f"{tag} begins"), "it begins")
            raise ZeroDivisionError

    with watched(running.server.url) as recorder:
        with nothing_stays():
            with pytest.raises(ZeroDivisionError):
                await one_stay(recorder.url)
            async with asyncio.timeout(5):
                with pytest.raises(McpError):
                    await calls[0]
        assert_left(recorder, version)


@pairs("legacy", STATELESS)
async def test_a_server_that_is_killed_and_comes_back(
    outsider: Outsider, running: Restartable, mode: str, version: str
) -> None:
    """A call that waits hears of it at once. The client goes on with the next server, in one new
    session where there are sessions."""
    with watched(running.server.url) as recorder:
        async with User().client(recorder.url, mode) as client:
            first = meeting.value(await client.call_tool("process"))
            call = asyncio.create_task(client.call_tool("wait", {"tag": f"killed {mode}"}))
            await until(lambda: meeting.is_noted(client, f"killed {mode} begins"), "it begins")
            await running.replace()
            async with asyncio.timeout(5):
                with pytest.raises(McpError):
                    await call
            second = await asyncio.gather(*(client.call_tool("process") for _ in range(5)))
            assert first not in {meeting.value(result) for result in second}
        opened = recorder.methods("client").count("initialize")
        assert opened == (2 if version == HANDSHAKE else 0)
        assert_left(recorder, version)
