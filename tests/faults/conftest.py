"""The server of these tests, and how it is doing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.process import Server, serve, uvicorn
from tests.support.wire import STATELESS, Wire

HERE = Path(__file__).parent
ERAS = ("2025-11-25", STATELESS)


@contextmanager
def serving(clean: bool = True, **environment: str) -> Iterator[Server]:
    """`server.py` in a process of its own."""
    env = {**os.environ, "FASTMCP_HTTP_SHUTDOWN_GRACE": "1", **environment}
    # Where the machine halts for seconds, uvicorn would end what idled meanwhile.
    app = uvicorn("server:app", "--log-level", "warning", "--timeout-keep-alive", "3600")
    with serve(app, cwd=HERE, env=env, clean=clean) as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


async def stats(server: Server) -> dict[str, int]:
    """Descriptors, tasks, threads and KiB of memory of its process."""
    url = server.url.removesuffix("/mcp") + "/stats"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return await response.json()


async def opened(wire: Wire) -> Wire:
    """A client that may call."""
    if not wire.stateless:
        await wire.initialize()
    return wire


async def serves(wire: Wire) -> None:
    """Everybody else is served as before."""
    assert (await wire.call("add", {"a": 1, "b": 2})).text == "3"
    assert (await wire.call("add_in_thread", {"a": 1, "b": 2})).text == "3"


class Log:
    """What the server says from now on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = len(server.log)

    @classmethod
    def whole(cls, server: Server) -> Log:
        """All that it has said since its start."""
        self = cls(server)
        self._before = 0
        return self

    @property
    def lines(self) -> list[str]:
        return self._server.log[self._before :].splitlines()

    def saying(self, words: str) -> list[str]:
        return [line for line in self.lines if words in line]
