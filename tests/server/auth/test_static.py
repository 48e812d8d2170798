"""Tokens that the author lists, and those that a function judges."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from typing import Any

import pytest

from fastmcp.server.auth import AccessToken, DebugTokenVerifier, StaticTokenVerifier
from fastmcp.server.auth.providers import debug, jwt


async def found(entry: dict[str, Any]) -> AccessToken:
    token = await StaticTokenVerifier({"a": {}, "secret": entry}).verify_token("secret")
    assert token is not None
    return token


@pytest.mark.parametrize(
    ("entry", "client", "subject"),
    [
        ({"sub": "admin"}, "admin", "admin"),
        ({"client_id": "app"}, "app", None),
        ({"client_id": "app", "sub": "ann"}, "app", "ann"),
        ({"sub": 7}, "7", "7"),
        ({}, "token-2", None),
    ],
)
async def test_whose_a_listed_token_is(entry: dict[str, Any], client: str, subject: str | None):
    """G13: `{"sub": "admin"}` is enough."""
    token = await found(entry)
    assert (token.token, token.client_id, token.subject) == ("secret", client, subject)


async def test_every_subject_is_a_principal_and_every_nameless_entry_too():
    entries = [{"sub": "a"}, {"sub": "b"}, {"client_id": "a"}, {}, {"scopes": ["x"]}]
    verifier = StaticTokenVerifier({str(number): entry for number, entry in enumerate(entries)})
    tokens = [await verifier.verify_token(str(number)) for number in range(len(entries))]
    assert len({token.principal for token in tokens if token}) == len(entries)
    rotated = StaticTokenVerifier({"old": {"sub": "a"}, "new": {"sub": "a"}})
    old, new = await rotated.verify_token("old"), await rotated.verify_token("new")
    assert old is not None
    assert new is not None
    assert old.principal == new.principal


async def test_what_a_listed_token_says():
    entry = {"sub": "ann", "scopes": ["a", "b"], "roles": ["reader"]}
    token = await found(entry)
    assert token.scopes == ["a", "b"]
    assert token.claims == entry
    token.claims["roles"].append("admin")
    token.scopes.append("admin")
    again = await found(entry)
    assert (again.scopes, again.claims["roles"]) == (["a", "b"], ["reader"])
    assert (await found({"scopes": "a b"})).scopes == ["a", "b"]
    assert (await found({})).scopes == []


async def test_a_listed_token_expires():
    ends = time.time() + 100
    assert (await found({"expires_at": ends})).expires_at == int(ends)
    verifier = StaticTokenVerifier({"old": {"sub": "a", "expires_at": time.time() - 1}})
    assert await verifier.verify_token("old") is None


@pytest.mark.parametrize(
    "token", ["", "secre", "secrets", "SECRET", "ä🙂", "\x00", "secret ", "\ud800"]
)
async def test_a_token_that_is_not_listed(token: str):
    verifier = StaticTokenVerifier({"secret": {"sub": "admin"}, "": {"sub": "nobody"}})
    assert await verifier.verify_token(token) is None


async def test_tokens_can_be_added():
    verifier = StaticTokenVerifier({})
    verifier.tokens["new"] = {"sub": "ann"}
    assert await verifier.verify_token("new")


def test_what_a_token_says_is_a_dict():
    tokens: Any = {"secret": "admin"}
    with pytest.raises(TypeError, match='"sub": "admin"') as caught:
        StaticTokenVerifier(tokens)
    assert "secret" not in str(caught.value)


async def test_no_listed_token_in_logs_and_reprs(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    verifier = StaticTokenVerifier({"s3cret": {"sub": "a"}, "0ld-s3cret": {"expires_at": 1}})
    shown = [verifier, await verifier.verify_token("s3cret")]
    shown += [await verifier.verify_token("0ld-s3cret"), await verifier.verify_token("s3cret?")]
    assert "s3cret" not in caplog.text + repr(shown)


# judged by a function


async def test_debug_accepts_all_but_nothing(caplog: pytest.LogCaptureFixture):
    verifier = DebugTokenVerifier(scopes=["a"], required_scopes=["a", "b"])
    assert "never for production" in caplog.text
    token = await verifier.verify_token("anything")
    assert token is not None
    assert (token.client_id, token.scopes, token.token) == ("debug-client", ["a"], "anything")
    assert verifier.required_scopes == ["a", "b"]
    for empty in ("", " ", "\t\n"):
        assert await verifier.verify_token(empty) is None


async def test_debug_asks_a_function():
    async def later(token: str) -> bool:
        return token.startswith("good")

    for validate in (later, lambda token: token.startswith("good")):
        verifier = DebugTokenVerifier(validate, client_id="app")
        token = await verifier.verify_token("good one")
        assert token is not None
        assert token.client_id == "app"
        assert await verifier.verify_token("bad one") is None


async def test_debug_whose_function_fails(caplog: pytest.LogCaptureFixture):
    def fails(token: str) -> bool:
        raise ValueError(f"cannot read {token}")

    caplog.set_level(logging.DEBUG)
    verifier = DebugTokenVerifier(fails)
    assert await verifier.verify_token("s3cret") is None
    assert "raised ValueError" in caplog.text
    assert "s3cret" not in caplog.text


# where they are


def test_the_places_of_fastmcp():
    assert jwt.StaticTokenVerifier is StaticTokenVerifier
    assert debug.DebugTokenVerifier is DebugTokenVerifier


def test_listed_tokens_need_no_http_client():
    program = (
        "import sys; from fastmcp.server.auth import StaticTokenVerifier\n"
        "print('aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
