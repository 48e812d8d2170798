"""What a refusal asks for, and whether there is any use in asking for it.

Source: 2026-07-28, basic/authorization, "Scope Challenge Handling"; RFC 6750, 3; RFC 9449, 7.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from yarl import URL

from fastmcp.client.auth.credentials import Trust, trusting
from fastmcp.client.auth.tokens import Token
from fastmcp.client.errors import AuthorizationFailedError
from fastmcp.protocol.challenges import Challenge
from fastmcp.utilities.addresses import shown

__all__ = ["AUTHORIZATIONS", "Demand", "foremost", "scopes_of"]

AUTHORIZATIONS: Final = 3
"""Of one request: "no more than a few times" (Step-Up Authorization Flow, 4)."""


@dataclass(frozen=True)
class Demand:
    """What a job is to obtain.

    Attributes:
        endpoint: of the server.
        sent: the Authorization header that was not enough, None where there was none.
        scopes: that the challenge names.
        metadata: where it says that the resource's metadata is.
        wants_dpop: it takes only tokens bound to a key.
        knows_dpop: it takes such tokens.
        more: the token was good, and has too little scope.
        anew: what a refresh gave was refused as well.
        silent: without a person.
        peer: the address of the server, None where it is not known.
        trust: of the client that met the refusal.
    """

    endpoint: URL
    sent: str | None = field(default=None, repr=False)
    scopes: frozenset[str] = frozenset()
    metadata: str | None = None
    wants_dpop: bool = False
    knows_dpop: bool = False
    more: bool = False
    anew: bool = False
    silent: bool = False
    peer: str | None = None
    trust: Trust = trusting

    def decides(self, other: Demand) -> bool:
        """Whether what came to nothing for this one does so for another: not where a person could
        be asked for that alone, or for something else."""
        if self.silent or other.silent:
            return other.silent
        return self.more == other.more and (not other.more or other.scopes <= self.scopes)

    def is_met_by(self, token: Token) -> bool:
        """Whether a token that somebody kept is what is to be obtained."""
        enough = not self.more or self.scopes <= token.has
        bound = token.key is not None or not self.wants_dpop
        return token.header != self.sent and enough and bound and token.lives

    def check(self, token: Token | None, given: str | None, authorizations: int) -> None:
        """Whether asking for a token could change anything.

        Args:
            token: that there is.
            given: the header of the token that an authorization gave last.
            authorizations: how often one was asked for already.
        Raises:
            AuthorizationFailedError: not any more.
        """
        where = shown(self.endpoint)
        if authorizations >= AUTHORIZATIONS:
            raise AuthorizationFailedError(
                f"{where} still refuses after {authorizations} authorizations for one request",
                403 if self.more else 401,
            )
        if authorizations and not self.more and self.sent == given:
            raise AuthorizationFailedError(
                f"{where} refuses the very token that was obtained for it from "
                f"{'its authorization server' if token is None else token.server.issuer}: one of "
                "the two is not set up for the other"
            )
        if not self.more or token is None:
            return
        wanted = " ".join(sorted(self.scopes)) or "scope"
        refuses, why = f"{where} refuses for want of {wanted}", None
        if not self.scopes:
            why = "and does not say which (`scope` of its challenge): nobody can be asked for it"
        elif self.scopes <= token.has:
            why = "which the token has: nobody can grant more"
        elif authorizations and self.sent == given and self.scopes <= token.requested:
            why = f"and {token.server.issuer} was asked for it just now and did not grant {wanted}"
        if why is not None:
            raise AuthorizationFailedError(f"{refuses}, {why}", 403, error="insufficient_scope")


def scopes_of(scopes: str | Iterable[str] | None) -> frozenset[str] | None:
    """Scopes in a text or a list, as a set; None for none said. What a terminal would obey is none:
    errors repeat them."""
    if scopes is None:
        return None
    found = scopes.split() if isinstance(scopes, str) else scopes
    return frozenset(each for each in found if each.isprintable())


def foremost(challenges: list[Challenge], scheme: str) -> Challenge | None:
    """The challenge that is answered: of the scheme in use, else the one that says the most."""
    known = [each for each in challenges if each.scheme in ("bearer", "dpop")]
    return max(known, key=lambda each: (each.scheme == scheme, len(each.parameters)), default=None)
