"""Users whom a company's identity provider vouches for (enterprise-managed authorization).

Their client sends nobody to a page of consent. It brings an assertion (Identity Assertion JWT
Authorization Grant, ID-JAG), which the identity provider made for one user, one client and one
server. Whoever runs the server says which identity providers are believed; anybody else's word is
worth nothing, and no key is fetched for it. Here an assertion is held against what it has to be,
whoever brings it; `oauth.assertions` holds it against who does.

Sources: the extension io.modelcontextprotocol/enterprise-managed-authorization (EMA below);
draft-ietf-oauth-identity-assertion-authz-grant-04 (ID-JAG below); RFC 7521, 5.2; RFC 7523, 3.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fastmcp.server.auth.claims import Claims, Expected, Refusal, claims_in
from fastmcp.server.auth.fetching import Fetched, Fetcher, FetchError
from fastmcp.server.auth.jwks import RemoteKeys
from fastmcp.server.auth.signatures import ALGORITHMS, Signed, may_sign, read, verifies

__all__ = ["JWT_BEARER", "LEEWAY", "PROFILE", "IdentityAssertion", "TrustedIssuers"]

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""RFC 7523, 2.1."""
PROFILE: Final = "urn:ietf:params:oauth:grant-profile:id-jag"
"""ID-JAG, 7.2."""
LEEWAY: Final = 30.0
"""Seconds by which the clocks of identity provider and server may differ."""

_TYPE: Final = "oauth-id-jag+jwt"
_KINDS: Final = frozenset({"oauth-id-jag", "application/oauth-id-jag"})
_LONGEST_LIFE: Final = 1200.0
"""Seconds: short-lived (EMA, 7.4.2). The example of ID-JAG, 3.1 lives for 1000."""
_INTERVAL: Final = 30.0
_LIMIT: Final = 512 * 1024
_SECONDS: Final = 10.0
_DISCOVERY: Final = "/.well-known/openid-configuration"
_ASYMMETRIC: Final = frozenset(one for one in ALGORITHMS if may_sign(one, None))


class IdentityAssertion(BaseModel):
    """Whose word about users an authorization server takes.

    Attributes:
        trusted_issuers: identity providers, as `iss` of their assertions names them.
        jwks_uris: where the keys of each are published, by its name. Of one that is not named here
            they are found by its OpenID configuration.
        audience: what `aud` of an assertion is; the issuer of this server by default.
        required_scopes: that an assertion must grant.
        algorithm: that assertions are signed with. By default that of the key; RS256 for RSA keys
            that do not say.
        algorithms: the same of a single identity provider, by its name.
        access_token_expiry_seconds: how long an access token is good that was given for one. There
            is no refresh token: the client brings another assertion, and the identity provider
            decides anew.

    Raises:
        pydantic.ValidationError: an argument cannot be used.
    """

    model_config = ConfigDict(extra="forbid")

    trusted_issuers: list[str] = Field(min_length=1)
    jwks_uris: dict[str, str] | None = None
    audience: str | None = None
    required_scopes: list[str] | None = None
    algorithm: str | None = None
    algorithms: dict[str, str] | None = None
    access_token_expiry_seconds: int = Field(default=300, gt=0)

    @field_validator("algorithm", "algorithms")
    @classmethod
    def _check_algorithms(cls, given: str | dict[str, str] | None) -> str | dict[str, str] | None:
        named = [given] if isinstance(given, str) else (given or {}).values()
        unknown = sorted(set(named) - _ASYMMETRIC)
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)} does not go with keys that are published: choose from "
                f"{', '.join(sorted(_ASYMMETRIC))}"
            )
        return given

    @model_validator(mode="after")
    def _check_issuers(self) -> IdentityAssertion:
        for name, given in (("jwks_uris", self.jwks_uris), ("algorithms", self.algorithms)):
            strange = sorted(set(given or {}) - set(self.trusted_issuers))
            if strange:
                raise ValueError(f"{name} names {', '.join(strange)}, which is not trusted")
        for issuer in self.trusted_issuers:
            try:
                Fetcher(configured=True).check(_keys_at(self, issuer))
            except FetchError as error:
                raise ValueError(
                    f"The keys of {issuer!r} cannot be fetched: give the URL that its assertions "
                    f"name as iss, or jwks_uris. {error}"
                ) from error
        return self


class TrustedIssuers:
    """Reads assertions, and knows the keys of those who may make them.

    Args:
        options: say who that is.
        issuer: the name of this authorization server.
    """

    def __init__(self, options: IdentityAssertion, issuer: str) -> None:
        bare = issuer.rstrip("/")
        # The models of some clients put a slash behind a host.
        own = [bare, bare + "/"] if options.audience is None else [options.audience]
        self._expected = Expected(audience=own, leeway=LEEWAY)
        self._algorithms: Mapping[str, str | None] = {
            one: (options.algorithms or {}).get(one, options.algorithm)
            for one in options.trusted_issuers
        }
        self._keys = {
            one: _remote(options, one, algorithm) for one, algorithm in self._algorithms.items()
        }

    async def claims_of(self, assertion: str) -> Claims | Refusal:
        """What an assertion says, or why it is worth nothing.

        Args:
            assertion: as it came.

        Raises:
            VerificationUnavailableError: the keys of its issuer cannot be had.
        """
        signed = read(assertion, kinds=_KINDS)
        if isinstance(signed, Refusal):
            return signed
        claims = claims_in(signed.payload)
        if claims is None:
            return Refusal("holds no JSON object")
        refusal = self._refusal(signed, claims)
        if refusal is not None:
            return refusal
        issuer: str = claims["iss"]
        if not may_sign(signed.algorithm, self._algorithms[issuer]):
            return Refusal(f"is signed with {signed.algorithm}")  # EMA, 7.4.1
        keys = await self._keys[issuer].matching(signed.kid, signed.algorithm)
        if not verifies(signed, keys):
            return Refusal("is signed by none of the issuer's keys, or with another algorithm")
        return claims

    def _refusal(self, signed: Signed, claims: Claims) -> Refusal | None:
        kind = str(signed.jws.protected.get("typ") or "").lower()
        if kind.removeprefix("application/") != _TYPE:  # RFC 8725, 3.11
            return Refusal(f"is no identity assertion: its typ is {kind[:100]!r}, not {_TYPE!r}")
        issuer, subject, audience = (claims.get(name) for name in ("iss", "sub", "aud"))
        if not isinstance(issuer, str) or issuer not in self._keys:
            # Who is trusted is not told (ID-JAG, "Metadata Disclosure").
            return Refusal("is of an identity provider that this server does not trust")
        if isinstance(audience, list) and len(cast("list[Any]", audience)) != 1:  # ID-JAG, 4.4.1
            return Refusal("is for several servers: aud names exactly one")
        refusal = self._expected.refusal(claims, time.time())
        if refusal is not None:
            return refusal
        exp, iat = claims.get("exp"), claims.get("iat")
        if exp is None or iat is None:  # ID-JAG, 3.1
            return Refusal("does not say when it was made and when it ends: iat, exp")
        if exp - iat > _LONGEST_LIFE:
            return Refusal(f"is good for longer than {_LONGEST_LIFE:g} s: see exp and iat")
        if not isinstance(subject, str) or not subject:
            return Refusal("names no user: see sub")
        if not isinstance(claims.get("jti"), str) or not claims["jti"]:
            return Refusal("has no name of its own: see jti")
        if "cnf" in claims:
            # ID-JAG, "Proof-of-Possession": without the proof it has to be refused.
            return Refusal("is bound to a key (cnf), and this server takes no proofs of one")
        return None


class _DiscoveringFetcher(Fetcher):
    """Fetches an identity provider's keys, given where its OpenID configuration is. As that is
    read anew with the keys, they may move.

    Args:
        issuer: whose they are.
    """

    def __init__(self, issuer: str) -> None:
        super().__init__(configured=True)
        self._issuer = issuer

    async def get_json(
        self, url: str, *, limit: int = _LIMIT, seconds: float = _SECONDS
    ) -> Fetched:
        document = await super().get_json(url, limit=limit, seconds=seconds)
        read = document.json
        said = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
        keys = said.get("jwks_uri")
        if said.get("issuer") != self._issuer:  # OpenID Connect Discovery 1.0, 4.3
            raise FetchError(f"{document.url} is not the document of {self._issuer!r}")
        if not isinstance(keys, str):
            raise FetchError(f"{document.url} names no jwks_uri: say it in jwks_uris")
        if url.startswith("https:") and not keys.startswith("https:"):  # EMA, 7.4.1
            raise FetchError(f"{document.url} names keys that are not read by https")
        return await super().get_json(keys, limit=limit, seconds=seconds)


def _keys_at(options: IdentityAssertion, issuer: str) -> str:
    """Where the keys of an issuer are, or what says where."""
    return (options.jwks_uris or {}).get(issuer) or issuer.rstrip("/") + _DISCOVERY


def _remote(options: IdentityAssertion, issuer: str, algorithm: str | None) -> RemoteKeys:
    given = issuer in (options.jwks_uris or {})
    return RemoteKeys(
        _keys_at(options, issuer),
        Fetcher(configured=True) if given else _DiscoveringFetcher(issuer),
        algorithm=algorithm,
        interval=_INTERVAL,
        changed=lambda: None,  # nothing is made of them that lasts
    )
