"""How a login stays good, and when it ends: what the upstream says, and what it does not say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from key_value.aio.stores.memory import MemoryStore

from fastmcp.server.auth import OAuthProxy, VerificationUnavailableError
from tests.server.auth.oauth.hand import Pkce
from tests.server.auth.oauth_proxy.elsewhere import Elsewhere, Visitor, elsewhere, proxy, visitor


@pytest.fixture
async def there() -> AsyncGenerator[Elsewhere]:
    async with elsewhere() as server:
        yield server


async def logged_in(auth: OAuthProxy, there: Elsewhere) -> tuple[Visitor, str, dict[str, Any]]:
    """A browser, the client that it let in, and the client's tokens."""
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    return site, client, await site.tokens(client)


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not found():  # noqa: ASYNC110  (something beside us brings it about)
            await asyncio.sleep(0.01)


async def settled(call: Callable[[], Awaitable[Any]]) -> Any:
    """What it gives once it can be known."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await call()
            except VerificationUnavailableError:
                await asyncio.sleep(0.05)


# what the upstream answers


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (400, "application/json", '{"error": "invalid_grant"}'),
        (403, "application/json", '{"error": "invalid_grant"}'),
        (400, "application/json", '{"error": "invalid_request"}'),
        (400, "application/json", '{"error": "invalid_scope"}'),
        (400, "application/json", '{"message": "Invalid refresh token"}'),
        (400, "application/json", '{"error": {"code": "invalid_grant"}}'),
        (400, "text/html", "<html>"),
        (401, "text/plain", ""),
        (200, "application/x-www-form-urlencoded", "error=bad_refresh_token"),
    ],
)
async def test_a_refresh_token_that_is_good_no_more(
    there: Elsewhere, status: int, kind: str, body: str
):
    """OAuth 2.1, 3.2.4 has a word for it, which not all use. A person logs in again; that it cannot
    be known would be said for ever."""
    auth = proxy(there)
    site, client, tokens = await logged_in(auth, there)
    there.expire()
    there.answer = status, kind, body
    assert await auth.verify_token(tokens["access_token"]) is None
    reply = await site.refresh(client, tokens["refresh_token"])
    assert (reply.status, reply.error) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, '{"error": "invalid_client"}'),
        (400, '{"error": "unauthorized_client"}'),
        (400, '{"error": "unsupported_grant_type"}'),
        (400, '{"error": "temporarily_unavailable"}'),
        (429, '{"error": "too_many"}'),
        (403, "<html>a firewall</html>"),
        (404, "<html>a gateway</html>"),
        (408, ""),
        (502, "<html>"),
        (200, "<html>"),
    ],
)
async def test_what_says_nothing_of_a_refresh_token(there: Elsewhere, status: int, body: str):
    auth = proxy(there)
    site, client, tokens = await logged_in(auth, there)
    there.expire()
    there.answer = status, "application/json", body
    with pytest.raises(VerificationUnavailableError):
        await auth.verify_token(tokens["access_token"])
    reply = await site.refresh(client, tokens["refresh_token"])
    assert (reply.status, reply.error) == (503, "temporarily_unavailable")
    there.answer = None
    found = await settled(lambda: auth.verify_token(tokens["access_token"]))
    assert found.subject == "ann"


@pytest.mark.parametrize(
    "answer",
    [
        (500, "text/html", "<html>"),
        (429, "application/json", "{}"),
        (401, "application/json", '{"error": "invalid_client"}'),
    ],
)
async def test_an_upstream_in_trouble_is_left_alone(there: Elsewhere, answer: tuple[int, str, str]):
    """Not each call becomes a request of it."""
    auth = proxy(there)
    _, _, tokens = await logged_in(auth, there)
    there.expire()
    there.answer = answer
    for _ in range(50):
        with pytest.raises(VerificationUnavailableError):
            await auth.verify_token(tokens["access_token"])
    assert there.renewals <= 5  # one in a second


async def test_for_as_long_as_it_says(there: Elsewhere):
    """RFC 9110, 10.2.3. Who logs in meanwhile is not turned away: a code is good once."""
    auth = proxy(there)
    site, client, tokens = await logged_in(auth, there)
    there.expire()
    there.answer = 429, "application/json", "{}"
    there.headers = {"Retry-After": "30"}
    with pytest.raises(VerificationUnavailableError):
        await auth.verify_token(tokens["access_token"])
    there.answer, there.headers = None, {}
    assert "access_token" in await site.tokens(client)
    now = time.monotonic
    try:
        time.monotonic = lambda: now() + 20
        with pytest.raises(VerificationUnavailableError):
            await auth.verify_token(tokens["access_token"])
        assert there.renewals == 1
        time.monotonic = lambda: now() + 31
        assert await auth.verify_token(tokens["access_token"]) is not None
    finally:
        time.monotonic = now


async def test_a_code_of_a_strangers_stops_no_renewal(there: Elsewhere):
    """Anybody can come back with one."""
    auth = proxy(there)
    site, client, tokens = await logged_in(auth, there)
    callback = await there.visit(await site.sent_out(client, Pkce()))
    there.answer = 400, "application/json", '{"error": "invalid_request"}'
    assert (await site.back(callback)).answer["error"] == "temporarily_unavailable"
    there.answer = None
    there.expire()
    assert await auth.verify_token(tokens["access_token"]) is not None


@pytest.mark.parametrize(
    "life", [1e300, "1e300", 10**400, -5, 0, "soon", {}], ids=lambda life: str(life)[:9]
)
@pytest.mark.parametrize("store", [None, MemoryStore])
async def test_strange_lives_of_tokens(there: Elsewhere, life: Any, store: Any):
    there.tokens = {"expires_in": life}
    auth = proxy(there, client_storage=store and store())
    _, _, tokens = await logged_in(auth, there)
    assert 1 <= tokens["expires_in"] <= 3600
    assert await auth.verify_token(tokens["access_token"]) is not None
