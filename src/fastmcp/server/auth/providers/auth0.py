"""Auth0."""

from __future__ import annotations

from pydantic import AnyHttpUrl
from typing_extensions import Unpack

from fastmcp.server.auth.oidc_proxy import OIDCOptions, OIDCProxy

__all__ = ["Auth0Provider"]


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
