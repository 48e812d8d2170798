"""What an attacker tries against an authorization server, each with the rule that forbids it."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from key_value.aio.stores.memory import MemoryStore
from starlette.requests import Request
from starlette.responses import Response

from fastmcp.server.auth import (
    ClientRegistrationOptions,
    Limit,
    RateLimits,
    StoredOAuthProvider,
    Subject,
)
from fastmcp.server.auth.oauth.redirects import check, same
from tests.server.auth.oauth.hand import (
    BASE,
    CALLBACK,
    RESOURCE,
    SCOPES,
    Pkce,
    Reply,
    Site,
    application,
    fields,
    known,
    provider,
)

WEB = "https://app.example.com/cb"
TWO = "https://app.example.com/cb?tenant=1"


def site(**options: Any) -> Site:
    clients = [known(), known(client_id="web", redirect_uris=[WEB, TWO])]
    return Site(application(provider(clients=clients, **options)))


class Anybody(StoredOAuthProvider):
    async def authenticate(self, request: Request) -> Subject | Response:
        return Subject("anybody")


def is_page(reply: Reply, status: int = 400) -> bool:
    """An answer for the person alone: nobody is sent anywhere."""
    assert reply.status == status, (reply.status, reply.text)
    assert "location" not in reply.headers
    assert reply.headers["content-type"].startswith("text/html")
    return True


# redirect URIs


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com/cb/",
        "https://app.example.com/cb/../evil",
        "https://app.example.com/cb%2f..%2fevil",
        "https://app.example.com/CB",
        "https://APP.example.com/cb",
        "https://app.example.com:443/cb",
        "https://app.example.com:8443/cb",
        "http://app.example.com/cb",
        "https://app.example.com/cb?next=https://evil.example",
        "https://app.example.com/cb?tenant=2",
        "https://app.example.com/cb#fragment",
        "https://app.example.com.evil.example/cb",
        "https://app.example.com@evil.example/cb",
        "https://evil.example\\@app.example.com/cb",
        "https://evil.example/cb",
        "//app.example.com/cb",
        "https:/app.example.com/cb",
        " https://app.example.com/cb",
        "https://app.example.com/cb\r\nSet-Cookie: a=b",
        "https://app.example.com/cb\x00",
        "javascript:alert(1)//app.example.com/cb",
        "data:text/html,app.example.com/cb",
        "",
    ],
)
async def test_an_unregistered_redirect_uri_is_told_to_nobody(uri: str):
    """OAuth 2.1, 2.3.1 and 4.1.2.1; RFC 9700, 4.1.3: compared exactly, and an error is not sent to
    one that is not registered."""
    is_page(await site().authorize("web", Pkce(), redirect_uri=uri))


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:65535/callback",
    ],
)
async def test_a_program_on_this_machine_has_any_port(uri: str):
    """RFC 8252, 7.3."""
    here = site()
    asked = await here.authorize("known", Pkce(), redirect_uri=uri)
    decided = await here.decide(asked.location)
    assert decided.location.startswith(f"{uri}?code=")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:3333/other",
        "http://127.0.0.1:3333/callback/",
        "http://127.0.0.1:3333/callback?x=1",
        "http://127.0.0.2:3333/callback",
        "http://localhost:3333/callback",
        "http://[::1]:3333/callback",
        "https://127.0.0.1:3333/callback",
        "http://127.0.0.1:3333@evil.example/callback",
        "http://127.0.0.1.evil.example:3333/callback",
        "http://127.0.0.1:port/callback",
        "http://127.0.0.1:3333/callback#x",
        "http://evil.example:3333/callback",
        "http://2130706433:3333/callback",
    ],
)
async def test_nothing_but_the_port_differs(uri: str):
    """RFC 8252, 7.3 and 8.10."""
    is_page(await site().authorize("known", Pkce(), redirect_uri=uri))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_each_name_of_this_machine(host: str):
    assert same(f"http://{host}/cb", f"http://{host}:8123/cb")
    assert same(f"http://{host}:1/cb?a=b", f"http://{host}/cb?a=b")
    assert not same(f"http://{host}/cb", f"https://{host}/cb")


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.com/cb",
        "http://127.0.0.1.example.com/cb",
        "http://user@127.0.0.1/cb",
        "https://user:secret@app.example.com/cb",
        "https:///cb",
        "https://app.example.com/cb#top",
        "https://app.example.com/c b",
        "https://app.example.com/cb\n",
        'https://app.example.com/"onload=',
        "https://app.example.com;script-src/cb",
        "https://app.example.com:99999/cb",
        "https://[::1;x]/cb",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "view-source:https://app.example.com/",
        "blob:https://app.example.com/1",
        "/relative",
        "app.example.com",
        "https://app.example.com/" + "a" * 3000,
    ],
)
async def test_a_redirect_uri_that_cannot_be_registered(uri: str):
    """OAuth 2.1, 2.3; RFC 8252, 7.1 and 8.4; 2026-07-28, basic/authorization, "Communication
    Security": localhost or https."""
    here = Site(application(provider()))
    body = json.dumps({"redirect_uris": [CALLBACK, uri]}).encode()
    reply = await here.send("POST", "/register", body, {"content-type": "application/json"})
    assert reply.status == 400
    assert reply.error == "invalid_redirect_uri"


@pytest.mark.parametrize("uri", [WEB, CALLBACK, "cursor://anysphere.cursor/cb", "com.example:/cb"])
def test_one_that_can(uri: str):
    check(uri)


async def test_a_client_with_several_has_to_name_one():
    """OAuth 2.1, 2.3.3."""
    is_page(await site().authorize("web", Pkce(), redirect_uri=None))


async def test_what_stands_in_the_query_of_a_redirect_uri_stays():
    """OAuth 2.1, 4.1.2."""
    here = site()
    asked = await here.authorize("web", Pkce(), redirect_uri=TWO)
    decided = await here.decide(asked.location)
    assert decided.location.startswith(TWO + "&code=")


async def test_a_link_with_a_mistake_that_leads_elsewhere():
    """RFC 9700, 4.11.2 (open redirector): anybody can register, and make a link to this server that
    has a mistake in it."""
    here = Site(application(provider()))
    client = await here.register(redirect_uris=["https://evil.example/cb"])
    reply = await here.authorize(
        client["client_id"], Pkce(), redirect_uri=None, scope="root", state='"><script>'
    )
    is_page(reply)
    assert ">evil.example</a>" in reply.text
    assert "https://evil.example/cb?error=invalid_scope" in reply.text
    assert "<script" not in reply.text
    local = await here.register()
    told = await here.authorize(local["client_id"], Pkce(), scope="root")
    assert told.answer["error"] == "invalid_scope"


async def test_an_unknown_client_is_told_to_nobody():
    """OAuth 2.1, 4.1.2.1."""
    is_page(await site().authorize("stranger", Pkce()))
    is_page(await site().authorize("x" * 5000, Pkce()))


# PKCE


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/"}, "request_uri_not_supported"),
        ({"scope": "root"}, "invalid_scope"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"resource": [RESOURCE, "https://other.example/mcp"]}, "invalid_target"),
        ({"resource": RESOURCE + "#x"}, "invalid_target"),
        ({"resource": RESOURCE + "/../admin"}, "invalid_target"),
        ({"state": "s" * 5000}, "invalid_request"),
    ],
)
async def test_a_request_that_is_not_in_order(changed: dict[str, Any], error: str):
    """PKCE: OAuth 2.1, 4.1.1 and 7.5.2, RFC 9700, 2.1.1 (no request without, no downgrade to
    `plain`); types: OAuth 2.1, 4.1.2.1; request objects: RFC 9101, 6.3; resource: RFC 8707, 2."""
    reply = await site().authorize("known", Pkce(), **changed)
    assert reply.location.startswith(CALLBACK)
    assert reply.answer["error"] == error
    assert reply.answer["iss"] == BASE
    assert "code" not in reply.answer
    if "state" not in changed:
        assert reply.answer["state"] == "a state"


@pytest.mark.parametrize("resource", [RESOURCE, RESOURCE + "/", "HTTP://127.0.0.1:8000/mcp", None])
async def test_this_server_by_each_of_its_names(resource: str | None):
    """2026-07-28, basic/authorization, "Canonical Server URI"."""
    here = site()
    tokens = await here.tokens("known", resource=resource)
    assert tokens["token_type"] == "Bearer"


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "code_challenge", "scope"])
async def test_a_parameter_that_comes_twice(name: str):
    """OAuth 2.1, 3.1: it MUST NOT."""
    asked = [
        ("response_type", "code"),
        ("client_id", "known"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", Pkce().challenge),
        ("code_challenge_method", "S256"),
        ("state", "a"),
        ("scope", "read"),
    ]
    query = urlencode([*asked, (name, dict(asked)[name])])
    is_page(await site().get(f"/authorize?{query}"))


@pytest.mark.parametrize(
    "verifier", [None, "", "a" * 43, "short", "ä" * 50, "a" * 129, "another's"]
)
async def test_a_code_without_its_verifier(verifier: str | None):
    """RFC 7636, 4.6; OAuth 2.1, 7.5: whoever intercepts a code cannot use it."""
    here, pkce = site(), Pkce()
    code = await here.code("known", pkce)
    verifier = Pkce().verifier if verifier == "another's" else verifier
    reply = await here.token("known", code, pkce, code_verifier=verifier)
    assert reply.status == 400
    assert reply.error == ("invalid_request" if not verifier else "invalid_grant")


async def test_the_challenge_is_no_verifier():
    """RFC 9700, 4.8.2: the method of the request is the one that counts."""
    here, pkce = site(), Pkce()
    code = await here.code("known", pkce)
    reply = await here.token("known", code, pkce, code_verifier=pkce.challenge)
    assert reply.error == "invalid_grant"


# codes and tokens


async def test_a_replayed_code_ends_what_was_made_with_it():
    """OAuth 2.1, 4.1.3: "MUST deny the request and SHOULD revoke"."""
    auth = provider(clients=[known()])
    here, pkce = Site(application(auth)), Pkce()
    code = await here.code("known", pkce)
    tokens = (await here.token("known", code, pkce)).json
    assert await auth.verify_token(tokens["access_token"]) is not None
    replayed = await here.token("known", code, pkce)
    assert (replayed.status, replayed.error) == (400, "invalid_grant")
    assert await auth.verify_token(tokens["access_token"]) is None
    assert (await here.refresh("known", tokens["refresh_token"])).error == "invalid_grant"


async def test_a_code_that_two_want_at_once():
    """OAuth 2.1, 4.1.3: it is used once, and both lose what was made with it."""
    auth = provider(clients=[known()])
    here, pkce = Site(application(auth)), Pkce()
    code = await here.code("known", pkce)
    replies = await asyncio.gather(*(here.token("known", code, pkce) for _ in range(5)))
    won = [reply for reply in replies if reply.status == 200]
    assert len(won) == 1
    assert await auth.verify_token(won[0].json["access_token"]) is None


async def test_a_replayed_refresh_token_ends_its_family():
    """OAuth 2.1, 4.3.1; RFC 9700, 4.14.2: client and thief both hold the same one, and nobody
    knows who is who."""
    auth = provider(clients=[known()])
    here = Site(application(auth))
    first = await here.tokens("known")
    second = (await here.refresh("known", first["refresh_token"])).json
    third = (await here.refresh("known", second["refresh_token"])).json
    other = await here.tokens("known")  # another consent, which is not concerned
    replayed = await here.refresh("known", first["refresh_token"])
    assert (replayed.status, replayed.error) == (400, "invalid_grant")
    for tokens in (first, second, third):
        assert await auth.verify_token(tokens["access_token"]) is None
    assert (await here.refresh("known", third["refresh_token"])).error == "invalid_grant"
    assert await auth.verify_token(other["access_token"]) is not None


async def test_another_clients_code_and_tokens():
    """OAuth 2.1, 4.1.3 and 4.3.1, RFC 7009, 2.1: bound to whom they were given; the owner loses
    nothing by it."""
    auth = provider(clients=[known(), known(client_id="other")])
    here, pkce = Site(application(auth)), Pkce()
    code = await here.code("known", pkce)
    assert (await here.token("other", code, pkce)).error == "invalid_grant"
    reply = await here.token("known", code, pkce)
    assert reply.status == 200
    tokens = reply.json
    assert (await here.refresh("other", tokens["refresh_token"])).error == "invalid_grant"
    form = {"client_id": "other", "token": tokens["access_token"]}
    assert (await here.post("/revoke", form)).error == "unauthorized_client"
    assert await auth.verify_token(tokens["access_token"]) is not None
    assert (await here.refresh("known", tokens["refresh_token"])).status == 200


async def test_what_a_code_was_not_given_for():
    """OAuth 2.1, 10.2 (redirect_uri of clients of OAuth 2.0); RFC 8707, 2.2."""
    here, pkce = site(), Pkce()
    code = await here.code("known", pkce)
    wrong = await here.token("known", code, pkce, redirect_uri="http://127.0.0.1:4444/callback")
    assert wrong.error == "invalid_grant"
    wrong = await here.token("known", code, pkce, resource="https://other.example/mcp")
    assert wrong.error == "invalid_target"
    wrong = await here.token("known", code, pkce, grant_type="password")
    assert wrong.error == "unsupported_grant_type"
    assert (await here.token("known", code, pkce)).status == 200


async def test_more_scope_than_was_granted():
    """OAuth 2.1, 4.3.1."""
    here = site()
    tokens = await here.tokens("known", scope="read")
    reply = await here.refresh("known", tokens["refresh_token"], scope="read admin")
    assert reply.error == "invalid_scope"


async def test_scopes_that_do_not_exist_are_left_out():
    """OAuth 2.1, 3.2.2.1: the answer says what was granted."""
    tokens = await site().tokens("known", scope="read root write")
    assert tokens["scope"] == "read write"


async def test_a_clients_own_scopes_are_its_limit():
    """RFC 7591, 2: also where it names none and others are the default."""
    limited = [known(client_id="limited", scope="read"), known(client_id="none", scope="other")]
    options = ClientRegistrationOptions(valid_scopes=SCOPES, default_scopes=["read", "admin"])
    here = Site(application(provider(clients=limited, client_registration_options=options)))
    assert (await here.tokens("limited", scope="read admin"))["scope"] == "read"
    assert (await here.tokens("limited"))["scope"] == "read"
    for asked in (None, "admin"):
        refused = await here.authorize("none", Pkce(), scope=asked)
        assert refused.answer["error"] == "invalid_scope"


async def test_a_code_or_token_in_the_place_of_another():
    auth = provider(clients=[known()])
    here, pkce = Site(application(auth)), Pkce()
    code = await here.code("known", pkce)
    assert await auth.verify_token(code) is None
    tokens = (await here.token("known", code, pkce)).json
    assert await auth.verify_token(tokens["refresh_token"]) is None
    for wrong in ("", ".", "a.b", "x" * 10_000, tokens["access_token"][:-1]):
        assert await auth.verify_token(wrong) is None
    assert await auth.verify_token(tokens["access_token"]) is not None


async def test_a_token_for_another_server_of_the_same_store():
    """RFC 8707, 2; 2026-07-28, basic/authorization, "Access Token Privilege Restriction"."""
    store = MemoryStore()

    def at(path: str) -> StoredOAuthProvider:
        auth = Anybody(base_url=BASE, storage=store, clients=[known()], rate_limits=None)
        auth.get_routes(path)
        return auth

    auth, other = at("/mcp"), at("/other")
    token = (await Site(application(auth)).tokens("known"))["access_token"]
    assert await auth.verify_token(token) is not None
    assert await other.verify_token(token) is None


async def test_two_ways_to_prove_who_one_is():
    """OAuth 2.1, 2.4: "MUST NOT use more than one"."""
    here = site()
    form = {"grant_type": "refresh_token", "client_id": "known", "client_secret": "a"}
    reply = await here.post("/token", form, {"authorization": "Basic a25vd246YQ=="})
    assert (reply.status, reply.error) == (400, "invalid_request")
    form = {"grant_type": "refresh_token", "client_id": "web"}
    reply = await here.post("/token", form, {"authorization": "Basic a25vd246YQ=="})
    assert (reply.status, reply.error) == (400, "invalid_request")


@pytest.mark.parametrize("header", ["Basic", "Basic ???", "Basic YQ==", "Bearer x", "Basic gA=="])
async def test_a_header_that_is_none(header: str):
    form = {"grant_type": "x", "client_id": "known"}  # who without the header would be let in
    reply = await site().post("/token", form, {"authorization": header})
    assert (reply.status, reply.error) == (401, "invalid_client")
    assert reply.headers["www-authenticate"] == 'Basic realm="token"'


# consent


async def test_a_form_from_another_site():
    """OAuth 2.1, 7.13; RFC 6819, 4.4.1.8 (CSRF): the person's browser sends it, without the
    person."""
    here = site()
    asked = await here.authorize("known", Pkce())
    page = await here.get(asked.location)
    form = {**fields(page.text), "decision": "approve"}
    assert set(form) == {"request", "token", "decision"}

    foreign = Site(here.app)  # no cookie: SameSite keeps it back
    is_page(await foreign.post("/consent", form), 403)
    await foreign.get(asked.location)  # the cookie of another browser
    is_page(await foreign.post("/consent", form), 403)
    without = {**form, "token": ""}
    is_page(await here.post("/consent", without), 403)
    is_page(await here.post("/consent", {**form, "token": "?"}), 403)
    is_page(await here.post("/consent", form, {"sec-fetch-site": "cross-site"}), 403)
    is_page(await here.post("/consent", form, {"sec-fetch-site": "same-site"}), 403)
    assert (await here.post("/consent", form, {"sec-fetch-site": "same-origin"})).answer["code"]


async def test_the_form_of_another_request():
    """The token is of the very request that the person saw."""
    here = site()
    pages = [
        await here.get((await here.authorize("known", Pkce(), scope=scope)).location)
        for scope in ("read", "admin")
    ]
    one, other = (fields(page.text) for page in pages)
    mixed = {"request": other["request"], "token": one["token"], "decision": "approve"}
    is_page(await here.post("/consent", mixed), 403)
    assert (await here.post("/consent", {**one, "decision": "approve"})).answer["code"]


async def test_a_request_that_was_not_checked():
    """What is consented to is sealed: it can be neither made nor changed."""
    here = site()
    asked = await here.authorize("known", Pkce())
    for changed in ("", "x", asked.location.partition("request=")[2][:-4] + "AAAA"):
        is_page(await here.get(f"/consent?request={changed}"))
        is_page(await here.post("/consent", {"request": changed, "decision": "approve"}))


async def test_the_request_of_another_server_with_the_same_keys():
    """2026-07-28, basic/authorization, "Mix-Up Attacks": servers of one machine share keys."""
    asked = await site().authorize("known", Pkce())
    other = provider(base_url="http://127.0.0.1:9000", clients=[known()])
    is_page(await Site(application(other)).get(asked.location))


@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_a_page_whose_name_means_this_machine(verb: str):
    """DNS rebinding: to the browser the page of consent would be one of the attacker's own, which
    can be read and sent (2026-07-28, basic/transports/streamable-http, "Security Warning")."""
    here = site()
    asked = await here.authorize("known", Pkce())
    form = fields((await here.get(asked.location)).text) | {"decision": "approve"}
    for host in ("evil.example:8000", "127.0.0.1.evil.example", ""):
        if verb == "GET":
            reply = await here.get(asked.location, {"host": host})
        else:
            reply = await here.post("/consent", form, {"host": host})
        is_page(reply, 421)
        assert "token" not in fields(reply.text)
    assert (await here.post("/consent", form, {"host": "localhost:8000"})).answer["code"]


async def test_the_cookie():
    """RFC 6265bis, 4.1.3.2 and 5.4.7: of this host alone, not for scripts, not with others'
    forms."""
    here = Site(
        application(provider(base_url="https://mcp.example.com", clients=[known()])),
        "https://mcp.example.com",
    )
    asked = await here.authorize("known", Pkce(), resource=None)
    page = await here.get(asked.location)
    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-fastmcp-consent=")
    said = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert said == {"httponly", "path=/", "samesite=lax", "secure"}
    await here.get(asked.location)
    assert (await here.decide(asked.location)).answer["code"]


@pytest.mark.parametrize("which", ["consent", "error"])
async def test_pages_stand_in_no_frame_and_run_nothing(which: str):
    """OAuth 2.1, 7.14 (clickjacking); RFC 9700, 4.16; CSP 3."""
    here = site()
    if which == "consent":
        reply = await here.get((await here.authorize("known", Pkce())).location)
    else:
        reply = await here.get("/authorize")
    policy = dict(
        part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";")
    )
    assert policy["frame-ancestors"] == "'none'"
    assert policy["default-src"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "script-src" not in policy
    # A page with a form goes without (see oauth/pages.py).
    assert policy.get("form-action") == (None if which == "consent" else "'none'")
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert "<script" not in reply.text
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", reply.text)


HTML = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.mark.parametrize(
    "name",
    [HTML, "a\u202egnp.exe", "a\r\nSet-Cookie: x=y", "\x00\u200b\ufeff", "n" * 2000],
)
async def test_what_a_client_calls_itself_is_text(name: str):
    """RFC 7591, 5; RFC 9700, 4.11: a name is a stranger's."""
    here = Site(application(provider()))
    client = await here.register(client_name=name)
    page = await here.get((await here.authorize(client["client_id"], Pkce())).location)
    assert page.status == 200
    for bad in ("<script", "<img", "<b>", "\u202e", "\u200b", "\ufeff", "\r", "\x00", "n" * 200):
        assert bad not in page.text
    assert "set-cookie: x" not in str(page.headers).lower()
    assert "It registered itself" in page.text


async def test_what_a_client_calls_itself_is_not_read_twice():
    here = Site(application(provider(clients=[known(client_name="&lt;b&gt;")])))
    page = await here.get((await here.authorize("known", Pkce())).location)
    assert "“&amp;lt;b&amp;gt;”" in page.text


async def test_what_a_request_says_is_text_in_the_page_of_errors():
    query = urlencode({HTML: "1"})
    reply = await site().get(f"/authorize?{query}&{query}")
    is_page(reply)
    assert "alert(1)" in reply.text  # it is told what came twice
    assert "<img" not in reply.text
    assert "<script" not in reply.text


async def test_a_state_that_is_no_header():
    """RFC 9110, 5.5: what comes back in `Location` is encoded."""
    here = site()
    state = "a\r\nSet-Cookie: x=y\r\n\r\n<html>&code=evil#"
    asked = await here.authorize("known", Pkce(), state=state)
    decided = await here.decide(asked.location)
    assert decided.answer["state"] == state
    assert decided.answer["code"] != "evil"
    assert "\r" not in decided.location
    assert "#" not in decided.location


async def test_what_is_no_description_is_not_told():
    """OAuth 2.1, 3.2.4: the characters of error_description, which may not be what was sent."""
    here = Site(application(provider()))
    odd = 'odd"\\\r\n\x00é'
    body = json.dumps({"redirect_uris": [CALLBACK], "scope": odd}).encode()
    scope = await here.send("POST", "/register", body, {"content-type": "application/json"})
    query = urlencode({odd: "1"})
    twice = await here.send(
        "POST",
        "/token",
        f"{query}&{query}".encode(),
        {"content-type": "application/x-www-form-urlencoded"},
    )
    for reply in (scope, twice):
        assert reply.status == 400
        assert re.fullmatch(r"[ !#-\[\]-~]*odd[ !#-\[\]-~]*", reply.json["error_description"])


async def test_the_person_is_told_whom_they_let_in():
    """2026-07-28, basic/authorization/security-considerations: the host of the redirect URI MUST be
    shown, and localhost warned of."""
    here = site()
    page = (
        await here.get((await here.authorize("known", Pkce(), scope="read admin")).location)
    ).text
    granted = "<li><code>read</code></li><li><code>admin</code></li>"
    for shown in ("A known one", "127.0.0.1:3333", RESOURCE, granted, "the only user"):
        assert shown in page
    assert "It runs on the computer that you use now" in page
    assert "It registered itself" not in page
    web = (await here.get((await here.authorize("web", Pkce(), redirect_uri=WEB)).location)).text
    assert "app.example.com" in web
    assert "It runs on the computer" not in web


# too much


@pytest.mark.parametrize("path", ["/token", "/register", "/revoke", "/authorize", "/consent"])
async def test_a_body_that_is_too_large(path: str):
    here = Site(application(provider()))
    kind = "application/json" if path == "/register" else "application/x-www-form-urlencoded"
    for body in (b"a=" + b"b" * 100_000, [b"a=", *[b"b" * 10_000] * 10]):
        reply = await here.send("POST", path, body, {"content-type": kind})
        assert reply.status == 413
    reply = await here.send("POST", path, b"", {"content-type": kind, "content-length": "9" * 30})
    assert reply.status == 413


async def test_a_request_that_is_too_large():
    is_page(await site().authorize("known", Pkce(), state="s" * 20_000), 413)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 15_000,
        b'{"redirect_uris": []}',
        b'{"redirect_uris": "https://a.example/"}',
        b'{"redirect_uris": [1]}',
        b'{"redirect_uris": ["https://a.example/"], "grant_types": ["implicit"]}',
        b'{"redirect_uris": ["https://a.example/"], "response_types": ["token"]}',
        b'{"redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "magic"}',
        b'{"redirect_uris": ["https://a.b/"], "token_endpoint_auth_method": "private_key_jwt"}',
        b'{"redirect_uris": ["https://a.example/"], "scope": "root"}',
        b'{"redirect_uris": ["https://a.example/"], "client_name": {"a": 1}}',
        json.dumps({"redirect_uris": ["https://a.example/"] * 60}).encode(),
        json.dumps({"redirect_uris": ["https://a.example/"], "client_name": "n" * 9000}).encode(),
    ],
)
async def test_metadata_that_is_none(body: bytes):
    """RFC 7591, 3.2.2."""
    here = Site(application(provider()))
    reply = await here.send("POST", "/register", body, {"content-type": "application/json"})
    assert reply.status == 400
    assert reply.error in ("invalid_client_metadata", "invalid_redirect_uri")
    assert reply.headers["cache-control"] == "no-store"


async def test_a_registration_that_a_form_of_another_site_sends():
    """Fetch, 4.10: a page anywhere can post text/plain without asking."""
    here = Site(application(provider()))
    body = json.dumps({"redirect_uris": [CALLBACK]}).encode()
    reply = await here.send("POST", "/register", body, {"content-type": "text/plain"})
    assert reply.status == 400


@pytest.mark.parametrize("path", ["/token", "/register", "/authorize"])
async def test_too_many_requests(path: str):
    """RFC 6585, 4; an address is refused that comes too often, and where all together do, each may
    come a few times still: strangers shut nobody out."""
    limit = Limit(per_address=20, total=30, seconds=3600)
    limits = RateLimits(authorize=limit, token=limit, register=limit)
    here = Site(application(provider(rate_limits=limits)))
    verb = "GET" if path == "/authorize" else "POST"

    async def status(address: str) -> int:
        reply = await here.send(verb, path, address=address)
        if reply.status == 429:
            assert 1 <= int(reply.headers["retry-after"]) <= 3600
        return reply.status

    async def served(address: str) -> int:
        return [await status(address) == 429 for _ in range(25)].count(False)

    assert await served("192.0.2.1") == 20
    assert await served("192.0.2.2") == 12  # ten of thirty in all, and two in spite of that
    assert await served("192.0.2.3") == 2
    assert await served("192.0.2.1") == 0


async def test_the_addresses_of_one_network():
    limit = Limit(per_address=1, total=100, seconds=3600)
    here = Site(application(provider(rate_limits=RateLimits(token=limit))))
    one = await here.send("POST", "/token", address="2001:db8::1")
    other = await here.send("POST", "/token", address="2001:db8::ffff:1")
    far = await here.send("POST", "/token", address="2001:db8:0:1::1")
    assert [reply.status == 429 for reply in (one, other, far)] == [False, True, False]


async def test_the_networks_of_one_customer():
    """RFC 6177, 2: one gets up to 65,536 networks of 64 bits, and is not as many for that."""
    limit = Limit(per_address=5, total=1000, seconds=3600)
    here = Site(application(provider(rate_limits=RateLimits(token=limit))))

    async def served(site: str) -> int:
        replies = [
            await here.send("POST", "/token", address=f"2001:db8:{site}:{n:x}::1")
            for n in range(50)
        ]
        return [reply.status == 429 for reply in replies].count(False)

    assert await served("1") == 20
    assert await served("2") == 20


async def test_clients_that_nobody_uses_are_forgotten():
    """RFC 7591, 5: registrations are free, so there is an end to them; those that are used stay."""
    auth = provider()
    here = Site(application(auth))
    used = (await here.register())["client_id"]
    await here.tokens(used)
    for number in range(10_005):
        await auth.register_client(known(client_id=f"client {number}"))
    kept = [await auth.get_client(f"client {n}") is not None for n in (0, 4, 5, 10_004)]
    assert kept == [False, False, True, True]
    assert await auth.get_client(used) is not None
