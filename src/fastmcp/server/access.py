"""Whose a request is: the principal that was authenticated, and the token that said so.

Who authenticates puts a user into the ASGI scope, as Starlette's `AuthenticationMiddleware` does:
this package's own door (`server/auth`), or whatever stands in front. A session that began as one
user's is nobody else's (2025-11-25, basic/security_best_practices, "Session Hijacking").
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AccessToken", "owner_of", "token_of"]


class AccessToken(BaseModel):
    """A token that was verified, and what it says.

    Attributes:
        token: as the client sent it. A secret: it belongs into no log.
        client_id: the OAuth client it was issued to.
        scopes: what it permits.
        expires_at: when it ends, in seconds since the epoch; None where it does not say.
        resource: whom it is for (RFC 8707).
        subject: whom it speaks for (`sub`).
        claims: everything it says, as far as it can be read.
        source: which of several took it (`MultiAuth`).
        leeway: seconds that it is good for after `expires_at`, because its verifier takes it that
            the issuer's clock may be slow (RFC 7519, 4.1.4).
    """

    model_config = ConfigDict(defer_build=True)

    token: str = Field(repr=False)
    client_id: str
    scopes: list[str] = []
    expires_at: int | None = None
    resource: str | None = None
    subject: str | None = None
    claims: dict[str, Any] = {}
    source: str = Field(default="", exclude=True, repr=False)
    leeway: float = Field(default=0.0, exclude=True, repr=False)

    @property
    def principal(self) -> str:
        """Who it is that calls: issuer and subject, so a token that was renewed is the same
        principal's. Where it names nobody, the client itself."""
        subject = self.subject or self.claims.get("sub")
        # So that no name of an issuer ends where another's subject begins.
        issuer = str(self.claims.get("iss") or self.source).replace("|", "||")
        return f"{issuer}|sub|{subject}" if subject else f"{issuer}|client|{self.client_id}"


def token_of(scope: Mapping[str, Any] | None) -> AccessToken | None:
    """The verified token of a request; None where there is none."""
    user = None if scope is None else scope.get("user")
    return getattr(user, "access_token", None)


def owner_of(scope: Mapping[str, Any]) -> str:
    """A hash of the principal that a session belongs to; "" where nobody was authenticated."""
    user = scope.get("user")
    if user is None or not getattr(user, "is_authenticated", False):
        return ""
    try:
        name = user.identity
    except (AttributeError, NotImplementedError):  # Starlette's SimpleUser has only a name
        name = user.display_name
    return _owner(str(name))


@lru_cache(maxsize=4096)
def _owner(name: str) -> str:
    """It is asked for several times in a request."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]
