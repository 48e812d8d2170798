"""A token the client already has (RFC 6750)."""

from __future__ import annotations

from pydantic import SecretStr

from fastmcp.client.auth.credentials import FixedCredentials

__all__ = ["BearerAuth"]


class BearerAuth(FixedCredentials):
    """Sends `Authorization: Bearer <token>` with every request.

    Args:
        token: without the word Bearer.
    """

    def __init__(self, token: str) -> None:
        super().__init__(f"Bearer {token}")
        self.token = SecretStr(token)

    def header(self) -> str:
        """The value of the Authorization header."""
        return self._value
