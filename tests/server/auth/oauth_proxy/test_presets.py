"""Providers of the table, at an address here."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from key_value.aio.stores.memory import MemoryStore

from fastmcp import FastMCP
from fastmcp.exceptions import FastMCPDeprecationWarning
from fastmcp.server.auth import (
    AuthProvider,
    MultiAuth,
    OAuthProxy,
    OIDCProxy,
    RemoteAuthProvider,
    StaticTokenVerifier,
    TokenVerifier,
    VerificationUnavailableError,
)
from fastmcp.server.auth.oauth_proxy import presets
from fastmcp.server.auth.oauth_proxy.presets import Facts, PresetProxy
from fastmcp.server.auth.oauth_proxy.userinfo import Userinfo, UserinfoTokenVerifier
from fastmcp.server.auth.providers.auth0 import Auth0MCPProvider, Auth0Provider
from fastmcp.server.auth.providers.aws import AWSCognitoProvider, AWSCognitoTokenVerifier
from fastmcp.server.auth.providers.azure import AzureJWTVerifier, AzureProvider, EntraOBOToken
from fastmcp.server.auth.providers.clerk import ClerkProvider, ClerkTokenVerifier
from fastmcp.server.auth.providers.descope import DescopeProvider
from fastmcp.server.auth.providers.discord import DiscordProvider
from fastmcp.server.auth.providers.github import GitHubProvider, GitHubTokenVerifier
from fastmcp.server.auth.providers.google import GoogleProvider
from fastmcp.server.auth.providers.huggingface import HuggingFaceProvider
from fastmcp.server.auth.providers.keycloak import KeycloakAuthProvider
from fastmcp.server.auth.providers.oci import OCIProvider
from fastmcp.server.auth.providers.propelauth import PropelAuthProvider
from fastmcp.server.auth.providers.scalekit import ScalekitProvider
from fastmcp.server.auth.providers.supabase import SupabaseProvider
from fastmcp.server.auth.providers.workos import (
    AuthKitProvider,
    WorkOSProvider,
    WorkOSTokenVerifier,
)
from tests.server.auth.oauth.hand import BASE, RESOURCE, Pkce, query_of
from tests.server.auth.oauth_proxy.elsewhere import (
    CLIENT,
    SECRET,
    Elsewhere,
    Visitor,
    elsewhere,
    visitor,
)
from tests.support.asgi import STATELESS, Peer
from tests.support.issuer import new_key, published, signed

ENTERED: dict[str, Any] = {"client_id": CLIENT, "client_secret": SECRET, "base_url": BASE}


def moved(preset: type[PresetProxy], there: Elsewhere, **userinfo: Any) -> PresetProxy:
    """A preset whose provider is there."""

    class Moved(preset):
        facts: Facts = replace(
            preset.facts,
            authorize=f"{there.url}/authorize",
            token=f"{there.url}/token",
            revoke=None,
            userinfo=replace(preset.facts.userinfo, url=f"{there.url}/userinfo", **userinfo),
        )

    return Moved(**ENTERED, rate_limits=None)


async def logged_in(auth: OAuthProxy, there: Elsewhere) -> Any:
    site = visitor(auth, there)
    tokens = await site.tokens((await site.register())["client_id"])
    found = await auth.verify_token(tokens["access_token"])
    assert found is not None
    return found


async def test_github(there: Elsewhere):
    there.userinfo = {"id": 17, "login": "ann", "name": "Ann", "email": None}
    there.headers = {"X-OAuth-Scopes": "user, repo"}
    there.refreshes, there.expires_in = False, None
    auth = moved(GitHubProvider, there)
    found = await logged_in(auth, there)
    assert found.subject == "17"
    assert found.principal == "https://github.com|sub|17"
    assert found.scopes == ["user"]  # that was consented to
    assert found.claims["login"] == "ann"
    assert found.claims["github_user_data"]["name"] == "Ann"
    assert there.asked[0]["scope"] == "user"


async def test_google(there: Elsewhere):
    there.userinfo = {"aud": CLIENT, "scope": "openid", "expires_in": "3599", "email": "a@b.c"}
    auth = moved(GoogleProvider, there, profile=f"{there.url}/userinfo")
    found = await logged_in(auth, there)
    assert (found.subject, found.scopes) == ("ann", ["openid"])
    assert found.claims["exp"] > time.time() + 3000
    assert there.asked[0]["access_type"] == "offline"
    assert there.asked[0]["prompt"] == "consent"
    auth = GoogleProvider(**ENTERED, required_scopes=["openid", "email"])
    email = "https://www.googleapis.com/auth/userinfo.email"
    assert auth.required_scopes == ["openid", email]


async def test_hugging_face(there: Elsewhere):
    """It does not say what a token permits: what was granted at the login."""
    there.userinfo = {"preferred_username": "ann"}
    found = await logged_in(moved(HuggingFaceProvider, there), there)
    assert (found.subject, found.scopes) == ("ann", ["openid", "profile"])
    assert found.principal == "https://huggingface.co|sub|ann"
    assert found.claims["preferred_username"] == "ann"


async def test_google_gives_a_token_to_another_client(there: Elsewhere):
    """2026-07-28, security-considerations, "Access Token Privilege Restriction"."""
    there.userinfo = {"aud": "another client", "scope": "openid"}
    site = visitor(moved(GoogleProvider, there, profile=None), there)
    out = await site.sent_out((await site.register())["client_id"], Pkce())
    assert (await site.back(await there.visit(out))).answer["error"] == "server_error"


async def test_discord(there: Elsewhere):
    end = datetime.fromtimestamp(time.time() + 600, UTC).isoformat()
    there.userinfo = {
        "application": {"id": CLIENT},
        "scopes": ["identify"],
        "expires": end,
        "user": {"id": "80", "username": "ann"},
    }
    found = await logged_in(moved(DiscordProvider, there), there)
    assert (found.subject, found.scopes) == ("80", ["identify"])
    assert found.claims["username"] == "ann"


@pytest.mark.parametrize("preset", [WorkOSProvider, ClerkProvider])
async def test_at_a_place_of_the_customer(there: Elsewhere, preset: Any):
    place = "authkit_domain" if preset is WorkOSProvider else "domain"
    auth = preset(**ENTERED, **{place: there.url}, required_scopes=["openid"], rate_limits=None)
    found = await logged_in(auth, there)
    assert (found.subject, found.scopes) == ("ann", ["openid"])
    assert found.principal == f"{there.url}|sub|ann"


async def test_azure_calls_scopes_by_the_name_of_the_api():
    auth = AzureProvider(
        client_id="app",
        client_secret="secret-of-the-app",
        tenant_id="tenant",
        base_url=BASE,
        required_scopes=["read", "openid"],
        additional_authorize_scopes=["User.Read"],
        rate_limits=None,
    )
    async with elsewhere() as there:
        site = visitor(auth, there)
        out = await site.sent_out((await site.register())["client_id"], Pkce(), scope="read")
    assert out.startswith("https://login.microsoftonline.com/tenant/oauth2/v2.0/authorize?")
    asked = query_of(out)
    assert asked["scope"] == ["api://app/read openid User.Read offline_access"]
    assert "resource" not in asked
    assert auth.token_scopes(["read"]) == ["api://app/read", "openid", "offline_access"]
    assert auth.required_scopes == ["read"]
    with pytest.raises(ValueError, match="your own API"):
        AzureProvider(client_id="app", tenant_id="t", base_url=BASE, required_scopes=["openid"])


class Keys:
    """An `httpx.AsyncClient`, as far as it is used: a key set, whatever is asked for."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.status_code, self.headers = 200, {"Content-Type": "application/json"}
        self.asked: list[str] = []
        self._body = json.dumps({"keys": keys}).encode()

    @asynccontextmanager
    async def stream(self, method: str, url: str, **_: Any) -> AsyncGenerator[Keys]:
        self.asked.append(url)
        yield self

    async def aiter_raw(self) -> AsyncGenerator[bytes]:
        yield self._body


@pytest.mark.parametrize(
    ("tenant", "issued_by", "is_good"),
    [
        ("t1", {"iss": "t1", "tid": "t1"}, True),
        ("t1", {"iss": "t2", "tid": "t2"}, False),
        ("organizations", {"iss": "t1", "tid": "t1"}, True),
        ("common", {"iss": "t2", "tid": "t2"}, True),
        ("organizations", {"iss": "t1", "tid": "t2"}, False),
        ("organizations", {"iss": "t1"}, False),
    ],
)
async def test_a_tenant_of_azure_or_any(tenant: str, issued_by: dict[str, str], is_good: bool):
    """RFC 7519, 4.1.1: each tenant is an issuer of its own."""
    key = new_key("RSA", 2048)
    http = Keys(published(key, "k", use="sig"))
    verifier = AzureJWTVerifier(client_id="app", tenant_id=tenant, http_client=http)
    claims = {
        **issued_by,
        "iss": f"https://login.microsoftonline.com/{issued_by['iss']}/v2.0",
        "aud": "app",
        "sub": "ann",
    }
    found = await verifier.verify_token(signed(key, "RS256", claims, {"kid": "k"}))
    assert (found is not None) == is_good
    if is_good:
        assert http.asked == [f"https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"]


def at_entra(there: Elsewhere) -> AzureProvider:
    """A tenant that is there."""
    there.jwt, there.algorithm, there.key = True, "RS256", new_key("RSA", 2048)
    there.claims = {"iss": f"{there.url}/tenant/v2.0", "scp": "read"}
    return AzureProvider(
        **ENTERED,
        tenant_id="tenant",
        base_authority=there.url,
        required_scopes=["read"],
        rate_limits=None,
        client_storage=MemoryStore(),
    )


def mail(auth: AuthProvider | None) -> FastMCP:
    mcp = FastMCP("mail", auth=auth)

    @mcp.tool
    async def token(
        read: str = EntraOBOToken(["Mail.Read"]), again: str = EntraOBOToken(["Mail.Read"])
    ) -> str:
        assert read == again
        return read

    return mcp


async def test_a_token_of_another_api(there: Elsewhere):
    """RFC 7523, 2.1, as Entra ID has it; once for all calls until it ends."""
    app = mail(MultiAuth(server=at_entra(there))).http_app()
    async with app.lifespan(app):
        site = Visitor(app, there)
        tokens = await site.tokens((await site.register())["client_id"], scope="read")
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        peer = await Peer(app, STATELESS, headers=bearer).open()
        answers = await asyncio.gather(*(peer.call("token") for _ in range(3)))
        assert {answer.text for answer in answers} == {"ann at Mail.Read"}
        exchanged = [form for form in there.token_requests if "assertion" in form]
        assert len(exchanged) == 1
        assert exchanged[0]["assertion"] in there.access
        assert exchanged[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"

        there.token_error = "interaction_required"
        other = await Peer(app, STATELESS, headers=bearer).open()
        assert (await other.call("token")).text == "ann at Mail.Read"  # it is kept


async def test_another_api_that_nobody_consented_to(there: Elsewhere):
    app = mail(at_entra(there)).http_app()
    async with app.lifespan(app):
        site = Visitor(app, there)
        tokens = await site.tokens((await site.register())["client_id"], scope="read")
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        there.token_error = "interaction_required"
        answer = await (await Peer(app, STATELESS, headers=bearer).open()).call("token")
        assert "gives no token for Mail.Read: interaction_required" in json.dumps(answer.response)


async def test_another_issuers_token_is_not_shown_to_entra(there: Elsewhere):
    """2026-07-28, security-considerations, "Access Token Privilege Restriction"."""
    machines = StaticTokenVerifier({"t": {"client_id": "machine", "scopes": ["read"]}})
    app = mail(MultiAuth(server=at_entra(there), verifiers=machines)).http_app()
    async with app.lifespan(app):
        peer = await Peer(app, STATELESS, headers={"authorization": "Bearer t"}).open()
        answer = await peer.call("token")
        assert "Only who logged in at Entra ID" in json.dumps(answer.response)
    assert there.token_requests == []


async def test_another_api_without_a_login(caplog: pytest.LogCaptureFixture):
    for auth, why in [
        (StaticTokenVerifier({"t": {"sub": "ann"}}), "an AzureProvider"),
        (None, "not authenticated"),
    ]:
        app = mail(auth).http_app()
        async with app.lifespan(app):
            peer = await Peer(app, STATELESS, headers={"authorization": "Bearer t"}).open()
            assert (await peer.call("token")).result["isError"]
            assert why in caplog.text


async def test_a_policy_of_azure_ad_b2c():
    key = new_key("RSA", 2048)
    http = Keys(published(key, "k", use="sig"))
    b2c: dict[str, Any] = {
        **ENTERED,
        "tenant_name": "contoso",
        "policy_name": "B2C_1_susi",
        "required_scopes": ["read"],
        "http_client": http,
        "rate_limits": None,
    }
    auth = AzureProvider.from_b2c(**b2c, client_storage=MemoryStore())
    place = "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_susi"
    async with elsewhere() as there:
        site = visitor(auth, there)
        out = await site.sent_out((await site.register())["client_id"], Pkce(), scope="read")
    assert out.startswith(f"{place}/oauth2/v2.0/authorize?")
    api = f"https://contoso.onmicrosoft.com/{CLIENT}"
    assert query_of(out)["scope"] == [f"{api}/read offline_access"]
    claims = {"iss": "https://contoso.b2clogin.com/guid/v2.0/", "aud": CLIENT, "sub": "ann"}
    token = signed(key, "RS256", claims, {"kid": "k"})
    assert await auth.token_verifier.verify_token(token) is not None
    assert http.asked == [f"{place}/discovery/v2.0/keys"]
    strict = AzureProvider.from_b2c(
        **b2c,
        custom_domain="https://login.contoso.com/",
        token_issuer="https://other.example/",
        client_storage=MemoryStore(),
    )
    assert await strict.token_verifier.verify_token(token) is None
    with pytest.raises(ValueError, match="the name alone"):
        AzureProvider.from_b2c(**{**b2c, "tenant_name": "contoso.onmicrosoft.com"})


def test_auth0_needs_an_audience():
    with pytest.raises(TypeError, match="audience"):
        Auth0Provider(config_url="https://t.auth0.com/.well-known/openid-configuration", **ENTERED)


# where clients register themselves


async def test_authkit_tokens_are_for_this_server(there: Elsewhere):
    """RFC 8707, 2: `aud` is the address of the endpoint."""
    auth = AuthKitProvider(authkit_domain=there.url, base_url=BASE)
    auth.get_routes("/v2/mcp")
    assert auth.authorization_servers == [there.url]
    good: dict[str, Any] = {"iss": there.url, "sub": "ann", "exp": int(time.time()) + 600}
    there.key = new_key("RSA", 2048)
    for aud, is_good in [
        (f"{BASE}/v2/mcp", True),
        (RESOURCE, False),
        ("https://other.example/mcp", False),
    ]:
        token = signed(there.key, "RS256", {**good, "aud": aud})
        assert (await auth.verify_token(token) is not None) == is_good, aud


async def test_auth0_where_clients_register(there: Elsewhere):
    """What a person may do there is a scope, and tokens are for this server (RFC 8707, 2)."""
    there.key = new_key("RSA", 2048)

    async def made(**options: Any) -> Auth0MCPProvider:
        # It reads the document while it is made, and waits for it.
        return await asyncio.to_thread(
            lambda: Auth0MCPProvider(config_url=there.config_url, base_url=BASE, **options)
        )

    auth = await made(required_scopes=["read"])
    auth.get_routes("/mcp")
    assert auth.authorization_servers == [there.url]
    good: dict[str, Any] = {"iss": there.url, "sub": "ann", "aud": RESOURCE, "scope": "openid"}
    token = signed(there.key, "RS256", good, permissions=["read", "write", "openid", 7])
    found = await auth.verify_token(token)
    assert found is not None
    assert found.scopes == ["openid", "read", "write"]
    assert await auth.verify_token(signed(there.key, "RS256", good, aud="other")) is None
    own = StaticTokenVerifier({"t": {"sub": "ann"}})
    given = await made(token_verifier=own)
    given.get_routes("/mcp")
    assert await given.verify_token("t") is not None
    there.discovery = {"jwks_uri": None}
    with pytest.raises(ValueError, match="jwks_uri"):
        await made()


async def test_cognito_tokens_name_their_client(there: Elsewhere):
    there.key = new_key("RSA", 2048)
    options: dict[str, Any] = {"jwks_uri": f"{there.url}/keys", "issuer": there.url}
    good: dict[str, Any] = {"iss": there.url, "sub": "ann", "client_id": "app"}
    token = signed(there.key, "RS256", good)
    for audience, is_good in [("app", True), (["x", "app"], True), ("x", False), (None, True)]:
        verifier = AWSCognitoTokenVerifier(audience=audience, **options)
        assert (await verifier.verify_token(token) is not None) == is_good, audience
    nameless = signed(there.key, "RS256", good, client_id=None)
    assert await AWSCognitoTokenVerifier(audience="app", **options).verify_token(nameless) is None


async def test_clerk_says_whom_a_token_was_issued_to(there: Elsewhere):
    token = issue(there)
    options: dict[str, Any] = {"domain": there.url, "client_secret": SECRET}
    found = await ClerkTokenVerifier(client_id=CLIENT, **options).verify_token(token)
    assert found is not None
    assert found.subject == "ann"
    assert await ClerkTokenVerifier(client_id="another", **options).verify_token(token) is None
    assert await ClerkTokenVerifier(client_id=CLIENT, **options).verify_token("unknown") is None


async def test_keycloak(there: Elsewhere):
    there.key = new_key("RSA", 2048)
    auth = KeycloakAuthProvider(realm_url=there.url + "/", base_url=BASE, audience=RESOURCE)
    auth.get_routes("/mcp")
    assert auth.required_scopes == ["openid"]
    good: dict[str, Any] = {"iss": there.url, "sub": "ann", "exp": int(time.time()) + 600}
    assert await auth.verify_token(signed(there.key, "RS256", {**good, "aud": RESOURCE}))
    assert await auth.verify_token(signed(there.key, "RS256", {**good, "aud": "other"})) is None


def test_where_the_others_are():
    servers: dict[str, RemoteAuthProvider] = {
        "https://p.supabase.co/auth/v1": SupabaseProvider(
            project_url="https://p.supabase.co", base_url=BASE
        ),
        "https://e.scalekit.com/resources/res_1": ScalekitProvider(
            environment_url="https://e.scalekit.com/", resource_id="res_1", base_url=BASE
        ),
        "https://api.descope.com/v1/apps/P1": DescopeProvider(
            project_id="P1", descope_base_url="api.descope.com", base_url=BASE
        ),
        "https://api.descope.com/v1/apps/agentic/P1/M1": DescopeProvider(
            config_url="https://api.descope.com/v1/apps/agentic/P1/M1/.well-known/"
            "openid-configuration",
            base_url=BASE,
        ),
        "https://auth.example.com/oauth/2.1": PropelAuthProvider(
            auth_url="https://auth.example.com",
            introspection_client_id="a",
            introspection_client_secret="b",
            base_url=BASE,
        ),
    }
    for server, auth in servers.items():
        assert auth.authorization_servers == [server]
    with pytest.raises(ValueError, match="config_url is"):
        DescopeProvider(config_url="https://api.descope.com/v1/other", base_url=BASE)


def test_every_place_of_the_table_is_an_address():
    for name in presets.__all__:
        facts = getattr(presets, name)
        if isinstance(facts, Facts):
            for url in (facts.authorize, facts.token, facts.revoke, facts.userinfo.url):
                assert url is None or url.startswith(("https://", "{place}/")), url


@pytest.mark.parametrize("preset", [Auth0Provider, OCIProvider])
async def test_at_a_tenant_that_says_where_it_is(there: Elsewhere, preset: Any):
    there.jwt = True
    there.claims = {"aud": "https://api.example", "scope": "openid"}
    options = {**ENTERED, "audience": "https://api.example", "rate_limits": None}
    auth = await asyncio.to_thread(lambda: preset(config_url=there.config_url, **options))
    found = await logged_in(auth, there)
    assert (found.subject, found.scopes) == ("ann", ["openid"])
    assert there.asked[0]["audience"] == "https://api.example"


async def test_cognito_says_for_whom_a_token_is_by_its_client(there: Elsewhere):
    """Its access tokens have no `aud`."""

    class Moved(AWSCognitoProvider):
        def __init__(self, **options: Any) -> None:
            OIDCProxy.__init__(self, config_url=there.config_url, **options)

    there.jwt = True
    there.claims = {"aud": [], "client_id": CLIENT, "scope": "openid"}
    options = {**ENTERED, "rate_limits": None, "required_scopes": ["openid"]}
    auth = await asyncio.to_thread(lambda: Moved(**options))
    assert (await logged_in(auth, there)).subject == "ann"
    there.claims["client_id"] = "another client"
    site = visitor(auth, there)
    out = await site.sent_out((await site.register())["client_id"], Pkce())
    assert (await site.back(await there.visit(out))).answer["error"] == "server_error"


async def test_a_verifier_that_a_subclass_makes(there: Elsewhere):
    """FastMCP's name for it."""
    made: list[dict[str, Any]] = []

    class Own(OIDCProxy):
        def get_token_verifier(self, **options: Any) -> TokenVerifier:
            made.append(options)
            return StaticTokenVerifier({})

    options = {**ENTERED, "audience": "api", "algorithm": "ES256", "required_scopes": ["a"]}
    auth = await asyncio.to_thread(lambda: Own(config_url=there.config_url, **options))
    assert isinstance(auth.token_verifier, StaticTokenVerifier)
    assert made == [
        {
            "algorithm": "ES256",
            "audience": "api",
            "required_scopes": ["a"],
            "timeout_seconds": 10.0,
        }
    ]


async def test_azure_scopes_by_their_whole_name():
    auth = AzureProvider(
        client_id="app",
        client_secret="secret-of-the-app",
        tenant_id="tenant",
        base_url=BASE,
        required_scopes=["api://app/read"],
        rate_limits=None,
    )
    assert auth.required_scopes == ["read"]  # as its tokens have it
    async with elsewhere() as there:
        site = visitor(auth, there)
        out = await site.sent_out((await site.register())["client_id"], Pkce())
    asked = query_of(out)
    assert asked["scope"] == ["api://app/read offline_access"]
    assert asked["prompt"] == ["select_account"]


async def test_a_person_who_is_said_to_have_scopes(there: Elsewhere):
    """Where the answer says more than it has to: else a verifier alone could require none."""
    there.userinfo = {"scope": "openid profile"}
    shown = WorkOSTokenVerifier(authkit_domain=there.url, required_scopes=["openid"])
    found = await shown.verify_token(issue(there))
    assert found is not None
    assert shown.missing_scopes(found, shown.required_scopes) == []


def test_scalekit_as_it_was_made_before():
    options: dict[str, Any] = {"environment_url": "https://e.scalekit.com", "resource_id": "r"}
    with pytest.warns(FastMCPDeprecationWarning) as warned:
        auth = ScalekitProvider(**options, mcp_url=BASE, client_id="none is needed")
    assert ["base_url" in str(warned[0].message), len(warned)] == [True, 2]
    assert str(auth.base_url).rstrip("/") == BASE
    with pytest.raises(TypeError, match="base_url"):
        ScalekitProvider(**options)


# showing a token to its issuer


def verifier(there: Elsewhere, **options: Any) -> UserinfoTokenVerifier:
    facts = Userinfo(url=f"{there.url}/userinfo", issuer=there.url, scopes_header="X-Scopes")
    return UserinfoTokenVerifier(facts, **options)


def issue(there: Elsewhere) -> str:
    login = there.logins[-1] if there.logins else there.login("ann", "read")
    token = there._made()
    there.access[token] = login, time.time() + 600
    return token


async def test_a_token_is_shown_once_a_minute(there: Elsewhere):
    shown = verifier(there)
    token = issue(there)
    found = await asyncio.gather(*(shown.verify_token(token) for _ in range(20)))
    assert {one.subject for one in found if one is not None} == {"ann"}
    assert await shown.verify_token(token) is not None
    assert there.shown == 1
    each = verifier(there, cache_ttl_seconds=0)
    assert await each.verify_token(token) is not None
    there.end_logins()
    assert await each.verify_token(token) is None


@pytest.mark.parametrize(
    ("status", "headers", "known"),
    [
        (401, {}, True),
        (400, {}, True),
        (403, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, True),
        (403, {}, False),
        (403, {"X-RateLimit-Remaining": "0"}, False),
        (403, {"Retry-After": "60"}, False),
        (404, {}, False),
        (429, {}, False),
        (500, {}, False),
    ],
)
async def test_an_issuer_that_does_not_say(
    there: Elsewhere, status: int, headers: dict[str, str], known: bool
):
    """A token is not bad because its issuer is busy."""
    there.userinfo_status, there.headers = status, headers
    if known:
        assert await verifier(there).verify_token(issue(there)) is None
    else:
        with pytest.raises(VerificationUnavailableError):
            await verifier(there).verify_token(issue(there))


async def test_a_token_that_permits_nothing(there: Elsewhere):
    """It says so; one that says nothing permits what its kind does."""
    token = issue(there)
    facts = replace(verifier(there).facts, scopes_header="X-OAuth-Scopes", scopes_unsaid=("user",))
    for headers, scopes in (({}, ["user"]), ({"X-OAuth-Scopes": ""}, [])):
        there.headers = headers
        found = await UserinfoTokenVerifier(facts).verify_token(token)
        assert found is not None
        assert found.scopes == scopes


@pytest.mark.parametrize("token", ["", "x" * 20_000, "a\r\nX: y", "ä"])
async def test_what_is_no_token_is_not_shown(there: Elsewhere, token: str):
    assert await verifier(there).verify_token(token) is None
    assert there.shown == 0


def test_arguments_that_are_out_of_range():
    for wrong in ({"timeout_seconds": 0}, {"cache_ttl_seconds": -1}, {"max_cache_size": -1}):
        with pytest.raises(ValueError, match="timeout_seconds is more than 0"):
            GitHubTokenVerifier(**wrong)
    with pytest.raises(TypeError, match="http_client"):
        GitHubTokenVerifier(http_client="none")
