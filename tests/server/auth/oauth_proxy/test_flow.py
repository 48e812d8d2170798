"""From a client that nobody knows to a tool, through an upstream that knows one client."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from key_value.aio.stores.memory import MemoryStore

from fastmcp import FastMCP
from fastmcp.server.auth import OAuthProxy, VerificationUnavailableError
from fastmcp.server.dependencies import get_access_token
from fastmcp.settings import get_settings
from tests.server.auth.oauth.hand import BASE, CALLBACK, RESOURCE, Pkce, query_of
from tests.server.auth.oauth_proxy.elsewhere import (
    CLIENT,
    SECRET,
    Elsewhere,
    Visitor,
    proxy,
    visitor,
)
from tests.support.asgi import BOTH, STATELESS, Peer


def server(auth: Any) -> FastMCP:
    mcp = FastMCP("proxied", auth=auth)

    @mcp.tool
    async def who() -> dict[str, Any]:
        token = get_access_token()
        assert token is not None
        return {
            "token": token.token,
            "subject": token.subject,
            "client": token.client_id,
            "scopes": token.scopes,
            "email": token.claims["email"],
            "resource": token.resource,
        }

    return mcp


@pytest.mark.parametrize("version", ["2025-11-25", STATELESS])
async def test_from_nothing_to_a_tool(there: Elsewhere, version: str):
    """2026-07-28, basic/authorization, "Authorization Flow Steps", with a login elsewhere between;
    RFC 7636, 4.2 and RFC 8707, 2 towards the upstream."""
    auth = proxy(there, extra_authorize_params={"prompt": "login"})
    app = server(auth).http_app()
    async with app.lifespan(app):
        site = Visitor(app, there)
        refused = await Peer(app, version).start("tools/list").done()
        assert refused.status == 401
        assert 'resource_metadata="' in refused.headers["www-authenticate"]
        client = (await site.register())["client_id"]
        tokens = await site.tokens(client, scope="read")

        (asked,) = there.asked
        assert asked["client_id"] == CLIENT
        assert asked["redirect_uri"] == f"{BASE}/auth/callback"
        assert asked["scope"] == "read"
        assert asked["resource"] == RESOURCE
        assert asked["prompt"] == "login"
        assert asked["code_challenge_method"] == "S256"
        assert asked["state"] != "a state"
        assert tokens["access_token"] not in there.access

        peer = Peer(app, version, headers={"authorization": f"Bearer {tokens['access_token']}"})
        answer = json.loads((await (await peer.open()).call("who")).text)
        # A tool may call the upstream's API as the person who logged in.
        assert answer.pop("token") in there.access
        assert answer == {
            "subject": "ann",
            "client": client,
            "scopes": ["read"],
            "email": "ann@example.com",
            "resource": RESOURCE,
        }


async def test_who_was_revoked_here_is_revoked_there(there: Elsewhere):
    """RFC 7009, 2."""
    auth = proxy(there)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    tokens = await site.tokens(client)
    assert await auth.verify_token(tokens["access_token"]) is not None
    form = {"client_id": client, "token": tokens["access_token"]}
    assert (await site.post("/revoke", form)).status == 200
    assert there.revoked == [there.logins[0].refresh]
    assert await auth.verify_token(tokens["access_token"]) is None
    assert (await site.refresh(client, tokens["refresh_token"])).error == "invalid_grant"


async def test_who_was_revoked_there_is_out_here(there: Elsewhere):
    """2026-07-28, basic/authorization, "Token Handling": each request is checked."""
    auth = proxy(there)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    tokens = await site.tokens(client)
    there.end_logins()
    assert await auth.verify_token(tokens["access_token"]) is None
    asked = len(there.token_requests)
    assert await auth.verify_token(tokens["access_token"]) is None
    assert len(there.token_requests) == asked  # what is over is not asked for again
    reply = await site.refresh(client, tokens["refresh_token"])
    assert (reply.status, reply.error) == (400, "invalid_grant")


async def test_a_token_that_came_twice_ends_the_login_there(there: Elsewhere):
    """OAuth 2.1, 4.3.1: the family is revoked; its login with it."""
    auth = proxy(there)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    first = await site.tokens(client)
    second = (await site.refresh(client, first["refresh_token"])).json
    assert await auth.verify_token(second["access_token"]) is not None
    assert (await site.refresh(client, first["refresh_token"])).error == "invalid_grant"
    assert await auth.verify_token(second["access_token"]) is None
    assert len(there.revoked) == 1


async def test_many_calls_when_the_upstream_token_ends(there: Elsewhere):
    """OAuth 2.1, 4.3.1: a refresh token is used once. One request renews it for all."""
    auth = proxy(there)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    token = (await site.tokens(client))["access_token"]
    there.expire()
    there.open.clear()
    there.begun.clear()
    calls = [asyncio.ensure_future(auth.verify_token(token)) for _ in range(100)]
    async with asyncio.timeout(10):
        await there.begun.wait()
    there.open.set()
    found = await asyncio.gather(*calls)
    assert there.renewals == 1
    assert {one.subject for one in found if one is not None} == {"ann"}
    assert len([one for one in found if one is not None]) == 100
    assert there.logins[0].alive


async def test_many_workers_when_the_upstream_token_ends(there: Elsewhere):
    store = MemoryStore()
    workers = [proxy(there, client_storage=store) for _ in range(4)]
    for worker in workers:
        worker.get_routes("/mcp")
    site = visitor(workers[0], there)
    client = (await site.register())["client_id"]
    token = (await site.tokens(client))["access_token"]
    for times in (1, 2):
        there.expire()
        calls = [worker.verify_token(token) for worker in workers for _ in range(5)]
        found = await asyncio.gather(*calls)
        assert None not in found
        assert there.renewals == times
    assert there.logins[0].alive


class Reach:
    """A way to a store, until it is lost."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.is_lost = False

    def __getattr__(self, name: str) -> Any:
        if self.is_lost:
            raise ConnectionError
        return getattr(self._store, name)


async def test_a_worker_that_died_with_its_turn(there: Elsewhere, monkeypatch: Any):
    """What it left ends, and another has the turn."""
    there.rotating = False  # else the token was used up, and its answer lost
    monkeypatch.setattr("fastmcp.server.auth.oauth_proxy.grants._TURN", 0.5)
    store = MemoryStore()
    reach = Reach(store)
    dead, alive = proxy(there, client_storage=reach), proxy(there, client_storage=store)
    alive.get_routes("/mcp")
    site = visitor(dead, there)
    client = (await site.register())["client_id"]
    token = (await site.tokens(client))["access_token"]
    there.expire()
    there.open.clear()
    there.begun.clear()
    call = asyncio.ensure_future(dead.verify_token(token))
    async with asyncio.timeout(10):
        await there.begun.wait()
    reach.is_lost = True
    there.open.set()
    with pytest.raises(ConnectionError):
        await call
    async with asyncio.timeout(10):
        assert await alive.verify_token(token) is not None


async def test_it_is_renewed_before_it_ends(there: Elsewhere):
    there.expires_in = "100"  # some write it so
    auth = proxy(there, token_expiry_threshold_seconds=99)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    token = (await site.tokens(client))["access_token"]
    assert await auth.verify_token(token) is not None
    assert there.renewals == 0  # at most half of a life
    there.expires_in = 3600
    now = time.time
    try:
        time.time = lambda: now() + 60
        assert await auth.verify_token(token) is not None
        async with asyncio.timeout(10):
            while there.renewals == 0:  # noqa: ASYNC110  (it is beside the call)
                await asyncio.sleep(0.01)
    finally:
        time.time = now


async def test_an_upstream_that_is_down(there: Elsewhere):
    """Nobody knows whether the token is good: 503, and the client keeps it."""
    auth = proxy(there)
    app = server(auth).http_app()
    async with app.lifespan(app):
        site = Visitor(app, there)
        client = (await site.register())["client_id"]
        tokens = await site.tokens(client)
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        there.expire()
        there.status = 503
        headers |= {"content-type": "application/json", "accept": BOTH}
        live = await Peer(app).send("POST", b"{}", headers).done()
        assert live.status == 503
        assert "retry-after" in live.headers
        reply = await site.refresh(client, tokens["refresh_token"])
        assert (reply.status, reply.error) == (503, "temporarily_unavailable")
        there.status = 200
        async with asyncio.timeout(10):
            while live.status == 503:
                live = await Peer(app).send("POST", b"{}", headers).done()
                await asyncio.sleep(0.05)
        assert live.status == 400  # let in
        assert (await site.refresh(client, tokens["refresh_token"])).status == 200


async def test_a_mistake_of_the_author_ends_no_login(
    there: Elsewhere, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fastmcp.server.auth.oauth_proxy.upstream._PAUSE", 0)
    auth = proxy(there)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    token = (await site.tokens(client))["access_token"]
    there.expire()
    there.token_error = "invalid_client"
    with pytest.raises(VerificationUnavailableError):
        await auth.verify_token(token)
    assert "token_endpoint_auth_method" in caplog.text
    there.token_error = None
    assert await auth.verify_token(token) is not None


async def test_an_upstream_that_gives_no_refresh_token(there: Elsewhere):
    there.refreshes, there.expires_in = False, 60
    auth = proxy(there)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    tokens = await site.tokens(client)
    assert tokens["expires_in"] <= 60
    found = await auth.verify_token(tokens["access_token"])
    assert found is not None
    assert found.expires_at is not None
    assert found.expires_at <= time.time() + 61
    renewed = (await site.refresh(client, tokens["refresh_token"])).json
    assert renewed["expires_in"] <= 60
    there.expire()
    assert await auth.verify_token(renewed["access_token"]) is None
    assert (await site.refresh(client, renewed["refresh_token"])).error == "invalid_grant"


async def test_a_refresh_token_that_stays(there: Elsewhere):
    """OAuth 2.1, 4.3.2: the answer need not bring a new one."""
    there.rotating = False
    auth = proxy(there)
    site = visitor(auth, there)
    token = (await site.tokens((await site.register())["client_id"]))["access_token"]
    for times in (1, 2, 3):
        there.expire()
        assert await auth.verify_token(token) is not None
        assert there.renewals == times


@pytest.mark.parametrize(
    ("asked", "has"),
    [("read", ["read", "api://read"]), ("read write", ["read", "write", "api://read"])],
)
async def test_a_client_gets_what_was_consented_to(there: Elsewhere, asked: str, has: list[str]):
    """Least privilege (security-considerations, "Scope Minimization"): some upstreams give a
    person's every scope to each login. What the server asks of the upstream for it is its own."""

    class Named(OAuthProxy):
        def upstream_scopes(self, scopes: list[str]) -> list[str]:
            return [*scopes, "api://read"]

    there.granted = "read write admin repo api://read"
    auth = proxy(there, Named)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    tokens = await site.tokens(client, scope=asked)
    found = await auth.verify_token(tokens["access_token"])
    assert found is not None
    assert found.scopes == has


async def test_a_server_without_scopes_of_its_own(there: Elsewhere):
    """There is nothing to choose from: a person consents to all, and tools may look at it."""
    there.granted = "read admin"
    auth = proxy(there, required_scopes=[], valid_scopes=None)
    site = visitor(auth, there)
    tokens = await site.tokens((await site.register())["client_id"])
    found = await auth.verify_token(tokens["access_token"])
    assert found is not None
    assert found.scopes == ["read", "admin"]


async def test_without_what_the_upstream_does_not_take(there: Elsewhere):
    there.pkce = False
    auth = proxy(there, forward_pkce=False, forward_resource=False)
    site = visitor(auth, there)
    await site.tokens((await site.register())["client_id"])
    assert not {"code_challenge", "code_challenge_method", "resource"} & set(there.asked[0])
    assert "code_verifier" not in there.token_requests[0]


async def test_nothing_secret_is_shown(there: Elsewhere, caplog: pytest.LogCaptureFixture):
    """2026-07-28, basic/authorization/security-considerations, "Token Theft"; RFC 9700, 4.2."""
    caplog.set_level(logging.DEBUG)
    store = MemoryStore()
    written: list[str] = []
    put = store.put

    async def spy(key: str, value: Any, **rest: Any) -> None:
        written.append(f"{key} {value}")
        await put(key, value, **rest)

    store.put = spy  # type: ignore[method-assign]  # to see all that is written
    there.granted = "read openid"
    auth = proxy(there, client_storage=store)
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    pkce = Pkce()
    asked = await site.authorize(client, pkce)
    page = await site.get(asked.location)
    decided = await site.decide(asked.location)
    back = await there.visit(decided.location)
    came = await site.back(back)
    tokens = (await site.token(client, came.answer["code"], pkce)).json
    there.expire()
    found = await auth.verify_token(tokens["access_token"])
    shown = [page.text, asked.location, decided.location, came.location, str(tokens)]
    shown += [repr(auth._upstream), repr(found), *written, caplog.text]
    (upstream_code, *others) = there.secrets
    assert upstream_code in back
    verifier = there.token_requests[0]["code_verifier"]
    text = "\n".join(shown)
    for secret in (SECRET, upstream_code, verifier, *others):
        assert secret not in text
    for secret in (tokens["access_token"], tokens["refresh_token"]):
        assert secret not in "\n".join([*written, caplog.text])
    assert urlsplit(came.location)._replace(query="").geturl() == CALLBACK
    assert set(query_of(came.location)) == {"code", "state", "iss"}


async def test_a_stream_goes_on_as_long_as_the_login(
    there: Elsewhere, monkeypatch: pytest.MonkeyPatch
):
    """T15: what opened it was a token of ours; what a tool holds is the upstream's."""
    monkeypatch.setattr(get_settings(), "http_token_recheck", 0.05)
    app = server(proxy(there)).http_app()
    async with app.lifespan(app), asyncio.timeout(20):
        site = Visitor(app, there)
        token = (await site.tokens((await site.register())["client_id"]))["access_token"]
        peer = Peer(app, STATELESS, headers={"authorization": f"Bearer {token}"})
        live = peer.start("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        await live.until(lambda live: live.body)
        before = there.verified
        while there.verified < before + 3:  # noqa: ASYNC110  (a timer of the loop asks)
            await asyncio.sleep(0.01)
        there.expire()
        while there.renewals == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        before = there.verified
        while there.verified < before + 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not live.finished
        there.end_logins()
        await live.done()
        assert live.finished
