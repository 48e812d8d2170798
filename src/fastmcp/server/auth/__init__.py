"""Authentication of clients: who may come, as whom, and what they may use.

What verifies signatures, asks others or issues tokens is loaded when it is asked for: a server that
lists its tokens needs none of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import AuthProvider, TokenVerifier, VerificationUnavailableError
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

if TYPE_CHECKING:
    from fastmcp.server.auth.identity_assertion import IdentityAssertion as IdentityAssertion
    from fastmcp.server.auth.oauth.errors import AuthorizeError as AuthorizeError
    from fastmcp.server.auth.oauth.errors import RegistrationError as RegistrationError
    from fastmcp.server.auth.oauth.errors import TokenError as TokenError
    from fastmcp.server.auth.oauth.limits import Limit as Limit
    from fastmcp.server.auth.oauth.limits import RateLimits as RateLimits
    from fastmcp.server.auth.oauth.models import AssertedIdentity as AssertedIdentity
    from fastmcp.server.auth.oauth.models import AuthorizationCode as AuthorizationCode
    from fastmcp.server.auth.oauth.models import AuthorizationParams as AuthorizationParams
    from fastmcp.server.auth.oauth.models import (
        ClientRegistrationOptions as ClientRegistrationOptions,
    )
    from fastmcp.server.auth.oauth.models import (
        OAuthClientInformationFull as OAuthClientInformationFull,
    )
    from fastmcp.server.auth.oauth.models import OAuthToken as OAuthToken
    from fastmcp.server.auth.oauth.models import RefreshToken as RefreshToken
    from fastmcp.server.auth.oauth.models import RevocationOptions as RevocationOptions
    from fastmcp.server.auth.oauth.models import Subject as Subject
    from fastmcp.server.auth.oauth.provider import OAuthProvider as OAuthProvider
    from fastmcp.server.auth.oauth.stored import StoredOAuthProvider as StoredOAuthProvider
    from fastmcp.server.auth.oauth_proxy.proxy import OAuthProxy as OAuthProxy
    from fastmcp.server.auth.oidc_proxy import OIDCProxy as OIDCProxy
    from fastmcp.server.auth.providers.debug import DebugTokenVerifier as DebugTokenVerifier
    from fastmcp.server.auth.providers.jwt import JWTVerifier as JWTVerifier
    from fastmcp.server.auth.providers.static import StaticTokenVerifier as StaticTokenVerifier

__all__ = [
    "AccessToken",
    "AssertedIdentity",
    "AuthCheck",
    "AuthContext",
    "AuthProvider",
    "AuthorizationCode",
    "AuthorizationParams",
    "AuthorizeError",
    "ClientRegistrationOptions",
    "DebugTokenVerifier",
    "IdentityAssertion",
    "JWTVerifier",
    "Limit",
    "MultiAuth",
    "OAuthClientInformationFull",
    "OAuthProvider",
    "OAuthProxy",
    "OAuthToken",
    "OIDCProxy",
    "RateLimits",
    "RefreshToken",
    "RegistrationError",
    "RemoteAuthProvider",
    "RevocationOptions",
    "StaticTokenVerifier",
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

_WHERE = {
    "AssertedIdentity": "fastmcp.server.auth.oauth.models",
    "AuthorizationCode": "fastmcp.server.auth.oauth.models",
    "AuthorizationParams": "fastmcp.server.auth.oauth.models",
    "AuthorizeError": "fastmcp.server.auth.oauth.errors",
    "ClientRegistrationOptions": "fastmcp.server.auth.oauth.models",
    "DebugTokenVerifier": "fastmcp.server.auth.providers.debug",
    "IdentityAssertion": "fastmcp.server.auth.identity_assertion",
    "JWTVerifier": "fastmcp.server.auth.providers.jwt",
    "Limit": "fastmcp.server.auth.oauth.limits",
    "OAuthClientInformationFull": "fastmcp.server.auth.oauth.models",
    "OAuthProvider": "fastmcp.server.auth.oauth.provider",
    "OAuthProxy": "fastmcp.server.auth.oauth_proxy.proxy",
    "OAuthToken": "fastmcp.server.auth.oauth.models",
    "OIDCProxy": "fastmcp.server.auth.oidc_proxy",
    "RateLimits": "fastmcp.server.auth.oauth.limits",
    "RefreshToken": "fastmcp.server.auth.oauth.models",
    "RegistrationError": "fastmcp.server.auth.oauth.errors",
    "RevocationOptions": "fastmcp.server.auth.oauth.models",
    "StaticTokenVerifier": "fastmcp.server.auth.providers.static",
    "StoredOAuthProvider": "fastmcp.server.auth.oauth.stored",
    "Subject": "fastmcp.server.auth.oauth.models",
    "TokenError": "fastmcp.server.auth.oauth.errors",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
