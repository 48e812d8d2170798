"""Several sources of tokens at one server."""

from __future__ import annotations

from typing import Any

import pytest

from fastmcp import FastMCP
from fastmcp.server.access import AccessToken
from fastmcp.server.auth import MultiAuth, RemoteAuthProvider
from tests.server.auth.tokens import Tokens, bearing
from tests.support.asgi import STATELESS, Peer

ISSUER = "https://issuer.example"


def remote(verifier: Tokens, base_url: str = "https://mcp.example") -> RemoteAuthProvider:
    return RemoteAuthProvider(verifier, [ISSUER], base_url)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"server": remote(Tokens()), "verifiers": {"server": Tokens()}},
        {"server": MultiAuth(verifiers=[Tokens()])},
        {"server": remote(Tokens()), "base_url": "https://other.example"},
        {"server": remote(Tokens()), "resource_base_url": "https://other.example"},
    ],
    ids=["none", "one name twice", "one in another", "base_url", "resource_base_url"],
)
def test_what_cannot_be_meant(arguments: dict[str, Any]):
    with pytest.raises(ValueError, match=r"MultiAuth|both called|not the server's address"):
        MultiAuth(**arguments)


def test_addresses_may_be_said_again():
    auth = MultiAuth(
        server=remote(Tokens()),
        base_url="https://mcp.example/",
        resource_base_url="https://mcp.example",
    )
    assert str(auth.base_url) == "https://mcp.example/"


async def test_a_source_asks_for_its_own_scopes_behind_others_too():
    """What a verifier requires is required wherever it stands."""
    verifier = Tokens(required_scopes=["admin"])
    verifier.give("t", scopes=["read"])
    for auth in (remote(verifier), MultiAuth(server=remote(verifier), required_scopes=[])):
        app = FastMCP("front", auth=auth).http_app()
        async with app.lifespan(app):
            live = await Peer(app, STATELESS, headers=bearing("t")).post({})
            assert live.status == 403


async def test_the_challenge_names_what_everybody_needs():
    verifier = Tokens(required_scopes=["read"])
    auth = MultiAuth(server=remote(verifier), required_scopes=["base"])
    app = FastMCP("front", auth=auth).http_app()
    async with app.lifespan(app):
        live = await Peer(app, STATELESS).post({})
        assert live.status == 401
        assert 'scope="read base"' in live.headers["www-authenticate"]


def test_no_principal_is_taken_for_anothers():
    """A name of an issuer does not reach into that of a subject."""

    def principal(issuer: str, subject: str) -> str:
        return AccessToken(
            token="t", client_id="c", subject=subject, claims={"iss": issuer}
        ).principal

    assert principal("a|sub|b", "c") != principal("a", "b|sub|c")
    assert principal(ISSUER, "ann") == f"{ISSUER}|sub|ann"
