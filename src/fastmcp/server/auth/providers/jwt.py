"""Tokens that carry their own proof: JSON Web Tokens, verified with the key of who signed them.

Which key and algorithm is decided by the author and by the keys, never by the token
(`auth/signatures.py`); where the keys are published they are fetched and kept (`auth/jwks.py`);
what the token says is held against what is expected (`auth/claims.py`).

Sources: RFC 7519, RFC 8725, RFC 9068; 2026-07-28, basic/authorization, "Token Handling".
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import AnyHttpUrl, SecretStr

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.claims import (
    Claims,
    Expected,
    Refusal,
    TokenLog,
    access_token,
    claims_in,
    scope_list,
)
from fastmcp.server.auth.fetching import Fetcher, FetchError
from fastmcp.server.auth.jwks import RemoteKeys
from fastmcp.server.auth.providers.static import StaticTokenVerifier
from fastmcp.server.auth.signatures import (
    ALGORITHMS,
    VerificationKey,
    author_key,
    may_sign,
    read,
    secret_key,
    verifies,
)
from fastmcp.server.auth.verified import KeepingVerifier, VerifiedTokens

__all__ = ["JWTVerifier", "RSAKeyPair", "StaticTokenVerifier"]

_KNOWN_SECONDS: Final = 60.0
_KNOWN_TOKENS: Final = 4096


class JWTVerifier(KeepingVerifier):
    """Verifies JSON Web Tokens with a key that is given, or with those published at an address.

    A token that was found good is known for a minute, and costs a few microseconds
    meanwhile. That is safe: the same bytes have the same signature and the same claims, and
    nothing that could make them bad is put off. It is never known for longer than until `exp`,
    and keys that are fetched and turn out to be others empty what is known: a key that was
    removed is noticed when the set is fetched the next time, after an hour at most, or what its
    `Cache-Control` says.

    Clocks may differ by 5 seconds. A token without `exp` never expires.

    Args:
        public_key: a public key or certificate in PEM, or with HS256, HS384 and HS512 the shared
            secret.
        jwks_uri: where the issuer publishes its keys, http or https. They are kept for an hour at
            most, and for four where it cannot be reached; after that, verifying raises
            `VerificationUnavailableError`.
        issuer: `iss` has to be this one, or one of these.
        audience: `aud` has to name this one, or one of these: the address of this server.
        algorithm: that tokens are signed with: HS256, RS256, ES256, PS256 and their longer forms,
            Ed25519, Ed448, EdDSA. By default that of the key; RS256 for RSA keys that do not say.
        required_scopes: that every token must have. The server looks at them, and answers 403.
        base_url: where this server is reached from outside.
        ssrf_safe: the address comes from a stranger: only https and public addresses are asked.
        http_client: an `httpx.AsyncClient` to fetch the keys with, which you close.
        jwks_refresh_interval: seconds between two fetches because tokens name unknown keys.

    Raises:
        ValueError: neither or both of key and address are given, the key is none or does not go
            with the algorithm, or an argument is out of range.
        TypeError: `http_client` is something else.
    """

    def __init__(
        self,
        *,
        public_key: str | bytes | None = None,
        jwks_uri: str | None = None,
        issuer: str | list[str] | None = None,
        audience: str | list[str] | None = None,
        algorithm: str | None = None,
        required_scopes: list[str] | None = None,
        base_url: AnyHttpUrl | str | None = None,
        ssrf_safe: bool = False,
        http_client: Any = None,
        jwks_refresh_interval: float = 30.0,
    ) -> None:
        known = VerifiedTokens(_KNOWN_SECONDS, _KNOWN_TOKENS)
        super().__init__(known, base_url, scope_list(required_scopes))
        if bool(public_key) == bool(jwks_uri):
            raise ValueError("Give JWTVerifier either public_key or jwks_uri, exactly one of them")
        if algorithm is not None and algorithm not in ALGORITHMS:
            raise ValueError(
                f"Unsupported algorithm {algorithm!r}: choose from {', '.join(sorted(ALGORITHMS))}"
            )
        if not math.isfinite(jwks_refresh_interval) or jwks_refresh_interval < 0:
            raise ValueError("jwks_refresh_interval is a number of seconds, 0 or more")
        self.public_key = public_key
        self.jwks_uri = jwks_uri
        self.issuer = issuer
        self.audience = audience
        self.algorithm = algorithm
        self.ssrf_safe = ssrf_safe
        self._expected = Expected(issuer, audience)
        self._log = TokenLog()
        self._own: list[VerificationKey] = []
        self._remote: RemoteKeys | None = None
        if public_key:
            self._own = [_key(public_key, algorithm)]
        elif jwks_uri:
            self._remote = self._keys_at(jwks_uri, http_client, jwks_refresh_interval)

    @property
    def takes_any_audience(self) -> bool:
        return self.audience is None

    def _keys_at(self, uri: str, http_client: Any, interval: float) -> RemoteKeys:
        if self.algorithm is not None and self.algorithm.startswith("HS"):
            raise ValueError(
                f"{self.algorithm} is verified with a shared secret, which nobody publishes: give "
                "it as public_key instead of jwks_uri"
            )
        fetcher = Fetcher(configured=not self.ssrf_safe, http_client=http_client)
        try:
            fetcher.check(uri)
        except FetchError as error:
            raise ValueError(f"jwks_uri cannot be used. {error}") from error
        return RemoteKeys(
            uri,
            fetcher,
            algorithm=self.algorithm,
            interval=interval,
            changed=self._known.clear,
        )

    async def _verified(self, token: str) -> AccessToken | None:
        found = await self._judged(token)
        if isinstance(found, Refusal):
            self._log.tell(found)
            return None
        self._log.look_at(found)
        exp = found.get("exp")
        until = math.inf if self._remote is None else self._remote.early
        verified = access_token(token, found, self._expected.leeway)
        self._known.put(verified, None if exp is None else exp + self._expected.leeway, until)
        return verified

    async def _judged(self, token: str) -> Claims | Refusal:
        """What can be refused without a key is refused first: nothing is fetched for it, and a
        token of another issuer is left to the verifier that knows it."""
        signed = read(token, self.jwks_uri)
        if isinstance(signed, Refusal):
            return signed
        claims = claims_in(signed.payload)
        if claims is None:
            return Refusal("holds no JSON object")
        refusal = self._expected.refusal(claims, time.time())
        if refusal is not None:
            return refusal
        keys = self._own
        if self._remote is not None:
            if not may_sign(signed.algorithm, self.algorithm):
                return Refusal(f"is signed with {signed.algorithm}")
            keys = await self._remote.matching(signed.kid, signed.algorithm)
        if not verifies(signed, keys):
            return Refusal("is signed by none of the keys, or with another algorithm than theirs")
        return claims


@dataclass(frozen=True, kw_only=True, repr=False)
class RSAKeyPair:
    """A pair of RSA keys, to make tokens for tests with.

    Attributes:
        private_key: in PEM. A secret.
        public_key: in PEM, for `JWTVerifier(public_key=...)`.
    """

    private_key: SecretStr
    public_key: str

    @classmethod
    def generate(cls) -> RSAKeyPair:
        """A new pair, of 2048 bits."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(private_key=SecretStr(private.decode()), public_key=public.decode())

    def create_token(
        self,
        subject: str = "fastmcp-user",
        issuer: str = "https://fastmcp.example.com",
        audience: str | list[str] | None = None,
        scopes: list[str] | None = None,
        expires_in_seconds: int = 3600,
        additional_claims: dict[str, Any] | None = None,
        kid: str | None = None,
    ) -> str:
        """A token, signed with RS256.

        Args:
            subject: `sub`.
            issuer: `iss`.
            audience: `aud`; None for none.
            scopes: `scope`; None for none.
            expires_in_seconds: from now to `exp`.
            additional_claims: beside these, or instead of them.
            kid: the name of the key; None for none.
        """
        now = int(time.time())
        claims: Claims = {
            "sub": subject,
            "iss": issuer,
            "iat": now,
            "exp": now + expires_in_seconds,
        }
        if audience:
            claims["aud"] = audience
        if scopes:
            claims["scope"] = " ".join(scopes)
        claims.update(additional_claims or {})
        header = {"alg": "RS256", "typ": "JWT"} | ({"kid": kid} if kid else {})
        key = RSAKey.import_key(self.private_key.get_secret_value())
        return jwt.encode(header, claims, key)


def _key(material: str | bytes, algorithm: str | None) -> VerificationKey:
    if algorithm is not None and algorithm.startswith("HS"):
        return secret_key(material, algorithm)
    return author_key(material, algorithm)
