"""What the endpoints ask of a provider: how it is set up, and the methods that a subclass gives.

The names and arguments of the methods are those that FastMCP's users know. A subclass that keeps
everything itself gives them all; `StoredOAuthProvider` has them over any store.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.responses import Response

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import AuthProvider
from fastmcp.server.auth.identity_assertion import IdentityAssertion
from fastmcp.server.auth.oauth import redirects
from fastmcp.server.auth.oauth.limits import DEFAULT_LIMITS, RateLimits
from fastmcp.server.auth.oauth.models import (
    AssertedIdentity,
    AuthorizationCode,
    AuthorizationParams,
    ClientRegistrationOptions,
    OAuthClientInformationFull,
    OAuthToken,
    RefreshToken,
    RevocationOptions,
    Subject,
)
from fastmcp.server.auth.oauth.records import MemoryRecords, Records, name
from fastmcp.server.auth.resource import resource_url

__all__ = ["Issuer"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""OAuth 2.1, 1.4.1."""


class Issuer(AuthProvider):
    """An authorization server as its endpoints see it; see `OAuthProvider` for the arguments."""

    def __init__(
        self,
        *,
        base_url: AnyHttpUrl | str,
        resource_base_url: AnyHttpUrl | str | None = None,
        issuer_url: AnyHttpUrl | str | None = None,
        service_documentation_url: AnyHttpUrl | str | None = None,
        client_registration_options: ClientRegistrationOptions | None = None,
        revocation_options: RevocationOptions | None = None,
        required_scopes: list[str] | None = None,
        clients: Iterable[OAuthClientInformationFull] = (),
        enable_cimd: bool = True,
        identity_assertion: IdentityAssertion | None = None,
        rate_limits: RateLimits | None = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(base_url, required_scopes, resource_base_url)
        self.endpoints_url = str(self.base_url).rstrip("/")
        self.issuer_url = AnyHttpUrl(str(base_url if issuer_url is None else issuer_url))
        self.issuer = _issuer(self.endpoints_url if issuer_url is None else issuer_url)
        self.authorization_servers = [self.issuer]
        self.service_documentation_url = (
            None
            if service_documentation_url is None
            else AnyHttpUrl(str(service_documentation_url))
        )
        # The models of the official SDK have the same fields.
        self.client_registration_options = ClientRegistrationOptions.model_validate(
            client_registration_options or ClientRegistrationOptions()
        )
        self.revocation_options = RevocationOptions.model_validate(
            revocation_options or RevocationOptions()
        )
        self.static_clients = {client.client_id: client for client in clients}
        self.enable_cimd = enable_cimd
        self.identity_assertion = identity_assertion
        self.rate_limits = rate_limits or RateLimits(None, None, None)
        url = self.endpoints_url
        if not url.startswith("https:") and not redirects.is_loopback(url):
            # basic/authorization/security-considerations, "Communication Security"
            _logger.warning("%s is not https: who listens can use the tokens", url)
        for client in self.static_clients.values():
            secret = client.client_secret_hash or client.client_secret
            method = client.token_endpoint_auth_method or ""
            if secret == "" or (secret is None and method.startswith("client_secret_")):
                raise ValueError(
                    f"The client {client.client_id!r} has an empty client_secret, or none: give it "
                    'one, or say token_endpoint_auth_method="none" of a public client'
                )
            for uri in client.redirect_uris or []:
                redirects.check(uri)
        for scope in self.scopes_supported:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(f"{scope!r} is no scope: one has no space, quote or backslash")
        self._resources: dict[str, bool] = {}
        self.used: Records = MemoryRecords()

    @property
    def scopes_supported(self) -> list[str]:
        """The scopes that clients can be given: those of which the options say so, those that every
        token must have, and those that are given to who asks for none."""
        options = self.client_registration_options
        named = [options.valid_scopes, self.required_scopes, options.default_scopes]
        return list(dict.fromkeys(scope for scopes in named for scope in scopes or []))

    @property
    def scopes_by_default(self) -> list[str]:
        """The scopes of a request that names none."""
        given = self.client_registration_options.default_scopes
        return self.required_scopes if given is None else given

    def serve_at(self, mcp_path: str | None) -> None:
        """Learn where an endpoint is that tokens are for; without its path, by what other name
        clients may know it."""
        base = str(self.resource_base_url or self.base_url)
        name = resource_url(base, (mcp_path or "").rstrip("/"))
        self._resources[name] = self._resources.get(name, False) or mcp_path is not None

    @property
    def resource(self) -> str | None:
        """Whom tokens are for that were asked for nobody: the URL of the endpoint, of several the
        first (RFC 8707, 2). None until the routes are made, where its path is learnt."""
        endpoints = [name for name, is_endpoint in self._resources.items() if is_endpoint]
        return next(iter([*endpoints, *self._resources]), None)

    def own_resource(self, resource: str) -> str | None:
        """What this server calls itself where a client means it by that; None where it means
        another one. Scheme and host may be in capitals, and a slash may stand at the end
        (basic/authorization, "Canonical Server URI")."""
        named = _canonical(resource)
        return next((own for own in self._resources if _canonical(own) == named), None)

    def is_own(self, resource: str) -> bool:
        """Whether a client means this server by that. All its endpoints are this one server: it
        takes a token that is for one of them at each."""
        return self.own_resource(resource) is not None

    # clients

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        """The client of that id, or None."""
        raise NotImplementedError(_missing(self, "get_client"))

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Keep a client that registers itself.

        Raises:
            RegistrationError: it may not.
        """
        raise NotImplementedError(_missing(self, "register_client"))

    def is_known(self, client: OAuthClientInformationFull) -> bool:
        """Whether somebody here has seen to it that the client is who it says. One that is not is
        introduced with a warning."""
        return client.client_id in self.static_clients

    def allows(self, redirect_uri: str) -> bool:
        """Whether clients may be answered there, whatever they registered."""
        return True

    async def is_first_use(self, mark: str, seconds: float) -> bool:
        """Whether nobody has asked this before, within so many seconds."""
        return await self.used.add(name("used", mark), {}, seconds)

    # codes

    async def authenticate(self, request: Request) -> Subject | Response:
        """Who sits at the browser; override it.

        It is asked when the page of consent is shown and again when it is sent, and both times
        has to name the same person.

        Args:
            request: for the page of consent, with the browser's cookies.

        Returns:
            Whom they are, or what they get instead of the page: a form to log in with, or a
            redirect to one, which leads back to the URL of this request.
        """
        raise NotImplementedError(_missing(self, "authenticate"))

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        """Where the browser goes next with a request that is in order: by default, the page of
        consent. Override it to ask somewhere else; from there the browser must come back to
        `params.redirect_uri`, with a code.

        Raises:
            AuthorizeError: nothing is authorized.
        """
        raise NotImplementedError(_missing(self, "authorize"))

    async def create_authorization_code(
        self, client: OAuthClientInformationFull, params: AuthorizationParams, subject: Subject
    ) -> str:
        """A code for what a person has consented to, with at least 128 random bits.

        Raises:
            AuthorizeError: nothing is authorized.
        """
        raise NotImplementedError(_missing(self, "create_authorization_code"))

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        """What a code stands for; None where it is unknown, has been used or is another client's.
        It is not used up by this."""
        raise NotImplementedError(_missing(self, "load_authorization_code"))

    # tokens

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        """Tokens for a code, which is used up. Everything that it is bound to has been checked.

        Raises:
            TokenError: it has been used.
        """
        raise NotImplementedError(_missing(self, "exchange_authorization_code"))

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        """What a refresh token stands for; None where it is unknown, has been used or is another
        client's."""
        raise NotImplementedError(_missing(self, "load_refresh_token"))

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        """Tokens for a refresh token, which is used up.

        Args:
            client: whose it is.
            refresh_token: as it was loaded.
            scopes: of the access token; some of the refresh token's.

        Raises:
            TokenError: it has been used.
        """
        raise NotImplementedError(_missing(self, "exchange_refresh_token"))

    async def exchange_identity_assertion(
        self, client: OAuthClientInformationFull, identity: AssertedIdentity
    ) -> OAuthToken:
        """An access token, and no other, for a user whom an identity provider vouches for. The
        assertion has been checked, and is used up. Override it to say who that is here.

        Raises:
            TokenError: none is given.
        """
        raise NotImplementedError(_missing(self, "exchange_identity_assertion"))

    async def load_access_token(self, token: str) -> AccessToken | None:
        """What an access token says; None where it is unknown, has expired or was revoked."""
        raise NotImplementedError(_missing(self, "load_access_token"))

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        """End a token, and all that were made with the same consent."""
        raise NotImplementedError(_missing(self, "revoke_token"))

    async def verify_token(self, token: str) -> AccessToken | None:
        """The same as `load_access_token`."""
        return await self.load_access_token(token)


def _issuer(url: AnyHttpUrl | str) -> str:
    """The issuer's name. It is compared as it stands (RFC 8414, 3.3), and pydantic puts a slash
    behind a host."""
    text = str(url)
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        raise ValueError("An issuer has no query and no fragment (RFC 8414, 2)")
    return text.rstrip("/") if not isinstance(url, str) and url.path == "/" else text


def _canonical(url: str) -> tuple[str, str, str] | None:
    if "#" in url:
        return None  # RFC 8707, 2
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return (scheme.lower() + separator, host.lower(), (slash + path).rstrip("/"))


def _missing(provider: object, method: str) -> str:
    return (
        f"{type(provider).__name__} has no {method}: override it, or subclass StoredOAuthProvider "
        "or InMemoryOAuthProvider, which have one"
    )
