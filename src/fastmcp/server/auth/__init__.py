"""Authentication of clients: who may come, as whom, and what they may use."""

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.auth import AuthProvider, TokenVerifier, VerificationUnavailableError
from fastmcp.server.auth.multi import MultiAuth
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
    "MultiAuth",
    "RemoteAuthProvider",
    "TokenVerifier",
    "VerificationUnavailableError",
    "require_roles",
    "require_scopes",
    "restrict_tag",
    "run_auth_checks",
]
