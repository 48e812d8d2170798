"""Behind a real nginx: as the guide configures it, and left at its defaults."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastmcp import Client
from tests.support.curl import curl
from tests.support.nginx import nginx
from tests.support.process import Server, script, serve

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


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize("location", [GUIDE, DEFAULTS], ids=["the guide's block", "defaults"])
async def test_calls_of_every_length(behind: Server, location: str, mode: str):
    heard: list[tuple[float, float]] = []
    begin = time.monotonic()

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, time.monotonic() - begin))

    with nginx(location.replace("8000", str(behind.port))) as proxy:
        async with Client(proxy.url, mode=mode, timeout=20) as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
            # Three times the impatient proxy's time-out, without a word of the tool's own.
            assert (await client.call_tool("silent", {"seconds": 3})).data == "done"
            begin = time.monotonic()
            result = await client.call_tool(
                "steps", {"count": 4, "pause": 0.25}, progress_handler=progress
            )
            assert result.data == "counted"
    assert [done for done, _ in heard] == [1, 2, 3, 4]
    # Each came as it was emitted, not all at the end: no proxy held them back.
    assert heard[-1][1] - heard[0][1] > 0.5


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


async def test_a_connection_that_the_proxy_cuts_is_resumed(behind: Server):
    """Without keep-alives the proxy cuts a silent stream; the client comes back for the rest."""
    env = {**os.environ, "FASTMCP_HTTP_KEEPALIVE_INTERVAL": "0"}
    with (
        serve(script(HERE / "server.py"), env=env) as mute,
        nginx(DEFAULTS.replace("8000", str(mute.port))) as proxy,
    ):
        async with Client(proxy.url, mode="legacy", timeout=20) as client:
            assert (await client.call_tool("silent", {"seconds": 3.5})).data == "done"
        assert "upstream timed out" in proxy.log
