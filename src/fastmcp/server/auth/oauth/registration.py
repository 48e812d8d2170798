"""Where a client registers itself (RFC 7591), if the server lets it.

Anybody can, so nothing that a client says of itself is worth anything but where it can be reached.
Scopes are no exception: a person grants them, to a request that names them. So a registered client
may ask for all that the server has, and a later request can ask for more than the first
(2026-07-28, basic/authorization, "Step-Up Authorization Flow").
"""

from __future__ import annotations

import secrets
import time
from typing import Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fastmcp.server.auth.oauth import redirects
from fastmcp.server.auth.oauth.client_auth import METHODS, SIGNED
from fastmcp.server.auth.oauth.errors import InvalidRedirectUriError, RegistrationError
from fastmcp.server.auth.oauth.exchange import NOT_KEPT, body_of, object_in
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.models import OAuthClientInformationFull, OAuthClientMetadata
from fastmcp.server.auth.oauth.token import grants_of

__all__ = ["RegistrationEndpoint"]

_LONGEST: Final = 16 * 1024
"""Bytes: thousands of clients are kept."""


class RegistrationEndpoint:
    """Registers clients.

    Args:
        issuer: keeps them.
    """

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    async def serve(self, request: Request) -> Response:
        """Answers a request.

        Raises:
            OAuthError: it is refused.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise RegistrationError("invalid_client_metadata", "Send it as application/json")
        asked = _metadata(await body_of(request, _LONGEST))
        client = self._made(asked)
        await self._issuer.register_client(client)
        said = client.model_dump(mode="json", exclude_none=True)
        return JSONResponse(said, 201, headers=NOT_KEPT)

    def _made(self, asked: OAuthClientMetadata) -> OAuthClientInformationFull:
        """The client as it is registered: the server puts in its own values where it must
        (RFC 7591, 3.2.1)."""
        if not all(map(self._issuer.allows, asked.redirect_uris or [])):
            raise RegistrationError(
                "invalid_redirect_uri", "This server does not allow answers to that address"
            )
        options = self._issuer.client_registration_options
        if asked.scope is not None and options.valid_scopes is not None:
            unknown = sorted(set(asked.scope.split()) - set(self._issuer.scopes_supported))
            if unknown:
                raise RegistrationError(
                    "invalid_client_metadata", f"There is no scope {' '.join(unknown)}"
                )
        method = asked.token_endpoint_auth_method or "client_secret_basic"  # RFC 7591, 2
        now, grants = int(time.time()), grants_of(self._issuer)
        secret, until = None, None
        if method.startswith("client_secret_"):
            secret, life = secrets.token_urlsafe(32), options.client_secret_expiry_seconds
            until = 0 if life is None else now + life
        return OAuthClientInformationFull.model_validate(
            {
                **asked.model_dump(),
                "client_id": secrets.token_urlsafe(24),
                "client_id_issued_at": now,
                "client_secret": secret,
                "client_secret_expires_at": until,
                "token_endpoint_auth_method": method,
                "grant_types": [one for one in asked.grant_types if one in grants],
                "response_types": ["code"],
                "scope": " ".join(self._issuer.scopes_supported) or None,
            }
        )


def _metadata(body: bytes) -> OAuthClientMetadata:
    """What a client says, as far as it can be taken.

    Raises:
        RegistrationError: it cannot.
    """
    said = object_in(body)
    if said is None:
        raise RegistrationError("invalid_client_metadata", "The metadata is not a JSON object")
    try:
        asked = OAuthClientMetadata.model_validate(said)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        wrong = "invalid_redirect_uri" if where.startswith("redirect") else None
        raise RegistrationError(
            wrong or "invalid_client_metadata", f"{where} is not as RFC 7591, 2 has it"
        ) from None
    if not asked.redirect_uris:
        raise RegistrationError("invalid_redirect_uri", "redirect_uris has at least one")
    try:
        for uri in asked.redirect_uris:
            redirects.check(uri)
    except InvalidRedirectUriError as error:
        raise RegistrationError("invalid_redirect_uri", error.message) from None
    if "authorization_code" not in asked.grant_types:
        raise RegistrationError("invalid_client_metadata", "grant_types has authorization_code")
    if "code" not in asked.response_types:
        raise RegistrationError("invalid_client_metadata", "response_types has code")
    method = asked.token_endpoint_auth_method
    if method is not None and method not in METHODS:
        raise RegistrationError(
            "invalid_client_metadata", f"token_endpoint_auth_method is one of {', '.join(METHODS)}"
        )
    if method == SIGNED and asked.jwks is None and asked.jwks_uri is None:
        raise RegistrationError("invalid_client_metadata", "private_key_jwt needs jwks")
    if asked.jwks is not None and asked.jwks_uri is not None:
        raise RegistrationError("invalid_client_metadata", "jwks and jwks_uri exclude each other")
    return asked
