"""What several workers share: a real Redis, and a store in memory."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore
from starlette.requests import Request
from starlette.responses import Response

from fastmcp.server.auth import RevocationOptions, StoredOAuthProvider, Subject, TokenError
from tests.server.auth.oauth.hand import BASE, REGISTRATION, Pkce, Site, application
from tests.support.redis import redis


class Ann(StoredOAuthProvider):
    async def authenticate(self, request: Request) -> Subject | Response:
        return Subject("ann", "Ann", {"team": "blue"})


def worker(storage: Any, **options: Any) -> tuple[Ann, Site]:
    auth = Ann(base_url=BASE, storage=storage, client_registration_options=REGISTRATION, **options)
    return auth, Site(application(auth))


@pytest.fixture(scope="module")
def port() -> Any:
    with redis() as server:
        yield server.port


@pytest.mark.parametrize("kind", ["redis", "memory"])
async def test_any_worker_serves_any_request(kind: str, port: int):
    memory = MemoryStore()
    stores: list[Any] = [
        memory if kind == "memory" else RedisStore(host="127.0.0.1", port=port) for _ in range(3)
    ]
    (one, first), (two, second), (three, third) = map(worker, stores)
    client = (await first.register())["client_id"]
    pkce = Pkce()
    asked = await second.authorize(client, pkce, scope="read")
    code = (await third.decide(asked.location)).answer["code"]

    # The same code at every worker, at once, a few times.
    replies = await asyncio.gather(
        *(site.token(client, code, pkce) for site in (first, second, third) * 3)
    )
    assert sorted(reply.status for reply in replies) == [200] + [400] * 8
    (won,) = [reply for reply in replies if reply.status == 200]
    for auth in (one, two, three):
        assert await auth.verify_token(won.json["access_token"]) is None

    tokens = await first.tokens(client, scope="read")
    for auth in (one, two, three):
        found = await auth.verify_token(tokens["access_token"])
        assert found is not None
        assert (found.subject, found.claims["team"]) == ("ann", "blue")
    renewed = (await second.refresh(client, tokens["refresh_token"])).json
    assert (await third.refresh(client, tokens["refresh_token"])).error == "invalid_grant"
    assert await one.verify_token(renewed["access_token"]) is None
    if kind == "redis":
        for store in stores:
            await store.close()


async def test_two_that_have_loaded_the_same_code():
    """Each found it unused; one of them is later, and what the other got ends."""
    auth, site = worker(None)
    client = await auth.get_client((await site.register())["client_id"])
    assert client is not None
    code = await site.code(client.client_id, Pkce())
    loaded = await auth.load_authorization_code(client, code)
    assert loaded is not None
    tokens = await auth.exchange_authorization_code(client, loaded)
    assert await auth.verify_token(tokens.access_token) is not None
    with pytest.raises(TokenError) as refused:
        await auth.exchange_authorization_code(client, loaded)
    assert refused.value.error == "invalid_grant"
    assert await auth.verify_token(tokens.access_token) is None


async def test_a_token_ends():
    auth, site = worker(None, access_token_expiry_seconds=1, refresh_token_expiry_seconds=1)
    client = (await site.register())["client_id"]
    tokens = await site.tokens(client)
    assert tokens["expires_in"] == 1
    async with asyncio.timeout(10):
        while await auth.verify_token(tokens["access_token"]) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await site.refresh(client, tokens["refresh_token"])).error == "invalid_grant"


async def test_a_client_that_may_not_renew():
    """RFC 7591, 2: grant_types."""
    auth, site = worker(None)
    client = (await site.register(grant_types=["authorization_code"]))["client_id"]
    tokens = await site.tokens(client)
    assert "refresh_token" not in tokens
    assert await auth.verify_token(tokens["access_token"]) is not None
    assert (await site.refresh(client, "a.b")).error == "unauthorized_client"


async def test_what_has_ended_does_not_come_back():
    """In memory there is an end to what is kept, and what is forgotten is refused: whoever ends
    tokens of their own without end does not bring others' back (RFC 7009, 2.1; RFC 7523, 3)."""
    auth, site = worker(None)
    client = (await site.register())["client_id"]
    gone, stays = (await site.tokens(client))["access_token"], await site.tokens(client)
    found = await auth.verify_token(gone)
    assert found is not None
    await auth.revoke_token(found)
    assert await auth.is_first_use("an assertion", 3600)
    for number in range(50_001):
        await auth.revoke_token(found.model_copy(update={"token": f"family{number}.x"}))
        assert await auth.is_first_use(f"assertion {number}", 3600)
    assert await auth.verify_token(gone) is None
    assert not await auth.is_first_use("an assertion", 3600)
    assert await auth.verify_token(stays["access_token"]) is not None


async def test_access_tokens_that_live_longer_than_refresh_tokens():
    auth, site = worker(None, access_token_expiry_seconds=3600, refresh_token_expiry_seconds=1)
    client = await auth.get_client((await site.register())["client_id"])
    assert client is not None
    tokens = await site.tokens(client.client_id)
    renewal = await auth.load_refresh_token(client, tokens["refresh_token"])
    assert renewal is not None
    assert renewal.expires_at is not None
    while time.time() <= renewal.expires_at:  # noqa: ASYNC110  (the time itself)
        await asyncio.sleep(0.05)
    refused = await site.refresh(client.client_id, tokens["refresh_token"])
    assert refused.error == "invalid_grant"
    assert await auth.verify_token(tokens["access_token"]) is not None


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_life_that_is_none(seconds: int):
    with pytest.raises(ValueError, match="a second at least"):
        Ann(base_url=BASE, access_token_expiry_seconds=seconds)


async def test_a_moment_of_grace():
    """Programs that share a refresh token renew it at once, and all of them go on."""
    auth, site = worker(None, refresh_token_grace_seconds=60)
    client = (await site.register())["client_id"]
    token = (await site.tokens(client))["refresh_token"]
    replies = await asyncio.gather(*(site.refresh(client, token) for _ in range(4)))
    assert [reply.status for reply in replies] == [200] * 4
    assert len({reply.json["refresh_token"] for reply in replies}) == 4
    for reply in replies:
        assert await auth.verify_token(reply.json["access_token"]) is not None


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "future"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_giving_tokens_back_is_no_alarm(
    kind: str, hint: str | None, caplog: pytest.LogCaptureFixture
):
    """RFC 7009, 2.1: what the hint says may be wrong, and the token is found all the same."""
    auth, site = worker(None, revocation_options=RevocationOptions(enabled=True))
    client = (await site.register())["client_id"]
    tokens = await site.tokens(client)
    form = {"client_id": client, "token": tokens[kind]}
    form |= {} if hint is None else {"token_type_hint": hint}
    for _ in range(2):  # the second time it is none any more (2.2)
        assert (await site.post("/revoke", form)).status == 200
        assert await auth.verify_token(tokens["access_token"]) is None
        assert (await site.refresh(client, tokens["refresh_token"])).error == "invalid_grant"
    assert caplog.messages == []


async def test_no_grace_for_a_code():
    _, site = worker(None, refresh_token_grace_seconds=60)
    client, pkce = (await site.register())["client_id"], Pkce()
    code = await site.code(client, pkce)
    replies = await asyncio.gather(*(site.token(client, code, pkce) for _ in range(3)))
    assert sorted(reply.status for reply in replies) == [200, 400, 400]
