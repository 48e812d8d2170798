"""An authorization server in the memory of one process, for development and tests."""

from __future__ import annotations

import logging
from typing import Final

from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import Unpack

from fastmcp.server.auth.oauth.models import Subject
from fastmcp.server.auth.oauth.stored import StoredOAuthProvider, StoredOptions

__all__ = ["InMemoryOAuthProvider"]

_logger: Final = logging.getLogger("fastmcp.server.auth")
_HERE: Final = ("127.0.0.1", "localhost", "[::1]")


class InMemoryOAuthProvider(StoredOAuthProvider):
    """An authorization server whose one user is whoever sits at the browser.

    Everything it granted is forgotten when the process ends, and no other worker knows it. Whoever
    reaches the page of consent can consent: override `authenticate` before others can reach it.

    Args:
        base_url: where this server is reached; http://127.0.0.1:8000 by default.
        options: as for `StoredOAuthProvider`.
    """

    def __init__(
        self, *, base_url: AnyHttpUrl | str | None = None, **options: Unpack[StoredOptions]
    ) -> None:
        super().__init__(base_url=base_url or "http://127.0.0.1:8000", **options)
        host = AnyHttpUrl(self.endpoints_url).host
        if host not in _HERE and type(self).authenticate is InMemoryOAuthProvider.authenticate:
            _logger.warning(
                "%s lets everybody in who can reach %s: override authenticate",
                type(self).__name__,
                self.endpoints_url,
            )

    async def authenticate(self, request: Request) -> Subject | Response:
        """One user, and no question who it is."""
        return Subject("local", "the only user of this server")
