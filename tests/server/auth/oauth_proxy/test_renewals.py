"""How a login stays good, and when it ends: what the upstream says, and what it does not say."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from key_value.aio.stores.memory import MemoryStore

from fastmcp.server.auth import AccessToken, OAuthProxy, VerificationUnavailableError
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from tests.server.auth.oauth.hand import Pkce
from tests.server.auth.oauth_proxy.elsewhere import (
    CLIENT,
    SECRET,
    Elsewhere,
    Visitor,
    elsewhere,
    proxy,
    visitor,
)


async def logged_in(auth: OAuthProxy, there: Elsewhere) -> tuple[Visitor, str, dict[str, Any]]:
    """A browser, the client that it let in, and the client's tokens."""
    site = visitor(auth, there)
    client = (await site.register())["client_id"]
    return site, client, await site.tokens(client)


def at(there: Elsewhere) -> dict[str, str]:
    """Where its tokens are verified, and by whom."""
    url = f"{there.url}/introspect"
    return {"introspection_url": url, "client_id": CLIENT, "client_secret": SECRET}


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
        (200, '{"error": "incorrect_client_credentials"}'),  # GitHub, of its client's secret
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


@pytest.mark.parametrize("status", [302, 403, 404])
async def test_one_login_that_it_says_strange_things_of(there: Elsewhere, status: int):
    """It is left alone with that one, and all others go on."""
    auth = proxy(there)
    _, _, tokens = await logged_in(auth, there)
    there.user = "eve"
    _, _, other = await logged_in(auth, there)
    there.expire()
    there.answers["eve"] = status, "text/html", "<html>"
    for _ in range(20):
        with pytest.raises(VerificationUnavailableError):
            await auth.verify_token(other["access_token"])
    assert there.renewals <= 5  # one in a second
    found = await auth.verify_token(tokens["access_token"])
    assert found is not None
    assert found.subject == "ann"


async def test_an_upstream_in_trouble_is_no_trouble_for_the_store(there: Elsewhere):
    """What cannot be renewed now takes no turn."""
    store = Store()
    auth = proxy(there, client_storage=store)
    _, _, tokens = await logged_in(auth, there)
    there.expire()
    there.answer = 503, "text/html", "<html>"
    there.headers = {"Retry-After": "60"}
    with pytest.raises(VerificationUnavailableError):
        await auth.verify_token(tokens["access_token"])
    store.names.clear()
    for _ in range(5):
        with pytest.raises(VerificationUnavailableError):
            await auth.verify_token(tokens["access_token"])
    assert store.names == []


async def test_an_answer_that_cannot_be_read(there: Elsewhere):
    """It is the upstream's fault, at a login too; and whose turn it is to ask is not lost."""
    auth = proxy(there)
    site, client, tokens = await logged_in(auth, there)
    callback = await there.visit(await site.sent_out(client, Pkce()))
    there.expire()
    there.answer = 200, "application/x-www-form-urlencoded", "&".join(["a=b"] * 200)
    async with asyncio.timeout(10):
        reply = await site.refresh(client, tokens["refresh_token"])
        assert (reply.status, reply.error) == (503, "temporarily_unavailable")
        assert (await site.back(callback)).answer["error"] == "temporarily_unavailable"
    there.answer = None
    assert await settled(lambda: auth.verify_token(tokens["access_token"])) is not None


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


async def test_strange_scopes(there: Elsewhere):
    there.tokens = {"scope": "[" * 50_000}  # which json.loads counts by calling itself
    auth = proxy(there)
    _, _, tokens = await logged_in(auth, there)
    assert await auth.verify_token(tokens["access_token"]) is not None


# many who renew


class Held:
    """Something that is written.

    Attributes:
        reached: it waits.
        go: it is written.
    """

    def __init__(self) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()


class Store(MemoryStore):
    """One that takes its time, as stores do, and more for some things that are written.

    Attributes:
        names: what was written.
        removed: what was to be removed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, Held] = {}
        self.names: list[str] = []
        self.removed: list[str] = []

    def hold(self, kind: str) -> Held:
        """The next record of a kind waits."""
        self._held[kind] = held = Held()
        return held

    async def get_many(self, *given: Any, **more: Any) -> Any:
        found = await super().get_many(*given, **more)
        await asyncio.sleep(0.003)
        return found

    async def put(self, key: str, *given: Any, **more: Any) -> None:
        self.names.append(key)
        held = self._held.pop(key.partition("-")[0], None)
        if held is not None:
            held.reached.set()
            await held.go.wait()
        await asyncio.sleep(0.003)
        await super().put(key, *given, **more)

    async def delete(self, key: str, *given: Any, **more: Any) -> bool:
        found = await super().delete(key, *given, **more)
        self.removed.append(key)
        return found


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


async def test_a_worker_that_comes_while_another_gives_its_turn_back(there: Elsewhere):
    """It has said that it is its turn, and then it was not. Nobody waits for it."""
    store = Store()
    one, two = (proxy(there, client_storage=store) for _ in range(2))
    two.get_routes("/mcp")
    _, _, tokens = await logged_in(one, there)
    there.expire()
    there.open.clear()
    there.begun.clear()
    coming = store.hold("taken")
    second = asyncio.ensure_future(two.verify_token(tokens["access_token"]))
    async with asyncio.timeout(10):
        await coming.reached.wait()
        first = asyncio.ensure_future(one.verify_token(tokens["access_token"]))
        await there.begun.wait()
        giving, before = store.hold("turn"), len(store.removed)
        there.status = 503
        there.open.set()
        await giving.reached.wait()
        coming.go.set()
        await until(lambda: any(name.startswith("turn") for name in store.removed[before:]))
        there.status = 200
        giving.go.set()
        with pytest.raises(VerificationUnavailableError):
            await first
        assert await second is not None


async def test_a_worker_that_is_stopped_while_it_asks(there: Elsewhere):
    """It gives its turn back: nobody waits until it is given up."""
    there.rotating = False  # else the token was used up, and its answer lost
    auth = proxy(there)
    _, _, tokens = await logged_in(auth, there)
    there.expire()
    there.open.clear()
    there.begun.clear()
    begun = threading.Event()

    async def worker() -> None:
        call = asyncio.ensure_future(proxy(there).verify_token(tokens["access_token"]))
        await asyncio.to_thread(begun.wait, 10)
        assert not call.done()

    stopped = asyncio.ensure_future(asyncio.to_thread(asyncio.run, worker()))
    async with asyncio.timeout(10):
        await there.begun.wait()
        begun.set()
        await stopped
        there.open.set()
        assert await auth.verify_token(tokens["access_token"]) is not None


async def test_a_verifier_that_fails_loses_no_login(there: Elsewhere):
    """The refresh token was used: what came for it is kept, whether or not it can be looked at."""

    class Failing(IntrospectionTokenVerifier):
        knows: str | None = None

        async def verify_token(self, token: str) -> AccessToken | None:
            if self.knows not in (None, token):
                raise OSError("an author's own library")
            return await super().verify_token(token)

    verifier = Failing(**at(there))
    auth = proxy(there, token_verifier=verifier)
    _, _, tokens = await logged_in(auth, there)
    (verifier.knows,) = there.access
    there.expire()
    with pytest.raises(OSError, match="own library"):
        await auth.verify_token(tokens["access_token"])
    verifier.knows = None
    async with asyncio.timeout(5):
        assert await auth.verify_token(tokens["access_token"]) is not None
    assert there.renewals == 1
    assert there.logins[0].alive


async def test_a_verifier_that_hangs_keeps_nobody_waiting(
    there: Elsewhere, monkeypatch: pytest.MonkeyPatch
):
    """What came is there for other workers before the turn of this one is given up."""
    monkeypatch.setattr("fastmcp.server.auth.oauth_proxy.grants._LATE", 0.2)
    held = asyncio.Event()

    class Hanging(IntrospectionTokenVerifier):
        async def verify_token(self, token: str) -> AccessToken | None:
            found = await super().verify_token(token)
            if there.renewals:
                await held.wait()
            return found

    store = MemoryStore()
    auth = proxy(there, client_storage=store, token_verifier=Hanging(**at(there)))
    other = proxy(there, client_storage=store)
    other.get_routes("/mcp")
    _, _, tokens = await logged_in(auth, there)
    there.expire()
    call = asyncio.ensure_future(auth.verify_token(tokens["access_token"]))
    await until(lambda: there.renewals == 1)
    async with asyncio.timeout(10):
        assert await other.verify_token(tokens["access_token"]) is not None
    held.set()
    assert await call is not None
    assert there.renewals == 1


async def test_a_client_that_renews_while_a_call_does(there: Elsewhere):
    """What the call brought is not lost: the old refresh token was used."""
    there.expires_in = None
    store = Store()
    auth = proxy(there, client_storage=store)
    site, client, tokens = await logged_in(auth, there)
    held = store.hold("upstream")
    refresh = asyncio.ensure_future(site.refresh(client, tokens["refresh_token"]))
    async with asyncio.timeout(10):
        await held.reached.wait()
    there.expire()
    call = asyncio.ensure_future(auth.verify_token(tokens["access_token"]))
    await asyncio.wait([call], timeout=0.5)
    held.go.set()
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


async def test_a_token_that_ended_and_its_successor_is_known_late(there: Elsewhere):
    """Nor is the new refresh token used at once, which may be known late as well."""
    there.expires_in = 1000
    auth = proxy(there)
    _, _, tokens = await logged_in(auth, there)
    there.late = 0.2
    now = time.time
    try:
        time.time = lambda: now() + 1001
        assert await settled(lambda: auth.verify_token(tokens["access_token"])) is not None
    finally:
        time.time = now
    assert there.renewals == 1


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


# whose tokens they are


async def test_what_one_upstream_gave_is_shown_to_no_other(there: Elsewhere):
    """The author goes on with another provider, and the store of before."""
    store = MemoryStore()
    before = proxy(there, client_storage=store)
    site, client, tokens = await logged_in(before, there)
    async with elsewhere() as other:
        after = proxy(other, client_storage=store)
        site = visitor(after, other)
        assert await after.verify_token(tokens["access_token"]) is None
        reply = await site.refresh(client, tokens["refresh_token"])
        assert (reply.status, reply.error) == (400, "invalid_grant")
        assert (other.verified, other.token_requests) == (0, [])
