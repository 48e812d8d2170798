"""The whole code flow by hand: metadata, registration, consent, tokens, renewal, the end."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from key_value.aio.stores.memory import MemoryStore
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fastmcp.server.auth import (
    AccessToken,
    ClientRegistrationOptions,
    OAuthClientInformationFull,
    OAuthProvider,
    RevocationOptions,
    StoredOAuthProvider,
    Subject,
)
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from tests.server.auth.oauth.hand import (
    BASE,
    CALLBACK,
    REGISTRATION,
    RESOURCE,
    SCOPES,
    Pkce,
    Site,
    application,
    fields,
    known,
    provider,
)


class Named(StoredOAuthProvider):
    """Its user is whom a cookie names, and who has none is sent to log in."""

    async def authenticate(self, request: Request) -> Subject | Response:
        name = request.cookies.get("user")
        if name is None:
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        return Subject(name, name.title(), {"email": f"{name}@example.com"})


def stored(**options: Any) -> Named:
    return Named(
        base_url=BASE,
        storage=MemoryStore(),
        client_registration_options=REGISTRATION,
        revocation_options=RevocationOptions(enabled=True),
        **options,
    )


async def test_the_metadata_says_what_there_is():
    """RFC 8414, 2; RFC 9207, 3; 2026-07-28, basic/authorization/client-registration."""
    site = Site(application(provider()))
    reply = await site.get("/.well-known/oauth-authorization-server")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["access-control-allow-origin"] == "*"
    said = reply.json
    assert said["issuer"] == BASE
    assert said["authorization_endpoint"] == f"{BASE}/authorize"
    assert said["token_endpoint"] == f"{BASE}/token"
    assert said["registration_endpoint"] == f"{BASE}/register"
    assert said["revocation_endpoint"] == f"{BASE}/revoke"
    assert said["response_types_supported"] == ["code"]
    assert said["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["scopes_supported"] == SCOPES
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["client_id_metadata_document_supported"] is True
    assert set(said["token_endpoint_auth_methods_supported"]) == {
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    }


async def test_the_path_of_an_issuer_stands_behind_the_well_known_one():
    """RFC 8414, 3.1."""
    auth = provider(base_url="https://example.com/team/api")
    said = await Site(application(auth)).get("/.well-known/oauth-authorization-server/team/api")
    assert said.json["issuer"] == "https://example.com/team/api"
    assert said.json["token_endpoint"] == "https://example.com/team/api/token"
    places = [route.path for route in auth.get_well_known_routes("/mcp")]
    assert "/.well-known/oauth-authorization-server/team/api" in places


async def test_the_options_of_the_official_sdk():
    """Its models have the same fields, and a program may have them from there."""

    @dataclass
    class Registration:
        enabled: bool = True
        client_secret_expiry_seconds: int | None = 60
        valid_scopes: list[str] | None = None
        default_scopes: list[str] | None = None

    options: Any = Registration(valid_scopes=["a"], default_scopes=["a"])
    site = Site(application(InMemoryOAuthProvider(client_registration_options=options)))
    client = await site.register()
    assert client["scope"] == "a"
    assert (await site.tokens(client["client_id"]))["scope"] == "a"


async def test_scopes_by_default():
    """RFC 6749, 3.3: of a request that names none. They are scopes that the server has."""
    for options, expected in [
        ({"valid_scopes": SCOPES, "default_scopes": ["write", "admin"]}, "write admin"),
        ({"valid_scopes": SCOPES, "default_scopes": []}, ""),
        ({"valid_scopes": SCOPES}, "read"),
        ({"default_scopes": ["read", "extra"]}, "read extra"),
    ]:
        registration = ClientRegistrationOptions(enabled=True, **options)
        site = Site(application(provider(client_registration_options=registration)))
        client = (await site.register())["client_id"]
        assert (await site.tokens(client))["scope"] == expected
        said = (await site.get("/.well-known/oauth-authorization-server")).json
        assert set(expected.split()) <= set(said["scopes_supported"])
        if expected:
            assert (await site.tokens(client, scope=expected))["scope"] == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"required_scopes": ["two words"]},
        {"required_scopes": ['"']},
        {"issuer_url": "https://example.com/?a=b"},
        {"issuer_url": "https://example.com/#a"},
        {"clients": [known(redirect_uris=["http://example.com/cb"])]},
        {"clients": [known(redirect_uris=["https://example.com/cb#a"])]},
        {"clients": [known(token_endpoint_auth_method="client_secret_basic")]},
        {"clients": [known(token_endpoint_auth_method="client_secret_post", client_secret="")]},
        {"clients": [known(token_endpoint_auth_method=None, client_secret="")]},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match=r"scope|issuer|redirect URI|client_secret"):
        provider(**wrong)


async def test_what_is_not_enabled_is_not_there():
    site = Site(application(InMemoryOAuthProvider(base_url=BASE)))
    said = (await site.get("/.well-known/oauth-authorization-server")).json
    assert "registration_endpoint" not in said
    assert "revocation_endpoint" not in said
    assert (await site.post("/register", {})).status == 404
    assert (await site.post("/revoke", {})).status == 404


@pytest.mark.parametrize("kind", ["memory", "store"])
async def test_from_registration_to_the_end(kind: str):
    auth = provider() if kind == "memory" else stored()
    site = Site(application(auth))
    site.cookies["user"] = "ann"
    client = await site.register()
    assert "client_secret" not in client
    client_id = client["client_id"]

    pkce = Pkce()
    asked = await site.authorize(client_id, pkce, scope="read write")
    decided = await site.decide(asked.location)
    assert decided.location.startswith(CALLBACK + "?")
    assert set(decided.answer) == {"code", "state", "iss"}
    assert decided.answer["state"] == "a state"
    assert decided.answer["iss"] == BASE  # RFC 9207, 2

    reply = await site.token(client_id, decided.answer["code"], pkce)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    first = reply.json
    assert first["token_type"] == "Bearer"
    assert first["expires_in"] == 3600
    assert first["scope"] == "read write"

    token = await auth.verify_token(first["access_token"])
    assert token is not None
    assert token.client_id == client_id
    assert token.scopes == ["read", "write"]
    assert token.resource == RESOURCE
    assert token.subject == ("local" if kind == "memory" else "ann")
    assert token.principal == f"{BASE}|sub|{token.subject}"
    if kind == "store":
        assert token.claims["email"] == "ann@example.com"

    second = (await site.refresh(client_id, first["refresh_token"], scope="read")).json
    assert second["scope"] == "read"
    assert second["refresh_token"] != first["refresh_token"]
    third = (await site.refresh(client_id, second["refresh_token"])).json
    assert third["scope"] == "read write"  # what was granted, not what was asked for last
    renewed = await auth.verify_token(third["access_token"])
    assert renewed is not None
    assert renewed.principal == token.principal

    form = {"client_id": client_id, "token": third["refresh_token"]}
    assert (await site.post("/revoke", form)).status == 200
    for access in (first, second, third):
        assert await auth.verify_token(access["access_token"]) is None
    assert (await site.refresh(client_id, third["refresh_token"])).error == "invalid_grant"


async def test_who_is_not_logged_in_gets_what_the_author_says():
    site = Site(application(stored()))
    client = await site.register()
    asked = await site.authorize(client["client_id"], Pkce())
    assert (await site.get(asked.location)).location == "/login?next=/consent"


async def test_somebody_else_logs_in_before_the_click():
    """Whoever consents is whom the page was shown to."""
    site = Site(application(stored()))
    site.cookies["user"] = "ann"
    client = await site.register()
    asked = await site.authorize(client["client_id"], Pkce())
    page = (await site.get(asked.location)).text
    assert "Ann" in page
    site.cookies["user"] = "bob"
    form = {**fields(page), "decision": "approve"}
    assert (await site.post("/consent", form)).status == 403
    site.cookies["user"] = "ann"
    assert (await site.post("/consent", form)).answer["code"]


async def test_a_request_by_post():
    """OAuth 2.1, 3.1: the endpoint takes GET and may take POST."""
    site, pkce = Site(application(provider(clients=[known()]))), Pkce()
    asked = await site.post(
        "/authorize",
        {
            "response_type": "code",
            "client_id": "known",
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
        },
    )
    decided = await site.decide(asked.location)
    assert decided.location.startswith(CALLBACK)  # its only redirect URI
    assert "state" not in decided.answer
    reply = await site.token(
        "known", decided.answer["code"], pkce, redirect_uri=None, resource=None
    )
    assert reply.status == 200


async def test_a_person_who_does_not_consent():
    """OAuth 2.1, 4.1.2.1; RFC 9207, 2: `iss` is in errors too."""
    site = Site(application(provider(clients=[known()])))
    asked = await site.authorize("known", Pkce())
    denied = await site.decide(asked.location, "deny")
    assert denied.location.startswith(CALLBACK)
    assert denied.answer["error"] == "access_denied"
    assert denied.answer["state"] == "a state"
    assert denied.answer["iss"] == BASE


async def test_without_a_page_of_consent():
    site, pkce = Site(application(provider(require_authorization_consent=False))), Pkce()
    client = await site.register()
    asked = await site.authorize(client["client_id"], pkce)
    assert asked.location.startswith(CALLBACK)
    assert (await site.token(client["client_id"], asked.answer["code"], pkce)).status == 200
    assert (await site.get("/consent?request=x")).status == 404


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", None])
async def test_a_client_with_a_secret(method: str | None):
    """OAuth 2.1, 2.4.1."""
    auth = provider()
    site, pkce = Site(application(auth)), Pkce()
    client = await site.register(token_endpoint_auth_method=method)
    assert client["token_endpoint_auth_method"] == (method or "client_secret_basic")
    assert client["client_secret_expires_at"] == 0
    name, secret = client["client_id"], client["client_secret"]
    code = await site.code(name, pkce)
    for wrong in (None, "wrong", secret[:-1]):
        reply = await site.token(name, code, pkce, client_secret=wrong)
        assert (reply.status, reply.error) == (401, "invalid_client")
    basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
    if method == "client_secret_post":
        reply = await site.token(name, code, pkce, client_secret=secret)
    else:
        bad = base64.b64encode(f"{name}:wrong".encode()).decode()
        reply = await site.token(None, code, pkce, {"authorization": f"Basic {bad}"})
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Basic")
        reply = await site.token(None, code, pkce, {"authorization": f"Basic {basic}"})
    assert reply.status == 200
    kept = await auth.get_client(name)
    assert secret not in repr(kept)
    assert kept is not None
    assert kept.client_secret is None


async def test_a_secret_that_has_expired():
    options = ClientRegistrationOptions(enabled=True, client_secret_expiry_seconds=-5)
    site, pkce = Site(application(provider(client_registration_options=options))), Pkce()
    client = await site.register(token_endpoint_auth_method="client_secret_post")
    code = await site.code(client["client_id"], pkce)
    reply = await site.token(client["client_id"], code, pkce, client_secret=client["client_secret"])
    assert reply.error == "invalid_client"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "future", None])
async def test_a_client_that_lost_its_secret(method: str | None):
    """OAuth 2.1, 2.4: a provider of the author's own may say of a client that it has a secret, and
    know none. It is not let in without one, nor with an empty one."""

    class Forgetful(InMemoryOAuthProvider):
        async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
            empty = "" if method is None else None
            return known(token_endpoint_auth_method=method, client_secret=empty)

    site, pkce = Site(application(Forgetful(base_url=BASE))), Pkce()
    code = await site.code("known", pkce)
    basic = {"authorization": "Basic " + base64.b64encode(b"known:").decode()}
    reply = await site.token(None, code, pkce, basic)
    assert (reply.status, reply.error) == (401, "invalid_client")
    if method is not None:
        reply = await site.token("known", code, pkce)
        assert (reply.status, reply.error) == (401, "invalid_client")


async def test_a_known_client_may_be_public_without_saying_so():
    site = Site(application(provider(clients=[known(token_endpoint_auth_method=None)])))
    assert (await site.tokens("known"))["token_type"] == "Bearer"


async def test_browsers_may_call_what_clients_call():
    """A client in a browser reads the metadata, registers and gets tokens from its own origin."""
    site = Site(application(provider()))
    for path, verb in [
        ("/.well-known/oauth-authorization-server", "GET"),
        ("/token", "POST"),
        ("/register", "POST"),
        ("/revoke", "POST"),
    ]:
        asked = await site.send("OPTIONS", path, headers={"origin": "https://inspector.example"})
        assert asked.status == 204
        assert asked.headers["access-control-allow-origin"] == "*"
        assert verb in asked.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in asked.headers
    failed = await site.post("/token", {}, {"origin": "https://inspector.example"})
    assert failed.status == 401
    assert failed.headers["access-control-allow-origin"] == "*"
    # where a person is, no other page is let near (OAuth 2.1, 3.1)
    assert "access-control-allow-origin" not in (await site.get("/authorize")).headers


async def test_a_provider_without_its_methods_is_told_at_the_start():
    with pytest.raises(TypeError, match=r"get_client.*authenticate"):
        OAuthProvider(base_url=BASE).get_routes("/mcp")
    with pytest.raises(TypeError, match="authenticate"):
        StoredOAuthProvider(base_url=BASE).get_routes("/mcp")

    class Verifies(OAuthProvider):
        async def verify_token(self, token: str) -> AccessToken | None:
            return None

    with pytest.raises(TypeError, match="load_access_token"):  # of a token that is given back
        Verifies(base_url=BASE, revocation_options=RevocationOptions(enabled=True)).get_routes()
    with pytest.raises(TypeError) as missing:
        Verifies(base_url=BASE).get_routes()
    assert "load_access_token" not in str(missing.value)


async def test_what_is_kept_is_no_secret():
    """2026-07-28, basic/authorization, "Token Theft": secure storage. Neither codes nor tokens nor
    secrets can be read in the store."""
    store = MemoryStore()
    written: list[str] = []
    put = store.put

    async def spy(key: str, value: Any, **rest: Any) -> None:
        written.append(f"{key} {value}")
        await put(key, value, **rest)

    store.put = spy  # type: ignore[method-assign]  # to see all that is written
    auth = Named(base_url=BASE, storage=store, client_registration_options=REGISTRATION)
    site, pkce = Site(application(auth)), Pkce()
    site.cookies["user"] = "ann"
    client = await site.register(token_endpoint_auth_method="client_secret_post")
    code = await site.code(client["client_id"], pkce)
    secret = client["client_secret"]
    tokens = (await site.token(client["client_id"], code, pkce, client_secret=secret)).json
    text = "\n".join(written)
    assert client["client_id"] in text
    for hidden in (secret, code, tokens["access_token"], tokens["refresh_token"]):
        assert hidden not in text
        assert hidden.partition(".")[2] not in text or "." not in hidden
