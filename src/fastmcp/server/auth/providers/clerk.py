"""Clerk."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from typing_extensions import Unpack

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.oauth_proxy.presets import CLERK, PresetOptions, PresetProxy, site
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier

__all__ = ["ClerkProvider", "ClerkTokenVerifier"]


class ClerkProvider(PresetProxy):
    """Lets people in who have an account at an instance of Clerk; see `PresetProxy`.

    Args:
        domain: of the instance.
        options: the others.
    """

    facts = CLERK

    def __init__(self, *, domain: str, **options: Unpack[PresetOptions]) -> None:
        super().__init__(site(domain), **options)


class ClerkTokenVerifier(IntrospectionTokenVerifier):
    """Asks an instance of Clerk what a token is; see `IntrospectionTokenVerifier`.

    Args:
        domain: of the instance.
        client_id: of this server there; tokens have to be issued to it, or for it.
        client_secret: the same.
        required_scopes: that every token must have.
        timeout_seconds: for one question.
        http_client: as for `IntrospectionTokenVerifier`.
    """

    def __init__(
        self,
        *,
        domain: str,
        client_id: str,
        client_secret: str | SecretStr,
        required_scopes: list[str] | None = None,
        timeout_seconds: float = 10,
        http_client: Any = None,
    ) -> None:
        super().__init__(
            introspection_url=f"{site(domain)}/oauth/token_info",
            client_id=client_id,
            client_secret=client_secret,
            required_scopes=required_scopes,
            timeout_seconds=timeout_seconds,
            http_client=http_client,
        )

    async def verify_token(self, token: str) -> AccessToken | None:
        found = await super().verify_token(token)
        if found is None:
            return None
        named = found.claims.get("aud") or found.claims.get("client_id")
        return found if self.client_id in (named if isinstance(named, list) else [named]) else None
