"""Tokens for the word of an identity provider: the JWT bearer grant (RFC 7523, 2.1) with an
identity assertion.

An assertion names the client that may use it, the server that it is for, and what the user may do
there; each is held here against who asks, for what. All that it has to be besides is looked at
first (`identity_assertion`). It is used up last: who brings somebody else's spoils it for nobody.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final, cast

from fastmcp.server.auth.base import VerificationUnavailableError
from fastmcp.server.auth.claims import Claims, Refusal, TokenLog, access_token
from fastmcp.server.auth.identity_assertion import LEEWAY, IdentityAssertion, TrustedIssuers
from fastmcp.server.auth.oauth.errors import OAuthError, TokenError
from fastmcp.server.auth.oauth.exchange import Form
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.models import (
    AssertedIdentity,
    OAuthClientInformationFull,
    OAuthToken,
)

__all__ = ["AssertionGrant"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_OF_THE_ASSERTION: Final = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "scp", "resource"}
)
"""Claims that speak of it, and not of the user."""


class AssertionGrant:
    """Gives tokens for identity assertions.

    Args:
        issuer: makes them.
        options: say whose assertions are taken.
    """

    def __init__(self, issuer: Issuer, options: IdentityAssertion) -> None:
        self._issuer = issuer
        self._required = options.required_scopes or []
        self._trusted = TrustedIssuers(options, issuer.issuer)
        self._log = TokenLog()

    async def token(self, client: OAuthClientInformationFull, form: Form) -> OAuthToken:
        """A token for the assertion that a client brings.

        Args:
            client: that has proven who it is.
            form: its request.

        Raises:
            OAuthError: there is none.
        """
        assertion = form.need("assertion")
        for resource in form.resources:
            if not self._issuer.is_own(resource):  # RFC 8707, 2.2
                raise TokenError("invalid_target", "The resource is not this server")
        try:
            claims = await self._trusted.claims_of(assertion)
        except VerificationUnavailableError as error:
            _logger.warning("An identity assertion could not be verified: %s", error)
            raise OAuthError(
                "temporarily_unavailable", "Whether the assertion is good cannot be known now"
            ) from None
        if isinstance(claims, Refusal):
            self._log.tell(claims)
            raise _refused(claims.reason)
        if claims.get("client_id") != client.client_id:  # ID-JAG, 4.4.1
            raise _refused("was made for another client than the one that brings it")
        asserted = AssertedIdentity(
            issuer=claims["iss"],
            subject=_subject(claims),
            scopes=self._scopes(client, access_token("", claims).scopes, form.get("scope")),
            resource=self._resource(claims.get("resource")),
            claims=_of_the_user(claims),
        )
        # EMA, 7.4.2; a name is unique among those of one issuer.
        mark = f"identity assertion {claims['iss']} {claims['jti']}"
        if not await self._issuer.is_first_use(mark, claims["exp"] - time.time() + 2 * LEEWAY):
            raise _refused("has been used before: get another one")
        return await self._issuer.exchange_identity_assertion(client, asserted)

    def _resource(self, said: Any) -> str | None:
        """Whom the token is for: this server, which the assertion may leave to its `aud`
        (EMA, 4.3 and 7.6.2)."""
        named = cast("list[Any]", said) if isinstance(said, list) else [said]
        if said is None or not named:
            return self._issuer.resource
        if not all(isinstance(one, str) and self._issuer.is_own(one) for one in named):
            raise _refused("is for another server: see resource")
        return self._issuer.own_resource(named[0])

    def _scopes(
        self, client: OAuthClientInformationFull, granted: list[str], asked: str | None
    ) -> list[str]:
        """What the identity provider grants, as far as the client asks for it (EMA, 7.2.1). Where
        it says nothing of scopes, what everybody has who is let in."""
        issuer = self._issuer
        unknown = sorted(set(granted) - set(issuer.scopes_supported))
        if unknown and issuer.scopes_supported:  # EMA, 7.6.2
            raise _refused(f"grants what this server does not have: {' '.join(unknown)}")
        missing = [scope for scope in self._required if scope not in granted]
        if missing:
            raise _refused(f"does not grant {' '.join(missing)}")
        own = list(dict.fromkeys(granted or issuer.scopes_by_default))
        if client.scope is not None:  # RFC 7591, 2
            registered = client.scope.split()
            own = [scope for scope in own if scope in registered]
        wanted = own if asked is None else [*asked.split(), *self._required]
        found = [scope for scope in own if scope in wanted]
        if asked is not None and not found:
            raise TokenError("invalid_scope", "The assertion grants none of the scopes asked for")
        return found


def _subject(claims: Claims) -> str:
    """Who it is, among all users of the issuer: one with several tenants can have the same name in
    each (ID-JAG, 6)."""
    tenant = claims.get("tenant")
    return claims["sub"] if tenant is None else f"{tenant}|{claims['sub']}"


def _of_the_user(claims: Claims) -> Claims:
    found = {name: said for name, said in claims.items() if name not in _OF_THE_ASSERTION}
    return {**found, "assertion_iss": claims["iss"]}


def _refused(reason: str) -> TokenError:
    """RFC 7521, 4.1.1."""
    return TokenError("invalid_grant", f"The assertion {reason}")
