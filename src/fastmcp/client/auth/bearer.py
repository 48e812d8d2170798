"""A token the client already has (RFC 6750)."""

from __future__ import annotations

from pydantic import SecretStr

__all__ = ["BearerAuth"]


class BearerAuth:
    """Sends `Authorization: Bearer <token>` with every request.

    Args:
        token: without the word Bearer.
    """

    def __init__(self, token: str) -> None:
        self.token = SecretStr(token)

    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self.token.get_secret_value()}"
