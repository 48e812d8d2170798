"""An upstream that says of itself where everything is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fastmcp.server.auth import OIDCProxy
from fastmcp.server.auth.providers.static import StaticTokenVerifier
from tests.server.auth.oauth.hand import BASE, Pkce
from tests.server.auth.oauth_proxy.elsewhere import (
    CLIENT,
    SECRET,
    Elsewhere,
    visitor,
)
from tests.support.process import free_port


async def oidc(there: Elsewhere, **options: Any) -> OIDCProxy:
    """One in front of it. It waits for the document, so the loop that answers goes on beside."""
    given = {
        "config_url": there.config_url,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "base_url": BASE,
        "rate_limits": None,
        **options,
    }
    return await asyncio.to_thread(lambda: OIDCProxy(**given))


async def test_who_logged_in_is_read_from_the_id_token(there: Elsewhere):
    """OpenID Connect Core 1.0, 2 and 3.1.3.7: issuer, audience and signature."""
    auth = await oidc(there, verify_id_token=True, required_scopes=["openid"])
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    tokens = await site.tokens(client)
    found = await auth.verify_token(tokens["access_token"])
    assert found is not None
    assert found.token in there.access
    assert found.subject == "ann"
    assert found.scopes == ["openid"]
    assert found.claims["email"] == "ann@example.com"
    assert found.principal == f"{there.url}|sub|ann"
    assert there.asked[0]["scope"] == "openid"
    await site.post("/revoke", {"client_id": client, "token": tokens["access_token"]})
    assert len(there.revoked) == 1


async def test_an_id_token_for_another_client(there: Elsewhere):
    """OpenID Connect Core 1.0, 3.1.3.7, 3."""
    auth = await oidc(there, verify_id_token=True, required_scopes=["openid"])
    there.claims = {"aud": "another client"}
    site = visitor(auth, there)
    out = await site.sent_out((await site.register())["client_id"], Pkce())
    reply = await site.back(await there.visit(out))
    assert reply.answer["error"] == "server_error"


async def test_whom_tokens_are_for(there: Elsewhere):
    auth = await oidc(there, audience="https://api.example", extra_token_params={"more": "yes"})
    site = visitor(auth, there)
    there.jwt = True
    there.claims = {"aud": "https://api.example", "scope": "read"}
    tokens = await site.tokens((await site.register())["client_id"])
    assert there.asked[0]["audience"] == "https://api.example"
    assert there.token_requests[0]["audience"] == "https://api.example"
    assert there.token_requests[0]["more"] == "yes"
    found = await auth.verify_token(tokens["access_token"])
    assert found is not None
    assert (found.subject, found.scopes) == ("ann", ["read"])


async def test_a_provider_that_names_itself_with_each_answer(there: Elsewhere):
    """RFC 9207, 2.4: "clients MUST discard responses" without `iss` of one that always sends it."""
    there.discovery = {"authorization_response_iss_parameter_supported": True}
    auth = await oidc(there, verify_id_token=True, required_scopes=["openid"])
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    reply = await site.back(await there.visit(await site.sent_out(client, Pkce())))
    assert reply.answer["error"] == "server_error"
    there.iss = there.url
    await site.tokens(client)


@pytest.mark.parametrize("issuer", ["https://attacker.example", "http://127.0.0.1/"])
async def test_a_document_of_another_provider(there: Elsewhere, issuer: str):
    """OpenID Connect Discovery 1.0, 4.3: the issuer MUST be the address it was read from."""
    there.discovery = {"issuer": issuer}
    with pytest.raises(ValueError, match="strict=False"):
        await oidc(there)
    assert (await oidc(there, strict=False)).oidc_config.issuer == issuer


@pytest.mark.parametrize(
    ("discovery", "said"),
    [
        ({"token_endpoint": None}, "see token_endpoint"),
        ({"jwks_uri": None}, "jwks_uri"),
        ({"authorization_endpoint": "nowhere"}, "cannot be used"),
        ({"more": "x" * 100_000}, "65536 bytes"),
    ],
)
async def test_a_document_that_is_not_in_order(
    there: Elsewhere, discovery: dict[str, Any], said: str
):
    there.discovery = discovery
    with pytest.raises(ValueError, match=said):
        await oidc(there)


async def test_a_provider_that_is_not_there(there: Elsewhere):
    url = f"http://127.0.0.1:{free_port()}/.well-known/openid-configuration"
    with pytest.raises(ConnectionError, match="config_url could not be read"):
        await oidc(there, config_url=url)


async def test_what_is_said_to_a_verifier_of_ones_own(there: Elsewhere):
    with pytest.raises(ValueError, match="your token_verifier"):
        await oidc(there, token_verifier=StaticTokenVerifier({}), algorithm="ES256")


@pytest.mark.parametrize("refreshes", [True, False])
async def test_an_id_token_says_who_logged_in_and_not_until_when(there: Elsewhere, refreshes: bool):
    """OpenID Connect Core 1.0, 2: `exp` is the end of accepting it, which was at the login."""
    there.refreshes, there.expires_in = refreshes, 86400
    there.claims = {"exp": int(time.time()) + 60}
    options: dict[str, Any] = {"verify_id_token": True, "required_scopes": ["openid"]}
    site = visitor(await oidc(there, **options), there)
    client = (await site.register())["client_id"]
    tokens = await site.tokens(client)
    assert tokens["expires_in"] == 3600
    site = visitor(auth := await oidc(there, **options), there)  # which has verified nothing yet
    now = time.time
    try:
        time.time = lambda: now() + 400
        found = await auth.verify_token(tokens["access_token"])
        assert found is not None
        assert found.subject == "ann"
        assert found.expires_at is not None
        assert found.expires_at > now() + 3000
        assert (await site.refresh(client, tokens["refresh_token"])).status == 200
    finally:
        time.time = now
    assert there.renewals == 0


async def test_a_renewal_without_an_id_token(there: Elsewhere):
    """OpenID Connect Core 1.0, 12.2: "it might not contain an id_token"."""
    there.expires_in = 100
    auth = await oidc(there, verify_id_token=True, required_scopes=["openid"])
    site = visitor(auth, there)
    token = (await site.tokens((await site.register())["client_id"]))["access_token"]
    there.tokens = {"id_token": None}
    now = time.time
    try:
        for after in (101, 202):
            time.time = lambda after=after: now() + after
            found = await auth.verify_token(token)
            assert found is not None
            assert (found.subject, found.token in there.access) == ("ann", True)
            assert found.claims["email"] == "ann@example.com"
    finally:
        time.time = now
    assert there.renewals == 2


async def test_a_renewal_with_another_persons_id_token(there: Elsewhere):
    """The same: its `sub` MUST be the same."""
    there.expires_in = 100
    auth = await oidc(there, verify_id_token=True, required_scopes=["openid"])
    site = visitor(auth, there)
    token = (await site.tokens((await site.register())["client_id"]))["access_token"]
    there.logins[0].user = "eve"
    now = time.time
    try:
        time.time = lambda: now() + 101
        assert await auth.verify_token(token) is None
    finally:
        time.time = now
    assert len(there.revoked) == 1


async def test_a_provider_that_says_no_end_of_its_tokens(there: Elsewhere):
    """Nothing shows later that they have ended, so they are renewed, or end, after an hour."""
    there.expires_in = None
    auth = await oidc(there, verify_id_token=True, fastmcp_access_token_expiry_seconds=86400)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    token = (await site.tokens(client))["access_token"]
    there.refreshes = False
    ending = (await site.tokens(client))["access_token"]
    now = time.time
    try:
        time.time = lambda: now() + 3601
        assert await auth.verify_token(token) is not None
        assert there.renewals == 1
        assert await auth.verify_token(ending) is None
    finally:
        time.time = now


async def test_an_id_token_is_asked_for(there: Elsewhere):
    """OpenID Connect Core 1.0, 3.1.2.1: requests MUST contain the scope openid."""
    auth = await oidc(there, verify_id_token=True)
    site = visitor(auth, there)
    await site.tokens((await site.register())["client_id"])
    assert there.asked[0]["scope"] == "openid"


async def test_nothing_is_left_of_reading_the_document():
    """The connection ends with the loop that it was made in."""
    script = Path(__file__).with_name("read_once.py")
    ended = await asyncio.create_subprocess_exec(
        sys.executable, script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await ended.communicate()
    assert said.decode().splitlines() == ["made"] * 3
