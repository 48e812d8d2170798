"""Our client before our server, whose tokens come from an authorization server made by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from key_value.aio.stores.memory import MemoryStore

from fastmcp import Client, FastMCP
from fastmcp.server.auth import AccessToken, RemoteAuthProvider, TokenVerifier
from fastmcp.server.auth.oauth.models import ClientRegistrationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp.server.dependencies import get_access_token
from fastmcp.utilities.tests import run_server_async
from tests.client.auth.authority import Authority, Person, authority
from tests.support.process import free_port, until


class Known(TokenVerifier):
    """What the authority says; a token has the lifetime that it says."""

    def __init__(self, by: Authority, required: list[str]) -> None:
        super().__init__(required_scopes=required)
        self.by = by

    async def verify_token(self, token: str) -> AccessToken | None:
        scope = self.by.good.get(token)
        if scope is None:
            return None
        ends = None if self.by.lifetime is None else int(time.time() + self.by.lifetime)
        return AccessToken(
            token=token, client_id="c", subject="ada", scopes=scope.split(), expires_at=ends
        )


@asynccontextmanager
async def protected(by: Authority, required: list[str]) -> AsyncGenerator[str]:
    """A server with one tool, until the block ends."""
    port = free_port()
    auth = RemoteAuthProvider(Known(by, required), [by.issuer], f"http://127.0.0.1:{port}")
    mcp = FastMCP("protected", auth=auth)

    @mcp.tool
    def who() -> str | None:
        token = get_access_token()
        return None if token is None else token.subject

    async with run_server_async(mcp, port=port) as url:
        yield url


async def test_a_call_is_let_in(mode: str) -> None:
    async with (
        authority() as server,
        protected(server, ["read"]) as url,
        Client(url, auth=Person(), mode=mode) as client,
    ):
        assert (await client.call_tool("who")).data == "ada"
        session = client.transport.get_session_id()
        server.good.clear()  # and the next token is another, of the same person
        results = await asyncio.gather(*(client.call_tool("who") for _ in range(20)))
        assert {result.data for result in results} == {"ada"}
        assert client.transport.get_session_id() == session
    assert [query["scope"] for query in server.authorized] == ["read"]
    assert server.count("refresh_token") == 1


async def test_our_own_authorization_server(mode: str) -> None:
    port = free_port()
    auth = InMemoryOAuthProvider(
        base_url=f"http://127.0.0.1:{port}",
        client_registration_options=ClientRegistrationOptions(enabled=True),
        require_authorization_consent=False,
    )
    mcp = FastMCP("both", auth=auth)

    @mcp.tool
    def who() -> str | None:
        token = get_access_token()
        return None if token is None else token.subject

    store = MemoryStore()
    async with run_server_async(mcp, port=port) as url:
        for _ in range(2):
            person = Person(token_storage=store)
            async with Client(url, auth=person, mode=mode) as client:
                assert (await client.call_tool("who")).data == "local"
            await person.finished()
    assert person.opened == []  # the second time


async def test_a_stream_that_ended_with_its_token_comes_back() -> None:
    async with authority(lifetime=1) as server, protected(server, []) as url:
        heard: list[object] = []

        async def hears(message: object) -> None:
            heard.append(message)

        async with Client(url, auth=Person(), mode="legacy", message_handler=hears) as client:
            await client.call_tool("who")
            first = server.count("refresh_token")
            await until(lambda: server.count("refresh_token") > first, "the token was renewed")
            assert (await client.call_tool("who")).data == "ada"
    assert len(server.authorized) == 1
