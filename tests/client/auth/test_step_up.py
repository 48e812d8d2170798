"""A call that needs more scope than the token has: what is asked for, how often, and what stays."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from key_value.aio.stores.memory import MemoryStore

from fastmcp import Client
from fastmcp.client.errors import AuthorizationFailedError
from tests.client.auth.authority import Authority, Person, authority, guarded, redirect
from tests.support.process import until


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


async def test_who_wants_something_else_is_not_refused_with_another() -> None:
    """Two calls of one agent, side by side: what the person denies the one is not the other's."""
    async with authority() as server, guarded(server, challenge='scope="a"') as endpoint:
        person = Person()

        async def its_own(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            scope = server.good[request.headers["Authorization"].removeprefix("Bearer ")]
            tool = message.get("params", {}).get("name")
            if tool is None or tool in scope.split():
                return await type(endpoint).call(endpoint, request, message)
            wanted = f'Bearer error="insufficient_scope", scope="{tool}"'
            return web.Response(status=403, headers={"WWW-Authenticate": wanted})

        async def page(request: web.Request, query: dict[str, str]) -> web.StreamResponse | None:
            if "b" not in query["scope"].split():
                return None
            await until(lambda: person.refusals == 3, "both wait")
            said = {"error": "access_denied", "state": query["state"], "iss": server.issuer}
            return redirect(f"{query['redirect_uri']}?{urlencode(said)}")

        endpoint.call = its_own  # type: ignore[method-assign]
        server.on_authorize = page
        async with Client(endpoint.url, auth=person) as client:
            denied = asyncio.create_task(client.call_tool("b"))
            await until(lambda: len(person.opened) == 2, "the person is asked for b")
            await client.call_tool("c")
            with pytest.raises(AuthorizationFailedError, match="declined"):
                await denied
    assert [query["scope"] for query in server.authorized] == ["a", "a b", "a c"]


async def test_a_refusal_that_does_not_say_what_it_wants() -> None:
    async with authority() as server, guarded(server) as endpoint:

        async def no(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
            if message["method"] != "tools/call":
                return await type(endpoint).call(endpoint, request, message)
            wanted = 'Bearer error="insufficient_scope"'
            return web.Response(status=403, headers={"WWW-Authenticate": wanted})

        endpoint.call = no  # type: ignore[method-assign]
        async with Client(endpoint.url, auth=Person()) as client:
            with pytest.raises(AuthorizationFailedError, match="does not say which"):
                await client.call_tool("x")
    assert len(server.authorized) == 1


async def test_a_refresh_that_does_not_say_its_scope_changes_none() -> None:
    """OAuth 2.1, 4.3.3: less was granted than was asked for, and it is still less."""
    async with (
        authority(scope="a") as server,
        guarded(server, challenge='scope="a b"', needs={"tools/call": "b"}) as endpoint,
    ):

        async def untold(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
            if form["grant_type"] != "refresh_token":
                return None
            said = server.give(server.refreshable.pop(form["refresh_token"]))
            del said["scope"]
            return web.json_response(said)

        server.on_token = untold
        async with Client(endpoint.url, auth=Person()) as client:
            server.good.clear()
            server.scope = None
            await client.call_tool("x")
    assert server.count("refresh_token") == 1
    assert [query["scope"] for query in server.authorized] == ["a b", "a b"]


async def test_a_scope_that_a_terminal_would_obey_is_none() -> None:
    wanted = "b \x9b31m"
    async with (
        authority(scope="a") as server,
        guarded(server, challenge='scope="a"', needs={"tools/call": wanted}) as endpoint,
        Client(endpoint.url, auth=Person()) as client,
    ):
        with pytest.raises(AuthorizationFailedError, match=r"did not grant b$"):
            await client.call_tool("x")
    assert [query["scope"] for query in server.authorized] == ["a", "a b"]
