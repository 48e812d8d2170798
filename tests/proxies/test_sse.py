"""HTTP+SSE behind a real nginx, under a prefix, and behind middleware that wraps every response."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fastmcp import Client
from fastmcp.client.transports import SSETransport
from tests.proxies.test_nginx import DEFAULTS, GUIDE, HERE, calls_of_every_length
from tests.support.nginx import nginx
from tests.support.process import Server, script, serve, uvicorn
from tests.support.sse_wire import old_wire

PREFIX = """
location /db/ {
    proxy_pass http://127.0.0.1:8000/;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Prefix /db;
}
"""
ENV = {**os.environ, "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "0.3"}


@pytest.fixture(scope="module")
def behind() -> Iterator[Server]:
    """The server; its keep-alives come faster than the time-out of the impatient proxy."""
    with serve(script(HERE / "server.py", "sse"), env=ENV) as server:
        yield server


@pytest.mark.parametrize("location", [GUIDE, DEFAULTS], ids=["guide", "defaults"])
async def test_t6_calls_of_every_length(behind: Server, location: str):
    with nginx(location.replace("8000", str(behind.port)), path="/sse") as proxy:
        await calls_of_every_length(proxy.url, "legacy")


async def test_t30_a_prefix_that_the_proxy_takes_away(behind: Server):
    with nginx(PREFIX.replace("8000", str(behind.port)), path="/db/sse") as proxy:
        async with old_wire(proxy.url) as wire:
            assert wire.events[0].data.startswith("/db/messages/?session_id=")
            assert wire.response_headers["link"] == '</db/mcp>; rel="successor-version"'
            assert await wire.call("add", {"a": 1, "b": 2}) == "3"


async def test_t30_a_prefix_that_the_server_was_told():
    app = uvicorn("server:old_and_new", "--root-path", "/db", "--log-level", "warning")
    with (
        serve(app, cwd=HERE, env=ENV) as server,
        nginx(PREFIX.replace("8000", str(server.port)), path="/db/sse") as proxy,
    ):
        async with old_wire(proxy.url) as wire:
            assert wire.events[0].data.startswith("/db/messages/?session_id=")
            assert await wire.call("add", {"a": 1, "b": 2}) == "3"


async def test_t33_behind_middleware():
    with serve(script(HERE / "server.py", "sse wrapped"), env=ENV, path="/sse") as server:
        async with Client(SSETransport(server.url), timeout=20) as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        await calls_of_every_length(server.url, "legacy")
