"""PropelAuth, at which clients register themselves, and which is asked what tokens are."""

from __future__ import annotations

from typing import Any

from pydantic import AnyHttpUrl, SecretStr

from fastmcp.server.auth.oauth_proxy.presets import site
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.auth.remote import RemoteAuthProvider

__all__ = ["PropelAuthProvider"]


class PropelAuthProvider(RemoteAuthProvider):
    """Verifies tokens that PropelAuth issues.

    Args:
        auth_url: of the project.
        introspection_client_id: of this server there.
        introspection_client_secret: the same.
        base_url: as for `RemoteAuthProvider`.
        required_scopes: that every token must have.
        scopes_supported: as for `RemoteAuthProvider`, like the next two.
        resource_name: the same.
        resource_documentation: the same.
        resource: whom tokens are for; None for any server of the project.
        token_introspection_overrides: further arguments of `IntrospectionTokenVerifier`.
    """

    def __init__(
        self,
        *,
        auth_url: AnyHttpUrl | str,
        introspection_client_id: str,
        introspection_client_secret: str | SecretStr,
        base_url: AnyHttpUrl | str,
        required_scopes: list[str] | None = None,
        scopes_supported: list[str] | None = None,
        resource_name: str | None = None,
        resource_documentation: AnyHttpUrl | str | None = None,
        resource: AnyHttpUrl | str | None = None,
        token_introspection_overrides: dict[str, Any] | None = None,
    ) -> None:
        server = f"{site(auth_url)}/oauth/2.1"
        verifier = IntrospectionTokenVerifier(
            introspection_url=f"{server}/introspect",
            client_id=introspection_client_id,
            client_secret=introspection_client_secret,
            required_scopes=required_scopes,
            audience=None if resource is None else str(resource),
            **(token_introspection_overrides or {}),
        )
        super().__init__(
            verifier,
            authorization_servers=[server],
            base_url=base_url,
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
        )
