"""Providers of the table, at an address here."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from fastmcp.server.auth import OAuthProxy, RemoteAuthProvider, VerificationUnavailableError
from fastmcp.server.auth.oauth_proxy import presets
from fastmcp.server.auth.oauth_proxy.presets import Facts, PresetProxy
from fastmcp.server.auth.oauth_proxy.userinfo import Userinfo, UserinfoTokenVerifier
from fastmcp.server.auth.providers.auth0 import Auth0Provider
from fastmcp.server.auth.providers.azure import AzureProvider
from fastmcp.server.auth.providers.clerk import ClerkProvider
from fastmcp.server.auth.providers.descope import DescopeProvider
from fastmcp.server.auth.providers.discord import DiscordProvider
from fastmcp.server.auth.providers.github import GitHubProvider, GitHubTokenVerifier
from fastmcp.server.auth.providers.google import GoogleProvider
from fastmcp.server.auth.providers.keycloak import KeycloakAuthProvider
from fastmcp.server.auth.providers.propelauth import PropelAuthProvider
from fastmcp.server.auth.providers.scalekit import ScalekitProvider
from fastmcp.server.auth.providers.supabase import SupabaseProvider
from fastmcp.server.auth.providers.workos import AuthKitProvider, WorkOSProvider
from tests.server.auth.oauth.hand import BASE, RESOURCE, Pkce, query_of
from tests.server.auth.oauth_proxy.elsewhere import (
    CLIENT,
    SECRET,
    Elsewhere,
    elsewhere,
    visitor,
)
from tests.support.issuer import new_key, signed

ENTERED: dict[str, Any] = {"client_id": CLIENT, "client_secret": SECRET, "base_url": BASE}


@pytest.fixture
async def there() -> AsyncGenerator[Elsewhere]:
    async with elsewhere() as server:
        yield server


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
    assert found.scopes == ["user", "repo"]
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


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("auth0", "Auth0Provider"),
        ("aws", "AWSCognitoProvider"),
        ("azure", "AzureJWTVerifier"),
        ("discord", "DiscordTokenVerifier"),
        ("google", "GoogleTokenVerifier"),
        ("huggingface", "HuggingFaceProvider"),
        ("oci", "OCIProvider"),
        ("workos", "WorkOSTokenVerifier"),
    ],
)
def test_the_names_that_people_import(module: str, name: str):
    assert inspect.isclass(getattr(import_module(f"fastmcp.server.auth.providers.{module}"), name))


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
        (403, {}, True),
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
