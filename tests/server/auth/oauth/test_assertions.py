"""Users whom an identity provider vouches for, from its word to the call of a tool; and each
assertion that is worth nothing, with the rule that says so.

EMA is the extension io.modelcontextprotocol/enterprise-managed-authorization, ID-JAG
draft-ietf-oauth-identity-assertion-authz-grant.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import OctKey
from key_value.aio.stores.memory import MemoryStore
from starlette.requests import Request
from starlette.responses import Response

from fastmcp import Client, FastMCP
from fastmcp.client.auth import IdentityAssertionOAuthProvider, IdentityProviderExchange
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.server.auth import (
    AssertedIdentity,
    IdentityAssertion,
    OAuthClientInformationFull,
    OAuthProvider,
    OAuthProxy,
    OAuthToken,
    StaticTokenVerifier,
    StoredOAuthProvider,
    Subject,
)
from fastmcp.server.auth.identity_assertion import JWT_BEARER, PROFILE
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp.server.dependencies import get_access_token
from fastmcp.utilities.tests import run_server_async
from tests.server.auth.oauth.company import CLIENT, SECRET, TYPE, Company, company, desk
from tests.server.auth.oauth.hand import (
    BASE,
    RESOURCE,
    Reply,
    Site,
    application,
    known,
    provider,
)
from tests.support.issuer import encoded, new_key, signed
from tests.support.process import free_port, until


@pytest.fixture
async def there() -> AsyncGenerator[Company]:
    async with company() as provider:
        yield provider


class Desk(Site):
    """The client."""

    async def bring(self, assertion: str, **changed: Any) -> Reply:
        """A request with an assertion; a parameter that is None is left out."""
        asked = {
            "grant_type": JWT_BEARER,
            "assertion": assertion,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "resource": RESOURCE,
            **changed,
        }
        return await self.post("/token", {k: v for k, v in asked.items() if v is not None})


def at(auth: OAuthProvider) -> Desk:
    return Desk(application(auth))


def believing(there: Company, /, **options: Any) -> InMemoryOAuthProvider:
    """An authorization server that takes its word."""
    asserted = options.pop("asserted", {})
    return provider(
        **{"identity_assertion": there.trusted(**asserted), "clients": [desk()], **options}
    )


def refused(reply: Reply, reason: str, error: str = "invalid_grant") -> bool:
    """RFC 7521, 4.1.1."""
    assert (reply.status, reply.error) == (400, error), reply.text
    assert reason in reply.json["error_description"], reply.text
    assert reply.headers["cache-control"] == "no-store"
    return True


# in


def server(auth: OAuthProvider) -> FastMCP:
    mcp = FastMCP("at work", auth=auth)

    @mcp.tool
    async def who() -> dict[str, Any]:
        token = get_access_token()
        assert token is not None
        return {
            "token": token.token,
            "user": [token.claims["iss"], token.subject],
            "client": token.client_id,
            "scopes": token.scopes,
            "resource": token.resource,
            "email": token.claims.get("email"),
        }

    return mcp


def employee(there: Company, login: str = "the login of ann") -> IdentityAssertionOAuthProvider:
    return IdentityAssertionOAuthProvider(
        client_id=CLIENT,
        client_secret=SECRET,
        assertion_provider=IdentityProviderExchange(f"{there.url}/token", "desk there", login),
    )


def proxied(there: Company, base_url: str) -> OAuthProxy:
    """One whose other users have their accounts elsewhere."""
    return OAuthProxy(
        upstream_authorization_endpoint="https://elsewhere.example/authorize",
        upstream_token_endpoint="https://elsewhere.example/token",
        upstream_client_id="us",
        upstream_client_secret="our secret",
        token_verifier=StaticTokenVerifier({}, required_scopes=["read"]),
        valid_scopes=["read", "write"],
        base_url=base_url,
        clients=[desk()],
        client_storage=MemoryStore(),
        identity_assertion=there.trusted(),
    )


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("kind", ["own", "proxy"])
async def test_an_employee_calls_a_tool(there: Company, kind: str, mode: str):
    """EMA, 2.1: from a login at the company to a tool, with nobody at a browser; and again when
    the token has ended."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    auth: StoredOAuthProvider = proxied(there, base)
    if kind == "own":
        auth = believing(there, base_url=base)
    there.claims = {"email": "ann@company.example"}
    async with (
        run_server_async(server(auth), port=port) as url,
        Client(url, auth=employee(there), mode=mode) as client,
    ):
        said = (await client.call_tool("who")).data
        token = said.pop("token")
        assert said == {
            "user": [there.url, "U019"],
            "client": CLIENT,
            "scopes": ["read"],  # what the server asks for, of what the company grants
            "resource": url,
            "email": "ann@company.example",
        }
        session = client.transport.get_session_id()
        found = await auth.load_access_token(token)
        assert found is not None
        await auth.revoke_token(found)
        assert (await client.call_tool("who")).data["token"] != token
        assert client.transport.get_session_id() == session  # of the same principal
    assert [form["audience"] for form in there.exchanged] == [base, base]
    assert [form["resource"] for form in there.exchanged] == [url, url]


async def test_the_company_decides(there: Company):
    port = free_port()
    auth = believing(there, base_url=f"http://127.0.0.1:{port}")
    async with run_server_async(server(auth), port=port) as url:
        with pytest.raises(AuthorizationFailedError, match="invalid_grant"):
            async with Client(url, auth=employee(there, "nobody")):
                pass


async def test_what_a_token_is(there: Company):
    """EMA, 5.1 and 5.2; ID-JAG, 4.4.3: no refresh token."""
    auth = believing(there, asserted={"access_token_expiry_seconds": 60})
    here = at(auth)
    reply = await here.bring(there.assertion(email="ann@company.example", act={"sub": "a"}))
    assert reply.status == 200, reply.text
    assert reply.headers["cache-control"] == "no-store"
    said = reply.json
    assert set(said) == {"access_token", "token_type", "expires_in", "scope"}
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 60, "read write")
    token = await auth.verify_token(said["access_token"])
    assert token is not None
    assert token.expires_at is not None
    assert 50 < token.expires_at - time.time() <= 60
    assert token.resource == RESOURCE
    assert token.principal == f"{there.url}|sub|U019"
    assert token.claims == {
        "iss": there.url,
        "sub": "U019",
        "aud": RESOURCE,
        "client_id": CLIENT,
        "scope": "read write",
        "exp": token.expires_at,
        "email": "ann@company.example",
        "act": {"sub": "a"},
        "assertion_iss": there.url,
    }
    await here.post(
        "/revoke", {"client_id": CLIENT, "client_secret": SECRET, "token": said["access_token"]}
    )
    assert await auth.verify_token(said["access_token"]) is None


async def test_what_is_told_of_it(there: Company):
    """ID-JAG, 7.2, and "Metadata Disclosure"."""
    said = (await at(believing(there)).get("/.well-known/oauth-authorization-server")).json
    assert JWT_BEARER in said["grant_types_supported"]
    assert said["authorization_grant_profiles_supported"] == [PROFILE]
    assert there.url not in json.dumps(said)
    without = (await at(provider()).get("/.well-known/oauth-authorization-server")).json
    assert without["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert "authorization_grant_profiles_supported" not in without


async def test_a_server_that_believes_nobody(there: Company):
    """OAuth 2.1, 3.2.4."""
    here = at(provider(clients=[desk()]))
    refused(
        await here.bring(there.assertion()), "authorization_code, refresh", "unsupported_grant_type"
    )
    assert there.asked == []


async def test_who_is_not_believed_any_more(there: Company):
    store = MemoryStore()

    class Anybody(StoredOAuthProvider):
        async def authenticate(self, request: Request) -> Subject | Response:
            return Subject("anybody")

    believes = Anybody(
        base_url=BASE, storage=store, clients=[desk()], identity_assertion=there.trusted()
    )
    token = (await at(believes).bring(there.assertion())).json["access_token"]
    assert await believes.verify_token(token) is not None
    after = Anybody(base_url=BASE, storage=store, clients=[desk()])
    assert await after.verify_token(token) is None


async def test_a_client_that_registers_for_it(there: Company):
    """RFC 7591, 2: a client uses the grants that it registered for."""
    here = at(believing(there))
    grants = ["authorization_code", JWT_BEARER]
    client = await here.register(grant_types=grants)
    assert client["grant_types"] == grants
    brought = await here.bring(
        there.assertion(client_id=client["client_id"]),
        client_id=client["client_id"],
        client_secret=None,
    )
    assert brought.status == 200, brought.text
    other = at(provider())
    assert (await other.register(grant_types=grants))["grant_types"] == ["authorization_code"]


@pytest.mark.parametrize(
    ("algorithm", "kind", "detail", "said"),
    [
        ("ES256", "EC", "P-256", {}),
        ("ES512", "EC", "P-521", {}),
        ("EdDSA", "OKP", "Ed25519", {}),
        ("RS256", "RSA", 2048, {}),
        ("PS256", "RSA", 2048, {"algorithm": "PS256"}),
    ],
)
async def test_keys_of_any_kind(
    there: Company, algorithm: str, kind: str, detail: Any, said: dict[str, Any]
):
    there.algorithm, there.key = algorithm, new_key(kind, detail)
    assert (await at(believing(there, asserted=said)).bring(there.assertion())).status == 200


async def test_keys_that_are_named(there: Company):
    """Of an identity provider without an OpenID configuration, and without https or a URL for a
    name."""
    options = {
        "trusted_issuers": ["a company", "another"],
        "jwks_uris": {"a company": f"{there.url}/keys", "another": f"{there.url}/none"},
        "algorithm": "RS256",
        "algorithms": {"a company": "ES256"},
    }
    here = at(believing(there, asserted=options))
    assert (await here.bring(there.assertion(iss="a company"))).status == 200
    assert there.asked == ["/keys"]
    refused(await here.bring(there.assertion(iss="another")), "signed with ES256")


async def test_users_of_several_tenants(there: Company):
    """ID-JAG, 6: in each there may be one of the same name."""
    auth = believing(there)
    found = set[str]()
    for tenant in ("a", "b", None):
        said = (await at(auth).bring(there.assertion(tenant=tenant))).json
        token = await auth.verify_token(said["access_token"])
        assert token is not None
        found.add(token.principal)
    assert found == {f"{there.url}|sub|{one}" for one in ("a|U019", "b|U019", "U019")}


async def test_a_user_who_is_known_here_by_another_name(there: Company):
    """ID-JAG, 3.1: subject resolution; as the documentation has it."""

    class Accounts(InMemoryOAuthProvider):
        async def exchange_identity_assertion(
            self, client: OAuthClientInformationFull, identity: AssertedIdentity
        ) -> OAuthToken:
            assert identity.claims["email"] == "ann@company.example"
            local = {"issuer": self.issuer, "subject": "ann", "claims": {}}
            return await super().exchange_identity_assertion(
                client, identity.model_copy(update=local)
            )

    auth = Accounts(base_url=BASE, clients=[desk()], identity_assertion=there.trusted())
    reply = await at(auth).bring(there.assertion(email="ann@company.example"))
    token = await auth.verify_token(reply.json["access_token"])
    assert token is not None
    assert token.principal == f"{BASE}|sub|ann"


# scopes


@pytest.mark.parametrize(
    ("granted", "asked", "found"),
    [
        ("read write", None, "read write"),
        ("read write", "write", "write"),
        ("read", "read write admin", "read"),
        ("read write", "read elsewhere", "read"),
        (None, None, "read"),
        (None, "read admin", "read"),
        ("", "read", "read"),
    ],
)
async def test_scopes(there: Company, granted: str | None, asked: str | None, found: str):
    """EMA, 7.2.1: what is granted and asked for; OAuth 2.1, 1.4.1 where nothing is said."""
    reply = await at(believing(there)).bring(there.assertion(scope=granted), scope=asked)
    assert reply.status == 200, reply.text
    assert reply.json["scope"] == found


async def test_a_client_has_no_more_than_it_registered(there: Company):
    auth = believing(there, clients=[desk(scope="write")])
    assert (await at(auth).bring(there.assertion())).json["scope"] == "write"
    auth = believing(there, clients=[desk(scope="read")], asserted={"required_scopes": ["write"]})
    assert (await at(auth).bring(there.assertion())).json["scope"] == "read"


async def test_scopes_of_a_server_that_names_none(there: Company):
    auth = believing(there, client_registration_options=None, required_scopes=None)
    assert (await at(auth).bring(there.assertion(scope="files"))).json["scope"] == "files"


async def test_scopes_that_must_be_granted(there: Company):
    here = at(believing(there, asserted={"required_scopes": ["write"]}))
    refused(await here.bring(there.assertion(scope="read")), "does not grant write")
    refused(await here.bring(there.assertion(scope=None)), "does not grant write")
    reply = await here.bring(there.assertion(), scope="read")  # nobody asks them away
    assert reply.json["scope"] == "read write"


async def test_scopes_that_are_not_granted(there: Company):
    """OAuth 2.1, 3.2.4."""
    here = at(believing(there))
    assertion = there.assertion(scope="read")
    refused(await here.bring(assertion, scope="write"), "none of the scopes", "invalid_scope")
    assert (await here.bring(assertion)).status == 200  # it was not used up


# what is worth nothing


def seconds(number: int) -> timedelta:
    """From when the test runs."""
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        # ID-JAG, 3.1 and 4.4.1; EMA, 7.4.1
        ({"iss": None}, "does not trust"),
        ({"iss": ["x"]}, "does not trust"),
        ({"iss": "https://evil.example"}, "does not trust"),
        ({"aud": None}, "is for nobody"),
        ({"aud": "https://other.example"}, "other.example"),
        ({"aud": f"{BASE}/token"}, "/token"),
        ({"aud": [BASE, "https://other.example"]}, "exactly one"),
        ({"aud": []}, "exactly one"),
        ({"aud": {"a": BASE}}, "is for"),
        ({"sub": None}, "names no user"),
        ({"sub": ""}, "names no user"),
        ({"sub": 19}, "names no user"),
        ({"sub": {"a": 1}}, "no string"),
        ({"client_id": None}, "another client"),
        ({"client_id": "other"}, "another client"),
        ({"client_id": [CLIENT]}, "another client"),
        ({"jti": None}, "see jti"),
        ({"jti": ["a"]}, "see jti"),
        ({"jti": ""}, "see jti"),
        # EMA, 7.4.2; RFC 7523, 3
        ({"exp": None}, "when it ends"),
        ({"iat": None}, "when it ends"),
        ({"exp": seconds(-60)}, "has expired"),
        ({"exp": seconds(3600)}, "longer than"),
        ({"exp": seconds(600), "iat": seconds(-3600)}, "longer than"),
        ({"exp": True}, "no number"),
        ({"exp": 1e300}, "no number"),
        ({"exp": "soon"}, "no number"),
        ({"iat": seconds(3600), "exp": seconds(3700)}, "in the future"),
        ({"nbf": seconds(3600)}, "not valid yet"),
        # EMA, 7.6.2
        ({"resource": "https://other.example/mcp"}, "see resource"),
        ({"resource": [RESOURCE, "https://other.example/mcp"]}, "see resource"),
        ({"resource": {"a": RESOURCE}}, "see resource"),
        ({"scope": "read elsewhere"}, "does not have: elsewhere"),
        # ID-JAG, "Proof-of-Possession During ID-JAG Exchange"
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
    ],
)
async def test_claims(there: Company, changed: dict[str, Any], reason: str):
    now = int(time.time())
    claims = {
        name: now + int(said.total_seconds()) if isinstance(said, timedelta) else said
        for name, said in changed.items()
    }
    refused(await at(believing(there)).bring(there.assertion(**claims)), reason)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": f"{BASE}/"},
        {"aud": [BASE]},
        {"resource": None},
        {"resource": [RESOURCE]},
        {"resource": f"{RESOURCE}/"},
    ],
)
async def test_claims_that_are_as_good(there: Company, changed: dict[str, Any]):
    """ID-JAG, 3.1 and 4.4.1: lists of one, and no resource; basic/authorization, "Canonical Server
    URI"."""
    auth = believing(there)
    reply = await at(auth).bring(there.assertion(**changed))
    assert reply.status == 200, reply.text
    token = await auth.verify_token(reply.json["access_token"])
    assert token is not None
    assert token.resource == RESOURCE  # by the name that the server has for itself


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        # RFC 8725, 3.11: an ID token or an access token of the same issuer is no assertion
        ({"typ": None}, "typ is ''"),
        ({"typ": ""}, "typ is ''"),
        ({"typ": "JWT"}, "typ is 'jwt'"),
        ({"typ": "at+jwt"}, "another kind"),
        ({"typ": 7}, "wrong types"),
        ({"alg": "none"}, "no algorithm"),
        ({"alg": "RS256"}, "none of the issuer's keys"),
        ({"jku": "https://evil.example/keys"}, "jku"),
        ({"jwk": {"kty": "oct", "k": "AA"}}, "jwk"),
        ({"crit": ["exp"]}, "crit"),
        ({"kid": "another key"}, "none of the issuer's keys"),
    ],
)
async def test_headers(there: Company, header: dict[str, Any], reason: str):
    refused(await at(believing(there)).bring(there.assertion(header)), reason)


async def test_a_public_key_is_no_secret(there: Company):
    """RFC 8725, 2.1."""
    public = OctKey.import_key(json.dumps(there.key.as_dict(private=False)))
    claims = {"iss": there.url, "aud": BASE, "sub": "U019", "jti": "1", "client_id": CLIENT}
    now = int(time.time())
    forged = signed(public, "HS256", {**claims, "iat": now, "exp": now + 60}, {"typ": TYPE})
    refused(await at(believing(there)).bring(forged), "signed with HS256")
    assert there.asked == []


async def test_who_signed(there: Company):
    """EMA, 7.4.1: forged assertions."""
    here = at(believing(there))
    good = there.assertion()
    there.key, before = new_key("EC", "P-256"), there.key
    forged = there.assertion()
    there.key = before
    refused(await here.bring(forged), "none of the issuer's keys")
    head, _, signature = good.split(".")
    other = encoded({"iss": there.url, "sub": "admin"})
    refused(await here.bring(f"{head}.{other}.{signature}"), "aud")
    assert (await here.bring(good)).status == 200


@pytest.mark.parametrize(
    "assertion", ["x", "a.b.c", "..", "é", "\x00", "a" * 20_000, f"{encoded([])}.{encoded({})}.AA"]
)
async def test_what_is_no_assertion(there: Company, assertion: str):
    refused(await at(believing(there)).bring(assertion), "The assertion ")
    assert there.asked == []


async def test_a_payload_that_is_no_object(there: Company):
    here = at(believing(there))
    for payload in (b"[]", b"7", b"{", b'"x"', b"\xff", b"[" * 5000):
        refused(await here.bring(signed(there.key, "ES256", payload, {"typ": TYPE})), "no JSON")


async def test_without_an_assertion(there: Company):
    reply = await at(believing(there)).bring("")
    assert refused(reply, "assertion is missing", "invalid_request")


async def test_nothing_is_fetched_for_a_stranger(there: Company):
    """Nor for what is refused without a key."""
    here = at(believing(there))
    for changed in ({"iss": "https://evil.example"}, {"aud": "x"}, {"exp": 1}, {"sub": None}):
        await here.bring(there.assertion(**changed))
    assert there.asked == []
    for _ in range(3):
        assert (await here.bring(there.assertion())).status == 200
    assert there.asked == ["/.well-known/openid-configuration", "/keys"]


# once, and by whom


async def test_it_is_good_once(there: Company):
    """EMA, 7.4.2, at every worker."""
    store = MemoryStore()

    class Anybody(StoredOAuthProvider):
        async def authenticate(self, request: Request) -> Subject | Response:
            return Subject("anybody")

    workers = [
        at(
            Anybody(
                base_url=BASE, storage=store, clients=[desk()], identity_assertion=there.trusted()
            )
        )
        for _ in range(2)
    ]
    assertion = there.assertion(jti="the same")
    assert (await workers[0].bring(assertion)).status == 200
    for worker in workers:
        refused(await worker.bring(assertion), "been used before")
        refused(await worker.bring(there.assertion(jti="the same")), "been used before")


class Slow(MemoryStore):
    """One that takes its time, as stores do."""

    async def get_many(self, *given: Any, **more: Any) -> Any:
        found = await super().get_many(*given, **more)
        await asyncio.sleep(0.003)
        return found


@pytest.mark.parametrize("kind", ["memory", "store", "file"])
async def test_it_is_good_once_at_once(there: Company, kind: str):
    """However many requests bring it in the same moment."""
    if kind == "memory":
        auth: OAuthProvider = believing(there)
    else:
        auth = OAuthProxy(
            upstream_authorization_endpoint=f"{there.url}/authorize",
            upstream_token_endpoint=f"{there.url}/token",
            upstream_client_id="one",
            token_verifier=StaticTokenVerifier({}, required_scopes=["read", "write"]),
            base_url=BASE,
            clients=[desk()],
            identity_assertion=there.trusted(),
            client_storage=Slow() if kind == "store" else None,
        )
    here, assertion = at(auth), there.assertion()
    replies = await asyncio.gather(*(here.bring(assertion) for _ in range(30)))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 29


async def test_a_name_of_another_issuer_is_another_name(there: Company):
    async with company() as other:
        both = IdentityAssertion(trusted_issuers=[there.url, other.url])
        here = at(provider(identity_assertion=both, clients=[desk()]))
        for provider_of_identity in (there, other):
            reply = await here.bring(provider_of_identity.assertion(jti="the same"))
            assert reply.status == 200, reply.text
        # RFC 7515, 6: the keys of one are not those of the other.
        refused(await here.bring(there.assertion(iss=other.url)), "none of the issuer's keys")


async def test_who_brings_another_clients_spoils_nothing(there: Company):
    """ID-JAG, 4.4.1."""
    thief = known(client_id="thief", grant_types=[JWT_BEARER])
    here = at(believing(there, clients=[desk(), thief]))
    assertion = there.assertion()
    for _ in range(2):
        stolen = await here.bring(assertion, client_id="thief", client_secret=None)
        refused(stolen, "another client")
    for secret in ("guessed", None):
        guessed = await here.bring(assertion, client_secret=secret)
        assert (guessed.status, guessed.error) == (401, "invalid_client")
    elsewhere = await here.bring(assertion, resource="https://other.example")
    refused(elsewhere, "not this server", "invalid_target")  # RFC 8707, 2
    assert (await here.bring(assertion)).status == 200


async def test_a_client_that_did_not_register_for_it(there: Company):
    """RFC 7591, 2."""
    here = at(believing(there, clients=[desk(grant_types=["authorization_code"])]))
    refused(await here.bring(there.assertion()), "did not register", "unauthorized_client")


async def test_an_assertion_is_no_access_token(there: Company):
    """And a token is no assertion."""
    auth = believing(there)
    assertion = there.assertion()
    assert await auth.verify_token(assertion) is None
    token = (await at(auth).bring(assertion)).json["access_token"]
    refused(await at(auth).bring(token), "no signed JWT")


# an identity provider that is not there, or is somebody else


async def test_an_identity_provider_that_does_not_answer(
    there: Company, caplog: pytest.LogCaptureFixture
):
    """RFC 7521, 4.1.1 would have the client throw its assertion away, which may be good."""
    here = at(believing(there))
    assertion = there.assertion()
    there.down = True
    with caplog.at_level(logging.WARNING, "fastmcp.server.auth"):
        reply = await here.bring(assertion)
    assert (reply.status, reply.error) == (503, "temporarily_unavailable")
    assert assertion not in caplog.text
    there.down = False

    async def is_back() -> bool:
        return (await here.bring(assertion)).status == 200

    await until(is_back, "its keys can be had again")


@pytest.mark.parametrize(
    "discovery", [{"issuer": "https://other.example"}, {"issuer": None}, {"jwks_uri": None}]
)
async def test_the_document_of_somebody_else(there: Company, discovery: dict[str, Any]):
    """OpenID Connect Discovery 1.0, 4.3."""
    there.discovery = discovery
    reply = await at(believing(there)).bring(there.assertion())
    assert (reply.status, reply.error) == (503, "temporarily_unavailable")
    assert "/keys" not in there.asked


# what the author says


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"trusted_issuers": []}, "trusted_issuers"),
        ({"trusted_issuers": ["login.company.example"]}, "give the URL"),
        ({"trusted_issuers": ["https://u:p@company.example"]}, "user or password"),
        ({"jwks_uris": {"https://other.example": "https://x.example"}}, "is not trusted"),
        ({"jwks_uris": {"https://company.example": "keys.json"}}, "cannot be fetched"),
        ({"algorithms": {"https://other.example": "RS256"}}, "is not trusted"),
        ({"algorithm": "HS256"}, "HS256"),
        ({"algorithm": "none"}, "none"),
        ({"algorithms": {"https://company.example": "RS999"}}, "RS999"),
        ({"access_token_expiry_seconds": 0}, "greater than 0"),
        ({"trusted_issuer": "https://company.example"}, "trusted_issuer"),
    ],
)
def test_options(options: dict[str, Any], reason: str):
    with pytest.raises(ValueError, match=reason):
        IdentityAssertion(**{"trusted_issuers": ["https://company.example"], **options})


def test_a_provider_that_keeps_everything_itself():
    class Own(OAuthProvider):
        pass

    options = IdentityAssertion(trusted_issuers=["https://company.example"])
    with pytest.raises(TypeError, match="exchange_identity_assertion"):
        Own(base_url=BASE, identity_assertion=options).get_routes("/mcp")
