"""Clients that nobody is asked for, and tokens that are bound to a key."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from fastmcp import Client
from fastmcp.client.auth import (
    ClientCredentialsOAuthProvider,
    IdentityAssertionOAuthProvider,
    IdentityProviderExchange,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
    WorkloadIdentityOAuthProvider,
    static_assertion_provider,
)
from fastmcp.client.errors import AuthorizationFailedError
from tests.client.auth.authority import Authority, Guarded, Person, authority, guarded, refusal


def pem() -> tuple[str, ECKey]:
    """A private key, and the public one."""
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return text, ECKey.import_key(text)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_program_with_a_secret(method: Any) -> None:
    auth = ClientCredentialsOAuthProvider(
        client_id="me:and you",
        client_secret="s3cret/of%it",
        scopes="read write",
        token_endpoint_auth_method=method,
    )
    async with (
        authority(refreshes=False) as server,
        guarded(server) as endpoint,
        Client(endpoint.url, auth=auth) as client,
    ):
        await client.call_tool("x")
        server.good.clear()
        await client.call_tool("x")
    form, headers = server.asked[0], server.asked_headers[0]
    assert len(server.asked) == 2
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "read write"
    assert form["resource"] == endpoint.url
    if method == "client_secret_basic":
        said = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
        assert said == "me%3Aand+you:s3cret%2Fof%25it"  # RFC 6749, 2.3.1
        assert "client_secret" not in form
    else:
        assert form["client_secret"] == "s3cret/of%it"
    assert "s3cret" not in repr(auth)


async def test_a_program_has_its_next_token_before_one_is_over() -> None:
    """The extension, "Handle token refresh"; and what cannot be had yet costs no call anything."""
    texts = iter(["one", OSError("no such file"), "two"])

    async def said(audience: str) -> str:
        text = next(texts)
        if isinstance(text, OSError):
            raise text
        return text

    async with authority(lifetime=0, refreshes=False) as server, guarded(server) as endpoint:
        auth = WorkloadIdentityOAuthProvider(assertion_provider=said, scopes="a")
        async with Client(endpoint.url, auth=auth) as client:
            server.lifetime = 3600
            await client.call_tool("x")
            auth._good_until = 0.0  # as when the pause after an attempt is over
            for _ in range(2):
                await client.call_tool("x")
    assert [form["assertion"] for form in server.asked] == ["one", "two"]
    assert server.asked[1]["resource"] == endpoint.url
    assert server.asked[1]["scope"] == "a"
    assert endpoint.refused == 1  # only the first message of all


async def test_a_program_with_a_key() -> None:
    text, public = pem()
    signed = SignedJWTParameters(
        issuer="me", subject="me", signing_key=text, signing_algorithm="ES256"
    )
    assert text not in repr(signed)
    auth = PrivateKeyJWTOAuthProvider(
        client_id="me", assertion_provider=signed.create_assertion_provider()
    )
    async with authority() as server, guarded(server) as endpoint:
        async with Client(endpoint.url, auth=auth) as client:
            await client.call_tool("x")
        [form] = server.asked
        claims = jwt.decode(form["client_assertion"], public, algorithms=["ES256"]).claims
        assert claims["aud"] == server.issuer
    assert claims["iss"] == claims["sub"] == "me"
    assert form["client_assertion_type"].endswith("client-assertion-type:jwt-bearer")


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS256", "ES384", "public"])
def test_a_key_that_is_none_for_the_algorithm(algorithm: str) -> None:
    text, public = pem()
    if algorithm == "public":
        text, algorithm = public.as_pem(private=False).decode(), "ES256"
    signed = SignedJWTParameters(
        issuer="me", subject="me", signing_key=text, signing_algorithm=algorithm
    )
    with pytest.raises(ValueError, match="private key") as caught:
        signed.create_assertion_provider()
    assert text.splitlines()[1] not in str(caught.value)


async def test_an_issuer_that_was_named_is_the_only_one() -> None:
    async with authority() as server, authority() as other, guarded(other) as endpoint:
        auth = ClientCredentialsOAuthProvider(
            client_id="me", client_secret="s3cret", issuer=server.issuer
        )
        with pytest.raises(AuthorizationFailedError, match="shown to nobody else"):
            async with Client(endpoint.url, auth=auth):
                pass
    assert server.paths == other.paths == []


async def test_a_workload_shows_what_its_platform_says_once() -> None:
    auth = WorkloadIdentityOAuthProvider(assertion_provider=static_assertion_provider("platform.s"))

    async def no(request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        return refusal("unauthorized_client", "not platform.s")

    async with authority() as server, guarded(server) as endpoint:
        async with Client(endpoint.url, auth=auth) as client:
            await client.call_tool("x")
        assert server.asked[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert server.asked[0]["assertion"] == "platform.s"
        server.good.clear()
        server.on_token = no
        before = len(server.asked)
        with pytest.raises(AuthorizationFailedError, match="unauthorized_client") as caught:
            async with Client(endpoint.url, auth=auth):
                pass
    assert len(server.asked) - before <= 2  # a refresh that is over, and the grant
    assert server.count("urn:ietf:params:oauth:grant-type:jwt-bearer") == 2
    assert "platform.s" not in str(caught.value)


async def test_a_company_lets_its_employee_in() -> None:
    exchanged: list[dict[str, str]] = []

    async def exchange(request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        exchanged.append(form)
        kind = "urn:ietf:params:oauth:token-type:id-jag"
        return web.json_response(
            {"access_token": "id.jag", "issued_token_type": kind, "token_type": "N_A"}
        )

    logins = iter(["login-1", "login-2"])

    async def login() -> str:
        return next(logins)

    async with (
        authority(on_token=exchange) as company,
        authority(refreshes=False) as server,
        guarded(server) as endpoint,
    ):
        auth = IdentityAssertionOAuthProvider(
            client_id="me",
            client_secret="s3cret",
            assertion_provider=IdentityProviderExchange(
                f"{company.issuer}/token", "me-there", login, scopes=["a"]
            ),
        )
        async with Client(endpoint.url, auth=auth) as client:
            server.good.clear()
            await client.call_tool("x")
        assert exchanged[0]["audience"] == server.issuer
    assert exchanged[0]["resource"] == endpoint.url
    assert [form["subject_token"] for form in exchanged] == ["login-1", "login-2"]
    assert exchanged[0]["client_id"] == "me-there"
    assert server.asked[0]["assertion"] == "id.jag"


async def test_an_identity_provider_that_gives_something_else() -> None:
    async def token(request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        return web.json_response({"access_token": "x", "token_type": "Bearer"})

    async with (
        authority(on_token=token) as company,
        authority() as server,
        guarded(server) as endpoint,
    ):
        auth = IdentityAssertionOAuthProvider(
            client_id="me",
            assertion_provider=IdentityProviderExchange(
                f"{company.issuer}/token", "me-there", "login"
            ),
        )
        with pytest.raises(AuthorizationFailedError, match="no identity assertion"):
            async with Client(endpoint.url, auth=auth):
                pass
    assert server.asked == []


# --- DPoP -----------------------------------------------------------------------------------------


def proved(request: web.Request, url: str, token: str | None) -> dict[str, Any]:
    """The claims of a request's proof, as a server checks it (RFC 9449, 4.3)."""
    [proof] = request.headers.getall("DPoP")
    header = json.loads(base64.urlsafe_b64decode(proof.split(".")[0] + "=="))
    assert header["typ"] == "dpop+jwt"
    assert header["alg"] == "ES256"
    assert "d" not in header["jwk"]
    claims = jwt.decode(proof, ECKey.import_key(header["jwk"]), algorithms=["ES256"]).claims
    assert claims["htm"] == request.method
    assert claims["htu"] == url
    if token is not None:
        digest = hashlib.sha256(token.encode()).digest()
        assert claims["ath"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return {**claims, "jkt": ECKey.import_key(header["jwk"]).thumbprint()}


def bound(server: Authority, endpoint: Guarded, nonces: Callable[[], str | None]) -> list[Any]:
    """Makes both servers want proofs; the claims of those that were good."""
    seen: list[Any] = []

    async def token(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        claims = proved(request, f"{server.issuer}/token", None)
        if claims.get("nonce") != "of-the-authority":
            headers = {"DPoP-Nonce": "of-the-authority"}
            return web.json_response({"error": "use_dpop_nonce"}, status=400, headers=headers)
        seen.append(claims)
        original = server.give

        def give(scope: str) -> dict[str, Any]:
            server.give = original  # type: ignore[method-assign]
            return {**original(scope), "token_type": "DPoP"}

        server.give = give  # type: ignore[method-assign]
        return None

    async def post(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        scheme, _, said = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            where = endpoint.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
            challenge = f'DPoP resource_metadata="{where}", algs="ES256"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        assert scheme == "DPoP"
        claims = proved(request, endpoint.url, said)
        nonce = nonces()
        if nonce is not None and claims.get("nonce") != nonce:
            headers = {"DPoP-Nonce": nonce, "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}
            return web.Response(status=401, headers=headers)
        seen.append(claims)
        return await endpoint.call(request, message)

    server.on_token = token
    server.changes["dpop_signing_alg_values_supported"] = ["ES256"]
    endpoint.post = post  # type: ignore[method-assign]
    return seen


async def test_tokens_that_are_bound_to_a_key() -> None:
    async with authority() as server, guarded(server) as endpoint:
        wanted = ["n-1"]
        seen = bound(server, endpoint, lambda: wanted[0])
        async with Client(endpoint.url, auth=Person()) as client:
            for nonce in ("n-1", "n-1", "n-2"):
                wanted[0] = nonce
                await client.call_tool("x")
    assert len({claims["jti"] for claims in seen}) == len(seen)
    assert len({claims["jkt"] for claims in seen}) == 1
    assert server.authorized[0]["dpop_jkt"] == seen[0]["jkt"]
    assert [claims["nonce"] for claims in seen[-3:]] == ["n-1", "n-1", "n-2"]
    assert len(server.authorized) == 1


@pytest.mark.parametrize(
    ("issuing", "guarding", "scheme"),
    [(True, True, "DPoP"), (True, False, "Bearer"), (False, True, "Bearer")],
)
async def test_tokens_are_bound_where_both_servers_know_it(
    issuing: bool, guarding: bool, scheme: str
) -> None:
    """And neither wants it."""
    known = {"dpop_signing_alg_values_supported": ["ES256"]}
    async with (
        authority() as server,
        guarded(server, changes=known if guarding else {}) as endpoint,
    ):
        server.changes.update(known if issuing else {})

        async def binds(request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
            if "DPoP" not in request.headers:
                return None
            proved(request, f"{server.issuer}/token", None)
            return web.json_response({**server.give(""), "token_type": "DPoP"})

        server.on_token = binds
        async with Client(endpoint.url, auth=Person()):
            pass
    assert str(endpoint.tokens[-1]).partition(" ")[0] == scheme
    assert ("dpop_jkt" in server.authorized[0]) is (scheme == "DPoP")


async def test_a_server_that_never_takes_a_nonce_is_given_up() -> None:
    async with authority() as server, guarded(server) as endpoint:
        numbers = iter(range(1000))
        bound(server, endpoint, lambda: f"n-{next(numbers)}")
        with pytest.raises(Exception, match="401"):
            async with Client(endpoint.url, auth=Person()):
                pass
        assert next(numbers) < 10
    assert len(server.authorized) == 1


async def test_a_token_that_is_not_bound_is_not_used() -> None:
    async with authority() as server, guarded(server) as endpoint:
        with pytest.raises(AuthorizationFailedError, match="DPoP was"):
            async with Client(endpoint.url, auth=Person(dpop=True)):
                pass
    assert endpoint.tokens == [None]


async def test_an_authority_that_knows_other_algorithms_only() -> None:
    async with authority() as server, guarded(server) as endpoint:
        server.changes["dpop_signing_alg_values_supported"] = ["RS256"]
        with pytest.raises(AuthorizationFailedError, match="ES256"):
            async with Client(endpoint.url, auth=Person(dpop=True)):
                pass
    assert server.authorized == []
