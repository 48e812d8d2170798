"""What an authorization server says of itself (RFC 8414).

Its place has the path of the issuer behind it (RFC 8414, 3.1). There is no OpenID Connect form of
it: this server issues no ID tokens, and a document that says so would say it of nothing.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fastmcp.server.auth.identity_assertion import PROFILE
from fastmcp.server.auth.oauth.client_auth import ASYMMETRIC, METHODS
from fastmcp.server.auth.oauth.exchange import endpoint
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.token import grants_of

__all__ = ["WELL_KNOWN", "document", "routes"]

WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"


def document(issuer: Issuer) -> dict[str, Any]:
    """The metadata."""
    base = issuer.endpoints_url
    found: dict[str, Any] = {
        "issuer": issuer.issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(grants_of(issuer)),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ASYMMETRIC),
        "authorization_response_iss_parameter_supported": True,  # RFC 9207, 3
        "client_id_metadata_document_supported": issuer.enable_cimd,
    }
    if issuer.identity_assertion is not None:
        found["authorization_grant_profiles_supported"] = [PROFILE]  # ID-JAG, 7.2
    if issuer.scopes_supported:
        found["scopes_supported"] = issuer.scopes_supported
    if issuer.client_registration_options.enabled:
        found["registration_endpoint"] = f"{base}/register"
    if issuer.revocation_options.enabled:
        found["revocation_endpoint"] = f"{base}/revoke"
        found["revocation_endpoint_auth_methods_supported"] = list(METHODS)
        found["revocation_endpoint_auth_signing_alg_values_supported"] = list(ASYMMETRIC)
    if issuer.service_documentation_url is not None:
        found["service_documentation"] = str(issuer.service_documentation_url)
    return found


def routes(issuer: Issuer) -> list[Route]:
    """Where it is read: at the root, and with the issuer's path behind it."""
    said = document(issuer)

    async def serve(_: Request) -> Response:
        return JSONResponse(said, headers={"Cache-Control": "public, max-age=3600"})

    path = urlsplit(issuer.issuer).path.rstrip("/")
    return [
        Route(place, endpoint(serve, "GET"), methods=["GET", "OPTIONS"])
        for place in dict.fromkeys([WELL_KNOWN, WELL_KNOWN + path])
    ]
