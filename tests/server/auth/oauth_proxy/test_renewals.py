"""How a login stays good, and when it ends: what the upstream says, and what it does not say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from key_value.aio.stores.memory import MemoryStore

from fastmcp.server.auth import OAuthProxy, VerificationUnavailableError
from tests.server.auth.oauth.hand import Pkce
from tests.server.auth.oauth_proxy.elsewhere import Elsewhere, Visitor, proxy, visitor


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
async def test_what_says_nothing_of_a_refresh_token(
    there: Elsewhere, status: int, body: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fastmcp.server.auth.oauth_proxy.upstream._PAUSE", 0.1)
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


# many who renew


class Store(MemoryStore):
    """One that takes its time, as stores do, and more for one thing that is written.

    Attributes:
        held: the kind of record whose next writing waits until `go`.
        reached: it waits.
        names: what was written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held = ""
        self.go, self.reached = asyncio.Event(), asyncio.Event()
        self.names: list[str] = []

    async def get_many(self, *given: Any, **more: Any) -> Any:
        found = await super().get_many(*given, **more)
        await asyncio.sleep(0.003)
        return found

    async def put(self, key: str, *given: Any, **more: Any) -> None:
        self.names.append(key)
        if self.held and key.startswith(self.held):
            self.held = ""
            self.reached.set()
            await self.go.wait()
        await asyncio.sleep(0.003)
        await super().put(key, *given, **more)


async def test_many_workers_after_one_that_died_with_its_turn(there: Elsewhere):
    """OAuth 2.1, 4.3.1: a refresh token is used once."""
    store = Store()
    workers = [proxy(there, client_storage=store) for _ in range(4)]
    for worker in workers:
        worker.get_routes("/mcp")
    _, _, tokens = await logged_in(workers[0], there)

    async def call(worker: OAuthProxy, after: float) -> Any:
        await asyncio.sleep(after)
        return await worker.verify_token(tokens["access_token"])

    for times in range(1, 6):
        turn = [one for one in store.names if one.startswith("turn-")][-1]
        assert await store.delete(turn, collection="fastmcp_oauth")  # its mark has ended
        there.expire()
        found = await asyncio.gather(*(call(one, 0.004 * i) for i, one in enumerate(workers)))
        assert None not in found
        assert there.renewals == times
    assert there.logins[0].alive


async def test_a_client_that_renews_while_a_call_does(there: Elsewhere):
    """What the call brought is not lost: the old refresh token was used."""
    there.expires_in = None
    store = Store()
    auth = proxy(there, client_storage=store)
    site, client, tokens = await logged_in(auth, there)
    store.held = "upstream-"
    refresh = asyncio.ensure_future(site.refresh(client, tokens["refresh_token"]))
    async with asyncio.timeout(10):
        await store.reached.wait()
    there.expire()
    call = asyncio.ensure_future(auth.verify_token(tokens["access_token"]))
    await asyncio.wait([call], timeout=0.5)
    store.go.set()
    renewed = (await refresh).json["access_token"]
    assert await call is not None
    there.expire()
    assert await auth.verify_token(renewed) is not None
    assert there.logins[0].alive


async def test_a_good_token_waits_for_nobody(there: Elsewhere):
    """It is renewed a little before its end, beside the calls."""
    there.expires_in = 1000
    auth = proxy(there)
    _, _, tokens = await logged_in(auth, there)
    there.open.clear()
    there.begun.clear()
    now = time.time
    try:
        time.time = lambda: now() + 975
        async with asyncio.timeout(5):
            found = await auth.verify_token(tokens["access_token"])
            await there.begun.wait()
    finally:
        time.time = now
    assert found is not None
    there.open.set()
    await until(lambda: there.renewals == 1)


# tokens that are refused


async def test_a_token_that_is_known_a_moment_late(there: Elsewhere):
    """An upstream of several servers. The login goes on."""
    auth = proxy(there)
    _, _, tokens = await logged_in(auth, there)
    there.expire()
    there.late = 0.2
    with pytest.raises(VerificationUnavailableError):
        await auth.verify_token(tokens["access_token"])
    assert await settled(lambda: auth.verify_token(tokens["access_token"])) is not None
    assert there.renewals == 1
    assert there.revoked == []


async def test_tokens_that_are_refused_for_a_while(there: Elsewhere):
    """What may be a mistake ends no login, and is not asked about with every call."""
    auth = proxy(there)
    site, client, tokens = await logged_in(auth, there)
    there.expire()
    there.late = 3600
    with pytest.raises(VerificationUnavailableError):
        await auth.verify_token(tokens["access_token"])
    reply = await site.refresh(client, tokens["refresh_token"])
    assert (reply.status, reply.error) == (503, "temporarily_unavailable")
    now = time.time
    try:
        time.time = lambda: now() + 10
        for _ in range(5):
            assert await auth.verify_token(tokens["access_token"]) is None
        reply = await site.refresh(client, tokens["refresh_token"])
        assert (reply.status, reply.error) == (400, "invalid_grant")
        assert there.renewals == 1
        there.late = 0
        time.time = lambda: now() + 100
        assert await auth.verify_token(tokens["access_token"]) is not None
    finally:
        time.time = now
    assert (await site.refresh(client, tokens["refresh_token"])).status == 200
    assert there.revoked == []
