"""What the endpoints and a provider hand each other. Names and fields are those that users of
FastMCP and of the official SDK know.

A URL is a string here, as it was sent: two of these are the same where their characters are
(`redirects`, RFC 8414, 3.3), and a model of a URL changes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fastmcp.server.auth.oauth import redirects
from fastmcp.server.auth.oauth.errors import InvalidRedirectUriError

__all__ = [
    "AssertedIdentity",
    "AuthorizationCode",
    "AuthorizationParams",
    "ClientRegistrationOptions",
    "OAuthClientInformationFull",
    "OAuthClientMetadata",
    "OAuthToken",
    "RefreshToken",
    "RevocationOptions",
    "Subject",
]

Text = Annotated[str, Field(max_length=2048)]
Url = Annotated[str, BeforeValidator(str), Field(max_length=2048)]
"""Pydantic's own URLs are taken too."""


class ClientRegistrationOptions(BaseModel):
    """Whether and how clients register themselves (RFC 7591).

    Attributes:
        enabled: whether they may.
        client_secret_expiry_seconds: how long a secret is good; None for ever.
        valid_scopes: that clients may ask for; None for those that every token must have.
        default_scopes: of a request that names none; None for those that every token must have.
    """

    model_config = ConfigDict(from_attributes=True)

    enabled: bool = False
    client_secret_expiry_seconds: int | None = None
    valid_scopes: list[str] | None = None
    default_scopes: list[str] | None = None


class RevocationOptions(BaseModel):
    """Whether clients can give tokens back (RFC 7009).

    Attributes:
        enabled: whether they can.
    """

    model_config = ConfigDict(from_attributes=True)

    enabled: bool = False


class OAuthClientMetadata(BaseModel):
    """What a client says of itself (RFC 7591, 2). Nothing of it is proven."""

    redirect_uris: Annotated[list[Url], Field(max_length=50)] | None = None
    token_endpoint_auth_method: Text | None = None
    grant_types: Annotated[list[Text], Field(max_length=20)] = [
        "authorization_code",
        "refresh_token",
    ]
    response_types: Annotated[list[Text], Field(max_length=20)] = ["code"]
    scope: Annotated[str, Field(max_length=4096)] | None = None
    application_type: Text | None = None
    client_name: Text | None = None
    client_uri: Url | None = None
    logo_uri: Url | None = None
    contacts: Annotated[list[Text], Field(max_length=20)] | None = None
    tos_uri: Url | None = None
    policy_uri: Url | None = None
    jwks_uri: Url | None = None
    jwks: dict[str, Any] | None = None
    software_id: Text | None = None
    software_version: Text | None = None

    def validate_redirect_uri(self, redirect_uri: object) -> str:
        """Where answers to a request go.

        Args:
            redirect_uri: that the request names, or None.

        Raises:
            InvalidRedirectUriError: that is none of the client's, or it has several.
        """
        own = self.redirect_uris or []
        if redirect_uri is None:
            if len(own) != 1:
                raise InvalidRedirectUriError(
                    "The request names no redirect_uri, and the client has not exactly one"
                )
            return own[0]
        named = str(redirect_uri)
        if not any(redirects.same(one, named) for one in own):
            raise InvalidRedirectUriError("The redirect_uri is none that the client registered")
        return named


class OAuthClientInformationFull(OAuthClientMetadata):
    """A client that has an id (RFC 7591, 3.2.1).

    Attributes:
        client_id: its id; a URL where its metadata is read from there.
        client_secret: that it proves itself with, or None.
        client_secret_hash: SHA-256 of the secret, in hexadecimal, where the secret itself is not
            kept.
        client_id_issued_at: in seconds since the epoch.
        client_secret_expires_at: the same; 0 for never.
    """

    client_id: str
    client_secret: str | None = Field(default=None, repr=False)
    client_secret_hash: str | None = Field(default=None, repr=False, exclude=True)
    client_id_issued_at: int | None = None
    client_secret_expires_at: int | None = None


class OAuthToken(BaseModel):
    """The answer of the token endpoint (OAuth 2.1, 3.2.3).

    Attributes:
        access_token: for requests.
        token_type: how it is used.
        expires_in: seconds.
        scope: what it permits, separated by spaces.
        refresh_token: for the next one.
    """

    access_token: str = Field(repr=False)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  (a word, not a token)
    expires_in: int | None = None
    scope: str | None = None
    refresh_token: str | None = Field(default=None, repr=False)


class AuthorizationParams(BaseModel):
    """A request for authorization that is in order.

    Attributes:
        state: to be given back with the answer.
        scopes: that are asked for, of those that the server has.
        code_challenge: of PKCE, with the method S256 (RFC 7636).
        redirect_uri: where the answer goes.
        redirect_uri_provided_explicitly: whether the request named it.
        resource: whom the token is for (RFC 8707).
    """

    state: str | None = None
    scopes: list[str] | None = None
    code_challenge: str
    redirect_uri: Annotated[str, BeforeValidator(str)]
    redirect_uri_provided_explicitly: bool
    resource: str | None = None


class AuthorizationCode(BaseModel):
    """What a code stands for.

    Attributes:
        code: a secret.
        scopes: that were granted.
        expires_at: seconds since the epoch.
        client_id: whom it was given to.
        code_challenge: that the client's verifier must fit.
        redirect_uri: where it was sent.
        redirect_uri_provided_explicitly: whether the request named it.
        resource: whom the token will be for.
        subject: who granted it.
        claims: further ones of the token.
    """

    code: str = Field(repr=False)
    scopes: list[str]
    expires_at: float
    client_id: str
    code_challenge: str
    redirect_uri: Annotated[str, BeforeValidator(str)]
    redirect_uri_provided_explicitly: bool
    resource: str | None = None
    subject: str | None = None
    claims: dict[str, Any] = {}


class RefreshToken(BaseModel):
    """What a refresh token stands for.

    Attributes:
        token: a secret.
        client_id: whom it was given to.
        scopes: that were granted.
        expires_at: seconds since the epoch, or None.
        resource: whom its tokens are for.
        subject: who granted it.
        claims: further ones of its tokens.
    """

    token: str = Field(repr=False)
    client_id: str
    scopes: list[str]
    expires_at: int | None = None
    resource: str | None = None
    subject: str | None = None
    claims: dict[str, Any] = {}


class AssertedIdentity(BaseModel):
    """A user whom an identity provider vouches for, to a client that it names; all of it has been
    checked.

    Attributes:
        issuer: who names the user: the identity provider. Who puts a user of this server in their
            place puts this server there too.
        subject: names them among all whom that issuer names.
        scopes: that are granted.
        resource: whom the token will be for.
        claims: what else is said of the user, such as their e-mail address; `assertion_iss` is the
            identity provider.
    """

    issuer: str
    subject: str
    scopes: list[str]
    resource: str | None = None
    claims: dict[str, Any] = {}


@dataclass(frozen=True)
class Subject:
    """The person who is asked for consent, authenticated.

    Attributes:
        subject: names them and nobody else, for as long as the server exists (`sub`).
        name: as they are shown themselves.
        claims: that their tokens carry besides, JSON values.
    """

    subject: str
    name: str | None = None
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
