"""Token and registration endpoints that are ill, odd, or want to be asked again."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from key_value.aio.stores.memory import MemoryStore

from fastmcp import Client
from fastmcp.client.auth import PrivateKeyJWTOAuthProvider, SignedJWTParameters
from fastmcp.client.errors import AuthorizationFailedError
from tests.client.auth.authority import Person, authority, guarded
from tests.client.auth.test_machines import bound, pem


@pytest.mark.parametrize("status", [429, 503])
async def test_a_token_endpoint_that_is_ill_refuses_nothing(status: int) -> None:
    """No person can heal it; and when it is well again the refresh token is as good as before."""

    async def ill(request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        return web.Response(status=status)

    async with (
        authority() as server,
        guarded(server) as endpoint,
        Client(endpoint.url, auth=Person()) as client,
    ):
        server.good.clear()
        server.on_token = ill
        with pytest.raises(AuthorizationFailedError, match=f"HTTP {status}"):
            await client.call_tool("x")
        server.on_token = None
        await client.call_tool("x")
    assert len(server.authorized) == 1


@pytest.mark.parametrize("status", [200, 400])
async def test_a_refusal_of_any_shape_ends_at_the_person(status: int) -> None:
    """Servers exist that refuse with 200, or without a code."""

    async def no(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        if form["grant_type"] != "refresh_token":
            return None
        said = {"error": "bad_refresh_token"} if status == 200 else {}
        return web.json_response(said, status=status)

    async with (
        authority(on_token=no) as server,
        guarded(server) as endpoint,
        Client(endpoint.url, auth=Person()) as client,
    ):
        server.good.clear()
        await client.call_tool("x")
    assert len(server.authorized) == 2


@pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_jwt", "tls_client_auth"])
async def test_a_registration_for_what_this_client_cannot_do_is_not_kept(method: str) -> None:
    store = MemoryStore()

    async def odd(request: web.Request, said: dict[str, Any]) -> web.StreamResponse:
        registered = {**said, "client_id": "c", "token_endpoint_auth_method": method}
        return web.json_response(registered, status=201)

    async with authority(on_register=odd) as server, guarded(server) as endpoint:
        server.changes["token_endpoint_auth_methods_supported"] = ["none", method]
        with pytest.raises(AuthorizationFailedError, match=method):
            async with Client(endpoint.url, auth=Person(token_storage=store)):
                pass
        assert server.authorized == []  # nobody is asked for nothing
        server.on_register = None
        async with Client(endpoint.url, auth=Person(token_storage=store)):
            pass


async def test_an_assertion_is_shown_once() -> None:
    """RFC 7523, 3 (7): also where the endpoint wants the request again with a nonce."""
    text, _ = pem()
    signed = SignedJWTParameters(
        issuer="me", subject="me", signing_key=text, signing_algorithm="ES256"
    )
    auth = PrivateKeyJWTOAuthProvider(
        client_id="me", assertion_provider=signed.create_assertion_provider()
    )
    async with authority() as server, guarded(server) as endpoint:
        bound(server, endpoint, lambda: None)
        async with Client(endpoint.url, auth=auth):
            pass
    shown = [form["client_assertion"] for form in server.asked]
    assert len(shown) == len(set(shown)) == 2
