"""A verifier whose tokens the test gives out and takes back."""

from __future__ import annotations

from typing import Any

from fastmcp.server.access import AccessToken
from fastmcp.server.auth import TokenVerifier, VerificationUnavailableError


class Tokens(TokenVerifier):
    """Knows the tokens that it gave out.

    Attributes:
        away: it cannot say of any.
        asked: how often it was.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.known: dict[str, AccessToken] = {}
        self.away = False
        self.asked = 0

    def give(self, token: str, subject: str | None = "ada", **facts: Any) -> str:
        facts = {"client_id": "app", "claims": {"iss": "https://issuer.example"}, **facts}
        self.known[token] = AccessToken(token=token, subject=subject, **facts)
        return token

    async def verify_token(self, token: str) -> AccessToken | None:
        self.asked += 1
        if self.away:
            raise VerificationUnavailableError("the keys cannot be had")
        return self.known.get(token)


def bearing(token: str) -> dict[str, str]:
    """The header of a request that brings a token."""
    return {"authorization": f"Bearer {token}"}
