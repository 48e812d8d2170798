"""Authentication of clients: who may come, and as whom."""

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.auth import AuthProvider, TokenVerifier, VerificationUnavailableError

__all__ = ["AccessToken", "AuthProvider", "TokenVerifier", "VerificationUnavailableError"]
