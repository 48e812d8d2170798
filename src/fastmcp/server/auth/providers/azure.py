"""Microsoft Entra ID.

It names scopes of one's own API with the API's name before them when it is asked for them, and
without it in its tokens; wants them in each request for a token, of one API at a time; and refuses
`resource`, which says the same.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import AnyHttpUrl, SecretStr
from typing_extensions import Unpack

from fastmcp.server.auth.claims import scope_list
from fastmcp.server.auth.oauth_proxy.proxy import OAuthProxy, ProxyOptions
from fastmcp.server.auth.providers.jwt import JWTVerifier

__all__ = ["AzureJWTVerifier", "AzureProvider"]

_OIDC: Final = frozenset({"openid", "profile", "email", "offline_access"})
"""No token of an API has these."""
_AUTHORITY: Final = "login.microsoftonline.com"


class AzureJWTVerifier(JWTVerifier):
    """Verifies access tokens of a tenant for one's own API.

    Args:
        client_id: of the API's application.
        tenant_id: of the tenant.
        required_scopes: that every token must have, without the API's name.
        identifier_uri: the API's name; "api://<client_id>" by default.
        base_authority: another cloud's host.
        token_issuer: another `iss` than the tenant's.
        http_client: as for `JWTVerifier`.
    """

    def __init__(
        self,
        *,
        client_id: str,
        tenant_id: str,
        required_scopes: list[str] | None = None,
        identifier_uri: str | None = None,
        base_authority: str = _AUTHORITY,
        token_issuer: str | None = None,
        http_client: Any = None,
    ) -> None:
        tenant = f"https://{base_authority}/{tenant_id}"
        super().__init__(
            jwks_uri=f"{tenant}/discovery/v2.0/keys",
            issuer=token_issuer or f"{tenant}/v2.0",
            audience=[client_id, identifier_uri or f"api://{client_id}"],
            algorithm="RS256",
            required_scopes=[one for one in scope_list(required_scopes) if one not in _OIDC],
            http_client=http_client,
        )


class AzureProvider(OAuthProxy):
    """Lets people in who have an account in a tenant of Entra ID.

    Args:
        client_id: of the application that was entered there.
        client_secret: the same.
        tenant_id: of the tenant.
        required_scopes: that every token must have: of the application's own API, by their names
            alone, such as "read".
        base_url: as for `OAuthProxy`.
        identifier_uri: the API's name; "api://<client_id>" by default.
        additional_authorize_scopes: that people are asked for besides, such as "User.Read".
        base_authority: another cloud's host.
        token_issuer: another `iss` than the tenant's.
        http_client: as for `JWTVerifier`.
        options: the others of `OAuthProxy`.

    Raises:
        ValueError: no scope of the API is required.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str | SecretStr | None = None,
        tenant_id: str,
        required_scopes: list[str],
        base_url: AnyHttpUrl | str,
        identifier_uri: str | None = None,
        additional_authorize_scopes: list[str] | None = None,
        base_authority: str = _AUTHORITY,
        token_issuer: str | None = None,
        http_client: Any = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        scopes = scope_list(required_scopes)
        verifier = AzureJWTVerifier(
            client_id=client_id,
            tenant_id=tenant_id,
            required_scopes=scopes,
            identifier_uri=identifier_uri,
            base_authority=base_authority,
            token_issuer=token_issuer,
            http_client=http_client,
        )
        if not verifier.required_scopes:
            raise ValueError(
                "required_scopes names a scope of your own API (Expose an API), such as 'read': "
                "without one the tokens are for Microsoft, and nobody else can verify them"
            )
        self.identifier_uri = identifier_uri or f"api://{client_id}"
        asked = [*scopes, *scope_list(additional_authorize_scopes), "offline_access"]
        self.additional_authorize_scopes = [
            one for one in dict.fromkeys(asked) if one not in verifier.required_scopes
        ]
        options["forward_resource"] = False
        options["valid_scopes"] = options.get("valid_scopes") or verifier.required_scopes
        tenant = f"https://{base_authority}/{tenant_id}/oauth2/v2.0"
        super().__init__(
            upstream_authorization_endpoint=f"{tenant}/authorize",
            upstream_token_endpoint=f"{tenant}/token",
            upstream_client_id=client_id,
            upstream_client_secret=client_secret,
            token_verifier=verifier,
            base_url=base_url,
            **options,
        )

    def upstream_scopes(self, scopes: list[str]) -> list[str]:
        asked = [*self._named(scopes), *self.additional_authorize_scopes]
        return list(dict.fromkeys(asked))

    def token_scopes(self, scopes: list[str]) -> list[str] | None:
        others = [one for one in self.additional_authorize_scopes if one in _OIDC]
        return list(dict.fromkeys([*self._named(scopes), *others]))

    def _named(self, scopes: list[str]) -> list[str]:
        return [
            one if one in _OIDC or "/" in one else f"{self.identifier_uri}/{one}" for one in scopes
        ]
