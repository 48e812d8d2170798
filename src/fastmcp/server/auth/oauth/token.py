"""Where a client gets tokens (OAuth 2.1, 3.2): for a code, for a refresh token, and for what an
identity provider says of a user (`assertions`).

A code is bound to whom it was given to, where it was sent, the challenge that came with the request
and whom the tokens are for; each is checked here, before the provider uses it up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fastmcp.server.auth.identity_assertion import JWT_BEARER
from fastmcp.server.auth.oauth.assertions import AssertionGrant
from fastmcp.server.auth.oauth.client_auth import ClientAuthenticator
from fastmcp.server.auth.oauth.errors import TokenError
from fastmcp.server.auth.oauth.exchange import NOT_KEPT, Form, form_of
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.models import OAuthClientInformationFull, OAuthToken

__all__ = ["TokenEndpoint", "grants_of"]

_GRANTS: Final = ("authorization_code", "refresh_token")

_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
"""RFC 7636, 4.1."""


class TokenEndpoint:
    """Gives tokens.

    Args:
        issuer: makes them.
        authenticator: knows the clients.
        assertions: gives those for identity assertions; None where these are not taken.
    """

    def __init__(
        self,
        issuer: Issuer,
        authenticator: ClientAuthenticator,
        assertions: AssertionGrant | None = None,
    ) -> None:
        self._issuer = issuer
        self._authenticator = authenticator
        self._grants = {"authorization_code": self._for_code, "refresh_token": self._for_refresh}
        if assertions is not None:
            self._grants[JWT_BEARER] = assertions.token

    async def serve(self, request: Request) -> Response:
        """Answers a request.

        Raises:
            OAuthError: it is refused.
        """
        form = await form_of(request)
        client = await self._authenticator.client_of(request, form)
        grant = form.need("grant_type")
        give = self._grants.get(grant)
        if give is None:
            raise TokenError(
                "unsupported_grant_type", f"grant_type is one of {', '.join(self._grants)}"
            )
        if grant not in client.grant_types:
            raise TokenError("unauthorized_client", f"The client did not register for {grant}")
        token = await give(client, form)
        return JSONResponse(token.model_dump(mode="json", exclude_none=True), headers=NOT_KEPT)

    async def _for_code(self, client: OAuthClientInformationFull, form: Form) -> OAuthToken:
        code = await self._issuer.load_authorization_code(client, form.need("code"))
        if code is None or code.client_id != client.client_id or code.expires_at < time.time():
            raise TokenError(
                "invalid_grant", "The code is unknown, was used, or is of another client"
            )
        named = form.get("redirect_uri")
        # OAuth 2.1 clients do not send it again, those of 2.0 must (OAuth 2.1, 10.2).
        if named is not None and named != str(code.redirect_uri):
            raise TokenError("invalid_grant", "The redirect_uri is not that of the request")
        if not _fits(form.need("code_verifier"), code.code_challenge):
            raise TokenError("invalid_grant", "The code_verifier does not fit the code_challenge")
        self._check_resource(form, code.resource)
        return await self._issuer.exchange_authorization_code(client, code)

    async def _for_refresh(self, client: OAuthClientInformationFull, form: Form) -> OAuthToken:
        kept = await self._issuer.load_refresh_token(client, form.need("refresh_token"))
        if (
            kept is None
            or kept.client_id != client.client_id
            or (kept.expires_at is not None and kept.expires_at < time.time())
        ):
            raise TokenError(
                "invalid_grant", "The refresh token is unknown, was used, or is of another client"
            )
        scope = form.get("scope")
        scopes = kept.scopes if scope is None else list(dict.fromkeys(scope.split()))
        if not set(scopes) <= set(kept.scopes):
            # OAuth 2.1, 4.3.1
            raise TokenError("invalid_scope", "A scope was asked for that had not been granted")
        self._check_resource(form, kept.resource)
        return await self._issuer.exchange_refresh_token(client, kept, scopes)

    def _check_resource(self, form: Form, granted: str | None) -> None:
        """RFC 8707, 2.2: no other resource than the person has consented to."""
        for resource in form.resources:
            if not self._issuer.is_own(resource) and resource != granted:
                raise TokenError("invalid_target", "The resource is not that of the grant")


def grants_of(issuer: Issuer) -> tuple[str, ...]:
    """The grant types that the endpoint takes."""
    return _GRANTS if issuer.identity_assertion is None else (*_GRANTS, JWT_BEARER)


def _fits(verifier: str, challenge: str) -> bool:
    """RFC 7636, 4.6; in a time that does not tell how much of it was right."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)
