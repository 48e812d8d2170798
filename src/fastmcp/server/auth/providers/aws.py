"""Amazon Cognito."""

from __future__ import annotations

from typing_extensions import Unpack

from fastmcp.server.auth.oidc_proxy import OIDCOptions, OIDCProxy

__all__ = ["AWSCognitoProvider"]


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
