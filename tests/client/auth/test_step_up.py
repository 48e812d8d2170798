"""A call that needs more scope than the token has: what is asked for, how often, and what stays."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from key_value.aio.stores.memory import MemoryStore

from fastmcp import Client
from fastmcp.client.errors import AuthorizationFailedError
from tests.client.auth.authority import Authority, Person, authority, guarded, redirect


def allows(server: Authority, may: Any) -> None:
    """Let a page refuse, by `invalid_scope`, what may not be asked for."""

    async def page(request: web.Request, query: dict[str, str]) -> web.StreamResponse | None:
        if may(query["client_id"], set(query.get("scope", "").split())):
            return None
        said = {"error": "invalid_scope", "state": query["state"], "iss": server.issuer}
        return redirect(f"{query['redirect_uri']}?{urlencode(said)}")

    server.on_authorize = page


async def test_a_step_up_that_is_refused_costs_nobody_the_token_there_is() -> None:
    async with (
        authority() as server,
        guarded(server, challenge='scope="a"', needs={"tools/call": "admin"}) as endpoint,
    ):
        allows(server, lambda client, scopes: "admin" not in scopes)
        async with Client(endpoint.url, auth=Person()) as client:
            with pytest.raises(AuthorizationFailedError, match="invalid_scope"):
                await client.call_tool("x")
            await client.list_tools()
    assert [query["scope"] for query in server.authorized] == ["a", "a admin"]


async def test_a_server_that_holds_a_client_to_the_scope_it_registered() -> None:
    """RFC 7591, 2: such a client registers anew, and stays who it was where that suffices."""
    registered: dict[str, set[str]] = {}
    store = MemoryStore()

    async with (
        authority() as server,
        guarded(server, challenge='scope="a"', needs={"tools/call": "b"}) as endpoint,
    ):

        async def note(request: web.Request, said: dict[str, Any]) -> None:
            registered[f"client-{len(server.registered)}"] = set(said["scope"].split())

        server.on_register = note
        allows(server, lambda client, scopes: scopes <= registered[client])
        for _ in range(2):
            async with Client(endpoint.url, auth=Person(token_storage=store)) as client:
                await client.call_tool("x")
                server.refreshable.clear()
                server.good.clear()
                await client.call_tool("x")
    assert registered == {"client-1": {"a"}, "client-2": {"a", "b"}}
    assert {query["client_id"] for query in server.authorized[1:]} == {"client-2"}


async def test_a_server_that_grants_less_asks_the_person_once() -> None:
    async with (
        authority(scope="a") as server,
        guarded(server, challenge='scope="a"', needs={"tools/call": "b"}) as endpoint,
    ):
        person = Person()
        async with Client(endpoint.url, auth=person) as client:
            with pytest.raises(AuthorizationFailedError, match="did not grant b") as caught:
                await client.call_tool("x")
    assert server.issuer in str(caught.value)
    assert caught.value.oauth_error == "insufficient_scope"
    assert [query["scope"] for query in server.authorized] == ["a", "a b"]
