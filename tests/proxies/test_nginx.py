"""Behind a real nginx: as the guide configures it, and left at its defaults."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fastmcp import Client
from fastmcp.exceptions import McpError
from tests.support.curl import curl
from tests.support.nginx import nginx
from tests.support.process import Server, script, serve
from tests.support.wire import STATELESS, Wire

HERE = Path(__file__).parent

GUIDE = """
location / {
    proxy_pass http://127.0.0.1:8000;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_buffering off;
    proxy_cache off;
    proxy_read_timeout 300s;
    proxy_send_timeout 300s;
}
"""
DEFAULTS = """
location / {
    proxy_pass http://127.0.0.1:8000;
    proxy_read_timeout 1s;
}
"""
PREFIXED = """
location /db/ {
    proxy_pass http://127.0.0.1:8000/;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-Proto https;
}
"""


@pytest.fixture(scope="module")
def behind() -> Iterator[Server]:
    """The server; its keep-alives come faster than the time-out of the impatient proxy."""
    env = {**os.environ, "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "0.3"}
    with serve(script(HERE / "server.py"), env=env) as server:
        yield server


async def calls_of_every_length(url: str, mode: str) -> None:
    """A quick one, one that is silent for three times the impatient proxy's time-out, and one that
    says something now and then."""
    heard: list[tuple[float, float]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, time.monotonic()))

    async with Client(url, mode=mode, timeout=20) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        assert (await client.call_tool("silent", {"seconds": 3})).data == "done"
        result = await client.call_tool(
            "steps", {"count": 4, "pause": 0.25}, progress_handler=progress
        )
        assert result.data == "counted"
    assert [done for done, _ in heard] == [1, 2, 3, 4]
    # Each came as it was emitted, not all at the end: no proxy held them back.
    assert heard[-1][1] - heard[0][1] > 0.5


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_g7_the_block_of_the_guide(behind: Server, mode: str):
    with nginx(GUIDE.replace("8000", str(behind.port))) as proxy:
        await calls_of_every_length(proxy.url, mode)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_t6_calls_outlast_the_time_out_of_a_proxy_at_its_defaults(behind: Server, mode: str):
    with nginx(DEFAULTS.replace("8000", str(behind.port))) as proxy:
        await calls_of_every_length(proxy.url, mode)


async def test_t6_so_does_a_silent_stream(behind: Server):
    """It is cut by nobody for three times the time-out, and heard at once afterwards."""
    with nginx(DEFAULTS.replace("8000", str(behind.port))) as proxy:
        async with Wire(proxy.url) as wire:
            await wire.initialize()
            begin = time.monotonic()
            async with wire.listen() as events:
                async for event in events:
                    assert event.message is None
                    if time.monotonic() - begin > 3:
                        break
                await wire.call("grow", {"name": "grown"})
                message = await anext(event.message async for event in events if event.message)
            assert message["method"] == "notifications/tools/list_changed"


async def test_t6_so_does_a_silent_subscription(behind: Server):
    with nginx(DEFAULTS.replace("8000", str(behind.port))) as proxy:
        async with Wire(proxy.url, STATELESS) as wire:
            begin = time.monotonic()
            async with wire.subscribe({"toolsListChanged": True}) as messages:
                assert time.monotonic() - begin < 1  # the acknowledgement was not held back
                await wire.call("silent", {"seconds": 3})
                await wire.call("grow", {"name": "grown again"})
                message = await anext(messages)
            assert message["method"] == "notifications/tools/list_changed"


async def test_t6_the_first_byte_of_a_stream_is_early():
    """Some proxies hold the head back until there is a byte to send. Keep-alives and answer are
    much further away here than the time in which it must come."""
    env = {**os.environ, "FASTMCP_HTTP_SHUTDOWN_GRACE": "0"}
    with (
        serve(script(HERE / "server.py"), env=env) as server,
        nginx(DEFAULTS.replace("8000", str(server.port)).replace("1s", "60s")) as proxy,
    ):
        for version in ("2025-06-18", "2025-11-25", STATELESS):
            async with Wire(proxy.url, version) as wire, aiohttp.ClientSession() as http:
                requests: list[dict[str, Any]] = []
                if version != STATELESS:
                    await wire.initialize()
                    headers = {**wire.standard_headers(), "Accept": "text/event-stream"}
                    requests.append({"method": "GET", "headers": headers})
                params = {"name": "silent", "arguments": {"seconds": 60}}
                message = wire.message("tools/call", params)
                headers = wire.standard_headers("tools/call", params)
                requests.append({"method": "POST", "headers": headers, "json": message})
                for request in requests:
                    begin = time.monotonic()
                    async with http.request(url=proxy.url, **request) as response:
                        assert response.content_type == "text/event-stream"
                        assert await response.content.readany()
                    assert time.monotonic() - begin < 3


async def test_t6_without_streams_a_silent_call_is_cut():
    """The limit of `json_response=True`, as it is documented: nothing can be said meanwhile. The
    client hears of it, and who is not cut gets the answer."""
    env = {**os.environ, "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "0.3"}
    with (
        serve(script(HERE / "server.py", "json"), env=env) as server,
        nginx(DEFAULTS.replace("8000", str(server.port))) as proxy,
    ):
        async with Client(proxy.url, mode="legacy", timeout=20) as client:
            with pytest.raises(McpError, match="504"):
                await client.call_tool("silent", {"seconds": 2})
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        async with Client(server.url, mode="legacy", timeout=20) as client:
            assert (await client.call_tool("silent", {"seconds": 1.2})).data == "done"


@pytest.mark.parametrize(
    ("variant", "path"), [("alone", "/mcp"), ("at /api", "/api/mcp"), ("at /", "/mcp")]
)
async def test_t10_no_redirect_alone_mounted_and_behind_a_prefix(variant: str, path: str):
    """A redirect would name http where the client came by https, and lose what is posted."""
    with (
        serve(script(HERE / "server.py", variant), path=path) as server,
        nginx(PREFIXED.replace("8000", str(server.port)), path="/db" + path) as proxy,
    ):
        for url in (server.url, server.url + "/", proxy.url, proxy.url + "/"):
            for verb in ("POST", "GET", "DELETE", "OPTIONS"):
                reply = curl(url, verb=verb)
                assert "location" not in reply.headers
                # The endpoint's own words: what is missing, and not that nothing is there.
                assert reply.status in (400, 405, 406, 415), (url, verb, reply)
            for mode in ("legacy", "auto"):
                async with Client(url, mode=mode) as client:
                    assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


async def test_g16_a_connection_that_is_cut_is_resumed():
    """Without keep-alives the proxy cuts a silent stream; the client comes back for the rest."""
    env = {**os.environ, "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "0"}
    with (
        serve(script(HERE / "server.py"), env=env) as mute,
        nginx(DEFAULTS.replace("8000", str(mute.port))) as proxy,
    ):
        async with Client(proxy.url, mode="legacy", timeout=20) as client:
            assert (await client.call_tool("silent", {"seconds": 3.5})).data == "done"
        assert "upstream timed out" in proxy.log
