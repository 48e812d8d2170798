"""What a server asks who comes: a provider, which verifies tokens and says where to get one.

A `TokenVerifier` only verifies. A `RemoteAuthProvider` also names the authorization servers that
issue tokens (RFC 9728); an `OAuthProvider` is one itself.
"""

from __future__ import annotations

from typing import Any

from pydantic import AnyHttpUrl
from starlette.routing import Route

from fastmcp.server.access import AccessToken

__all__ = ["AuthProvider", "TokenVerifier", "VerificationUnavailableError"]


class VerificationUnavailableError(Exception):
    """Whether a token is good cannot be known now: keys or answers of somebody else cannot be had.

    The request is answered 503, not 401: its token may be good, and a client that is told
    otherwise throws it away. The text is for the log; it holds no token.
    """


class AuthProvider:
    """Verifies the token of each request.

    Args:
        base_url: where this server is reached from outside, without the path of its endpoint.
        required_scopes: that every token must have.
        resource_base_url: the same as `base_url`, where tokens are for another address.
    """

    def __init__(
        self,
        base_url: AnyHttpUrl | str | None = None,
        required_scopes: list[str] | None = None,
        resource_base_url: AnyHttpUrl | str | None = None,
    ) -> None:
        self.base_url = None if base_url is None else AnyHttpUrl(str(base_url))
        self.resource_base_url = (
            self.base_url if resource_base_url is None else AnyHttpUrl(str(resource_base_url))
        )
        self.required_scopes: list[str] = required_scopes or []

    async def verify_token(self, token: str) -> AccessToken | None:
        """What a token says; None where it is none of ours, has expired, or is no token at all.

        Raises:
            VerificationUnavailableError: that cannot be known now.
        """
        raise NotImplementedError("A provider of authentication overrides verify_token")

    @property
    def scopes_supported(self) -> list[str]:
        """The scopes that clients are told they can ask for."""
        return self.required_scopes

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """The routes it serves beside the endpoint, those under `/.well-known` included.

        Args:
            mcp_path: of the endpoint, such as "/mcp".
        """
        return []

    def get_well_known_routes(self, mcp_path: str | None = None) -> list[Route]:
        """Those of its routes that have to be at the root of the host (RFC 8615), for an
        application that mounts this server below a path."""
        return [
            route for route in self.get_routes(mcp_path) if route.path.startswith("/.well-known/")
        ]

    def get_middleware(self) -> list[Any]:
        """ASGI middleware of its own, for what it does besides; tokens are verified at the
        endpoint's door."""
        return []


class TokenVerifier(AuthProvider):
    """Verifies tokens that somebody else issues, and says nothing of where to get one."""
