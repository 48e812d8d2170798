"""What a server loads, and when: as little as can be before its first answer, nothing in a call
that takes what each call takes.

Time is not measured here; `python -m benchmarks --workload server --workload stdio` does that. What
a start costs is what it imports, and that is the same on every machine.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from tests.support.process import serve

STANDARD = sys.stdlib_module_names

NEEDLESS = frozenset(
    {
        "aiohttp",
        "anyio",
        "click",
        "cryptography",
        "cyclopts",
        "docket",
        "dotenv",
        "fastmcp.cli",
        "fastmcp.client",
        "fastmcp.proxy",
        "fastmcp.server.auth",
        "fastmcp.server.background.docket",
        "fastmcp.server.elicitation",
        "fastmcp.server.forwarding",
        "fastmcp.server.http",
        "fastmcp.server.providers.fastmcp_provider",
        "fastmcp.server.sampling",
        "httptools",
        "joserfc",
        "jsonschema_rs",
        "key_value",
        "mcp_types",
        "multiprocessing",
        "opentelemetry",
        "pydantic_settings",
        "redis",
        "rich",
        "starlette",
        "uvicorn",
        "watchfiles",
        "yaml",
    }
)
"""What a server with plain tools can do without on a pipe. Each of them takes longer to load than
such a server takes to answer, or brings others that do."""

IMPORT = """
import json, sys
from fastmcp import FastMCP
FastMCP()
print(json.dumps(list(sys.modules)))
"""

SERVER = """
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fastmcp import Context, FastMCP
from fastmcp.utilities.types import Image

served = set()

@asynccontextmanager
async def lifespan(server) -> AsyncIterator[None]:
    served.update(sys.modules)
    yield

mcp = FastMCP("start", lifespan=lifespan)

@mcp.tool
def loaded(ctx: Context) -> list[str]:
    "All that is loaded."
    return list(sys.modules)

@mcp.tool
async def loaded_since() -> dict[str, list[str]]:
    "What has been loaded since the server began to serve."
    return {"modules": sorted(set(sys.modules) - served)}

@mcp.tool
async def picture():
    "What takes the protocol's models."
    return Image(data=b"png")

if len(sys.argv) > 1:
    mcp.run(transport="http", port=int(sys.argv[1]), show_banner=False)
mcp.run(show_banner=False)
"""


def needless(modules: list[str]) -> set[str]:
    """Which of them, or of what is in them, are there."""
    return {
        name
        for name in NEEDLESS
        if any(module == name or module.startswith(f"{name}.") for module in modules)
    }


def test_a_server_is_made_without_them():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    modules = json.loads(done.stdout)
    assert "fastmcp.server.server" in modules
    assert needless(modules) == set()


ERAS = pytest.mark.parametrize("mode", ["legacy", "auto"])


@ERAS
async def test_a_pipe_is_served_without_them(mode: str):
    transport = StdioTransport(sys.executable, ["-c", SERVER], keep_alive=False)
    async with Client(transport, mode=mode) as client:
        assert len(await client.list_tools()) == 3
        modules = (await client.call_tool("loaded")).data
    assert "fastmcp.server.transports.stdio" in modules
    assert needless(modules) == set()


HTTP = frozenset(
    {
        "anyio",
        "click",
        "fastmcp.server.http",
        "httptools",
        "multiprocessing",
        "starlette",
        "uvicorn",
        "watchfiles",
    }
)
"""What a server over HTTP takes of that, and uvicorn, and Starlette."""


@ERAS
async def test_over_http_no_request_loads_what_each_takes(mode: str):
    """A call loads nothing, and what only some would load is not there before one of them."""
    with serve(lambda port: [sys.executable, "-c", SERVER, str(port)]) as server:
        async with Client(server.url, mode=mode) as client:
            modules = (await client.call_tool("loaded")).data
            since = (await client.call_tool("loaded_since")).data["modules"]
            picture = (await client.call_tool("picture")).content
    assert "fastmcp.server.transports.streamable_http" in modules
    assert needless(modules) <= HTTP
    assert [block.type for block in picture] == ["image"]
    # uvicorn binds its sockets afterwards, for which Python loads an encoding of host names.
    assert [name for name in since if name.partition(".")[0] not in STANDARD] == []
