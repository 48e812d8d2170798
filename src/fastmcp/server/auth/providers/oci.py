"""Oracle Cloud Infrastructure."""

from __future__ import annotations

from fastmcp.server.auth.oidc_proxy import OIDCProxy

__all__ = ["OCIProvider"]


class OCIProvider(OIDCProxy):
    """Lets people in who have an account in an identity domain of OCI; see `OIDCProxy`."""

    default_scopes = ("openid",)
