"""Microsoft Entra ID.

It names scopes of one's own API with the API's name before them when it is asked for them, and
without it in its tokens; wants them in each request for a token, of one API at a time; and refuses
`resource`, which says the same.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from pydantic import AnyHttpUrl, SecretStr
from typing_extensions import Unpack

from fastmcp.exceptions import AuthorizationError
from fastmcp.server.access import token_of
from fastmcp.server.auth.base import VerificationUnavailableError
from fastmcp.server.auth.claims import Claims, Refusal, scope_list
from fastmcp.server.auth.multi import MultiAuth
from fastmcp.server.auth.oauth.stored import ASSERTED_BY
from fastmcp.server.auth.oauth_proxy.on_behalf import OnBehalfOf
from fastmcp.server.auth.oauth_proxy.presets import site
from fastmcp.server.auth.oauth_proxy.proxy import OAuthProxy, ProxyOptions
from fastmcp.server.auth.oauth_proxy.upstream import RefusedError
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.context import Context
from fastmcp.utilities.injection import Dependency

__all__ = ["AzureJWTVerifier", "AzureProvider", "EntraOBOToken"]

_OIDC: Final = frozenset({"openid", "profile", "email", "offline_access"})
"""No token of an API has these."""
_AUTHORITY: Final = "login.microsoftonline.com"
_ANY: Final = frozenset({"organizations", "consumers", "common"})


class AzureJWTVerifier(JWTVerifier):
    """Verifies access tokens of a tenant for one's own API.

    Args:
        client_id: of the API's application.
        tenant_id: of the tenant; or "organizations", "consumers" or "common", for any: then whose
            tokens are taken is yours to look at (`tid`).
        required_scopes: that every token must have, without the API's name.
        identifier_uri: the API's name; "api://<client_id>" by default.
        base_authority: another cloud's host, or its address.
        token_issuer: another `iss` than the tenant's; that of Azure AD B2C, which cannot be known
            here and is not looked at otherwise.
        http_client: as for `JWTVerifier`.
    """

    def __init__(
        self,
        *,
        client_id: str,
        tenant_id: str,
        required_scopes: list[str] | None = None,
        identifier_uri: str | None = None,
        base_authority: str = _AUTHORITY,
        token_issuer: str | None = None,
        http_client: Any = None,
    ) -> None:
        tenant = f"{site(base_authority)}/{tenant_id}"
        uri = identifier_uri or f"api://{client_id}"
        is_policy = "/" in tenant_id  # of Azure AD B2C
        self._authority = site(base_authority)
        self._any_tenant = tenant_id in _ANY and token_issuer is None
        issuer = None if self._any_tenant or is_policy else f"{tenant}/v2.0"
        super().__init__(
            jwks_uri=f"{tenant}/discovery/v2.0/keys",
            issuer=token_issuer or issuer,
            audience=[client_id, uri],
            algorithm="RS256",
            required_scopes=[one for one in _own(required_scopes, uri) if one not in _OIDC],
            http_client=http_client,
        )

    async def _judged(self, token: str) -> Claims | Refusal:
        found = await super()._judged(token)
        if isinstance(found, Refusal) or not self._any_tenant:
            return found
        # Each tenant is an issuer of its own, and they share their keys.
        if found.get("iss") != f"{self._authority}/{found.get('tid')}/v2.0":
            return Refusal("was issued by another tenant than it names: compare iss and tid")
        return found


class AzureOptions(ProxyOptions, total=False):
    """The arguments of `AzureProvider.from_b2c` that are not of it alone."""

    additional_authorize_scopes: list[str] | None
    http_client: Any


class AzureProvider(OAuthProxy):
    """Lets people in who have an account in a tenant of Entra ID.

    Args:
        client_id: of the application that was entered there.
        client_secret: the same.
        tenant_id: of the tenant.
        required_scopes: that every token must have: of the application's own API, by their names
            alone, such as "read", or with the API's before them.
        base_url: as for `OAuthProxy`.
        identifier_uri: the API's name; "api://<client_id>" by default.
        additional_authorize_scopes: that people are asked for besides, such as "User.Read".
        base_authority: another cloud's host.
        token_issuer: another `iss` than the tenant's.
        http_client: as for `JWTVerifier`.
        options: the others of `OAuthProxy`.

    Raises:
        ValueError: no scope of the API is required.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str | SecretStr | None = None,
        tenant_id: str,
        required_scopes: list[str],
        base_url: AnyHttpUrl | str,
        identifier_uri: str | None = None,
        additional_authorize_scopes: list[str] | None = None,
        base_authority: str = _AUTHORITY,
        token_issuer: str | None = None,
        http_client: Any = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        self.identifier_uri = identifier_uri or f"api://{client_id}"
        scopes = _own(required_scopes, self.identifier_uri)
        verifier = AzureJWTVerifier(
            client_id=client_id,
            tenant_id=tenant_id,
            required_scopes=scopes,
            identifier_uri=identifier_uri,
            base_authority=base_authority,
            token_issuer=token_issuer,
            http_client=http_client,
        )
        if not verifier.required_scopes:
            raise ValueError(
                "required_scopes names a scope of your own API (Expose an API), such as 'read': "
                "without one the tokens are for Microsoft, and nobody else can verify them"
            )
        asked = [*scopes, *scope_list(additional_authorize_scopes), "offline_access"]
        self.additional_authorize_scopes = [
            one for one in dict.fromkeys(asked) if one not in verifier.required_scopes
        ]
        options["forward_resource"] = False
        valid = _own(options.get("valid_scopes"), self.identifier_uri)
        options["valid_scopes"] = valid or verifier.required_scopes
        if options.get("extra_authorize_params") is None:
            # Who has several accounts would not be asked which it is.
            options["extra_authorize_params"] = {"prompt": "select_account"}
        tenant = f"{site(base_authority)}/{tenant_id}/oauth2/v2.0"
        super().__init__(
            upstream_authorization_endpoint=f"{tenant}/authorize",
            upstream_token_endpoint=f"{tenant}/token",
            upstream_client_id=client_id,
            upstream_client_secret=client_secret,
            token_verifier=verifier,
            base_url=base_url,
            **options,
        )

    @classmethod
    def from_b2c(
        cls,
        *,
        tenant_name: str,
        policy_name: str,
        client_id: str,
        client_secret: str | SecretStr | None = None,
        required_scopes: list[str],
        base_url: AnyHttpUrl | str,
        custom_domain: str | None = None,
        identifier_uri: str | None = None,
        token_issuer: str | None = None,
        **options: Unpack[AzureOptions],
    ) -> AzureProvider:
        """One for people who have an account in a tenant of Azure AD B2C.

        Args:
            tenant_name: "<name>" of "<name>.onmicrosoft.com".
            policy_name: of the user flow, such as "B2C_1_susi".
            client_id: as for the class, like those that are not named here.
            client_secret: the same.
            required_scopes: the same.
            base_url: the same.
            custom_domain: the host where people log in; "<name>.b2clogin.com" by default.
            identifier_uri: the API's name; "https://<name>.onmicrosoft.com/<client_id>" by default.
            token_issuer: `iss` of its tokens; name it. Without it whose keys they are, and whom
                they are for, is all that is looked at.
            options: the others.

        Raises:
            ValueError: an argument cannot be used.
        """
        if "." in tenant_name:
            raise ValueError("tenant_name is the name alone, without .onmicrosoft.com")
        tenant = f"{tenant_name}.onmicrosoft.com"
        host = custom_domain or f"{tenant_name}.b2clogin.com"
        if options.get("extra_authorize_params") is None:
            options["extra_authorize_params"] = {}  # a user flow takes no select_account
        return cls(
            client_id=client_id,
            client_secret=client_secret,
            tenant_id=f"{tenant}/{policy_name}",
            required_scopes=required_scopes,
            base_url=base_url,
            identifier_uri=identifier_uri or f"https://{tenant}/{client_id}",
            base_authority=host,
            token_issuer=token_issuer,
            **options,
        )

    @cached_property
    def on_behalf_of(self) -> OnBehalfOf:
        """Exchanges tokens of people for those of other APIs."""
        return OnBehalfOf(self._upstream)

    def upstream_scopes(self, scopes: list[str]) -> list[str]:
        asked = [*self._named(scopes), *self.additional_authorize_scopes]
        return list(dict.fromkeys(asked))

    def token_scopes(self, scopes: list[str]) -> list[str] | None:
        others = [one for one in self.additional_authorize_scopes if one in _OIDC]
        return list(dict.fromkeys([*self._named(scopes), *others]))

    def _named(self, scopes: list[str]) -> list[str]:
        return [
            one if one in _OIDC or "/" in one else f"{self.identifier_uri}/{one}" for one in scopes
        ]


def _own(scopes: Any, identifier_uri: str) -> list[str]:
    """Scopes as tokens have them: those of one's own API without its name."""
    return [one.removeprefix(f"{identifier_uri}/") for one in scope_list(scopes)]


class _OnBehalfOf(Dependency[str]):
    def __init__(self, scopes: list[str]) -> None:
        self._scopes = scopes

    async def resolve(self) -> str:
        context = Context.current()
        token = None if context is None else token_of(context.exchange.scope)
        if context is None or token is None:
            raise RuntimeError("No access token found: the request is not authenticated")
        auth = context.fastmcp.auth
        provider, source = auth, auth
        if isinstance(auth, MultiAuth):
            provider, source = auth.server, auth.sources.get(token.source)
        if not isinstance(provider, AzureProvider):
            raise RuntimeError("EntraOBOToken needs a server whose auth= is an AzureProvider")
        is_theirs = isinstance(source, AzureProvider | AzureJWTVerifier)
        if ASSERTED_BY in token.claims or not is_theirs:
            raise AuthorizationError("Only who logged in at Entra ID has a token to exchange")
        try:
            return await provider.on_behalf_of.token(token.token, self._scopes)
        except RefusedError as error:
            raise AuthorizationError(
                f"Entra ID gives no token for {' '.join(self._scopes)}: {error.error}. People "
                "consent to these scopes when they log in if additional_authorize_scopes names "
                "them, or an administrator does for all"
            ) from None
        except VerificationUnavailableError as error:
            raise RuntimeError(f"Entra ID gives no token now: {error}") from error


def EntraOBOToken(scopes: list[str]) -> Any:  # noqa: N802
    """As a parameter's default: a token of another API, such as Microsoft Graph, for the person who
    logged in. (On-behalf-of flow; Azure AD B2C does not have it.)

    Args:
        scopes: of that API, such as "https://graph.microsoft.com/Mail.Read".

    Raises:
        AuthorizationError: Entra ID gives none for this person.
        RuntimeError: the request is not authenticated, `auth` of the server is no `AzureProvider`,
            or Entra ID cannot be asked.
    """
    return _OnBehalfOf(scopes)
