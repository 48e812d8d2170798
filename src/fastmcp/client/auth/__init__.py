"""How a client is let in: a token that it has, or one that it obtains.

Every kind is `Credentials`; those that obtain tokens keep and renew them (`authorizer`).
"""

from fastmcp.client.auth.bearer import BearerAuth
from fastmcp.client.auth.callback import AuthorizationCodeResult
from fastmcp.client.auth.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
    static_assertion_provider,
)
from fastmcp.client.auth.credentials import Credentials
from fastmcp.client.auth.identity import (
    IdentityAssertionOAuthProvider,
    IdentityProviderExchange,
    WorkloadIdentityOAuthProvider,
)
from fastmcp.client.auth.oauth import OAuth
from fastmcp.client.auth.token_files import TokenFiles

__all__ = [
    "AuthorizationCodeResult",
    "BearerAuth",
    "ClientCredentialsOAuthProvider",
    "Credentials",
    "IdentityAssertionOAuthProvider",
    "IdentityProviderExchange",
    "OAuth",
    "PrivateKeyJWTOAuthProvider",
    "SignedJWTParameters",
    "TokenFiles",
    "WorkloadIdentityOAuthProvider",
    "static_assertion_provider",
]
