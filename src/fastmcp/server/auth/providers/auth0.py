"""Auth0, as a provider that knows its clients, and as one at which they register themselves."""

from __future__ import annotations

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.claims import scope_list
from fastmcp.server.auth.oauth_proxy.presets import (
    RESOURCE,
    Issuer,
    PresetRemote,
    RemoteOptions,
)
from fastmcp.server.auth.oidc_proxy import OIDCOptions, OIDCProxy, read_configuration
from fastmcp.server.auth.providers.jwt import JWTVerifier

__all__ = ["Auth0JWTVerifier", "Auth0MCPProvider", "Auth0Provider"]


class Auth0Provider(OIDCProxy):
    """Lets people in who have an account at a tenant of Auth0; see `OIDCProxy`.

    Args:
        config_url: "https://<tenant>.auth0.com/.well-known/openid-configuration".
        options: the others. `audience` is needed, the identifier of the API that was entered
            there: tokens for nobody are none that can be verified.

    Raises:
        TypeError: there is no audience.
    """

    default_scopes = ("openid",)

    def __init__(self, *, config_url: AnyHttpUrl | str, **options: Unpack[OIDCOptions]) -> None:
        if not options.get("audience"):
            raise TypeError("Auth0Provider needs audience=, the identifier of your API at Auth0")
        super().__init__(config_url=config_url, **options)


class Auth0JWTVerifier(JWTVerifier):
    """Verifies tokens of Auth0. What a person may do there (`permissions`) are scopes too."""

    async def verify_token(self, token: str) -> AccessToken | None:
        found = await super().verify_token(token)
        if found is None:
            return None
        scopes = [*found.scopes, *scope_list(found.claims.get("permissions"))]
        return found.model_copy(update={"scopes": list(dict.fromkeys(scopes))})


class Auth0MCPProvider(PresetRemote):
    """Verifies tokens of a tenant of Auth0 at which clients register themselves; see
    `PresetRemote`. There, an API has the address of this server's endpoint for an identifier, and
    the tenant takes `resource` for it (Resource Parameter Compatibility Profile).

    Args:
        config_url: "https://<tenant>.auth0.com/.well-known/openid-configuration".
        timeout_seconds: for reading it; 10 by default.
        options: the others.

    Raises:
        ConnectionError: the tenant cannot be reached.
        ValueError: its document is not in order, or an argument cannot be used.
    """

    jwt_verifier = Auth0JWTVerifier

    def __init__(
        self,
        *,
        config_url: AnyHttpUrl | str,
        timeout_seconds: float | None = None,
        **options: Unpack[RemoteOptions],
    ) -> None:
        said = read_configuration(str(config_url), seconds=timeout_seconds)
        if said.jwks_uri is None:
            raise ValueError("What is at config_url names no keys (jwks_uri)")
        facts = Issuer(
            issuers=(said.issuer,), server=said.issuer, keys=said.jwks_uri, audience=RESOURCE
        )
        super().__init__(facts, **options)
