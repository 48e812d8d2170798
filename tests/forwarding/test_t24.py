"""T24 through a proxy: every call behind has the headers of its own call in front."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from tests.support.process import Server, script, serve

_number: ContextVar[int] = ContextVar("number", default=-1)

GATE = """
import sys
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server import create_proxy
from fastmcp.server.providers.proxy import ProxyClient

class Everyone(AuthenticationBackend):
    async def authenticate(self, connection):
        token = connection.headers.get("authorization", "")
        return AuthCredentials(), SimpleUser(token[-3:])

port, url, how = sys.argv[1:]
middleware = []
if how == "authenticates":
    middleware = [Middleware(AuthenticationMiddleware, backend=Everyone())]
if how == "withholds":
    target = ProxyClient(url, forward_incoming_headers=False)
elif how == "has a token":
    target = ProxyClient(StreamableHttpTransport(url, {"X-Req": "own"}, auth="its-own"))
else:
    target = url
mcp = create_proxy(target)
mcp.run(transport="http", port=int(port), show_banner=False, middleware=middleware)
"""


@pytest.fixture(scope="module")
def gate(
    backend: Server, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Server]:
    """A proxy as a process, started once for all tests of its kind."""
    file = tmp_path_factory.mktemp("gate") / "gate.py"
    file.write_text(GATE)
    with serve(script(file, backend.url, request.param)) as server:
        yield server


def own_headers() -> dict[str, str]:
    number = _number.get()
    return {"X-Req": str(number), "Authorization": f"Bearer token-{number:03}"}


def client_of(gate: Server, mode: str) -> Client:
    return Client(StreamableHttpTransport(gate.url, own_headers), mode=mode)


async def seen(client: Client, number: int) -> dict[str, str]:
    _number.set(number)
    return (await client.call_tool_mcp("headers", {})).structured_content


@pytest.mark.parametrize("gate", ["forwards"], indirect=True)
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_t24_a_hundred_calls_at_once(gate: Server, mode: str):
    async with client_of(gate, mode) as client:
        calls = [asyncio.create_task(seen(client, number)) for number in range(100)]
        found = await asyncio.gather(*calls)
    for number, headers in enumerate(found):
        assert headers["x-req"] == str(number)
        assert headers["authorization"] == f"Bearer token-{number:03}"


@pytest.mark.parametrize("gate", ["authenticates"], indirect=True)
@pytest.mark.parametrize("mode", ["2026-07-28"])
async def test_t24_a_token_that_was_for_the_proxy_stays(gate: Server, mode: str):
    async with client_of(gate, mode) as client:
        found = await seen(client, 7)
    assert found["x-req"] == "7"
    assert "authorization" not in found


@pytest.mark.parametrize("gate", ["withholds"], indirect=True)
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_t24_nothing_goes_on_where_nothing_shall(gate: Server, mode: str):
    async with client_of(gate, mode) as client:
        found = await seen(client, 7)
    assert "x-req" not in found
    assert "authorization" not in found


@pytest.mark.parametrize("gate", ["has a token"], indirect=True)
@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_t24_what_the_proxy_says_itself_goes_before(gate: Server, mode: str):
    async with client_of(gate, mode) as client:
        found = await seen(client, 7)
    assert found["x-req"] == "own"
    assert found["authorization"] == "Bearer its-own"


@pytest.mark.parametrize("gate", ["forwards"], indirect=True)
async def test_t24_what_belongs_to_one_hop_stays(gate: Server):
    extra = {"Cookie": "a=b", "Origin": gate.url.removesuffix("/mcp"), "X-Kept": "yes"}
    transport = StreamableHttpTransport(gate.url, extra)
    async with Client(transport, mode="legacy") as client:
        found = await seen(client, 0)
        assert found["x-kept"] == "yes"
        assert not {"cookie", "origin"} & found.keys()
        assert found["mcp-session-id"] != transport.get_session_id()
