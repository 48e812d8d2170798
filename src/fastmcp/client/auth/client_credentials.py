"""Programs that authorize themselves: the client credentials grant (OAuth 2.1, 4.2).

Nobody is asked: the client's own secret, or a key of its own, is the right to a token. Whom they
are shown to is therefore said by the user (`issuer`), and otherwise by the MCP server, the first
time, and never changes.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from fastmcp.client.auth.authorizer import TokenCredentials
from fastmcp.client.auth.discovery import AuthorizationServer, Resource
from fastmcp.client.auth.dpop import ProofKey
from fastmcp.client.auth.fetching import Fetcher
from fastmcp.client.auth.storage import KeyValue
from fastmcp.client.auth.tokens import ClientIdentity, Token, request_token

__all__ = [
    "AssertionProvider",
    "ClientCredentialsOAuthProvider",
    "PrivateKeyJWTOAuthProvider",
    "SelfAuthorized",
    "SignedJWTParameters",
    "static_assertion_provider",
]

AssertionProvider = Callable[[str], Awaitable[str]]
"""Makes an assertion for an audience: the issuer of the authorization server."""

_KEY_TYPES: Final[dict[str, Literal["RSA", "EC", "OKP"]]] = {
    "RS": "RSA",
    "PS": "RSA",
    "ES": "EC",
    "Ed": "OKP",
}


CLIENT_CREDENTIALS: Final = "io.modelcontextprotocol/oauth-client-credentials"


class SelfAuthorized(TokenCredentials):
    """Base of clients that nobody is asked for.

    Args:
        mcp_url, scopes, token_storage, issuer, dpop: as for `TokenCredentials`.
        client_id: of the client, registered beforehand.
    """

    first_issuer_alone = True

    def __init__(
        self,
        mcp_url: str | None,
        scopes: str | Iterable[str] | None,
        token_storage: KeyValue | None,
        *,
        client_id: str | None,
        issuer: str | None,
        dpop: bool | None,
    ) -> None:
        self.fixed_client_id: str | None = client_id
        super().__init__(mcp_url, scopes, token_storage, issuer=issuer, dpop=dpop)

    def known_as(self) -> str:
        """Several clients may share a store, for one server, each with scopes of its own."""
        said = [type(self).__name__, self.fixed_client_id, sorted(self._scopes or ()), self._issuer]
        return json.dumps(said)

    async def identity(self, server: AuthorizationServer, token: Token) -> ClientIdentity | None:
        """The same for every token."""
        return self.identified(server)

    def identified(self, server: AuthorizationServer) -> ClientIdentity:
        """Who the client is, and how it says so."""
        raise NotImplementedError

    async def grant(
        self, http: Fetcher, resource: Resource, server: AuthorizationServer, scopes: frozenset[str]
    ) -> dict[str, str]:
        """What a token is asked for by."""
        return {"grant_type": "client_credentials"}

    async def obtain(
        self,
        http: Fetcher,
        resource: Resource,
        server: AuthorizationServer,
        scopes: frozenset[str],
        key: ProofKey | None,
    ) -> Token:
        """Ask the token endpoint, once."""
        client = self.identified(server)
        form = await self.grant(http, resource, server, scopes)
        if scopes:
            form["scope"] = " ".join(sorted(scopes))
        return await request_token(
            http,
            server,
            client,
            form,
            resource=resource.identifier,
            requested=scopes,
            key=key,
        )


class ClientCredentialsOAuthProvider(SelfAuthorized):
    """A program with an id and a secret.

    Args:
        mcp_url: of the server's endpoint; by default that of the client it is given to.
        client_id: as it was registered.
        client_secret: as it was given.
        scopes: to ask for, in a text or a list; by default those that the server names.
        token_endpoint_auth_method: how the secret is sent.
        issuer: the authorization server that gave them. Without it the MCP server says, the first
            time, who gets to see the secret: name it.
        token_storage: as for `OAuth`.
        dpop: as for `OAuth`.
    """

    extension: ClassVar[str | None] = CLIENT_CREDENTIALS

    def __init__(
        self,
        mcp_url: str | None = None,
        *,
        client_id: str,
        client_secret: str,
        scopes: str | Iterable[str] | None = None,
        token_endpoint_auth_method: Literal[
            "client_secret_basic", "client_secret_post"
        ] = "client_secret_basic",  # noqa: S107  (a method's name)
        issuer: str | None = None,
        token_storage: KeyValue | None = None,
        dpop: bool | None = None,
    ) -> None:
        self._secret = client_secret
        self._method = token_endpoint_auth_method
        super().__init__(
            mcp_url, scopes, token_storage, client_id=client_id, issuer=issuer, dpop=dpop
        )

    def identified(self, server: AuthorizationServer) -> ClientIdentity:
        """By id and secret."""
        return ClientIdentity(server.issuer, self.fixed_client_id or "", self._secret, self._method)


class PrivateKeyJWTOAuthProvider(SelfAuthorized):
    """A program with a key: it signs who it is (`private_key_jwt`, RFC 7523, 2.2).

    Args:
        mcp_url: of the server's endpoint; by default that of the client it is given to.
        client_id: as it was registered.
        assertion_provider: makes the signed JWT for an audience, which is the issuer; such as
            `SignedJWTParameters(...).create_assertion_provider()`.
        scopes: to ask for, in a text or a list; by default those that the server names.
        issuer: the authorization server where the key is registered; name it.
        token_storage: as for `OAuth`.
        dpop: as for `OAuth`.
    """

    extension: ClassVar[str | None] = CLIENT_CREDENTIALS

    def __init__(
        self,
        mcp_url: str | None = None,
        *,
        client_id: str,
        assertion_provider: AssertionProvider,
        scopes: str | Iterable[str] | None = None,
        issuer: str | None = None,
        token_storage: KeyValue | None = None,
        dpop: bool | None = None,
    ) -> None:
        self._assertion_provider = assertion_provider
        super().__init__(
            mcp_url, scopes, token_storage, client_id=client_id, issuer=issuer, dpop=dpop
        )

    def identified(self, server: AuthorizationServer) -> ClientIdentity:
        """By an assertion, a new one each time."""
        return ClientIdentity(
            server.issuer,
            self.fixed_client_id or "",
            method="private_key_jwt",
            assertion=self._assertion_provider,
        )


class SignedJWTParameters(BaseModel):
    """What an assertion says that is signed here (RFC 7523, 3).

    Attributes:
        issuer: who says it; the client's id.
        subject: of whom; the client's id again.
        signing_key: a private key as PEM.
        signing_algorithm: a name of JWA.
        lifetime_seconds: how long an assertion is good.
        additional_claims: further ones.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    issuer: str
    subject: str
    signing_key: str = Field(repr=False)
    signing_algorithm: str = "RS256"
    lifetime_seconds: int = Field(default=300, gt=0)
    additional_claims: dict[str, Any] | None = None

    def create_assertion_provider(self) -> AssertionProvider:
        """What makes a new assertion for every request.

        Raises:
            ValueError: the key is none for the algorithm.
        """
        from joserfc import jwt  # 0.2 s that most clients never need
        from joserfc.jwk import import_key

        kind = _KEY_TYPES.get(self.signing_algorithm[:2])
        if kind is None:
            raise ValueError(f"{self.signing_algorithm!r} is no algorithm of a private key")
        header = {"alg": self.signing_algorithm, "typ": "JWT"}
        try:
            key = import_key(self.signing_key, kind)
            # Whether it can sign, and so: a public key is one as well, and so is another curve's.
            jwt.encode(header, {}, key, algorithms=[self.signing_algorithm])
        except Exception as exc:
            # Not the error itself, which may quote the key.
            raise ValueError(
                f"signing_key is no private key in PEM for {self.signing_algorithm} "
                f"({type(exc).__name__})"
            ) from None

        async def provider(audience: str) -> str:
            now = int(time.time())
            claims = {
                "iss": self.issuer,
                "sub": self.subject,
                "aud": audience,
                "iat": now,
                "exp": now + self.lifetime_seconds,
                "jti": secrets.token_urlsafe(16),
                **(self.additional_claims or {}),
            }
            return jwt.encode(header, claims, key, algorithms=[self.signing_algorithm])

        return provider


def static_assertion_provider(token: str) -> AssertionProvider:
    """What gives the same JWT for every audience: one that was made elsewhere.

    Args:
        token: the JWT.
    """

    async def provider(audience: str) -> str:
        return token

    return provider
