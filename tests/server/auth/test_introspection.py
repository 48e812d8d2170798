"""`IntrospectionTokenVerifier` against an issuer on a socket (RFC 7662)."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from fastmcp.server.auth import VerificationUnavailableError
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from tests.support.issuer import AUDIENCE, ISSUER, Issuer
from tests.support.process import free_port, until

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer().running() as running:
        running.active["good"] = good()
        yield running


def good(**more: Any) -> dict[str, Any]:
    said = {
        "active": True,
        "sub": "ann",
        "client_id": "app",
        "scope": "read write",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 600,
        **more,
    }
    return {name: value for name, value in said.items() if value is not None}


def verifier_of(issuer: Issuer, /, **more: Any) -> IntrospectionTokenVerifier:
    given = {"client_id": "server", "client_secret": "s3cret", **more}
    return IntrospectionTokenVerifier(introspection_url=issuer.introspection_url, **given)


async def test_what_the_issuer_says(issuer: Issuer):
    token = await verifier_of(issuer).verify_token("good")
    assert token is not None
    assert (token.token, token.client_id, token.subject) == ("good", "app", "ann")
    assert token.scopes == ["read", "write"]
    assert token.expires_at == issuer.active["good"]["exp"]
    assert token.claims == issuer.active["good"]
    assert token.principal == f"{ISSUER}|sub|ann"
    assert await verifier_of(issuer).verify_token("unknown") is None


async def test_the_question(issuer: Issuer):
    """RFC 7662, 2.1: in the body, never in the URL; RFC 6749, 2.3.1: who asks."""
    awkward = {"client_id": "a:b c", "client_secret": SecretStr("p%&=+ü")}
    await verifier_of(issuer, **awkward).verify_token("to ken&client_id=x")
    post = verifier_of(issuer, client_auth_method="client_secret_post", **awkward)
    await post.verify_token("good")
    assert issuer.asked == ["/introspect"] * 2
    (headers, body), (headers_post, body_post) = issuer.requests
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert urllib.parse.parse_qs(body) == {
        "token": ["to ken&client_id=x"],
        "token_type_hint": ["access_token"],
    }
    pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert [urllib.parse.unquote_plus(half) for half in pair.split(":")] == ["a:b c", "p%&=+ü"]
    assert "Authorization" not in headers_post
    assert urllib.parse.parse_qs(body_post)["client_secret"] == ["p%&=+ü"]


@pytest.mark.parametrize(
    "said",
    [
        {"active": False},
        {"active": None},
        {"active": "true"},
        {"active": 1},
        {"exp": 1},
        {"exp": "soon"},
        {"nbf": 1 << 40},
        {"iat": 1 << 40},
        {"sub": {"a": 1}},
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": ["https://other.example"]},
        {"aud": None},
        {"aud": {AUDIENCE: 1}},
    ],
)
async def test_what_is_not_good(issuer: Issuer, said: dict[str, Any]):
    """RFC 7662, 2.2 and 4; basic/authorization, "Token Handling" for whom it is for."""
    issuer.active["good"] = good(**said)
    verifier = verifier_of(issuer, issuer=ISSUER, audience=AUDIENCE)
    assert await verifier.verify_token("good") is None
    issuer.active["good"] = good(aud=["https://other.example", AUDIENCE])
    assert await verifier.verify_token("good")


@pytest.mark.parametrize(
    ("said", "client"),
    [({}, "app"), ({"client_id": None}, "ann"), ({"client_id": None, "sub": None}, "unknown")],
)
async def test_whose_client(issuer: Issuer, said: dict[str, Any], client: str):
    issuer.active["good"] = good(**said)
    token = await verifier_of(issuer).verify_token("good")
    assert token is not None
    assert token.client_id == client


async def test_an_empty_token_is_not_asked_for(issuer: Issuer):
    for token in ("", "x" * 20_000):
        assert await verifier_of(issuer).verify_token(token) is None
    assert issuer.asked == []


async def test_every_request_asks_where_nothing_is_kept(issuer: Issuer):
    """A token that is revoked is noticed at once."""
    verifier = verifier_of(issuer)
    assert await verifier.verify_token("good")
    del issuer.active["good"]
    assert await verifier.verify_token("good") is None
    for off in ({"cache_ttl_seconds": 0}, {"cache_ttl_seconds": 60, "max_cache_size": 0}):
        issuer.asked.clear()
        verifier = verifier_of(issuer, **off)
        await verifier.verify_token("good")
        await verifier.verify_token("good")
        assert len(issuer.asked) == 2


async def test_answers_are_kept_for_a_time(issuer: Issuer):
    verifier = verifier_of(issuer, cache_ttl_seconds=1)
    first = await verifier.verify_token("good")
    assert first is not None
    first.claims["sub"] = first.subject = "root"
    first.scopes.append("admin")
    again = await verifier.verify_token("good")
    assert again is not None
    assert (again.subject, again.claims["sub"]) == ("ann", "ann")
    assert again.scopes == ["read", "write"]
    assert len(issuer.asked) == 1
    del issuer.active["good"]

    async def revoked() -> bool:
        return await verifier.verify_token("good") is None

    await until(revoked, "it is noticed that the token was revoked")
    assert len(issuer.asked) == 2


async def test_refusals_are_not_kept(issuer: Issuer):
    verifier = verifier_of(issuer, cache_ttl_seconds=600)
    assert await verifier.verify_token("new") is None
    issuer.active["new"] = good()
    assert await verifier.verify_token("new")


async def test_no_answer_is_kept_longer_than_its_token(issuer: Issuer):
    issuer.active["good"] = good(exp=time.time() + 1)
    verifier = verifier_of(issuer, cache_ttl_seconds=600)
    assert await verifier.verify_token("good")
    issuer.active["good"] = {"active": False}

    async def ended() -> bool:
        return await verifier.verify_token("good") is None

    await until(ended, "the token has ended")


async def test_so_many_answers_are_kept(issuer: Issuer):
    verifier = verifier_of(issuer, cache_ttl_seconds=600, max_cache_size=3)
    for number in range(5):
        issuer.active[f"token {number}"] = good(sub=f"user {number}")
        assert await verifier.verify_token(f"token {number}")
    issuer.asked.clear()
    for number in (4, 3, 2):
        token = await verifier.verify_token(f"token {number}")
        assert token is not None
        assert token.subject == f"user {number}"
    assert issuer.asked == []
    assert await verifier.verify_token("token 0")
    assert len(issuer.asked) == 1


async def test_one_question_for_many_requests(issuer: Issuer):
    issuer.active["other"] = good(sub="bob")
    issuer.open.clear()
    verifier = verifier_of(issuer)
    waiting = [asyncio.create_task(verifier.verify_token("good")) for _ in range(100)]
    waiting.append(asyncio.create_task(verifier.verify_token("other")))
    await until(lambda: len(issuer.asked) == 2, "both are asked for")
    waiting[0].cancel()  # who asked first gives up, and nobody else
    issuer.open.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [getattr(one, "subject", None) for one in found[1:]] == ["ann"] * 99 + ["bob"]
    assert len({id(one) for one in found}) == 101  # each has one of its own
    assert len(issuer.asked) == 2


# an issuer that does not say


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 503])
async def test_an_issuer_that_answers_otherwise(issuer: Issuer, status: int):
    """Not known is not refused: 503, and no client throws its token away."""
    issuer.status = status
    verifier = verifier_of(issuer, cache_ttl_seconds=60)
    with pytest.raises(VerificationUnavailableError, match=str(status)) as caught:
        await verifier.verify_token("good")
    assert ("client_secret" in str(caught.value)) is (status in (401, 403))
    issuer.status = 200
    assert await verifier.verify_token("good")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'"active"', b"[" * 60_000, b" " * 70_000]
)
async def test_answers_that_are_none(issuer: Issuer, body: bytes):
    issuer.body = body
    with pytest.raises(VerificationUnavailableError, match=issuer.introspection_url):
        await verifier_of(issuer).verify_token("good")


async def test_an_issuer_that_is_away():
    issuer = Issuer()
    issuer.url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(VerificationUnavailableError, match="cannot be asked"):
        await verifier_of(issuer).verify_token("good")


async def test_an_issuer_that_hangs(issuer: Issuer):
    issuer.open.clear()
    with pytest.raises(VerificationUnavailableError, match=r"within 0\.2 s"):
        await verifier_of(issuer, timeout_seconds=0.2).verify_token("good")


async def test_a_connection_that_was_closed_meanwhile(issuer: Issuer):
    issuer.dropping = 1
    assert await verifier_of(issuer).verify_token("good")
    issuer.dropping = 2
    with pytest.raises(VerificationUnavailableError):
        await verifier_of(issuer).verify_token("good")


async def test_with_an_http_client_of_the_author(issuer: Issuer):
    async with httpx.AsyncClient(headers={"X-Mine": "yes"}) as client:
        verifier = verifier_of(issuer, http_client=client)
        assert await verifier.verify_token("good")
        assert issuer.requests[0][0]["X-Mine"] == "yes"


async def test_no_secret_in_logs_reprs_and_errors(issuer: Issuer, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    verifier = verifier_of(issuer, audience=AUDIENCE, cache_ttl_seconds=60)
    token = "t0ken-of-ann"
    issuer.active[token] = good()
    shown = [repr(await verifier.verify_token(token)), repr(vars(verifier))]
    issuer.active[token] = good(aud="https://other.example")
    verifier._known.clear()
    assert await verifier.verify_token(token) is None
    for status in (401, 500):
        issuer.status = status
        with pytest.raises(VerificationUnavailableError) as caught:
            await verifier.verify_token(token)
        shown.append(repr(caught.value) + str(caught.value))
    text = caplog.text + "".join(shown)
    assert "https://other.example" in text
    for secret in (token, "s3cret", base64.b64encode(b"server:s3cret").decode()):
        assert secret not in text
    assert issuer.asked == ["/introspect"] * 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"introspection_url": "issuer.example"}, "no http or https"),
        ({"introspection_url": "https://me:s3cret@issuer.example/"}, "user or password"),
        ({"client_auth_method": "none"}, "client_secret_basic or client_secret_post"),
        ({"cache_ttl_seconds": -1}, "0 or more"),
        ({"max_cache_size": -1}, "0 or more"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"audience": ""}, "audience"),
        ({"audience": []}, "audience"),
    ],
)
def test_arguments_that_do_not_go(arguments: dict[str, Any], says: str):
    given = {
        "introspection_url": "https://issuer.example/introspect",
        "client_id": "server",
        "client_secret": "s3cret",
        **arguments,
    }
    with pytest.raises(ValueError, match=says) as caught:
        IntrospectionTokenVerifier(**given)
    assert "s3cret" not in str(caught.value)
