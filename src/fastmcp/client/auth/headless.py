"""Authorization without a person: for tests, against servers that ask nobody."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import aiohttp

from fastmcp.client.auth.callback import AuthorizationCodeResult
from fastmcp.client.auth.oauth import OAuth

__all__ = ["HeadlessOAuth"]


class HeadlessOAuth(OAuth):
    """Asks for the page where a person would decide, and takes the redirect that answers.

    The arguments are those of `OAuth`.
    """

    _location: str | None = None

    async def redirect_handler(self, authorization_url: str) -> None:
        """Ask for the page."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(authorization_url, allow_redirects=False) as response,
        ):
            if response.status not in (302, 303, 307):
                raise RuntimeError(f"Authorization failed: {response.status}")
            self._location = response.headers["Location"]

    async def callback_handler(self) -> AuthorizationCodeResult:
        """Read the redirect."""
        assert self._location is not None
        said = parse_qs(urlsplit(self._location).query, keep_blank_values=True)
        first = {name: values[0] for name, values in said.items()}
        return AuthorizationCodeResult(
            *(first.get(name) for name in AuthorizationCodeResult._fields)
        )
