"""`JWTVerifier` and what it refuses, each with the rule that forbids it."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, JWTVerifier, MultiAuth, RemoteAuthProvider
from fastmcp.server.auth.providers.jwt import RSAKeyPair
from tests.support.issuer import AUDIENCE, ISSUER, encoded, new_key, signed

RSA = new_key("RSA", 2048)
PEM = RSA.as_pem(private=False).decode()
EXPECTED: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE}

KEYS: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", 2048)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "Ed25519": ("OKP", "Ed25519"),
    "Ed448": ("OKP", "Ed448"),
}


def rsa_verifier(**more: Any) -> JWTVerifier:
    return JWTVerifier(public_key=PEM, **{**EXPECTED, **more})


# what is good


@pytest.mark.parametrize("algorithm", KEYS)
async def test_every_algorithm_of_public_keys(algorithm: str):
    key = RSA if KEYS[algorithm][0] == "RSA" else new_key(*KEYS[algorithm])
    pem = key.as_pem(private=False)
    verifier = JWTVerifier(public_key=pem, algorithm=algorithm, **EXPECTED)
    token = await verifier.verify_token(signed(key, algorithm))
    assert token is not None
    assert (token.subject, token.client_id) == ("ann", "ann")
    other = new_key(*KEYS[algorithm])
    assert await verifier.verify_token(signed(other, algorithm)) is None


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_every_algorithm_of_secrets(algorithm: str):
    secret = "0123456789abcdef" * 4
    verifier = JWTVerifier(public_key=secret, algorithm=algorithm, **EXPECTED)
    assert await verifier.verify_token(signed(OctKey.import_key(secret), algorithm))
    assert await verifier.verify_token(signed(OctKey.import_key(secret[::-1]), algorithm)) is None


@pytest.mark.parametrize("curve", ["Ed25519", "Ed448"])
async def test_eddsa_is_the_older_name_of_two(curve: str):
    """RFC 9864, 2.2; and no warning for each token."""
    key = new_key("OKP", curve)
    pem = key.as_pem(private=False)
    for verifier in (
        JWTVerifier(public_key=pem, **EXPECTED),
        JWTVerifier(public_key=pem, algorithm="EdDSA", **EXPECTED),
        JWTVerifier(public_key=pem, algorithm=curve, **EXPECTED),
    ):
        assert await verifier.verify_token(signed(key, "EdDSA"))
        assert await verifier.verify_token(signed(key, curve))


@pytest.mark.parametrize(
    "name", [name for name in KEYS if name[:2] not in ("PS", "RS")] + ["RS256"]
)
async def test_the_key_says_the_algorithm(name: str):
    key = new_key(*KEYS[name])
    verifier = JWTVerifier(public_key=key.as_pem(private=False), **EXPECTED)
    assert await verifier.verify_token(signed(key, name))


async def test_what_a_token_says():
    claims = {"azp": "app", "scope": "read write", "tenant": {"id": 7}}
    token = await rsa_verifier().verify_token(signed(RSA, "RS256", **claims))
    assert token is not None
    assert (token.client_id, token.subject, token.scopes) == ("app", "ann", ["read", "write"])
    assert token.claims["tenant"] == {"id": 7}
    assert token.expires_at == token.claims["exp"]
    assert token.principal == f"{ISSUER}|sub|ann"


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "a b"}, ["a", "b"]),
        ({"scp": "a b"}, ["a", "b"]),
        ({"scp": ["a", "b"]}, ["a", "b"]),
        ({"scope": "a", "scp": "b"}, ["a"]),
        ({"scope": ["a", 1]}, ["a"]),
        ({"scope": "a,b https://x.example/c"}, ["a,b", "https://x.example/c"]),  # RFC 6749, 3.3
        ({"scope": '["a"]'}, ['["a"]']),
        ({"scope": 1}, []),
        ({}, []),
    ],
)
async def test_scopes(claims: dict[str, Any], scopes: list[str]):
    token = await rsa_verifier().verify_token(signed(RSA, "RS256", **claims))
    assert token is not None
    assert token.scopes == scopes


@pytest.mark.parametrize(
    ("claims", "client"),
    [
        ({"client_id": "c", "azp": "a"}, "c"),
        ({"azp": "a"}, "a"),
        ({}, "ann"),
        ({"sub": None}, "unknown"),
    ],
)
async def test_whose_client(claims: dict[str, Any], client: str):
    token = await rsa_verifier().verify_token(signed(RSA, "RS256", **claims))
    assert token is not None
    assert token.client_id == client


async def test_a_token_that_names_nobody_is_told(caplog: pytest.LogCaptureFixture):
    """All of them would share their sessions (T14)."""
    verifier = rsa_verifier()
    assert await verifier.verify_token(signed(RSA, "RS256"))
    assert await verifier.verify_token(signed(RSA, "RS256", sub=None, azp="app"))
    assert caplog.text == ""
    for number in range(3):
        assert await verifier.verify_token(signed(RSA, "RS256", sub=None, jti=number))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "names neither" in caplog.text


async def test_too_few_scopes_are_for_the_server_to_refuse():
    """RFC 6750, 3.1: 403 insufficient_scope, not 401."""
    verifier = rsa_verifier(required_scopes=["admin"])
    assert verifier.required_scopes == ["admin"]
    assert await verifier.verify_token(signed(RSA, "RS256", scope="read"))
    assert rsa_verifier(required_scopes="read, write").required_scopes == ["read", "write"]


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"])
async def test_types_of_access_tokens(kind: str | None):
    """RFC 9068, 4."""
    header = {} if kind is None else {"typ": kind}
    assert await rsa_verifier().verify_token(signed(RSA, "RS256", header=header))


@pytest.mark.parametrize(
    ("parameter", "claim", "good", "bad"),
    [
        ("issuer", "iss", ISSUER, [ISSUER + "/", ISSUER.upper(), "", None, [ISSUER], {"a": 1}, 7]),
        (
            "audience",
            "aud",
            AUDIENCE,
            [AUDIENCE + "/", AUDIENCE[:-1], "", None, [], ["other"], [[AUDIENCE]], {AUDIENCE: 1}],
        ),
    ],
)
async def test_issuer_and_audience(parameter: str, claim: str, good: str, bad: list[Any]):
    """RFC 7519, 4.1.1 and 4.1.3; RFC 8725, 3.8 and 3.9; basic/authorization, "Token Handling"."""
    for verifier in (rsa_verifier(), rsa_verifier(**{parameter: ["https://x.example", good]})):
        assert await verifier.verify_token(signed(RSA, "RS256"))
        for value in bad:
            assert await verifier.verify_token(signed(RSA, "RS256", **{claim: value})) is None
    listed = signed(RSA, "RS256", aud=["https://other.example", AUDIENCE])
    assert await rsa_verifier().verify_token(listed)


# what is not


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({"exp": -2}, True),
        ({"exp": -10}, False),
        ({"exp": None}, True),
        ({"nbf": 2}, True),
        ({"nbf": 10}, False),
        ({"iat": 2}, True),
        ({"iat": 10}, False),
    ],
)
async def test_times_and_their_skew(claims: dict[str, int | None], good: bool):
    """RFC 7519, 4.1.4 to 4.1.6: a small leeway, of 5 seconds."""
    now = int(time.time())
    moved = {name: None if by is None else now + by for name, by in claims.items()}
    token = await rsa_verifier().verify_token(signed(RSA, "RS256", **moved))
    assert (token is not None) is good


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1", True, False, [], {}, "never"])
async def test_times_that_are_none(claim: str, value: Any):
    """RFC 7519, 2: a NumericDate is a number."""
    assert await rsa_verifier().verify_token(signed(RSA, "RS256", **{claim: value})) is None


@pytest.mark.parametrize("exp", [b"1e400", b"NaN", b"Infinity", b"-1e999", b"9" * 400])
async def test_times_beyond_numbers(exp: bytes):
    claims = b'{"iss":"%s","aud":"%s","exp":%s}' % (ISSUER.encode(), AUDIENCE.encode(), exp)
    assert await rsa_verifier().verify_token(signed(RSA, "RS256", claims)) is None


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 5, ["RS256"]])
async def test_no_algorithm(name: Any):
    """RFC 8725, 2.1 and 3.2: "none" is never accepted where it was not asked for."""
    _, payload, signature = signed(RSA, "RS256").split(".")
    for end in ("", signature):
        token = f"{encoded({'alg': name, 'typ': 'JWT'})}.{payload}.{end}"
        assert await rsa_verifier().verify_token(token) is None


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("verifier", [{}, {"algorithm": "RS256"}])
async def test_a_public_key_is_no_secret(algorithm: str, verifier: dict[str, Any]):
    """RFC 8725, 2.1: RS256 changed into HS256, the public key being the secret."""
    for secret in (PEM, PEM.strip(), RSA.as_der(private=False).hex(), json.dumps(RSA.as_dict())):
        forged = signed(OctKey(secret.encode(), secret.encode()), algorithm)
        assert await rsa_verifier(**verifier).verify_token(forged) is None


@pytest.mark.parametrize(
    ("wanted", "used"),
    [("RS256", "RS512"), ("RS256", "PS256"), ("PS256", "RS256"), (None, "RS384")],
)
async def test_the_token_does_not_choose(wanted: str | None, used: str):
    """RFC 8725, 3.1."""
    assert await rsa_verifier(algorithm=wanted).verify_token(signed(RSA, used)) is None


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"], "exp": 1},  # RFC 7515, 4.1.11
        {"crit": []},
        {"crit": ["b64"], "b64": False},  # RFC 7797, 6
        {"b64": True},
        {"jwk": RSA.as_dict(private=False)},  # RFC 8725, 3.10, from here on
        {"x5u": "https://evil.example/certificate"},
        {"jku": "https://evil.example/keys"},
        {"cty": "JWT"},  # RFC 7519, 5.2: another token inside
        {"cty": "application/jwt"},
        {"cty": 7},
        {"typ": "dpop+jwt"},  # RFC 8725, 3.12: what is typed as something else
        {"typ": "logout+jwt"},
        {"typ": "oauth-id-jag+jwt"},
        {"typ": "+jwt"},
        {"typ": 1},
        {"kid": {"a": 1}},
    ],
)
async def test_headers_that_are_refused(header: dict[str, Any]):
    assert await rsa_verifier().verify_token(signed(RSA, "RS256", header=header)) is None


async def test_a_token_brings_no_key():
    """RFC 8725, 3.10: a key in the header, which did make the signature."""
    own = new_key("RSA", 2048)
    forged = signed(own, "RS256", header={"jwk": own.as_dict(private=False)})
    assert await rsa_verifier().verify_token(forged) is None


@pytest.mark.parametrize("header", [{"cty": "json"}, {"tid": "1"}])
async def test_headers_that_mean_nothing_here(header: dict[str, Any]):
    """RFC 7515, 4: what is not understood is ignored."""
    assert await rsa_verifier().verify_token(signed(RSA, "RS256", header=header))


async def test_chains_of_certificates_are_ignored():
    """RFC 7515, 4.1.6: issuers send them, and nothing in them is believed."""
    header = {"x5c": ["MIIB" + "A" * 3000], "x5t": "abc", "kid": "1"}
    assert await rsa_verifier().verify_token(signed(RSA, "RS256", header=header))


@pytest.mark.parametrize(
    "claims",
    [
        b"",
        b"[]",
        b'"text"',
        b"not JSON",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"a":' * 1500 + b"1" + b"}" * 1500,
        b'{"sub":{"a":1}}',
        b'{"sub":["ann"]}',
    ],
)
async def test_payloads_that_are_none(claims: bytes):
    """RFC 7519, 7.2: the message is a JSON object."""
    verifier = JWTVerifier(public_key=PEM)
    assert await verifier.verify_token(signed(RSA, "RS256", claims)) is None


def _broken() -> list[str]:
    good = signed(RSA, "RS256")
    header, payload, signature = good.split(".")
    return [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        good + ".",
        good + ".x.y",  # five parts: encrypted
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}",
        f"{header}.{payload}.{signature}=",
        f"{header}.{payload[:-2]}.{signature}",
        f"{encoded([])}.{payload}.{signature}",
        f"{encoded(['alg'])}.{payload}.{signature}",
        f"{encoded('alg')}.{payload}.{signature}",
        f"{encoded(b'[' * 3000)}.{payload}.{signature}",
        f"{encoded(b'{' + bytes([255]) + b'}')}.{payload}.{signature}",
        f"{encoded({})}.{payload}.{signature}",
        good.replace(".", ".\n", 1),
        " " + good,
        "ä" + good,
        "\x00" * 20,
        "🙂",
        "\ud800" + good,
    ]


@pytest.mark.parametrize("token", _broken())
async def test_what_is_no_token(token: str, caplog: pytest.LogCaptureFixture):
    """RFC 7515, 5.2: refused, and nobody is told of an error."""
    caplog.set_level(logging.DEBUG, "fastmcp")
    assert await rsa_verifier().verify_token(token) is None
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_what_is_no_token_beside_known_ones():
    verifier = rsa_verifier()
    assert await verifier.verify_token(signed(RSA, "RS256"))
    for token in _broken():
        assert await verifier.verify_token(token) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    ["alg", "kid", "typ", "cty", "crit", "jku", "b64", "sub", "iss", "aud", "exp", "nbf", "scope"]
)
_OBJECTS = st.dictionaries(_NAMES, _JSON, max_size=8)


@settings(max_examples=100, deadline=None)
@given(header=_OBJECTS, claims=_OBJECTS, well=st.booleans(), raw=st.binary(max_size=60))
def test_no_token_is_an_error(
    header: dict[str, Any], claims: dict[str, Any], well: bool, raw: bytes
):
    """Whatever it says: it is good or it is not."""
    made = signed(RSA, "RS256", claims, {**header, **({"alg": "RS256"} if well else {})})

    async def verified() -> None:
        verifier = JWTVerifier(public_key=PEM, algorithm="RS256")
        for token in (made, encoded(raw) + made[made.index(".") :], raw.decode("latin-1")):
            found = await verifier.verify_token(token)
            if found is not None:
                assert isinstance(found.subject, str | None)
                assert all(isinstance(scope, str) for scope in found.scopes)
                assert hash(found.principal)

    asyncio.run(verified())


async def test_oversized_tokens():
    """RFC 8725, 3.11 and RFC 7515, 10: what is too large is not read."""
    fits = signed(RSA, "RS256", pad="x" * 8000)
    assert await rsa_verifier().verify_token(fits)
    for token in (
        signed(RSA, "RS256", pad="x" * 20_000),
        signed(RSA, "RS256", header={"pad": "x" * 12_000}),
        fits + "x" * 1_000_000,
        "x" * 10_000_000,
    ):
        assert await rsa_verifier().verify_token(token) is None


# what is known


async def test_a_known_token_is_not_read_again_and_belongs_to_each_request():
    verifier = rsa_verifier()
    token = signed(RSA, "RS256", roles=["reader"])
    first = await verifier.verify_token(token)
    assert first is not None
    first.claims["roles"].append("admin")
    first.scopes.append("admin")
    first.subject = "root"
    again = await verifier.verify_token(token)
    assert again is not None
    assert (again.claims["roles"], again.scopes, again.subject) == (["reader"], [], "ann")
    assert again.token == token


async def test_a_known_token_ends_when_it_expires():
    verifier = rsa_verifier()
    exp = time.time() - 4
    token = signed(RSA, "RS256", exp=exp)
    deadline = time.monotonic() + 20
    assert await verifier.verify_token(token)
    assert await verifier.verify_token(token)
    while await verifier.verify_token(token) is not None:
        assert time.monotonic() < deadline
    assert (
        time.time() >= json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["exp"] + 5
    )


async def test_nothing_that_is_kept_shows_a_token():
    verifier = rsa_verifier()
    token = signed(RSA, "RS256")
    found = await verifier.recognize(token)
    assert await verifier.recognize(token) is found
    kept = repr([verifier, verifier._known, found])
    assert "sub" in kept
    assert token not in kept
    assert token.rpartition(".")[2] not in kept


async def test_an_authors_own_verification_is_asked_for_each_request():
    class Counting(JWTVerifier):
        asked = 0

        async def verify_token(self, token: str) -> AccessToken | None:
            self.asked += 1
            found = await super().verify_token(token)
            if found is not None:
                found.scopes.append("added")
            return found

    keys = RSAKeyPair.generate()
    verifier = Counting(public_key=keys.public_key)
    token = keys.create_token(scopes=["read"])
    found = [await verifier.recognize(token) for _ in range(3)]
    assert verifier.asked == 3
    assert [one.scopes for one in found if one] == [["read", "added"]] * 3


async def test_a_changed_token_is_not_known():
    verifier = rsa_verifier()
    token = signed(RSA, "RS256")
    assert await verifier.verify_token(token)
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = f"{header}.{encoded({**claims, 'sub': 'root'})}.{signature}"
    assert await verifier.verify_token(forged) is None


# how it is made


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "exactly one"),
        ({"public_key": PEM, "jwks_uri": "https://issuer.example/jwks"}, "exactly one"),
        ({"public_key": "", "jwks_uri": ""}, "exactly one"),
        ({"public_key": PEM, "algorithm": "none"}, "Unsupported"),
        ({"public_key": PEM, "algorithm": "ES256"}, "does not go"),
        ({"public_key": PEM, "algorithm": "HS256"}, "everybody knows"),
        ({"public_key": "  \n" + PEM, "algorithm": "HS256"}, "everybody knows"),
        ({"public_key": RSA.as_der(private=False), "algorithm": "HS256"}, "everybody knows"),
        ({"public_key": json.dumps(RSA.as_dict(private=False)), "algorithm": "HS256"}, "everybody"),
        ({"public_key": "a shared secret"}, 'algorithm="HS256"'),
        ({"jwks_uri": "https://issuer.example/jwks", "algorithm": "HS256"}, "shared secret"),
        ({"jwks_uri": "ftp://issuer.example/jwks"}, "no http or https"),
        ({"jwks_uri": "https://me:secret@issuer.example/jwks"}, "user or password"),
        ({"jwks_uri": "http://issuer.example/jwks", "ssrf_safe": True}, "only https"),
        ({"public_key": PEM, "issuer": ""}, "issuer"),
        ({"public_key": PEM, "audience": []}, "audience"),
        ({"public_key": PEM, "jwks_refresh_interval": -1}, "jwks_refresh_interval"),
    ],
)
def test_arguments_that_do_not_go(arguments: dict[str, Any], says: str):
    with pytest.raises(ValueError, match=says) as caught:
        JWTVerifier(**arguments)
    assert "secret@" not in str(caught.value)


def test_http_client_is_one():
    with pytest.raises(TypeError, match=r"httpx\.AsyncClient"):
        JWTVerifier(jwks_uri="https://issuer.example/jwks", http_client=object())
    with pytest.raises(ValueError, match="http_client"):
        JWTVerifier(jwks_uri="https://issuer.example/jwks", http_client=object(), ssrf_safe=True)


def test_a_weak_rsa_key_is_refused():
    """RFC 7518, 3.3."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    pem = weak.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(ValueError, match="1024 bits"):
        JWTVerifier(public_key=pem, **EXPECTED)


@pytest.mark.parametrize(("length", "warned"), [(8, True), (31, True), (32, False)])
def test_a_short_secret_is_told(length: int, warned: bool, caplog: pytest.LogCaptureFixture):
    """RFC 7518, 3.2."""
    JWTVerifier(public_key="s" * length, algorithm="HS256", **EXPECTED)
    assert ("openssl rand" in caplog.text) is warned
    assert "ssss" not in caplog.text


@pytest.mark.parametrize(
    ("arguments", "warned"), [({}, True), ({"issuer": ISSUER}, True), ({"audience": "a"}, False)]
)
def test_tokens_for_other_servers_are_told(
    arguments: dict[str, Any], warned: bool, caplog: pytest.LogCaptureFixture
):
    """2026-07-28, security-considerations, "Access Token Privilege Restriction"."""
    verifier = JWTVerifier(public_key=PEM, **arguments)
    for auth in (
        verifier,
        RemoteAuthProvider(verifier, [ISSUER], "https://mcp.example"),
        MultiAuth(verifiers=[verifier]),
    ):
        caplog.clear()
        FastMCP("served", auth=auth).http_app()
        assert ("issued for other servers" in caplog.text) is warned
        assert len(caplog.records) == warned


@pytest.mark.parametrize(
    "claims",
    [
        {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},  # RFC 9449, 6.1
        {"token_use": "refresh"},
        {"typ": "Refresh"},
    ],
    ids=str,
)
async def test_tokens_of_another_use(claims: dict[str, Any]):
    verifier = rsa_verifier()
    assert await verifier.verify_token(signed(RSA, "RS256", typ="Bearer", token_use="access"))
    assert await verifier.verify_token(signed(RSA, "RS256", **claims)) is None


async def test_a_private_key_is_used_for_its_public_half():
    verifier = JWTVerifier(public_key=RSA.as_pem(private=True), **EXPECTED)
    assert await verifier.verify_token(signed(RSA, "RS256"))
    assert not verifier._own[0].key.is_private


async def test_a_reason_is_told_once(caplog: pytest.LogCaptureFixture):
    """A mistake in the set-up is seen, and a flood does not fill the log."""
    caplog.set_level(logging.INFO, "fastmcp")
    verifier = rsa_verifier()
    for _ in range(3):
        assert await verifier.verify_token(signed(RSA, "RS256", iss=ISSUER + "/")) is None
        assert await verifier.verify_token(signed(RSA, "RS256", exp=1)) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"A token was refused: it was issued by '{ISSUER}/', and issuer= names '{ISSUER}'"
    ]
    for number in range(100):
        assert await verifier.verify_token(signed(RSA, "RS256", aud=f"other {number}")) is None
    assert 10 < len(caplog.records) < 50


async def test_no_secret_in_logs_and_reprs(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    secret = "the shared secret of everybody here"
    verifier = JWTVerifier(public_key=secret, algorithm="HS256", **EXPECTED)
    key = OctKey.import_key(secret)
    tokens = [
        signed(key, "HS256"),
        signed(key, "HS256", exp=1),
        signed(key, "HS256", aud="https://other.example"),
        signed(OctKey.import_key(secret * 2), "HS256"),
        signed(key, "HS256", header={"jku": "https://evil.example"}),
        "not.a.token-but-a-secret",
    ]
    found = [await verifier.verify_token(token) for token in tokens]
    assert [token is not None for token in found] == [True, False, False, False, False, False]
    text = caplog.text + repr(verifier) + repr(found) + repr(RSAKeyPair.generate())
    assert "https://other.example" in text  # what helps to find the mistake is there
    assert secret not in text
    for token in tokens:
        assert token not in text
        assert token.rpartition(".")[2] not in text
    assert "PRIVATE" not in text


async def test_rsa_key_pair():
    pair = RSAKeyPair.generate()
    verifier = JWTVerifier(public_key=pair.public_key, issuer="https://fastmcp.example.com")
    token = await verifier.verify_token(
        pair.create_token(
            subject="bob", audience=["a", "b"], scopes=["x", "y"], additional_claims={"azp": "app"}
        )
    )
    assert token is not None
    assert (token.subject, token.client_id, token.scopes) == ("bob", "app", ["x", "y"])
    assert token.claims["aud"] == ["a", "b"]
    assert await verifier.verify_token(pair.create_token(expires_in_seconds=-60)) is None
    assert await verifier.verify_token(RSAKeyPair.generate().create_token()) is None
