"""The same as `OAuthProxy`, for an upstream that says of itself where everything is.

Its document is read once, when the proxy is made: a server that cannot tell where people log in
does not start. What it says of its name is held against the address it was read from (OpenID
Connect Discovery 1.0, 4.3; RFC 8414, 3.3): who can put a document somewhere else names nobody else.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Final, Required
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, SecretStr, ValidationError
from typing_extensions import Unpack

from fastmcp.server.auth.base import TokenVerifier
from fastmcp.server.auth.claims import scope_list
from fastmcp.server.auth.fetching import Fetcher, FetchError
from fastmcp.server.auth.oauth_proxy.proxy import OAuthProxy, ProxyOptions
from fastmcp.server.auth.providers.jwt import JWTVerifier

__all__ = ["OIDCConfiguration", "OIDCOptions", "OIDCProxy", "read_configuration"]

_WELL_KNOWN: Final = "/.well-known/"
_SECONDS: Final = 10.0
_OPENID: Final = "openid"


class OIDCConfiguration(BaseModel):
    """What a provider says of itself (OpenID Connect Discovery 1.0, 3).

    Attributes:
        issuer: its name.
        authorization_endpoint: where people log in.
        token_endpoint: gives tokens.
        jwks_uri: where the keys are that its tokens are signed with.
        revocation_endpoint: takes tokens back (RFC 8414, 2).
        userinfo_endpoint: says whose a token is.
        introspection_endpoint: says what a token is.
        authorization_response_iss_parameter_supported: it names itself in answers (RFC 9207, 3).
    """

    model_config = ConfigDict(extra="allow")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str | None = None
    revocation_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    introspection_endpoint: str | None = None
    authorization_response_iss_parameter_supported: bool = False


def read_configuration(
    config_url: str, *, strict: bool = True, seconds: float | None = _SECONDS
) -> OIDCConfiguration:
    """A provider's document. It waits for it: for a server that starts.

    Args:
        config_url: of the document.
        strict: the provider has to be called as the document's address says.
        seconds: for everything; 10 by default.

    Raises:
        ConnectionError: it cannot be had.
        ValueError: it is none, or another provider's.
    """
    fetcher = Fetcher(configured=True)  # outlives the loop, which closes its connection

    async def fetched() -> Any:
        return (await fetcher.get_json(config_url, seconds=seconds or _SECONDS)).json

    try:
        # Of its own: an event loop may run here.
        with ThreadPoolExecutor(1) as thread:
            said = thread.submit(lambda: asyncio.run(fetched())).result()
        found = OIDCConfiguration.model_validate(said)
    except FetchError as error:
        text = f"config_url could not be read. {error}"
        raise (ConnectionError if error.passing else ValueError)(text) from error
    except ValidationError as error:
        missing = ", ".join(str(one["loc"][0]) for one in error.errors() if one["loc"])
        raise ValueError(
            f"What is at config_url is no OpenID configuration: see {missing or 'its format'}"
        ) from None
    expected = _issuer_at(config_url)
    if strict and expected is not None and found.issuer.rstrip("/") != expected:
        raise ValueError(
            f"The document at config_url is of {found.issuer!r}, and its address says "
            f"{expected!r}: correct config_url, or say strict=False where the provider is known to "
            "do so"
        )
    return found


def _issuer_at(config_url: str) -> str | None:
    """Whose document is at an address, as OpenID Connect puts the name before and RFC 8414 around
    the well-known part; None where the address does not say."""
    parts = urlsplit(config_url)
    before, well_known, behind = parts.path.partition(_WELL_KNOWN)
    if not well_known:
        return None
    _, slash, path = behind.partition("/")
    return f"{parts.scheme}://{parts.netloc}{before}{slash}{path}".rstrip("/")


class OIDCOptions(ProxyOptions, total=False):
    """The arguments of `OIDCProxy` beside `config_url`."""

    strict: bool | None
    client_id: Required[str]
    client_secret: str | SecretStr | None
    audience: str | None
    timeout_seconds: float | None
    token_verifier: TokenVerifier | None
    algorithm: str | None
    required_scopes: list[str] | None
    verify_id_token: bool
    base_url: Required[AnyHttpUrl | str]


class OIDCProxy(OAuthProxy):
    """Lets people in who have an account at an OpenID provider.

    Args:
        config_url: of the provider, ".../.well-known/openid-configuration".
        strict: False for a provider whose document names another issuer than its address.
        client_id: of this server, as it was entered there.
        client_secret: the same; None for a public client.
        audience: whom the provider's tokens are for; it is asked for them, and they are held
            against it.
        timeout_seconds: for reading the document; 10 by default.
        token_verifier: of the provider's tokens; by default they are JSON Web Tokens that its keys
            verify.
        algorithm: that they are signed with, where there is no `token_verifier`.
        required_scopes: that they must have, where there is no `token_verifier`.
        verify_id_token: read who logged in from the ID token, of a provider whose access tokens
            are no JSON Web Tokens. It is verified when it is given; how long the login is good is
            said of the access token, and is an hour where it is not.
        base_url: as for `OAuthProxy`.
        options: the others of `OAuthProxy`.

    Raises:
        ConnectionError: the provider cannot be reached.
        ValueError: its document is not in order, or an argument cannot be used.
    """

    default_scopes: ClassVar[tuple[str, ...]] = ()
    """That are required where the author does not say."""

    def __init__(
        self,
        *,
        config_url: AnyHttpUrl | str,
        strict: bool | None = None,
        client_id: str,
        client_secret: str | SecretStr | None = None,
        audience: str | None = None,
        timeout_seconds: float | None = _SECONDS,
        token_verifier: TokenVerifier | None = None,
        algorithm: str | None = None,
        required_scopes: list[str] | None = None,
        verify_id_token: bool = False,
        base_url: AnyHttpUrl | str,
        **options: Unpack[ProxyOptions],
    ) -> None:
        if token_verifier is not None and (algorithm is not None or required_scopes is not None):
            raise ValueError(
                "algorithm and required_scopes are for the verifier that is made here: say them to "
                "your token_verifier instead"
            )
        self.oidc_config = read_configuration(
            str(config_url), strict=strict is not False, seconds=timeout_seconds
        )
        said = self.oidc_config
        self.client_id = client_id
        self.verify_id_token = verify_id_token
        self.upstream_names_itself = said.authorization_response_iss_parameter_supported
        if token_verifier is None:
            if said.jwks_uri is None:
                raise ValueError("The provider publishes no keys (jwks_uri): give a token_verifier")
            token_verifier = self.get_token_verifier(
                algorithm=algorithm,
                audience=client_id if verify_id_token else audience,
                required_scopes=scope_list(
                    self.default_scopes if required_scopes is None else required_scopes
                ),
                timeout_seconds=timeout_seconds,
            )
        if audience is not None:
            for name in ("extra_authorize_params", "extra_token_params"):
                options[name] = {"audience": audience, **(options.get(name) or {})}
        super().__init__(
            upstream_authorization_endpoint=said.authorization_endpoint,
            upstream_token_endpoint=said.token_endpoint,
            upstream_revocation_endpoint=said.revocation_endpoint,
            upstream_client_id=client_id,
            upstream_client_secret=client_secret,
            upstream_issuer=said.issuer,
            token_verifier=token_verifier,
            base_url=base_url,
            **options,
        )

    def get_token_verifier(
        self,
        *,
        algorithm: str | None = None,
        audience: str | None = None,
        required_scopes: list[str] | None = None,
        timeout_seconds: float | None = None,
    ) -> TokenVerifier:
        """What verifies tokens, where the author gives nothing. Override it for a provider whose
        tokens are otherwise; `oidc_config`, `client_id` and `verify_id_token` are there by then.

        Args:
            algorithm: that they are signed with.
            audience: whom they are for.
            required_scopes: that they must have.
            timeout_seconds: for one question, where it asks some.
        """
        return JWTVerifier(
            jwks_uri=self.oidc_config.jwks_uri,
            issuer=self.oidc_config.issuer,
            audience=audience,
            algorithm=algorithm,
            required_scopes=required_scopes,
        )

    def upstream_scopes(self, scopes: list[str]) -> list[str]:
        # OpenID Connect Core 1.0, 3.1.2.1: there is no ID token without it.
        return [_OPENID, *scopes] if self.verify_id_token and _OPENID not in scopes else scopes
