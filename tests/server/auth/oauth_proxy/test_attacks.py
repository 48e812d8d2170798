"""What must not work, each with the rule that forbids it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any
from urllib.parse import quote

import pytest
from key_value.aio.stores.memory import MemoryStore

from fastmcp.server.auth import OAuthProxy
from fastmcp.server.auth.oauth.redirects import with_parameters
from fastmcp.server.session_keys import SessionKeys
from tests.server.auth.oauth.hand import (
    BASE,
    CALLBACK,
    Pkce,
    Reply,
    application,
    known,
    query_of,
)
from tests.server.auth.oauth_proxy.elsewhere import (
    Elsewhere,
    Visitor,
    proxy,
    visitor,
)
from tests.support.issuer import new_key, published, signed


async def registered(site: Visitor, **metadata: Any) -> str:
    return (await site.register(**metadata))["client_id"]


def is_page(reply: Reply, status: int, text: str) -> bool:
    """Nothing was sent anywhere."""
    assert (reply.status, text in reply.text) == (status, True), (reply.status, reply.text)
    return "location" not in reply.headers


@pytest.mark.parametrize("consent", [True, "remember"])
async def test_a_confused_deputy(there: Elsewhere, consent: Any):
    """2026-07-28, basic/authorization/security-considerations, "Confused Deputy Problem": proxies
    with static client ids MUST get consent for each client. The upstream does not ask: it knows
    the one client, and the person."""
    auth = proxy(there, require_authorization_consent=consent)
    site = visitor(auth, there)
    await site.tokens(await registered(site))
    stranger = await registered(
        site, client_name="By hand", redirect_uris=["https://attacker.example/callback"]
    )
    asked = await site.authorize(stranger, Pkce(), redirect_uri="https://attacker.example/callback")
    assert asked.location.startswith(f"{BASE}/consent?")
    page = await site.get(asked.location)
    assert page.status == 200
    assert "attacker.example" in page.text
    assert len(there.asked) == 1  # nobody was sent there for it


async def test_nobody_is_sent_to_the_upstream_without_consent(there: Elsewhere):
    """The same: "before initiating the third-party authorization flow"; OAuth 2.1, 7.13 (CSRF)."""
    auth = proxy(there)
    site = visitor(auth, there)
    asked = await site.authorize(await registered(site), Pkce())
    denied = await site.decide(asked.location, "deny")
    assert denied.answer["error"] == "access_denied"
    assert denied.location.startswith(CALLBACK)
    forged = await site.post(
        "/consent", {"request": query_of(asked.location)["request"], "decision": "approve"}
    )
    assert is_page(forged, 403, "not sent from the page")
    assert there.asked == []


async def test_what_the_page_of_consent_shows(there: Elsewhere):
    """The same, "Consent UI Requirements": the scopes of the third party, and the whole URI."""

    class Named(OAuthProxy):
        def upstream_scopes(self, scopes: list[str]) -> list[str]:
            return [*scopes, "User.Read"]

    uri = "https://shared.example/tenants/of-eve/callback?a=b"
    site = visitor(proxy(there, Named), there)
    client = await registered(site, redirect_uris=[uri])
    asked = await site.authorize(client, Pkce(), redirect_uri=uri)
    shown = (await site.get(asked.location)).text
    assert "https://<strong>shared.example</strong>/tenants/of-eve/callback?a=b" in shown
    assert "<code>User.Read</code>" in shown


async def test_the_page_of_consent_cannot_be_framed(there: Elsewhere):
    """The same, "Consent UI Requirements": clickjacking, and the cookie."""
    auth = proxy(there, base_url="https://mcp.example")
    site = Visitor(application(auth), there)
    site.base_url = "https://mcp.example"
    asked = await site.authorize(await registered(site), Pkce(), resource=None)
    page = await site.get(asked.location.removeprefix("https://mcp.example"))
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-fastmcp-consent=")
    assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))


async def is_asked(visiting: Visitor, client: str, **parameters: Any) -> bool:
    """Whether a browser is shown the page of consent."""
    asked = await visiting.authorize(client, Pkce(), **parameters)
    page = await visiting.get(asked.location.removeprefix(visiting.base_url))
    return page.status == 200


async def consents(site: Visitor, client: str, **parameters: Any) -> None:
    asked = await site.authorize(client, Pkce(), **parameters)
    await site.decide(asked.location.removeprefix(site.base_url))


AWAY = "https://app.example/callback"


async def test_a_browser_that_was_asked_once(there: Elsewhere):
    """ "remember": this client, at this place, for these scopes, in this browser."""
    auth = proxy(there, require_authorization_consent="remember")
    site = visitor(auth, there)
    client = await registered(site, redirect_uris=[AWAY, "https://other.example/callback"])
    asked = {"redirect_uri": AWAY, "scope": "read"}
    await consents(site, client, **asked)
    assert not await is_asked(site, client, **asked)
    elsewhere = {**asked, "redirect_uri": "https://other.example/callback"}
    assert await is_asked(site, client, **elsewhere)
    assert await is_asked(site, client, **{**asked, "scope": "read write"})
    assert await is_asked(visitor(auth, there), client, **asked)
    (name,) = (name for name in site.cookies if name.startswith("fastmcp-consents"))
    forged = visitor(auth, there)
    forged.cookies[name] = site.cookies[name][:-4] + "AAAA"
    assert await is_asked(forged, client, **asked)
    strict = visitor(proxy(there), there)  # the same keys; another mode
    strict.cookies |= site.cookies
    client = await registered(strict, redirect_uris=[AWAY])
    assert await is_asked(strict, client, **asked)


@pytest.mark.parametrize("uri", [CALLBACK, "com.example.app:/callback"])
async def test_another_program_of_the_computer(there: Elsewhere, uri: str):
    """RFC 8252, 8.6: whose identity cannot be assured is not let in without asking. Any program may
    listen on a port, or take a scheme, and say it is the client that was consented to."""
    site = visitor(proxy(there, require_authorization_consent="remember"), there)
    client = await registered(site, redirect_uris=[uri])
    await consents(site, client, redirect_uri=uri)
    assert await is_asked(site, client, redirect_uri=uri)


async def test_servers_of_one_host_remember_for_themselves(there: Elsewhere):
    """A cookie is of a host, whatever the port (RFC 6265, 8.5)."""
    sites: list[Visitor] = []
    for port in (8000, 8001):
        base = f"http://127.0.0.1:{port}"
        auth = proxy(there, require_authorization_consent="remember", base_url=base)
        sites.append(site := visitor(auth, there))
        site.base_url, site.cookies = base, sites[0].cookies
    asked = {"redirect_uri": AWAY, "resource": None}
    clients = [await registered(site, redirect_uris=[AWAY]) for site in sites]
    for site, client in zip(sites, clients, strict=True):
        await consents(site, client, **asked)
    for site, client in zip(sites, clients, strict=True):
        assert not await is_asked(site, client, **asked)


@pytest.mark.parametrize("consent", [True, False, "external", "remember"])
async def test_a_callback_in_another_browser(there: Elsewhere, consent: Any):
    """OAuth 2.1, 7.11 and RFC 9700, 4.7: login CSRF. Somebody logs in and has a victim's browser
    finish it. Also where nobody is asked for consent."""
    auth = proxy(there, require_authorization_consent=consent)
    attacker, victim = visitor(auth, there), visitor(auth, there)
    client = await registered(attacker)
    asked = await attacker.authorize(client, Pkce())
    if consent in (True, "remember"):
        out = (await attacker.decide(asked.location)).location
    else:
        out = (await attacker.get(asked.location)).location
    callback = (await there.visit(out)).removeprefix(BASE)
    assert is_page(await victim.get(callback), 400, "in another browser")
    victim.cookies["fastmcp-consent"] = "A" * 43 + "="
    assert is_page(await victim.get(callback), 400, "in another browser")
    assert there.token_requests == []
    # It is not used up by that.
    assert "code" in (await attacker.get(callback)).answer


async def test_a_state_that_comes_twice(there: Elsewhere):
    """RFC 9700, 4.7.1: a state is good once."""
    auth = proxy(there)
    site = visitor(auth, there)
    callback = await there.visit(await site.sent_out(await registered(site), Pkce()))
    assert (await site.send("HEAD", callback.removeprefix(BASE))).status == 405
    replies = await asyncio.gather(*(site.back(callback) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [303] + [400] * 4
    assert len(there.token_requests) == 1


@pytest.mark.parametrize("state", ["", "x", "x" * 5000, "ä", "a&state=b"])
async def test_a_state_that_is_none(there: Elsewhere, state: str):
    site = visitor(proxy(there), there)
    reply = await site.get(f"/auth/callback?code=x&state={quote(state, safe='&=')}")
    assert reply.status == 400
    assert "location" not in reply.headers
    assert there.token_requests == []


async def test_a_code_that_comes_twice(there: Elsewhere):
    """OAuth 2.1, 4.1.3: it is refused, what was given for it ends; and the login with it."""
    auth = proxy(there)
    site = visitor(auth, there)
    client, pkce = await registered(site), Pkce()
    code = await site.code(client, pkce)
    first = (await site.token(client, code, pkce)).json
    assert (await site.token(client, code, pkce)).error == "invalid_grant"
    assert await auth.verify_token(first["access_token"]) is None
    assert len(there.revoked) == 1


async def test_a_code_of_the_upstream_is_none_of_ours(there: Elsewhere):
    """2026-07-28, security-considerations, "Token Passthrough": nor is its token."""
    there.granted = "read openid"
    auth = proxy(there)
    site = visitor(auth, there)
    client, pkce = await registered(site), Pkce()
    callback = await there.visit(await site.sent_out(client, pkce))
    (code,) = query_of(callback)["code"]
    assert (await site.token(client, code, pkce)).error == "invalid_grant"
    await site.back(callback)
    for secret in there.secrets:
        assert await auth.verify_token(secret) is None


async def test_a_client_cannot_use_the_code_of_another(there: Elsewhere):
    """OAuth 2.1, 4.1.3."""
    site = visitor(proxy(there), there)
    client, other, pkce = await registered(site), await registered(site), Pkce()
    code = await site.code(client, pkce)
    assert (await site.token(other, code, pkce)).error == "invalid_grant"
    assert (await site.token(client, code, Pkce())).error == "invalid_grant"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("access_denied", "access_denied"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("invalid_scope", "invalid_scope"),
        ("unauthorized_client", "server_error"),
        ("strange\r\nSet-Cookie: a=b", "server_error"),
    ],
)
async def test_a_login_that_the_upstream_refuses(there: Elsewhere, error: str, told: str):
    """OAuth 2.1, 4.1.2.1: the client is told, at its redirect URI, with its state and `iss`."""
    there.error = error
    site = visitor(proxy(there), there)
    out = await site.sent_out(await registered(site), Pkce())
    reply = await site.back(await there.visit(out))
    assert reply.location.startswith(CALLBACK)
    assert reply.answer["error"] == told
    assert reply.answer["state"] == "a state"
    assert reply.answer["iss"] == BASE
    assert "set-cookie" not in reply.headers
    assert there.token_requests == []


async def test_an_answer_of_another_server(there: Elsewhere):
    """RFC 9207, 2.4: mix-up."""
    auth = proxy(there, upstream_issuer=there.url)
    site = visitor(auth, there)
    client = await registered(site)
    there.iss = "https://attacker.example"
    reply = await site.back(await there.visit(await site.sent_out(client, Pkce())))
    assert reply.answer["error"] == "server_error"
    assert there.token_requests == []
    there.iss = there.url
    await site.tokens(client)


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"status": 500}, "temporarily_unavailable"),
        ({"token_error": "invalid_client"}, "temporarily_unavailable"),
        ({"token_error": "invalid_grant"}, "server_error"),
    ],
)
async def test_a_code_that_the_upstream_gives_nothing_for(
    there: Elsewhere, knobs: dict[str, Any], told: str
):
    site = visitor(proxy(there), there)
    callback = await there.visit(await site.sent_out(await registered(site), Pkce()))
    for name, value in knobs.items():
        setattr(there, name, value)
    reply = await site.back(callback)
    assert reply.answer["error"] == told
    assert set(reply.answer) == {"error", "error_description", "state", "iss"}


async def test_a_code_of_another_login_does_not_fit(there: Elsewhere):
    """RFC 7636 towards the upstream: a code that was injected has another challenge."""
    site = visitor(proxy(there), there)
    client = await registered(site)
    one = await there.visit(await site.sent_out(client, Pkce()))
    there.user = "eve"
    two = await there.visit(await site.sent_out(client, Pkce()))
    (state,), (code,) = query_of(one)["state"], query_of(two)["code"]
    injected = with_parameters(f"{BASE}/auth/callback", state=state, code=code)
    assert (await site.back(injected)).answer["error"] == "server_error"


async def test_a_login_that_turns_into_another_persons(there: Elsewhere):
    """OpenID Connect Core 1.0, 12.2: the subject stays."""
    auth = proxy(there)
    site = visitor(auth, there)
    token = (await site.tokens(await registered(site)))["access_token"]
    there.expire()
    there.logins[0].user = "eve"
    assert await auth.verify_token(token) is None


@pytest.mark.parametrize(
    ("patterns", "uri", "allowed"),
    [
        (["http://localhost:*"], "http://localhost:4000/callback", True),
        (["http://localhost:*"], "http://localhost:4000/", True),
        (["http://localhost:*"], "http://127.0.0.1:4000/callback", False),
        (["http://127.0.0.1:*/callback"], "http://127.0.0.1:4000/other", False),
        (["https://*.example.com/*"], "https://app.example.com/callback", True),
        (["https://*.example.com/*"], "https://example.com.attacker.net/callback", False),
        (["https://*.example.com/*"], "https://attacker.net/.example.com/", False),
        (["https://app.example.com/callback"], "https://app.example.com/callback", True),
        (["https://app.example.com/callback"], "https://app.example.com/callback2", False),
        (["https://app.example.com/in/*"], "https://app.example.com/in/../out", False),
        (["https://app.example.com/in/*"], "https://app.example.com/in/%2E./out", False),
        (["http://localhost"], "http://localhost:80/callback", True),
        (["http://localhost"], "http://localhost:8080/callback", False),
        (["https://app.example.com:443/callback"], "https://app.example.com/callback", True),
        (["https://a.example.com/*/b/*"], "https://a.example.com/1/b/2/b/3", True),
        (["https://a.example.com/*b*b"], "https://a.example.com/bb", True),
        (["https://a.example.com/*b*b"], "https://a.example.com/b", False),
        (["cursor://*"], "cursor://anysphere/callback", True),
        ([], "http://127.0.0.1:4000/callback", False),
    ],
)
async def test_where_clients_may_be_answered(
    there: Elsewhere, patterns: list[str], uri: str, allowed: bool
):
    """OAuth 2.1, 2.3.1, and what the author allows of it: at registration, and for clients that
    are known otherwise."""
    auth = proxy(there, allowed_client_redirect_uris=patterns, clients=[known(redirect_uris=[uri])])
    site = visitor(auth, there)
    asked = await site.authorize("known", Pkce(), redirect_uri=uri)
    metadata = b'{"redirect_uris": ["%s"], "token_endpoint_auth_method": "none"}' % uri.encode()
    reply = await site.send("POST", "/register", metadata, {"content-type": "application/json"})
    if allowed:
        assert asked.location.startswith(f"{BASE}/consent?")
        assert reply.status == 201
    else:
        assert is_page(asked, 400, "does not allow")
        assert (reply.status, reply.error) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize(
    ("pattern", "uri"),
    [
        ("https://app.example.com/*/*/*/callback", "https://app.example.com" + "/" * 900),
        ("https://*.*.*.example.com/callback", "https://" + "." * 900 + "/callback"),
    ],
)
async def test_a_pattern_of_many_stars(there: Elsewhere, pattern: str, uri: str):
    """Anybody registers any address, and everybody would wait until it is compared."""
    site = visitor(proxy(there, allowed_client_redirect_uris=[pattern]), there)
    began = time.monotonic()
    metadata = b'{"redirect_uris": ["%s"]}' % uri.encode()
    reply = await site.send("POST", "/register", metadata, {"content-type": "application/json"})
    assert (reply.status, reply.error) == (400, "invalid_redirect_uri")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("key", ["", "summer24", b"fifteen bytes!!"])
async def test_a_signing_key_that_can_be_guessed(there: Elsewhere, key: str | bytes):
    """Anybody is given something that is sealed with it, and can try keys at home."""
    with pytest.raises(ValueError, match="16 bytes"):
        proxy(there, jwt_signing_key=key)


async def test_to_try_a_signing_key_costs_much(there: Elsewhere):
    """NIST SP 800-132: a secret that people think up is stretched, not hashed once."""
    key = "correct horse battery"
    site = visitor(proxy(there, jwt_signing_key=key), there)
    asked = await site.authorize(await registered(site), Pkce())
    (sealed,) = query_of(asked.location)["request"]
    for cheap in (key, f"fastmcp jwt_signing_key\0{key}"):
        for tried in (cheap.encode(), hashlib.sha256(cheap.encode()).digest()):
            assert SessionKeys([tried]).unseal(f"oauth consent to {BASE}", sealed) is None
    other = visitor(proxy(there, jwt_signing_key=key.encode()), there)
    other.cookies |= site.cookies
    assert (await other.get(asked.location)).status == 200  # a worker that has the same


async def test_an_assertion_that_comes_twice(there: Elsewhere):
    """RFC 7523, 3, 7: at another worker of this machine, or after a restart."""
    key = new_key("EC", "P-256")
    client = known(
        token_endpoint_auth_method="private_key_jwt", jwks={"keys": [published(key, use="sig")]}
    )
    one, two = (visitor(proxy(there, clients=[client]), there) for _ in range(2))
    claims = {"iss": "known", "sub": "known", "aud": BASE, "exp": int(time.time()) + 60, "jti": "1"}
    proof = {
        "client_assertion": signed(key, "ES256", claims),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    pkce = Pkce()
    reply = await one.token("known", await one.code("known", pkce), pkce, **proof)
    assert reply.status == 200, reply.text
    again = await two.refresh("known", reply.json["refresh_token"], **proof)
    assert (again.status, again.error) == (401, "invalid_client")


async def test_a_login_whose_code_nobody_redeems(there: Elsewhere):
    """What is not used is not kept: the upstream's tokens go with the code."""
    lives: dict[str, float] = {}

    class Store(MemoryStore):
        async def put(self, key: str, *given: Any, **more: Any) -> None:
            lives[key.partition("-")[0]] = more["ttl"]
            await super().put(key, *given, **more)

    site = visitor(proxy(there, client_storage=Store()), there)
    client, pkce = await registered(site), Pkce()
    code = await site.code(client, pkce)
    assert lives["upstream"] <= 300
    assert (await site.token(client, code, pkce)).status == 200
    assert lives["upstream"] > 30 * 24 * 3600
