"""A server whose tokens come from authorization servers elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import AnyHttpUrl

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import AuthProvider, TokenVerifier

__all__ = ["RemoteAuthProvider"]


class RemoteAuthProvider(AuthProvider):
    """Verifies tokens, and tells clients where to get one (RFC 9728).

    Args:
        token_verifier: verifies them.
        authorization_servers: the issuers, as their own metadata names them: a string is told to
            clients as it stands.
        base_url: where this server is reached from outside, without the path of its endpoint.
        scopes_supported: that clients may ask for; those that the verifier requires by default.
        resource_base_url: as for `AuthProvider`.
        resource_name: what people call this server.
        resource_documentation: a page about it.
        challenge_scopes: that a client without a token is told to ask for; those that are
            required by default.
    """

    def __init__(
        self,
        token_verifier: TokenVerifier,
        authorization_servers: Sequence[AnyHttpUrl | str],
        base_url: AnyHttpUrl | str,
        scopes_supported: list[str] | None = None,
        resource_base_url: AnyHttpUrl | str | None = None,
        resource_name: str | None = None,
        resource_documentation: AnyHttpUrl | str | None = None,
        challenge_scopes: list[str] | None = None,
    ) -> None:
        super().__init__(base_url, token_verifier.required_scopes, resource_base_url)
        self.token_verifier = token_verifier
        self.authorization_servers = [_issuer(one) for one in authorization_servers]
        self.resource_name = resource_name
        self.resource_documentation = resource_documentation
        self._scopes_supported = scopes_supported
        self._challenge_scopes = challenge_scopes

    async def verify_token(self, token: str) -> AccessToken | None:
        return await self.token_verifier.verify_token(token)

    async def recognize(self, token: str) -> AccessToken | None:
        return await self.token_verifier.recognize(token)

    def required_of(self, token: AccessToken) -> Sequence[str]:
        return self.token_verifier.required_of(token)

    def missing_scopes(self, token: AccessToken, required: Sequence[str]) -> list[str]:
        return self.token_verifier.missing_scopes(token, required)

    @property
    def takes_any_audience(self) -> bool:
        return self.token_verifier.takes_any_audience

    @property
    def scopes_supported(self) -> list[str]:
        given = self._scopes_supported
        return self.token_verifier.scopes_supported if given is None else given

    @property
    def challenge_scopes(self) -> list[str]:
        given = self._challenge_scopes
        return self.token_verifier.challenge_scopes if given is None else given

    def resource_metadata(self) -> dict[str, Any]:
        document = super().resource_metadata()
        if self.resource_name is not None:
            document["resource_name"] = self.resource_name
        if self.resource_documentation is not None:
            document["resource_documentation"] = str(self.resource_documentation)
        return document


def _issuer(url: AnyHttpUrl | str) -> str:
    """An issuer's name. It is compared as it stands (RFC 8414, 3.3), and pydantic puts a slash
    behind a host."""
    text = str(url)
    return text.rstrip("/") if not isinstance(url, str) and url.path == "/" else text
