"""Our client before our server, whose tokens come from an authorization server made by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from key_value.aio.stores.memory import MemoryStore

from fastmcp import Client, Context, FastMCP
from fastmcp.client.auth import (
    ClientCredentialsOAuthProvider,
    IdentityAssertionOAuthProvider,
)
from fastmcp.client.extensions import advertise
from fastmcp.client.transports import StreamableHttpTransport
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

    @mcp.tool
    def declared(ctx: Context) -> list[str]:
        return list(ctx.client_capabilities.get("extensions", {}))

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


async def test_the_extension_that_lets_a_client_in_is_declared(mode: str) -> None:
    """Extensions oauth-client-credentials and enterprise-managed-authorization, "Declare support":
    also by a client of several servers, and once where the user says it too."""
    machine, employee = (
        "io.modelcontextprotocol/oauth-client-credentials",
        "io.modelcontextprotocol/enterprise-managed-authorization",
    )

    async def word(issuer: str, resource: str) -> str:
        return "an assertion"

    as_machine = ClientCredentialsOAuthProvider(client_id="c", client_secret="s")
    as_employee = IdentityAssertionOAuthProvider(client_id="c", assertion_provider=word)
    async with authority() as server, protected(server, []) as url:
        for auth, names in ((as_machine, [machine]), (as_employee, [employee]), (Person(), [])):
            transport = StreamableHttpTransport(url, auth=auth)
            async with Client(transport, mode=mode) as client:
                assert (await client.call_tool("declared")).data == names
        said = [advertise(machine, {"mine": True})]
        async with Client(url, auth=as_machine, extensions=said, mode=mode) as client:
            assert (await client.call_tool("declared")).data == [machine]


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
