"""What a token says, held against what the server's author expects of it.

The same for claims that were signed (RFC 7519) and for those that the issuer is asked for
(RFC 7662). Who issued it is compared exactly, and whom it is for has to be among those named:
a token for somebody else is the usual way to be somebody else (2026-07-28,
basic/authorization/security-considerations, "Access Token Privilege Restriction"). Scopes are
not looked at here: a token that permits too little is a good token, and answered 403.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec

from fastmcp.protocol.jsonrpc import UNREADABLE
from fastmcp.server.access import AccessToken

__all__ = [
    "LEEWAY",
    "Claims",
    "Expected",
    "Refusal",
    "TokenLog",
    "access_token",
    "claims_in",
    "scope_list",
]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_TOLD: Final = 32
_FAR: Final = 1 << 53
LEEWAY: Final = 5.0
"""Seconds by which the clocks of issuer and server may differ."""

Claims: TypeAlias = dict[str, Any]


class Refusal(NamedTuple):
    """Why a token is not good, for the log: no word of it is for the client.

    Attributes:
        reason: continues "it".
        level: of logging; information where the server may be set up wrong.
    """

    reason: str
    level: int = logging.DEBUG


class TokenLog:
    """Tells whoever runs the server why tokens are refused, and that one names nobody.

    What looks like a mistake of the server's is told once for each reason: the same token comes
    with every request, and anybody can send others. The rest is for who debugs.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._nameless = False

    def tell(self, refusal: Refusal) -> None:
        """One line, or nothing."""
        reason, level = refusal
        if level > logging.DEBUG:
            if reason in self._told or len(self._told) >= _TOLD:
                level = logging.DEBUG
            else:
                self._told.add(reason)
        _logger.log(level, "A token was refused: it %s", reason)

    def look_at(self, claims: Claims) -> None:
        """A line for the first good token that names nobody: a session belongs to a principal."""
        if not self._nameless and _client(claims) is None:
            self._nameless = True
            _logger.warning(
                "A token names neither a subject nor a client: all such tokens are one and the "
                "same user. Have their issuer say `sub`"
            )


class Expected:
    """What claims have to say.

    Args:
        issuer: who may have issued them; None for anybody whose key is good.
        audience: whom they are for, one of these at least; None for anybody.
        leeway: seconds by which clocks may differ.

    Raises:
        ValueError: an issuer or audience is empty, or no string.
    """

    def __init__(
        self,
        issuer: str | list[str] | None = None,
        audience: str | list[str] | None = None,
        leeway: float = LEEWAY,
    ) -> None:
        self.issuers = _names("issuer", issuer)
        self.audiences = _names("audience", audience)
        self.leeway = leeway

    def refusal(self, claims: Claims, now: float) -> Refusal | None:
        """Why claims are not good; None where they are.

        Args:
            claims: of the token.
            now: seconds since the epoch.
        """
        exp, nbf, iat = (claims.get(name) for name in ("exp", "nbf", "iat"))
        if not all(when is None or _is_time(when) for when in (exp, nbf, iat)):
            return Refusal("has a time that is no number")  # RFC 7519, 2 (NumericDate)
        if exp is not None and now >= exp + self.leeway:  # RFC 7519, 4.1.4
            return Refusal("has expired")
        if nbf is not None and now < nbf - self.leeway:  # RFC 7519, 4.1.5
            return Refusal("is not valid yet", logging.INFO)
        if iat is not None and now < iat - self.leeway:  # RFC 7519, 4.1.6
            return Refusal("was issued in the future: compare the clocks", logging.INFO)
        issuer, audience = claims.get("iss"), claims.get("aud")
        if self.issuers is not None and not (isinstance(issuer, str) and issuer in self.issuers):
            return _other("was issued by", issuer, "issuer", self.issuers)  # RFC 7519, 4.1.1
        if self.audiences is not None and self.audiences.isdisjoint(_strings(audience)):
            return _other("is for", audience, "audience", self.audiences)  # RFC 7519, 4.1.3
        if not isinstance(claims.get("sub"), str | int | None):
            return Refusal("has a subject that is no string")  # RFC 7519, 4.1.2
        bound = claims.get("cnf")
        if isinstance(bound, dict) and "jkt" in bound:
            # Without the proof it would be good for whoever stole it (RFC 9449, 7.1).
            return Refusal("is bound to a key by DPoP, whose proofs are not taken", logging.INFO)
        if any(_is_refresh(claims.get(name)) for name in ("token_use", "token_type", "typ")):
            return Refusal("is a refresh token", logging.INFO)
        return None


def claims_in(payload: bytes) -> Claims | None:
    """What a token's payload says; None where it is no JSON object."""
    try:
        claims = msgspec.json.decode(payload)
    except UNREADABLE:
        return None
    return cast("Claims", claims) if isinstance(claims, dict) else None


def access_token(token: str, claims: Claims, leeway: float = 0.0) -> AccessToken:
    """Claims that were found good, as what handlers hold.

    Args:
        token: as it came.
        claims: everything it says; they become the object's own.
        leeway: see `AccessToken`.
    """
    exp, subject = claims.get("exp"), claims.get("sub")
    return AccessToken(
        token=token,
        client_id=_client(claims) or "unknown",
        scopes=_scopes(claims.get("scope", claims.get("scp"))),
        expires_at=None if exp is None else int(exp),
        subject=None if subject is None else str(subject),
        claims=claims,
        leeway=leeway,
    )


def scope_list(scopes: Any) -> list[str]:
    """Scopes as a list, from how authors and environments write them: a list, a string with spaces
    or commas between them, or a JSON array in a string; none for anything else."""
    if isinstance(scopes, str):
        if not scopes.lstrip().startswith("["):
            return scopes.replace(",", " ").split()
        try:
            scopes = json.loads(scopes)
        except (ValueError, RecursionError):
            return []
    return _strings(scopes)


def _scopes(said: Any) -> list[str]:
    """Scopes of a token: with spaces between them (RFC 8693, 4.2), or as a list of some issuers.
    A comma is a part of a scope (RFC 6749, 3.3)."""
    return said.split() if isinstance(said, str) else _strings(said)


def _client(claims: Claims) -> str | None:
    """Whom a token was issued to, or else whom it speaks for (RFC 9068, 2.2; OpenID Connect)."""
    named = claims.get("client_id") or claims.get("azp") or claims.get("sub")
    return str(named) if named else None


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | tuple | set | frozenset):
        return []
    return [item for item in cast("Iterable[Any]", value) if isinstance(item, str)]


def _names(what: str, given: str | list[str] | None) -> frozenset[str] | None:
    if given is None:
        return None
    names = [given] if isinstance(given, str) else list(given)
    if not names or not all(isinstance(name, str) and name for name in cast("list[Any]", names)):
        raise ValueError(f"{what} is a string or a list of strings, none of them empty")
    return frozenset(names)


def _is_refresh(kind: Any) -> bool:
    """Whether an issuer calls a token that gives others a refresh token; some say of these, too,
    that they are active, and they are for nobody but the issuer (RFC 6749, 1.5)."""
    return isinstance(kind, str) and kind.lower().startswith("refresh")


def _is_time(value: Any) -> bool:
    """Whether it is seconds that can be reckoned with; neither true, nor the end of all time."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _FAR


def _other(how: str, said: Any, parameter: str, expected: Iterable[str]) -> Refusal:
    told = repr(said)[:200] if said is not None else "nobody"
    wanted = ", ".join(map(repr, sorted(expected)))
    return Refusal(f"{how} {told}, and {parameter}= names {wanted}", logging.INFO)
