"""Where a client gives tokens back (RFC 7009)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.oauth.client_auth import ClientAuthenticator
from fastmcp.server.auth.oauth.errors import TokenError
from fastmcp.server.auth.oauth.exchange import NOT_KEPT, form_of
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.models import OAuthClientInformationFull, RefreshToken

__all__ = ["RevocationEndpoint"]


class RevocationEndpoint:
    """Ends tokens.

    Args:
        issuer: made them.
        authenticator: knows the clients.
    """

    def __init__(self, issuer: Issuer, authenticator: ClientAuthenticator) -> None:
        self._issuer = issuer
        self._authenticator = authenticator

    async def serve(self, request: Request) -> Response:
        """Answers a request.

        Raises:
            OAuthError: it is refused.
        """
        form = await form_of(request)
        client = await self._authenticator.client_of(request, form)
        secret = form.need("token")
        found = await self._find(client, secret)
        if found is not None:
            if found.client_id != client.client_id:
                # RFC 7009, 2.1: "If this validation fails, the request is refused"
                raise TokenError("unauthorized_client", "The token is of another client")
            await self._issuer.revoke_token(found)
        # One that does not exist is as good as revoked (RFC 7009, 2.2).
        return Response(status_code=200, headers=NOT_KEPT)

    async def _find(
        self, client: OAuthClientInformationFull, secret: str
    ) -> AccessToken | RefreshToken | None:
        # The hint may be ignored (RFC 7009, 2.1). In this order always: a refresh token that is not
        # there came again, and that is an alarm.
        issuer = self._issuer
        return await issuer.load_access_token(secret) or await issuer.load_refresh_token(
            client, secret
        )
