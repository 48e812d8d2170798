"""What FastMCP's users import from here; a face, see `fastmcp.server.auth`.

There this one module holds the base classes, the authorization server and its options. Here each
has its own (`base`, `remote`, `multi`, `oauth`), and what issues tokens is loaded when it is asked
for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmcp.server import auth
from fastmcp.server.auth import (
    AccessToken,
    AuthProvider,
    MultiAuth,
    RemoteAuthProvider,
    TokenVerifier,
)

if TYPE_CHECKING:
    from fastmcp.server.auth import AuthorizationCode as AuthorizationCode
    from fastmcp.server.auth import ClientRegistrationOptions as ClientRegistrationOptions
    from fastmcp.server.auth import OAuthClientInformationFull as OAuthClientInformationFull
    from fastmcp.server.auth import OAuthProvider as OAuthProvider
    from fastmcp.server.auth import RefreshToken as RefreshToken
    from fastmcp.server.auth import RevocationOptions as RevocationOptions
    from fastmcp.server.auth import TokenError as TokenError

__all__ = [
    "AccessToken",
    "AuthProvider",
    "AuthorizationCode",
    "ClientRegistrationOptions",
    "MultiAuth",
    "OAuthClientInformationFull",
    "OAuthProvider",
    "RefreshToken",
    "RemoteAuthProvider",
    "RevocationOptions",
    "TokenError",
    "TokenVerifier",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(auth, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
