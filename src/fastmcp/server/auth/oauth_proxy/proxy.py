"""An authorization server for users who have their accounts elsewhere.

Clients of MCP register themselves; GitHub, Google and most others know only clients that somebody
entered by hand. So this server is one such client there, and an authorization server to everybody
else: it registers clients, asks the person for consent to each, has them log in at the upstream,
and gives out codes and tokens of its own. The upstream's tokens stay here. A token that a client
holds says which login it belongs to, and is as good as the upstream says that login is, each time.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, TypedDict

from pydantic import AnyHttpUrl, SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fastmcp.server.access import AccessToken
from fastmcp.server.auth.base import TokenVerifier, VerificationUnavailableError
from fastmcp.server.auth.identity_assertion import IdentityAssertion
from fastmcp.server.auth.oauth.documents import Fetcher
from fastmcp.server.auth.oauth.errors import (
    AuthorizeError,
    OAuthError,
    TokenError,
)
from fastmcp.server.auth.oauth.limits import DEFAULT_LIMITS, RateLimits
from fastmcp.server.auth.oauth.models import (
    AuthorizationCode,
    AuthorizationParams,
    ClientRegistrationOptions,
    OAuthClientInformationFull,
    OAuthToken,
    RefreshToken,
    RevocationOptions,
    Subject,
)
from fastmcp.server.auth.oauth.provider import meter_of
from fastmcp.server.auth.oauth.records import KeyValueStore
from fastmcp.server.auth.oauth.redirects import with_parameters
from fastmcp.server.auth.oauth.stored import ASSERTED_BY, StoredOAuthProvider, family_of
from fastmcp.server.auth.oauth_proxy.allowed import is_allowed
from fastmcp.server.auth.oauth_proxy.consent import Consent, ProxyConsentPage
from fastmcp.server.auth.oauth_proxy.file_records import records_at
from fastmcp.server.auth.oauth_proxy.grants import Grant, Grants
from fastmcp.server.auth.oauth_proxy.login import Login
from fastmcp.server.auth.oauth_proxy.upstream import Upstream, UpstreamTokens
from fastmcp.server.session_keys import SessionKeys, load_session_keys
from fastmcp.settings import get_settings

__all__ = ["OAuthProxy", "ProxyOptions"]

_logger: Final = logging.getLogger("fastmcp.server.auth")

_CALLBACK: Final = "/auth/callback"
_DAY: Final = 24 * 3600
_MINIMUM: Final = 16


class ProxyOptions(TypedDict, total=False):
    """The arguments of `OAuthProxy` that do not say which upstream it is."""

    resource_base_url: AnyHttpUrl | str | None
    redirect_path: str | None
    issuer_url: AnyHttpUrl | str | None
    service_documentation_url: AnyHttpUrl | str | None
    allowed_client_redirect_uris: list[str] | None
    valid_scopes: list[str] | None
    forward_pkce: bool
    forward_resource: bool
    token_endpoint_auth_method: str | None
    extra_authorize_params: Mapping[str, str] | None
    extra_token_params: Mapping[str, str] | None
    client_storage: KeyValueStore | None
    jwt_signing_key: str | bytes | None
    require_authorization_consent: Consent
    consent_csp_policy: str | None
    fallback_access_token_expiry_seconds: int | None
    fallback_refresh_token_expiry_seconds: int | None
    fastmcp_access_token_expiry_seconds: int | None
    token_expiry_threshold_seconds: int
    enable_cimd: bool
    identity_assertion: IdentityAssertion | None
    clients: Iterable[OAuthClientInformationFull]
    rate_limits: RateLimits | None
    fetcher: Fetcher | None


class OAuthProxy(StoredOAuthProvider):
    """Lets people in who have an account at a provider that knows its clients beforehand.

    `get_access_token()` in a tool gives the upstream's own token, for calls to its API, with its
    claims and scopes; `client_id` is that of the MCP client.

    Args:
        upstream_authorization_endpoint: where people log in.
        upstream_token_endpoint: of the upstream.
        upstream_client_id: of this server, as it was entered there.
        upstream_client_secret: the same; None for a public client.
        upstream_revocation_endpoint: where tokens are given back, when a client gives its own back.
        token_verifier: verifies the upstream's tokens, with each request; what it requires is
            required of clients.
        base_url: where this server is reached from outside, without the path of its endpoint.
        resource_base_url: as for `OAuthProvider`.
        redirect_path: where browsers come back, below `base_url`: "/auth/callback" by default. The
            whole URL is entered at the upstream.
        issuer_url: as for `OAuthProvider`.
        service_documentation_url: as for `OAuthProvider`.
        allowed_client_redirect_uris: patterns such as "http://localhost:*"; a client registers
            what it wants, and is answered only where one of them fits. None for anywhere that is
            safe, an empty list for nowhere.
        valid_scopes: that clients may ask for; those that are required by default.
        forward_pkce: each login at the upstream has a PKCE secret of its own; False for an
            upstream that does not take it.
        forward_resource: the upstream is told the address of this server as `resource` (RFC 8707).
        token_endpoint_auth_method: how this server proves itself to the upstream:
            "client_secret_basic" (the default), "client_secret_post" or "none".
        extra_authorize_params: further parameters of the upstream's authorization endpoint.
        extra_token_params: further parameters of its token endpoint.
        client_storage: as `storage` of `StoredOAuthProvider`. None for a file under `FASTMCP_HOME`,
            which the workers of one machine share, and a server that starts again goes on with.
        jwt_signing_key: a secret of 16 bytes or more that the servers of one installation share:
            what is kept and what pages carry is sealed with a key made of it. By default that is
            `FASTMCP_SESSION_KEY`, or the key file of this machine. (No token is signed with it:
            they are opaque.)
        require_authorization_consent: True asks a person for consent to each client, each time;
            "remember" asks a browser once a month, for a client that is answered at an https
            address; False and "external" ask nobody, and leave it to
            you that no client gets in without its user's knowledge.
        consent_csp_policy: in place of the consent page's own policy; "" for none.
        fallback_access_token_expiry_seconds: how long an upstream token is good of which that is
            not said; None until `token_verifier` refuses it.
        fallback_refresh_token_expiry_seconds: how long our refresh tokens are good that nobody
            uses; 30 days by default.
        fastmcp_access_token_expiry_seconds: how long our access tokens are good; an hour by
            default. The upstream is asked for all that time.
        token_expiry_threshold_seconds: renew the upstream's token that long before it ends; half a
            minute, or a tenth of its life if that is less, at least.
        enable_cimd: as for `OAuthProvider`.
        identity_assertion: as for `OAuthProvider`. Who is let in that way has no login at the
            upstream: `get_access_token()` gives this server's own token.
        upstream_issuer: what the upstream calls itself; an answer to a login that names another
            is refused (RFC 9207).
        clients: as for `OAuthProvider`.
        rate_limits: as for `OAuthProvider`.
        fetcher: as for `OAuthProvider`.

    Raises:
        ValueError: an argument cannot be used.
    """

    def __init__(
        self,
        *,
        upstream_authorization_endpoint: str,
        upstream_token_endpoint: str,
        upstream_client_id: str,
        upstream_client_secret: str | SecretStr | None = None,
        upstream_revocation_endpoint: str | None = None,
        token_verifier: TokenVerifier,
        base_url: AnyHttpUrl | str,
        resource_base_url: AnyHttpUrl | str | None = None,
        redirect_path: str | None = None,
        issuer_url: AnyHttpUrl | str | None = None,
        service_documentation_url: AnyHttpUrl | str | None = None,
        allowed_client_redirect_uris: list[str] | None = None,
        valid_scopes: list[str] | None = None,
        forward_pkce: bool = True,
        forward_resource: bool = True,
        token_endpoint_auth_method: str | None = None,
        extra_authorize_params: Mapping[str, str] | None = None,
        extra_token_params: Mapping[str, str] | None = None,
        client_storage: KeyValueStore | None = None,
        jwt_signing_key: str | bytes | None = None,
        require_authorization_consent: Consent = True,
        consent_csp_policy: str | None = None,
        fallback_access_token_expiry_seconds: int | None = None,
        fallback_refresh_token_expiry_seconds: int | None = None,
        fastmcp_access_token_expiry_seconds: int | None = None,
        token_expiry_threshold_seconds: int = 0,
        enable_cimd: bool = True,
        identity_assertion: IdentityAssertion | None = None,
        upstream_issuer: str | None = None,
        clients: Iterable[OAuthClientInformationFull] = (),
        rate_limits: RateLimits | None = DEFAULT_LIMITS,
        fetcher: Fetcher | None = None,
    ) -> None:
        if require_authorization_consent not in (True, False, "remember", "external"):
            raise ValueError(
                'require_authorization_consent is True, "remember", "external" or False'
            )
        super().__init__(
            base_url=base_url,
            resource_base_url=resource_base_url,
            issuer_url=issuer_url,
            service_documentation_url=service_documentation_url,
            client_registration_options=ClientRegistrationOptions(
                enabled=True, valid_scopes=valid_scopes
            ),
            revocation_options=RevocationOptions(enabled=True),
            required_scopes=token_verifier.required_scopes,
            clients=clients,
            enable_cimd=enable_cimd,
            identity_assertion=identity_assertion,
            require_authorization_consent=True,  # the page decides whether it asks
            rate_limits=rate_limits,
            fetcher=fetcher,
            storage=client_storage,
            access_token_expiry_seconds=fastmcp_access_token_expiry_seconds or 3600,
            refresh_token_expiry_seconds=fallback_refresh_token_expiry_seconds or 30 * _DAY,
        )
        if client_storage is None:
            about = [self.issuer, upstream_authorization_endpoint, upstream_client_id]
            mark = hashlib.sha256("\n".join(about).encode()).hexdigest()[:32]
            self._records = self.used = records_at(get_settings().home / "oauth" / f"{mark}.sqlite")
        path = redirect_path or _CALLBACK
        self.redirect_path = path if path.startswith("/") else f"/{path}"
        self.token_verifier = token_verifier
        self.consent: Consent = require_authorization_consent
        self._upstream = Upstream(
            authorization_endpoint=upstream_authorization_endpoint,
            token_endpoint=upstream_token_endpoint,
            revocation_endpoint=upstream_revocation_endpoint,
            client_id=upstream_client_id,
            client_secret=upstream_client_secret,
            auth_method=token_endpoint_auth_method,
            authorize_params=extra_authorize_params,
            token_params=extra_token_params,
            issuer=upstream_issuer,
            names_itself=self.upstream_names_itself,
        )
        self._patterns = allowed_client_redirect_uris
        self._forward_pkce = forward_pkce
        self._forward_resource = forward_resource
        self._policy = consent_csp_policy
        self._threshold = token_expiry_threshold_seconds
        self._fallback = fallback_access_token_expiry_seconds
        self._secret = None if jwt_signing_key is None else _secret(jwt_signing_key)
        if require_authorization_consent is False:
            _logger.warning(
                "%s asks nobody for consent: a link to a stranger's client logs its visitor in to "
                'that client. Say require_authorization_consent=True, or "external" where '
                "something in front of this server asks",
                type(self).__name__,
            )

    # what an upstream may have otherwise

    verify_id_token: bool = False
    """Whether who logged in is read from the ID token, and not from the access token."""

    scopes_as_granted: bool = False
    """Whether `token_verifier` does not know scopes: they are those of the login then."""

    upstream_names_itself: bool = False
    """Whether the upstream says who it is with each answer (RFC 9207, 3)."""

    def upstream_scopes(self, scopes: list[str]) -> list[str]:
        """Scopes as the upstream is asked for them."""
        return scopes

    def token_scopes(self, scopes: list[str]) -> list[str] | None:
        """The scopes that requests for tokens name, for an upstream that wants them; or None."""
        return None

    # parts

    @cached_property
    def _keys(self) -> SessionKeys:
        if self._secret is not None:
            return SessionKeys([self._secret])
        settings = get_settings()
        return load_session_keys(settings.session_keys, settings.home)

    @cached_property
    def _grants(self) -> Grants:
        return Grants(
            self._records,
            self._keys,
            self._upstream,
            self.token_verifier,
            by_id_token=self.verify_id_token,
            scopes_as_granted=self.scopes_as_granted,
            scopes_again=self.token_scopes,
            early=self._threshold,
            fallback=self._fallback,
            keep=self._refresh_seconds + self._access_seconds + self._code_seconds,
            purpose=f"tokens that {self.issuer} has of {self._upstream.name}",
        )

    @cached_property
    def _login(self) -> Login:
        return Login(
            self._upstream,
            self._records,
            self._keys,
            self._clients,
            self._authorization,
            callback=self.endpoints_url + self.redirect_path,
            scopes=self.upstream_scopes,
            scopes_again=self.token_scopes,
            forward_pkce=self._forward_pkce,
            forward_resource=self._forward_resource,
            logged_in=self._logged_in,
            meter=meter_of(self.rate_limits.authorize),
        )

    @cached_property
    def _consent(self) -> ProxyConsentPage:
        return ProxyConsentPage(
            self,
            self._clients,
            self._keys,
            self._authorization,
            meter_of(self.rate_limits.authorize, 2),
            login=self._login,
            consent=self.consent,
            policy=self._policy,
        )

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        callback = Route(self.redirect_path, self._come_back, methods=["GET"])
        return [callback, *super().get_routes(mcp_path)]

    # the flow

    async def authenticate(self, request: Request) -> Subject | Response:
        """Nobody yet: who it is will be known when they have logged in."""
        return Subject("")

    def allows(self, redirect_uri: str) -> bool:
        return self._patterns is None or is_allowed(redirect_uri, self._patterns)

    async def _come_back(self, request: Request) -> Response:
        if request.method != "GET":  # HEAD, which uses nothing up (RFC 9110, 9.2.1)
            return Response(status_code=405, headers={"Allow": "GET"})
        return await self._login.serve(request, self._consent.browser_of(request))

    async def _logged_in(
        self,
        client: OAuthClientInformationFull,
        params: AuthorizationParams,
        tokens: UpstreamTokens,
    ) -> str:
        grant = await self._grants.made(tokens, params.scopes or [])
        found = await self._grants.verified(grant)
        if found is None:
            _logger.warning(
                "A login ended with a token that %s refuses: compare what it expects with what the "
                "upstream gives",
                type(self.token_verifier).__name__,
            )
            raise AuthorizeError("server_error", "The login brought a token that is not good here")
        named = found.subject or found.claims.get("sub")
        subject = "" if named is None else str(named)
        code = await self.create_authorization_code(client, params, Subject(subject))
        grant = grant.model_copy(update={"subject": subject or None})
        await self._grants.keep(family_of(code) or "", grant, 2 * self._code_seconds)
        return with_parameters(params.redirect_uri, code=code, state=params.state, iss=self.issuer)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        token = await super().exchange_authorization_code(client, authorization_code)
        family = family_of(token.access_token) or ""
        grant = await self._grants.read(family)
        if grant is not None:  # until now it was kept for as long as the code
            await self._grants.keep(family, grant)
        return _not_longer(token, grant)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        family = family_of(refresh_token.token) or ""
        try:
            current = await self._grants.current(family)
        except VerificationUnavailableError as error:
            _logger.warning("A token was not renewed: %s", error)
            raise OAuthError(
                "temporarily_unavailable", "Whether the login is good cannot be known now"
            ) from None
        if current is None:
            raise TokenError("invalid_grant", "The login has ended: the person has to log in again")
        grant, _ = current
        token = await super().exchange_refresh_token(client, refresh_token, scopes)
        if grant.renew_at is None or not grant.is_renewable:
            await self._grants.prolong(family, grant)  # the others are kept each time
        return _not_longer(token, grant)

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the upstream says of the login that a token of ours belongs to; None where the token
        or the login has ended. Of a user whom an identity provider vouches for, what that says.

        Raises:
            VerificationUnavailableError: that cannot be known now.
        """
        ours, family = await self.load_access_token(token), family_of(token)
        if ours is not None and ASSERTED_BY in ours.claims:
            return ours
        current = None if ours is None or family is None else await self._grants.current(family)
        if ours is None or current is None:
            return None
        grant, found = current
        ends = [ours.expires_at]
        if not grant.is_renewable:
            ends += [grant.expires_at, found.expires_at]
        return found.model_copy(
            update={
                "client_id": ours.client_id,
                "scopes": self._consented_of(found, ours),
                "expires_at": min((int(end) for end in ends if end is not None), default=None),
                "leeway": 0.0,  # the end is our own clock's
                "resource": ours.resource,
                "subject": ours.subject or f"login {family}",
            }
        )

    def _consented_of(self, found: AccessToken, ours: AccessToken) -> list[str]:
        """What the upstream permits of what the client was consented to: some give a person's every
        scope to each login. A server that has no scopes is consented to as a whole."""
        if not self.scopes_supported:
            return found.scopes
        consented = list(dict.fromkeys([*ours.scopes, *self.upstream_scopes(ours.scopes)]))
        missing = self.missing_scopes(found, consented)
        return [scope for scope in consented if scope not in missing]

    def missing_scopes(self, token: AccessToken, required: Sequence[str]) -> list[str]:
        return self.token_verifier.missing_scopes(token, required)

    async def _end(self, family: str) -> None:
        await super()._end(family)
        await self._grants.end(family)


def _not_longer(token: OAuthToken, grant: Grant | None) -> OAuthToken:
    """A client is not told that its token outlives a login that cannot be renewed."""
    if grant is None or grant.is_renewable or grant.expires_at is None or not token.expires_in:
        return token
    left = max(1, int(grant.expires_at - time.time()))
    return token.model_copy(update={"expires_in": min(left, token.expires_in)})


def _secret(given: str | bytes) -> bytes:
    """A key of what people think up. Whoever tries secrets at home, on what pages carry, has to pay
    for each (NIST SP 800-132; RFC 7914, 2); a server does once."""
    secret = given.encode() if isinstance(given, str) else given
    if len(secret) < _MINIMUM:
        raise ValueError(
            f"jwt_signing_key has at least {_MINIMUM} bytes: take the output of "
            "`openssl rand -base64 32`, or leave it out"
        )
    salt = b"fastmcp jwt_signing_key"
    return hashlib.scrypt(secret, salt=salt, n=2**14, r=8, p=1, dklen=32)
