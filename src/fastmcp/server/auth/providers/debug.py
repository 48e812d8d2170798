"""Tokens that a function of the author judges. For development: by default every one is good."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import TokenVerifier
from fastmcp.server.auth.claims import scope_list

__all__ = ["DebugTokenVerifier"]

_logger: Final = logging.getLogger("fastmcp.server.auth")


def _any(token: str) -> bool:
    return True


class DebugTokenVerifier(TokenVerifier):
    """Accepts what a function says yes to. All tokens are the same principal's.

    Args:
        validate: whether a token is good; sync or async. By default all are, but an empty one.
        client_id: that every token is said to be issued to.
        scopes: that every token is said to have.
        required_scopes: that every token must have.
    """

    def __init__(
        self,
        validate: Callable[[str], bool] | Callable[[str], Awaitable[bool]] = _any,
        client_id: str = "debug-client",
        scopes: list[str] | None = None,
        required_scopes: list[str] | None = None,
    ) -> None:
        super().__init__(required_scopes=scope_list(required_scopes))
        self.validate = validate
        self.client_id = client_id
        self.scopes = scope_list(scopes)
        _logger.warning(
            "DebugTokenVerifier %s: it is for development, never for production",
            "lets everybody in" if validate is _any else "makes everybody the same user",
        )

    async def verify_token(self, token: str) -> AccessToken | None:
        """What a token says; None where the function says no, or fails."""
        if not token.strip():
            return None
        try:
            answer = self.validate(token)
            good = await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            # Its text is not shown: the token may stand in it.
            _logger.warning(
                "validate of DebugTokenVerifier raised %s; the token is refused",
                type(error).__name__,
            )
            return None
        if not good:
            return None
        return AccessToken(token=token, client_id=self.client_id, scopes=list(self.scopes))
