"""Who a client is: known beforehand, registered, or a URL."""

from __future__ import annotations

from typing import Any

from fastmcp.server.auth.oauth.documents import ClientDocuments, is_url
from fastmcp.server.auth.oauth.errors import ClientDocumentError, InvalidRedirectUriError
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.models import OAuthClientInformationFull

__all__ = ["Clients"]

_LONGEST_ID = 2048


class Clients:
    """Finds clients.

    Args:
        issuer: knows them.
        documents: of those that are a URL, and keys of all.
    """

    def __init__(self, issuer: Issuer, documents: ClientDocuments) -> None:
        self._issuer = issuer
        self._documents = documents

    async def find(self, client_id: str) -> OAuthClientInformationFull | None:
        """The client of that id; None where there is none.

        Raises:
            ClientDocumentError: the id is a URL, and there is no client at it.
        """
        if len(client_id) > _LONGEST_ID:
            return None
        known = self._issuer.static_clients.get(client_id)
        if known is not None:
            return known
        client = await self._issuer.get_client(client_id)
        if client is not None or not self._issuer.enable_cimd or not is_url(client_id):
            return client
        return await self._documents.client(client_id)

    def answered_at(self, client: OAuthClientInformationFull, named: str | None) -> str:
        """Where answers to a request of a client go.

        Args:
            client: that was found.
            named: the redirect URI of the request, if it has one.

        Raises:
            InvalidRedirectUriError: that is none of the client's, or is not allowed here.
        """
        uri = client.validate_redirect_uri(named)
        if not self._issuer.allows(uri):
            raise InvalidRedirectUriError("This server does not allow answers to that redirect_uri")
        return uri

    async def keys(self, client: OAuthClientInformationFull) -> Any:
        """The public keys of a client, as a JWK Set.

        Raises:
            ClientDocumentError: it has none, or they cannot be had.
        """
        if client.jwks is not None:
            return client.jwks
        if client.jwks_uri is None:
            raise ClientDocumentError("The client's metadata has no keys")
        return await self._documents.keys(client.jwks_uri)
