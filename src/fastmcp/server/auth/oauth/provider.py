"""An authorization server beside the MCP server that its tokens are for.

`OAuthProvider` has the endpoints and everything that can be checked without knowing who the users
are. Who subclasses it says who sits at the browser (`authenticate`) and keeps what was granted; a
subclass of `StoredOAuthProvider` has only to say the former.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Final, TypedDict

from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.routing import Route

from fastmcp.server.auth.fetching import Fetcher as PublicFetcher
from fastmcp.server.auth.identity_assertion import IdentityAssertion
from fastmcp.server.auth.oauth import metadata
from fastmcp.server.auth.oauth.assertions import AssertionGrant
from fastmcp.server.auth.oauth.authorize import AuthorizationEndpoint
from fastmcp.server.auth.oauth.client_auth import ClientAuthenticator
from fastmcp.server.auth.oauth.clients import Clients
from fastmcp.server.auth.oauth.consent import ConsentPage
from fastmcp.server.auth.oauth.documents import ClientDocuments, Fetcher
from fastmcp.server.auth.oauth.exchange import Handler, endpoint
from fastmcp.server.auth.oauth.issuer import Issuer
from fastmcp.server.auth.oauth.limits import DEFAULT_LIMITS, Limit, Meter, RateLimits
from fastmcp.server.auth.oauth.models import (
    AuthorizationParams,
    ClientRegistrationOptions,
    OAuthClientInformationFull,
    RevocationOptions,
    Subject,
)
from fastmcp.server.auth.oauth.redirects import with_parameters
from fastmcp.server.auth.oauth.registration import RegistrationEndpoint
from fastmcp.server.auth.oauth.revoke import RevocationEndpoint
from fastmcp.server.auth.oauth.token import TokenEndpoint
from fastmcp.server.session_keys import load_session_keys
from fastmcp.settings import get_settings

__all__ = ["OAuthOptions", "OAuthProvider", "meter_of"]


class OAuthOptions(TypedDict, total=False):
    """The arguments of `OAuthProvider` beside `base_url`."""

    resource_base_url: AnyHttpUrl | str | None
    issuer_url: AnyHttpUrl | str | None
    service_documentation_url: AnyHttpUrl | str | None
    client_registration_options: ClientRegistrationOptions | None
    revocation_options: RevocationOptions | None
    required_scopes: list[str] | None
    clients: Iterable[OAuthClientInformationFull]
    enable_cimd: bool
    identity_assertion: IdentityAssertion | None
    require_authorization_consent: bool
    rate_limits: RateLimits | None
    fetcher: Fetcher | None


class OAuthProvider(Issuer):
    """An authorization server.

    A subclass gives the methods that `Issuer` names and does not have. The endpoints are
    `/authorize`, `/consent`, `/token`, `/register` and `/revoke` below `base_url`, and
    `/.well-known/oauth-authorization-server`.

    Args:
        base_url: where this server is reached from outside, without the path of its endpoint.
        resource_base_url: the same, where clients know the MCP endpoint by another address.
        issuer_url: the name of the authorization server, `base_url` by default. A string is told
            as it stands.
        service_documentation_url: a page for those who develop clients.
        client_registration_options: whether clients may register themselves; not by default.
        revocation_options: whether clients may give tokens back; not by default.
        required_scopes: that every token must have.
        clients: that are known beforehand; they need not register, and do not expire.
        enable_cimd: whether a client may be a URL at which its metadata is (CIMD).
        identity_assertion: identity providers whose word lets users in, without a page (enterprise-
            managed authorization); none by default.
        require_authorization_consent: False gives a code to whoever asks, without a page: for
            tests and for a machine that nobody else can reach.
        rate_limits: of the endpoints; None for none.
        fetcher: gets the metadata of clients that are a URL; one that reaches public addresses
            alone by default.
    """

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
        require_authorization_consent: bool = True,
        rate_limits: RateLimits | None = DEFAULT_LIMITS,
        fetcher: Fetcher | None = None,
    ) -> None:
        super().__init__(
            base_url=base_url,
            resource_base_url=resource_base_url,
            issuer_url=issuer_url,
            service_documentation_url=service_documentation_url,
            client_registration_options=client_registration_options,
            revocation_options=revocation_options,
            required_scopes=required_scopes,
            clients=clients,
            enable_cimd=enable_cimd,
            identity_assertion=identity_assertion,
            rate_limits=rate_limits,
        )
        self.require_authorization_consent = require_authorization_consent
        self._fetcher = fetcher

    @cached_property
    def _clients(self) -> Clients:
        return Clients(self, ClientDocuments(self._fetcher or PublicFetcher()))

    @cached_property
    def _authorization(self) -> AuthorizationEndpoint:
        return AuthorizationEndpoint(self, self._clients, meter_of(self.rate_limits.authorize))

    @cached_property
    def _consent(self) -> ConsentPage:
        settings = get_settings()
        keys = load_session_keys(settings.session_keys, settings.home)
        # Twice: a person who is let through to the page also sends it.
        meter = meter_of(self.rate_limits.authorize, 2)
        return ConsentPage(self, self._clients, keys, self._authorization, meter)

    @cached_property
    def _assertions(self) -> AssertionGrant | None:
        options = self.identity_assertion
        return None if options is None else AssertionGrant(self, options)

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        if self.require_authorization_consent:
            return self._consent.url(client, params)
        person = await self.authenticate(Request({"type": "http", "headers": []}))
        if not isinstance(person, Subject):
            raise TypeError(
                "Without a page of consent there is nobody to log in: authenticate must name "
                "somebody, or require_authorization_consent be True"
            )
        code = await self.create_authorization_code(client, params, person)
        return with_parameters(params.redirect_uri, code=code, state=params.state, iss=self.issuer)

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """The endpoints, and what says where they are.

        Raises:
            TypeError: a method is missing.
        """
        self._check_methods()
        clients, limits = self._clients, self.rate_limits
        authenticator = ClientAuthenticator(self, clients)
        for_tokens = meter_of(limits.token)
        routes = [
            *metadata.routes(self),
            Route("/authorize", self._authorization.serve, methods=["GET", "POST"]),
            _posted(
                "/token", TokenEndpoint(self, authenticator, self._assertions).serve, for_tokens
            ),
        ]
        if self._asks():
            routes.append(Route("/consent", self._consent.serve, methods=["GET", "POST"]))
        if self.client_registration_options.enabled:
            registration = RegistrationEndpoint(self)
            routes.append(_posted("/register", registration.serve, meter_of(limits.register)))
        if self.revocation_options.enabled:
            revocation = RevocationEndpoint(self, authenticator)
            routes.append(_posted("/revoke", revocation.serve, for_tokens))
        return [*routes, *super().get_routes(mcp_path)]

    def get_metadata_routes(self, mcp_path: str | None = None) -> list[Route]:
        self.serve_at(mcp_path)
        return super().get_metadata_routes(mcp_path)

    def _asks(self) -> bool:
        """Whether the page of consent is used."""
        return self.require_authorization_consent and not self._overrides("authorize")

    def _overrides(self, method: str) -> bool:
        own = getattr(type(self), method)
        return own not in (getattr(OAuthProvider, method), getattr(Issuer, method))

    def _check_methods(self) -> None:
        needed: list[str] = list(_METHODS)
        if not self._overrides("verify_token") or self.revocation_options.enabled:
            needed.append("load_access_token")
        if self.client_registration_options.enabled:
            needed.append("register_client")
        if self.revocation_options.enabled:
            needed.append("revoke_token")
        if self.identity_assertion is not None:
            needed.append("exchange_identity_assertion")
        if not self._overrides("authorize"):
            needed += ["authenticate", "create_authorization_code"]
        missing = [method for method in needed if not self._overrides(method)]
        if missing:
            raise TypeError(
                f"{type(self).__name__} has to override {', '.join(missing)}: see OAuthProvider, "
                "and StoredOAuthProvider, which has all but authenticate"
            )


_METHODS: Final = (
    "get_client",
    "load_authorization_code",
    "exchange_authorization_code",
    "load_refresh_token",
    "exchange_refresh_token",
)


def meter_of(limit: Limit | None, times: int = 1) -> Meter | None:
    """What counts requests against a limit, or against some times as many."""
    if limit is None:
        return None
    return Meter(Limit(limit.per_address * times, limit.total * times, limit.seconds))


def _posted(path: str, handler: Handler, meter: Meter | None) -> Route:
    return Route(path, endpoint(handler, "POST", meter), methods=["POST", "OPTIONS"])
