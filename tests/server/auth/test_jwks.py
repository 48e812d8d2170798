"""Keys that an issuer publishes: fetched once for all, and kept while it is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from fastmcp.server.auth import JWTVerifier, VerificationUnavailableError
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, new_key, published, signed
from tests.support.process import free_port, until

RSA, NEXT = new_key("RSA", 2048), new_key("RSA", 2048)
EXPECTED: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE}

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer().running() as running:
        running.keys = [published(RSA, "one")]
        yield running


def verifier_of(issuer: Issuer, **more: Any) -> JWTVerifier:
    return JWTVerifier(jwks_uri=issuer.jwks_uri, **{**EXPECTED, **more})


def token(kid: str | None = "one", key: Any = RSA, algorithm: str = "RS256", **claims: Any) -> str:
    return signed(key, algorithm, header={} if kid is None else {"kid": kid}, **claims)


async def until_good(verifier: JWTVerifier, jwt: str, good: bool = True) -> None:
    async def found() -> bool:
        return (await verifier.verify_token(jwt) is not None) is good

    await until(found, f"the token is {'good' if good else 'refused'}", 20)


async def test_t16_one_fetch_for_a_thousand_requests(issuer: Issuer):
    issuer.open.clear()
    verifier = verifier_of(issuer)
    tokens = [token(sub=f"user {number}") for number in range(1000)]
    waiting = [asyncio.create_task(verifier.verify_token(jwt)) for jwt in tokens]
    await issuer.begun.wait()
    issuer.open.set()
    found = await asyncio.gather(*waiting)
    assert [one and one.subject for one in found] == [f"user {number}" for number in range(1000)]
    for jwt in tokens[:100]:
        assert await verifier.verify_token(jwt)
    assert issuer.asked == ["/jwks"]


async def test_a_request_that_is_given_up_ends_the_fetch_for_nobody(issuer: Issuer):
    issuer.open.clear()
    verifier = verifier_of(issuer)
    first = asyncio.create_task(verifier.verify_token(token()))
    await issuer.begun.wait()
    second = asyncio.create_task(verifier.verify_token(token()))
    await asyncio.sleep(0)
    first.cancel()
    issuer.open.set()
    assert await second
    assert first.cancelled()
    assert issuer.asked == ["/jwks"]


async def test_t16_a_mixed_set_still_verifies_rs256(issuer: Issuer):
    """RFC 7517, 5: what is not understood is passed over."""
    odd: list[Any] = [
        {"kty": "AKP", "kid": "one", "alg": "ML-DSA-44", "pub": "x"},
        published(new_key("OKP", "Ed25519"), "two"),
        published(new_key("OKP", "X25519"), "one"),
        published(new_key("EC", "P-256"), "one"),
        published(new_key("EC", "secp256k1"), "one"),
        published(NEXT, "one", use="enc"),
        published(NEXT, "one", key_ops=["encrypt"]),
        published(NEXT, "one", alg="RSA-OAEP"),
        {"kty": "RSA", "kid": "one", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "one", "n": "AQAB" * 90},
        {"kty": "RSA", "kid": 7},
        {"kty": "oct", "kid": "one", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQ"},
        {},
        None,
        "key",
        [],
    ]
    issuer.keys = [*odd, published(RSA, "one", use="sig", alg="RS256"), *odd]
    for verifier in (verifier_of(issuer), verifier_of(issuer, algorithm="RS256")):
        assert await verifier.verify_token(token())
        assert await verifier.verify_token(token(key=NEXT)) is None


async def test_each_key_says_its_algorithm(issuer: Issuer):
    keys = {
        "RS256": new_key("RSA", 2048),
        "PS384": new_key("RSA", 2048),
        "ES256": new_key("EC", "P-256"),
        "Ed25519": new_key("OKP", "Ed25519"),
    }
    issuer.keys = [
        published(key, name, **({"alg": name} if name != "RS256" else {}))
        for name, key in keys.items()
    ]
    verifier = verifier_of(issuer)
    for name, key in keys.items():
        assert await verifier.verify_token(token(name, key, name))
        assert await verifier.verify_token(token(None, key, name))  # tried with those that fit
    assert await verifier.verify_token(token("PS384", keys["PS384"], "RS256")) is None
    assert await verifier.verify_token(token("RS256", keys["RS256"], "PS256")) is None
    only = verifier_of(issuer, algorithm="ES256")
    assert await only.verify_token(token("ES256", keys["ES256"], "ES256"))
    assert await only.verify_token(token("RS256", keys["RS256"], "RS256")) is None


async def test_a_published_key_is_no_secret(issuer: Issuer):
    """RFC 8725, 2.1: neither a public key nor what the set says is one serves for HMAC."""
    secret = new_key("oct", 256)
    issuer.keys.append(secret.as_dict() | {"kid": "secret"})
    verifier = verifier_of(issuer)
    assert await verifier.verify_token(token())
    assert await verifier.verify_token(token("secret", secret, "HS256")) is None
    assert issuer.asked == ["/jwks"]


async def test_a_key_without_a_name_may_be_any(issuer: Issuer):
    """RFC 7515, 4.1.4: a name is a hint."""
    issuer.keys = [published(RSA)]
    verifier = verifier_of(issuer)
    assert await verifier.verify_token(token("unheard"))
    assert await verifier.verify_token(token(None))
    assert issuer.asked == ["/jwks"]


async def test_t16_unknown_keys_are_asked_for_once_per_interval(issuer: Issuer):
    """A flood of made-up names is no flood of fetches."""
    verifier = verifier_of(issuer)
    assert await verifier.verify_token(token())
    flood = [token(f"made up {number}", NEXT) for number in range(300)]
    found = await asyncio.gather(*map(verifier.verify_token, flood))
    assert set(found) == {None}
    assert issuer.asked == ["/jwks"]  # it was asked a moment ago
    assert await verifier.verify_token(token())


async def test_a_new_key_is_found_by_its_name(issuer: Issuer):
    verifier = verifier_of(issuer, jwks_refresh_interval=0.2)
    assert await verifier.verify_token(token())
    issuer.keys = [published(RSA, "one"), published(NEXT, "two")]
    await until_good(verifier, token("two", NEXT))
    assert len(issuer.asked) == 2
    # All who bring it wait for the same fetch.
    third = new_key("EC", "P-256")
    issuer.keys.append(published(third, "three"))
    await until_good(verifier, token("three", third, "ES256"))
    assert len(issuer.asked) == 3


async def test_all_who_bring_a_new_key_wait_for_one_fetch(issuer: Issuer):
    verifier = verifier_of(issuer, jwks_refresh_interval=0)
    assert await verifier.verify_token(token())
    issuer.keys = [published(NEXT, "two")]
    issuer.open.clear()
    issuer.begun.clear()
    tokens = [token("two", NEXT, sub=f"user {number}") for number in range(100)]
    waiting = [asyncio.create_task(verifier.verify_token(jwt)) for jwt in tokens]
    await issuer.begun.wait()
    waiting.pop(0).cancel()  # who came first gives up, and nobody else
    issuer.open.set()
    assert all(await asyncio.gather(*waiting))
    assert len(issuer.asked) == 2


async def test_a_removed_key_is_noticed_with_the_next_fetch(issuer: Issuer):
    """Also by tokens that are known."""
    issuer.headers = {"Cache-Control": "max-age=1"}
    verifier = verifier_of(issuer, jwks_refresh_interval=0.1)
    jwt = token()
    assert await verifier.verify_token(jwt)
    issuer.keys = [published(NEXT, "two")]
    began = time.monotonic()
    await until_good(verifier, jwt, good=False)
    assert time.monotonic() - began < 5


async def test_a_removed_key_is_noticed_when_another_one_is_looked_for(issuer: Issuer):
    verifier = verifier_of(issuer, jwks_refresh_interval=0)
    jwt = token()
    assert await verifier.verify_token(jwt)
    issuer.keys = [published(NEXT, "two")]
    assert await verifier.verify_token(jwt)  # the set is still good
    assert await verifier.verify_token(token("two", NEXT))
    assert await verifier.verify_token(jwt) is None


async def test_an_algorithm_that_no_key_has_is_no_reason_to_fetch(issuer: Issuer):
    verifier = verifier_of(issuer, jwks_refresh_interval=0)
    only = verifier_of(issuer, jwks_refresh_interval=0, algorithm="RS256")
    secret = new_key("oct", 256)
    assert await verifier.verify_token(token("made up", secret, "HS256")) is None
    assert await only.verify_token(token("made up", NEXT, "RS512")) is None
    assert issuer.asked == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 3600),
        ({"Cache-Control": "max-age=600"}, 600),
        ({"Cache-Control": "public, max-age=600, must-revalidate", "Age": "100"}, 500),
        ({"Cache-Control": "max-age=86400"}, 3600),
        ({"Cache-Control": "no-store"}, 30),
        ({"Cache-Control": "max-age=0"}, 30),
        ({"Cache-Control": "max-age=soon"}, 3600),
        ({"Cache-Control": "max-age=60", "Age": "nonsense"}, 60),
    ],
)
async def test_how_long_keys_are_kept(issuer: Issuer, headers: dict[str, str], seconds: int):
    """RFC 9111, 5.2.2, within bounds: an hour, and the interval of fetches."""
    issuer.headers = headers
    verifier = verifier_of(issuer)
    assert await verifier.verify_token(token())
    assert verifier._remote is not None
    left = verifier._remote._fresh - time.monotonic()
    assert seconds - 20 < left <= seconds


async def test_keys_are_fetched_before_they_end_and_nobody_waits(issuer: Issuer):
    issuer.headers = {"Cache-Control": "max-age=10"}
    verifier = verifier_of(issuer, jwks_refresh_interval=1)
    assert await verifier.verify_token(token())
    assert verifier._remote is not None
    verifier._remote.early = time.monotonic()  # as if eight seconds had gone by
    issuer.open.clear()
    issuer.begun.clear()
    assert await verifier.verify_token(token(sub="bob"))  # while the issuer says nothing
    await issuer.begun.wait()
    issuer.open.set()


# an issuer that is away


async def test_t16_no_keys_are_unavailable_and_no_refusal(caplog: pytest.LogCaptureFixture):
    verifier = JWTVerifier(
        jwks_uri=f"http://127.0.0.1:{free_port()}/jwks", jwks_refresh_interval=0, **EXPECTED
    )
    for _ in range(3):
        with pytest.raises(VerificationUnavailableError, match="did not answer"):
            await verifier.verify_token(token())
    assert len(caplog.records) == 1  # said once
    # What would be refused with any key is refused without one.
    assert await verifier.verify_token("no token") is None
    assert await verifier.verify_token(token(iss="https://other.example")) is None
    assert await verifier.verify_token(token(exp=1)) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (404, b"{}"),
        (302, b"{}"),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys":{}}'),
        (200, b'{"keys":[]}'),
        (200, b'{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'),
        (200, b"[" * 100_000),
        (200, b" " * 600_000),
        (200, b""),
    ],
)
async def test_answers_that_are_no_keys(issuer: Issuer, status: int, body: bytes):
    issuer.status, issuer.body = status, body
    verifier = verifier_of(issuer, jwks_refresh_interval=0)
    with pytest.raises(VerificationUnavailableError, match=issuer.jwks_uri):
        await verifier.verify_token(token())
    issuer.status, issuer.body = 200, None
    assert await verifier.verify_token(token())


async def test_a_set_of_thousands_is_not_tried_through(issuer: Issuer):
    """RFC 7517, 5 sets no bound: a token without a name costs what is tried."""
    entry = published(NEXT)
    issuer.keys = [*[entry] * 800, published(RSA)]
    verifier = verifier_of(issuer)
    assert await verifier.verify_token(token(None)) is None
    assert await verifier.verify_token(token(None, NEXT))
    assert verifier._remote is not None
    assert len(verifier._remote._keys) == 64


async def test_the_last_keys_serve_while_the_issuer_is_away(issuer: Issuer):
    issuer.headers = {"Cache-Control": "max-age=0"}
    verifier = verifier_of(issuer, jwks_refresh_interval=0)
    assert await verifier.verify_token(token())
    issuer.status = 503
    remote = verifier._remote
    assert remote is not None
    remote._fresh = remote.early = time.monotonic()  # as if they had ended
    verifier._known.clear()
    for number in range(20):
        assert await verifier.verify_token(token(sub=f"user {number}"))
    # Of a key that is not known it cannot be said that it is none.
    with pytest.raises(VerificationUnavailableError, match="503"):
        await verifier.verify_token(token("two", NEXT))
    remote._fetched -= 4 * 3600 + 1  # as if the issuer had been away for hours
    verifier._known.clear()
    with pytest.raises(VerificationUnavailableError, match="503"):
        await verifier.verify_token(token())
    issuer.status = 200
    await until(lambda: is_good(verifier), "the issuer is back", 20)


async def is_good(verifier: JWTVerifier) -> bool:
    try:
        return await verifier.verify_token(token()) is not None
    except VerificationUnavailableError:
        return False


async def test_nobody_waits_for_an_issuer_that_hangs(issuer: Issuer):
    """Beyond the first who noticed it."""
    verifier = verifier_of(issuer, jwks_refresh_interval=0)
    assert await verifier.verify_token(token())
    remote = verifier._remote
    assert remote is not None
    remote._failure = "it hung a moment ago"
    remote._fresh = remote.early = time.monotonic()
    verifier._known.clear()
    issuer.open.clear()
    async with asyncio.timeout(5):
        assert await verifier.verify_token(token())
    issuer.open.set()


async def test_an_issuer_that_takes_its_keys_away_means_it(issuer: Issuer):
    """The set is empty: that is an answer, and no outage."""
    verifier = verifier_of(issuer, jwks_refresh_interval=0)
    jwt = token()
    assert await verifier.verify_token(jwt)
    issuer.keys = []
    with pytest.raises(VerificationUnavailableError, match="no key"):
        await verifier.verify_token(token("two", NEXT))
    with pytest.raises(VerificationUnavailableError):
        await verifier.verify_token(jwt)


# whom it asks


async def test_a_token_that_points_to_keys_sends_nobody_there(issuer: Issuer):
    """RFC 8725, 3.10: `jku` is not followed; naming where the keys are anyway does no harm."""
    async with Issuer().running() as evil:
        evil.keys = [published(NEXT, "one")]
        verifier = verifier_of(issuer)
        for name in ("jku", "x5u"):
            forged = signed(NEXT, "RS256", header={"kid": "one", name: evil.jwks_uri})
            assert await verifier.verify_token(forged) is None
        own = {"kid": "one", "jku": issuer.jwks_uri}
        assert await verifier.verify_token(signed(RSA, "RS256", header=own))
        assert await verifier.verify_token(signed(NEXT, "RS256", header=own)) is None
        assert evil.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:7f00:1]"])
async def test_ssrf_safe_asks_nobody_at_home(issuer: Issuer, host: str):
    """basic/authorization/security-considerations, "Server-Side Request Forgery"."""
    port = issuer.url.rpartition(":")[2]
    verifier = JWTVerifier(jwks_uri=f"https://{host}:{port}/jwks", ssrf_safe=True, **EXPECTED)
    with pytest.raises(VerificationUnavailableError, match=r"not a public one|has no address"):
        await verifier.verify_token(token())
    assert issuer.asked == []


async def test_with_an_http_client_of_the_author(issuer: Issuer):
    async with httpx.AsyncClient(headers={"X-Mine": "yes"}) as client:
        verifier = verifier_of(issuer, http_client=client)
        assert await verifier.verify_token(token())
        assert issuer.requests[0][0]["X-Mine"] == "yes"
        issuer.body = b" " * 600_000
        big = verifier_of(issuer, http_client=client)
        with pytest.raises(VerificationUnavailableError, match="more than"):
            await big.verify_token(token())
        assert not client.is_closed


def test_one_verifier_in_several_loops():
    """Tests and scripts run one after another, each in a loop of its own."""

    async def once() -> bool:
        async with Issuer().running() as issuer:
            issuer.keys = [published(RSA, "one")]
            remote = verifier._remote
            assert remote is not None
            remote.uri = issuer.jwks_uri
            remote._fresh = 0
            return bool(await verifier.verify_token(token(sub=str(time.time()))))

    verifier = JWTVerifier(jwks_uri="http://127.0.0.1:9/jwks", **EXPECTED)
    assert [asyncio.run(once()) for _ in range(3)] == [True, True, True]


async def test_one_verifier_in_two_loops_at_once(issuer: Issuer):
    """Neither waits for what the other one's loop does."""
    issuer.open.clear()
    verifier = verifier_of(issuer)
    elsewhere = asyncio.create_task(
        asyncio.to_thread(lambda: asyncio.run(verifier.verify_token(token())))
    )
    await issuer.begun.wait()
    here = asyncio.create_task(verifier.verify_token(token()))
    await until(lambda: len(issuer.asked) == 2, "both have asked")
    issuer.open.set()
    assert await here
    assert await elsewhere


async def test_what_is_said_of_an_issuer_that_is_away(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG, "fastmcp")
    issuer.status = 500
    verifier = JWTVerifier(
        jwks_uri=f"{issuer.jwks_uri}?key=s3cret", jwks_refresh_interval=0, **EXPECTED
    )
    with pytest.raises(VerificationUnavailableError) as caught:
        await verifier.verify_token(token())
    issuer.status = 200
    assert await verifier.verify_token(token())
    assert "can be had again" in caplog.text
    assert issuer.asked == ["/jwks?key=s3cret"] * 2
    assert "s3cret" not in caplog.text + str(caught.value)
