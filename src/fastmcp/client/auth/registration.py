"""Who a client is for an authorization server.

In this order: what its user registered beforehand, the address of a document about the client where
the server reads such, what was registered there earlier, and a registration now (RFC 7591). A
registration belongs to the issuer that made it, and no other ever sees it. Source: 2026-07-28,
basic/authorization/client-registration.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from fastmcp.client.auth.discovery import AuthorizationServer
from fastmcp.client.auth.fetching import Fetcher, shown
from fastmcp.client.auth.tokens import ClientIdentity, explained
from fastmcp.client.errors import AuthorizationFailedError

__all__ = ["method_for", "register"]

_BASIC: Final = "client_secret_basic"
_POST: Final = "client_secret_post"
_PUBLIC: Final = "none"
_OURS: Final = (_PUBLIC, _BASIC, _POST)


def method_for(server: AuthorizationServer, secret: str | None, wished: str | None = None) -> str:
    """How a client authenticates at a server's token endpoint.

    Args:
        server: whose.
        secret: of the client, if it has one.
        wished: what was agreed on, taken unless the server says that it cannot.
    Raises:
        AuthorizationFailedError: this client cannot.
    """
    if wished is not None and wished not in _OURS:
        raise AuthorizationFailedError(
            f"For {server.issuer} this client is to authenticate by {wished[:100]!r}; it can by "
            f"{', '.join(_OURS)} (token_endpoint_auth_method)"
        )
    known = server.auth_methods
    if wished is not None and (known is None or wished in known):
        return wished
    if secret is None:
        return _PUBLIC
    if known is None:
        return _BASIC  # what the absence means (RFC 8414, 2)
    return next((each for each in (_BASIC, _POST, _PUBLIC) if each in known), _BASIC)


async def register(
    http: Fetcher, server: AuthorizationServer, metadata: Mapping[str, Any]
) -> ClientIdentity:
    """Register a client now.

    Args:
        http: asks.
        server: is asked.
        metadata: of the client (RFC 7591, 2); with a method of authentication unless any will do.
    Raises:
        AuthorizationFailedError: the server does not, or will not.
    """
    if server.registration_endpoint is None:
        raise AuthorizationFailedError(
            f"The authorization server {server.issuer} lets no client register itself. Register "
            "one there, and give OAuth its client_id (and client_secret); or, where the server "
            "reads such documents, a client_metadata_url."
        )
    wished = metadata.get("token_endpoint_auth_method")
    if wished is None:
        known = server.auth_methods
        wished = next((each for each in _OURS if known is None or each in known), _PUBLIC)
    document = {**metadata, "token_endpoint_auth_method": wished}
    answer = await http.post(
        server.registration_endpoint, "registration endpoint", document=document
    )
    where = shown(server.registration_endpoint)
    if not answer.ok:
        raise AuthorizationFailedError(
            f"The registration endpoint {where} refuses this client: "
            f"{explained(answer.body, answer.status)}. Its metadata can be changed by "
            "additional_client_metadata, and the redirect URI by callback_host and callback_port.",
            error=answer.text("error"),
        )
    id = answer.text("client_id")
    if id is None:
        raise AuthorizationFailedError(f"The registration endpoint {where} gave no client_id")
    secret = answer.text("client_secret")
    # Zero for never (RFC 7591, 3.2.1).
    until: object = answer.body.get("client_secret_expires_at")
    expires_at = float(until) if isinstance(until, int | float) and until else None
    if secret is not None and expires_at is not None and expires_at <= time.time():
        raise AuthorizationFailedError(
            f"The registration endpoint {where} gave a secret that is over already"
        )
    uris = metadata.get("redirect_uris") or [None]
    scopes = frozenset(str(metadata.get("scope", "")).split())
    return ClientIdentity(
        server.issuer,
        id,
        secret,
        method_for(server, secret, answer.text("token_endpoint_auth_method") or str(wished)),
        expires_at if secret is not None else None,
        uris[0],
        scopes,
    )
