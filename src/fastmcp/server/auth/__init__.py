"""Authentication of clients: who may come, and as whom."""

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.auth import AuthProvider, TokenVerifier, VerificationUnavailableError
from fastmcp.server.auth.oauth.errors import AuthorizeError, RegistrationError, TokenError
from fastmcp.server.auth.oauth.limits import Limit, RateLimits
from fastmcp.server.auth.oauth.models import (
    AuthorizationCode,
    AuthorizationParams,
    ClientRegistrationOptions,
    OAuthClientInformationFull,
    OAuthToken,
    RefreshToken,
    RevocationOptions,
    Subject,
)
from fastmcp.server.auth.oauth.provider import OAuthProvider
from fastmcp.server.auth.oauth.stored import StoredOAuthProvider

__all__ = [
    "AccessToken",
    "AuthProvider",
    "AuthorizationCode",
    "AuthorizationParams",
    "AuthorizeError",
    "ClientRegistrationOptions",
    "Limit",
    "OAuthClientInformationFull",
    "OAuthProvider",
    "OAuthToken",
    "RateLimits",
    "RefreshToken",
    "RegistrationError",
    "RevocationOptions",
    "StoredOAuthProvider",
    "Subject",
    "TokenError",
    "TokenVerifier",
    "VerificationUnavailableError",
]
