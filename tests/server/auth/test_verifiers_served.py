"""Verifiers behind a served endpoint: what each answer of theirs is in HTTP, to the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc.jwk import OctKey

from fastmcp import FastMCP
from fastmcp.server.auth import AuthProvider, JWTVerifier, MultiAuth, StaticTokenVerifier
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.dependencies import get_access_token
from tests.server.auth.tokens import bearing
from tests.support.asgi import STATELESS, Live, Peer
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, encoded, new_key, published, signed

KEY, OTHER = new_key("RSA", 2048), new_key("RSA", 2048)
EXPECTED: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE}
VERSIONS = ("2025-11-25", STATELESS)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer().running() as running:
        running.keys = [published(KEY, "one")]
        yield running


async def asked(auth: AuthProvider, *tokens: str, version: str = STATELESS) -> list[Live]:
    """What a call with each of the tokens is answered, one after another."""
    mcp = FastMCP("protected", auth=auth)

    @mcp.tool
    async def who() -> str:
        token = get_access_token()
        if token is None:
            return ""
        said = " ".join([token.principal, *token.scopes])
        token.claims["sub"] = token.subject = "changed"
        token.scopes.append("changed")
        assert get_access_token() is token
        return said

    app = mcp.http_app()
    async with app.lifespan(app):
        found: list[Live] = []
        for token in tokens:
            peer = Peer(app, version, headers=bearing(token), sessions=False)
            method = "tools/call" if version == STATELESS else "initialize"
            client = {"name": "peer", "version": "1"}
            handshake = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
            params = {"name": "who", "arguments": {}} if version == STATELESS else handshake
            body = json.dumps(peer.message(method, params, 1, None)).encode()
            found.append(
                await peer.send("POST", body, peer.standard_headers(method, params)).done()
            )
        return found


def kid(name: str = "one", **more: Any) -> dict[str, Any]:
    return {"kid": name, **more}


async def test_what_a_handler_changes_changes_nothing_for_the_next(issuer: Issuer):
    """What is kept of a token is shown to each request that brings it."""
    verifier = JWTVerifier(jwks_uri=issuer.jwks_uri, **EXPECTED)
    token = signed(KEY, "RS256", header=kid(), scope="read")
    for auth in (verifier, MultiAuth(verifiers=[verifier])):
        first, second = await asked(auth, token, token)
        assert "changed" not in second.text
        assert first.text == second.text


@pytest.mark.parametrize("version", VERSIONS)
async def test_attacks_on_signatures(issuer: Issuer, version: str):
    """RFC 8725, 2.1, 3.1, 3.8 to 3.12; basic/authorization, "Token Handling"."""
    good = signed(KEY, "RS256", header=kid())
    _, payload, signature = good.split(".")
    pem = KEY.as_pem(private=False)
    attacks = {
        "alg none": f"{encoded({'alg': 'none', 'kid': 'one'})}.{payload}.",
        "alg none, signed": f"{encoded({'alg': 'none', 'kid': 'one'})}.{payload}.{signature}",
        "key confusion": signed(OctKey(pem, pem), "HS256", header=kid()),
        "another's key": signed(OTHER, "RS256", header=kid()),
        "a key of its own": signed(OTHER, "RS256", header=kid(jwk=OTHER.as_dict(private=False))),
        "keys elsewhere": signed(OTHER, "RS256", header=kid(jku="https://evil.example/jwks")),
        "critical": signed(KEY, "RS256", header=kid(crit=["x"], x=1)),
        "of another kind": signed(KEY, "RS256", header=kid(typ="logout+jwt")),
        "another audience": signed(KEY, "RS256", header=kid(), aud="https://other.example/mcp"),
        "another issuer": signed(KEY, "RS256", header=kid(), iss="https://other.example"),
        "expired": signed(KEY, "RS256", header=kid(), exp=int(time.time()) - 60),
        "not yet": signed(KEY, "RS256", header=kid(), nbf=int(time.time()) + 60),
        "oversized": signed(KEY, "RS256", header=kid(), pad="x" * 20_000),
        "deep": signed(KEY, "RS256", b'{"a":' * 1500 + b"1" + b"}" * 1500, kid()),
    }
    verifier = JWTVerifier(jwks_uri=issuer.jwks_uri, **EXPECTED)
    first, *refused = await asked(verifier, good, *attacks.values(), version=version)
    assert first.status == 200
    for name, live in zip(attacks, refused, strict=True):
        assert live.status == 401, name
        assert 'error="invalid_token"' in live.headers["www-authenticate"], name
        assert live.body == refused[0].body, "which it was is nobody's business"
    assert issuer.asked == ["/jwks"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_t16_jwks_that_cannot_be_had_are_503_and_no_401(issuer: Issuer, version: str):
    issuer.status = 500
    verifier = JWTVerifier(jwks_uri=issuer.jwks_uri, **EXPECTED)
    good = signed(KEY, "RS256", header=kid())
    away, bad = await asked(verifier, good, "no.token.atall", version=version)
    assert (away.status, bad.status) == (503, 401)
    assert away.headers["retry-after"]
    assert issuer.url not in away.body.decode()  # where the keys are is nobody's business


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_issuer_that_does_not_say_is_503(issuer: Issuer, version: str):
    issuer.active["good"] = {"active": True, "sub": "ann"}
    verifier = IntrospectionTokenVerifier(
        introspection_url=issuer.introspection_url, client_id="server", client_secret="s3cret"
    )
    good, bad = await asked(verifier, "good", "bad", version=version)
    assert (good.status, bad.status) == (200, 401)
    issuer.status = 503
    (away,) = await asked(verifier, "good", version=version)
    assert away.status == 503


async def test_t16_one_fetch_for_a_thousand_requests(issuer: Issuer):
    mcp = FastMCP("protected", auth=JWTVerifier(jwks_uri=issuer.jwks_uri, **EXPECTED))

    @mcp.tool
    async def who() -> str:
        token = get_access_token()
        assert token is not None
        return token.subject or ""

    app = mcp.http_app()
    async with app.lifespan(app):
        names = [f"user {number}" for number in range(1000)]
        peers = [
            Peer(app, STATELESS, headers=bearing(signed(KEY, "RS256", header=kid(), sub=name)))
            for name in names
        ]
        found = await asyncio.gather(*(peer.call("who") for peer in peers))
    assert [live.text for live in found] == names
    assert issuer.asked == ["/jwks"]


async def test_the_principal_is_issuer_and_subject(issuer: Issuer):
    """A token that was renewed is the same one's; what else it says does not matter."""
    verifier = JWTVerifier(jwks_uri=issuer.jwks_uri, **EXPECTED)
    tokens = [signed(KEY, "RS256", header=kid(), jti=str(number)) for number in range(2)]
    found = await asked(verifier, *tokens)
    assert [live.text for live in found] == [f"{ISSUER}|sub|ann"] * 2


@pytest.mark.parametrize("sources", ["one", "several"])
async def test_each_source_demands_its_own_scopes(issuer: Issuer, sources: str):
    """RFC 6750, 3.1: a token that permits too little is 403, whoever else takes tokens too."""
    machines = StaticTokenVerifier(
        {"weak": {"sub": "a", "scopes": ["read"]}, "strong": {"sub": "b", "scopes": ["admin"]}},
        required_scopes=["admin"],
    )
    people = JWTVerifier(jwks_uri=issuer.jwks_uri, required_scopes=["read"], **EXPECTED)
    auth = machines if sources == "one" else MultiAuth(verifiers=[people, machines])
    weak, strong = await asked(auth, "weak", "strong")
    assert (weak.status, strong.status) == (403, 200)
    said = weak.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in said
    assert 'scope="admin"' in said
    assert "admin" in json.loads(weak.body)["error_description"]
