"""Authentication of clients: who may come, as whom, and what they may use.

What verifies signatures or asks others is loaded when it is asked for: a server that lists its
tokens needs neither.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from fastmcp.server.auth.providers.debug import DebugTokenVerifier as DebugTokenVerifier
    from fastmcp.server.auth.providers.jwt import JWTVerifier as JWTVerifier
    from fastmcp.server.auth.providers.static import StaticTokenVerifier as StaticTokenVerifier

__all__ = [
    "AccessToken",
    "AuthCheck",
    "AuthContext",
    "AuthProvider",
    "DebugTokenVerifier",
    "JWTVerifier",
    "MultiAuth",
    "RemoteAuthProvider",
    "StaticTokenVerifier",
    "TokenVerifier",
    "VerificationUnavailableError",
    "require_roles",
    "require_scopes",
    "restrict_tag",
    "run_auth_checks",
]

_WHERE = {
    "DebugTokenVerifier": "fastmcp.server.auth.providers.debug",
    "JWTVerifier": "fastmcp.server.auth.providers.jwt",
    "StaticTokenVerifier": "fastmcp.server.auth.providers.static",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
