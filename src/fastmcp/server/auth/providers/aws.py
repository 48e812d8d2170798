"""Amazon Cognito."""

from __future__ import annotations

import logging
from typing import Any

from typing_extensions import Unpack

from fastmcp.server.auth.base import TokenVerifier
from fastmcp.server.auth.claims import Claims, Refusal
from fastmcp.server.auth.oidc_proxy import OIDCOptions, OIDCProxy
from fastmcp.server.auth.providers.jwt import JWTVerifier

__all__ = ["AWSCognitoProvider", "AWSCognitoTokenVerifier"]


class AWSCognitoProvider(OIDCProxy):
    """Lets people in who have an account in a user pool of Cognito; see `OIDCProxy`.

    Args:
        user_pool_id: of the pool.
        aws_region: where it is.
        options: the others.
    """

    default_scopes = ("openid",)

    def __init__(
        self,
        *,
        user_pool_id: str,
        aws_region: str = "eu-central-1",
        **options: Unpack[OIDCOptions],
    ) -> None:
        pool = f"https://cognito-idp.{aws_region}.amazonaws.com/{user_pool_id}"
        config_url = f"{pool}/.well-known/openid-configuration"
        super().__init__(config_url=config_url, **options)

    def get_token_verifier(
        self,
        *,
        algorithm: str | None = None,
        audience: str | None = None,
        required_scopes: list[str] | None = None,
        timeout_seconds: float | None = None,
    ) -> TokenVerifier:
        kind = JWTVerifier if self.verify_id_token else AWSCognitoTokenVerifier
        return kind(
            jwks_uri=self.oidc_config.jwks_uri,
            issuer=self.oidc_config.issuer,
            audience=audience or self.client_id,
            algorithm=algorithm,
            required_scopes=required_scopes,
        )


class AWSCognitoTokenVerifier(JWTVerifier):
    """Verifies access tokens of a user pool. They name no audience, but the client that they were
    issued to.

    Args:
        audience: that client, or several; None for any of the pool.
        options: of `JWTVerifier`.
    """

    def __init__(self, *, audience: str | list[str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._clients = [audience] if isinstance(audience, str) else audience

    @property
    def takes_any_audience(self) -> bool:
        return self._clients is None

    async def _judged(self, token: str) -> Claims | Refusal:
        found = await super()._judged(token)
        if isinstance(found, Refusal) or self._clients is None:
            return found
        if found.get("client_id") not in self._clients:
            return Refusal("was issued to another client than audience= names", logging.INFO)
        return found
