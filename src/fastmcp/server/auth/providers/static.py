"""Tokens that the author lists, for development and tests, and for a few keys of machines."""

from __future__ import annotations

import copy
import hmac
import logging
import time
from typing import Any, Final

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import TokenVerifier
from fastmcp.server.auth.claims import scope_list

__all__ = ["StaticTokenVerifier"]

_logger: Final = logging.getLogger("fastmcp.server.auth")


class StaticTokenVerifier(TokenVerifier):
    """Knows its tokens by heart.

    Two entries are two principals where their `sub` differs, or, without one, their `client_id`;
    an entry with neither is a client of its own.

    Args:
        tokens: what each token says: any of `sub`, `client_id`, `scopes` (a list, or a string
            with spaces between), `expires_at` (seconds since the epoch), and more for
            `AccessToken.claims`. `{"sub": "admin"}` is enough.
        required_scopes: that every token must have. The server looks at them, and answers 403.

    Raises:
        TypeError: what a token says is no dict.
    """

    def __init__(
        self, tokens: dict[str, dict[str, Any]], required_scopes: list[str] | None = None
    ) -> None:
        super().__init__(required_scopes=scope_list(required_scopes))
        if not all(isinstance(entry, dict) for entry in tokens.values()):  # pyright: ignore[reportUnnecessaryIsInstance]  # of people without a type checker
            raise TypeError(
                'tokens maps each token to a dict of what it says, such as {"sub": "admin"}'
            )
        self.tokens = tokens

    async def verify_token(self, token: str) -> AccessToken | None:
        """What a token says; None where it is not listed, or has expired."""
        given = token.encode(errors="surrogatepass")
        number, found = 0, None
        # All are compared, so that time tells neither which one it is nor how much of it is right.
        for at, (known, entry) in enumerate(self.tokens.items(), 1):
            if hmac.compare_digest(known.encode(errors="surrogatepass"), given):
                number, found = at, entry
        if found is None or not token:
            return None
        expires_at = found.get("expires_at")
        if expires_at is not None and expires_at <= time.time():
            _logger.debug("A token was refused: it has expired")
            return None
        subject = found.get("sub") or found.get("subject")
        return AccessToken(
            token=token,
            client_id=str(found.get("client_id") or subject or f"token-{number}"),
            scopes=scope_list(found.get("scopes", found.get("scope"))),
            expires_at=None if expires_at is None else int(expires_at),
            subject=None if subject is None else str(subject),
            claims=copy.deepcopy(found),
        )
