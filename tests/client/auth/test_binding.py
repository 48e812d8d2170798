"""Whose credentials are shown to whom: one authorization server, one endpoint, one person."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from key_value.aio.stores.memory import MemoryStore

from fastmcp import Client
from fastmcp.client.auth import (
    ClientCredentialsOAuthProvider,
    IdentityAssertionOAuthProvider,
    WorkloadIdentityOAuthProvider,
    static_assertion_provider,
)
from fastmcp.client.errors import AuthorizationFailedError
from tests.client.auth.authority import Person, authority, guarded, redirect


async def test_what_was_registered_beforehand_stays_with_its_issuer_when_its_token_is_gone() -> (
    None
):
    """In the next process as well, whatever the MCP server did to be rid of the token."""
    store = MemoryStore()

    def person(**given: Any) -> Person:
        return Person(client_id="known", client_secret="s3cret-of-it", token_storage=store, **given)

    async with authority() as first, authority() as second, guarded(first) as endpoint:
        for each in (first, second):
            each.changes["token_endpoint_auth_methods_supported"] = ["client_secret_post"]

        async def no(request: web.Request, query: dict[str, str]) -> web.StreamResponse | None:
            if query.get("scope") != "junk":
                return None
            said = {"error": "invalid_scope", "state": query["state"], "iss": first.issuer}
            return redirect(f"{query['redirect_uri']}?{urlencode(said)}")

        first.on_authorize = no
        async with Client(endpoint.url, auth=person()):
            pass
        first.good.clear()
        first.refreshable.clear()
        endpoint.challenge = 'scope="junk"'
        with pytest.raises(AuthorizationFailedError, match="invalid_scope"):
            async with Client(endpoint.url, auth=person()):
                pass
        endpoint.authority, endpoint.challenge = second, ""
        with pytest.raises(AuthorizationFailedError, match="shown to nobody else"):
            async with Client(endpoint.url, auth=person()):
                pass
        assert second.paths == []
        # It may have moved indeed: its user says so.
        async with Client(endpoint.url, auth=person(issuer=second.issuer)):
            pass
        assert [form["client_secret"] for form in second.asked] == ["s3cret-of-it"]


@pytest.mark.parametrize("kind", ["secret", "workload"])
async def test_a_program_stays_with_the_issuer_of_its_first_run(kind: str) -> None:
    store = MemoryStore()

    def program() -> Any:
        if kind == "secret":
            return ClientCredentialsOAuthProvider(
                client_id="me", client_secret="s3cret", token_storage=store
            )
        return WorkloadIdentityOAuthProvider(
            assertion_provider=static_assertion_provider("platform.jwt"), token_storage=store
        )

    async def nothing(request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        return web.Response(status=503)

    # Shown once is enough: there need not have come a token of it.
    async with (
        authority(on_token=nothing) as first,
        authority() as second,
        guarded(first) as endpoint,
    ):
        with pytest.raises(AuthorizationFailedError, match="503"):
            async with Client(endpoint.url, auth=program()):
                pass
        endpoint.authority = second
        with pytest.raises(AuthorizationFailedError, match="shown to nobody else"):
            async with Client(endpoint.url, auth=program()):
                pass
    assert len(first.asked) == 1
    assert second.paths == []


async def test_a_token_goes_to_no_other_path_of_its_origin() -> None:
    """RFC 8707: who serves another path may be another tenant."""
    async with authority() as server, guarded(server) as endpoint:
        person = Person()
        async with Client(endpoint.url, auth=person):
            pass
        for path in ("/b/mcp", "/mcp/b", "/mcp2", "/mcp?tenant=b"):
            with pytest.raises(ValueError, match="one server's tokens"):
                Client(endpoint.url.replace("/mcp", path), auth=person)
        async with Client(endpoint.url + "/", auth=person):  # the same, as people write it
            pass
    assert len(server.authorized) == 1


async def test_the_address_of_a_user_may_be_above_the_endpoint() -> None:
    async with authority() as server, guarded(server) as endpoint:
        person = Person(endpoint.url.removesuffix("/mcp"))
        async with Client(endpoint.url, auth=person) as client:
            await client.call_tool("x")
        with pytest.raises(ValueError, match="one server's tokens"):
            Client(endpoint.url.replace("/mcp", "/other"), auth=person)
    assert server.authorized[0]["resource"] == endpoint.url
    for given in ("http://127.0.0.1:9/a", "http://127.0.0.1:9/a/mcp?x=1"):
        with pytest.raises(ValueError, match="one server's tokens"):
            Client("http://127.0.0.1:9/ab/mcp", auth=Person(given))


@pytest.mark.parametrize("kind", ["assertion", "workload"])
async def test_one_persons_token_is_not_used_for_another(kind: str) -> None:
    """Whom it is for stands in the assertion alone: a store cannot tell them apart."""
    store = MemoryStore()

    def vouched(who: str) -> Any:
        if kind == "workload":
            return WorkloadIdentityOAuthProvider(
                assertion_provider=static_assertion_provider(who), token_storage=store
            )

        async def assertion(issuer: str, resource: str) -> str:
            return who

        return IdentityAssertionOAuthProvider(
            client_id="app", assertion_provider=assertion, token_storage=store
        )

    async with authority() as server, guarded(server) as endpoint:
        for who in ("ada.jwt", "bob.jwt"):
            async with Client(endpoint.url, auth=vouched(who)) as client:
                await client.call_tool("x")
    assert [form["assertion"] for form in server.asked] == ["ada.jwt", "bob.jwt"]
    assert len({token for token in endpoint.tokens if token is not None}) == 2
