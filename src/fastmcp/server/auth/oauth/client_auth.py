"""How a client proves who it is to the token endpoint (OAuth 2.1, 2.4).

A public client proves nothing: its code is of no use without the verifier of PKCE, and its refresh
tokens are used up. One with a secret sends it in a header or in the body. One with a key signs an
assertion for this server, which is good once (RFC 7523, 3); that is how a client proves itself
whose metadata everybody can read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from typing import Any, Final, cast
from urllib.parse import unquote_plus

from starlette.requests import Request

from fastmcp.server.auth.claims import Refusal
from fastmcp.server.auth.oauth.clients import Clients
from fastmcp.server.auth.oauth.errors import ClientDocumentError, OAuthError, TokenError
from fastmcp.server.auth.oauth.exchange import Form, object_in
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.models import OAuthClientInformationFull
from fastmcp.server.auth.signatures import (
    ALGORITHMS,
    Signed,
    keys_of_set,
    may_sign,
    read,
    verifies,
)

__all__ = ["ASYMMETRIC", "METHODS", "ClientAuthenticator", "hash_of"]

PUBLIC_CLIENT: Final = "none"
SIGNED: Final = "private_key_jwt"
METHODS: Final = (PUBLIC_CLIENT, "client_secret_basic", "client_secret_post", SIGNED)
"""How a client can prove who it is."""

ASYMMETRIC: Final = tuple(sorted(one for one in ALGORITHMS if may_sign(one, None)))
"""Algorithms of assertions: no public key can be used as a secret."""

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_LIFE: Final = 3600
_LEEWAY: Final = 30
_TRIED: Final = 8
"""Keys of a client that are tried. They are a stranger's, and each is work."""
_KINDS: Final = frozenset({"client-authentication"})
_REFUSED: Final = "The client is unknown, or has not proven who it is"


def hash_of(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits: a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ClientAuthenticator:
    """Finds out which client a request is from.

    Args:
        issuer: whom requests are for.
        clients: who they may be from.
    """

    def __init__(self, issuer: Issuer, clients: Clients) -> None:
        self._issuer = issuer
        self._clients = clients

    async def client_of(self, request: Request, form: Form) -> OAuthClientInformationFull:
        """The client that a request is from.

        Raises:
            TokenError: it is none, or has not proven it.
            OAuthError: it proves it in two ways, or the ways say different things.
        """
        header = request.headers.get("authorization")
        assertion = form.get("client_assertion")
        ways = [header, form.get("client_secret"), assertion]
        if sum(way is not None for way in ways) > 1:
            raise OAuthError("invalid_request", "A client proves who it is in one way, not in two")
        said = None if assertion is None else _read(assertion)
        named, secret = form.get("client_id"), form.get("client_secret")
        if header is not None:
            by_header, secret = _basic(header)
            if named is not None and named != by_header:
                raise OAuthError(
                    "invalid_request", "The header and the body name different clients"
                )
            named = by_header
        elif said is not None:
            # Whom it names decides by which keys it is checked, and nothing else.
            by_assertion = said[1].get("sub")
            if not isinstance(by_assertion, str):
                raise TokenError("invalid_client", "The assertion names no client: see sub")
            if named is not None and named != by_assertion:
                raise OAuthError(
                    "invalid_request", "The assertion and the body name different clients"
                )
            named = by_assertion
        if named is None:
            raise TokenError("invalid_client", "The parameter client_id is missing")
        try:
            client = await self._clients.find(named)
        except ClientDocumentError as error:
            raise _refusal(error) from None
        if client is None:
            raise TokenError("invalid_client", _REFUSED)
        if said is not None or client.token_endpoint_auth_method == SIGNED:
            await self._check_assertion(client, form.get("client_assertion_type"), said)
        elif not _secret_fits(client, secret):
            raise TokenError("invalid_client", _REFUSED)
        return client

    async def _check_assertion(
        self,
        client: OAuthClientInformationFull,
        kind: str | None,
        said: tuple[Signed, dict[str, Any]] | None,
    ) -> None:
        if client.token_endpoint_auth_method != SIGNED or said is None:
            raise TokenError("invalid_client", _REFUSED)
        if kind != _ASSERTION:
            raise OAuthError("invalid_request", f"client_assertion_type is {_ASSERTION}")
        signed, claims = said
        try:
            keys = keys_of_set(await self._clients.keys(client), None, signed.kid, _TRIED)
        except ClientDocumentError as error:
            raise _refusal(error) from None
        if not verifies(signed, keys or []):
            raise TokenError(
                "invalid_client",
                "The client did not sign the assertion, or has more than "
                f"{_TRIED} keys and does not say by kid with which",
            )
        await self._check_claims(client, signed, claims)

    async def _check_claims(
        self, client: OAuthClientInformationFull, signed: Signed, claims: dict[str, Any]
    ) -> None:
        """RFC 7523, 3."""
        now, issuer = time.time(), self._issuer
        audience = claims.get("aud")
        named = cast("list[Any]", audience) if isinstance(audience, list) else [audience]
        own = {issuer.issuer, f"{issuer.endpoints_url}/token"}
        if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
            raise TokenError("invalid_client", "iss and sub of the assertion are the client_id")
        if not any(isinstance(one, str) and one in own for one in named):
            raise TokenError("invalid_client", "The assertion is for another server: see aud")
        until, since = _time(claims.get("exp")), _time(claims.get("nbf", now))
        if until is None or since is None or until < now - _LEEWAY:
            raise TokenError("invalid_client", "The assertion has expired, or does not say when")
        if since > now + _LEEWAY:
            raise TokenError("invalid_client", "The assertion is not good yet")
        if until > now + _LONGEST_LIFE + _LEEWAY:
            raise TokenError("invalid_client", "The assertion is good for longer than an hour")
        mark = claims.get("jti", signed.payload)
        life = until - now + 2 * _LEEWAY
        if not await issuer.is_first_use(f"assertion {client.client_id} {mark}", life):
            raise TokenError("invalid_client", "The assertion has been used before")


def _refusal(error: ClientDocumentError) -> OAuthError:
    """A client that is told `invalid_client` throws away what it has: not for what passes."""
    code = "temporarily_unavailable" if error.passing else "invalid_client"
    return OAuthError(code, str(error))


def _time(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e15 else None


def _basic(header: str) -> tuple[str, str]:
    """Id and secret (OAuth 2.1, 2.4.1)."""
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        name, separator, secret = decoded.partition(":")
        if not separator:
            raise ValueError
        return unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (ValueError, binascii.Error):
        raise TokenError("invalid_client", "The Authorization header is not Basic") from None


def _read(assertion: str) -> tuple[Signed, dict[str, Any]]:
    """An assertion, and what it says, which is not verified.

    Raises:
        TokenError: it cannot be read.
    """
    signed = read(assertion, kinds=_KINDS)
    claims = None if isinstance(signed, Refusal) else object_in(signed.payload)
    if isinstance(signed, Refusal) or claims is None:
        raise TokenError("invalid_client", "The assertion cannot be read")
    return signed, claims


def _secret_fits(client: OAuthClientInformationFull, secret: str | None) -> bool:
    """In a time that does not tell how much of it was right."""
    method, own = client.token_endpoint_auth_method, client.client_secret
    kept = client.client_secret_hash or (hash_of(own) if own else None)
    if method == PUBLIC_CLIENT or (method is None and kept is None):
        return secret is None
    # One that has to prove itself and has nothing to do it with is nobody.
    if kept is None or not secret or 0 < (client.client_secret_expires_at or 0) < time.time():
        return False
    return hmac.compare_digest(kept, hash_of(secret))
