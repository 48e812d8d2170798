"""`fastmcp nginx`: what it prints, given to a real nginx in front of real servers."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from fastmcp import Client
from fastmcp.client.transports import SSETransport
from tests.cli.conftest import Command
from tests.proxies import server as behind
from tests.support.curl import curl
from tests.support.nginx import nginx
from tests.support.process import Server, free_port, script, serve

SERVER = Path(behind.__file__)


@pytest.fixture(scope="module")
def backends() -> Iterator[list[Server]]:
    """Two servers of one machine, which find each other in their home, with HTTP+SSE as well."""
    argv = script(SERVER, "sse")
    with tempfile.TemporaryDirectory(prefix="fastmcp-test-") as home:
        env = {**os.environ, "FASTMCP_HOME": home}
        with serve(argv, env=env) as one, serve(argv, env=env) as two:
            yield [one, two]


def whole_file(fastmcp: Command, ports: list[int], *words: str) -> Callable[[int], str]:
    """What the command prints for these servers, listening where a test says."""
    upstreams = [f"127.0.0.1:{port}" for port in ports]
    return lambda port: (
        fastmcp("nginx", *upstreams, "--full", "--listen", f"127.0.0.1:{port}", *words).stdout
    )


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_location_block_for_one_server(fastmcp: Command, backends: list[Server], mode: str):
    port = backends[0].port
    done = fastmcp("nginx", f"127.0.0.1:{port}")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("location /mcp {")
    with nginx(done.stdout) as proxy:
        for url in (proxy.url, proxy.url + "/"):
            async with Client(url, mode=mode, timeout=20) as client:
                assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
                assert (await client.call_tool("silent", {"seconds": 0.5})).data == "done"


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_whole_file_for_several_servers(
    fastmcp: Command, backends: list[Server], mode: str
):
    said: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        said.append(done)

    with nginx(whole_file(fastmcp, [server.port for server in backends])) as proxy:
        async with Client(proxy.url, mode=mode, timeout=20) as client:
            for number in range(6):
                assert (await client.call_tool("add", {"a": number, "b": 1})).data == number + 1
            answer = await client.call_tool(
                "steps", {"count": 3, "pause": 0.05}, progress_handler=progress
            )
            assert answer.data == "counted"
    assert said == [1, 2, 3]


async def test_the_locations_of_http_sse(fastmcp: Command, backends: list[Server]):
    upstream = f"127.0.0.1:{backends[0].port}"
    done = fastmcp("nginx", upstream, "--legacy-sse")
    assert done.stdout.startswith(fastmcp("nginx", upstream).stdout)
    assert fastmcp("nginx", upstream, env={"FASTMCP_LEGACY_SSE": "true"}).stdout == done.stdout
    with nginx(done.stdout, path="/sse") as proxy:
        for url in (proxy.url, proxy.url + "/"):
            async with Client(SSETransport(url), timeout=20) as client:
                assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
                assert (await client.call_tool("silent", {"seconds": 0.5})).data == "done"
        # No redirect, which would lose what is posted.
        without_slash = curl(proxy.url.replace("/sse", "/messages"), verb="POST")
        assert "location" not in without_slash.headers
        assert without_slash.status == 415
        async with Client(proxy.url.replace("/sse", "/mcp"), transport_order="http-only") as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


async def test_messages_of_http_sse_reach_their_stream(fastmcp: Command, backends: list[Server]):
    """nginx gives each request to the next server, and so every other message to the wrong one."""
    ports = [server.port for server in backends]
    with nginx(whole_file(fastmcp, ports, "--legacy-sse"), path="/sse") as proxy:
        async with Client(SSETransport(proxy.url), timeout=20) as client:
            for number in range(6):
                assert (await client.call_tool("add", {"a": number, "b": 1})).data == number + 1


def test_paths_of_http_sse_of_ones_own(fastmcp: Command):
    setting = {"FASTMCP_SSE_PATH": "/old/sse", "FASTMCP_MESSAGE_PATH": "/old/post/"}
    printed = fastmcp("nginx", "--legacy-sse", env=setting).stdout
    paths = [line.split()[1] for line in printed.splitlines() if line.startswith("location")]
    assert paths == ["/mcp", "/old/sse", "/old/post"]
    refused = fastmcp("nginx", "--legacy-sse", env={"FASTMCP_SSE_PATH": "/s; }"})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "'/s; }' is not a path" in refused.stderr


def test_the_limit_of_a_body_is_the_server_s(fastmcp: Command, backends: list[Server]):
    setting = {"FASTMCP_HTTP_MAX_BODY_BYTES": "1000", "FASTMCP_PORT": str(backends[0].port)}
    done = fastmcp("nginx", "--path", "/mcp/", env=setting)
    with nginx(done.stdout) as proxy:
        json = {"Content-Type": "application/json"}
        assert curl(proxy.url, headers=json, body=" " * 1001).status == 413
        # Not nginx's word but the server's: it is no message.
        assert curl(proxy.url, headers=json, body=" " * 1000).status == 400


async def test_a_post_that_reached_a_server_is_not_sent_to_another(fastmcp: Command):
    """It may have run there."""
    reached: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    one = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    two = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    ports = [listener.sockets[0].getsockname()[1] for listener in (one, two)]
    async with one, two, aiohttp.ClientSession() as http:
        with nginx(whole_file(fastmcp, ports)) as proxy:
            async with http.post(proxy.url, json={}) as response:
                assert response.status == 502
    [request] = reached
    assert request.startswith(b"POST /mcp HTTP/1.1\r\n")
    assert f"X-Forwarded-Host: 127.0.0.1:{proxy.port}".encode() in request


async def test_a_server_that_cannot_be_reached_is_passed_over(
    fastmcp: Command, backends: list[Server]
):
    with nginx(whole_file(fastmcp, [free_port(), backends[0].port])) as proxy:
        async with Client(proxy.url, timeout=20) as client:
            for _ in range(3):
                assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


async def test_a_server_whose_answers_break_off_is_asked_again(fastmcp: Command):
    """A broken stream says nothing against its server: one that does it often is not taken out."""
    broken = 0

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal broken
        await reader.readuntil(b"\r\n\r\n")
        broken += 1
        writer.transport.abort()

    one = await asyncio.start_server(break_off, "127.0.0.1", 0)
    two = await asyncio.start_server(break_off, "127.0.0.1", 0)
    ports = [listener.sockets[0].getsockname()[1] for listener in (one, two)]
    async with one, two, aiohttp.ClientSession() as http:
        with nginx(whole_file(fastmcp, ports)) as proxy:
            for _ in range(6):
                async with http.post(proxy.url, json={}) as response:
                    assert response.status == 502
            assert "no live upstreams" not in proxy.log
    assert broken == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a;b"], "'a;b' is not an upstream: write host:port"),
        (["http://a:1"], "is not an upstream"),
        (["a:1", "b:1"], "add --full"),
        (["--path", "/a b"], "is not a path"),
        (["--full", "--listen", "80; }"], "is not an address to listen on"),
        (["--full", "--server-name", "a{"], "is not a server name"),
    ],
)
def test_what_nginx_could_not_read_is_refused(fastmcp: Command, words: list[str], said: str):
    done = fastmcp("nginx", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
