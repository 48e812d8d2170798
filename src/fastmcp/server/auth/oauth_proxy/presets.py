"""Providers that many have their accounts at: what is known of each, in one table.

What differs between them is where things are, how their tokens are read, and a few habits; that is
data. The modules of `fastmcp.server.auth.providers` give it the names that people write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Required, TypedDict

from pydantic import AnyHttpUrl, SecretStr
from starlette.routing import Route
from typing_extensions import Unpack

from fastmcp.server.auth.base import TokenVerifier
from fastmcp.server.auth.claims import scope_list
from fastmcp.server.auth.oauth_proxy.proxy import OAuthProxy, ProxyOptions
from fastmcp.server.auth.oauth_proxy.userinfo import Userinfo, UserinfoTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.auth.remote import RemoteAuthProvider
from fastmcp.server.auth.resource import resource_url

__all__ = [
    "AUTHKIT",
    "CLERK",
    "DESCOPE",
    "DISCORD",
    "GITHUB",
    "GOOGLE",
    "HUGGINGFACE",
    "KEYCLOAK",
    "RESOURCE",
    "SCALEKIT",
    "SUPABASE",
    "WORKOS",
    "Facts",
    "Issuer",
    "PresetOptions",
    "PresetProxy",
    "PresetRemote",
    "RemoteOptions",
    "UnplacedOptions",
    "VerifierOptions",
    "site",
]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A provider that knows its clients beforehand. `{place}` stands for what differs from one
    customer to the next.

    Attributes:
        authorize: its authorization endpoint.
        token: its token endpoint.
        revoke: its revocation endpoint, if it follows RFC 7009.
        userinfo: how its tokens are read.
        scopes: that are required where the author does not say.
        aliases: short names of scopes that it answers with in full.
        authorize_params: further parameters that it needs.
    """

    authorize: str
    token: str
    userinfo: Userinfo
    revoke: str | None = None
    scopes: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    authorize_params: Mapping[str, str] = field(default_factory=dict[str, str])


GITHUB: Final = Facts(
    authorize="https://github.com/login/oauth/authorize",
    token="https://github.com/login/oauth/access_token",  # noqa: S106  (an address)
    userinfo=Userinfo(
        url="https://api.github.com/user",
        issuer="https://github.com",
        subject="id",
        scopes_header="X-OAuth-Scopes",
        scopes_unsaid=("user",),  # tokens of GitHub Apps have permissions, not scopes
        whole="github_user_data",
    ),
    scopes=("user",),
)

GOOGLE: Final = Facts(
    authorize="https://accounts.google.com/o/oauth2/v2/auth",
    token="https://oauth2.googleapis.com/token",  # noqa: S106  (an address)
    revoke="https://oauth2.googleapis.com/revoke",
    userinfo=Userinfo(
        url="https://oauth2.googleapis.com/tokeninfo",
        issuer="https://accounts.google.com",
        scopes="scope",
        client="aud",
        expires="expires_in",
        profile="https://www.googleapis.com/oauth2/v2/userinfo",
        whole="google_user_data",
    ),
    scopes=("openid",),
    aliases={
        "email": "https://www.googleapis.com/auth/userinfo.email",
        "profile": "https://www.googleapis.com/auth/userinfo.profile",
    },
    # Without both it gives a refresh token once in a person's life.
    authorize_params={"access_type": "offline", "prompt": "consent"},
)

DISCORD: Final = Facts(
    authorize="https://discord.com/oauth2/authorize",
    token="https://discord.com/api/oauth2/token",  # noqa: S106  (an address)
    revoke="https://discord.com/api/oauth2/token/revoke",
    userinfo=Userinfo(
        url="https://discord.com/api/oauth2/@me",
        issuer="https://discord.com",
        subject="user.id",
        person="user",
        scopes="scopes",
        client="application.id",
        expires="expires",
        whole="discord_user",
    ),
    scopes=("identify",),
)

WORKOS: Final = Facts(
    authorize="{place}/oauth2/authorize",
    token="{place}/oauth2/token",  # noqa: S106  (an address)
    userinfo=Userinfo(url="{place}/oauth2/userinfo", issuer="{place}"),
)

CLERK: Final = Facts(
    authorize="{place}/oauth/authorize",
    token="{place}/oauth/token",  # noqa: S106  (an address)
    userinfo=Userinfo(url="{place}/oauth/userinfo", issuer="{place}"),
    scopes=("openid", "email", "profile"),
)

HUGGINGFACE: Final = Facts(
    authorize="https://huggingface.co/oauth/authorize",
    token="https://huggingface.co/oauth/token",  # noqa: S106  (an address)
    userinfo=Userinfo(url="https://huggingface.co/oauth/userinfo", issuer="https://huggingface.co"),
    scopes=("openid", "profile"),
)


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """A provider at which clients register themselves: this server only verifies its tokens.

    Attributes:
        issuers: who may say it issued them; none for whoever has the keys.
        server: its authorization server, which clients are told.
        keys: where they are published.
        algorithm: that tokens are signed with.
        audience: whom they are for: "{resource}" for the address of this server's endpoint; None
            for anybody.
        scopes: that are required where the author does not say.
    """

    issuers: tuple[str, ...]
    server: str = "{place}"
    keys: str
    algorithm: str = "RS256"
    audience: str | None = None
    scopes: tuple[str, ...] = ()

    def at(self, **places: str) -> Issuer:
        """The same for one customer."""

        def filled(text: str) -> str:
            for name, value in places.items():
                text = text.replace(f"{{{name}}}", value)
            return text

        return replace(
            self,
            issuers=tuple(map(filled, self.issuers)),
            server=filled(self.server),
            keys=filled(self.keys),
            audience=None if self.audience is None else filled(self.audience),
        )


RESOURCE: Final = "{resource}"
"""Whom tokens are for: the address of this server's endpoint."""

AUTHKIT: Final = Issuer(
    issuers=("{place}",), keys="{place}/oauth2/jwks", audience=RESOURCE
)  # WorkOS

KEYCLOAK: Final = Issuer(
    issuers=("{place}",), keys="{place}/protocol/openid-connect/certs", scopes=("openid",)
)

SUPABASE: Final = Issuer(
    issuers=("{place}",),
    keys="{place}/.well-known/jwks.json",
    algorithm="ES256",
    audience="authenticated",  # the same for all servers: it knows no resources
)

SCALEKIT: Final = Issuer(
    issuers=("{place}", "{place}/resources/{id}"),
    server="{place}/resources/{id}",
    keys="{place}/keys",
    audience="{id}",
)

DESCOPE: Final = Issuer(
    issuers=(),  # several of one project, whose keys are the project's alone
    server="{server}",
    keys="{place}/{id}/.well-known/jwks.json",
    audience="{id}",
)


class VerifierOptions(TypedDict, total=False):
    """How a preset's tokens are shown to their issuer; see `UserinfoTokenVerifier`."""

    required_scopes: list[str] | str | None
    timeout_seconds: float
    cache_ttl_seconds: int | None
    max_cache_size: int | None
    http_client: Any


class PresetOptions(ProxyOptions, VerifierOptions, total=False):
    """The arguments of a preset of a proxy."""

    client_id: Required[str]
    client_secret: str | SecretStr | None
    base_url: Required[AnyHttpUrl | str]


class PresetProxy(OAuthProxy):
    """An `OAuthProxy` in front of a provider of the table.

    Args:
        place: of the customer, where it has one.
        client_id: of this server, as it was entered there.
        client_secret: the same.
        base_url: as for `OAuthProxy`.
        required_scopes: that every token must have; the provider's usual ones by default.
        timeout_seconds: as for `UserinfoTokenVerifier`, like the next three.
        options: the others of `OAuthProxy`.
    """

    facts: ClassVar[Facts]

    def __init__(
        self,
        place: str = "",
        *,
        client_id: str,
        client_secret: str | SecretStr | None = None,
        base_url: AnyHttpUrl | str,
        required_scopes: list[str] | str | None = None,
        timeout_seconds: float = 10,
        cache_ttl_seconds: int | None = None,
        max_cache_size: int | None = None,
        http_client: Any = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        facts = self.facts
        valid = options.get("valid_scopes")
        if valid is not None:
            options["valid_scopes"] = _full(facts, valid)
        params = options.get("extra_authorize_params")
        options["extra_authorize_params"] = {**facts.authorize_params, **(params or {})}
        self.scopes_as_granted = not facts.userinfo.tells_scopes
        super().__init__(
            upstream_authorization_endpoint=facts.authorize.replace("{place}", place),
            upstream_token_endpoint=facts.token.replace("{place}", place),
            upstream_revocation_endpoint=facts.revoke,
            upstream_client_id=client_id,
            upstream_client_secret=client_secret,
            token_verifier=UserinfoTokenVerifier(
                facts.userinfo.at(place),
                client_id=client_id,
                required_scopes=_full(
                    facts, facts.scopes if required_scopes is None else required_scopes
                ),
                timeout_seconds=timeout_seconds,
                cache_ttl_seconds=cache_ttl_seconds,
                max_cache_size=max_cache_size,
                http_client=http_client,
            ),
            base_url=base_url,
            **options,
        )


def _full(facts: Facts, scopes: Any) -> list[str]:
    return [facts.aliases.get(scope, scope) for scope in scope_list(scopes)]


class _Described(TypedDict, total=False):
    scopes_supported: list[str] | None
    resource_base_url: AnyHttpUrl | str | None
    resource_name: str | None
    resource_documentation: AnyHttpUrl | str | None
    challenge_scopes: list[str] | None


class UnplacedOptions(_Described, total=False):
    """The arguments of a preset of an issuer, but for where this server is."""

    required_scopes: list[str] | str | None
    token_verifier: TokenVerifier | None


class RemoteOptions(UnplacedOptions, total=False):
    """The arguments of a preset of an issuer."""

    base_url: Required[AnyHttpUrl | str]


class PresetRemote(RemoteAuthProvider):
    """A `RemoteAuthProvider` for an issuer of the table.

    Args:
        facts: of the issuer.
        base_url: as for `RemoteAuthProvider`.
        required_scopes: that every token must have; the issuer's usual ones by default.
        token_verifier: in place of the one that is made here.
        options: the others of `RemoteAuthProvider`.

    Raises:
        ValueError: `required_scopes` are given beside a `token_verifier`.
    """

    jwt_verifier: ClassVar[type[JWTVerifier]] = JWTVerifier
    """Reads its tokens."""

    def __init__(
        self,
        facts: Issuer,
        *,
        base_url: AnyHttpUrl | str,
        required_scopes: list[str] | str | None = None,
        token_verifier: TokenVerifier | None = None,
        **options: Unpack[_Described],
    ) -> None:
        if token_verifier is not None and required_scopes is not None:
            raise ValueError("required_scopes are said to your token_verifier")
        self.facts = facts
        self._scopes = scope_list(facts.scopes if required_scopes is None else required_scopes)
        self._endpoints: dict[str, None] = {}
        base = str(options.get("resource_base_url") or base_url).rstrip("/")
        super().__init__(
            token_verifier or self._verifier([base, f"{base}/mcp"]),
            authorization_servers=[facts.server],
            base_url=base_url,
            **options,
        )
        self._is_bound = token_verifier is None and facts.audience == RESOURCE

    def _verifier(self, resources: list[str]) -> TokenVerifier:
        facts = self.facts
        audience = resources if facts.audience == RESOURCE else facts.audience
        return self.jwt_verifier(
            jwks_uri=facts.keys,
            issuer=list(facts.issuers) or None,
            audience=audience,
            algorithm=facts.algorithm,
            required_scopes=self._scopes,
        )

    def get_metadata_routes(self, mcp_path: str | None = None) -> list[Route]:
        # Only now is it known where the endpoint is that tokens are for (RFC 8707, 2).
        base, path = str(self.resource_base_url), (mcp_path or "").rstrip("/")
        found = resource_url(base, path)
        if self._is_bound and found not in self._endpoints:
            self._endpoints |= {found: None, found + "/": None}
            self.token_verifier = self._verifier(list(self._endpoints))
        return super().get_metadata_routes(mcp_path)


def site(named: AnyHttpUrl | str) -> str:
    """An address as people write it: with or without https, and a slash at the end."""
    text = str(named).rstrip("/")
    return text if text.startswith(("http://", "https://")) else f"https://{text}"
