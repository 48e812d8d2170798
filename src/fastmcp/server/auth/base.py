"""What a server asks who comes: a provider, which verifies tokens and says where to get one.

A `TokenVerifier` only verifies. A `RemoteAuthProvider` also names the authorization servers that
issue tokens (RFC 9728); an `OAuthProvider` is one itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import AnyHttpUrl
from starlette.routing import Route

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.resource import metadata_routes, metadata_url

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

    Attributes:
        authorization_servers: the issuers of its tokens, which clients are told; none where it
            only verifies.
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
        self.authorization_servers: list[str] = []

    async def verify_token(self, token: str) -> AccessToken | None:
        """What a token says; None where it is none of ours, has expired, or is no token at all.

        Raises:
            VerificationUnavailableError: that cannot be known now.
        """
        raise NotImplementedError("A provider of authentication overrides verify_token")

    async def recognize(self, token: str) -> AccessToken | None:
        """The same, for the check of each request: what it gives may be given to others too, and
        nobody changes it. A provider overrides it that keeps what it verified.

        Raises:
            VerificationUnavailableError: that cannot be known now.
        """
        return await self.verify_token(token)

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if "verify_token" in cls.__dict__ and "recognize" not in cls.__dict__:
            # Who verifies in a way of their own is asked each time, whatever was inherited.
            cls.recognize = AuthProvider.recognize

    @property
    def takes_any_audience(self) -> bool:
        """Whether it takes tokens that were issued for other servers: one of these may then come
        here with what it was given (security-considerations, "Access Token Privilege
        Restriction")."""
        return False

    @property
    def scopes_supported(self) -> list[str]:
        """The scopes that clients are told they can ask for."""
        return self.required_scopes

    @property
    def challenge_scopes(self) -> list[str]:
        """The scopes that a client without a token is told to ask for."""
        return self.required_scopes

    def required_of(self, token: AccessToken) -> Sequence[str]:
        """The scopes without which a token does not come in."""
        return self.required_scopes

    def missing_scopes(self, token: AccessToken, required: Sequence[str]) -> list[str]:
        """Which of these a token has not. Override it where one scope implies others: a server
        MUST know that (basic/authorization, "Step-Up Authorization Flow")."""
        return [scope for scope in required if scope not in token.scopes]

    def resource_metadata(self) -> dict[str, Any]:
        """What the metadata of the protected resource says beside its name (RFC 9728, 2)."""
        document: dict[str, Any] = {
            "authorization_servers": self.authorization_servers,
            "bearer_methods_supported": ["header"],
        }
        if self.scopes_supported:
            document["scopes_supported"] = self.scopes_supported
        return document

    def metadata_url(self, path: str) -> str | None:
        """Where a client finds that; None where there is nothing to find.

        Args:
            path: of the endpoint, as the client wrote it.
        """
        if self.base_url is None or not self.authorization_servers:
            return None
        return metadata_url(str(self.base_url), path)

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """The routes it serves beside the endpoint, those under `/.well-known` included.

        Args:
            mcp_path: of the endpoint, such as "/mcp".
        """
        return self.get_metadata_routes(mcp_path)

    def get_metadata_routes(self, mcp_path: str | None = None) -> list[Route]:
        """Those that say of an endpoint whose tokens it takes."""
        if self.base_url is None or not self.authorization_servers:
            return []
        return metadata_routes(
            str(self.base_url),
            str(self.resource_base_url or self.base_url),
            mcp_path or "",
            self.resource_metadata(),
        )

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
