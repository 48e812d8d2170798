"""Authentication of clients: who may come, as whom, and what they may use."""

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.auth import AuthProvider, TokenVerifier, VerificationUnavailableError
from fastmcp.server.auth.multi import MultiAuth
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
from fastmcp.server.auth.remote import RemoteAuthProvider
from fastmcp.server.checks import (
    AuthCheck,
    AuthContext,
    require_roles,
    require_scopes,
    restrict_tag,
    run_auth_checks,
)

__all__ = [
    "AccessToken",
    "AuthCheck",
    "AuthContext",
    "AuthProvider",
    "AuthorizationCode",
    "AuthorizationParams",
    "AuthorizeError",
    "ClientRegistrationOptions",
    "Limit",
    "MultiAuth",
    "OAuthClientInformationFull",
    "OAuthProvider",
    "OAuthToken",
    "RateLimits",
    "RefreshToken",
    "RegistrationError",
    "RemoteAuthProvider",
    "RevocationOptions",
    "StoredOAuthProvider",
    "Subject",
    "TokenError",
    "TokenVerifier",
    "VerificationUnavailableError",
    "require_roles",
    "require_scopes",
    "restrict_tag",
    "run_auth_checks",
]
