"""Servers and environments for the outsiders, each built or started once per worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import node, venvs
from tests.support.process import Server, script, serve
from tests.support.recorder import Recorder, recording

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def running() -> Iterator[Server]:
    """Our server, as `python server.py PORT`."""
    with serve(script(HERE / "server.py")) as server:
        yield server


@pytest.fixture
def recorder(running: Server) -> Iterator[Recorder]:
    """A recorder in front of it; everything that passed must have been valid."""
    with recording(running.url) as recorder:
        yield recorder
        recorder.assert_valid()


@pytest.fixture(scope="session")
def npm() -> Path:
    """The installed npm packages."""
    return node.packages(HERE / "node")


@pytest.fixture(scope="session")
def sdk() -> Path:
    """The interpreter of the official Python SDK's environment."""
    return venvs.python_of("mcp-sdk", venvs.MCP_SDK)


@pytest.fixture(scope="session")
def fastmcp4() -> Path:
    """The interpreter of FastMCP 4's environment."""
    return venvs.python_of("fastmcp-4", venvs.FASTMCP_4)
